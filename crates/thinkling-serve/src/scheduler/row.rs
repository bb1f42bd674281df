//! A running completion as text, and the one who reads it.

use super::{End, Event, Token};
use crate::error::ApiError;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;
use thinkling_sampling::Finish;
use thinkling_sampling::generate::TokenEvent;
use thinkling_text::{DetokenizeStream, StopStrings, Tokenizer};
use tokio::sync::mpsc::Sender;

/// A running completion.
pub(super) struct RunningRow {
    choice: usize,
    text: DetokenizeStream<Arc<Tokenizer>>,
    strings: Vec<String>,
    stop: StopStrings,
    out: Sender<Event>,
    /// Until its first token.
    since: Option<Instant>,
}

impl RunningRow {
    pub(super) fn new(
        tokenizer: Arc<Tokenizer>,
        choice: usize,
        stop: &[String],
        out: Sender<Event>,
    ) -> Self {
        Self {
            choice,
            // Tags of thinking may be special tokens, and nothing is lost.
            text: DetokenizeStream::new(tokenizer, false),
            strings: stop.to_vec(),
            stop: StopStrings::new(stop.to_vec()),
            out,
            since: None,
        }
    }

    /// With the time of its request.
    pub(super) fn since(self, since: Instant) -> Self {
        Self { since: Some(since), ..self }
    }

    /// The time of its request, once.
    pub(super) fn first_token(&mut self) -> Option<Instant> {
        self.since.take()
    }

    /// Whether nobody reads it any more.
    pub(super) fn is_gone(&self) -> bool {
        self.out.is_closed()
    }

    pub(super) fn fail(self, error: ApiError) {
        // Where nobody reads any more there is nobody to tell.
        let _ = self.out.try_send(Event::Failed(error));
    }

    /// Takes a token. Breaks where the completion ends with it, and says whether because nobody reads
    /// it.
    pub(super) fn take(&mut self, event: &TokenEvent<'_>, version: u64) -> ControlFlow<bool> {
        let is_stop = event.finish == Some(Finish::Stop);
        // The token that ends a completion has no text.
        let mut text = if is_stop { String::new() } else { self.text.push(event.id) };
        if event.finish.is_some() {
            text.push_str(&self.text.finish());
        }
        let found = self.stop.push(&text);
        let mut text = found.text;
        let end = match (found.stopped_by, event.finish) {
            (Some(which), _) => Some(End::String(self.strings[which].clone())),
            (None, None) => None,
            (None, Some(finish)) => {
                text.push_str(&self.stop.finish());
                Some(match finish {
                    Finish::Stop => End::Token(event.id),
                    Finish::Length => End::Length,
                })
            }
        };
        let ended = end.is_some();
        let token = Token {
            choice: self.choice,
            id: event.id,
            logprob: event.so_far.logprobs.last().copied().unwrap_or(f32::NAN),
            top: event.so_far.top_logprobs.last().cloned().unwrap_or_default(),
            text,
            version,
            end,
        };
        match self.out.try_send(Event::Token(token)) {
            Err(_) => ControlFlow::Break(true),
            Ok(()) if ended => ControlFlow::Break(false),
            Ok(()) => ControlFlow::Continue(()),
        }
    }
}
