//! Batched generation: prompts prefilled once a group, a key-value cache, one random stream a
//! completion, finished rows leave the batch.

use crate::batch::{PackedBatch, Sequence, int_tensor};
use crate::{Decoder, KvCache, ModelError};
use burn::tensor::{Device, Tensor};
use std::ops::ControlFlow;
use thinkling_sampling::{
    Finish, LogSoftmax, Sampler, SamplingParams, StopRules, Stream, top_logprobs,
};

/// Columns that a cache begins with beyond the prompt; it grows when a completion is longer.
const FIRST_COLUMNS: usize = 256;
/// Prompt tokens whose logits are on the host at once.
const PROMPT_CHUNK: usize = 32;

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
pub struct TokenEvent {
    /// Index of its completion.
    pub completion: usize,
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
    mut on_token: impl FnMut(TokenEvent) -> ControlFlow<()>,
) -> Result<Generated, ModelError> {
    check_prompts(model, request)?;
    let mut generated = Generated::default();
    let group = request.group_size.max(1);
    let prompts_at_once = (request.max_rows / group).max(1);
    for (chunk, prompts) in request.prompts.chunks(prompts_at_once).enumerate() {
        let first_prompt = chunk.saturating_mul(prompts_at_once);
        let mut run = Run::new(model, request, first_prompt, prompts.len())?;
        run.prefill(prompts, &mut generated.prompt_logprobs, &mut on_token).await?;
        run.decode(&mut on_token).await?;
        generated.completions.extend(run.completions);
    }
    Ok(generated)
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

/// Completions that run together.
struct Run<'a> {
    model: &'a Decoder,
    request: &'a GenerateRequest<'a>,
    device: Device,
    sampler: Sampler,
    first: usize,
    completions: Vec<Completion>,
    streams: Vec<Stream>,
    prompt_lens: Vec<usize>,
    /// Completion of each cache row; `None` for a row that has ended but still stands there.
    rows: Vec<Option<usize>>,
    cache: Option<KvCache>,
    stopped: bool,
}

impl<'a> Run<'a> {
    fn new(
        model: &'a Decoder,
        request: &'a GenerateRequest<'a>,
        first_prompt: usize,
        prompts: usize,
    ) -> Result<Self, ModelError> {
        let group = request.group_size.max(1);
        let first = first_prompt * group;
        let completions = (0..prompts * group)
            .map(|i| Completion {
                prompt: first_prompt + i / group,
                ids: Vec::new(),
                logprobs: Vec::new(),
                top_logprobs: Vec::new(),
                finish: Finish::Length,
            })
            .collect();
        let streams = (0..prompts * group)
            .map(|i| Stream::new(request.seed, request.first_stream + (first + i) as u64))
            .collect();
        Ok(Self {
            model,
            request,
            device: model.device(),
            sampler: Sampler::new(request.sampling)?,
            first,
            completions,
            streams,
            prompt_lens: Vec::new(),
            rows: Vec::new(),
            cache: None,
            stopped: false,
        })
    }

    async fn prefill(
        &mut self,
        prompts: &[Vec<u32>],
        prompt_logprobs: &mut Vec<Vec<f64>>,
        on_token: &mut impl FnMut(TokenEvent) -> ControlFlow<()>,
    ) -> Result<(), ModelError> {
        let sequences: Vec<Sequence<'_>> =
            prompts.iter().map(|ids| Sequence { ids, prefix: None }).collect();
        let batch = PackedBatch::new(self.model, &sequences);
        let mut layers = Vec::new();
        let hidden = self.model.forward_with(&batch, |qkv| layers.push(qkv.clone()));
        if self.request.prompt_logprobs {
            for (i, prompt) in prompts.iter().enumerate() {
                let start = batch.start(i);
                prompt_logprobs.push(self.prompt_logprobs(&hidden, start, prompt).await?);
            }
        }
        self.prompt_lens = prompts.iter().map(Vec::len).collect();
        if self.request.stop.max_tokens == 0 {
            return Ok(());
        }
        let last: Vec<i32> = prompts
            .iter()
            .enumerate()
            .map(|(i, p)| (batch.start(i) + p.len() - 1) as i32)
            .collect();
        let hidden = hidden.select(0, int_tensor(last, &self.device));
        let logits = self.read_logits(hidden).await?;
        let group = self.request.group_size.max(1);
        let mut running = Vec::new();
        for i in 0..self.completions.len() {
            if self.draw(i, logits.row(i / group), on_token) {
                running.push(i);
            }
        }
        if running.is_empty() || self.stopped {
            return Ok(());
        }
        let row_prompts: Vec<usize> = running.iter().map(|i| i / group).collect();
        let room = self.request.stop.max_tokens.min(FIRST_COLUMNS);
        self.cache = Some(KvCache::from_prompts(
            self.model,
            &batch,
            layers,
            &self.prompt_lens,
            &row_prompts,
            room,
        ));
        self.rows = running.into_iter().map(Some).collect();
        Ok(())
    }

