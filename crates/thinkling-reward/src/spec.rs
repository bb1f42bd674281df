//! What a completion is rewarded for: named components, each a rule with a weight.
//!
//! `total = sum of weight * value`, as the report adds its rewards (arXiv 2501.12948: accuracy and
//! format, section 2.2.2; language "directly summed", section 2.3.2). Every rule is a pure
//! function of the completion, the problem and the verdict on the answer. A component may have
//! bounds: a value outside is moved to the nearer one, and its record says so.
//!
//! | rule | value |
//! |---|---|
//! | [`Rule::Accuracy`] | 1 or 0 by the answer; of a program also the share of its tests |
//! | [`Rule::Format`] | a [`FormatRule`] |
//! | [`Rule::Language`] | share of the chain of thought in the target language |
//! | [`Rule::Repetition`] | [`RepetitionRule`]: 0 or less |
//! | [`Rule::Length`] | [`CosineLength`]: by correctness and length |
//! | [`Rule::Overlong`] | [`SoftOverlong`]: 0 or less |
//!
//! Left out: what is measured outside this crate ([`RewardRecord::add`](crate::RewardRecord::add)
//! takes it), and [`reflection`](crate::reflection), which the report counts and does not reward.
//!
//! ```
//! use thinkling_reward::spec::{ComponentSpec, LanguageRule, Rule};
//! use thinkling_reward::{Completion, Language, Problem, RewardSpec, reward};
//!
//! let mut spec = RewardSpec::default();
//! let target = Some(Language::En);
//! spec.components.push(ComponentSpec::new("language", Rule::Language(LanguageRule { target })));
//! let text = "<think> Twenty and 所以 </think> <answer> 42 </answer>";
//! let problem = Problem::number("p1", "What is 19 + 23?", "42");
//! let record = reward(&problem, &Completion::whole(text), &spec)?;
//! assert_eq!(record.value("language"), Some(0.5));
//! assert_eq!(record.total, 2.5);
//! # Ok::<(), thinkling_reward::RewardError>(())
//! ```

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::answer::outside_answer;
use crate::code::CodeReward;
use crate::format::FormatRule;
use crate::language::language_share;
use crate::length::{CosineLength, SoftOverlong};
use crate::math::Policy;
use crate::problem::{Language, Problem};
use crate::record::{Completion, Judged, RewardError, Template};
use crate::repetition::RepetitionRule;

/// Name of the accuracy component.
pub const ACCURACY: &str = "accuracy";
/// Name of the format component.
pub const FORMAT: &str = "format";
/// Name of the language component.
pub const LANGUAGE: &str = "language";
/// Name of the repetition component.
pub const REPETITION: &str = "repetition";
/// Name of the component with the cosine length reward.
pub const LENGTH: &str = "length";
/// Name of the component with the soft overlong punishment.
pub const OVERLONG: &str = "overlong";

/// How components become a reward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RewardSpec {
    /// Which places count as the answer.
    pub template: Template,
    /// Whether a truncated completion earns nothing, whatever it holds: its answer is not read,
    /// and no component is above 0. Penalties stay.
    pub truncated_earns_nothing: bool,
    /// What is rewarded, in the order of the record.
    pub components: Vec<ComponentSpec>,
}

impl Default for RewardSpec {
    /// R1-Zero's: accuracy and the strict format, both of weight 1.
    fn default() -> Self {
        Self::of(Template::R1Zero)
    }
}

/// One named component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentSpec {
    /// Its name in records and metrics, once in a spec.
    pub name: Cow<'static, str>,
    /// What it measures.
    pub rule: Rule,
    /// How much it counts.
    #[serde(default = "one")]
    pub weight: f64,
    /// Lowest and highest value, before weighting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<[f64; 2]>,
}

const fn one() -> f64 {
    1.0
}

/// What a component measures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// Whether the answer is right.
    Accuracy(AccuracyRule),
    /// Whether the format is kept.
    Format(FormatComponent),
    /// How much of the chain of thought, all that stands outside the answer block, is in one
    /// language.
    Language(LanguageRule),
    /// How much of the text repeats.
    Repetition(RepetitionRule),
    /// Correctness scaled by length; it takes the place of accuracy.
    Length(CosineLength),
    /// Coming near the token limit.
    Overlong(SoftOverlong),
}

/// How answers are judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccuracyRule {
    /// Conventions of math and choice tasks.
    pub policy: Policy,
    /// How the tests of a program become a value.
    pub code: CodeReward,
}

/// Which reading of the format counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FormatComponent {
    /// The reading.
    pub rule: FormatRule,
}

/// Which language counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LanguageRule {
    /// The language; without one the problem's own, and a problem without one is an error.
    pub target: Option<Language>,
}

