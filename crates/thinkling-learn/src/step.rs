//! One optimiser step: gradients of micro-batches added up, then AdamW.

use crate::adamw::AdamW;
use crate::policy::{LearnError, PolicySample, PolicySettings};
use crate::preference::{Predicted, Preference};
use crate::share::{Limits, Measured, Policy, Share, Summed, Workers};
use crate::supervised::Example;
use serde::{Deserialize, Serialize};
use thinkling_grpo::{BatchScale, LossType, ObjectiveStats};
use thinkling_model::{Decoder, Recompute};

/// A model in training with its optimiser.
#[derive(Debug)]
pub struct Learner {
    /// `None` only while an update runs, or after a device failed within one.
    model: Option<Decoder>,
    /// The optimiser.
    pub optimizer: AdamW,
    /// Bytes of activations that a micro-batch may take: larger ones are cut further. `None` takes
    /// what is fast on the device.
    pub activation_bytes: Option<usize>,
    /// What forward passes keep.
    pub recompute: Recompute,
    /// Other processes that compute a share of each gradient.
    pub workers: Option<Box<dyn Workers>>,
}

/// What a policy step did. Averages are over tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyStep {
    /// Loss.
    pub loss: f64,
    /// Global norm of the gradient before clipping; NaN or infinite where the step was left out.
    pub grad_norm: f64,
    /// Share of tokens whose ratio was cut from below.
    pub clip_fraction_low: f64,
    /// Share of tokens whose ratio was cut from above.
    pub clip_fraction_high: f64,
    /// Divergence from the reference, nats, where there is one.
    pub kl: Option<f64>,
    /// Entropy, nats.
    pub entropy: f64,
    /// Largest ratio of the policy to the policy that sampled.
    pub ratio_max: f64,
    /// Importance weight after the cap, where the objective has a correction.
    pub importance_weight: Option<f64>,
    /// Share of tokens whose importance weight was above the cap.
    pub importance_capped: Option<f64>,
    /// Tokens that the averages are over.
    pub tokens: f64,
    /// `(completion index, log-probabilities before the update)` of the completions that were run.
    pub logprobs: Vec<(usize, Vec<f64>)>,
}

/// What a step of a reward model did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RewardStep {
    /// Mean loss of a pair or label, nats.
    pub loss: f64,
    /// Global norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Of each pair or label, before the update; those of like length together.
    pub predicted: Vec<Predicted>,
}

impl Learner {
    /// Takes over a model.
    pub fn new(model: Decoder, optimizer: AdamW) -> Self {
        let (activation_bytes, recompute) = (None, Recompute::None);
        Self { model: Some(model), optimizer, activation_bytes, recompute, workers: None }
    }

    /// The model as it is now.
    ///
    /// # Panics
    /// After an update whose device failed.
    pub fn model(&self) -> &Decoder {
        self.model.as_ref().expect("the model is only absent while an update runs")
    }

    /// The model, when training is done.
    ///
    /// # Panics
    /// After an update whose device failed.
    pub fn into_model(self) -> Decoder {
        self.model.expect("the model is only absent while an update runs")
    }

    /// The gradient of a step of `items`, each worker's share of them computed by itself, and the
    /// update; gives what was measured and the gradient's norm, 0 where nothing has a gradient. Shares
    /// are cut between runs of `whole` items.
    async fn step<T>(
        &mut self,
        items: &[T],
        whole: usize,
        tokens: impl Fn(&T) -> usize,
        share: impl Fn(&[T]) -> Share,
        lr: f64,
    ) -> Result<(Measured, f64), LearnError> {
        let others = self.workers.as_ref().map_or(0, |workers| workers.count());
        let mut shares = cut(items, 1 + others, whole, tokens).into_iter().map(share);
        let own = shares.next().expect("one share at least");
        if let Some(workers) = &mut self.workers {
            workers.begin(shares.collect())?;
        }
        let limits = Limits { activation_bytes: self.activation_bytes, recompute: self.recompute };
        let mut sum = own.compute(self.model(), limits).await?;
        if let Some(workers) = &mut self.workers {
            let model = self.model.as_ref().expect("no update runs");
            sum = workers.join(sum, model)?;
        }
        let Summed { grads, measured } = sum;
        let Some(grads) = grads else { return Ok((measured, 0.0)) };
        let model = self.model.take().expect("the model is only absent while an update runs");
        let (model, norm) = self.optimizer.step(model, grads, lr).await?;
        if let Some(workers) = &mut self.workers {
            workers.update(&model)?;
        }
        self.model = Some(model);
        Ok((measured, norm))
    }