    async fn decode(
        &mut self,
        on_token: &mut impl FnMut(TokenEvent) -> ControlFlow<()>,
    ) -> Result<(), ModelError> {
        let Some(mut cache) = self.cache.take() else {
            return Ok(());
        };
        while !self.stopped && self.rows.iter().any(Option::is_some) {
            self.compact(&mut cache);
            let ids = self
                .rows
                .iter()
                .map(|row| {
                    row.and_then(|i| self.completions[i].ids.last()).map_or(0, |&id| id as i32)
                })
                .collect();
            let hidden = self.model.step(int_tensor(ids, &self.device), &mut cache);
            let logits = self.read_logits(hidden).await?;
            for row in 0..self.rows.len() {
                if let Some(i) = self.rows[row]
                    && !self.draw(i, logits.row(row), on_token)
                {
                    self.rows[row] = None;
                }
            }
        }
        Ok(())
    }

    /// Drops ended rows once they are an eighth of the batch: a copy of the cache for less work in
    /// every later step.
    fn compact(&mut self, cache: &mut KvCache) {
        let live: Vec<usize> = (0..self.rows.len()).filter(|&r| self.rows[r].is_some()).collect();
        let ended = self.rows.len() - live.len();
        if ended > 0 && ended * 8 >= self.rows.len() {
            cache.keep_rows(&live);
            self.rows.retain(Option::is_some);
        }
    }

    /// Draws the next token of completion `i`; whether it goes on.
    fn draw(
        &mut self,
        i: usize,
        logits: &[f32],
        on_token: &mut impl FnMut(TokenEvent) -> ControlFlow<()>,
    ) -> bool {
        let sampled = self.sampler.sample(logits, &mut self.streams[i]);
        let completion = &mut self.completions[i];
        if self.request.top_logprobs > 0 {
            let softmax = LogSoftmax::new(logits, self.request.sampling.logprob_temperature());
            completion.top_logprobs.push(top_logprobs(logits, &softmax, self.request.top_logprobs));
        }
        completion.ids.push(sampled.id);
        completion.logprobs.push(sampled.logprob as f32);
        let len = completion.ids.len();
        let group = self.request.group_size.max(1);
        let context = self.model.config().max_position_embeddings;
        let full = self.prompt_lens[i / group] + len >= context;
        let finish = self.request.stop.finish(sampled.id, len).or(full.then_some(Finish::Length));
        completion.finish = finish.unwrap_or(Finish::Length);
        let event = TokenEvent { completion: self.first + i, id: sampled.id, finish };
        if on_token(event).is_break() {
            self.stopped = true;
        }
        finish.is_none()
    }

    async fn prompt_logprobs(
        &self,
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
            let logits = self.read_logits(chunk).await?;
            for j in from..to {
                let row = logits.row(j - from);
                logprobs.push(LogSoftmax::new(row, 1.0).logprob(row[prompt[j + 1] as usize]));
            }
        }
        Ok(logprobs)
    }

    async fn read_logits(&self, hidden: Tensor<2>) -> Result<Logits, ModelError> {
        let mut logits = read_logits(self.model, hidden).await?;
        for row in logits.values.chunks_exact_mut(logits.vocab) {
            for &id in &self.request.banned {
                row[id as usize] = f32::NEG_INFINITY;
            }
        }
        Ok(logits)
    }
}

/// Logits on the host, `[rows, vocab]`.
pub(crate) struct Logits {
    pub(crate) values: Vec<f32>,
    pub(crate) vocab: usize,
}

impl Logits {
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.vocab..(row + 1) * self.vocab]
    }
}

/// Logits of `hidden` (`[rows, hidden]`), checked to be numbers.
pub(crate) async fn read_logits(model: &Decoder, hidden: Tensor<2>) -> Result<Logits, ModelError> {
    let logits = model.logits(hidden);
    let vocab = logits.dims()[1];
    let data = logits.into_data_async().await.map_err(|e| ModelError::Device(format!("{e:?}")))?;
    let values: Vec<f32> = data.try_into_vec().map_err(|e| ModelError::Device(format!("{e:?}")))?;
    if values.iter().any(|x| x.is_nan()) {
        let message = "logits are not numbers (NaN); the weights are damaged or training diverged";
        return Err(ModelError::Device(message.into()));
    }
    Ok(Logits { values, vocab })
}
