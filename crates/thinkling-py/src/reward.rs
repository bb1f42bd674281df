//! One reward function: its name, what it measures, and the rewards of a batch.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use thinkling_reward::answer::outside_answer;
use thinkling_reward::language::language_share;
use thinkling_reward::length::{CosineLength, SoftOverlong};
use thinkling_reward::reflection::reflection_count;
use thinkling_reward::repetition::RepetitionRule;
use thinkling_reward::spec::{ACCURACY, ComponentSpec, LENGTH, Rule};
use thinkling_reward::{
    Completion, FormatRule, Language, Problem, RewardError, RewardRecord, RewardSpec, Task, Tools,
};

use crate::judge::Judge;

/// A reward function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reward {
    /// What a trainer logs it by.
    pub name: String,
    /// What it measures.
    pub measure: Measure,
    /// The column that it reads, where the caller has named one: golds, or languages.
    pub column: Option<String>,
    /// The column with a countdown's numbers, where the caller has named one.
    pub numbers_column: Option<String>,
    /// What a gold that cannot be read is worth.
    pub gold_errors: GoldErrors,
}

/// What is measured of a completion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// 1 where the answer is right, else 0.
    Accuracy(Judge),
    /// Accuracy scaled by length.
    Length(Judge, CosineLength),
    /// Coming near the token limit.
    Overlong(SoftOverlong),
    /// Whether the format is kept.
    Format {
        /// The reading.
        rule: FormatRule,
        /// Whether the prompt already ended with `<think>`.
        inside_think: bool,
    },
    /// Share of words in one language.
    Language {
        /// The language; without one that of the sample.
        target: Option<Language>,
        /// Whether the answer block counts as well.
        whole: bool,
    },
    /// What repeats, 0 or less.
    Repetition(RepetitionRule),
    /// How many reflective words there are.
    Reflection,
}

/// What a gold that cannot be read does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GoldErrors {
    /// It ends the call: the data set is at fault.
    #[default]
    Raise,
    /// Its completion has no reward.
    Skip,
}

/// One completion with what a reward needs to know of its problem.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// What the model wrote.
    pub text: String,
    /// What was asked; without it there is no accuracy.
    pub task: Option<Task>,
    /// The language that is asked for.
    pub language: Option<Language>,
    /// Tokens of the completion, where a rule counts them.
    pub tokens: Option<usize>,
}

/// A batch that cannot be scored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewardsError {
    /// The gold of a sample cannot be judged by, or the rule lacks something.
    #[error("{what}")]
    Unusable {
        /// What is wrong, with the row.
        what: String,
    },
    /// A fault of this library.
    #[error("a fault of thinkling_rewards, please report it: {what}")]
    Fault {
        /// What the panic said.
        what: String,
    },
}

impl Reward {
    /// The rewards of a batch, in its order. `None` where a sample has nothing to be judged by.
    ///
    /// # Errors
    /// Where a gold cannot be read and [`GoldErrors::Raise`] is set. A panic comes back as
    /// [`RewardsError::Fault`].
    pub fn score(&self, samples: &[Sample]) -> Result<Vec<Option<f64>>, RewardsError> {
        guarded(|| {
            let spec = self.measure.spec();
            let rows = samples.iter().enumerate();
            rows.map(|(row, sample)| self.value(spec.as_ref(), row, sample)).collect()
        })
    }

    fn value(
        &self,
        spec: Option<&RewardSpec>,
        row: usize,
        sample: &Sample,
    ) -> Result<Option<f64>, RewardsError> {
        let text = sample.text.as_str();
        let tokens = sample.tokens.unwrap_or(0);
        Ok(match &self.measure {
            Measure::Accuracy(_) => self.judged(spec, row, sample, ACCURACY)?,
            Measure::Length(..) => self.judged(spec, row, sample, LENGTH)?,
            Measure::Overlong(rule) => Some(rule.reward(tokens)),
            Measure::Format { rule, inside_think: true } => {
                Some(rule.judge_inside_think(text).score)
            }
            Measure::Format { rule, inside_think: false } => Some(rule.score(text)),
            Measure::Language { target, whole } => {
                target.or(sample.language).map(|target| match whole {
                    true => language_share(text, target),
                    false => language_share(&outside_answer(text), target),
                })
            }
            Measure::Repetition(rule) => Some(rule.reward(text)),
            // Counts are far below 2^53.
            Measure::Reflection => Some(reflection_count(text) as f64),
        })
    }

    fn judged(
        &self,
        spec: Option<&RewardSpec>,
        row: usize,
        sample: &Sample,
        component: &str,
    ) -> Result<Option<f64>, RewardsError> {
        let (Some(spec), Some(task)) = (spec, &sample.task) else { return Ok(None) };
        let id = format!("{row} of the batch");
        match (record(spec, id, task, sample), self.gold_errors) {
            (Ok(record), _) => Ok(record.value(component)),
            (Err(RewardError::Gold(_)), GoldErrors::Skip) => Ok(None),
            (Err(error), _) => Err(RewardsError::Unusable { what: in_words(&error) }),
        }
    }
}

impl Measure {
    /// Whether it needs the golds of a batch.
    pub const fn judges(&self) -> bool {
        matches!(self, Self::Accuracy(_) | Self::Length(..))
    }

    /// Whether it counts tokens.
    pub const fn counts_tokens(&self) -> bool {
        matches!(self, Self::Overlong(_) | Self::Length(..))
    }

    fn spec(&self) -> Option<RewardSpec> {
        match self {
            Self::Accuracy(judge) => Some(judge.spec(None)),
            Self::Length(judge, rule) => {
                Some(judge.spec(Some(ComponentSpec::new(LENGTH, Rule::Length(*rule)))))
            }
            _ => None,
        }
    }
}

/// The record of one answer by a judge.
///
/// # Errors
/// Where the gold cannot be read. A panic comes back as [`RewardsError::Fault`].
pub fn verify(judge: &Judge, task: &Task, text: String) -> Result<RewardRecord, RewardsError> {
    let sample = Sample { text, ..Sample::default() };
    guarded(|| {
        record(&judge.spec(None), "at hand".to_owned(), task, &sample)
            .map_err(|error| RewardsError::Unusable { what: in_words(&error) })
    })
}

fn record(
    spec: &RewardSpec,
    id: String,
    task: &Task,
    sample: &Sample,
) -> Result<RewardRecord, RewardError> {
    let problem = Problem::new(id, "", task.clone());
    let completion = Completion { text: &sample.text, truncated: false, tokens: sample.tokens };
    spec.reward(&problem, &completion, &Tools::default())
}

/// An error with what it comes from.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // A transparent error says what its source says.
        if !words.ends_with(&said) {
            words = format!("{words}: {said}");
        }
        cause = error.source();
    }
    words
}

/// Lets no panic out: Python's interpreter must not be unwound through.
fn guarded<T>(work: impl FnOnce() -> Result<T, RewardsError>) -> Result<T, RewardsError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let said = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let said = said.or_else(|| payload.downcast_ref::<String>().cloned());
        Err(RewardsError::Fault { what: said.unwrap_or_else(|| "no message".to_owned()) })
    })
}

#[cfg(test)]
mod tests;
