//! `kind = "rejection-sampling"`: asks the model, keeps good answers, writes them as examples.
//!
//! Answers are appended to a file of the run folder as they end. A process that ends loses nothing but
//! answers that were not whole; going on asks for these alone, each from its own random stream, so
//! that the set is the same. Set and counts are written once all answers are there.

use super::{StageContext, StageResult};
use crate::answers::AnswerFile;
use crate::asking::Asking;
use crate::atomic;
use crate::devices::Devices;
use crate::error::{Result, TrainError};
use crate::model_io::LoadedModel;
use crate::progress::{Answering, StageStarted};
use crate::prompts::Prompts;
use crate::questions::{Checks, load_questions};
use crate::recipe::{RejectionStage, Template};
use crate::rejection::{Asked, Choosing, mix_in};
use crate::sampling::{Drawing, OnEvent, Place};
use crate::teacher::{HttpTeacher, answer_by_model};
use std::path::Path;
use thinkling_learn::{FormatReading, Question};
use thinkling_reward::FormatRule;
use thinkling_sampling::SamplingParams;
use thinkling_text::{Message, r1_zero_prompt};

pub(super) fn run(
    context: &mut StageContext<'_>,
    stage: &RejectionStage,
    open: impl FnOnce() -> Result<LoadedModel>,
) -> Result<StageResult> {
    let who = match &stage.teacher {
        Some(keys) => Who::Server(HttpTeacher::open(keys)?),
        None => Who::Model(Box::new(open()?)),
    };
    let whole = make_set(context, stage, &who)?;
    Ok(StageResult { model: None, interrupted: !whole, before: None, after: None })
}

/// Who answers.
enum Who {
    Model(Box<LoadedModel>),
    Server(HttpTeacher),
}

impl Who {
    /// The model's prompts, and its context in tokens.
    fn prompts(&self, template: Template) -> Result<Option<(Prompts<'_>, usize)>> {
        match self {
            Self::Model(model) => {
                let positions = model.decoder.config().max_position_embeddings;
                Ok(Some((Prompts::of(model, template)?, positions)))
            }
            Self::Server(_) => Ok(None),
        }
    }

    /// Answers the questions, of which some answers are missing.
    fn answer(
        &self,
        stage: &RejectionStage,
        devices: Devices<'_>,
        questions: &[Question],
        drawing: Drawing,
        missing: &[Place],
        on_event: OnEvent<'_>,
    ) -> Result<()> {
        match self {
            Self::Model(model) => {
                let prompts = questions.iter().map(|q| q.prompt.as_slice()).collect();
                let rollout = &stage.rollout;
                answer_by_model(model, rollout, devices, prompts, drawing, missing, on_event)
            }
            Self::Server(server) => {
                let message = |question: &str| match stage.template {
                    Template::R1Zero => Message::new("user", r1_zero_prompt(question)),
                    Template::None | Template::Chat => Message::new("user", question),
                };
                let conversations: Vec<Vec<Message>> =
                    questions.iter().map(|q| vec![message(&q.problem.question)]).collect();
                server.answer(&conversations, drawing, missing, on_event)
            }
        }
    }
}

/// Whether the set is written; not where an interrupt came before.
fn make_set(context: &mut StageContext<'_>, stage: &RejectionStage, who: &Who) -> Result<bool> {
    let (run, recipe, tools) = (context.run, context.recipe, context.tools);
    let (devices, interrupt) = (context.devices, context.interrupt);
    let name = &recipe.stages[context.index].name;
    let seed = recipe.stage_seed(context.index);
    let rewards = stage.rewards();
    let checks = Checks { stage: name, rewards: &rewards, tools };
    let prompts = who.prompts(stage.template)?;
    let limit = stage.problems.unwrap_or(usize::MAX);
    let loaded = load_questions(checks, &stage.data, prompts, (seed, false), limit)?;
    let prompts = prompts.map(|(prompts, _)| prompts);
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
    let format = FormatReading {
        rule: stage.filters.format.rule().unwrap_or(FormatRule::Strict),
        inside_think: prompts.map_or(Ok(false), |prompts| prompts.open_thinking())?,
    };
    let asking = Asking { questions: &questions, rewards: &rewards, format, tools, interrupt };
    let mut course = Answering(&mut *context.progress);
    let answer = |missing: &[Place], on_event: OnEvent<'_>| {
        who.answer(stage, devices, &questions, drawing, missing, on_event)
    };
    if !asking.ask(answer, &mut file, &mut answers, &mut course)?.whole {
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
