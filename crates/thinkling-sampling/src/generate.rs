//! Batched generation by whatever decodes: prompts prefilled once a group, one random stream a
//! completion, finished rows leave the batch, and where rows may come at any step those of the next
//! prompts take their place.

use crate::{
    Finish, LogSoftmax, Sampled, Sampler, SamplingError, SamplingParams, StopRules, Stream,
    StreamState, top_logprobs,
};
use std::ops::{ControlFlow, Range};
use thinkling_cpu::matmul::Precision;
use thinkling_cpu::profile::timed;
use thinkling_cpu::threads;

/// Logits from which on drawing from them is spread over threads.
const MIN_PARALLEL: usize = 1 << 16;

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

    /// Steps of which [`Self::draw_steps`] draws the tokens for this request before any of them is
    /// read, so that no logits are; 0 where it does not draw.
    fn steps_at_once(&self, request: &GenerateRequest<'_>) -> usize {
        let _ = request;
        0
    }

    /// Some steps, of which each also draws the token after it, as [`Sampler::sample`] does, and the
    /// next begins with it. `uniforms` are the rows' draws in `[0, 1)` of each step. Gives the tokens
    /// of each step; those after a row's end are of no use.
    async fn draw_steps(
        &mut self,
        ids: &[u32],
        request: &GenerateRequest<'_>,
        uniforms: &[Vec<f64>],
    ) -> Result<Vec<Vec<Sampled>>, Self::Error> {
        let _ = (ids, request, uniforms);
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
    check_prompts(decoder.context(), decoder.vocab_size(), request)?;
    let mut run = Run::new(decoder, request)?;
    let decoded = run.decode(&mut on_token).await;
    if !run.rows.is_empty() {
        run.decoder.keep_rows(&|_| false);
    }
    decoded.map(|()| run.generated)
}

fn check_prompts(
    context: usize,
    vocab_size: usize,
    request: &GenerateRequest<'_>,
) -> Result<(), GenerateError> {
    for (index, prompt) in request.prompts.iter().enumerate() {
        if prompt.is_empty() {
            return Err(GenerateError::EmptyPrompt { index });
        }
        if prompt.len() >= context {
            return Err(GenerateError::PromptTooLong { index, len: prompt.len(), context });
        }
        if let Some(&id) = prompt.iter().find(|&&id| id as usize >= vocab_size) {
            return Err(GenerateError::TokenOutOfRange { index, id, vocab_size });
        }
    }
    Ok(())
}

/// A running completion.
struct Row {
    completion: usize,
    stream: Stream,
    /// Ended, but still in the batch.
    ended: bool,
}

/// A drawn token, and the most probable ones where asked for.
type Drawn = (Sampled, Vec<(u32, f64)>);

/// All completions of a request.
struct Run<'a, D> {
    decoder: &'a mut D,
    request: &'a GenerateRequest<'a>,
    sampler: Sampler,
    group: usize,
    generated: Generated,
    /// The next prompt to begin with.
    next_prompt: usize,
    /// In the order of the decoder's rows.
    rows: Vec<Row>,
    stopped: bool,
}

impl<'a, D: Decode> Run<'a, D> {
    fn new(decoder: &'a mut D, request: &'a GenerateRequest<'a>) -> Result<Self, GenerateError> {
        let group = request.group_size.max(1);
        let completions = (0..request.prompts.len() * group)
            .map(|i| Completion {
                prompt: i / group,
                ids: Vec::new(),
                logprobs: Vec::new(),
                top_logprobs: Vec::new(),
                finish: Finish::Length,
            })
            .collect();
        Ok(Self {
            decoder,
            request,
            sampler: Sampler::new(request.sampling)?,
            group,
            generated: Generated { completions, prompt_logprobs: Vec::new() },
            next_prompt: 0,
            rows: Vec::new(),
            stopped: false,
        })
    }

