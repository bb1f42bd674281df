//! The updates that a rollout is used for.

use super::Rl;
use super::gap::Gap;
use crate::error::Result;
use crate::stage::learn_error;
use thinkling_grpo::ObjectiveConfig;
use thinkling_learn::{
    Batch, Learner, OldLogprobs, PolicySample, PolicySettings, PolicyStep, chunk_tokens,
    move_average,
};
use thinkling_model::Decoder;

/// What the updates of one rollout did: means over its steps, and the first one's gap.
#[derive(Default)]
pub(super) struct Learnt {
    pub(super) steps: Vec<PolicyStep>,
    pub(super) lr: f64,
    /// Between log-probabilities at sampling and recomputed before the first update.
    pub(super) gap: Option<Gap>,
}

impl Learnt {
    /// Over the steps.
    pub(super) fn mean(&self, f: impl Fn(&PolicyStep) -> f64) -> f64 {
        self.steps.iter().map(f).sum::<f64>() / self.steps.len().max(1) as f64
    }

    /// Largest norm of the gradient before clipping.
    pub(super) fn steepest(&self) -> f64 {
        self.steps.iter().map(|s| s.grad_norm).fold(0.0, f64::max)
    }

    /// Over the steps, where one of them has it.
    pub(super) fn optional_mean(&self, f: impl Fn(&PolicyStep) -> Option<f64>) -> Option<f64> {
        self.steps.iter().any(|s| f(s).is_some()).then(|| self.mean(|s| f(s).unwrap_or(0.0)))
    }
}

/// Updates the policy on a rollout, and a reference that follows it; counts `step` on.
pub(super) fn learn(
    rl: &Rl<'_>,
    learner: &mut Learner,
    reference: &mut Option<Decoder>,
    batch: &Batch,
    step: &mut u64,
) -> Result<Learnt> {
    let stage = rl.stage;
    let objective = ObjectiveConfig {
        max_completion_length: Some(stage.completion_limit(*step)),
        ..rl.objective.clone()
    };
    let mut learnt = Learnt { gap: whole_gap(batch), ..Learnt::default() };
    let per_step = stage.completions_per_step();
    let schedule = stage.training.schedule();
    let settings = PolicySettings {
        objective: &objective,
        temperature: rl.rollout.sampling.logprob_temperature(),
        chunk_tokens: chunk_tokens(learner.model()),
    };
    for _ in 0..stage.inner_epochs {
        for minibatch in 0..stage.minibatches {
            if *step >= stage.training.steps as u64 {
                return Ok(learnt);
            }
            let range = minibatch * per_step..(minibatch + 1) * per_step;
            let samples = batch.samples(range, stage.mask_truncated);
            learnt.lr = schedule.lr(*step);
            let micro = stage.training.micro_batch;
            let done = pollster::block_on(learner.policy_step(
                &batch.prompts,
                &samples,
                settings,
                learnt.lr,
                micro,
            ))
            .map_err(learn_error)?;
            if learnt.gap.is_none() {
                learnt.gap = first_gap(&done, &samples);
            }
            learnt.steps.push(done);
            *step += 1;
            if let Some(keep) = stage.ref_ema {
                *reference = reference.take().map(|r| move_average(r, learner.model(), keep));
            }
        }
    }
    Ok(learnt)
}

/// Over all completions, where the trainer's own log-probabilities were computed beforehand.
fn whole_gap(batch: &Batch) -> Option<Gap> {
    let OldLogprobs::Computed(own) = &batch.old else { return None };
    let rows = own.iter().zip(&batch.scored);
    let pairs = rows.flat_map(|(own, scored)| own.iter().zip(&scored.completion.logprobs));
    Gap::of(pairs.map(|(&own, &sampled)| (f64::from(own), f64::from(sampled))))
}

/// Over the completions that the first step ran.
fn first_gap(step: &PolicyStep, samples: &[PolicySample<'_>]) -> Option<Gap> {
    Gap::of(step.logprobs.iter().flat_map(|(i, own)| {
        let sampled = samples[*i].sampler_logprobs.unwrap_or_default();
        own.iter().zip(sampled).map(|(&own, &sampled)| (own, f64::from(sampled)))
    }))
}
