//! From a problem and a completion to a reward, with everything that led to it.
//!
//! `total = sum of weight * value` over the components of a [`RewardSpec`]. By default these are
//! accuracy and format, both 0 or 1 and of weight 1: DeepSeek-R1-Zero "adopts the same weight" in
//! effect (arXiv 2501.12948v1, section 2.2.2). Departure from the report: a truncated completion
//! earns nothing at all by default; penalties stay.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::code::{CodeError, RunCode};
use crate::math::Policy;
use crate::problem::{GoldError, Problem};
use crate::spec::{AccuracyRule, RewardSpec};
pub(crate) use gold::Judged;
use gold::Reader;

mod gold;

/// Characters of an extracted answer that are kept in a record.
pub const MAX_EXTRACTED: usize = 200;

/// What a model wrote after the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion<'a> {
    /// Its text, without prompt and end-of-sequence token.
    pub text: &'a str,
    /// Whether it was cut at the token limit.
    pub truncated: bool,
    /// Its tokens without the end-of-sequence token, where a rule counts them.
    pub tokens: Option<usize>,
}

impl<'a> Completion<'a> {
    /// A completion that ended by itself, its tokens not counted.
    pub const fn whole(text: &'a str) -> Self {
        Self { text, truncated: false, tokens: None }
    }
}

/// Which places count as the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Template {
    /// The template of R1-Zero: only the one `<answer>` block.
    #[default]
    R1Zero,
    /// No template: all places outside the thinking, the last number or expression at least.
    None,
    /// Only a `\boxed{}` outside the thinking.
    Boxed,
}

impl Template {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::R1Zero, Self::Boxed];

    /// The name in recipes and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::R1Zero => "r1-zero",
            Self::None => "none",
            Self::Boxed => "boxed",
        }
    }

    /// The template of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.as_str() == name)
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

    /// Why the answer is not correct, in words; none where it is, or where there is no more to say.
    pub fn reason(&self) -> Option<String> {
        match (self.verdict, self.note.as_deref()) {
            (Verdict::Correct, _) | (Verdict::Wrong, None) => None,
            (Verdict::Wrong, Some(note)) => Some(note.to_owned()),
            (Verdict::Unverifiable { reason }, None) => Some(reason.to_string()),
            (Verdict::Unverifiable { reason }, Some(note)) => Some(format!("{reason}: {note}")),
        }
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
    /// What is rewarded, for example [`ACCURACY`](crate::spec::ACCURACY).
    pub name: Cow<'static, str>,
    /// What the completion reached, before weighting.
    pub value: f64,
    /// How much it counts.
    pub weight: f64,
    /// Whether the value lay outside the bounds of its component and was moved to the nearer one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub clipped: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Component {
    /// A part whose value is held within `clip`, lower bound first. A value that is no number
    /// stays none.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        value: f64,
        weight: f64,
        clip: Option<[f64; 2]>,
    ) -> Self {
        // Not `clamp`, which panics where the bounds are swapped.
        let held = match clip {
            Some([low, high]) if value < low || value > high => {
                if value < low {
                    low
                } else {
                    high
                }
            }
            _ => value,
        };
        Self { name: name.into(), value: held, weight, clipped: held != value && !value.is_nan() }
    }

    /// The part of a completion that earns nothing: a value above 0 is 0, a penalty stays.
    #[must_use]
    pub fn without_gain(mut self) -> Self {
        if self.value > 0.0 {
            self.value = 0.0;
        }
        self
    }
}

/// A reward and what led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RewardRecord {
    /// The parts, in the order of the spec, then those that were added.
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
    /// The judgement of the answer alone.
    pub fn judgement(&self) -> Judgement {
        let Self { verdict, extracted, note, .. } = self;
        Judgement { verdict: *verdict, extracted: extracted.clone(), note: note.clone() }
    }

    /// The value of a component, before weighting.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.component(name).map(|component| component.value)
    }

    /// The component of that name.
    pub fn component(&self, name: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.name == name)
    }

    /// Adds a part that something else than a rule measured, and its share of the total.
    pub fn add(&mut self, component: Component) {
        self.components.push(component);
        self.total = total(&self.components);
    }
}

/// The sum of value times weight; 0 without parts.
pub(crate) fn total(components: &[Component]) -> f64 {
    // The empty sum is -0.
    components.iter().map(|part| part.value * part.weight).sum::<f64>() + 0.0
}

/// What judging needs beside problem and text.
#[derive(Clone, Copy, Default)]
pub struct Tools<'a> {
    /// Runs the programs of code tasks.
    pub runner: Option<&'a dyn RunCode>,
}

impl std::fmt::Debug for Tools<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tools").field("runner", &self.runner.is_some()).finish()
    }
}