    /// One step of next-token training on `documents`, in micro-batches of about `micro_tokens`
    /// tokens; gives loss in nats a token and gradient norm.
    ///
    /// # Errors
    /// A device or a worker that fails.
    pub async fn language_model_step(
        &mut self,
        documents: &[Vec<u32>],
        lr: f64,
        micro_tokens: usize,
        chunk_tokens: usize,
    ) -> Result<(f64, f64), LearnError> {
        let mut documents: Vec<&Vec<u32>> = documents.iter().filter(|d| d.len() > 1).collect();
        // Like lengths together, so that attention pads little.
        documents.sort_by_key(|d| d.len());
        let targets: usize = documents.iter().map(|d| d.len() - 1).sum();
        let share = |part: &[&Vec<u32>]| Share::LanguageModel {
            documents: part.iter().copied().cloned().collect(),
            targets,
            micro_tokens,
            chunk_tokens,
        };
        let (measured, norm) = self.step(&documents, 1, |d| d.len(), share, lr).await?;
        Ok((measured.loss, norm))
    }

    /// One step of supervised training on `sequences`, each some examples that are run side by side,
    /// in micro-batches of at most `micro_batch` sequences; gives the mean loss of the step's
    /// trained tokens in nats and the gradient norm.
    ///
    /// # Errors
    /// A device or a worker that fails.
    pub async fn supervised_step(
        &mut self,
        sequences: &[Vec<&Example>],
        lr: f64,
        micro_batch: usize,
        chunk_tokens: usize,
    ) -> Result<(f64, f64), LearnError> {
        let trained: usize = sequences.iter().flatten().map(|e| e.trained_tokens()).sum();
        let tokens = |sequence: &Vec<&Example>| sequence.iter().map(|e| e.ids().len()).sum();
        let share = |part: &[Vec<&Example>]| Share::Supervised {
            sequences: part.iter().map(|s| s.iter().copied().cloned().collect()).collect(),
            trained,
            micro_batch,
            chunk_tokens,
        };
        let (measured, norm) = self.step(sequences, 1, tokens, share, lr).await?;
        Ok((measured.loss, norm))
    }

    /// One step of a reward model on `items`, in micro-batches of at most `micro_batch` of them.
    ///
    /// # Errors
    /// A model without the head of a reward model, a device or a worker that fails.
    pub async fn reward_step(
        &mut self,
        items: &[&Preference],
        lr: f64,
        micro_batch: usize,
    ) -> Result<RewardStep, LearnError> {
        let mut items = items.to_vec();
        // Like lengths together, so that attention pads little.
        items.sort_by_key(|item| item.texts().longest());
        let all = items.len();
        let share = |part: &[&Preference]| Share::Reward {
            items: part.iter().copied().cloned().collect(),
            all,
            micro_batch,
        };
        let (measured, grad_norm) =
            self.step(&items, 1, |item| item.texts().tokens(), share, lr).await?;
        Ok(RewardStep { loss: measured.loss, grad_norm, predicted: measured.predicted })
    }

