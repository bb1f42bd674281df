//! Programs and the tests they are judged by: types only, nothing is run here.
//!
//! A completion holds a program ([`extract_program`]); a [`CodeProblem`] holds [`CodeTests`], of
//! one of two kinds: pairs of standard input and expected standard output, as in programming
//! contests (APPS, CodeContests), or Python assertions that call the program's functions, as in
//! MBPP (arXiv 2108.07732) and HumanEval (arXiv 2107.03374). Whoever can run untrusted code
//! implements [`RunCode`]; the answer is a [`CodeVerdict`], which becomes a reward by a
//! [`CodeReward`]: the fraction of the tests that pass, or 1 only where all do.
//!
//! What a runner must hold: no state passes from one program to the next, a pair of input and
//! output has an interpreter of its own, the assertions of one problem may share one, and
//! nothing that the program does to its own interpreter (ending it, printing, replacing builtins,
//! answering `True` to every comparison) makes a test pass.
//!
//! Left out: languages other than Python, tests that measure speed, checkers for tasks with many
//! right outputs.

mod output;
mod program;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use output::OutputMatch;
pub use program::extract_program;

use crate::record::Template;

/// Characters of a [`CodeVerdict`]'s message that are kept.
pub const MAX_MESSAGE: usize = 500;

/// A programming problem: what a program must do, as tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeProblem {
    /// The tests, at least one.
    pub tests: CodeTests,
}

/// The tests of one problem. In JSON one of four forms:
///
/// ```
/// use thinkling_reward::code::CodeTests;
///
/// for (json, tests) in [
///     // MBPP's `test_list`.
///     (r#"["assert add(1, 2) == 3", "assert add(0, 0) == 0"]"#, 2),
///     // The same with names that the assertions use, and the function under test.
///     (r#"{"setup": "import math", "asserts": ["assert f(4) == math.sqrt(16)"],
///         "entry_point": "f"}"#, 1),
///     // HumanEval's `test`, which defines `check`.
///     (r#"{"test": "def check(candidate):\n    assert candidate(1) == 2",
///         "entry_point": "f"}"#, 1),
///     // Pairs of input and output.
///     (r#"[{"stdin": "1 2\n", "stdout": "3\n"}]"#, 1),
/// ] {
///     assert_eq!(serde_json::from_str::<CodeTests>(json)?.len(), tests);
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "AnyForm", into = "WrittenForm")]
#[non_exhaustive]
pub enum CodeTests {
    /// The program is run once per pair.
    Stdio {
        /// Input and expected output.
        pairs: Vec<StdioTest>,
        /// When an output is the expected one.
        output: OutputMatch,
    },
    /// The program is run once, then each assertion.
    Asserts(AssertTests),
}

/// Python assertions on the functions of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssertTests {
    /// Statements before the assertions: imports, helpers, reference functions. They belong to
    /// the tests: a program cannot replace what they define.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub setup: String,
    /// Each one test: statements that raise no exception where the program is right.
    pub asserts: Vec<String>,
    /// The function under test. Needed only where its name is that of a builtin and the
    /// assertions use other names of the program as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<String>,
}

/// One pair of input and output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StdioTest {
    /// What the program reads.
    pub stdin: String,
    /// What it must write.
    pub stdout: String,
}

impl CodeTests {
    /// Pairs of input and output, compared by [`OutputMatch::Lines`].
    pub fn stdio<I, O>(pairs: impl IntoIterator<Item = (I, O)>) -> Self
    where
        I: Into<String>,
        O: Into<String>,
    {
        let pair =
            |(stdin, stdout): (I, O)| StdioTest { stdin: stdin.into(), stdout: stdout.into() };
        Self::Stdio { pairs: pairs.into_iter().map(pair).collect(), output: OutputMatch::default() }
    }

    /// Assertions without more, as MBPP's `test_list`.
    pub fn asserts<A: Into<String>>(asserts: impl IntoIterator<Item = A>) -> Self {
        let asserts = asserts.into_iter().map(Into::into).collect();
        Self::Asserts(AssertTests { asserts, ..AssertTests::default() })
    }

    /// HumanEval's form: `test` defines `check(candidate)`, which is called with the function
    /// `entry_point`. It counts as one test.
    pub fn human_eval(test: impl Into<String>, entry_point: impl Into<String>) -> Self {
        let entry_point = entry_point.into();
        Self::Asserts(AssertTests {
            setup: test.into(),
            asserts: vec![format!("check({entry_point})")],
            entry_point: Some(entry_point),
        })
    }

    /// How many tests there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Stdio { pairs, .. } => pairs.len(),
            Self::Asserts(tests) => tests.asserts.len(),
        }
    }

    /// Whether there is none: such tests show nothing, and nothing is run.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The forms that are read.
#[derive(Deserialize)]
#[serde(untagged)]
enum AnyForm {
    Lines(Vec<String>),
    Pairs(Vec<StdioTest>),
    Asserts(AssertTests),
    HumanEval {
        test: String,
        entry_point: String,
    },
    Stdio {
        pairs: Vec<StdioTest>,
        #[serde(default)]
        output: OutputMatch,
    },
}

