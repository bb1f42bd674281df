//! Log-probabilities of completions under a model, and the policy gradient of a micro-batch.
//!
//! A prompt is computed once for all of its completions, here as in generation. The loss is a
//! function of the chosen tokens' log-probabilities and entropies alone, so its small graph is run by
//! itself and its gradient goes into the model through the chunked head: no `[tokens, vocab]` tensor and one
//! backward pass.

use crate::language_model::{head_weight, vector};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use thinkling_grpo::{
    BatchScale, GrpoError, ObjectiveConfig, ObjectiveInputs, ObjectiveStats, RowMap, TokenGrads,
    head_backward, loss_and_grad_async, token_logprobs_and_entropy,
};
use thinkling_model::{
    Decoder, HeadGrads, ModelError, PackedBatch, ParamGrads, Recompute, Sequence,
};

/// One completion that is learnt from.
#[derive(Clone, Debug)]
pub struct PolicySample<'a> {
    /// Index of its prompt.
    pub prompt: usize,
    /// Sampled ids, at least one.
    pub ids: &'a [u32],
    /// Log-probability of each id before any update, which the policy's ratio is taken to: as sampled,
    /// or the trainer's own; absent where the model as it is now is the one before any update.
    pub old_logprobs: Option<&'a [f32]>,
    /// The same as whatever sampled it computed it, where the objective has an importance correction.
    pub sampler_logprobs: Option<&'a [f32]>,
    /// The same under the reference model, where the objective has a KL term.
    pub ref_logprobs: Option<&'a [f32]>,
    /// Advantage within its group.
    pub advantage: f64,
    /// Whether its tokens are trained (a truncated completion may be left out).
    pub trained: bool,
}

/// What does not change within a step.
#[derive(Clone, Copy, Debug)]
pub struct PolicySettings<'a> {
    /// The objective.
    pub objective: &'a ObjectiveConfig,
    /// Temperature of sampling, which the log-probabilities are taken at.
    pub temperature: f64,
    /// Tokens whose logits are held at once.
    pub chunk_tokens: usize,
}

