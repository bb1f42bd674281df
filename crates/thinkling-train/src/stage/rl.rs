//! `kind = "rl"`: reinforcement learning with group-relative advantages and rule rewards.

mod evaluation;
mod report;
mod rollout;

use super::checkpoints::{read_reference, read_saved};
use super::{StageContext, StageResult, learn_error};
use crate::checkpoint::Checkpoint;
use crate::error::{Result, TrainError};
use crate::external::Externals;
use crate::model_io::LoadedModel;
use crate::progress::StageStarted;
use crate::prompts::Prompts;
use crate::questions::{Checks, Loaded, load_questions};
use crate::recipe::RlStage;
use evaluation::evaluation;
use report::report;
use rollout::{roll_out, rollout_config};
use serde::{Deserialize, Serialize};
use std::time::Instant;
use thinkling_grpo::ObjectiveConfig;
use thinkling_learn::{
    Batch, CollapseWatch, EpochSampler, Learner, PolicySample, PolicySettings, PolicyStep,
    Question, RolloutConfig, Summary, chunk_tokens,
};
use thinkling_reward::{RewardSpec, Tools};

/// Where the stage stands, beyond weights and optimiser.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// Order of the questions.
    sampler: EpochSampler,
    /// Rollouts done.
    rollouts: u64,
}

/// What stays the same during the stage.
struct Rl<'a> {
    stage: &'a RlStage,
    name: &'a str,
    questions: Vec<Question>,
    rollout: RolloutConfig,
    rewards: RewardSpec,
    tools: Tools<'a>,
    objective: ObjectiveConfig,
}

impl Rl<'_> {
    /// Whether an evaluation falls due between two steps, the last one of the stage left out.
    fn evaluates_between(&self, before: u64, after: u64) -> bool {
        let every = self.stage.eval.as_ref().map_or(0, |e| e.every);
        after < self.stage.training.steps as u64 && StageContext::is_due(every, before, after)
    }
}

pub(super) fn run(
    context: &mut StageContext<'_>,
    stage: &RlStage,
    model: LoadedModel,
    checkpoint: Option<&Checkpoint>,
) -> Result<StageResult> {
    let saved = checkpoint.map(read_saved::<State>).transpose()?;
    let recipe = context.recipe;
    let name = &recipe.stages[context.index].name;
    let seed = recipe.stage_seed(context.index);
    let (rewards, tools) = (stage.rewards.spec(), context.tools);
    let checks = Checks { stage: name, rewards: &rewards, tools };
    let prompts = Prompts::of(&model, stage.template)?;
    let positions = model.decoder.config().max_position_embeddings;
    let loaded =
        load_questions(checks, &stage.data, prompts, positions, (seed, false), usize::MAX)?;
    note_skipped(context, &loaded);
    let rl = Rl {
        stage,
        name,
        questions: loaded.questions,
        rollout: rollout_config(stage, &model, seed)?,
        rewards,
        tools,
        objective: stage.objective(),
    };
    let resumed = saved.as_ref().zip(checkpoint).map(|(s, c)| (c, s.updates));
    let mut learner = context.learner(model.decoder.clone(), resumed)?;
    let mut reference = match (stage.kl_coef != 0.0, resumed) {
        (false, _) => None,
        (true, None) => Some(learner.model().without_lora()),
        (true, Some((checkpoint, _))) => Some(read_reference(checkpoint, learner.model())?),
    };
    let (mut step, mut state) = match saved {
        Some(saved) => (saved.step, saved.state),
        None => {
            let sampler = EpochSampler::new(seed, rl.questions.len());
            (0, State { sampler, rollouts: 0 })
        }
    };
    if state.sampler.item_count() != rl.questions.len() {
        return Err(TrainError::Failed {
            what: "resuming",
            reason: format!(
                "the data has changed, expected: {} questions, got: {}",
                state.sampler.item_count(),
                rl.questions.len()
            ),
        });
    }
    let mut externals = Externals::start(stage.rewards.active_external())?;
    note_capped(context, &rl, &model);
    let before = evaluation(context, &rl, &model, learner.model(), 0)?;
    let total = stage.training.steps as u64;
    // The process may have ended between a checkpoint and the evaluation that follows it.
    if rl.evaluates_between(step.saturating_sub(stage.steps_per_rollout() as u64), step) {
        evaluation(context, &rl, &model, learner.model(), step)?;
    }
    context.progress.stage_started(&StageStarted {
        name: rl.name,
        kind: "rl",
        index: context.index,
        stages: recipe.stages.len(),
        done_steps: step,
        steps: total,
    });
    let (started, first) = (Instant::now(), step);
    // A resumed stage already has the checkpoint that it starts from.
    let mut saved_at = resumed.map(|_| step);
    let mut collapse = CollapseWatch::default();
    while step < total && !context.interrupt.is_requested() {
        let clock = Instant::now();
        let before_rollout = state.clone();
        let rolled =
            roll_out(&rl, &model, &learner, reference.as_ref(), &mut externals, &mut state);
        if matches!(rolled, Err(TrainError::External { .. })) && saved_at != Some(step) {
            // What was learnt is not lost with a program that others wrote.
            context.save(&learner, reference.as_ref(), step, &before_rollout)?;
        }
        let rolled = rolled?;
        context.finish_saving()?;
        let (before_step, train_clock) = (step, Instant::now());
        let learnt = learn(&rl, &mut learner, &rolled.batch, &mut step)?;
        let train_s = train_clock.elapsed().as_secs_f64();
        if StageContext::is_due(stage.ref_replace_every, before_step, step) && reference.is_some() {
            reference = Some(learner.model().clone());
        }
        let seconds = clock.elapsed().as_secs_f64();
        let per_step = started.elapsed().as_secs_f64() / (step - first) as f64;
        let remaining = per_step * (total - step) as f64;
        let bounded = stage.rewards.bounded();
        let summary = Summary::of(&rolled.batch.scored, stage.group_size, &bounded);
        report(context, &rl, &rolled, &learnt, &summary, step, train_s, seconds, remaining)?;
        context.check_finite(step, learnt.mean(|s| s.loss), learnt.mean(|s| s.grad_norm))?;
        if collapse.sees(&summary) {
            context.progress.note(
                "the policy may have collapsed: nearly no group has any variance and accuracy is \
                 near zero while the format is kept; a smaller learning rate usually helps",
            );
        }
        if StageContext::is_due(stage.training.checkpoint_every, before_step, step) {
            context.save(&learner, reference.as_ref(), step, &state)?;
            saved_at = Some(step);
        }
        if rl.evaluates_between(before_step, step) {
            evaluation(context, &rl, &model, learner.model(), step)?;
        }
    }
    if saved_at != Some(step) {
        context.save(&learner, reference.as_ref(), step, &state)?;
    }
    let after = match step < total {
        false => evaluation(context, &rl, &model, learner.model(), total)?,
        true => None,
    };
    context.finish_saving()?;
    let interrupted = step < total || (stage.eval.is_some() && after.is_none());
    drop(rl);
    let model = LoadedModel { decoder: learner.into_model(), ..model };
    Ok(StageResult { model, interrupted, before, after })
}

