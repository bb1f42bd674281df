//! `kind = "rejection-sampling"`: asks the model, keeps good answers, writes them as examples.
//!
//! Answers are appended to a file of the run folder as they end. A process that ends loses nothing but
//! answers that were not whole; going on asks for these alone, each from its own random stream, so
//! that the set is the same. Set and counts are written once all answers are there.

use super::{StageContext, StageResult};
use crate::answers::AnswerFile;
use crate::asking::{Asking, Drawing, EvalProgress, Watch, rows_that_fit};
use crate::atomic;
use crate::error::{Result, TrainError};
use crate::model_io::LoadedModel;
use crate::progress::{Progress, StageStarted};
use crate::prompts::Prompts;
use crate::questions::{Checks, load_questions};
use crate::recipe::RejectionStage;
use crate::rejection::{Asked, Choosing, mix_in};
use crate::rollout_executor::FixedExecutor;
use std::path::Path;
use thinkling_model::Precision;
use thinkling_reward::FormatRule;
use thinkling_sampling::SamplingParams;

pub(super) fn run(
    context: &mut StageContext<'_>,
    stage: &RejectionStage,
    model: LoadedModel,
) -> Result<StageResult> {
    let whole = make_set(context, stage, &model)?;
    Ok(StageResult { model, interrupted: !whole, before: None, after: None })
}

/// Whether the set is written; not where an interrupt came before.
fn make_set(
    context: &mut StageContext<'_>,
    stage: &RejectionStage,
    model: &LoadedModel,
) -> Result<bool> {
    let (run, recipe, tools) = (context.run, context.recipe, context.tools);
    let name = &recipe.stages[context.index].name;
    let seed = recipe.stage_seed(context.index);
    let (rewards, config) = (stage.rewards(), model.decoder.config());
    let checks = Checks { stage: name, rewards: &rewards, tools };
    let prompts = Prompts::of(model, stage.template)?;
    let (positions, limit) = (config.max_position_embeddings, stage.problems.unwrap_or(usize::MAX));
    let loaded = load_questions(checks, &stage.data, prompts, positions, (seed, false), limit)?;
    let mut choosing = Choosing::new(stage, prompts)?;
    context.progress.stage_started(&StageStarted {
        name,
        kind: "rejection-sampling",
        index: context.index,
        stages: recipe.stages.len(),
        done_steps: 0,
        steps: 0,
    });
    if let Some(words) = loaded.skipped_words() {
        context.progress.note(&words);
    }
    let questions = loaded.questions;
    let mut file = AnswerFile::open(&run.stage_answers(name))?;
    let mut answers = file.read((questions.len(), stage.samples))?;
    if answers.count() > 0 {
        let (there, total) = (answers.count(), answers.total());
        context.progress.note(&format!("{there} of {total} answers are there already"));
    }
    let executor = FixedExecutor::open(&stage.rollout, context.devices, &model.decoder)?;
    let longest = questions.iter().map(|q| q.prompt.len()).max().unwrap_or(0);
    let fitting = rows_that_fit(config, longest.saturating_add(stage.max_completion_tokens));
    let rows = stage.rollout.max_rows.min(fitting);
    let asking = Asking {
        config,
        questions: &questions,
        drawing: Drawing {
            samples: stage.samples,
            sampling: SamplingParams {
                temperature: stage.temperature,
                top_p: stage.top_p,
                ..SamplingParams::default()
            },
            max_tokens: stage.max_completion_tokens,
            seed,
            max_rows: Some(executor.rows(rows, longest, stage.max_completion_tokens)),
            precision: stage.rollout.weights.precision().unwrap_or(Precision::F32),
        },
        prompts,
        rewards: &rewards,
        format: stage.filters.format.rule().unwrap_or(FormatRule::Strict),
        tools,
        interrupt: context.interrupt,
    };
    let mut course = Course(&mut *context.progress);
    let load = |capacity| executor.load(capacity);
    if !asking.ask(load, &mut file, &mut answers, &mut course)?.whole {
        return Ok(false);
    }
    let mut asked = Asked { questions: &questions, answers: &answers, file: &mut file };
    let mut counts = choosing.choose(&mut asked)?;
    let mixed = mix_in(&mut choosing, seed, &mut counts)?;
    write_set(&run.stage_set(name), |out, failed| {
        choosing.write(&mut asked, out, failed)?;
        mixed.write(&stage.mix, out, failed)
    })?;
    file.sort(&answers)?;
    // Last: a stage with counts is done.
    atomic::write_json(&run.stage_counts(name), &counts)?;
    context.progress.note(&format!("stage `{name}`: {}", counts.words()));
    Ok(true)
}

/// Writes a file whole or not at all; `fill` may fail otherwise than by writing.
fn write_set(
    path: &Path,
    fill: impl FnOnce(&mut dyn std::io::Write, &dyn Fn(std::io::Error) -> TrainError) -> Result<()>,
) -> Result<()> {
    let mut reason = None;
    let written = atomic::write_with(path, |out| {
        fill(out, &|e| TrainError::write(path, e)).map_err(|error| {
            let ended = std::io::Error::other("what is written cannot be made");
            reason = Some(error);
            ended
        })
    });
    match reason {
        Some(reason) => Err(reason),
        None => written,
    }
}

/// Shows how far the stage is by the run's progress.
struct Course<'a>(&'a mut dyn Progress);

impl Watch for Course<'_> {
    fn note(&mut self, text: &str) {
        self.0.note(text);
    }

    fn progress(&mut self, progress: &EvalProgress) {
        self.0.answering(progress);
    }
}
