//! `kind = "preferences"`: asks the model, has a judge compare its answers, and writes the pairs of
//! which it clearly prefers one.
//!
//! Answers and the judge's replies are appended to files of the run folder as they end. A process that
//! ends loses nothing but those that were not whole; going on asks for these alone, each from its own
//! random stream. Pairs, set and counts follow from the two files and are written once all is there.

use super::answering::message_to_a_server;
use super::{StageContext, StageResult};
use crate::atomic;
use crate::error::Result;
use crate::model_io::LoadedModel;
use crate::pairwise::{
    Outcome, Pairs, PreferencePairCounts, Prompt, conversations, read_prompts, seed_of_judge,
};
use crate::progress::Answering;
use crate::prompts::Prompts;
use crate::recipe::{PreferencesStage, TeacherKeys};
use crate::sampling::{Drawing, Reply};
use crate::selection::write_set;
use crate::teacher::Teacher;
use std::path::Path;
use thinkling_sampling::SamplingParams;
use thinkling_text::Message;

pub(super) fn run(
    context: &mut StageContext<'_>,
    stage: &PreferencesStage,
    open: impl FnOnce() -> Result<LoadedModel>,
) -> Result<StageResult> {
    let model = stage.opens_its_model().then(open).transpose()?;
    let whole = make_set(context, stage, model.as_ref())?;
    Ok(StageResult { interrupted: !whole, ..StageResult::of(None) })
}

/// Whether the set is written; not where an interrupt came before.
fn make_set(
    context: &mut StageContext<'_>,
    stage: &PreferencesStage,
    model: Option<&LoadedModel>,
) -> Result<bool> {
    let (run, recipe) = (context.run, context.recipe);
    let name = &recipe.stages[context.index].name;
    let seed = recipe.stage_seed(context.index);
    let limit = stage.problems.unwrap_or(usize::MAX);
    let read = read_prompts(&stage.data, stage.template, seed, limit)?;
    context.asking_started();
    let Some(replies) = answers(context, stage, model, &read.prompts, seed)? else {
        return Ok(false);
    };
    let mut counts = PreferencePairCounts {
        skipped: read.skipped,
        first_skipped: read.first_skipped,
        ..PreferencePairCounts::default()
    };
    let opening = match (&stage.teacher, model) {
        (None, Some(model)) => Prompts::of(model, stage.template)?.opening()?,
        // A server's answer is whole.
        _ => String::new(),
    };
    let pairs = Pairs::form(stage, &read.prompts, &replies, &opening, seed, &mut counts);
    drop(replies);
    context.progress.note(&format!("stage `{name}`: {}", counts.formed_words()));
    let Some(replies) = judgements(context, stage, model, &pairs, seed)? else {
        return Ok(false);
    };
    let outcomes = Outcome::of_all(stage, &pairs, &replies, &mut counts);
    let judged = || outcomes.iter().zip(pairs.all());
    write_set(&run.stage_pairs(name), |out, failed| {
        judged().try_for_each(|(outcome, pair)| outcome.write_pair(&pairs, pair, out, failed))
    })?;
    write_set(&run.stage_set(name), |out, failed| {
        judged().try_for_each(|(outcome, pair)| outcome.write_preference(&pairs, pair, out, failed))
    })?;
    // Last: a stage with counts is done.
    atomic::write_json(&run.stage_counts(name), &counts)?;
    context.progress.note(&format!("stage `{name}`: {}", counts.words()));
    Ok(true)
}

/// The answers to all prompts; `None` where an interrupt came before.
fn answers(
    context: &mut StageContext<'_>,
    stage: &PreferencesStage,
    model: Option<&LoadedModel>,
    prompts: &[Prompt],
    seed: u64,
) -> Result<Option<Vec<Vec<Reply>>>> {
    let asked = |prompt: &Prompt| match (&stage.teacher, prompt.messages.as_slice()) {
        (Some(_), [only]) => vec![message_to_a_server(stage.template, &only.content)],
        (_, messages) => messages.to_vec(),
    };
    let conversations: Vec<Vec<Message>> = prompts.iter().map(asked).collect();
    let drawing = Drawing {
        samples: stage.samples,
        sampling: SamplingParams {
            temperature: stage.temperature,
            top_p: stage.top_p,
            ..SamplingParams::default()
        },
        max_tokens: stage.max_completion_tokens,
        seed,
    };
    let path = context.run.stage_answers(&context.stage().name);
    ask(context, (&stage.answerer(), model), &conversations, drawing, (&path, "answers"))
}

/// What the judge says of all pairs, two conversations each; `None` where an interrupt came before.
fn judgements(
    context: &mut StageContext<'_>,
    stage: &PreferencesStage,
    model: Option<&LoadedModel>,
    pairs: &Pairs<'_>,
    seed: u64,
) -> Result<Option<Vec<Vec<Reply>>>> {
    let temperature = stage.judge_temperature;
    let drawing = Drawing {
        samples: stage.times / 2,
        sampling: SamplingParams { temperature, ..SamplingParams::default() },
        max_tokens: stage.judge_max_tokens,
        seed: seed_of_judge(seed),
    };
    let path = context.run.stage_judgements(&context.stage().name);
    let asked = conversations(stage, pairs);
    ask(context, (&stage.judge, model), &asked, drawing, (&path, "judgements"))
}

/// Asks for what is not in the file yet.
fn ask(
    context: &mut StageContext<'_>,
    (keys, own): (&TeacherKeys, Option<&LoadedModel>),
    conversations: &[Vec<Message>],
    drawing: Drawing,
    file: (&Path, &'static str),
) -> Result<Option<Vec<Vec<Reply>>>> {
    let teacher = Teacher::open(keys, context.run, context.devices, own)?;
    let mut course = Answering(&mut *context.progress);
    teacher.ask(conversations, drawing, file, context.interrupt, &mut course)
}
