//! `kind = "cold-start"`: asks the model in two ways, keeps correct and readable trajectories, and
//! writes those that a person accepts as examples.
//!
//! Everything but the person's decisions follows from the recipe: a process that ends loses nothing
//! but answers that were not whole, and going on makes the same queue again. While items are open the
//! stage ends without its set, which is no error; the next call goes on behind the decisions.

use super::answering::{self, Way, Who};
use super::{StageContext, StageResult, Waiting};
use crate::atomic;
use crate::cold_start::{
    ColdStartCounts, Judge, Record, Rewriting, Room, Shots, WAYS, items_of, records_of,
    seed_of_few_shot, write_accepted,
};
use crate::error::{Result, TrainError};
use crate::model_io::LoadedModel;
use crate::progress::Answering;
use crate::prompts::Prompts;
use crate::recipe::{ColdStartStage, Rewrite};
use crate::review::{Item, Review, ReviewCounts};
use crate::sampling::Drawing;
use crate::selection::{Asked, Choosing, write_set};
use crate::teacher::Teacher;
use std::path::Path;
use thinkling_learn::Question;
use thinkling_sampling::SamplingParams;

/// How a stage ended.
enum Ending {
    Interrupted,
    Waits(Waiting),
    Done,
}

pub(super) fn run(
    context: &mut StageContext<'_>,
    stage: &ColdStartStage,
    model: &LoadedModel,
) -> Result<StageResult> {
    let ending = make_set(context, stage, model)?;
    let result = StageResult::of(None);
    Ok(match ending {
        Ending::Interrupted => StageResult { interrupted: true, ..result },
        Ending::Waits(waiting) => StageResult { waiting: Some(waiting), ..result },
        Ending::Done => result,
    })
}

fn make_set(
    context: &mut StageContext<'_>,
    stage: &ColdStartStage,
    model: &LoadedModel,
) -> Result<Ending> {
    let rewards = stage.answers.rewards();
    let judge = Judge { rewards: &rewards, tools: context.tools };
    let answering = answering::Answering::new(&stage.answers, &rewards, Who::Model(model))?;
    let mut choosing = Choosing::new(&stage.answers, answering.prompts)?;
    let questions = answering.begin(context)?;
    let ways = ways(context, stage, model, &questions)?;
    let Some((records, mut counts)) = asked(context, &answering, &mut choosing, &ways)? else {
        return Ok(Ending::Interrupted);
    };
    let asked = (records, questions.as_slice());
    let Some(records) = rewritten(context, stage, model, asked, judge, &mut counts)? else {
        return Ok(Ending::Interrupted);
    };
    reviewed(context, stage, (&records, &questions), judge, counts)
}

