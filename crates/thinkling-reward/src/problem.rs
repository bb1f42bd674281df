//! Problems, as one JSON object a line of a data file.
//!
//! ```
//! use thinkling_reward::{Problem, Task};
//!
//! let line = r#"{"id":"c1","question":"Make 30 of 16, 15 and 1.",
//!     "task":{"kind":"countdown","numbers":[16,15,1],"target":"30"},"language":"en"}"#;
//! let problem: Problem = serde_json::from_str(line)?;
//! assert!(matches!(problem.task, Task::Countdown { .. }));
//! # Ok::<(), serde_json::Error>(())
//! ```

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::choice::ChoiceGoldError;
use crate::code::{CodeError, CodeTests};
use crate::countdown::GoalError;
use crate::exact::BlankGold;
use crate::math::MathGoldError;
use crate::number::NumberError;

/// A question with what is needed to judge an answer. Further fields of a data line are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Names the problem in messages and tables; an integer in JSON is taken as its digits.
    #[serde(deserialize_with = "text_or_integer")]
    pub id: String,
    /// The question, as the prompt template takes it.
    pub question: String,
    /// What is asked, and the gold.
    pub task: Task,
    /// The level of difficulty, for tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The field or kind of the problem, for tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The language of the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

/// What a problem asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Task {
    /// One integer or decimal ([`crate::number`]).
    Number {
        /// Its value; a string, or an integer in JSON.
        #[serde(deserialize_with = "text_or_integer")]
        gold: String,
    },
    /// An expression over given numbers ([`crate::countdown`]).
    Countdown {
        /// The numbers, each to be used once.
        numbers: Vec<i64>,
        /// What to reach: an integer or decimal; a string, or an integer in JSON.
        #[serde(deserialize_with = "text_or_integer")]
        target: String,
    },
    /// A mathematical answer of any kind ([`crate::math`]).
    Math {
        /// The answer, in LaTeX or plain text; a string, or an integer in JSON.
        #[serde(deserialize_with = "text_or_integer")]
        gold: String,
    },
    /// One of several options ([`crate::choice`]).
    Choice {
        /// The option's letter, with or without its text.
        gold: String,
    },
    /// A text, character by character ([`crate::exact`]).
    Exact {
        /// The text; blanks at its ends do not count.
        #[serde(deserialize_with = "text_or_integer")]
        gold: String,
    },
    /// A program ([`crate::code`]).
    Code {
        /// What it is judged by.
        tests: CodeTests,
    },
}

impl Task {
    /// The gold as text, where it is one.
    pub fn gold(&self) -> Option<&str> {
        match self {
            Self::Number { gold }
            | Self::Math { gold }
            | Self::Choice { gold }
            | Self::Exact { gold } => Some(gold),
            Self::Countdown { .. } | Self::Code { .. } => None,
        }
    }
}

/// A language that a question is asked in, and that a chain of thought should be in
/// ([`crate::language`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Language {
    /// English.
    En,
    /// Chinese.
    Zh,
    /// Arabic.
    Ar,
    /// German.
    De,
    /// Spanish.
    Es,
    /// French.
    Fr,
    /// Italian.
    It,
    /// Japanese.
    Ja,
    /// Korean.
    Ko,
    /// Dutch.
    Nl,
    /// Portuguese.
    Pt,
    /// Russian.
    Ru,
}

impl Language {
    /// Every language, in the order of the enum.
    pub const ALL: [Self; 12] = [
        Self::En,
        Self::Zh,
        Self::Ar,
        Self::De,
        Self::Es,
        Self::Fr,
        Self::It,
        Self::Ja,
        Self::Ko,
        Self::Nl,
        Self::Pt,
        Self::Ru,
    ];

    /// The code of ISO 639-1.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
            Self::Ar => "ar",
            Self::De => "de",
            Self::Es => "es",
            Self::Fr => "fr",
            Self::It => "it",
            Self::Ja => "ja",
            Self::Ko => "ko",
            Self::Nl => "nl",
            Self::Pt => "pt",
            Self::Ru => "ru",
        }
    }

    /// The language of a code, also with a region or script behind it (`en`, `zh-Hans`, `pt_BR`),
    /// in any case.
    pub fn from_code(tag: &str) -> Option<Self> {
        let code = tag.split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(code))
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl std::str::FromStr for Language {
    type Err = UnknownLanguage;

    /// Takes what [`Language::from_code`] takes.
    fn from_str(tag: &str) -> Result<Self, UnknownLanguage> {
        Self::from_code(tag).ok_or_else(|| UnknownLanguage { got: tag.to_owned() })
    }
}

/// A code that names no [`Language`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown language, expected: one of en zh ar de es fr it ja ko nl pt ru, got: {got:?}")]
pub struct UnknownLanguage {
    /// The code as given.
    pub got: String,
}

