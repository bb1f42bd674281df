//! Tokens as they are drawn, and what came of a request.

use crate::device::Place;
use crate::meter::{Counter, Meter, MeterWish, Metering};
use crate::reason::Reason;
use crate::request::{Ready, Request};
use crate::{Bundle, WebError};
use serde::Serialize;
use std::ops::ControlFlow;
use std::rc::Rc;
use thinkling_engine::EngineError;
use thinkling_sampling::generate::{GenerateRequest, Resumed, TokenEvent, generate};
use thinkling_sampling::{Finish, StopRules};
use thinkling_text::{Part, TextStream};

/// What happens while a call runs.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", content = "value", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// A token was drawn.
    Token(Token),
    /// Something that the visitor may want to know.
    Notice(Notice),
    /// A model is being loaded.
    Progress(Progress),
}

/// Something that the visitor may want to know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// Which thing.
    pub kind: NoticeKind,
    /// In words.
    pub message: String,
    /// Why the model runs on the CPU, where that is what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Kinds of notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// No GPU, or none that is fit.
    NoWebgpu,
    /// A GPU that computes wrongly.
    SelfTestFailed,
    /// The device is gone.
    DeviceLost,
    /// The model is on a device again.
    DeviceRestored,
    /// The model is not kept for the next visit.
    NotCached,
    /// What was kept is damaged, and is downloaded again.
    CacheCorrupted,
    /// A broken download goes on.
    DownloadResumed,
    /// A broken download begins anew.
    DownloadRestarted,
}

/// How far loading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What is done.
    pub stage: Stage,
    /// Bytes done.
    pub done: u64,
    /// Bytes in all; 0 where it is not known.
    pub total: u64,
    /// Whether they come from the cache.
    pub cached: bool,
}

/// What is done while a model is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Another tab loads the same model; what it keeps is taken when it has done.
    Wait,
    /// Bytes come from an address.
    Download,
    /// What was kept is checked.
    Verify,
    /// Weights go to the device.
    Upload,
}

/// A token as it is drawn.
#[derive(Clone, Debug, Serialize)]
pub struct Token {
    pub(crate) completion: usize,
    pub(crate) id: u32,
    pub(crate) logprob: f32,
    pub(crate) text: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) finish: Option<Finish>,
    /// What the rules see so far, where that was asked for and is told after this token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter: Option<Meter>,
}

/// What came of a request.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerateResult {
    /// The prompt as token ids.
    pub prompt_ids: Vec<u32>,
    /// `n` of them.
    pub completions: Vec<Completion>,
    /// How long it took.
    pub timing: Timing,
}

/// A completion with its text.
#[derive(Clone, Debug, Serialize)]
pub struct Completion {
    /// Sampled ids, an end-of-sequence id included.
    pub ids: Vec<u32>,
    /// Their log-probabilities, nats.
    pub logprobs: Vec<f32>,
    /// All of its text, without the end-of-sequence token.
    pub text: String,
    /// Its thinking.
    pub reasoning: String,
    /// Its answer.
    pub content: String,
    /// `stop`, `length` or `abort`.
    pub finish: &'static str,
    /// What the rules saw in it, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meter: Option<Meter>,
}

/// How long a request took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timing {
    /// From the request to the first token.
    pub first_token_seconds: f64,
    /// In all.
    pub seconds: f64,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Those of them whose keys and values were there already.
    pub kept_tokens: usize,
    /// Tokens drawn.
    pub tokens: usize,
    /// After the first token, all completions together.
    pub tokens_per_second: f64,
}

/// A completion in the making.
struct Begun<'a> {
    text: TextStream<'a>,
    ids: Vec<u32>,
    logprobs: Vec<f32>,
    finish: Option<Finish>,
}