/// A spec that makes no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A weight is negative, infinite or no number.
    #[error("unusable weight of `{component}`, expected: a finite number, 0 or more, got: {got}")]
    Weight {
        /// The component.
        component: String,
        /// Its weight.
        got: f64,
    },
    /// The bounds of a component are none.
    #[error(
        "unusable bounds of `{component}`, expected: two finite numbers, the lower first, got: {got:?}"
    )]
    Clip {
        /// The component.
        component: String,
        /// Its bounds.
        got: [f64; 2],
    },
    /// A number of a rule is infinite or none.
    #[error("unusable number in the rule of `{component}`, expected: a finite number, got: {got}")]
    Parameter {
        /// The component.
        component: String,
        /// The number.
        got: f64,
    },
    /// Two components have one name, or one has none.
    #[error("unusable name of a component, expected: a name that no other has, got: {name:?}")]
    Name {
        /// The name.
        name: String,
    },
    /// Nothing is rewarded.
    #[error("no component with a weight above 0, expected: at least 1")]
    NoWeight,
}

impl RewardSpec {
    /// The spec that a template has by itself: accuracy, and the strict format where the template
    /// is R1-Zero's.
    pub fn of(template: Template) -> Self {
        let accuracy = ComponentSpec::new(ACCURACY, Rule::Accuracy(AccuracyRule::default()));
        let format = ComponentSpec::new(FORMAT, Rule::Format(FormatComponent::default()));
        let mut components = vec![accuracy];
        components.extend((template == Template::R1Zero).then_some(format));
        Self { template, truncated_earns_nothing: true, components }
    }

    /// Checks names, weights, bounds and the numbers of rules. Rewards are given by any spec; by
    /// an unsound one they may be no numbers.
    ///
    /// # Errors
    /// See [`SpecError`].
    pub fn validate(&self) -> Result<(), SpecError> {
        let mut names = BTreeSet::new();
        for part in &self.components {
            let component = || part.name.clone().into_owned();
            if part.name.trim().is_empty() || !names.insert(&part.name) {
                return Err(SpecError::Name { name: component() });
            }
            if !part.weight.is_finite() || part.weight < 0.0 {
                return Err(SpecError::Weight { component: component(), got: part.weight });
            }
            match part.clip {
                Some([low, high]) if !(low.is_finite() && high.is_finite() && low <= high) => {
                    return Err(SpecError::Clip { component: component(), got: [low, high] });
                }
                _ => {}
            }
            if let Some(&got) = part.rule.numbers().iter().find(|x| !x.is_finite()) {
                return Err(SpecError::Parameter { component: component(), got });
            }
        }
        match self.components.iter().any(|part| part.weight > 0.0) {
            true => Ok(()),
            false => Err(SpecError::NoWeight),
        }
    }

    /// How answers are judged: as the first accuracy component says, else by default.
    pub(crate) fn accuracy_rule(&self) -> Cow<'_, AccuracyRule> {
        let rules = self.components.iter().filter_map(|part| match &part.rule {
            Rule::Accuracy(rule) => Some(rule),
            _ => None,
        });
        rules.map(Cow::Borrowed).next().unwrap_or_else(|| Cow::Owned(AccuracyRule::default()))
    }
}

impl ComponentSpec {
    /// A component of weight 1 without bounds.
    pub fn new(name: impl Into<Cow<'static, str>>, rule: Rule) -> Self {
        Self { name: name.into(), rule, weight: 1.0, clip: None }
    }

    /// What a completion reaches, before bounds and weight.
    pub(crate) fn value(
        &self,
        problem: &Problem,
        completion: &Completion<'_>,
        judged: &Judged,
    ) -> Result<f64, RewardError> {
        let tokens = || {
            let component = || self.name.clone().into_owned();
            completion.tokens.ok_or_else(|| RewardError::NoTokens { component: component() })
        };
        Ok(match &self.rule {
            Rule::Accuracy(_) => judged.accuracy(),
            Rule::Format(format) => format.rule.score(completion.text),
            Rule::Language(rule) => {
                language_share(&outside_answer(completion.text), self.target(rule, problem)?)
            }
            Rule::Repetition(rule) => rule.reward(completion.text),
            Rule::Length(rule) => rule.reward(judged.is_correct(), tokens()?),
            Rule::Overlong(rule) => rule.reward(tokens()?),
        })
    }

    /// Checks before any completion that a problem has what the rule needs of it.
    pub(crate) fn check(&self, problem: &Problem) -> Result<(), RewardError> {
        match &self.rule {
            Rule::Language(rule) => self.target(rule, problem).map(drop),
            _ => Ok(()),
        }
    }

    fn target(&self, rule: &LanguageRule, problem: &Problem) -> Result<Language, RewardError> {
        rule.target.or(problem.language).ok_or_else(|| RewardError::NoLanguage {
            component: self.name.clone().into_owned(),
            id: problem.id.clone(),
        })
    }
}

impl Rule {
    /// The real numbers that the rule's values are made of.
    fn numbers(&self) -> Vec<f64> {
        match self {
            Self::Repetition(rule) => vec![rule.max_penalty],
            Self::Length(rule) => vec![
                rule.correct_at_zero,
                rule.correct_at_max,
                rule.wrong_at_zero,
                rule.wrong_at_max,
                rule.exceeded,
            ],
            Self::Accuracy(_) | Self::Format(_) | Self::Language(_) | Self::Overlong(_) => {
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests;