/// A gold that cannot be judged by: an error of the data set, never a reward.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GoldError {
    /// The gold of a number task is no number.
    #[error("unreadable gold, expected: one number, got: {gold:?} (problem {id})")]
    Number {
        /// The problem.
        id: String,
        /// The gold as given.
        gold: String,
        /// What is wrong with it.
        source: NumberError,
    },
    /// The numbers or the target of a countdown task cannot be used.
    #[error("unusable countdown problem (problem {id})")]
    Countdown {
        /// The problem.
        id: String,
        /// What is wrong with it.
        source: GoalError,
    },
    /// The gold of a math task is blank or cannot be read.
    #[error("unusable math problem (problem {id})")]
    Math {
        /// The problem.
        id: String,
        /// What is wrong with it.
        source: MathGoldError,
    },
    /// The gold of a multiple-choice task is no option.
    #[error("unusable multiple-choice problem (problem {id})")]
    Choice {
        /// The problem.
        id: String,
        /// What is wrong with it.
        source: ChoiceGoldError,
    },
    /// The gold of an exact task is blank.
    #[error("unusable problem with an exact answer (problem {id})")]
    Exact {
        /// The problem.
        id: String,
        /// What is wrong with it.
        source: BlankGold,
    },
    /// The tests of a code task cannot be used.
    #[error("unusable code problem (problem {id})")]
    Code {
        /// The problem.
        id: String,
        /// What is wrong with them.
        source: CodeError,
    },
}

impl Problem {
    /// A problem whose answer is one number.
    pub fn number(
        id: impl Into<String>,
        question: impl Into<String>,
        gold: impl Into<String>,
    ) -> Self {
        Self::new(id, question, Task::Number { gold: gold.into() })
    }

    /// A problem whose answer is mathematics.
    pub fn math(
        id: impl Into<String>,
        question: impl Into<String>,
        gold: impl Into<String>,
    ) -> Self {
        Self::new(id, question, Task::Math { gold: gold.into() })
    }

    /// A countdown problem.
    pub fn countdown(
        id: impl Into<String>,
        question: impl Into<String>,
        numbers: Vec<i64>,
        target: impl Into<String>,
    ) -> Self {
        Self::new(id, question, Task::Countdown { numbers, target: target.into() })
    }

    /// A problem without level, subject and language.
    pub fn new(id: impl Into<String>, question: impl Into<String>, task: Task) -> Self {
        Self {
            id: id.into(),
            question: question.into(),
            task,
            level: None,
            subject: None,
            language: None,
        }
    }
}

/// Takes a string as it is and an integer as its digits. A decimal must be a string: a JSON
/// number would have gone through binary floating point.
fn text_or_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Visitor;

    impl de::Visitor<'_> for Visitor {
        type Value = String;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string or an integer (write decimals as strings)")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_i64<E: de::Error>(self, value: i64) -> Result<String, E> {
            Ok(value.to_string())
        }

        fn visit_u64<E: de::Error>(self, value: u64) -> Result<String, E> {
            Ok(value.to_string())
        }
    }

    deserializer.deserialize_any(Visitor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_strings_or_integers() {
        let line = r#"{"id":7,"question":"q","task":{"kind":"number","gold":42},"level":"2",
            "language":"zh","source":"ignored"}"#;
        let problem: Problem = serde_json::from_str(line).unwrap();
        let mut expected = Problem::number("7", "q", "42");
        expected.level = Some("2".to_owned());
        expected.language = Some(Language::Zh);
        assert_eq!(problem, expected);
        let line =
            r#"{"id":"a","question":"q","task":{"kind":"countdown","numbers":[1,2],"target":-1}}"#;
        let problem: Problem = serde_json::from_str(line).unwrap();
        assert_eq!(problem, Problem::countdown("a", "q", vec![1, 2], "-1"));
    }

    #[test]
    fn a_written_line_has_the_documented_fields() {
        let problem = Problem::countdown("a", "q", vec![1, 2], "3");
        assert_eq!(
            serde_json::to_string(&problem).unwrap(),
            r#"{"id":"a","question":"q","task":{"kind":"countdown","numbers":[1,2],"target":"3"}}"#
        );
    }

    #[test]
    fn every_kind_of_task_is_one_json_object() {
        for (json, gold) in [
            (r#"{"kind":"math","gold":"\\frac{1}{2}"}"#, Some(r"\frac{1}{2}")),
            (r#"{"kind":"choice","gold":"B"}"#, Some("B")),
            (r#"{"kind":"exact","gold":"knave"}"#, Some("knave")),
            (r#"{"kind":"code","tests":{"asserts":["assert f(1) == 2"]}}"#, None),
        ] {
            let task: Task = serde_json::from_str(json).unwrap();
            assert_eq!(task.gold(), gold);
            assert_eq!(serde_json::to_string(&task).unwrap(), json);
        }
        let task: Task = serde_json::from_str(r#"{"kind":"math","gold":12}"#).unwrap();
        assert_eq!(task, Task::Math { gold: "12".to_owned() });
    }

    #[test]
    fn a_decimal_gold_as_a_json_number_and_unknown_kinds_are_refused() {
        let line = r#"{"id":"a","question":"q","task":{"kind":"number","gold":0.5}}"#;
        let error = serde_json::from_str::<Problem>(line).unwrap_err().to_string();
        assert!(error.contains("write decimals as strings"), "{error}");
        let line = r#"{"id":"a","question":"q","task":{"kind":"riddle","gold":"x"}}"#;
        assert!(serde_json::from_str::<Problem>(line).is_err());
    }
}
