//! Batched generation: prompts prefilled once a group, one random stream a completion, finished rows
//! leave the batch, and where rows may come at any step those of the next prompts take their place.

use crate::batch::{PackedBatch, Sequence, int_tensor};
use crate::steps::{Prefill, Steps};
use crate::{Decoder, ModelError};
use burn::tensor::Tensor;
use std::ops::{ControlFlow, Range};
use thinkling_cpu::matmul::Precision;
use thinkling_cpu::profile::timed;
use thinkling_cpu::threads;
use thinkling_sampling::{
    Finish, LogSoftmax, Sampled, Sampler, SamplingParams, StopRules, Stream, top_logprobs,
};

/// Columns that a cache begins with beyond the prompt; it grows when a completion is longer.
const FIRST_COLUMNS: usize = 256;
/// Prompt tokens whose logits are on the host at once.
const PROMPT_CHUNK: usize = 32;
/// Logits from which on drawing from them is spread over threads.
const MIN_PARALLEL: usize = 1 << 16;

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
            max_rows: usize::MAX,
            prompt_logprobs: false,
            top_logprobs: 0,
            precision: Precision::F32,
        }
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
pub async fn generate(
    model: &Decoder,
    request: &GenerateRequest<'_>,
    mut on_token: impl FnMut(TokenEvent<'_>) -> ControlFlow<()>,
) -> Result<Generated, ModelError> {
    check_prompts(model, request)?;
    let mut run = Run::new(model, request)?;
    run.decode(&mut on_token).await?;
    Ok(run.generated)
}

fn check_prompts(model: &Decoder, request: &GenerateRequest<'_>) -> Result<(), ModelError> {
    let context = model.config().max_position_embeddings;
    let vocab_size = model.config().vocab_size;
    for (index, prompt) in request.prompts.iter().enumerate() {
        if prompt.is_empty() {
            return Err(ModelError::EmptyPrompt { index });
        }
        if prompt.len() >= context {
            return Err(ModelError::PromptTooLong { index, len: prompt.len(), context });
        }
        if let Some(&id) = prompt.iter().find(|&&id| id as usize >= vocab_size) {
            return Err(ModelError::TokenOutOfRange { index, id, vocab_size });
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
struct Run<'a> {
    model: &'a Decoder,
    request: &'a GenerateRequest<'a>,
    sampler: Sampler,
    group: usize,
    generated: Generated,
    /// The next prompt to begin with.
    next_prompt: usize,
    /// Made when the first row needs a step.
    steps: Option<Steps>,
    /// In the order of the steps' rows.
    rows: Vec<Row>,
    stopped: bool,
}

impl<'a> Run<'a> {
    fn new(model: &'a Decoder, request: &'a GenerateRequest<'a>) -> Result<Self, ModelError> {
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
            model,
            request,
            sampler: Sampler::new(request.sampling)?,
            group,
            generated: Generated { completions, prompt_logprobs: Vec::new() },
            next_prompt: 0,
            steps: None,
            rows: Vec::new(),
            stopped: false,
        })
    }

    async fn decode(
        &mut self,
        on_token: &mut impl FnMut(TokenEvent<'_>) -> ControlFlow<()>,
    ) -> Result<(), ModelError> {
        let mut logits = Logits::default();
        while !self.stopped {
            self.drop_ended();
            if let Some(prompts) = self.prompts_to_begin() {
                self.begin(prompts, on_token).await?;
                continue;
            }
            let Some(steps) = self.steps.as_mut().filter(|_| !self.rows.is_empty()) else { break };
            let last = |row: &Row| self.generated.completions[row.completion].ids.last();
            let ids: Vec<u32> =
                self.rows.iter().map(|row| last(row).copied().unwrap_or(0)).collect();
            steps.step(self.model, &ids, &mut logits).await?;
            self.draw(0, &mut logits, |row| row, on_token)?;
        }
        Ok(())
    }

    /// Prompts whose completions fit into the batch beside those that run.
    fn prompts_to_begin(&self) -> Option<Range<usize>> {
        let left = self.request.prompts.len() - self.next_prompt;
        let free = self.request.max_rows.saturating_sub(self.rows.len()) / self.group;
        let count = if self.rows.is_empty() {
            free.max(1)
        } else if !self.steps.as_ref().is_some_and(Steps::is_flexible) {
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
    ) -> Result<(), ModelError> {
        let (model, request, group) = (self.model, self.request, self.group);
        self.next_prompt = range.end;
        let prompts = &request.prompts[range.clone()];
        let sequences: Vec<Sequence<'_>> =
            prompts.iter().map(|ids| Sequence { ids, prefix: None }).collect();
        let batch = PackedBatch::new(model, &sequences);
        let mut layers = Vec::new();
        let hidden = model.forward_with(&batch, |qkv| layers.push(qkv.clone()));
        if request.prompt_logprobs {
            for (i, prompt) in prompts.iter().enumerate() {
                let logprobs = prompt_logprobs(self, &hidden, batch.start(i), prompt).await?;
                self.generated.prompt_logprobs.push(logprobs);
            }
        }
        if request.stop.max_tokens == 0 {
            return Ok(());
        }
        let last: Vec<i32> = prompts
            .iter()
            .enumerate()
            .map(|(i, p)| (batch.start(i) + p.len() - 1) as i32)
            .collect();
        let hidden = hidden.select(0, int_tensor(last, &model.device()));
        let mut logits = read_logits(model, hidden).await?;
        let first_row = self.rows.len();
        self.rows.extend((range.start * group..range.end * group).map(|completion| Row {
            completion,
            stream: Stream::new(request.seed, request.first_stream + completion as u64),
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
        let steps = match &mut self.steps {
            Some(steps) if steps.is_flexible() => steps,
            steps => {
                let longest = request.prompts.iter().map(Vec::len).max().unwrap_or(0);
                let context = model.config().max_position_embeddings;
                let positions = longest.saturating_add(request.stop.max_tokens).min(context);
                steps.insert(Steps::new(model, positions, request.precision))
            }
        };
        let lens: Vec<usize> = prompts.iter().map(Vec::len).collect();
        let prefill = Prefill { batch: &batch, layers, lens: &lens };
        let room = request.stop.max_tokens.min(FIRST_COLUMNS);
        steps.add_rows(model, prefill, &row_prompts, room);
        Ok(())
    }

    /// Drops ended rows: at once where that costs nothing, else once they are an eighth of the
    /// batch, a copy of the cache for less work in every later step.
    fn drop_ended(&mut self) {
        let ended = self.rows.iter().filter(|row| row.ended).count();
        let Some(steps) = self.steps.as_mut().filter(|_| ended > 0) else { return };
        if ended < self.rows.len() && !steps.is_flexible() && ended * 8 < self.rows.len() {
            return;
        }
        steps.keep_rows(|row| !self.rows[row].ended);
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
    ) -> Result<(), ModelError> {
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
    ) -> Result<(), ModelError> {
        if sampled.logprob.is_nan() {
            return Err(not_numbers());
        }
        let index = self.rows[row].completion;
        let prompt_len = self.request.prompts[index / self.group].len();
        let completion = &mut self.generated.completions[index];
        if self.request.top_logprobs > 0 {
            completion.top_logprobs.push(top);
        }
        completion.ids.push(sampled.id);
        completion.logprobs.push(sampled.logprob as f32);
        let len = completion.ids.len();
        let full = prompt_len + len >= self.model.config().max_position_embeddings;
        let finish = self.request.stop.finish(sampled.id, len).or(full.then_some(Finish::Length));
        completion.finish = finish.unwrap_or(Finish::Length);
        self.rows[row].ended = finish.is_some();
        let event = TokenEvent { completion: index, so_far: completion, id: sampled.id, finish };
        let stop = on_token(event).is_break();
        self.stopped |= stop;
        Ok(())
    }
}

/// Log-probability of each token of `prompt` after the first, from the hidden states that begin
/// with row `start`.
async fn prompt_logprobs(
    run: &Run<'_>,
    hidden: &Tensor<2>,
    start: usize,
    prompt: &[u32],
) -> Result<Vec<f64>, ModelError> {
    let mut logprobs = Vec::with_capacity(prompt.len().saturating_sub(1));
    let width = hidden.dims()[1];
    let sources = prompt.len() - 1;
    for from in (0..sources).step_by(PROMPT_CHUNK) {
        let to = (from + PROMPT_CHUNK).min(sources);
        let chunk = hidden.clone().slice([start + from..start + to, 0..width]);
        let mut logits = read_logits(run.model, chunk).await?;
        logits.ban(&run.request.banned);
        for j in from..to {
            let row = logits.row(j - from);
            let logprob = LogSoftmax::new(row, 1.0).logprob(row[prompt[j + 1] as usize]);
            if logprob.is_nan() {
                return Err(not_numbers());
            }
            logprobs.push(logprob);
        }
    }
    Ok(logprobs)
}

fn not_numbers() -> ModelError {
    let message = "logits are not numbers (NaN); the weights are damaged or training diverged";
    ModelError::Device(message.into())
}

/// Logits on the host, `[rows, vocab]`.
#[derive(Default)]
pub(crate) struct Logits {
    pub(crate) values: Vec<f32>,
    pub(crate) vocab: usize,
}

impl Logits {
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.vocab..(row + 1) * self.vocab]
    }

    /// Takes the probability of these ids.
    fn ban(&mut self, ids: &[u32]) {
        if ids.is_empty() {
            return;
        }
        for row in self.values.chunks_exact_mut(self.vocab) {
            for &id in ids {
                row[id as usize] = f32::NEG_INFINITY;
            }
        }
    }
}

/// Logits of `hidden` (`[rows, hidden]`).
pub(crate) async fn read_logits(model: &Decoder, hidden: Tensor<2>) -> Result<Logits, ModelError> {
    let logits = model.logits(hidden);
    let vocab = logits.dims()[1];
    let data = logits.into_data_async().await.map_err(|e| ModelError::Device(format!("{e:?}")))?;
    let values = data.try_into_vec().map_err(|e| ModelError::Device(format!("{e:?}")))?;
    Ok(Logits { values, vocab })
}
