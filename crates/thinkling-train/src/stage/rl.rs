//! `kind = "rl"`: reinforcement learning with group-relative advantages and rule rewards.

mod alarms;
mod asked;
mod evaluation;
mod gap;
mod judge;
mod preferences;
mod report;
mod rollout;
mod sources;
mod update;

use super::checkpoints::{read_reference, read_saved};
use super::{Doing, StageContext, StageResult};
use crate::checkpoint::Checkpoint;
use crate::cost::DataSizes;
use crate::error::{Result, TrainError};
use crate::external::Externals;
use crate::model_io::LoadedModel;
use crate::progress::StageStarted;
use crate::questions::Loaded;
use crate::recipe::{RlStage, Rollouts};
use crate::rollout_executor::RolloutExecutor;
use alarms::Watch;
use evaluation::evaluation;
use preferences::Preferences;
use report::report;
use rollout::{RollOut, rollout_config};
use serde::{Deserialize, Serialize};
use sources::Material;
use std::time::Instant;
use thinkling_engine::Groups;
use thinkling_grpo::ObjectiveConfig;
use thinkling_learn::{QuestionOrder, RolloutConfig};
use thinkling_reward::Tools;
use update::learn;

pub(crate) use sources::mixture;

/// Where the stage stands, beyond weights and optimiser.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// Order of the questions.
    #[serde(alias = "sampler")]
    order: QuestionOrder,
    /// Rollouts done.
    rollouts: u64,
    /// Completions of further questions, sampled beside the rollouts' own.
    #[serde(default)]
    extra: u64,
    /// What the alarms have seen.
    #[serde(default)]
    watch: Watch,
}

/// What stays the same during the stage.
struct Rl<'a> {
    stage: &'a RlStage,
    name: &'a str,
    material: Material<'a>,
    rollout: RolloutConfig,
    tools: Tools<'a>,
    objective: ObjectiveConfig,
}

