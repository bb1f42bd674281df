//! From a problem and a completion to a reward, with everything that led to it.
//!
//! `total = accuracy_weight * accuracy + format_weight * format`, both components 0 or 1 and the
//! weights 1 by default: DeepSeek-R1-Zero "adopts the same weight" in effect (arXiv
//! 2501.12948v1, section 2.2.2). Departure from the report: a truncated completion earns nothing
//! at all by default.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::answer::{answer_block, outside_thinking, without_tags};
use crate::countdown::{self, Goal};
use crate::format::strict_format;
use crate::number::{self, parse_number};
use crate::problem::{GoldError, Problem, Task};

/// Name of the accuracy component.
pub const ACCURACY: &str = "accuracy";
/// Name of the format component.
pub const FORMAT: &str = "format";

/// Characters of an extracted answer that are kept in a record.
const MAX_EXTRACTED: usize = 200;

/// What a model wrote after the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion<'a> {
    /// Its text, without prompt and end-of-sequence token.
    pub text: &'a str,
    /// Whether it was cut at the token limit.
    pub truncated: bool,
}

impl<'a> Completion<'a> {
    /// A completion that ended by itself.
    pub const fn whole(text: &'a str) -> Self {
        Self { text, truncated: false }
    }
}

/// Which places count as the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Template {
    /// The template of R1-Zero: only the one `<answer>` block, and a format component.
    #[default]
    R1Zero,
    /// No template: the last number or expression outside the thinking; no format component.
    None,
    /// Only a `\boxed{}` outside the thinking; no format component.
    Boxed,
}

/// How components become a reward.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RewardConfig {
    /// Weight of the accuracy component.
    pub accuracy_weight: f64,
    /// Weight of the format component.
    pub format_weight: f64,
    /// Which places count as the answer.
    pub template: Template,
    /// Whether a truncated completion earns nothing, whatever it holds.
    pub truncated_earns_nothing: bool,
}

impl Default for RewardConfig {
    fn default() -> Self {
        Self {
            accuracy_weight: 1.0,
            format_weight: 1.0,
            template: Template::R1Zero,
            truncated_earns_nothing: true,
        }
    }
}

/// A reward config that makes no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A weight is negative, infinite or no number.
    #[error("unusable {component}_weight, expected: a finite number, 0 or more, got: {got}")]
    Weight {
        /// The component.
        component: &'static str,
        /// Its weight.
        got: f64,
    },
}

impl RewardConfig {
    /// Checks the weights. [`reward`] takes any.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (component, got) in [(ACCURACY, self.accuracy_weight), (FORMAT, self.format_weight)] {
            if !got.is_finite() || got < 0.0 {
                return Err(ConfigError::Weight { component, got });
            }
        }
        Ok(())
    }
}

/// Whether the answer is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// An answer was read, and it is right.
    Correct,
    /// An answer was read, and it is not right.
    Wrong,
    /// No answer could be read within the rules. Earns as little as a wrong one.
    Unverifiable {
        /// Why.
        reason: Reason,
    },
}

impl Verdict {
    /// Whether it is [`Verdict::Correct`].
    pub const fn is_correct(self) -> bool {
        matches!(self, Self::Correct)
    }
}

/// Why no answer could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The completion was cut at the token limit.
    #[error("cut at the token limit")]
    Truncated,
    /// No `<answer>` block was opened and closed outside the thinking.
    #[error("no answer block")]
    NoAnswerBlock,
    /// More than one `<answer>` block was opened.
    #[error("several answer blocks")]
    SeveralAnswerBlocks,
    /// The place of the answer holds no number.
    #[error("no number")]
    NoNumber,
    /// The place of the answer holds more than one number.
    #[error("several numbers")]
    SeveralNumbers,
    /// The digits are part of a word, a formula or a multiple.
    #[error("not a plain number")]
    NotAPlainNumber,
    /// The place of the answer holds no expression.
    #[error("no expression")]
    NoExpression,
    /// The answer is not an expression and nothing else.
    #[error("not an expression")]
    BadExpression,
    /// The answer passes a limit on digits, literals or depth.
    #[error("too large")]
    TooLarge,
    /// Nothing stands where an answer may stand.
    #[error("no answer")]
    NoAnswer,
    /// There is no `\boxed{}`.
    #[error("no box")]
    NoBox,
    /// The last box is not closed, or another answer block or tag cuts it.
    #[error("malformed box")]
    MalformedBox,
    /// The place of the answer holds several different answers.
    #[error("several answers")]
    SeveralAnswers,
    /// The answer is neither mathematics nor words.
    #[error("not an answer")]
    NotAnAnswer,
    /// The answer is named only to be denied or asked: `not 6`, `6?`.
    #[error("not asserted")]
    NotAsserted,
    /// What a reader sees is not what the text holds: macros, invisible text, changed direction.
    #[error("hidden text")]
    HiddenText,
}

/// The verdict on an answer, with what was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Judgement {
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The answer as read, its first 200 characters.
    pub extracted: Option<String>,
    /// What keeps the answer from being correct, in words, where there is more to say.
    pub note: Option<Cow<'static, str>>,
}

impl Judgement {
    /// A judgement without note and extracted answer.
    pub const fn new(verdict: Verdict) -> Self {
        Self { verdict, extracted: None, note: None }
    }

