//! One optimiser step: gradients of micro-batches added up, then AdamW.

use crate::adamw::AdamW;
use crate::language_model::{add_grads, language_model_loss};
use crate::micro::{most_tokens, parts};
use crate::policy::{LearnError, PolicySample, PolicySettings, policy_gradient};
use crate::preference::{Predicted, Preference, reward_loss};
use crate::supervised::{Example, supervised_loss};
use thinkling_grpo::{BatchScale, LossType};
use thinkling_model::{Decoder, ModelError, ParamGrads, Recompute};

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
}

/// What a policy step did. Averages are over tokens.
#[derive(Clone, Debug, Default, PartialEq)]
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
        Self { model: Some(model), optimizer, activation_bytes: None, recompute: Recompute::None }
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

    async fn apply(&mut self, grads: ParamGrads, lr: f64) -> Result<f64, ModelError> {
        let model = self.model.take().expect("the model is only absent while an update runs");
        let (model, norm) = self.optimizer.step(model, grads, lr).await?;
        self.model = Some(model);
        Ok(norm)
    }

    /// One step of next-token training on `documents`, in micro-batches of about `micro_tokens`
    /// tokens; gives loss in nats a token and gradient norm.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn language_model_step(
        &mut self,
        documents: &[Vec<u32>],
        lr: f64,
        micro_tokens: usize,
        chunk_tokens: usize,
    ) -> Result<(f64, f64), LearnError> {
        let mut documents: Vec<&[u32]> =
            documents.iter().map(Vec::as_slice).filter(|d| d.len() > 1).collect();
        // Like lengths together, so that attention pads little.
        documents.sort_by_key(|d| d.len());
        let targets: usize = documents.iter().map(|d| d.len() - 1).sum();
        let mut sum = None;
        let mut loss = 0.0;
        let most =
            most_tokens(self.model(), self.activation_bytes, self.recompute).min(micro_tokens);
        for micro in parts(&documents, usize::MAX, most, |document| document.len()) {
            let part =
                language_model_loss(self.model(), micro, targets, chunk_tokens, self.recompute)
                    .await?;
            loss += part.loss;
            sum = Some(add_grads(sum, part.grads));
        }
        let Some(grads) = sum else { return Ok((0.0, 0.0)) };
        let norm = self.apply(grads, lr).await?;
        Ok((loss, norm))
    }

    /// One step of supervised training on `sequences`, each some examples that are run side by side,
    /// in micro-batches of at most `micro_batch` sequences; gives the mean loss of the step's
    /// trained tokens in nats and the gradient norm.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn supervised_step(
        &mut self,
        sequences: &[Vec<&Example>],
        lr: f64,
        micro_batch: usize,
        chunk_tokens: usize,
    ) -> Result<(f64, f64), LearnError> {
        let trained: usize = sequences.iter().flatten().map(|e| e.trained_tokens()).sum();
        let most = most_tokens(self.model(), self.activation_bytes, self.recompute);
        let tokens = |sequence: &Vec<&Example>| sequence.iter().map(|e| e.ids().len()).sum();
        let (mut loss, mut sum) = (0.0, None);
        for micro in parts(sequences, micro_batch, most, tokens) {
            let examples: Vec<&Example> = micro.iter().flatten().copied().collect();
            let part =
                supervised_loss(self.model(), &examples, trained, chunk_tokens, self.recompute)
                    .await?;
            loss += part.loss;
            sum = Some(add_grads(sum, part.grads));
        }
        let Some(grads) = sum else { return Ok((0.0, 0.0)) };
        let norm = self.apply(grads, lr).await?;
        Ok((loss, norm))
    }

    /// One step of a reward model on `items`, in micro-batches of at most `micro_batch` of them.
    ///
    /// # Errors
    /// A model without the head of a reward model, a device that fails.
    pub async fn reward_step(
        &mut self,
        items: &[&Preference],
        lr: f64,
        micro_batch: usize,
    ) -> Result<RewardStep, LearnError> {
        let mut items = items.to_vec();
        // Like lengths together, so that attention pads little.
        items.sort_by_key(|item| item.texts().longest());
        let most = most_tokens(self.model(), self.activation_bytes, self.recompute);
        let (mut step, mut sum) = (RewardStep::default(), None);
        for micro in parts(&items, micro_batch, most, |item| item.texts().tokens()) {
            let part = reward_loss(self.model(), micro, items.len(), self.recompute).await?;
            step.loss += part.loss;
            step.predicted.extend(part.predicted);
            sum = Some(add_grads(sum, part.grads));
        }
        if let Some(grads) = sum {
            step.grad_norm = self.apply(grads, lr).await?;
        }
        Ok(step)
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
    /// An objective that does not fit its inputs, a device that fails.
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
        let keep_all = settings.objective.loss == LossType::Bnpo;
        let mut run: Vec<usize> =
            (0..samples.len()).filter(|&i| keep_all || !idle(&samples[i])).collect();
        // Completions of one prompt stay together, and like lengths with like, to pad little.
        run.sort_by_key(|&i| (samples[i].prompt, samples[i].ids.len()));
        let tokens: usize = samples.iter().filter(|s| s.trained).map(|s| s.ids.len()).sum();
        let scale = BatchScale {
            num_items_in_batch: Some((tokens as f64).max(1.0)),
            step_rows: Some(samples.len()),
            ..BatchScale::default()
        };
        let mut step = PolicyStep::default();
        let mut sum = None;
        let most = match keep_all {
            true => usize::MAX,
            false => most_tokens(self.model(), self.activation_bytes, self.recompute),
        };
        for micro in parts(&run, micro_batch, most, |&i| samples[i].ids.len()) {
            let part: Vec<PolicySample<'_>> = micro.iter().map(|&i| samples[i].clone()).collect();
            let gradient =
                policy_gradient(self.model(), prompts, &part, settings, scale, self.recompute)
                    .await?;
            step.add(&gradient);
            step.logprobs.extend(micro.iter().copied().zip(gradient.logprobs));
            sum = Some(add_grads(sum, gradient.grads));
        }
        step.finish();
        if let Some(grads) = sum {
            step.grad_norm = self.apply(grads, lr).await?;
        }
        Ok(step)
    }
}

impl PolicyStep {
    /// Adds a micro-batch; averages are sums until [`finish`](Self::finish).
    fn add(&mut self, part: &crate::policy::PolicyGradient) {
        let (stats, tokens) = (&part.stats, part.stats.tokens);
        self.loss += part.loss;
        self.tokens += tokens;
        self.clip_fraction_low += stats.clip_fraction_low * tokens;
        self.clip_fraction_high += stats.clip_fraction_high * tokens;
        self.entropy += stats.entropy.unwrap_or(0.0) * tokens;
        for (sum, mean) in [
            (&mut self.kl, stats.kl),
            (&mut self.importance_weight, stats.importance_weight),
            (&mut self.importance_capped, stats.importance_capped),
        ] {
            if let Some(mean) = mean {
                *sum.get_or_insert(0.0) += mean * tokens;
            }
        }
        self.ratio_max = self.ratio_max.max(stats.ratio_max);
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
