//! Programs whose functions are called by assertions: two interpreters per problem.
//!
//! The program runs in one, the tests in the other; between them pass lines of JSON with plain
//! values (`python/values.py`), which the host carries without reading them. The verdict comes
//! from the interpreter of the tests alone.

use thinkling_reward::code::{AssertTests, CodeError, CodeVerdict, Stage};

use crate::host::{Host, Sink};
use crate::instance::{self, End, Ended};
use crate::pipe::Pipe;
use crate::sandbox::{Sandbox, runner};
use crate::stdio::{broken, frame};

pub(crate) fn judge(
    sandbox: &Sandbox,
    program: &str,
    tests: &AssertTests,
) -> Result<CodeVerdict, CodeError> {
    let (candidate, judge) = hosts(sandbox, program, tests);
    let (candidate, judge) = std::thread::scope(|scope| {
        let candidate =
            scope.spawn(|| instance::on_large_stack(|| sandbox.run(candidate)).map_err(runner)?);
        let judge = instance::on_large_stack(|| sandbox.run(judge)).map_err(runner)?;
        let candidate = candidate.join().map_err(|_| runner("a thread panicked"))?;
        Ok((candidate?, judge?))
    })?;
    verdict(&candidate, &judge, tests.asserts.len())
}

/// The two systems, connected.
fn hosts(sandbox: &Sandbox, program: &str, tests: &AssertTests) -> (Host, Host) {
    let (mut candidate, mut judge) = (sandbox.host("program"), sandbox.host("judge"));
    candidate.ends_with_stdin = true;
    candidate.stdin = Pipe::holding(frame(program));
    let entry_point = tests.entry_point.as_deref().unwrap_or("");
    let mut spec = frame(&(tests.asserts.len() + 2).to_string());
    spec.extend(frame(&tests.setup));
    spec.extend(frame(entry_point));
    tests.asserts.iter().for_each(|text| spec.extend(frame(text)));
    judge.stdin = Pipe::holding(spec);
    candidate.stderr = Sink::Pipe(judge.stdin.clone());
    judge.stderr = Sink::Pipe(candidate.stdin.clone());
    judge.stdout = Sink::Capture(Vec::new());
    // Verdicts are short lines, but each test has one.
    judge.output_left = usize::MAX;
    (candidate, judge)
}

/// What the judge said, completed by how the program ended.
fn verdict(candidate: &Ended, judge: &Ended, total: usize) -> Result<CodeVerdict, CodeError> {
    let said = String::from_utf8_lossy(&judge.stdout);
    let mut passed = 0;
    let mut first: Option<(Stage, String)> = None;
    let mut lines = said.lines();
    for line in lines.by_ref().take(total) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("P", _) => passed += 1,
            ("F", why) => {
                first.get_or_insert_with(|| failure(candidate, why));
            }
            ("A", why) => {
                let (stage, message) = failure(candidate, why);
                return Ok(CodeVerdict::new(stage, 0, total, &message));
            }
            ("S", why) => return Err(CodeError::Tests { message: why.to_owned() }),
            _ => return Err(runner(format!("the judge said {line:?}"))),
        }
    }
    // The tests themselves were stopped: their time is the program's.
    let (stage, message) = first.unwrap_or_else(|| match judge.end {
        End::Exit(_) => broken(candidate, String::new()),
        _ => broken(judge, String::new()),
    });
    Ok(CodeVerdict::new(stage, passed, total, &message))
}

/// A stage and a message as the judge writes them.
fn failure(candidate: &Ended, why: &str) -> (Stage, String) {
    let (stage, message) = why.split_once(' ').unwrap_or((why, ""));
    let stage = match stage {
        "compile" => Stage::Compile,
        "memory" => Stage::Memory,
        "wrong_output" => Stage::WrongOutput,
        // The program's own end says more.
        "gone" => return broken(candidate, message.to_owned()),
        _ => Stage::Run,
    };
    (stage, message.to_owned())
}
