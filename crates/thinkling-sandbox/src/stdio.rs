//! Programs that read and write: one interpreter per pair.

use thinkling_reward::code::{CodeError, CodeVerdict, OutputMatch, Stage, StdioTest};

use crate::host::Sink;
use crate::instance::{self, End, Ended};
use crate::pipe::Pipe;
use crate::sandbox::{Sandbox, runner};

/// The exit code by which the harness says that a program does not compile. A program that takes
/// it for itself has failed as well.
const COMPILE_FAILED: i32 = 121;

/// Runs the pairs in their order. A program that does not compile, or that reaches a limit of
/// time or memory, is not run again.
pub(crate) fn judge(
    sandbox: &Sandbox,
    program: &str,
    pairs: &[StdioTest],
    output: OutputMatch,
) -> Result<CodeVerdict, CodeError> {
    let work = || {
        let mut passed = 0;
        let mut first = None;
        for pair in pairs {
            let (stage, message) = one(sandbox, program, pair, output)?;
            if stage == Stage::Passed {
                passed += 1;
                continue;
            }
            first.get_or_insert((stage, message));
            if matches!(stage, Stage::Compile | Stage::Timeout | Stage::Memory) {
                break;
            }
        }
        let (stage, message) = first.unwrap_or((Stage::Passed, String::new()));
        Ok(CodeVerdict::new(stage, passed, pairs.len(), &message))
    };
    instance::on_large_stack(work).map_err(runner)?
}

fn one(
    sandbox: &Sandbox,
    program: &str,
    pair: &StdioTest,
    output: OutputMatch,
) -> Result<(Stage, String), CodeError> {
    let mut host = sandbox.host("stdio");
    host.stdout = Sink::Capture(Vec::new());
    host.stdin = Pipe::holding([frame(program).as_slice(), pair.stdin.as_bytes()].concat());
    host.stdin.close();
    let ended = sandbox.run(host)?;
    let message = || last_line(&ended.stderr);
    Ok(match ended {
        Ended { end: End::Exit(0), ref stdout, .. } => {
            if output.matches(&pair.stdout, stdout) {
                (Stage::Passed, String::new())
            } else {
                (Stage::WrongOutput, "another output than the expected one".to_owned())
            }
        }
        Ended { end: End::Exit(COMPILE_FAILED), .. } => (Stage::Compile, message()),
        _ => broken(&ended, message()),
    })
}

/// The stage of a program that did not end well, and words for it.
pub(crate) fn broken(ended: &Ended, message: String) -> (Stage, String) {
    match &ended.end {
        End::Timeout => (Stage::Timeout, "time limit".to_owned()),
        End::Flood => (Stage::WrongOutput, "output limit".to_owned()),
        _ if ended.memory_refused => (Stage::Memory, "memory limit".to_owned()),
        // Refused by Python itself, since no address would be large enough.
        _ if message.starts_with("MemoryError") => (Stage::Memory, message),
        End::Abort(how) => (Stage::Run, format!("the interpreter broke off: {how}")),
        End::Exit(code) if message.is_empty() => (Stage::Run, format!("exit code {code}")),
        End::Exit(_) => (Stage::Run, message),
    }
}

/// Text with its length before it, as the harness reads it.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    format!("{}\n{text}", text.len()).into_bytes()
}

/// The last line that says something: of a traceback, the exception.
fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("").to_owned()
}
