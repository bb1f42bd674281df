//! What an answer is, and by which conventions it is judged.

use serde::{Deserialize, Serialize};
use thinkling_reward::math::Policy;
use thinkling_reward::spec::{ACCURACY, AccuracyRule, ComponentSpec, Rule};
use thinkling_reward::{RewardSpec, Task, Template};

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Mathematics of any kind, equal by value.
    Math,
    /// One number, equal by value.
    Number,
    /// An option letter.
    Choice,
    /// An expression over given numbers that reaches a target.
    Countdown,
    /// A text, character by character.
    Exact,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Math, Self::Number, Self::Choice, Self::Countdown, Self::Exact];

    /// Its name: `math`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Math => "math",
            Self::Number => "number",
            Self::Choice => "choice",
            Self::Countdown => "countdown",
            Self::Exact => "exact",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The task whose gold is a text; of a countdown, whose gold is more than that, none.
    pub fn task(self, gold: String) -> Option<Task> {
        match self {
            Self::Math => Some(Task::Math { gold }),
            Self::Number => Some(Task::Number { gold }),
            Self::Choice => Some(Task::Choice { gold }),
            Self::Exact => Some(Task::Exact { gold }),
            Self::Countdown => None,
        }
    }
}

/// How answers are judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    /// What an answer is.
    pub kind: Kind,
    /// Which places of a completion count.
    pub template: Template,
    /// Conventions of `math` and `choice`.
    pub policy: Policy,
}

impl Judge {
    /// The spec of this judge: accuracy, and `further` where there is more to measure.
    pub fn spec(&self, further: Option<ComponentSpec>) -> RewardSpec {
        let rule = AccuracyRule { policy: self.policy.clone(), ..AccuracyRule::default() };
        let mut components = vec![ComponentSpec::new(ACCURACY, Rule::Accuracy(rule))];
        components.extend(further);
        RewardSpec { template: self.template, truncated_earns_nothing: false, components }
    }
}
