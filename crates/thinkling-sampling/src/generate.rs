//! Batched generation by whatever decodes: prompts prefilled once a group, one random stream a
//! completion, finished rows leave the batch, and where rows may come at any step those of the next
//! prompts take their place.

use crate::batch::{Batch, Drawing, NewRow, Then, check_prompts};
use crate::{
    Finish, LogSoftmax, Sampled, SamplingError, SamplingParams, StopRules, Stream, StreamState,
};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use thinkling_cpu::matmul::Precision;

/// Sees the logits after a token: `(prompt, token, logits)`.
pub type EachToken<'a> = &'a mut dyn FnMut(usize, usize, &mut [f32]);

/// A model that decodes rows of tokens, on some device.
#[allow(async_fn_in_trait, reason = "used with static dispatch only; futures need not be Send")]
pub trait Decode {
    /// Why it fails.
    type Error: From<GenerateError>;

    /// Size of the vocabulary.
    fn vocab_size(&self) -> usize;

    /// Tokens of a sequence at most.
    fn context(&self) -> usize;

    /// Whether rows may come and go at any step, without a copy.
    fn is_flexible(&self) -> bool;

    /// Computes prompts; gives the logits after each one's last token. `each` sees those after every
    /// other token, where there is one who looks.
    async fn prefill(
        &mut self,
        prompts: &[Vec<u32>],
        each: Option<EachToken<'_>>,
    ) -> Result<Logits, Self::Error>;

    /// Begins a row after each of these prompts of the last prefill; the rows that run already, if
    /// it [is flexible](Self::is_flexible), come before them. Each may come to `max_tokens` tokens.
    async fn add_rows(&mut self, prompts: &[usize], max_tokens: usize) -> Result<(), Self::Error>;

    /// The next token of each row; gives the logits of the one after it.
    async fn step(&mut self, ids: &[u32], logits: &mut Logits) -> Result<(), Self::Error>;

    /// Whether rows after a prompt of so many tokens may begin now beside those that run, each of
    /// which may come to `max_tokens` tokens: whether the cache has places for them.
    fn has_room(&self, prompt_tokens: usize, rows: usize, max_tokens: usize) -> bool {
        let _ = (prompt_tokens, rows, max_tokens);
        true
    }

    /// Steps of which [`Self::draw_steps`] draws the tokens before any of them is read, so that no
    /// logits are, where so many ids are banned; 0 where it does not draw.
    fn steps_at_once(&self, banned: usize) -> usize {
        let _ = banned;
        0
    }

    /// Some steps, of which each also draws the token after it, as
    /// [`Sampler::sample`](crate::Sampler::sample) does by the row's parameters, and the next begins
    /// with it. `uniforms` are the rows' draws in `[0, 1)` of each step. Gives the tokens of each
    /// step; those after a row's end are of no use.
    async fn draw_steps(
        &mut self,
        ids: &[u32],
        sampling: &[SamplingParams],
        banned: &[u32],
        uniforms: &[Vec<f64>],
    ) -> Result<Vec<Vec<Sampled>>, Self::Error> {
        let _ = (ids, sampling, banned, uniforms);
        unreachable!("a decoder that draws says how")
    }

    /// Keeps the rows for which `keep` holds.
    fn keep_rows(&mut self, keep: &dyn Fn(usize) -> bool);
}

/// Why there are no completions, whatever decodes.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum GenerateError {
    /// Sampling parameters outside their range.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// A prompt that leaves no room for a completion.
    #[error(
        "prompt {index} is too long, expected: at most {} tokens, got: {len} (the model's context is {context} tokens)",
        context - 1
    )]
    PromptTooLong {
        /// Which prompt, from 0.
        index: usize,
        /// Its length in tokens.
        len: usize,
        /// Tokens of a sequence at most.
        context: usize,
    },
    /// A prompt without tokens.
    #[error("prompt {index} is empty, expected: at least one token")]
    EmptyPrompt {
        /// Which prompt, from 0.
        index: usize,
    },
    /// A token id outside the vocabulary.
    #[error("token id out of range, expected: below {vocab_size}, got: {id} (prompt {index})")]
    TokenOutOfRange {
        /// Which prompt, from 0.
        index: usize,
        /// The id.
        id: u32,
        /// Size of the model's vocabulary.
        vocab_size: usize,
    },
    /// Logits that are not numbers.
    #[error("logits are not numbers (NaN); the weights are damaged or training diverged")]
    NotNumbers,
}

/// Where a completion goes on that was broken off: its prompt has its tokens so far. One without
/// tokens begins, on a stream of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// Its random stream.
    pub stream: u64,
    /// Tokens that it has.
    pub tokens: usize,
}