/// A request in the making. What is done stays done where the device is lost in between.
pub(crate) struct Run<'a> {
    bundle: &'a Bundle,
    request: &'a Request,
    ready: Ready,
    begun: Vec<Begun<'a>>,
    metering: Option<Metering>,
    clock: Rc<dyn Fn() -> f64>,
    start: f64,
    first_token: Option<f64>,
    kept_tokens: Option<usize>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        bundle: &'a Bundle,
        request: &'a Request,
        counter: &mut Counter,
        clock: Rc<dyn Fn() -> f64>,
    ) -> Result<Self, WebError> {
        let start = clock();
        let ready = request.ready(bundle)?;
        let metering = match request.meter.and_then(MeterWish::options) {
            Some(options) => {
                let completions = (request.n, ready.in_think);
                let (question, clock) = (request.question(), clock.clone());
                Some(Metering::new(counter, bundle, options, question, completions, clock)?)
            }
            None => None,
        };
        let begun = |_| Begun {
            text: TextStream::new(&bundle.tokenizer, ready.chat, ready.in_think),
            ids: Vec::new(),
            logprobs: Vec::new(),
            finish: None,
        };
        let begun = (0..request.n).map(begun).collect();
        let (first_token, kept_tokens) = (None, None);
        Ok(Self { bundle, request, ready, begun, metering, clock, start, first_token, kept_tokens })
    }

    /// Generates to the end, through lost devices and up to an abort.
    pub(crate) async fn finish(
        mut self,
        place: &mut Place,
        counter: &mut Counter,
        emit: &mut dyn FnMut(Event),
    ) -> Result<GenerateResult, WebError> {
        loop {
            let done = self.go_on(place, counter, emit).await;
            place.engine.unfollow();
            match done {
                Ok(()) | Err(EngineError::Stopped) => return Ok(self.result()),
                Err(EngineError::Gpu(_)) if place.is_lost() => {
                    counter.forget_gpu();
                    place.restore(self.bundle, emit).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Runs what is not finished.
    async fn go_on(
        &mut self,
        place: &mut Place,
        counter: &mut Counter,
        emit: &mut dyn FnMut(Event),
    ) -> Result<(), EngineError> {
        let room = self.request.max_tokens.max(1);
        let together = (place.capacity.cache_tokens / room).min(place.capacity.rows).max(1);
        while let Some(first) = self.begun.iter().position(|begun| begun.finish.is_none()) {
            let new = |begun: &&Begun<'_>| begun.finish.is_none() && begun.ids.is_empty();
            let count = self.begun[first..].iter().take(together).take_while(new).count();
            // One that was broken off has a prompt of its own: with what it has so far.
            let so_far = self.begun[first].ids.clone();
            let prompts = [[&self.ready.ids[..], &so_far].concat()];
            let stop_ids = self.bundle.checkpoint.config().eos_token_ids.clone();
            let request = GenerateRequest {
                group_size: count.max(1),
                sampling: self.request.sampling(),
                stop: StopRules { stop_ids, max_tokens: self.request.max_tokens },
                seed: self.request.seed,
                first_stream: first as u64,
                resumed: match count {
                    0 => vec![Resumed { stream: first as u64, tokens: so_far.len() }],
                    _ => Vec::new(),
                },
                ..GenerateRequest::new(&prompts, self.request.max_tokens)
            };
            if let Some(metering) = &mut self.metering {
                let adapter = place.gpu.adapter();
                let on = (&mut place.engine, adapter.as_ref());
                let rows = (first, count.max(1), self.request.max_tokens);
                metering.begin(counter, on, rows, &so_far)?;
            }
            generate(&mut place.engine, &request, |token| self.take(first, &token, emit)).await?;
            self.kept_tokens.get_or_insert(place.engine.kept_tokens());
            if self.request.max_tokens == 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        first: usize,
        token: &TokenEvent<'_>,
        emit: &mut dyn FnMut(Event),
    ) -> ControlFlow<()> {
        self.first_token.get_or_insert((self.clock)());
        let completion = first + token.completion;
        let begun = &mut self.begun[completion];
        let ends = token.finish == Some(Finish::Stop);
        let (text, parts) = begun.text.push(token.id, ends, token.finish.is_some());
        let logprob = token.so_far.logprobs.last().copied().unwrap_or(f32::NAN);
        begun.ids.push(token.id);
        begun.logprobs.push(logprob);
        begun.finish = token.finish;
        let (id, finish) = (token.id, token.finish);
        let after =
            |metering: &mut Metering| metering.after(completion, &begun.ids, finish.is_some());
        let meter = self.metering.as_mut().and_then(after);
        emit(Event::Token(Token { completion, id, logprob, text, parts, finish, meter }));
        ControlFlow::Continue(())
    }

    fn result(self) -> GenerateResult {
        let end = (self.clock)();
        let tokens: usize = self.begun.iter().map(|begun| begun.ids.len()).sum();
        let first_token = self.first_token.unwrap_or(end);
        let decoding = (end - first_token).max(1e-9);
        let metering = self.metering.as_ref();
        let completion = |mut begun: Begun<'_>| {
            begun.text.finish();
            let finish = match begun.finish {
                Some(Finish::Stop) => "stop",
                Some(Finish::Length) => "length",
                None if self.request.max_tokens == 0 => "length",
                None => "abort",
            };
            let TextStream { text, reasoning, content, .. } = begun.text;
            let Begun { ids, logprobs, .. } = begun;
            let meter = metering.map(|metering| metering.of(&ids));
            Completion { ids, logprobs, text, reasoning, content, finish, meter }
        };
        GenerateResult {
            timing: Timing {
                first_token_seconds: first_token - self.start,
                seconds: end - self.start,
                prompt_tokens: self.ready.ids.len(),
                kept_tokens: self.kept_tokens.unwrap_or(0),
                tokens,
                tokens_per_second: tokens.saturating_sub(1) as f64 / decoding,
            },
            prompt_ids: self.ready.ids,
            completions: self.begun.into_iter().map(completion).collect(),
        }
    }
}
