//! One JSON line in, one JSON line out: the rules for other programs (feature `json`).
//!
//! A line holds what its [`ScoreKind`] names, an `id` of any JSON type that comes back as it is,
//! and further fields, which are ignored. `prediction_b64` may stand for `prediction`, and
//! `text_b64` for `text`, where the bytes are not text; what is not UTF-8 in them is replaced.
//! Every line gets an answer: one that cannot be read has the verdict `error`.
//!
//! Left out: clocks, files and threads. A caller that measures puts its microseconds into
//! [`ScoredLine::us`].
//!
//! ```
//! use thinkling_reward::score::{ScoreKind, ScoreOptions, score_line};
//!
//! let line = br#"{"id": 1, "gold": "1/2", "prediction": "\\boxed{0.5}"}"#;
//! let scored = score_line(ScoreKind::Math, line, &ScoreOptions::default());
//! assert_eq!(
//!     serde_json::to_string(&scored)?,
//!     r#"{"id":1,"verdict":"correct","reward":1.0,"extracted":"0.5","reason":null,"us":null}"#
//! );
//! # Ok::<(), serde_json::Error>(())
//! ```

mod line;
#[cfg(test)]
mod tests;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::code::{CodeProblem, CodeReward, RunCode, judge_code};
use crate::format::FormatRule;
use crate::language::language_share;
use crate::math::{Gold, Policy, Prediction};
use crate::problem::Problem;
use crate::record::{Judgement, Template, Verdict};
use crate::reflection::reflection_count;
use crate::repetition::RepetitionRule;
use crate::{choice, math, record};
use line::Line;

/// A rule, and the fields of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScoreKind {
    /// `gold`, `prediction`: equal as mathematics ([`crate::math`]).
    Math,
    /// `gold`, `prediction`: the same option letter ([`crate::choice`]).
    Choice,
    /// `numbers`, `goal`, `prediction`: each number once, exact value ([`crate::countdown`]).
    Countdown,
    /// `tests`, `prediction`: the program passes ([`crate::code`]).
    Code,
    /// `text`: the template is kept ([`crate::format`](mod@crate::format)).
    Format,
    /// `text`, `target`: share of the words in the target language ([`crate::language`]).
    Language,
    /// `text`: how many reflective words it has ([`crate::reflection`]).
    Reflection,
    /// `text`: 1 less the share of repeated n-grams ([`crate::repetition`]).
    Repetition,
}

impl ScoreKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Math,
        Self::Choice,
        Self::Countdown,
        Self::Code,
        Self::Format,
        Self::Language,
        Self::Reflection,
        Self::Repetition,
    ];

    /// Its name: `math`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Math => "math",
            Self::Choice => "choice",
            Self::Countdown => "countdown",
            Self::Code => "code",
            Self::Format => "format",
            Self::Language => "language",
            Self::Reflection => "reflection",
            Self::Repetition => "repetition",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// How lines are scored.
#[derive(Clone, Default)]
pub struct ScoreOptions<'a> {
    /// Which places of a prediction count.
    pub template: ScoreTemplate,
    /// Conventions of `math` and `choice`.
    pub policy: Policy,
    /// Reading of `format`.
    pub format: FormatRule,
    /// N-grams of `repetition`.
    pub repetition: RepetitionRule,
    /// Reward of `code`.
    pub code: CodeReward,
    /// What runs the programs of `code`; without one its lines are errors.
    pub runner: Option<&'a (dyn RunCode + Sync)>,
}

/// A [`Template`] that is none by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoreTemplate(pub Template);

impl Default for ScoreTemplate {
    fn default() -> Self {
        Self(Template::None)
    }
}

impl std::fmt::Debug for ScoreOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScoreOptions")
            .field("template", &self.template)
            .field("policy", &self.policy)
            .field("runner", &self.runner.is_some())
            .finish_non_exhaustive()
    }
}

/// What a line came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreVerdict {
    /// The answer is right; where there is no gold, the reward is 1.
    Correct,
    /// The answer is not right; where there is no gold, the reward is not 1.
    Wrong,
    /// No answer could be read within the rules.
    Unverifiable,
    /// The gold cannot be judged by.
    GoldError,
    /// The line cannot be read, or lacks a field.
    Error,
}

/// The answer to a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoredLine {
    /// The line's `id`; null where it has none.
    pub id: Value,
    /// What it came to.
    pub verdict: ScoreVerdict,
    /// The reward; for `reflection` the count.
    pub reward: f64,
    /// The answer as read, where there is one.
    pub extracted: Option<String>,
    /// Why it is not correct, in words.
    pub reason: Option<String>,
    /// Microseconds that the caller measured, to a hundredth.
    #[serde(serialize_with = "hundredths")]
    pub us: Option<f64>,
}

fn hundredths<S: Serializer>(us: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    us.map(|us| (us * 100.0).round() / 100.0).serialize(serializer)
}