/// What to generate.
#[derive(Clone, Debug)]
pub struct GenerateRequest<'a> {
    /// Token ids of each prompt, of any lengths.
    pub prompts: &'a [Vec<u32>],
    /// Completions a prompt.
    pub group_size: usize,
    /// How tokens are drawn.
    pub sampling: SamplingParams,
    /// Ids that end a completion, and its most tokens.
    pub stop: StopRules,
    /// Ids that are never drawn and have no probability.
    pub banned: Vec<u32>,
    /// Seed of the random streams.
    pub seed: u64,
    /// Stream of the first completion; completion `i` has stream `first_stream + i`.
    pub first_stream: u64,
    /// Where each completion goes on, in the order of completions; empty where all are new and their
    /// streams follow each other. Each draws what it would have drawn, and its earlier tokens count
    /// towards the most.
    pub resumed: Vec<Resumed>,
    /// Completions that run at once at most; whole groups, at least one.
    pub max_rows: usize,
    /// Whether to give the log-probability of each prompt token after the first.
    pub prompt_logprobs: bool,
    /// Most probable tokens to give at each step; 0 for none.
    pub top_logprobs: usize,
    /// How decoding steps read the weights on the CPU; other devices read them as they are.
    pub precision: Precision,
}

impl<'a> GenerateRequest<'a> {
    /// One completion a prompt at temperature 1 with no stop ids.
    pub fn new(prompts: &'a [Vec<u32>], max_tokens: usize) -> Self {
        Self {
            prompts,
            group_size: 1,
            sampling: SamplingParams::default(),
            stop: StopRules { stop_ids: Vec::new(), max_tokens },
            banned: Vec::new(),
            seed: 0,
            first_stream: 0,
            resumed: Vec::new(),
            max_rows: usize::MAX,
            prompt_logprobs: false,
            top_logprobs: 0,
            precision: Precision::F32,
        }
    }
}

impl GenerateRequest<'_> {
    /// The random stream of a completion, where its first token is drawn from.
    fn stream(&self, completion: usize) -> Stream {
        let Some(&Resumed { stream, tokens }) = self.resumed.get(completion) else {
            return Stream::new(self.seed, self.first_stream + completion as u64);
        };
        let draws = if self.sampling.is_greedy() { 0 } else { tokens as u64 };
        Stream::from_state(StreamState { seed: self.seed, index: stream, draws })
    }
}

/// One sampled continuation of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// Index of its prompt.
    pub prompt: usize,
    /// Sampled ids, an end-of-sequence id included.
    pub ids: Vec<u32>,
    /// Log-probability of each id in nats: `log_softmax(logits / temperature)` before the filters,
    /// at temperature 1 when greedy.
    pub logprobs: Vec<f32>,
    /// Entropy is not kept; the most probable tokens of each step are, where asked for.
    pub top_logprobs: Vec<Vec<(u32, f64)>>,
    /// Why it ended.
    pub finish: Finish,
    /// Of a server whose weights change: runs of tokens that were drawn with the same weights,
    /// `(version, tokens)`. Empty otherwise.
    pub versions: Vec<(u64, usize)>,
}

impl Completion {
    /// One of a prompt, without a token yet.
    pub(crate) fn empty(prompt: usize) -> Self {
        Self {
            prompt,
            ids: Vec::new(),
            logprobs: Vec::new(),
            top_logprobs: Vec::new(),
            finish: Finish::Length,
            versions: Vec::new(),
        }
    }
}

/// What [`generate`] gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generated {
    /// `prompts * group_size` of them, those of one prompt together.
    pub completions: Vec<Completion>,
    /// Log-probability of each prompt token after the first, where asked for.
    pub prompt_logprobs: Vec<Vec<f64>>,
}

/// A token as it is drawn.
#[derive(Clone, Copy, Debug)]
pub struct TokenEvent<'a> {
    /// Index of its completion.
    pub completion: usize,
    /// The completion up to this token.
    pub so_far: &'a Completion,
    /// Its id.
    pub id: u32,
    /// Set with the last token of a completion.
    pub finish: Option<Finish>,
}

/// Generates completions. `on_token` sees each token when it is drawn and may break off: all
/// completions then end where they are, as [`Finish::Length`].
///
/// # Errors
/// A prompt that is empty, too long or outside the vocabulary; sampling parameters outside their
/// range; a device that fails.
pub async fn generate<D: Decode>(
    decoder: &mut D,
    request: &GenerateRequest<'_>,
    mut on_token: impl FnMut(TokenEvent<'_>) -> ControlFlow<()>,
) -> Result<Generated, D::Error> {
    // All of them before the first is computed.
    check_prompts(decoder.context(), decoder.vocab_size(), request.prompts, 0)?;
    request.sampling.validate().map_err(GenerateError::from)?;
    let mut on_token = |event: TokenEvent<'_>| match on_token(event) {
        ControlFlow::Continue(()) => Then::GoOn,
        ControlFlow::Break(()) => Then::EndAll,
    };
    let mut run = Run::new(decoder, request);
    let decoded = run.decode(&mut on_token).await;
    run.batch.clear(run.decoder);
    run.keep_ended();
    decoded.map(|()| run.generated)
}