/// The forms that are written, also read.
#[derive(Serialize)]
#[serde(untagged)]
enum WrittenForm {
    Asserts(AssertTests),
    Stdio { pairs: Vec<StdioTest>, output: OutputMatch },
}

impl From<AnyForm> for CodeTests {
    fn from(form: AnyForm) -> Self {
        match form {
            AnyForm::Lines(asserts) => Self::asserts(asserts),
            AnyForm::Pairs(pairs) => Self::Stdio { pairs, output: OutputMatch::default() },
            AnyForm::Asserts(tests) => Self::Asserts(tests),
            AnyForm::HumanEval { test, entry_point } => Self::human_eval(test, entry_point),
            AnyForm::Stdio { pairs, output } => Self::Stdio { pairs, output },
        }
    }
}

impl From<CodeTests> for WrittenForm {
    fn from(tests: CodeTests) -> Self {
        match tests {
            CodeTests::Stdio { pairs, output } => Self::Stdio { pairs, output },
            CodeTests::Asserts(tests) => Self::Asserts(tests),
        }
    }
}

/// How far a program came: what went wrong first, or nothing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// The text is no program of the language.
    Compile,
    /// It ended by an exception, an exit code other than 0 or an abort.
    Run,
    /// It did not end within its time.
    Timeout,
    /// It asked for more memory than it may have.
    Memory,
    /// It ran, and its output, or a value that it gave, is not the expected one; too much output
    /// is not the expected one either.
    WrongOutput,
    /// Every test passed.
    Passed,
}

/// What the tests say of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeVerdict {
    /// How far it came: the stage of the first test that did not pass.
    pub stage: Stage,
    /// Tests that passed.
    pub passed: usize,
    /// All tests, those included that were not run any more.
    pub total: usize,
    /// What went wrong, in words; empty where nothing did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl CodeVerdict {
    /// The verdict where `passed` of `total` tests passed and the first of the others came to
    /// `stage`. The message is cut to its first [`MAX_MESSAGE`] characters.
    ///
    /// With all tests passed, of at least one, the stage is [`Stage::Passed`]; without, it never
    /// is.
    pub fn new(stage: Stage, passed: usize, total: usize, message: &str) -> Self {
        if total > 0 && passed >= total {
            return Self { stage: Stage::Passed, passed: total, total, message: String::new() };
        }
        let stage = if stage == Stage::Passed { Stage::Run } else { stage };
        Self { stage, passed, total, message: message.chars().take(MAX_MESSAGE).collect() }
    }

    /// Whether every test passed, of at least one.
    pub fn is_passed(&self) -> bool {
        self.stage == Stage::Passed && self.total > 0 && self.passed == self.total
    }

    /// The reward, in [0, 1].
    pub fn reward(&self, rule: CodeReward) -> f64 {
        match rule {
            _ if self.is_passed() => 1.0,
            CodeReward::AllOrNothing => 0.0,
            CodeReward::Fraction if self.total == 0 => 0.0,
            // Counts of tests are far below 2^53. A verdict from elsewhere may say anything.
            CodeReward::Fraction => (self.passed as f64 / self.total as f64).min(1.0),
        }
    }
}

/// How a verdict becomes a reward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CodeReward {
    /// 1 where all tests pass, else 0. The default: part of the tests often passes by a constant.
    #[default]
    AllOrNothing,
    /// `passed / total`.
    Fraction,
}

/// Why there is no verdict: never the program's fault, and never a reward.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// The problem has no tests.
    #[error("a code problem without tests, expected: at least 1")]
    NoTests,
    /// The problem's own tests do not work.
    #[error("unusable tests of a code problem: {message}")]
    Tests {
        /// What is wrong with them.
        message: String,
    },
    /// What runs the programs failed.
    #[error("the program could not be run: {message}")]
    Runner {
        /// What happened.
        message: String,
    },
}

/// Runs a program against tests, apart from everything else.
pub trait RunCode: Sync {
    /// The verdict on a program.
    ///
    /// # Errors
    /// See [`CodeError`]; a program that fails has a verdict.
    fn run_code(&self, program: &str, tests: &CodeTests) -> Result<CodeVerdict, CodeError>;
}

/// The verdict on the program in a completion. A completion without one comes to
/// [`Stage::Compile`].
///
/// # Errors
/// See [`CodeError`].
pub fn judge_code(
    completion: &str,
    template: Template,
    problem: &CodeProblem,
    runner: &dyn RunCode,
) -> Result<CodeVerdict, CodeError> {
    let total = problem.tests.len();
    if total == 0 {
        return Err(CodeError::NoTests);
    }
    match extract_program(completion, template) {
        Some(program) => runner.run_code(&program, &problem.tests),
        None => Ok(CodeVerdict::new(Stage::Compile, 0, total, "no program")),
    }
}
