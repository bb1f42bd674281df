//! What both kinds of requests may say, and what is let through.

use crate::error::ApiError;
use crate::scheduler::{Event, Job};
use crate::state::{App, unforeseen};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;
use thinkling_sampling::batch::Drawing;
use thinkling_sampling::{SamplingParams, StopRules};
use tokio::sync::mpsc;

/// Most probable tokens a request may ask for.
const MOST_TOP: u64 = 20;
/// Strings that may end a completion.
const MOST_STOPS: usize = 16;
/// Bytes of each.
const STOP_BYTES: usize = 1024;

/// Fields that completions and chats have in common.
#[derive(Debug, Deserialize)]
pub(super) struct Params {
    model: Option<String>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    min_p: Option<f64>,
    n: Option<u64>,
    seed: Option<i64>,
    stop: Option<Stop>,
    stop_token_ids: Option<Vec<u32>>,
    ignore_eos: Option<bool>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    return_token_ids: Option<bool>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    logit_bias: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected: a string or a list of strings")]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// A request that can be met.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) prompts: Vec<Vec<u32>>,
    /// Completions of each prompt.
    pub(super) n: usize,
    pub(super) is_stream: bool,
    pub(super) include_usage: bool,
    pub(super) return_token_ids: bool,
    /// Whether log-probabilities are told, and of how many of the most probable tokens.
    pub(super) logprobs: Option<usize>,
    /// Ids that the request itself ends completions by.
    pub(super) stop_token_ids: Vec<u32>,
    drawing: Drawing,
    strings: Vec<String>,
    seed: u64,
}

/// Most tokens of a completion, where the request does not say.
pub(super) enum Unsaid {
    /// So many.
    Tokens(u64),
    /// What the server was told.
    Default,
}

fn unsupported(param: &'static str, what: &str) -> ApiError {
    ApiError::param(param, format!("`{param}`: {what} not supported by this server"))
}

impl Params {
    /// Checks all that does not need the prompts.
    pub(super) fn check(&self, app: &App) -> Result<(), ApiError> {
        if let Some(model) = self.model.as_ref().filter(|model| **model != app.model.name) {
            return Err(ApiError::no_such_model(model, &app.model.name));
        }
        for (name, value) in [
            ("presence_penalty", self.presence_penalty),
            ("frequency_penalty", self.frequency_penalty),
        ] {
            if value.is_some_and(|value| value != 0.0) {
                return Err(unsupported(name, "penalties are"));
            }
        }
        let bias = self.logit_bias.as_ref().filter(|bias| !bias.is_null());
        if bias.is_some_and(|bias| bias.as_object().is_none_or(|map| !map.is_empty())) {
            return Err(unsupported("logit_bias", "biases are"));
        }
        Ok(())
    }

