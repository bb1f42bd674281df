//! Runs the built binary as a user would: arguments in, output and exit code out.
//!
//! Nothing here links the other crates, so a test sees only what a user sees.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Exit codes of the binary.
pub mod exit {
    /// Done.
    pub const DONE: i32 = 0;
    /// Failed while running.
    pub const FAILED: i32 = 1;
    /// The call or the recipe is wrong.
    pub const WRONG_CALL: i32 = 2;
    /// An input file is damaged or unsupported.
    pub const BAD_INPUT: i32 = 3;
    /// A run waits for a person's review.
    pub const WAITS: i32 = 4;
}

/// The binary under test: what `THINKLING_BIN` names, else the one that cargo built beside the
/// running test.
///
/// # Panics
/// Where there is none; the message says how to build it.
#[must_use]
pub fn binary() -> PathBuf {
    let path = std::env::var_os("THINKLING_BIN").map(PathBuf::from).or_else(|| {
        // <target>/<profile>/deps/<test>, and the binary two folders up.
        let test = std::env::current_exe().ok()?;
        let name = format!("thinkling{}", std::env::consts::EXE_SUFFIX);
        Some(test.parent()?.parent()?.join(name))
    });
    let path = path.expect("the running test has a path");
    assert!(
        path.is_file(),
        "no binary at {}; build it with `cargo build --release -p thinkling-cli`, or name it in \
         THINKLING_BIN",
        path.display()
    );
    path
}

/// A file of the workspace by its path inside it.
///
/// # Panics
/// Where there is no current folder.
#[must_use]
pub fn workspace_file(path: &str) -> PathBuf {
    // Cargo runs tests in the package's folder; programs that a test starts may run in another.
    std::path::absolute(Path::new("..").join(path)).expect("a current folder")
}

/// A folder of tests/golden: a tiny model with what transformers computes from it.
#[must_use]
pub fn golden(name: &str) -> PathBuf {
    workspace_file(&format!("tests/golden/{name}"))
}

/// The `golden.json` of such a folder.
///
/// # Panics
/// Where it cannot be read.
#[must_use]
pub fn golden_numbers(name: &str) -> Value {
    let path = golden(name).join("golden.json");
    let text = std::fs::read_to_string(&path).expect("a golden is committed");
    serde_json::from_str(&text).expect("a golden is JSON")
}

/// Copies the files of one folder into another that exists.
///
/// # Panics
/// Where a file cannot be read or written.
pub fn copy_files(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).expect("readable folder") {
        let file = file.expect("readable folder");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("copied file");
    }
}

/// What became of one call of the binary.
#[derive(Debug)]
pub struct Run {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
    /// The call itself, for messages.
    pub call: String,
}

/// Calls the binary without a terminal and waits for its end.
///
/// # Panics
/// Where the binary cannot be started or its output is not UTF-8.
pub fn thinkling<I>(args: I) -> Run
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    let mut command = Command::new(binary());
    command.args(args).stdin(Stdio::null());
    finish(&mut command)
}

/// Starts a call of the binary and waits for its end.
///
/// # Panics
/// As [`thinkling`].
pub fn finish(command: &mut Command) -> Run {
    let out = command.output().expect("the binary starts");
    Run {
        code: out.status.code(),
        stdout: String::from_utf8(out.stdout).expect("standard output is UTF-8"),
        stderr: String::from_utf8(out.stderr).expect("standard error is UTF-8"),
        call: format!("{command:?}"),
    }
}

impl Run {
    /// Asserts the exit code, and that nothing panicked.
    ///
    /// # Panics
    /// Where either does not hold; the message holds the call and its output.
    #[must_use]
    pub fn ends_with(self, code: i32) -> Self {
        self.ends_with_one_of(&[code])
    }

    /// As [`Run::ends_with`], where the contract leaves a choice.
    ///
    /// # Panics
    /// As [`Run::ends_with`].
    #[must_use]
    pub fn ends_with_one_of(self, codes: &[i32]) -> Self {
        let as_wanted = self.code.is_some_and(|code| codes.contains(&code));
        assert!(as_wanted, "expected one of the exit codes {codes:?} from {self:#?}");
        assert!(!self.stderr.contains("panicked at"), "a panic in {self:#?}");
        self
    }

    /// Asserts that standard error has each of `words`, in any case, and that nothing went to
    /// standard output.
    ///
    /// # Panics
    /// Where it has not.
    pub fn complains_about(&self, words: &[&str]) {
        let said = self.stderr.to_lowercase();
        for word in words {
            let has = said.contains(&word.to_lowercase());
            assert!(has, "expected `{word}` in the message of {self:#?}");
        }
        assert!(self.stdout.is_empty(), "results beside an error in {self:#?}");
    }

    /// The JSON object that `--json` puts on the last line of standard output.
    ///
    /// # Panics
    /// Where the last line is none.
    #[must_use]
    pub fn json(&self) -> Value {
        let last = self.stdout.lines().last().unwrap_or_default();
        match serde_json::from_str(last) {
            Ok(value @ Value::Object(_)) => value,
            other => panic!("expected a JSON object on the last line, got {other:?} in {self:#?}"),
        }
    }
}
