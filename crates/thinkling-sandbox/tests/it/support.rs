//! The sandbox that all tests share.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use thinkling_reward::code::{CodeTests, CodeVerdict, RunCode, Stage};
use thinkling_sandbox::{INTERPRETER_VARIABLE, Limits, Sandbox, SandboxError};

pub(crate) fn interpreter() -> PathBuf {
    PathBuf::from(std::env::var_os(INTERPRETER_VARIABLE).expect(INTERPRETER_VARIABLE))
}

/// Compiled once for all runs of the tests from one target folder.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandbox")
}

pub(crate) fn sandbox() -> &'static Sandbox {
    // A failure is kept too: each further try would take as long as the first.
    static SANDBOX: OnceLock<Result<Sandbox, SandboxError>> = OnceLock::new();
    let sandbox = SANDBOX.get_or_init(|| {
        // Long enough for a machine with other work, debug builds included.
        let mut limits = Limits::DEFAULT;
        limits.time = Duration::from_secs(60);
        Sandbox::open(&interpreter(), Some(&cache()), limits)
    });
    sandbox.as_ref().unwrap_or_else(|error| panic!("{error}"))
}

/// The same with little time, for programs that use all they get.
pub(crate) fn hasty() -> Sandbox {
    let mut limits = sandbox().limits().clone();
    limits.time = Duration::from_secs(2);
    sandbox().with_limits(limits).expect("enough memory")
}

#[track_caller]
pub(crate) fn run(program: &str, tests: &CodeTests) -> CodeVerdict {
    sandbox().run_code(program, tests).expect("a verdict")
}

/// Runs each program and compares stage and tests passed.
#[track_caller]
pub(crate) fn table(rows: &[(&str, CodeTests, Stage, usize)]) {
    for (program, tests, stage, passed) in rows {
        let verdict = run(program, tests);
        assert_eq!(
            (verdict.stage, verdict.passed, verdict.total),
            (*stage, *passed, tests.len()),
            "{} of\n{program}\nwith {tests:?}",
            verdict.message
        );
    }
}

pub(crate) fn asserts<const N: usize>(asserts: [&str; N]) -> CodeTests {
    CodeTests::asserts(asserts)
}

pub(crate) fn stdio<const N: usize>(pairs: [(&str, &str); N]) -> CodeTests {
    CodeTests::stdio(pairs)
}