    /// What is asked for, after these prompts. `param` is what clients call them.
    pub(super) fn plan(
        self,
        app: &App,
        (param, prompts): (&'static str, Vec<Vec<u32>>),
        logprobs: Option<u64>,
        unsaid: Unsaid,
    ) -> Result<Plan, ApiError> {
        let limits = &app.config.limits;
        let n = self.n.unwrap_or(1);
        let most_n = limits.rows.min(limits.choices) as u64;
        if n == 0 || n > most_n {
            let message = format!("`n`, expected: from 1 to {most_n}, got: {n}");
            return Err(ApiError::param("n", message));
        }
        let n = n as usize;
        if prompts.is_empty() || prompts.len() * n > limits.choices {
            let (most, got) = (limits.choices, prompts.len() * n);
            let message = format!("prompts times `n`, expected: from 1 to {most}, got: {got}");
            return Err(ApiError::param(param, message));
        }
        if let Some(most) = logprobs.filter(|&k| k > MOST_TOP) {
            let message = format!("log-probabilities, expected: at most {MOST_TOP}, got: {most}");
            return Err(ApiError::param("logprobs", message));
        }
        check_prompts(app, param, &prompts)?;
        let max_tokens = self.max_tokens(app, (param, &prompts), n, unsaid)?;
        let stop_token_ids = self.stop_token_ids.clone().unwrap_or_default();
        let mut stop_ids = stop_token_ids.clone();
        if self.ignore_eos != Some(true) {
            stop_ids.extend_from_slice(&app.model.stop_ids);
        }
        let drawing = Drawing {
            sampling: self.sampling()?,
            stop: StopRules { stop_ids, max_tokens },
            top_logprobs: logprobs.unwrap_or(0) as usize,
        };
        Ok(Plan {
            prompts,
            n,
            is_stream: self.stream == Some(true),
            include_usage: self.stream_options.is_some_and(|options| options.include_usage),
            return_token_ids: self.return_token_ids == Some(true),
            logprobs: logprobs.map(|k| k as usize),
            stop_token_ids,
            drawing,
            strings: self.stop.map_or_else(|| Ok(Vec::new()), Stop::checked)?,
            // Any 64 bits will do.
            seed: self.seed.map_or_else(unforeseen, |seed| seed as u64),
        })
    }

    fn sampling(&self) -> Result<SamplingParams, ApiError> {
        let top_k = match self.top_k.unwrap_or(0) {
            // As vLLM has it.
            -1 => 0,
            k => usize::try_from(k).map_err(|_| {
                ApiError::param("top_k", format!("`top_k`, expected: at least 0, got: {k}"))
            })?,
        };
        let sampling = SamplingParams {
            temperature: self.temperature.unwrap_or(1.0),
            top_k,
            top_p: self.top_p.unwrap_or(1.0),
            min_p: self.min_p.unwrap_or(0.0),
        };
        match sampling.validate() {
            Ok(()) => Ok(sampling),
            Err(error) => {
                let param = match error.name {
                    "top-p" => "top_p",
                    "min-p" => "min_p",
                    name => name,
                };
                Err(ApiError::param(param, error.to_string()))
            }
        }
    }

    /// Tokens that each completion may have; all of a prompt's have room in the cache together.
    fn max_tokens(
        &self,
        app: &App,
        (param, prompts): (&'static str, &[Vec<u32>]),
        n: usize,
        unsaid: Unsaid,
    ) -> Result<usize, ApiError> {
        let limits = &app.config.limits;
        let longest = prompts.iter().map(Vec::len).max().unwrap_or(0);
        let room = limits.context.saturating_sub(longest);
        let cache = limits.cache_tokens.saturating_sub(longest) / n;
        let (name, said) = match self.max_completion_tokens {
            Some(tokens) => ("max_completion_tokens", Some(tokens)),
            None => ("max_tokens", self.max_tokens),
        };
        let most = room.min(cache);
        let Some(tokens) = said else {
            let tokens = match unsaid {
                Unsaid::Tokens(tokens) => tokens as usize,
                Unsaid::Default => limits.default_max_tokens,
            };
            return match most {
                0 => Err(cache_error(app, param, longest, n, 1)),
                most => Ok(tokens.min(most)),
            };
        };
        if tokens == 0 {
            let message = format!("`{name}`, expected: at least 1, got: 0");
            return Err(ApiError::param(name, message));
        }
        let fits = |most: usize| usize::try_from(tokens).is_ok_and(|tokens| tokens <= most);
        if !fits(room) {
            let message = format!(
                "`{name}`, expected: at most {room} (the context of {} tokens less the prompt's \
                 {longest}), got: {tokens}",
                limits.context
            );
            return Err(ApiError::too_long(name, message));
        }
        match fits(cache) {
            true => Ok(tokens as usize),
            false => Err(cache_error(app, name, longest, n, tokens)),
        }
    }
}

/// A group that the whole cache has no room for.
fn cache_error(app: &App, param: &'static str, prompt: usize, n: usize, tokens: u64) -> ApiError {
    let cache = app.config.limits.cache_tokens;
    let message = format!(
        "a prompt of {prompt} tokens with {n} times {tokens} does not fit the server's cache, \
         expected: at most {cache} tokens together"
    );
    ApiError::too_long(param, message)
}

fn check_prompts(app: &App, param: &'static str, prompts: &[Vec<u32>]) -> Result<(), ApiError> {
    let context = app.config.limits.context;
    let vocab_size = app.model.config.vocab_size;
    for (i, prompt) in prompts.iter().enumerate() {
        if prompt.is_empty() {
            let message = format!("prompt {i} is empty, expected: at least one token");
            return Err(ApiError::param(param, message));
        }
        if prompt.len() >= context {
            let (most, len) = (context - 1, prompt.len());
            let message = format!(
                "prompt {i} is too long, expected: at most {most} tokens, got: {len} (the context is \
                 {context} tokens)"
            );
            return Err(ApiError::too_long(param, message));
        }
        if let Some(id) = prompt.iter().find(|&&id| id as usize >= vocab_size) {
            let message = format!("prompt {i}: token id, expected: below {vocab_size}, got: {id}");
            return Err(ApiError::param(param, message));
        }
    }
    Ok(())
}

impl Stop {
    fn checked(self) -> Result<Vec<String>, ApiError> {
        let strings = match self {
            Self::One(string) => vec![string],
            Self::Several(strings) => strings,
        };
        let fits = |string: &String| (1..=STOP_BYTES).contains(&string.len());
        match strings.len() <= MOST_STOPS && strings.iter().all(fits) {
            true => Ok(strings),
            false => Err(ApiError::param(
                "stop",
                format!(
                    "`stop`, expected: at most {MOST_STOPS} strings of 1 to {STOP_BYTES} bytes"
                ),
            )),
        }
    }
}

impl Plan {
    /// Completions in all.
    pub(super) fn choices(&self) -> usize {
        self.prompts.len() * self.n
    }

    /// Its parts for the scheduler, and where its tokens come out.
    pub(super) fn jobs(&self, since: Instant) -> (Vec<Job>, mpsc::Receiver<Event>) {
        // Every token of every completion, and an end of each.
        let most = self.choices() * (self.drawing.stop.max_tokens + 1);
        let (out, tokens) = mpsc::channel(most);
        let drawing = Arc::new(self.drawing.clone());
        let job = |(i, prompt): (usize, &Vec<u32>)| Job {
            prompt: prompt.clone(),
            n: self.n,
            first_choice: i * self.n,
            seed: self.seed,
            drawing: drawing.clone(),
            stop: self.strings.clone(),
            out: out.clone(),
            since,
        };
        (self.prompts.iter().enumerate().map(job).collect(), tokens)
    }
}
