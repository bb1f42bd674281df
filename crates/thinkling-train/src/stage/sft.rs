//! `kind = "sft"`: supervised training on what the assistant writes in conversations.

use super::checkpoints::read_saved;
use super::{StageContext, StageResult, learn_error};
use crate::checkpoint::Checkpoint;
use crate::error::{Result, TrainError};
use crate::examples::{ExampleCounts, Examples, TextSide, read_examples};
use crate::metrics::MetricsRecord;
use crate::model_io::LoadedModel;
use crate::progress::{StageStarted, StepFinished};
use crate::recipe::{SftStage, Stage, StageKind};
use crate::run_dir::RunDir;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Instant;
use thinkling_learn::{EpochSampler, Example, HeldOut, Learner, chunk_tokens, held_out_loss};
use thinkling_model::Decoder;

/// Tokens of held-out examples in one forward pass.
const HELD_OUT_TOKENS: usize = 2048;

/// Where the stage stands in its data.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// Order of the sequences.
    sampler: EpochSampler,
}

/// An evaluation's numbers, as its file keeps them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Evaluated {
    /// Mean loss of a held-out token, nats.
    loss: f64,
    /// Share of held-out tokens that were the likeliest ones.
    token_accuracy: f64,
    /// Held-out tokens.
    tokens: usize,
}

/// File with what the data of a stage came to.
fn counts_file(run: &RunDir, stage: &str) -> PathBuf {
    run.path().join(format!("examples-{stage}.json"))
}

/// Optimiser steps of a stage that has begun; where its data decides, its run folder says how many.
///
/// # Errors
/// A run folder that does not.
pub(crate) fn steps_of(run: &RunDir, stage: &Stage) -> Result<u64> {
    let steps = stage.steps();
    if steps > 0 || !matches!(stage.kind, StageKind::Sft(_)) {
        return Ok(steps);
    }
    let path = counts_file(run, &stage.name);
    let bytes = std::fs::read(&path).map_err(|e| TrainError::read("run file", &path, e))?;
    let counts: ExampleCounts =
        serde_json::from_slice(&bytes).map_err(|e| TrainError::damaged(&path, e.to_string()))?;
    Ok(counts.steps)
}

