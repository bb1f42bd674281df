//! Shares of an optimiser step: what one process computes of a gradient.
//!
//! A step's sequences are divided among processes that hold the same weights (data parallelism).
//! Every share is weighed by the numbers of the whole step, so that the sum of the shares' gradients is
//! the gradient of the step, as it is of micro-batches.

use crate::language_model::{add_grads, language_model_loss};
use crate::micro::{most_tokens, parts};
use crate::policy::{LearnError, PolicyGradient, PolicySample, PolicySettings, policy_gradient};
use crate::preference::{Predicted, Preference, reward_loss};
use crate::step::PolicyStep;
use crate::supervised::{Example, supervised_loss};
use serde::{Deserialize, Serialize};
use thinkling_grpo::{BatchScale, LossType, ObjectiveConfig};
use thinkling_model::{Decoder, ParamGrads, Recompute};

/// Processes that compute a share of each step beside this one, which alone has the optimiser.
pub trait Workers: std::fmt::Debug {
    /// How many there are.
    fn count(&self) -> usize;

    /// Has each compute its share.
    ///
    /// # Errors
    /// A worker that cannot be reached.
    fn begin(&mut self, shares: Vec<Share>) -> Result<(), LearnError>;

    /// Waits for them, and adds what they have to `own`, in their order.
    ///
    /// # Errors
    /// A worker that failed.
    fn join(&mut self, own: Summed, model: &Decoder) -> Result<Summed, LearnError>;

    /// Gives them the weights after an update.
    ///
    /// # Errors
    /// A worker that cannot be reached.
    fn update(&mut self, model: &Decoder) -> Result<(), LearnError>;
}

/// A part of a step's sequences with all that their gradient depends on beside the weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Share {
    /// Next-token training.
    LanguageModel {
        /// Documents of two tokens or more.
        documents: Vec<Vec<u32>>,
        /// Predicted tokens of the whole step.
        targets: usize,
        /// Tokens of a micro-batch.
        micro_tokens: usize,
        /// Tokens whose logits are held at once.
        chunk_tokens: usize,
    },
    /// Supervised training.
    Supervised {
        /// Sequences, each some examples side by side.
        sequences: Vec<Vec<Example>>,
        /// Trained tokens of the whole step.
        trained: usize,
        /// Sequences of a micro-batch.
        micro_batch: usize,
        /// Tokens whose logits are held at once.
        chunk_tokens: usize,
    },
    /// A reward model's training.
    Reward {
        /// Pairs or labels.
        items: Vec<Preference>,
        /// Those of the whole step.
        all: usize,
        /// Items of a micro-batch.
        micro_batch: usize,
    },
    /// The policy gradient.
    Policy(Box<Policy>),
}

/// Completions with what the policy gradient takes of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// Prompts of the whole step; those of other shares are empty.
    prompts: Vec<Vec<u32>>,
    completions: Vec<Completion>,
    objective: ObjectiveConfig,
    temperature: f64,
    chunk_tokens: usize,
    scale: BatchScale,
    micro_batch: usize,
}

/// A [`PolicySample`] that owns its values.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Completion {
    /// Index in the whole step.
    index: usize,
    prompt: usize,
    ids: Vec<u32>,
    old_logprobs: Option<Vec<f32>>,
    sampler_logprobs: Option<Vec<f32>>,
    ref_logprobs: Option<Vec<f32>>,
    advantage: f64,
    trained: bool,
}

impl Completion {
    fn of(index: usize, sample: &PolicySample<'_>) -> Self {
        Self {
            index,
            prompt: sample.prompt,
            ids: sample.ids.to_vec(),
            old_logprobs: sample.old_logprobs.map(<[f32]>::to_vec),
            sampler_logprobs: sample.sampler_logprobs.map(<[f32]>::to_vec),
            ref_logprobs: sample.ref_logprobs.map(<[f32]>::to_vec),
            advantage: sample.advantage,
            trained: sample.trained,
        }
    }

    fn sample(&self) -> PolicySample<'_> {
        PolicySample {
            prompt: self.prompt,
            ids: &self.ids,
            old_logprobs: self.old_logprobs.as_deref(),
            sampler_logprobs: self.sampler_logprobs.as_deref(),
            ref_logprobs: self.ref_logprobs.as_deref(),
            advantage: self.advantage,
            trained: self.trained,
        }
    }
}

/// What bounds a process's memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Bytes of activations of a micro-batch, see [`crate::Learner::activation_bytes`].
    pub activation_bytes: Option<usize>,
    /// What forward passes keep.
    pub recompute: Recompute,
}

/// What a share measured. Averages of `policy` are sums over its tokens.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    pub(crate) loss: f64,
    pub(crate) predicted: Vec<Predicted>,
    pub(crate) policy: PolicyStep,
}

