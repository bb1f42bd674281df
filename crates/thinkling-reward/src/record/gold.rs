//! Reads a problem's gold and judges answers by it, each task by its own rule.

use num_rational::BigRational;

use super::{Judgement, Reason, RewardError, Template, Tools, Verdict};
use crate::answer::{answer_block, outside_thinking, without_tags};
use crate::code::{CodeError, CodeTests, CodeVerdict, extract_program};
use crate::countdown::{self, Goal};
use crate::math::{self, Policy, Prediction, Several};
use crate::number::{self, parse_number};
use crate::problem::{GoldError, Problem, Task};
use crate::spec::AccuracyRule;
use crate::{choice, exact};

/// A problem's gold.
enum Gold<'p> {
    Value(Value),
    Text(Text<'p>),
    Code(&'p CodeTests),
}

/// A gold that is read once and compared with values.
enum Value {
    Number(BigRational),
    Countdown(Goal),
}

/// A gold that is read together with each answer.
enum Text<'p> {
    Math(&'p str),
    Choice(&'p str),
    Exact(&'p str),
}

impl<'p> Gold<'p> {
    /// The gold; those of [`Gold::Text`] are not read yet.
    fn of(problem: &'p Problem) -> Result<Self, GoldError> {
        let id = || problem.id.clone();
        Ok(match &problem.task {
            Task::Number { gold } => {
                Self::Value(Value::Number(parse_number(gold).map_err(|source| {
                    GoldError::Number { id: id(), gold: gold.clone(), source }
                })?))
            }
            Task::Countdown { numbers, target } => {
                let goal = Goal::new(numbers, target);
                let goal = goal.map_err(|source| GoldError::Countdown { id: id(), source })?;
                Self::Value(Value::Countdown(goal))
            }
            Task::Math { gold } => Self::Text(Text::Math(gold)),
            Task::Choice { gold } => Self::Text(Text::Choice(gold)),
            Task::Exact { gold } => Self::Text(Text::Exact(gold)),
            Task::Code { tests } if tests.is_empty() => {
                return Err(GoldError::Code { id: id(), source: CodeError::NoTests });
            }
            Task::Code { tests } => Self::Code(tests),
        })
    }
}

impl Value {
    fn judge(&self, text: &str, template: Template) -> Judgement {
        let block = match template {
            // Alone: a number must not be an operand.
            Template::None => return self.judge_last(&outside_thinking(text), true),
            Template::R1Zero => answer_block(text).map(str::to_owned),
            Template::Boxed => math::last_box(text),
        };
        match (block, self) {
            (Err(reason), _) => Judgement::unverifiable(reason),
            (Ok(block), Self::Number(gold)) => number::judge_block(&block, gold),
            (Ok(block), Self::Countdown(goal)) => countdown::judge_block(&block, goal),
        }
    }

    fn judge_last(&self, text: &str, alone: bool) -> Judgement {
        match self {
            Self::Number(gold) => number::judge_last(text, gold, alone),
            Self::Countdown(goal) => countdown::judge_last(text, goal),
        }
    }
}

impl Text<'_> {
    fn judge(
        &self,
        problem: &Problem,
        text: &str,
        template: Template,
        policy: &Policy,
    ) -> Result<Judgement, GoldError> {
        let id = || problem.id.clone();
        let prediction = Prediction(text);
        match *self {
            Self::Math(gold) => math::verify(math::Gold(gold), prediction, template, policy)
                .map_err(|source| GoldError::Math { id: id(), source }),
            Self::Choice(gold) => choice::verify(math::Gold(gold), prediction, template, policy)
                .map_err(|source| GoldError::Choice { id: id(), source }),
            Self::Exact(gold) => exact::verify(math::Gold(gold), prediction, template)
                .map_err(|source| GoldError::Exact { id: id(), source }),
        }
    }
}

/// Checks that a problem's gold can be read by a policy.
pub(super) fn check_gold(problem: &Problem, policy: &Policy) -> Result<(), GoldError> {
    match Gold::of(problem)? {
        // Read whatever the prediction holds, so it may hold nothing.
        Gold::Text(gold) => gold.judge(problem, "", Template::None, policy).map(|_| ()),
        Gold::Value(_) | Gold::Code(_) => Ok(()),
    }
}

/// A verdict, and what it is worth before weighting.
pub(crate) struct Judged {
    pub(super) judgement: Judgement,
    accuracy: f64,
}

impl From<Judgement> for Judged {
    fn from(judgement: Judgement) -> Self {
        let accuracy = f64::from(u8::from(judgement.verdict.is_correct()));
        Self { judgement, accuracy }
    }
}

impl Judged {
    /// 1 or 0, or the share of a program's tests.
    pub(crate) const fn accuracy(&self) -> f64 {
        self.accuracy
    }

    /// Whether the answer is right.
    pub(crate) const fn is_correct(&self) -> bool {
        self.judgement.verdict.is_correct()
    }
}

/// Judges answers.
pub(super) struct Reader<'a> {
    pub(super) rule: &'a AccuracyRule,
    pub(super) tools: Tools<'a>,
}

impl Reader<'_> {
    /// Checks before any answer that a problem can be judged.
    pub(super) fn check(&self, problem: &Problem) -> Result<(), RewardError> {
        check_gold(problem, &self.rule.policy)?;
        match (&problem.task, self.tools.runner) {
            (Task::Code { .. }, None) => Err(RewardError::NoRunner { id: problem.id.clone() }),
            _ => Ok(()),
        }
    }

    /// The verdict on an answer that is not read; the problem must be sound all the same.
    pub(super) fn refuse(&self, problem: &Problem, reason: Reason) -> Result<Judged, RewardError> {
        self.check(problem)?;
        Ok(Judgement::unverifiable(reason).into())
    }

    pub(super) fn judge(
        &self,
        problem: &Problem,
        text: &str,
        template: Template,
    ) -> Result<Judged, RewardError> {
        Ok(match Gold::of(problem)? {
            Gold::Value(gold) => gold.judge(text, template).into(),
            Gold::Text(gold) => gold.judge(problem, text, template, &self.rule.policy)?.into(),
            Gold::Code(tests) => self.run(problem, tests, text, template)?,
        })
    }

    /// See [`crate::RewardSpec::format_free_correct`].
    pub(super) fn is_last_correct(
        &self,
        problem: &Problem,
        text: &str,
    ) -> Result<bool, RewardError> {
        let text = without_tags(text);
        Ok(match Gold::of(problem)? {
            Gold::Value(gold) => gold.judge_last(&text, false).verdict.is_correct(),
            Gold::Text(Text::Exact(gold)) => {
                self.check(problem)?;
                ends_with(&text, gold)
            }
            Gold::Text(gold) => {
                let policy = Policy { several: Several::Last, ..self.rule.policy.clone() };
                gold.judge(problem, &text, Template::None, &policy)?.verdict.is_correct()
            }
            Gold::Code(tests) => self.run(problem, tests, &text, Template::None)?.is_correct(),
        })
    }

    /// Runs the program of a completion.
    fn run(
        &self,
        problem: &Problem,
        tests: &CodeTests,
        text: &str,
        template: Template,
    ) -> Result<Judged, RewardError> {
        let id = || problem.id.clone();
        let runner = self.tools.runner.ok_or_else(|| RewardError::NoRunner { id: id() })?;
        let Some(program) = extract_program(text, template) else {
            return Ok(Judgement::unverifiable(Reason::NoAnswer).with_note("no program").into());
        };
        let verdict = runner.run_code(&program, tests).map_err(|source| match source {
            CodeError::Runner { .. } => RewardError::Runner { id: id(), source },
            source => GoldError::Code { id: id(), source }.into(),
        })?;
        let judgement = match verdict.is_passed() {
            true => Judgement::new(Verdict::Correct),
            false => Judgement::new(Verdict::Wrong).with_note(in_words(&verdict)),
        };
        let accuracy = verdict.reward(self.rule.code);
        Ok(Judged { judgement: judgement.with_extracted(&program), accuracy })
    }
}

fn in_words(verdict: &CodeVerdict) -> String {
    let CodeVerdict { stage, passed, total, message } = verdict;
    let more = if message.is_empty() { "" } else { ": " };
    format!("{stage:?}, {passed} of {total} tests passed{more}{message}")
}

/// Whether a text ends with the gold, which stands alone there.
fn ends_with(text: &str, gold: &str) -> bool {
    let before = text.trim_end().strip_suffix(gold.trim());
    before.is_some_and(|before| !before.ends_with(char::is_alphanumeric))
}
