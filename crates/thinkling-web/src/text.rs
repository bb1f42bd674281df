//! A completion's tokens as text, and as a visitor should see it.

use crate::request::Ready;
use serde::Serialize;
use thinkling_text::{DetokenizeStream, Segment, ThinkSplitter, Tokenizer};

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PartKind {
    Reasoning,
    Content,
    Other,
}

/// A piece of text by what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Part {
    pub(crate) kind: PartKind,
    pub(crate) text: String,
}

/// The text of one completion while it arrives.
pub(crate) struct TextStream<'a> {
    tokens: DetokenizeStream<&'a Tokenizer>,
    splitter: Option<ThinkSplitter>,
    chat: bool,
    /// All of it.
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) content: String,
}

impl<'a> TextStream<'a> {
    pub(crate) fn new(tokenizer: &'a Tokenizer, prompt: &Ready) -> Self {
        let mut splitter = ThinkSplitter::new();
        if prompt.chat {
            splitter = splitter.bare_answers();
        }
        if prompt.in_think {
            splitter = splitter.starts_in_think();
        }
        Self {
            // Tags may be special tokens; they are part of what is judged.
            tokens: tokenizer.stream(false),
            splitter: Some(splitter),
            chat: prompt.chat,
            text: String::new(),
            reasoning: String::new(),
            content: String::new(),
        }
    }

    /// Takes a token; gives its text and what is decided by it. The token that ends a completion has
    /// no text.
    pub(crate) fn push(&mut self, id: u32, ends: bool, is_last: bool) -> (String, Vec<Part>) {
        let mut text = if ends { String::new() } else { self.tokens.push(id) };
        if is_last {
            text.push_str(&self.tokens.finish());
        }
        self.text.push_str(&text);
        let mut segments = match &mut self.splitter {
            Some(splitter) => splitter.push(&text),
            None => Vec::new(),
        };
        if is_last && let Some(splitter) = self.splitter.take() {
            segments.extend(splitter.finish());
        }
        (text, self.parts(segments))
    }

    /// Ends a completion that was broken off.
    pub(crate) fn finish(&mut self) -> Vec<Part> {
        let rest = self.tokens.finish();
        self.text.push_str(&rest);
        let segments = self.splitter.take().map_or_else(Vec::new, |mut splitter| {
            let mut segments = splitter.push(&rest);
            segments.extend(splitter.finish());
            segments
        });
        self.parts(segments)
    }

    fn parts(&mut self, segments: Vec<Segment>) -> Vec<Part> {
        let part = |segment: Segment| {
            let (kind, text) = match segment {
                Segment::Think(text) => (PartKind::Reasoning, text),
                Segment::Answer(text) => (PartKind::Content, text),
                // A model that does not think just answers.
                Segment::Other(text) if self.chat => (PartKind::Content, text),
                Segment::Other(text) => (PartKind::Other, text),
            };
            match kind {
                PartKind::Reasoning => self.reasoning.push_str(&text),
                PartKind::Content => self.content.push_str(&text),
                PartKind::Other => {}
            }
            Part { kind, text }
        };
        segments.into_iter().map(part).collect()
    }
}