/// Says how many records of a data file were passed over.
fn note_skipped(context: &mut StageContext<'_>, loaded: &Loaded) {
    if let Some(first) = loaded.skipped.first() {
        context.progress.note(&format!(
            "{} bad records were skipped, the first in line {}: {}",
            loaded.skipped.len(),
            first.line,
            first.reason
        ));
    }
}

/// Says how many questions leave less room than a completion may take.
fn note_capped(context: &mut StageContext<'_>, rl: &Rl<'_>, model: &LoadedModel) {
    let positions = model.decoder.config().max_position_embeddings;
    let limit = rl.stage.max_completion_tokens;
    let capped = rl.questions.iter().filter(|q| q.prompt.len() + limit > positions).count();
    if capped > 0 {
        context.progress.note(&format!(
            "stage `{}`: the model's context of {positions} tokens cuts completions of {capped} of \
             {} questions before `max_completion_tokens` = {limit}",
            rl.name,
            rl.questions.len()
        ));
    }
}

/// What the updates of one rollout did: means over its steps, and the first one's gap.
#[derive(Default)]
struct Learnt {
    steps: Vec<PolicyStep>,
    lr: f64,
    /// Mean and largest absolute difference between log-probabilities at sampling and recomputed
    /// before the first update.
    gap: Option<(f64, f64)>,
}

impl Learnt {
    fn mean(&self, f: impl Fn(&PolicyStep) -> f64) -> f64 {
        self.steps.iter().map(f).sum::<f64>() / self.steps.len().max(1) as f64
    }
}

/// Updates the policy on a rollout; counts `step` on.
fn learn(rl: &Rl<'_>, learner: &mut Learner, batch: &Batch, step: &mut u64) -> Result<Learnt> {
    let stage = rl.stage;
    let mut learnt = Learnt::default();
    let per_step = stage.completions_per_step();
    let schedule = stage.training.schedule();
    let settings = PolicySettings {
        objective: &rl.objective,
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
                learnt.gap = gap(&done, &samples);
            }
            learnt.steps.push(done);
            *step += 1;
        }
    }
    Ok(learnt)
}

fn gap(step: &PolicyStep, samples: &[PolicySample<'_>]) -> Option<(f64, f64)> {
    let mut differences = step.logprobs.iter().flat_map(|(i, new)| {
        new.iter().zip(samples[*i].old_logprobs).map(|(n, &o)| (n - f64::from(o)).abs())
    });
    let first = differences.next()?;
    let (mut sum, mut max, mut count) = (first, first, 1.0);
    for d in differences {
        sum += d;
        max = f64::max(max, d);
        count += 1.0;
    }
    Some((sum / count, max))
}
