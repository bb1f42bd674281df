//! `kind = "rejection-sampling"`: asks the model, keeps good answers, writes them as examples.
//!
//! Answers are appended to a file of the run folder as they end. A process that ends loses nothing but
//! answers that were not whole; going on asks for these alone, each from its own random stream, so
//! that the set is the same. Set and counts are written once all answers are there.

use super::answering::{Answering, Way, Who};
use super::{StageContext, StageResult};
use crate::atomic;
use crate::error::Result;
use crate::model_io::LoadedModel;
use crate::recipe::RejectionStage;
use crate::rejection::mix_in;
use crate::selection::{Asked, Choosing, write_set};
use crate::teacher::HttpTeacher;

pub(super) fn run(
    context: &mut StageContext<'_>,
    stage: &RejectionStage,
    open: impl FnOnce() -> Result<LoadedModel>,
) -> Result<StageResult> {
    let whole = match &stage.teacher {
        Some(keys) => make_set(context, stage, Who::Server(&HttpTeacher::open(keys)?))?,
        None => make_set(context, stage, Who::Model(&open()?))?,
    };
    Ok(StageResult { interrupted: !whole, ..StageResult::of(None) })
}

/// Whether the set is written; not where an interrupt came before.
fn make_set(context: &mut StageContext<'_>, stage: &RejectionStage, who: Who<'_>) -> Result<bool> {
    let (run, recipe) = (context.run, context.recipe);
    let name = &recipe.stages[context.index].name;
    let seed = recipe.stage_seed(context.index);
    let rewards = stage.answers.rewards();
    let answering = Answering::new(&stage.answers, &rewards, who)?;
    let mut choosing = Choosing::new(&stage.answers, answering.prompts)?;
    let questions = answering.begin(context)?;
    let (samples, path) = (stage.answers.samples, run.stage_answers(name));
    let way = Way { what: "answers", questions, samples, seed, path };
    let mut answered = answering.ask(context, &way)?;
    if !answered.whole {
        return Ok(false);
    }
    let (questions, answers) = (&way.questions, &answered.answers);
    let mut asked = [Asked { questions, answers, file: &mut answered.file }];
    let chosen = choosing.choose(&mut asked)?;
    let (mixed, counts) = mix_in(&mut choosing, &stage.mix, seed, chosen)?;
    write_set(&run.stage_set(name), |out, failed| {
        choosing.write(&mut asked, out, failed)?;
        mixed.write(&stage.mix, out, failed)
    })?;
    answered.file.sort(&answered.answers)?;
    // Last: a stage with counts is done.
    atomic::write_json(&run.stage_counts(name), &counts)?;
    context.progress.note(&format!("stage `{name}`: {}", counts.words()));
    Ok(true)
}