    pub(crate) fn wrong(note: &'static str) -> Self {
        Self::new(Verdict::Wrong).with_note(note)
    }

    pub(crate) const fn unverifiable(reason: Reason) -> Self {
        Self::new(Verdict::Unverifiable { reason })
    }

    /// Correct, or wrong with the note.
    pub(crate) fn exact(equal: bool, note: &'static str) -> Self {
        if equal { Self::new(Verdict::Correct) } else { Self::wrong(note) }
    }

    pub(crate) fn with_extracted(mut self, text: &str) -> Self {
        self.extracted = Some(text.chars().take(MAX_EXTRACTED).collect());
        self
    }

    pub(crate) fn with_note(mut self, note: impl Into<Cow<'static, str>>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// One named part of a reward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// What is rewarded: [`ACCURACY`], [`FORMAT`].
    pub name: Cow<'static, str>,
    /// What the completion reached, before weighting.
    pub value: f64,
    /// How much it counts.
    pub weight: f64,
}

/// A reward and what led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RewardRecord {
    /// The parts, in a fixed order for a config.
    pub components: Vec<Component>,
    /// The sum of value times weight over the parts.
    pub total: f64,
    /// The verdict on the answer, which the accuracy component follows.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The answer as read, its first 200 characters.
    pub extracted: Option<String>,
    /// What keeps the answer from being correct, in words, where there is more to say.
    pub note: Option<Cow<'static, str>>,
}

impl RewardRecord {
    /// The value of a component, before weighting.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.components.iter().find(|component| component.name == name).map(|c| c.value)
    }
}

/// A problem's gold, read.
enum Gold {
    Number(num_rational::BigRational),
    Countdown(Goal),
}

impl Gold {
    fn of(problem: &Problem) -> Result<Self, GoldError> {
        let id = || problem.id.clone();
        match &problem.task {
            Task::Number { gold } => parse_number(gold)
                .map(Self::Number)
                .map_err(|source| GoldError::Number { id: id(), gold: gold.clone(), source }),
            Task::Countdown { numbers, target } => Goal::new(numbers, target)
                .map(Self::Countdown)
                .map_err(|source| GoldError::Countdown { id: id(), source }),
        }
    }

    fn judge_block(&self, block: &str) -> Judgement {
        match self {
            Self::Number(gold) => number::judge_block(block, gold),
            Self::Countdown(goal) => countdown::judge_block(block, goal),
        }
    }

    /// `alone`: a number must not be an operand.
    fn judge_last(&self, text: &str, alone: bool) -> Judgement {
        match self {
            Self::Number(gold) => number::judge_last(text, gold, alone),
            Self::Countdown(goal) => countdown::judge_last(text, goal),
        }
    }

    fn judge(&self, text: &str, template: Template) -> Judgement {
        match template {
            Template::R1Zero => match answer_block(text) {
                Ok(block) => self.judge_block(block),
                Err(reason) => Judgement::unverifiable(reason),
            },
            Template::None => self.judge_last(&outside_thinking(text), true),
            Template::Boxed => match crate::math::last_box(text) {
                Ok(content) => self.judge_block(&content),
                Err(reason) => Judgement::unverifiable(reason),
            },
        }
    }
}

impl Problem {
    /// Checks that the gold can be judged by, as every other function here does first.
    ///
    /// # Errors
    /// See [`GoldError`].
    pub fn check_gold(&self) -> Result<(), GoldError> {
        Gold::of(self).map(|_| ())
    }
}

/// The verdict on a completion's answer alone.
///
/// # Errors
/// Where the gold cannot be read, whatever the completion holds.
pub fn judge(problem: &Problem, text: &str, template: Template) -> Result<Judgement, GoldError> {
    Ok(Gold::of(problem)?.judge(text, template))
}

/// The reward of a completion.
///
/// # Errors
/// Where the gold cannot be read, whatever the completion holds.
pub fn reward(
    problem: &Problem,
    completion: &Completion<'_>,
    config: &RewardConfig,
) -> Result<RewardRecord, GoldError> {
    let gold = Gold::of(problem)?;
    let nothing = completion.truncated && config.truncated_earns_nothing;
    let Judgement { verdict, extracted, note } = if nothing {
        Judgement::unverifiable(Reason::Truncated)
    } else {
        gold.judge(completion.text, config.template)
    };
    let component = |name, earned: bool, weight| Component {
        name: Cow::Borrowed(name),
        value: f64::from(u8::from(earned)),
        weight,
    };
    let mut components = vec![component(ACCURACY, verdict.is_correct(), config.accuracy_weight)];
    if config.template == Template::R1Zero {
        let valid = !nothing && strict_format(completion.text).valid;
        components.push(component(FORMAT, valid, config.format_weight));
    }
    let total = components.iter().map(|part| part.value * part.weight).sum();
    Ok(RewardRecord { components, total, verdict, extracted, note })
}

/// Whether the last number (number task) or the last expression (countdown) of a completion is
/// right, wherever it stands: tags are ignored, thinking counts. A measure of what a model knows
/// apart from the format, never a reward.
///
/// # Errors
/// Where the gold cannot be read, whatever the completion holds.
pub fn format_free_correct(problem: &Problem, text: &str) -> Result<bool, GoldError> {
    let gold = Gold::of(problem)?;
    Ok(gold.judge_last(&without_tags(text), false).verdict.is_correct())
}

#[cfg(test)]
mod tests;