impl ScoredLine {
    /// The answer to a line that could not be read.
    pub fn error(reason: impl Into<String>) -> Self {
        Self {
            id: Value::Null,
            verdict: ScoreVerdict::Error,
            reward: 0.0,
            extracted: None,
            reason: Some(reason.into()),
            us: None,
        }
    }
}

/// What a rule says of a line, before the `id` is put to it.
struct Scored {
    verdict: ScoreVerdict,
    reward: f64,
    extracted: Option<String>,
    reason: Option<String>,
}

impl Scored {
    fn failed(verdict: ScoreVerdict, reason: impl ToString) -> Self {
        Self { verdict, reward: 0.0, extracted: None, reason: Some(reason.to_string()) }
    }

    /// A rule without a gold.
    fn measured(reward: f64, reason: Option<String>) -> Self {
        let verdict = if reward == 1.0 { ScoreVerdict::Correct } else { ScoreVerdict::Wrong };
        Self { verdict, reward, extracted: None, reason }
    }

    fn judged(judgement: Judgement) -> Self {
        let (verdict, reward) = match judgement.verdict {
            Verdict::Correct => (ScoreVerdict::Correct, 1.0),
            Verdict::Wrong => (ScoreVerdict::Wrong, 0.0),
            Verdict::Unverifiable { .. } => (ScoreVerdict::Unverifiable, 0.0),
        };
        let reason = judgement.reason();
        Self { verdict, reward, extracted: judgement.extracted, reason }
    }
}

/// Scores one line: a JSON object in UTF-8, with or without its line break.
pub fn score_line(kind: ScoreKind, line: &[u8], options: &ScoreOptions<'_>) -> ScoredLine {
    let (id, scored) = match Line::parse(line) {
        Ok(mut line) => {
            let id = std::mem::take(&mut line.id);
            let scored = score(kind, &line, options);
            (id, scored.unwrap_or_else(|reason| Scored::failed(ScoreVerdict::Error, reason)))
        }
        Err(reason) => (line::id_of(line), Scored::failed(ScoreVerdict::Error, reason)),
    };
    let Scored { verdict, reward, extracted, reason } = scored;
    ScoredLine { id, verdict, reward, extracted, reason, us: None }
}

/// What is wrong with the line comes back as words.
fn score(kind: ScoreKind, line: &Line<'_>, options: &ScoreOptions<'_>) -> Result<Scored, String> {
    let template = options.template.0;
    let judged = |judgement: Result<Judgement, String>| match judgement {
        Ok(judgement) => Scored::judged(judgement),
        Err(reason) => Scored::failed(ScoreVerdict::GoldError, reason),
    };
    Ok(match kind {
        ScoreKind::Math | ScoreKind::Choice => {
            let prediction = line.prediction()?;
            let (gold, prediction) = (Gold(line.gold()?), Prediction(&prediction));
            judged(if kind == ScoreKind::Math {
                math::verify(gold, prediction, template, &options.policy).map_err(said)
            } else {
                choice::verify(gold, prediction, template, &options.policy).map_err(said)
            })
        }
        ScoreKind::Countdown => {
            let problem = Problem::countdown("", "", line.numbers()?, line.goal()?);
            judged(record::judge(&problem, &line.prediction()?, template).map_err(caused))
        }
        ScoreKind::Code => code(line, options)?,
        ScoreKind::Format => {
            let verdict = options.format.judge(&line.text()?);
            Scored::measured(verdict.score, verdict.reason.map(said))
        }
        ScoreKind::Language => {
            Scored::measured(language_share(&line.text()?, line.target()?), None)
        }
        // Counts are far below 2^53.
        ScoreKind::Reflection => Scored::measured(reflection_count(&line.text()?) as f64, None),
        ScoreKind::Repetition => {
            Scored::measured(1.0 - options.repetition.share(&line.text()?), None)
        }
    })
}

fn code(line: &Line<'_>, options: &ScoreOptions<'_>) -> Result<Scored, String> {
    let runner = options.runner.ok_or("this program was built without a sandbox")?;
    let problem = CodeProblem { tests: line.tests()? };
    let prediction = line.prediction()?;
    Ok(match judge_code(&prediction, options.template.0, &problem, runner) {
        Err(error) => Scored::failed(ScoreVerdict::GoldError, error),
        Ok(verdict) => Scored {
            verdict: match verdict.is_passed() {
                true => ScoreVerdict::Correct,
                false => ScoreVerdict::Wrong,
            },
            reward: verdict.reward(options.code),
            extracted: None,
            reason: (!verdict.is_passed()).then(|| {
                let stage = serde_json::to_value(verdict.stage).unwrap_or_default();
                let stage = stage.as_str().unwrap_or_default().replace('_', " ");
                let (passed, total) = (verdict.passed, verdict.total);
                format!("{stage}: {passed} of {total} tests passed; {}", verdict.message)
            }),
        },
    })
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// An error with what it comes from.
fn caused(error: impl std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