/// Asks, and keeps what is correct and readable; `None` where an interrupt came before.
fn asked(
    context: &mut StageContext<'_>,
    answering: &answering::Answering<'_>,
    choosing: &mut Choosing<'_>,
    ways: &[(&'static str, Way)],
) -> Result<Option<(Vec<Record>, ColdStartCounts)>> {
    let mut answered = Vec::new();
    for (_, way) in ways {
        let of_way = answering.ask(context, way)?;
        if !of_way.whole {
            return Ok(None);
        }
        answered.push(of_way);
    }
    let names: Vec<&'static str> = ways.iter().map(|(name, _)| *name).collect();
    let mut asked: Vec<Asked<'_>> = ways
        .iter()
        .zip(&mut answered)
        .map(|((_, way), answered)| Asked {
            questions: &way.questions,
            answers: &answered.answers,
            file: &mut answered.file,
        })
        .collect();
    let chosen = choosing.choose(&mut asked)?;
    let kept = records_of(choosing, &mut asked, &names, chosen)?;
    answered.iter_mut().try_for_each(|answered| answered.file.sort(&answered.answers))?;
    Ok(Some(kept))
}

/// Writes the queue, and the set once every item has a decision.
fn reviewed(
    context: &mut StageContext<'_>,
    stage: &ColdStartStage,
    (records, questions): (&[Record], &[Question]),
    judge: Judge<'_>,
    mut counts: ColdStartCounts,
) -> Result<Ending> {
    let (run, name) = (context.run, context.stage().name.clone());
    let items = items_of(records, questions, judge)?;
    counts.queued = items.len();
    let queue = run.stage_queue(&name);
    write_queue(&queue, &items)?;
    context.progress.note(&format!("stage `{name}`: {}", counts.words()));
    let mut review = Review::open(&queue)?;
    if stage.accept_all {
        review.accept_all()?;
    }
    let ReviewCounts { items, open, .. } = review.counts();
    if open > 0 {
        return Ok(Ending::Waits(Waiting { stage: name, queue, items, open }));
    }
    let problems: Vec<_> = records.iter().map(|r| &questions[r.problem].problem).collect();
    write_set(&run.stage_set(&name), |out, failed| {
        write_accepted(&review, stage, &problems, judge, &mut counts, (out, failed))
    })?;
    // Last: a stage with counts is done.
    atomic::write_json(&run.stage_counts(&name), &counts)?;
    context.progress.note(&format!("stage `{name}`: {}", counts.reviewed_words()));
    Ok(Ending::Done)
}

/// The records as a teacher rewrites them, where one does; `None` where an interrupt came before.
fn rewritten(
    context: &mut StageContext<'_>,
    stage: &ColdStartStage,
    model: &LoadedModel,
    (records, questions): (Vec<Record>, &[Question]),
    judge: Judge<'_>,
    counts: &mut ColdStartCounts,
) -> Result<Option<Vec<Record>>> {
    let Rewrite::Teacher(keys) = &stage.rewrite else { return Ok(Some(records)) };
    let seed = context.recipe.stage_seed(context.index);
    let rewriting = Rewriting::new(keys, &stage.answers, seed)?;
    let conversations = rewriting.conversations(&records, questions);
    let drawing = Drawing {
        samples: 1,
        sampling: SamplingParams { temperature: keys.temperature, ..SamplingParams::default() },
        max_tokens: keys.max_tokens,
        seed,
    };
    let path = context.run.stage_rewrites(&context.stage().name);
    let teacher = Teacher::open(&keys.teacher, context.run, context.devices, Some(model))?;
    let mut course = Answering(&mut *context.progress);
    let file = (path.as_path(), "rewritings");
    let replies = teacher.ask(&conversations, drawing, file, context.interrupt, &mut course)?;
    let Some(replies) = replies else { return Ok(None) };
    let (records, made) = rewriting.rewritten(records, &replies, questions, judge)?;
    counts.rewriting = Some(made);
    Ok(Some(records))
}

/// The ways of asking that have answers, by their names.
fn ways(
    context: &StageContext<'_>,
    stage: &ColdStartStage,
    model: &LoadedModel,
    questions: &[Question],
) -> Result<Vec<(&'static str, Way)>> {
    let seed = context.recipe.stage_seed(context.index);
    let name = &context.stage().name;
    let (plain, few_shot) = stage.samples();
    let mut ways = Vec::new();
    if plain > 0 {
        let path = context.run.stage_answers(name);
        let (what, questions) = ("answers", questions.to_vec());
        ways.push((WAYS[0], Way { what, questions, samples: plain, seed, path }));
    }
    if let Some(keys) = &stage.few_shot {
        let seed = seed_of_few_shot(seed);
        let shots = Shots::read(keys, seed)?;
        let (prompts, room) = (
            Prompts::of(model, stage.answers.template)?,
            Room {
                stage: name,
                context: model.decoder.config().max_position_embeddings,
                answer: stage.answers.max_completion_tokens,
            },
        );
        let questions = shots.questions(questions, prompts, room)?;
        let (what, path) = ("few-shot answers", context.run.stage_few_shot_answers(name));
        ways.push((WAYS[1], Way { what, questions, samples: few_shot, seed, path }));
    }
    Ok(ways)
}

fn write_queue(path: &Path, items: &[Item]) -> Result<()> {
    write_set(path, |out, failed| {
        for item in items {
            let line = serde_json::to_string(item)
                .map_err(|e| TrainError::Encode { what: "a queue", reason: e.to_string() })?;
            writeln!(out, "{line}").map_err(failed)?;
        }
        Ok(())
    })
}