/// A gradient, where there is anything to learn, and what was measured on the way.
#[derive(Debug, Default)]
pub struct Summed {
    /// In the order of [`Decoder::param_list`].
    pub grads: Option<ParamGrads>,
    /// Loss and statistics.
    pub measured: Measured,
}

impl Measured {
    /// Takes those of another share in.
    pub fn join(&mut self, other: Self) {
        self.loss += other.loss;
        self.predicted.extend(other.predicted);
        self.policy.join(other.policy);
    }
}

impl Summed {
    fn add(&mut self, grads: ParamGrads) {
        self.grads = Some(add_grads(self.grads.take(), grads));
    }
}

impl Share {
    /// Loss and gradient of the share under `model`, in micro-batches.
    ///
    /// # Errors
    /// An objective that does not fit its inputs, a model without the head that is needed, a device
    /// that fails.
    pub async fn compute(&self, model: &Decoder, limits: Limits) -> Result<Summed, LearnError> {
        let most = most_tokens(model, limits.activation_bytes, limits.recompute);
        match self {
            Self::LanguageModel { documents, targets, micro_tokens, chunk_tokens } => {
                let documents: Vec<&[u32]> = documents.iter().map(Vec::as_slice).collect();
                let most = most.min(*micro_tokens);
                let mut sum = Summed::default();
                for micro in parts(&documents, usize::MAX, most, |document| document.len()) {
                    let (chunk, recompute) = (*chunk_tokens, limits.recompute);
                    let part = language_model_loss(model, micro, *targets, chunk, recompute);
                    let part = part.await?;
                    sum.measured.loss += part.loss;
                    sum.add(part.grads);
                }
                Ok(sum)
            }
            Self::Supervised { sequences, trained, micro_batch, chunk_tokens } => {
                let tokens = |sequence: &Vec<Example>| sequence.iter().map(|e| e.ids().len()).sum();
                let mut sum = Summed::default();
                for micro in parts(sequences, *micro_batch, most, tokens) {
                    let examples: Vec<&Example> = micro.iter().flatten().collect();
                    let (chunk, recompute) = (*chunk_tokens, limits.recompute);
                    let part = supervised_loss(model, &examples, *trained, chunk, recompute);
                    let part = part.await?;
                    sum.measured.loss += part.loss;
                    sum.add(part.grads);
                }
                Ok(sum)
            }
            Self::Reward { items, all, micro_batch } => {
                let items: Vec<&Preference> = items.iter().collect();
                let mut sum = Summed::default();
                for micro in parts(&items, *micro_batch, most, |item| item.texts().tokens()) {
                    let part = reward_loss(model, micro, *all, limits.recompute).await?;
                    sum.measured.loss += part.loss;
                    sum.measured.predicted.extend(part.predicted);
                    sum.add(part.grads);
                }
                Ok(sum)
            }
            Self::Policy(policy) => policy.compute(model, most, limits.recompute).await,
        }
    }
}

impl Policy {
    /// Those of `samples` at the indices `rows`; `scale` is the whole step's.
    pub(crate) fn of(
        prompts: &[Vec<u32>],
        samples: &[PolicySample<'_>],
        rows: &[usize],
        settings: PolicySettings<'_>,
        scale: BatchScale,
        micro_batch: usize,
    ) -> Self {
        let mut own = vec![Vec::new(); prompts.len()];
        for &row in rows {
            let prompt = samples[row].prompt;
            if own[prompt].is_empty() {
                own[prompt].clone_from(&prompts[prompt]);
            }
        }
        Self {
            prompts: own,
            completions: rows.iter().map(|&row| Completion::of(row, &samples[row])).collect(),
            objective: settings.objective.clone(),
            temperature: settings.temperature,
            chunk_tokens: settings.chunk_tokens,
            scale,
            micro_batch,
        }
    }

    async fn compute(
        &self,
        model: &Decoder,
        most: usize,
        recompute: Recompute,
    ) -> Result<Summed, LearnError> {
        let settings = PolicySettings {
            objective: &self.objective,
            temperature: self.temperature,
            chunk_tokens: self.chunk_tokens,
        };
        let most = match self.objective.loss {
            // Its mean is over the tokens of a micro-batch.
            LossType::Bnpo => usize::MAX,
            _ => most,
        };
        let mut sum = Summed::default();
        for micro in parts(&self.completions, self.micro_batch, most, |c| c.ids.len()) {
            let part: Vec<PolicySample<'_>> = micro.iter().map(Completion::sample).collect();
            let gradient =
                policy_gradient(model, &self.prompts, &part, settings, self.scale, recompute);
            let PolicyGradient { loss, stats, logprobs, grads } = gradient.await?;
            let logprobs = micro.iter().map(|c| c.index).zip(logprobs).collect();
            sum.measured.policy.join(PolicyStep::sums_of(loss, &stats, logprobs));
            sum.add(grads);
        }
        Ok(sum)
    }
}