/// All completions of a request.
struct Run<'a, D> {
    decoder: &'a mut D,
    request: &'a GenerateRequest<'a>,
    drawing: Arc<Drawing>,
    group: usize,
    generated: Generated,
    /// The next prompt to begin with.
    next_prompt: usize,
    batch: Batch,
}

impl<'a, D: Decode> Run<'a, D> {
    fn new(decoder: &'a mut D, request: &'a GenerateRequest<'a>) -> Self {
        let group = request.group_size.max(1);
        let completions =
            (0..request.prompts.len() * group).map(|i| Completion::empty(i / group)).collect();
        let drawing = Drawing {
            sampling: request.sampling,
            stop: request.stop.clone(),
            top_logprobs: request.top_logprobs,
        };
        Self {
            decoder,
            request,
            drawing: Arc::new(drawing),
            group,
            generated: Generated { completions, prompt_logprobs: Vec::new() },
            next_prompt: 0,
            batch: Batch::new(request.banned.clone()),
        }
    }

    async fn decode(
        &mut self,
        on_token: &mut impl FnMut(TokenEvent<'_>) -> Then,
    ) -> Result<(), D::Error> {
        loop {
            self.batch.drop_ended(self.decoder);
            self.keep_ended();
            let flow = if let Some(prompts) = self.prompts_to_begin() {
                self.begin(prompts, on_token).await?
            } else if self.batch.is_empty() {
                return Ok(());
            } else {
                self.batch.step(self.decoder, on_token).await?
            };
            if flow.is_break() {
                return Ok(());
            }
        }
    }

    fn keep_ended(&mut self) {
        for (completion, ended) in self.batch.take_ended() {
            self.generated.completions[completion] = ended;
        }
    }

    /// Prompts whose completions fit into the batch beside those that run.
    fn prompts_to_begin(&self) -> Option<Range<usize>> {
        let left = self.request.prompts.len() - self.next_prompt;
        let free = self.request.max_rows.saturating_sub(self.batch.len()) / self.group;
        let count = if self.batch.is_empty() {
            free.max(1)
        } else if !self.decoder.is_flexible() {
            0
        } else if (free * self.group).saturating_mul(8) >= self.request.max_rows {
            free
        } else {
            // A prefill of few prompts is not worth its while.
            0
        };
        let count = count.min(left);
        (count > 0).then(|| self.next_prompt..self.next_prompt + count)
    }

    /// Computes prompts, with the log-probabilities of their tokens where asked for, and draws the
    /// first token of each of their completions.
    async fn begin(
        &mut self,
        range: Range<usize>,
        on_token: &mut impl FnMut(TokenEvent<'_>) -> Then,
    ) -> Result<ControlFlow<()>, D::Error> {
        let (request, group) = (self.request, self.group);
        self.next_prompt = range.end;
        let prompts = &request.prompts[range.clone()];
        let completions = match request.stop.max_tokens {
            0 => 0..0,
            _ => range.start * group..range.end * group,
        };
        let row = |completion| NewRow {
            key: completion,
            prompt: completion / group - range.start,
            drawing: self.drawing.clone(),
            stream: request.stream(completion),
            tokens_before: request.resumed.get(completion).map_or(0, |resumed| resumed.tokens),
        };
        let rows = completions.map(row).collect();
        let mut all: Vec<Vec<f64>> = vec![Vec::new(); prompts.len()];
        let mut each = |prompt: usize, token: usize, logits: &mut [f32]| {
            ban(&request.banned, logits);
            let next = prompts[prompt][token + 1] as usize;
            all[prompt].push(LogSoftmax::new(logits, 1.0).logprob(logits[next]));
        };
        let each: Option<EachToken<'_>> =
            if request.prompt_logprobs { Some(&mut each) } else { None };
        let began = (prompts, range.start);
        let flow = self.batch.begin(self.decoder, began, rows, each, on_token).await?;
        if request.prompt_logprobs {
            if all.iter().flatten().any(|logprob| logprob.is_nan()) {
                return Err(GenerateError::NotNumbers.into());
            }
            self.generated.prompt_logprobs.extend(all);
        }
        Ok(flow)
    }
}

/// Logits on the host, `[rows, vocab]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logits {
    /// Row by row.
    pub values: Vec<f32>,
    /// Size of the vocabulary.
    pub vocab: usize,
}

impl Logits {
    /// The logits of a row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.vocab..(row + 1) * self.vocab]
    }

    /// Takes the probability of these ids.
    pub(crate) fn ban(&mut self, ids: &[u32]) {
        if ids.is_empty() {
            return;
        }
        self.values.chunks_exact_mut(self.vocab).for_each(|row| ban(ids, row));
    }
}

pub(crate) fn ban(ids: &[u32], logits: &mut [f32]) {
    for &id in ids {
        logits[id as usize] = f32::NEG_INFINITY;
    }
}
