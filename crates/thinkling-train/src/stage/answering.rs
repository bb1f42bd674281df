//! Asks for the answers of a stage that keeps the good ones: its model, or a server.

use super::StageContext;
use crate::answers::{AnswerFile, Answers};
use crate::asking::Asking;
use crate::devices::Devices;
use crate::error::Result;
use crate::model_io::LoadedModel;
use crate::progress;
use crate::prompts::Prompts;
use crate::questions::{Checks, load_questions};
use crate::recipe::{AnswerKeys, Template};
use crate::sampling::{Drawing, OnEvent, Place};
use crate::teacher::{HttpTeacher, answer_by_model};
use std::path::PathBuf;
use thinkling_learn::{FormatReading, Question};
use thinkling_reward::{FormatRule, RewardSpec};
use thinkling_sampling::SamplingParams;
use thinkling_text::{Message, r1_zero_prompt};

/// Who answers.
#[derive(Clone, Copy)]
pub(super) enum Who<'a> {
    Model(&'a LoadedModel),
    Server(&'a HttpTeacher),
}

/// What a stage asks, by whatever prompts.
pub(super) struct Answering<'a> {
    pub(super) keys: &'a AnswerKeys,
    pub(super) rewards: &'a RewardSpec,
    who: Who<'a>,
    /// The model's; a server makes its own.
    pub(super) prompts: Option<Prompts<'a>>,
}

/// One way of asking: prompts and how many answers of each.
pub(super) struct Way {
    /// What its answers are called.
    pub(super) what: &'static str,
    pub(super) questions: Vec<Question>,
    pub(super) samples: usize,
    /// Seed of its random streams.
    pub(super) seed: u64,
    /// Where its answers are appended.
    pub(super) path: PathBuf,
}

/// The answers to one way of asking.
pub(super) struct Answered {
    pub(super) file: AnswerFile,
    pub(super) answers: Answers,
    /// Whether all are there; not where an interrupt came before.
    pub(super) whole: bool,
}

impl<'a> Answering<'a> {
    pub(super) fn new(keys: &'a AnswerKeys, rewards: &'a RewardSpec, who: Who<'a>) -> Result<Self> {
        let prompts = match who {
            Who::Model(model) => Some(Prompts::of(model, keys.template)?),
            Who::Server(_) => None,
        };
        Ok(Self { keys, rewards, who, prompts })
    }

    /// Tells that the stage begins, and reads its questions with their prompts.
    pub(super) fn begin(&self, context: &mut StageContext<'_>) -> Result<Vec<Question>> {
        let (recipe, index) = (context.recipe, context.index);
        let stage = &recipe.stages[index];
        let checks = Checks { stage: &stage.name, rewards: self.rewards, tools: context.tools };
        let limit = self.keys.problems.unwrap_or(usize::MAX);
        let (seed, data) = ((recipe.stage_seed(index), false), &self.keys.data);
        let prompts = self.prompts.zip(self.context_tokens());
        let loaded = load_questions(checks, data, prompts, seed, limit)?;
        context.asking_started();
        if let Some(words) = loaded.skipped_words() {
            context.progress.note(&words);
        }
        Ok(loaded.questions)
    }

    /// Tokens that the model has positions for.
    pub(super) fn context_tokens(&self) -> Option<usize> {
        match self.who {
            Who::Model(model) => Some(model.decoder.config().max_position_embeddings),
            Who::Server(_) => None,
        }
    }

    /// Asks for the answers that are missing, each from its own random stream.
    pub(super) fn ask(&self, context: &mut StageContext<'_>, way: &Way) -> Result<Answered> {
        let keys = self.keys;
        let mut file = AnswerFile::open(&way.path)?;
        let mut answers = file.read((way.questions.len(), way.samples))?;
        if answers.count() > 0 {
            let (there, total, what) = (answers.count(), answers.total(), way.what);
            context.progress.note(&format!("{there} of {total} {what} are there already"));
        }
        let drawing = Drawing {
            samples: way.samples,
            sampling: SamplingParams {
                temperature: keys.temperature,
                top_p: keys.top_p,
                ..SamplingParams::default()
            },
            max_tokens: keys.max_completion_tokens,
            seed: way.seed,
        };
        let asking = Asking {
            questions: &way.questions,
            rewards: self.rewards,
            format: FormatReading {
                rule: keys.filters.format.rule().unwrap_or(FormatRule::Strict),
                inside_think: self.prompts.map_or(Ok(false), |p| p.open_thinking())?,
            },
            tools: context.tools,
            interrupt: context.interrupt,
        };
        let devices = context.devices;
        let answer = |missing: &[Place], on_event: OnEvent<'_>| {
            self.answer(devices, &way.questions, drawing, missing, on_event)
        };
        let mut course = progress::Answering(&mut *context.progress);
        let whole = asking.ask(answer, &mut file, &mut answers, &mut course)?.whole;
        Ok(Answered { file, answers, whole })
    }

    /// Answers the questions, of which some answers are missing.
    fn answer(
        &self,
        devices: Devices<'_>,
        questions: &[Question],
        drawing: Drawing,
        missing: &[Place],
        on_event: OnEvent<'_>,
    ) -> Result<()> {
        match self.who {
            Who::Model(model) => {
                let prompts = questions.iter().map(|q| q.prompt.as_slice()).collect();
                let rollout = &self.keys.rollout;
                answer_by_model(model, rollout, devices, prompts, drawing, missing, on_event)
            }
            Who::Server(server) => {
                let message =
                    |q: &Question| message_to_a_server(self.keys.template, &q.problem.question);
                let conversations: Vec<Vec<Message>> =
                    questions.iter().map(|q| vec![message(q)]).collect();
                server.answer(&conversations, drawing, missing, on_event)
            }
        }
    }
}

/// What a server is asked in the place of a model with this template: it has a template of its own.
pub(super) fn message_to_a_server(template: Template, question: &str) -> Message {
    match template {
        Template::R1Zero => Message::new("user", r1_zero_prompt(question)),
        Template::None | Template::Chat => Message::new("user", question),
    }
}