pub(super) fn run(
    context: &mut StageContext<'_>,
    stage: &SftStage,
    model: LoadedModel,
    checkpoint: Option<&Checkpoint>,
) -> Result<StageResult> {
    let recipe = context.recipe;
    let name = &recipe.stages[context.index].name;
    let seed = recipe.stage_seed(context.index);
    let examples = read_examples(stage, context.run.path(), name, seed, TextSide::of(&model)?)?;
    let total = examples.counts.steps;
    context.progress.note(&format!("stage `{name}`: {}", examples.counts.words()));
    crate::atomic::write_json(&counts_file(context.run, name), &examples.counts)?;
    let saved = checkpoint.map(read_saved::<State>).transpose()?;
    let resumed = saved.as_ref().zip(checkpoint).map(|(s, c)| (c, s.updates));
    let mut step = saved.as_ref().map_or(0, |s| s.step);
    let mut sampler = saved
        .map_or_else(|| EpochSampler::new(seed, examples.sequences.len()), |s| s.state.sampler);
    if sampler.item_count() != examples.sequences.len() {
        return Err(TrainError::Failed {
            what: "resuming",
            reason: format!(
                "the data has changed, expected: {} sequences, got: {}",
                sampler.item_count(),
                examples.sequences.len()
            ),
        });
    }
    let mut learner = context.learner(model.decoder.clone(), &examples.counts.sizes(), resumed)?;
    evaluate_apart(context, &examples, learner.model(), 0)?;
    context.progress.stage_started(&StageStarted {
        name,
        kind: "sft",
        index: context.index,
        stages: recipe.stages.len(),
        done_steps: step,
        steps: total,
    });
    let schedule = stage.training.schedule_over(total);
    let every = stage.eval.as_ref().map_or(0, |eval| eval.every);
    let (started, first) = (Instant::now(), step);
    // A resumed stage already has the checkpoint that it starts from.
    let mut saved_at = checkpoint.map(|_| step);
    while step < total && !context.interrupt.is_requested() {
        let clock = Instant::now();
        let picked = sampler.next_batch(stage.batch);
        let lr = schedule.lr(step);
        context.finish_saving()?;
        let learnt = learn(&mut learner, &examples, &picked, lr, stage.training.micro_batch)?;
        step += 1;
        let seconds = clock.elapsed().as_secs_f64();
        let mut record = MetricsRecord::new(context.run_step(step), name)
            .number("loss", learnt.loss)
            .number("grad_norm", learnt.grad_norm)
            .number("lr", lr)
            .number("epoch", sampler_epochs(&sampler))
            .count("tokens", learnt.tokens as u64)
            .count("trained_tokens", learnt.trained as u64)
            .timing("step_s", seconds)
            .timing("checkpoint_s", context.checkpoint_s())
            .timing("tokens_per_s", learnt.tokens as f64 / seconds);
        context.check_finite(step, learnt.loss, learnt.grad_norm)?;
        let due = StageContext::is_due(every, step - 1, step) || step == total;
        if due && let Some(held_out) = evaluate(context, &examples, learner.model())? {
            record = record
                .number("eval_loss", held_out.loss)
                .number("eval_token_accuracy", held_out.token_accuracy);
            context.progress.note(&words(step, held_out));
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
        if StageContext::is_due(stage.training.checkpoint_every, step - 1, step) {
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

/// What a step did.
struct Learnt {
    loss: f64,
    grad_norm: f64,
    tokens: usize,
    trained: usize,
}

fn learn(
    learner: &mut Learner,
    examples: &Examples,
    picked: &[usize],
    lr: f64,
    micro_batch: usize,
) -> Result<Learnt> {
    let sequences: Vec<Vec<&Example>> = picked
        .iter()
        .map(|&s| examples.sequences[s].iter().map(|&i| &examples.trained[i]).collect())
        .collect();
    let chunk = chunk_tokens(learner.model());
    let step = learner.supervised_step(&sequences, lr, micro_batch, chunk);
    let (loss, grad_norm) = pollster::block_on(step).map_err(learn_error)?;
    let all = || sequences.iter().flatten();
    Ok(Learnt {
        loss,
        grad_norm,
        tokens: all().map(|e| e.ids().len()).sum(),
        trained: all().map(|e| e.trained_tokens()).sum(),
    })
}

/// Passes over the data so far.
fn sampler_epochs(sampler: &EpochSampler) -> f64 {
    sampler.epoch() as f64 + sampler.position() as f64 / sampler.item_count().max(1) as f64
}

fn words(step: u64, held_out: Evaluated) -> String {
    let Evaluated { loss, token_accuracy, tokens } = held_out;
    format!(
        "held out, step {step}: loss {loss:.4}, token accuracy {:.1} % of {tokens} tokens",
        100.0 * token_accuracy
    )
}

/// Loss and accuracy on the held-out examples, where there are some.
fn evaluate(
    context: &mut StageContext<'_>,
    examples: &Examples,
    model: &Decoder,
) -> Result<Option<Evaluated>> {
    if examples.held_out.is_empty() {
        return Ok(None);
    }
    // Like lengths together.
    let mut held_out: Vec<&Example> = examples.held_out.iter().collect();
    held_out.sort_by_key(|e| e.ids().len());
    let (mut sum, mut rest, total) = (HeldOut::default(), held_out.as_slice(), held_out.len());
    while !rest.is_empty() {
        let mut tokens = 0;
        let fits = rest.iter().take_while(|e| {
            tokens += e.ids().len();
            tokens <= HELD_OUT_TOKENS
        });
        let (part, tail) = rest.split_at(fits.count().max(1));
        let numbers = pollster::block_on(held_out_loss(model, part, chunk_tokens(model)));
        sum.add(numbers.map_err(learn_error)?);
        rest = tail;
        context.progress.working("held-out loss", (total - rest.len()) as u64, total as u64);
    }
    let (loss, token_accuracy) = (sum.loss(), sum.token_accuracy());
    Ok(Some(Evaluated { loss, token_accuracy, tokens: sum.tokens }))
}

/// The evaluation before the first step, in a file of its own: a run that begins again after a kill
/// finds it there.
fn evaluate_apart(
    context: &mut StageContext<'_>,
    examples: &Examples,
    model: &Decoder,
    step: u64,
) -> Result<()> {
    let name = &context.recipe.stages[context.index].name;
    let file = context.run.path().join(format!("evaluation-{name}-{step:06}.json"));
    if file.exists() {
        return Ok(());
    }
    if let Some(held_out) = evaluate(context, examples, model)? {
        context.progress.note(&words(step, held_out));
        crate::atomic::write_json(&file, &held_out)?;
    }
    Ok(())
}
