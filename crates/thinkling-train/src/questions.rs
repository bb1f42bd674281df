//! Questions of a stage or an evaluation with the ids of their prompts.

use crate::data::{BadRow, Row, Rows, read_file, read_questions};
use crate::error::{Result, TrainError};
use crate::prompts::Prompts;
use crate::recipe::{GrownQuestions, QuestionSet, QuestionSource};
use thinkling_learn::Question;
use thinkling_learn::world::{WorldError, stage_harmful, stage_problems, stage_requests};
use thinkling_reward::{Problem, RewardError, RewardSpec, Tools};

/// What problems are checked against before anything runs.
#[derive(Clone, Copy)]
pub(crate) struct Checks<'a> {
    /// Name of the stage.
    pub(crate) stage: &'a str,
    /// Its rewards.
    pub(crate) rewards: &'a RewardSpec,
    pub(crate) tools: Tools<'a>,
}

impl Checks<'_> {
    /// Whether a problem can be judged.
    fn accept(&self, problem: &Problem) -> Result<std::result::Result<(), String>> {
        match self.rewards.check_problem(problem, &self.tools) {
            Ok(()) => Ok(Ok(())),
            Err(RewardError::NoRunner { .. }) => {
                Err(TrainError::NoSandbox { stage: self.stage.to_owned() })
            }
            Err(e) => Ok(Err(with_causes(&e))),
        }
    }
}

/// Reads problems, each with its line, or generates them: those that a stage of this seed trains on
/// or, `held_out`, those for evaluation.
///
/// # Errors
/// A file that cannot be read, the first line that holds no question or no gold for its task (where
/// the source does not skip it), programs without a sandbox, a language reward for a question
/// without a language.
pub(crate) fn read_problems(
    source: &QuestionSource,
    checks: Checks<'_>,
    seed: u64,
    held_out: bool,
) -> Result<Rows> {
    let accept = |problem: &Problem| checks.accept(problem);
    match source {
        QuestionSource::MiniWorld(mix) => generated(stage_problems(held_out, seed, mix)),
        QuestionSource::GrownWorld(GrownQuestions { set, mix }) => generated(match set {
            QuestionSet::Reasoning => stage_problems(held_out, seed, mix),
            QuestionSet::Requests => stage_requests(held_out, seed, mix),
            QuestionSet::Harmful => stage_harmful(held_out, seed, mix),
        }),
        QuestionSource::Jsonl(source) => read_questions(source, &accept),
        QuestionSource::File(source) => read_file(source, &accept),
    }
}

fn generated(problems: std::result::Result<Vec<Problem>, WorldError>) -> Result<Rows> {
    let problems = problems
        .map_err(|e| TrainError::Failed { what: "the mini world", reason: e.to_string() })?;
    let rows = problems.into_iter().map(|problem| Row { line: 0, problem }).collect();
    Ok(Rows { rows, ..Rows::default() })
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

/// What [`load_questions`] gives.
pub(crate) struct Loaded {
    pub(crate) questions: Vec<Question>,
    /// Records that were passed over.
    pub(crate) skipped: Vec<BadRow>,
    /// Name of the layout that was found.
    pub(crate) layout: Option<&'static str>,
}

impl Loaded {
    /// How many records were passed over, in words.
    pub(crate) fn skipped_words(&self) -> Option<String> {
        let (count, first) = (self.skipped.len(), self.skipped.first()?);
        let (line, reason) = (first.line, &first.reason);
        Some(format!("{count} bad records were skipped, the first in line {line}: {reason}"))
    }
}

/// Reads or generates questions and puts a template around each, for a model with a context of so
/// many tokens; without a model they have no prompts. `limit` keeps the first ones.
///
/// # Errors
/// As [`read_problems`] and [`Prompts::ids`], and a prompt that fills the model's context.
pub(crate) fn load_questions(
    checks: Checks<'_>,
    source: &QuestionSource,
    model: Option<(Prompts<'_>, usize)>,
    (seed, held_out): (u64, bool),
    limit: usize,
) -> Result<Loaded> {
    let Rows { mut rows, skipped, layout } = read_problems(source, checks, seed, held_out)?;
    rows.truncate(limit);
    let question = |Row { line, problem }: Row| {
        let Some((prompts, context)) = model else {
            return Ok(Question { problem, prompt: Vec::new() });
        };
        let prompt = prompts.ids(&problem.question)?;
        if prompt.len() < context {
            return Ok(Question { problem, prompt });
        }
        let reason = format!(
            "prompt with its template, expected: fewer tokens than the model's context of \
             {context}, got: {} tokens",
            prompt.len()
        );
        Err(match source.path() {
            Some(path) => TrainError::DataLine { path: path.to_owned(), line, reason },
            None => TrainError::DoesNotFit { stage: checks.stage.to_owned(), reason },
        })
    };
    let questions = rows.into_iter().map(question).collect::<Result<_>>()?;
    Ok(Loaded { questions, skipped, layout })
}
