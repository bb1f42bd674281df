//! Questions of a stage with the ids of their prompts.

use crate::data::read_questions;
use crate::error::{Result, TrainError};
use crate::model_io::LoadedModel;
use crate::recipe::{JsonlSource, QuestionSource, Template};
use thinkling_learn::Question;
use thinkling_learn::world::stage_problems;
use thinkling_reward::{Problem, RewardError, RewardSpec, Tools};
use thinkling_text::{Message, r1_zero_prompt};

/// What problems are checked against before anything runs.
#[derive(Clone, Copy)]
pub(crate) struct Checks<'a> {
    /// Name of the stage.
    pub(crate) stage: &'a str,
    /// Its rewards.
    pub(crate) rewards: &'a RewardSpec,
    pub(crate) tools: Tools<'a>,
}

/// Reads the problems of a file, each with its line.
///
/// # Errors
/// A file that cannot be read, the first line that holds no question or no gold for its task,
/// programs without a sandbox, a language reward for a question without a language.
pub(crate) fn read_problems(
    source: &JsonlSource,
    checks: Checks<'_>,
) -> Result<Vec<(usize, Problem)>> {
    read_questions(source)?
        .into_iter()
        .map(|q| {
            let mut problem = Problem::new(format!("line {}", q.line), q.question, q.task);
            problem.language = q.language;
            match checks.rewards.check_problem(&problem, &checks.tools) {
                Ok(()) => Ok((q.line, problem)),
                Err(RewardError::NoRunner { .. }) => {
                    Err(TrainError::NoSandbox { stage: checks.stage.to_owned() })
                }
                Err(e) => Err(TrainError::DataLine {
                    path: source.path.clone(),
                    line: q.line,
                    reason: with_causes(&e),
                }),
            }
        })
        .collect()
}

/// An error and what it comes from.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Reads or generates questions and puts `template` around each.
///
/// # Errors
/// As [`read_problems`], text that the tokenizer cannot take, a
/// prompt that fills the model's context, a chat template that the model does not have.
pub(crate) fn load_questions(
    checks: Checks<'_>,
    source: &QuestionSource,
    template: Template,
    model: &LoadedModel,
    seed: u64,
    held_out: bool,
) -> Result<Vec<Question>> {
    let failed = |what, reason: String| TrainError::Failed { what, reason };
    let problems: Vec<(usize, Problem)> = match source {
        QuestionSource::MiniWorld(mix) => stage_problems(held_out, seed, mix)
            .map_err(|e| failed("the mini world", e.to_string()))?
            .into_iter()
            .map(|problem| (0, problem))
            .collect(),
        QuestionSource::Jsonl(source) => read_problems(source, checks)?,
    };
    let tokenizer = model.tokenizer()?;
    let context = model.decoder.config().max_position_embeddings;
    problems
        .into_iter()
        .map(|(line, problem)| {
            let text = match template {
                Template::R1Zero => r1_zero_prompt(&problem.question),
                Template::None => problem.question.clone(),
                Template::Chat => model
                    .chat
                    .as_ref()
                    .ok_or_else(|| failed("template = \"chat\"", "the model has none".into()))?
                    .render(&[Message::new("user", &problem.question)], true)
                    .map_err(|e| failed("the chat template", e.to_string()))?,
            };
            let prompt =
                tokenizer.encode(&text).map_err(|e| failed("the tokenizer", e.to_string()))?;
            if prompt.len() < context {
                return Ok(Question { problem, prompt });
            }
            let reason = format!(
                "prompt with its template, expected: fewer tokens than the model's context of \
                 {context}, got: {} tokens",
                prompt.len()
            );
            Err(match source {
                QuestionSource::Jsonl(source) => {
                    TrainError::DataLine { path: source.path.clone(), line, reason }
                }
                QuestionSource::MiniWorld(_) => {
                    TrainError::DoesNotFit { stage: checks.stage.to_owned(), reason }
                }
            })
        })
        .collect()
}