    async fn decode(
        &mut self,
        on_token: &mut impl FnMut(TokenEvent<'_>) -> ControlFlow<()>,
    ) -> Result<(), D::Error> {
        let (mut logits, request) = (Logits::default(), self.request);
        while !self.stopped {
            self.drop_ended();
            if let Some(prompts) = self.prompts_to_begin() {
                self.begin(prompts, on_token).await?;
                continue;
            }
            if self.rows.is_empty() {
                break;
            }
            let last = |row: &Row| self.generated.completions[row.completion].ids.last();
            let ids: Vec<u32> =
                self.rows.iter().map(|row| last(row).copied().unwrap_or(0)).collect();
            let most = self.decoder.steps_at_once(request);
            if most > 0 {
                self.draw_steps(&ids, most, on_token).await?;
                continue;
            }
            self.decoder.step(&ids, &mut logits).await?;
            self.draw(0, &mut logits, |row| row, on_token)?;
        }
        Ok(())
    }

    /// Steps whose tokens the decoder draws: at most so many, and none that a row has no room for.
    async fn draw_steps(
        &mut self,
        ids: &[u32],
        most: usize,
        on_token: &mut impl FnMut(TokenEvent<'_>) -> ControlFlow<()>,
    ) -> Result<(), D::Error> {
        let request = self.request;
        let running = self.rows.iter().filter(|row| !row.ended);
        let room = running.map(|row| self.room(row.completion)).min().unwrap_or(0);
        let greedy = request.sampling.is_greedy();
        let uniform = |row: &mut Row| match row.ended || greedy {
            true => 0.0,
            false => row.stream.uniform(),
        };
        let uniforms: Vec<Vec<f64>> = (0..most.min(room).max(1))
            .map(|_| self.rows.iter_mut().map(uniform).collect())
            .collect();
        for drawn in self.decoder.draw_steps(ids, request, &uniforms).await? {
            for (row, sampled) in drawn.into_iter().enumerate() {
                if !self.rows[row].ended && !self.stopped {
                    self.record(row, (sampled, Vec::new()), on_token)?;
                }
            }
        }
        Ok(())
    }

    /// Tokens that a completion may still have.
    fn room(&self, index: usize) -> usize {
        let len = self.generated.completions[index].ids.len();
        let prompt_len = self.request.prompts[index / self.group].len();
        let most = self.request.stop.max_tokens.saturating_sub(self.tokens_before(index));
        most.min(self.decoder.context() - prompt_len).saturating_sub(len)
    }

    /// Tokens that a completion had when it was broken off.
    fn tokens_before(&self, index: usize) -> usize {
        self.request.resumed.get(index).map_or(0, |resumed| resumed.tokens)
    }

    /// Prompts whose completions fit into the batch beside those that run.
    fn prompts_to_begin(&self) -> Option<Range<usize>> {
        let left = self.request.prompts.len() - self.next_prompt;
        let free = self.request.max_rows.saturating_sub(self.rows.len()) / self.group;
        let count = if self.rows.is_empty() {
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

    /// Computes prompts and draws the first token of each of their completions.
    async fn begin(
        &mut self,
        range: Range<usize>,
        on_token: &mut impl FnMut(TokenEvent<'_>) -> ControlFlow<()>,
    ) -> Result<(), D::Error> {
        let (request, group) = (self.request, self.group);
        self.next_prompt = range.end;
        let prompts = &request.prompts[range.clone()];
        let mut logits = self.prefill(prompts).await?;
        if request.stop.max_tokens == 0 {
            return Ok(());
        }
        let first_row = self.rows.len();
        self.rows.extend((range.start * group..range.end * group).map(|completion| Row {
            completion,
            stream: request.stream(completion),
            ended: false,
        }));
        self.draw(first_row, &mut logits, |row| row / group, on_token)?;
        let mut index = 0;
        self.rows.retain(|row| {
            index += 1;
            index <= first_row || !row.ended
        });
        let row_prompts: Vec<usize> =
            self.rows[first_row..].iter().map(|row| row.completion / group - range.start).collect();
        if row_prompts.is_empty() || self.stopped {
            return Ok(());
        }
        self.decoder.add_rows(&row_prompts, request.stop.max_tokens).await
    }

    /// Computes prompts, with the log-probabilities of their tokens where asked for.
    async fn prefill(&mut self, prompts: &[Vec<u32>]) -> Result<Logits, D::Error> {
        let request = self.request;
        if !request.prompt_logprobs {
            return self.decoder.prefill(prompts, None).await;
        }
        let mut all: Vec<Vec<f64>> = vec![Vec::new(); prompts.len()];
        let mut each = |prompt: usize, token: usize, logits: &mut [f32]| {
            ban(&request.banned, logits);
            let next = prompts[prompt][token + 1] as usize;
            all[prompt].push(LogSoftmax::new(logits, 1.0).logprob(logits[next]));
        };
        let logits = self.decoder.prefill(prompts, Some(&mut each)).await?;
        if all.iter().flatten().any(|logprob| logprob.is_nan()) {
            return Err(GenerateError::NotNumbers.into());
        }
        self.generated.prompt_logprobs.extend(all);
        Ok(logits)
    }

    /// Drops ended rows: at once where that costs nothing, else once they are an eighth of the
    /// batch, a copy of the cache for less work in every later step.
    fn drop_ended(&mut self) {
        let ended = self.rows.iter().filter(|row| row.ended).count();
        let wait = ended < self.rows.len() && !self.decoder.is_flexible();
        if ended == 0 || wait && ended * 8 < self.rows.len() {
            return;
        }
        let rows = &self.rows;
        self.decoder.keep_rows(&|row| !rows[row].ended);
        self.rows.retain(|row| !row.ended);
    }

    /// Draws the next token of the rows from `first_row` on, of which row `i` reads row
    /// `logits_row(i)` of `logits`.
    fn draw(
        &mut self,
        first_row: usize,
        logits: &mut Logits,
        logits_row: impl Fn(usize) -> usize + Sync,
        on_token: &mut impl FnMut(TokenEvent<'_>) -> ControlFlow<()>,
    ) -> Result<(), D::Error> {
        let request = self.request;
        logits.ban(&request.banned);
        let logits = &*logits;
        let rows = &mut self.rows[first_row..];
        let mut drawn: Vec<Option<Drawn>> = vec![None; rows.len()];
        let parallel = rows.len() * logits.vocab >= MIN_PARALLEL;
        let tasks = if parallel { threads::count() } else { 1 };
        let len = rows.len().div_ceil(tasks).max(1);
        let draw = |task: usize, rows: &mut [Row], drawn: &mut [Option<Drawn>]| {
            let mut sampler = self.sampler.clone();
            for (i, (row, drawn)) in rows.iter_mut().zip(drawn).enumerate() {
                if row.ended {
                    continue;
                }
                let logits = logits.row(logits_row(task * len + i));
                let sampled = sampler.sample(logits, &mut row.stream);
                let top = match request.top_logprobs {
                    0 => Vec::new(),
                    k => {
                        let temperature = request.sampling.logprob_temperature();
                        top_logprobs(logits, &LogSoftmax::new(logits, temperature), k)
                    }
                };
                *drawn = Some((sampled, top));
            }
        };
        timed("draw tokens", || {
            if tasks == 1 {
                draw(0, rows, &mut drawn);
            } else {
                threads::chunks2_mut((rows, len), (&mut drawn, len), draw);
            }
        });
        for (i, drawn) in drawn.into_iter().enumerate() {
            if let Some(drawn) = drawn {
                self.record(first_row + i, drawn, on_token)?;
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        row: usize,
        (sampled, top): Drawn,
        on_token: &mut impl FnMut(TokenEvent<'_>) -> ControlFlow<()>,
    ) -> Result<(), D::Error> {
        if sampled.logprob.is_nan() {
            return Err(GenerateError::NotNumbers.into());
        }
        let index = self.rows[row].completion;
        let prompt_len = self.request.prompts[index / self.group].len();
        let before = self.tokens_before(index);
        let completion = &mut self.generated.completions[index];
        if self.request.top_logprobs > 0 {
            completion.top_logprobs.push(top);
        }
        completion.ids.push(sampled.id);
        completion.logprobs.push(sampled.logprob as f32);
        let len = completion.ids.len();
        let full = prompt_len + len >= self.decoder.context();
        let finish =
            self.request.stop.finish(sampled.id, before + len).or(full.then_some(Finish::Length));
        completion.finish = finish.unwrap_or(Finish::Length);
        self.rows[row].ended = finish.is_some();
        let event = TokenEvent { completion: index, so_far: completion, id: sampled.id, finish };
        let stop = on_token(event).is_break();
        self.stopped |= stop;
        Ok(())
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
    fn ban(&mut self, ids: &[u32]) {
        if ids.is_empty() {
            return;
        }
        self.values.chunks_exact_mut(self.vocab).for_each(|row| ban(ids, row));
    }
}

fn ban(ids: &[u32], logits: &mut [f32]) {
    for &id in ids {
        logits[id as usize] = f32::NEG_INFINITY;
    }
}