/// Why there is no reward: never the completion's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RewardError {
    /// The gold cannot be judged by.
    #[error(transparent)]
    Gold(#[from] GoldError),
    /// A code task, and nothing that runs programs.
    #[error("a code problem without a runner, expected: one that runs programs (problem {id})")]
    NoRunner {
        /// The problem.
        id: String,
    },
    /// What runs the programs failed.
    #[error("the runner of programs failed (problem {id})")]
    Runner {
        /// The problem.
        id: String,
        /// What happened.
        source: CodeError,
    },
    /// A language component without a target, and a problem without a language.
    #[error(
        "`{component}` has no target language, expected: one in the spec or in the problem (problem {id})"
    )]
    NoLanguage {
        /// The component.
        component: String,
        /// The problem.
        id: String,
    },
    /// A component of the length of a completion whose tokens were not counted.
    #[error("`{component}` needs the number of tokens, expected: a count, got: none")]
    NoTokens {
        /// The component.
        component: String,
    },
}

impl Problem {
    /// Checks that the gold can be judged by with the default policy.
    ///
    /// # Errors
    /// See [`GoldError`].
    pub fn check_gold(&self) -> Result<(), GoldError> {
        gold::check_gold(self, &Policy::default())
    }
}

/// The verdict on a completion's answer alone, with the default policy and without a runner.
///
/// # Errors
/// Where the gold cannot be read, whatever the completion holds, and for code tasks.
pub fn judge(problem: &Problem, text: &str, template: Template) -> Result<Judgement, RewardError> {
    let rule = AccuracyRule::default();
    let reader = Reader { rule: &rule, tools: Tools::default() };
    reader.judge(problem, text, template).map(|judged| judged.judgement)
}

/// The reward of a completion, without a runner of programs ([`RewardSpec::reward`] takes one).
///
/// # Errors
/// Where the gold cannot be read, whatever the completion holds, and where the spec needs what is
/// not there.
pub fn reward(
    problem: &Problem,
    completion: &Completion<'_>,
    spec: &RewardSpec,
) -> Result<RewardRecord, RewardError> {
    spec.reward(problem, completion, &Tools::default())
}

impl RewardSpec {
    /// The reward of a completion.
    ///
    /// # Errors
    /// Where the gold cannot be read, whatever the completion holds, and where the spec needs what
    /// is not there.
    pub fn reward(
        &self,
        problem: &Problem,
        completion: &Completion<'_>,
        tools: &Tools<'_>,
    ) -> Result<RewardRecord, RewardError> {
        let nothing = completion.truncated && self.truncated_earns_nothing;
        let rule = self.accuracy_rule();
        let reader = Reader { rule: &rule, tools: *tools };
        let judged = if nothing {
            reader.refuse(problem, Reason::Truncated)?
        } else {
            reader.judge(problem, completion.text, self.template)?
        };
        let mut components = Vec::with_capacity(self.components.len());
        for part in &self.components {
            let value = part.value(problem, completion, &judged)?;
            let component = Component::new(part.name.clone(), value, part.weight, part.clip);
            components.push(if nothing { component.without_gain() } else { component });
        }
        let Judgement { verdict, extracted, note } = judged.judgement;
        Ok(RewardRecord { total: total(&components), components, verdict, extracted, note })
    }

    /// Checks before any completion that a problem can be rewarded.
    ///
    /// # Errors
    /// As [`RewardSpec::reward`], whatever a completion holds.
    pub fn check_problem(&self, problem: &Problem, tools: &Tools<'_>) -> Result<(), RewardError> {
        Reader { rule: &self.accuracy_rule(), tools: *tools }.check(problem)?;
        self.components.iter().try_for_each(|part| part.check(problem))
    }

    /// Whether the last answer of a completion is right, wherever it stands: tags are ignored,
    /// thinking counts. Of a number the last one, of a countdown the last expression; of several
    /// mathematical answers the last; an exact text at the end. A measure of what a model knows
    /// apart from the format, never a reward.
    ///
    /// # Errors
    /// As [`RewardSpec::reward`].
    pub fn format_free_correct(
        &self,
        problem: &Problem,
        text: &str,
        tools: &Tools<'_>,
    ) -> Result<bool, RewardError> {
        Reader { rule: &self.accuracy_rule(), tools: *tools }.is_last_correct(problem, text)
    }
}

/// [`RewardSpec::format_free_correct`] with the default spec and without a runner of programs.
///
/// # Errors
/// Where the gold cannot be read, whatever the completion holds, and for code tasks.
pub fn format_free_correct(problem: &Problem, text: &str) -> Result<bool, RewardError> {
    let rule = AccuracyRule::default();
    Reader { rule: &rule, tools: Tools::default() }.is_last_correct(problem, text)
}

#[cfg(test)]
mod tests;