/// Loss, statistics and gradient of a micro-batch.
#[derive(Debug)]
pub struct PolicyGradient {
    /// The loss.
    pub loss: f64,
    /// Clip fractions, KL, entropy, ratios.
    pub stats: ObjectiveStats,
    /// Log-probability of each completion's tokens under the model before the update.
    pub logprobs: Vec<Vec<f64>>,
    /// Gradient of `loss`.
    pub grads: ParamGrads,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The model or its device.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The objective.
    #[error(transparent)]
    Objective(#[from] GrpoError),
    /// A problem whose gold cannot be read: an error of the data set.
    #[error(transparent)]
    Reward(#[from] thinkling_reward::RewardError),
    /// What completes prompts in the model's place.
    #[error("the rollout failed")]
    Rollout(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another process that computes a share of each gradient.
    #[error("a worker failed")]
    Worker(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A language model where a reward model is needed.
    #[error("the model has no head that gives a text a number (`score.weight`)")]
    NoScore,
    /// Text that the tokenizer cannot take.
    #[error(transparent)]
    Text(#[from] thinkling_text::TextError),
}

/// Prompts and completions as one packed batch, with the place of each predicted token.
struct Layout {
    batch: PackedBatch,
    /// Flat token that predicts each target.
    sources: RowMap,
    targets: RowMap,
    lens: Vec<usize>,
    device: Device,
}

impl Layout {
    fn new(model: &Decoder, prompts: &[Vec<u32>], completions: &[(usize, &[u32])]) -> Self {
        let device = model.device();
        let mut used: Vec<usize> = completions.iter().map(|c| c.0).collect();
        used.sort_unstable();
        used.dedup();
        let slot = |prompt| used.binary_search(&prompt).expect("every prompt was collected");
        let mut sequences: Vec<Sequence<'_>> =
            used.iter().map(|&p| Sequence { ids: &prompts[p], prefix: None }).collect();
        let mut rows = Vec::with_capacity(completions.len());
        for &(prompt, ids) in completions {
            // The last id predicts nothing, so a completion of one token needs no sequence.
            rows.push((ids.len() > 1).then_some(sequences.len()));
            if ids.len() > 1 {
                sequences.push(Sequence { ids: &ids[..ids.len() - 1], prefix: Some(slot(prompt)) });
            }
        }
        let batch = PackedBatch::new(model, &sequences);
        let mut sources = Vec::new();
        let mut targets = Vec::new();
        for (&(prompt, ids), row) in completions.iter().zip(&rows) {
            sources.push((batch.start(slot(prompt)) + prompts[prompt].len() - 1) as i32);
            if let Some(row) = row {
                let start = batch.start(*row);
                sources.extend((start..start + ids.len() - 1).map(|s| s as i32));
            }
            targets.extend(ids.iter().map(|&id| id as i32));
        }
        Self {
            sources: RowMap::new(sources, batch.tokens(), &device),
            targets: RowMap::new(targets, model.head().dims()[0], &device),
            batch,
            lens: completions.iter().map(|c| c.1.len()).collect(),
            device,
        }
    }

    fn width(&self) -> usize {
        self.lens.iter().copied().max().unwrap_or(0)
    }

    /// `[targets]` -> `[rows, width]`; slots beyond a row's end repeat its last token.
    fn to_rows(&self, flat: Tensor<1>) -> Tensor<2> {
        let width = self.width();
        let mut start = 0;
        let mut map = Vec::with_capacity(self.lens.len() * width);
        for &len in &self.lens {
            map.extend((0..width).map(|t| (start + t.min(len - 1)) as i32));
            start += len;
        }
        flat.select(0, ints(map, &self.device)).reshape([self.lens.len(), width])
    }

    /// `[rows, width]` -> `[targets]`.
    fn to_flat(&self, rows: Tensor<2>) -> Tensor<1> {
        let width = self.width();
        let map = self
            .lens
            .iter()
            .enumerate()
            .flat_map(|(row, &len)| (0..len).map(move |t| (row * width + t) as i32))
            .collect();
        rows.reshape([self.lens.len() * width]).select(0, ints(map, &self.device))
    }

    /// Host values of each row, padded with 0, as `[rows, width]`.
    fn padded<'a>(&self, rows: impl Iterator<Item = &'a [f32]>) -> Tensor<2> {
        let width = self.width();
        let mut values = Vec::with_capacity(self.lens.len() * width);
        for row in rows {
            values.extend_from_slice(row);
            values.resize(values.len() + width - row.len(), 0.0);
        }
        Tensor::from_data(TensorData::new(values, [self.lens.len(), width]), &self.device)
    }

    fn mask(&self, trained: impl Iterator<Item = bool>) -> Tensor<2, Bool> {
        let width = self.width();
        let values: Vec<bool> = self
            .lens
            .iter()
            .zip(trained)
            .flat_map(|(&len, trained)| (0..width).map(move |t| trained && t < len))
            .collect();
        Tensor::from_data(TensorData::new(values, [self.lens.len(), width]), &self.device)
    }

    /// Flat host values of the targets, cut into rows.
    fn split<T: Clone>(&self, flat: &[T]) -> Vec<Vec<T>> {
        let mut rest = flat;
        self.lens
            .iter()
            .map(|&len| {
                let (row, tail) = rest.split_at(len);
                rest = tail;
                row.to_vec()
            })
            .collect()
    }
}

fn ints(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), device)
}

/// Log-probability, in nats at `temperature`, of each token of `completions` (prompt index, ids)
/// after its prompt. No gradient.
///
/// # Errors
/// A device that fails.
pub async fn completion_logprobs(
    model: &Decoder,
    prompts: &[Vec<u32>],
    completions: &[(usize, &[u32])],
    temperature: f64,
    chunk_tokens: usize,
) -> Result<Vec<Vec<f64>>, LearnError> {
    let layout = Layout::new(model, prompts, completions);
    let hidden = layout.sources.gather(model.forward(&layout.batch));
    let (logprobs, _) = token_logprobs_and_entropy(
        hidden,
        model.head(),
        layout.targets.clone(),
        temperature as f32,
        chunk_tokens,
    )?;
    Ok(layout.split(&vector(logprobs).await?))
}

/// Loss of `samples` and its gradient. `scale` says of which step they are a part.
///
/// # Errors
/// An objective that does not fit its inputs, a device that fails.
pub async fn policy_gradient(
    model: &Decoder,
    prompts: &[Vec<u32>],
    samples: &[PolicySample<'_>],
    settings: PolicySettings<'_>,
    scale: BatchScale,
    recompute: Recompute,
) -> Result<PolicyGradient, LearnError> {
    let completions: Vec<(usize, &[u32])> = samples.iter().map(|s| (s.prompt, s.ids)).collect();
    let layout = Layout::new(model, prompts, &completions);
    let pass = model.begin_backprop(&layout.batch, recompute);
    let states = pass.hidden();
    let (weight, plain) = (model.head(), layout.sources.gather(states.clone()));
    let temperature = settings.temperature as f32;
    let chunk = settings.chunk_tokens;
    let (logprobs, entropies) = token_logprobs_and_entropy(
        plain.clone(),
        weight.clone(),
        layout.targets.clone(),
        temperature,
        chunk,
    )?;
    let advantages: Vec<f32> = samples.iter().map(|s| s.advantage as f32).collect();
    let advantages = TensorData::new(advantages, [samples.len()]);
    // Of all samples, or of none.
    let recorded = |rows: Option<Vec<&[f32]>>| rows.map(|rows| layout.padded(rows.into_iter()));
    let inputs = ObjectiveInputs {
        logprobs: layout.to_rows(logprobs.clone()),
        old_logprobs: recorded(samples.iter().map(|s| s.old_logprobs).collect()),
        sampler_logprobs: recorded(samples.iter().map(|s| s.sampler_logprobs).collect()),
        ref_logprobs: recorded(samples.iter().map(|s| s.ref_logprobs).collect()),
        entropies: Some(layout.to_rows(entropies)),
        advantages: Tensor::from_data(advantages, &layout.device),
        mask: layout.mask(samples.iter().map(|s| s.trained)),
        scale,
    };
    let objective = loss_and_grad_async(&inputs, settings.objective).await?;
    let grads = TokenGrads {
        logprobs: layout.to_flat(objective.grad),
        entropy: objective.entropy_grad.map(|grad| layout.to_flat(grad)),
    };
    let targets = layout.targets.clone();
    let head = head_backward(plain, head_weight(model), targets, temperature, grads, chunk)?;
    // Tokens that predict nothing have no gradient, those that several completions follow have its
    // sum.
    let hidden = layout.sources.add_to(states.zeros_like(), head.hidden);
    let grads = pass.finish(HeadGrads { hidden, weight: head.weight });
    Ok(PolicyGradient {
        loss: objective.loss,
        stats: objective.stats,
        logprobs: layout.split(&vector(logprobs).await?),
        grads,
    })
}