impl Rl<'_> {
    /// Sizes of its rollouts.
    fn groups(&self) -> Groups {
        Groups {
            prompts: self.stage.questions_per_rollout(),
            group_size: self.stage.group_size,
            prompt_tokens: self.longest_prompt(),
            max_tokens: self.stage.longest_completion(),
            max_rows: self.rollout.max_rows,
        }
    }

    /// Tokens of the longest prompt.
    fn longest_prompt(&self) -> usize {
        self.material.questions.iter().map(|q| q.prompt.len()).max().unwrap_or(0)
    }

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
    let rl = Rl {
        stage,
        name,
        material: Material::load(context, stage, &model, seed)?,
        rollout: rollout_config(stage, &model, seed)?,
        tools: context.tools,
        objective: stage.objective(),
    };
    let resumed = saved.as_ref().zip(checkpoint).map(|(s, c)| (c, s.updates));
    let mut preferences: Vec<Preferences<'_>> = (rl.material.rewards.iter())
        .map(|rewards| Preferences::of(context.run, rewards, stage.training.steps))
        .collect::<Result<_>>()?;
    let data = DataSizes {
        prompt_tokens: Some(rl.groups().prompt_tokens),
        judge_bytes: preferences.iter().map(|p| p.bytes as u64).sum(),
        ..DataSizes::default()
    };
    let mut learner = context.learner(model.decoder.clone(), &data, resumed)?;
    let mut reference = match (stage.kl_coef != 0.0, resumed) {
        (false, _) => None,
        // Adapters that begin as nothing, to be averaged with those of the policy.
        (true, None) if stage.ref_ema.is_some() => Some(learner.model().clone()),
        (true, None) => Some(learner.model().without_lora()),
        (true, Some((checkpoint, _))) => Some(read_reference(checkpoint, learner.model())?),
    };
    let (mut step, mut state) = match saved {
        Some(saved) => (saved.step, saved.state),
        None => {
            let order = rl.material.mixture.start();
            (0, State { order, rollouts: 0, extra: 0, watch: Watch::default() })
        }
    };
    let (expected, got) = (state.order.item_counts(), rl.material.mixture.item_counts());
    if expected != got {
        return Err(TrainError::Failed {
            what: "resuming",
            reason: format!(
                "the data has changed, expected: {expected:?} questions by source, got: {got:?}"
            ),
        });
    }
    let rewards = rl.material.rewards.iter();
    let mut externals: Vec<Externals> = rewards
        .map(|rewards| Externals::start(rewards.active_external()))
        .collect::<Result<_>>()?;
    note_capped(context, &rl, &model);
    let mut executor = match &stage.rollout {
        Rollouts::Here(keys) => {
            let (config, groups) = (model.decoder.config(), rl.groups());
            let note = |text: &str| context.progress.note(text);
            RolloutExecutor::open(keys, context.devices, config, groups, note)?
        }
        Rollouts::Servers(keys) => {
            RolloutExecutor::servers(keys, &model.path.display().to_string())?
        }
    };
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
    let mut gap_told = false;
    while step < total && !context.interrupt.is_requested() {
        let clock = Instant::now();
        let before_rollout = state.clone();
        for part in &mut preferences {
            for told in part.join(step, context.devices.learner())? {
                context.progress.note(&told);
            }
        }
        let roll_out = RollOut {
            rl: &rl,
            model: &model,
            learner: &learner,
            reference: reference.as_ref(),
            externals: &mut externals,
            preferences: &preferences,
            executor: &mut executor,
            note: &mut |text| context.progress.note(text),
        };
        context.course.begins(Doing::Rollout);
        let rolled = roll_out.run(&mut state, step);
        context.check_device()?;
        let others =
            matches!(rolled, Err(TrainError::External { .. } | TrainError::Servers { .. }));
        if others && saved_at != Some(step) {
            // What was learnt is not lost with programs that others run.
            context.save(&learner, reference.as_ref(), step, &before_rollout)?;
        }
        let rolled = rolled?;
        context.finish_saving()?;
        let (before_step, train_clock) = (step, Instant::now());
        context.course.begins(Doing::Update);
        let learnt = learn(&rl, &mut learner, &mut reference, &rolled.batch, &mut step)?;
        context.check_device()?;
        context.course.begins(Doing::Else);
        let train_s = train_clock.elapsed().as_secs_f64();
        if StageContext::is_due(stage.ref_replace_every, before_step, step) && reference.is_some() {
            reference = Some(learner.model().clone());
        }
        let seconds = clock.elapsed().as_secs_f64();
        let per_step = started.elapsed().as_secs_f64() / (step - first) as f64;
        let remaining = per_step * (total - step) as f64;
        report(context, &rl, &rolled, &learnt, step, train_s, seconds, remaining)?;
        context.check_finite(step, learnt.mean(|s| s.loss), learnt.mean(|s| s.grad_norm))?;
        if let Some(gap) = learnt.gap.filter(|gap| gap.is_notable() && !gap_told) {
            gap_told = true;
            context.progress.note(&format!(
                "the sampler's log-probabilities are {:.3} nats from the trainer's on average (mean \
                 ratio {:.3}); `importance_correction` makes up for a part of it, more exact \
                 `rollout.weights` avoid it",
                gap.mean, gap.ratio
            ));
        }
        let (kl, grad_norm) = (learnt.optional_mean(|s| s.kl), learnt.steepest());
        let watched = state.watch.sees(&stage.alarms, &rolled.summary, kl, grad_norm);
        if let Some(what) = watched.alarm {
            return Err(context.alarm(step, what));
        }
        if watched.collapsed {
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
    Ok(StageResult { interrupted, before, after, ..StageResult::of(Some(model)) })
}

/// Says how many records of a data file were passed over.
fn note_skipped(context: &mut StageContext<'_>, loaded: &Loaded) {
    if let Some(words) = loaded.skipped_words() {
        context.progress.note(&words);
    }
}

/// Says how many questions leave less room than a completion may take.
fn note_capped(context: &mut StageContext<'_>, rl: &Rl<'_>, model: &LoadedModel) {
    let positions = model.decoder.config().max_position_embeddings;
    let limit = rl.stage.longest_completion();
    let questions = &rl.material.questions;
    let capped = questions.iter().filter(|q| q.prompt.len() + limit > positions).count();
    if capped > 0 {
        context.progress.note(&format!(
            "stage `{}`: the model's context of {positions} tokens cuts completions of {capped} of \
             {} questions before `max_completion_tokens` = {limit}",
            rl.name,
            questions.len()
        ));
    }
}