    /// One policy-gradient step on `samples` (all completions of the minibatch), in micro-batches
    /// of at most `micro_batch` completions.
    ///
    /// Completions that cannot move the policy (advantage 0 without a KL term or an entropy bonus, or
    /// not trained) are counted in the loss's mean but not run. Splitting gives the gradient of the whole minibatch,
    /// except for [`LossType::Bnpo`], whose mean is over the tokens of a micro-batch by definition;
    /// there nothing is left out.
    ///
    /// # Errors
    /// An objective that does not fit its inputs, a device or a worker that fails.
    pub async fn policy_step(
        &mut self,
        prompts: &[Vec<u32>],
        samples: &[PolicySample<'_>],
        settings: PolicySettings<'_>,
        lr: f64,
        micro_batch: usize,
    ) -> Result<PolicyStep, LearnError> {
        let others = settings.objective.kl_coef != 0.0 || settings.objective.entropy_coef != 0.0;
        let idle = |s: &PolicySample<'_>| !s.trained || (s.advantage == 0.0 && !others);
        let by_micro_batch = settings.objective.loss == LossType::Bnpo;
        let mut run: Vec<usize> =
            (0..samples.len()).filter(|&i| by_micro_batch || !idle(&samples[i])).collect();
        // Completions of one prompt stay together, and like lengths with like, to pad little.
        run.sort_by_key(|&i| (samples[i].prompt, samples[i].ids.len()));
        let tokens: usize = samples.iter().filter(|s| s.trained).map(|s| s.ids.len()).sum();
        let scale = BatchScale {
            num_items_in_batch: Some((tokens as f64).max(1.0)),
            step_rows: Some(samples.len()),
            ..BatchScale::default()
        };
        let share = |rows: &[usize]| {
            Share::Policy(Box::new(Policy::of(
                prompts,
                samples,
                rows,
                settings,
                scale,
                micro_batch,
            )))
        };
        let whole = if by_micro_batch { micro_batch.max(1) } else { 1 };
        let (measured, grad_norm) =
            self.step(&run, whole, |&i| samples[i].ids.len(), share, lr).await?;
        let mut step = measured.policy;
        step.finish();
        step.grad_norm = grad_norm;
        Ok(step)
    }
}

/// Cuts `items` into `shares` runs of like numbers of tokens, each but the last a multiple of `whole`
/// items; later ones may be empty.
fn cut<T>(items: &[T], shares: usize, whole: usize, tokens: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let units: Vec<&[T]> = items.chunks(whole).collect();
    let sizes: Vec<usize> = units.iter().map(|unit| unit.iter().map(&tokens).sum()).collect();
    let all: usize = sizes.iter().sum();
    let (mut cuts, mut start, mut before, mut unit) = (Vec::with_capacity(shares), 0, 0, 0);
    for share in 1..=shares {
        let until = all * share / shares;
        let mut end = start;
        // A unit belongs to the share that has its middle.
        while unit < units.len() && (share == shares || before + sizes[unit] / 2 < until) {
            before += sizes[unit];
            end += units[unit].len();
            unit += 1;
        }
        cuts.push(&items[start..end]);
        start = end;
    }
    cuts
}

impl PolicyStep {
    /// A micro-batch, whose averages are sums until [`finish`](Self::finish).
    pub(crate) fn sums_of(
        loss: f64,
        stats: &ObjectiveStats,
        logprobs: Vec<(usize, Vec<f64>)>,
    ) -> Self {
        let tokens = stats.tokens;
        let sum = |mean: Option<f64>| mean.map(|mean| mean * tokens);
        Self {
            loss,
            grad_norm: 0.0,
            clip_fraction_low: stats.clip_fraction_low * tokens,
            clip_fraction_high: stats.clip_fraction_high * tokens,
            kl: sum(stats.kl),
            entropy: stats.entropy.unwrap_or(0.0) * tokens,
            ratio_max: stats.ratio_max,
            importance_weight: sum(stats.importance_weight),
            importance_capped: sum(stats.importance_capped),
            tokens,
            logprobs,
        }
    }

    /// Adds another micro-batch or share, whose averages are sums as well.
    pub(crate) fn join(&mut self, other: Self) {
        self.loss += other.loss;
        self.tokens += other.tokens;
        self.clip_fraction_low += other.clip_fraction_low;
        self.clip_fraction_high += other.clip_fraction_high;
        self.entropy += other.entropy;
        for (sum, more) in [
            (&mut self.kl, other.kl),
            (&mut self.importance_weight, other.importance_weight),
            (&mut self.importance_capped, other.importance_capped),
        ] {
            if let Some(more) = more {
                *sum.get_or_insert(0.0) += more;
            }
        }
        self.ratio_max = self.ratio_max.max(other.ratio_max);
        self.logprobs.extend(other.logprobs);
    }

    fn finish(&mut self) {
        let tokens = self.tokens.max(1.0);
        for value in [&mut self.clip_fraction_low, &mut self.clip_fraction_high, &mut self.entropy]
        {
            *value /= tokens;
        }
        for mean in [&mut self.kl, &mut self.importance_weight, &mut self.importance_capped] {
            *mean = mean.map(|sum| sum / tokens);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(lens: &[usize], shares: usize, whole: usize) -> Vec<Vec<usize>> {
        cut(lens, shares, whole, |len| *len).into_iter().map(<[usize]>::to_vec).collect()
    }

    #[test]
    fn shares_have_like_numbers_of_tokens_and_lose_nothing() {
        assert_eq!(sizes(&[1, 2, 3, 4, 5, 5], 1, 1), [vec![1, 2, 3, 4, 5, 5]]);
        assert_eq!(sizes(&[1, 2, 3, 4, 5, 5], 2, 1), [vec![1, 2, 3, 4], vec![5, 5]]);
        assert_eq!(sizes(&[9], 3, 1).concat(), [9]);
        assert_eq!(sizes(&[], 2, 1), [vec![], vec![]] as [Vec<usize>; 2]);
        for shares in 1..6 {
            let cut = sizes(&[7, 1, 1, 1, 30, 2, 2], shares, 1);
            assert_eq!((cut.len(), cut.concat()), (shares, vec![7, 1, 1, 1, 30, 2, 2]));
        }
    }

    #[test]
    fn shares_keep_micro_batches_whole() {
        assert_eq!(sizes(&[1; 7], 2, 3), [vec![1; 3], vec![1; 4]]);
        assert_eq!(sizes(&[1; 6], 2, 3), [vec![1; 3], vec![1; 3]]);
    }
}
