//! The loop of stages that go over their examples in passes: `sft` and `reward-model`.

use super::checkpoints::read_saved;
use super::{Doing, StageContext, StageResult};
use crate::checkpoint::Checkpoint;
use crate::cost::DataSizes;
use crate::error::{Result, TrainError};
use crate::metrics::MetricsRecord;
use crate::model_io::LoadedModel;
use crate::progress::{StageStarted, StepFinished};
use crate::recipe::{Stage, StageKind, Training};
use crate::run_dir::RunDir;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Instant;
use thinkling_learn::{EpochSampler, Learner};
use thinkling_model::Decoder;

/// Where the stage stands in its data.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// Order of the items.
    sampler: EpochSampler,
}

/// What a step did.
pub(super) struct Learnt {
    pub(super) loss: f64,
    pub(super) grad_norm: f64,
    /// Tokens that were run.
    pub(super) tokens: usize,
    /// What else the metrics have.
    pub(super) numbers: Vec<(&'static str, f64)>,
    /// The same as integers.
    pub(super) counts: Vec<(&'static str, u64)>,
}

/// What a model says of held-out examples.
pub(super) struct HeldOutMeasures {
    /// What the metrics have.
    pub(super) numbers: Vec<(&'static str, f64)>,
    /// What a person is told.
    pub(super) words: Vec<String>,
    /// What its file has.
    pub(super) json: Value,
}

/// The work of such a stage.
pub(super) trait Passes {
    /// Optimiser and length.
    fn training(&self) -> &Training;
    /// What a step draws from: as many things as a pass has.
    fn items(&self) -> usize;
    /// Things of a step.
    fn batch(&self) -> usize;
    /// Steps of the stage.
    fn steps(&self) -> u64;
    /// Steps between two evaluations; 0 for none between the first and the last.
    fn evaluate_every(&self) -> usize;
    /// What the data comes to.
    fn sizes(&self) -> DataSizes;
    /// Whether each evaluation has a file of its own, not only the one before the first step.
    fn keeps_evaluations(&self) -> bool;
    /// One step on the things at these places.
    fn learn(&self, learner: &mut Learner, picked: &[usize], lr: f64) -> Result<Learnt>;
    /// Measures on held-out examples; `None` without any.
    fn evaluate(
        &self,
        context: &mut StageContext<'_>,
        model: &Decoder,
    ) -> Result<Option<HeldOutMeasures>>;
}

/// File with what the data of a stage came to.
pub(super) fn counts_file(run: &RunDir, stage: &str) -> PathBuf {
    run.path().join(format!("examples-{stage}.json"))
}

/// Optimiser steps of a stage that has begun; where its data decides, its run folder says how many.
///
/// # Errors
/// A run folder that does not.
pub(crate) fn steps_of(run: &RunDir, stage: &Stage) -> Result<u64> {
    /// The part of the counts that is asked for.
    #[derive(Deserialize)]
    struct Counted {
        steps: u64,
    }
    let steps = stage.steps();
    let by_data = matches!(stage.kind, StageKind::Sft(_) | StageKind::RewardModel(_));
    if steps > 0 || !by_data {
        return Ok(steps);
    }
    let path = counts_file(run, &stage.name);
    let bytes = std::fs::read(&path).map_err(|e| TrainError::read("run file", &path, e))?;
    let counts: Counted =
        serde_json::from_slice(&bytes).map_err(|e| TrainError::damaged(&path, e.to_string()))?;
    Ok(counts.steps)
}

/// Goes over the data from `model`, or from `checkpoint`.
pub(super) fn run(
    context: &mut StageContext<'_>,
    work: &impl Passes,
    model: LoadedModel,
    checkpoint: Option<&Checkpoint>,
) -> Result<StageResult> {
    let recipe = context.recipe;
    let (name, training) = (&recipe.stages[context.index].name, work.training());
    let kind = recipe.stages[context.index].kind.name();
    let (seed, total) = (recipe.stage_seed(context.index), work.steps());
    let saved = checkpoint.map(read_saved::<State>).transpose()?;
    let resumed = saved.as_ref().zip(checkpoint).map(|(s, c)| (c, s.updates));
    let mut step = saved.as_ref().map_or(0, |s| s.step);
    let mut sampler =
        saved.map_or_else(|| EpochSampler::new(seed, work.items()), |s| s.state.sampler);
    if sampler.item_count() != work.items() {
        return Err(TrainError::Failed {
            what: "resuming",
            reason: format!(
                "the data has changed, expected: {} sequences, got: {}",
                sampler.item_count(),
                work.items()
            ),
        });
    }
    let mut learner = context.learner(model.decoder.clone(), &work.sizes(), resumed)?;
    // A run that begins again after a kill finds it there.
    if !evaluation_file(context, 0).exists()
        && let Some(measures) = work.evaluate(context, learner.model())?
    {
        tell(context, &measures, 0);
        crate::atomic::write_json(&evaluation_file(context, 0), &measures.json)?;
    }
    context.progress.stage_started(&StageStarted {
        name,
        kind,
        index: context.index,
        stages: recipe.stages.len(),
        done_steps: step,
        steps: total,
    });
    let (schedule, every) = (training.schedule_over(total), work.evaluate_every());
    let (started, first) = (Instant::now(), step);
    // A resumed stage already has the checkpoint that it starts from.
    let mut saved_at = checkpoint.map(|_| step);
    while step < total && !context.interrupt.is_requested() {
        let clock = Instant::now();
        let picked = sampler.next_batch(work.batch());
        let lr = schedule.lr(step);
        context.finish_saving()?;
        context.course.begins(Doing::Update);
        let learnt = work.learn(&mut learner, &picked, lr)?;
        step += 1;
        let seconds = clock.elapsed().as_secs_f64();
        let mut record = MetricsRecord::new(context.run_step(step), name)
            .number("loss", learnt.loss)
            .number("grad_norm", learnt.grad_norm)
            .number("lr", lr)
            .number("epoch", epochs(&sampler))
            .count("tokens", learnt.tokens as u64)
            .timing("step_s", seconds)
            .timing("checkpoint_s", context.checkpoint_s())
            .timing("tokens_per_s", learnt.tokens as f64 / seconds);
        record = learnt.counts.iter().fold(record, |r, (key, count)| r.count(key, *count));
        record = learnt.numbers.iter().fold(record, |r, (key, value)| r.number(key, *value));
        context.check_finite(step, learnt.loss, learnt.grad_norm)?;
        context.course.begins(Doing::Else);
        let due = StageContext::is_due(every, step - 1, step) || step == total;
        if due && let Some(measures) = work.evaluate(context, learner.model())? {
            record = measures.numbers.iter().fold(record, |r, (key, value)| r.number(key, *value));
            tell(context, &measures, step);
            if work.keeps_evaluations() {
                crate::atomic::write_json(&evaluation_file(context, step), &measures.json)?;
            }
        }
        context.metrics.write(&record)?;
        let per_step = started.elapsed().as_secs_f64() / (step - first) as f64;
        context.progress.step_finished(&StepFinished {
            step,
            steps: total,
            loss: Some(learnt.loss),
            tokens_per_s: Some(learnt.tokens as f64 / seconds),
            step_s: seconds,
            remaining_s: Some(per_step * (total - step) as f64),
            ..StepFinished::default()
        });
        if StageContext::is_due(training.checkpoint_every, step - 1, step) {
            context.save(&learner, None, step, State { sampler: sampler.clone() })?;
            saved_at = Some(step);
        }
    }
    if saved_at != Some(step) {
        context.save(&learner, None, step, State { sampler })?;
    }
    context.finish_saving()?;
    let interrupted = step < total;
    let model = LoadedModel { decoder: learner.into_model(), ..model };
    Ok(StageResult { interrupted, ..StageResult::of(Some(model)) })
}

/// Passes over the data so far.
fn epochs(sampler: &EpochSampler) -> f64 {
    sampler.epoch() as f64 + sampler.position() as f64 / sampler.item_count().max(1) as f64
}

fn evaluation_file(context: &StageContext<'_>, step: u64) -> PathBuf {
    context.run.path().join(format!("evaluation-{}-{step:06}.json", context.stage().name))
}

fn tell(context: &mut StageContext<'_>, measures: &HeldOutMeasures, step: u64) {
    for (i, line) in measures.words.iter().enumerate() {
        match i {
            0 => context.progress.note(&format!("held out, step {step}: {line}")),
            _ => context.progress.note(line),
        }
    }
}

/// Cuts what is held out into parts of at most `tokens` tokens, like lengths together, and shows each
/// to `measure`.
pub(super) fn in_parts<T>(
    context: &mut StageContext<'_>,
    held_out: &[T],
    tokens: usize,
    length: impl Fn(&T) -> usize,
    mut measure: impl FnMut(&[&T]) -> Result<()>,
) -> Result<()> {
    let mut sorted: Vec<&T> = held_out.iter().collect();
    sorted.sort_by_key(|item| length(item));
    let (mut rest, total) = (sorted.as_slice(), sorted.len());
    while !rest.is_empty() {
        let mut sum = 0;
        let fits = rest.iter().take_while(|item| {
            sum += length(item);
            sum <= tokens
        });
        let (part, tail) = rest.split_at(fits.count().max(1));
        measure(part)?;
        rest = tail;
        context.progress.working("held-out examples", (total - rest.len()) as u64, total as u64);
    }
    Ok(())
}
