//! The error of this crate and the exit code it stands for.
//!
//! Facts are fields; a message says what was wrong, where, and what to do.

mod device;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use device::DeviceFailure;

/// Result of this crate's functions.
pub type Result<T, E = TrainError> = std::result::Result<T, E>;

/// Where a value of a recipe was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a recipe file, counted from 1.
    File {
        /// The recipe as it was named by the caller.
        file: Arc<Path>,
        /// Line, counted from 1.
        line: usize,
    },
    /// An argument `--set KEY=VALUE`; holds `KEY=VALUE`.
    Set(Arc<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Set(argument) => write!(f, "--set {argument}"),
        }
    }
}

/// What can go wrong while training; [`TrainError::exit_code`] gives the status of the process.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The recipe is not TOML.
    #[error("{at}: not valid TOML: {message} (column {column})")]
    RecipeSyntax {
        /// Line of the fault.
        at: Place,
        /// Column of the fault in characters, counted from 1.
        column: usize,
        /// What the TOML reader says.
        message: String,
    },
    /// A recipe key that no part of the program reads.
    #[error("{at}: unknown key `{key}`{}", did_you_mean(.nearest))]
    UnknownKey {
        /// Where the key stands.
        at: Place,
        /// The dotted path of the key.
        key: String,
        /// The known key of the same table that is spelt most like it.
        nearest: Option<String>,
    },
    /// A recipe key that has to be there and is not.
    #[error("{at}: missing key `{key}`, expected: {expected}")]
    MissingKey {
        /// The table that should hold it.
        at: Place,
        /// The dotted path of the key.
        key: String,
        /// What the key should hold.
        expected: String,
    },
    /// A recipe value of the wrong type or outside its range.
    #[error("{at}: bad value for `{key}`, expected: {expected}, got: {got}")]
    BadValue {
        /// Where the value stands.
        at: Place,
        /// The dotted path of the key.
        key: String,
        /// Type and range.
        expected: String,
        /// The value as it was written, shortened.
        got: String,
    },
    /// An argument of `--set` that is not `KEY=VALUE` or whose path leads nowhere.
    #[error("--set {argument}: {reason}")]
    BadSet {
        /// The argument.
        argument: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or folder that the call names does not exist.
    #[error("{what} not found: {}", .path.display())]
    NotFound {
        /// What it was to be, for example `recipe`.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The call names a folder where a file is read.
    #[error("{what}, expected: a file, got: the folder {}", .path.display())]
    IsFolder {
        /// What it was to be.
        what: &'static str,
        /// The folder.
        path: PathBuf,
    },
    /// The folder that a model is to be written to already holds something.
    #[error("{} is not empty, expected: a new or empty folder; choose another `--out`", .path.display())]
    FolderTaken {
        /// The folder.
        path: PathBuf,
    },
    /// The folder for a new run already holds something.
    #[error("{} already exists, expected: a new or empty folder; continue it by `--resume` or choose another `--out`", .path.display())]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// Another process is writing into the run folder.
    #[error("run {} is in use by another process; wait for it or stop it first", .path.display())]
    RunBusy {
        /// The folder.
        path: PathBuf,
    },
    /// Another process is reviewing the queue.
    #[error("{} is in use by another process; end the other review or run first", .path.display())]
    ReviewBusy {
        /// The file of decisions.
        path: PathBuf,
    },
    /// A file is damaged, half-written or of a kind that is not supported.
    #[error("{}: {reason}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and where.
        reason: String,
    },
    /// A line of a data file cannot be used.
    #[error("{}:{line}: unreadable data line: {reason}", .path.display())]
    DataLine {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// There are checkpoints, and none of them is whole.
    #[error("no whole checkpoint in {}; remove that folder to begin the unfinished stage again; damaged: {}", .dir.display(), .damaged.join("; "))]
    NoValidCheckpoint {
        /// The folder of checkpoints.
        dir: PathBuf,
        /// Each damaged one and why.
        damaged: Vec<String>,
    },
    /// The disk or the quota is used up; what was there before is untouched.
    #[error("no space left to write {}; free some space and go on by `--resume`", .path.display())]
    DiskFull {
        /// The file that could not be written.
        path: PathBuf,
    },
    /// Writing failed for another reason.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// Reading failed for another reason than that the file is missing.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// A model of the hub is not there.
    #[error(transparent)]
    Hub(#[from] crate::hub::HubError),
    /// A model's files cannot be read.
    #[error(transparent)]
    Weights(#[from] thinkling_weights::WeightsError),
    /// Keys of a stage ask for what its model cannot do.
    #[error("stage `{stage}` does not fit its model: {reason}")]
    DoesNotFit {
        /// Name of the stage.
        stage: String,
        /// Key, expected and got.
        reason: String,
    },
    /// A reward model where one that writes is needed.
    #[error("{} is a reward model, which writes nothing, expected: a language model", .path.display())]
    RewardModel {
        /// Its folder.
        path: PathBuf,
    },
    /// A file that a stopped run had read is another one now.
    #[error("{} has changed since the run began; bring the old file back, or start a new run", .path.display())]
    InputChanged {
        /// The file.
        path: PathBuf,
    },
    /// Loss or gradient are no numbers any more; nothing of that step is saved.
    #[error(
        "training diverged in stage `{stage}` at its step {step}: loss {loss}, gradient norm {grad_norm}; start again with a smaller `stage.{stage}.lr` or a longer warm-up{}",
        last_good(.checkpoint)
    )]
    Diverged {
        /// Name of the stage.
        stage: String,
        /// Step of the stage, counted from 1.
        step: u64,
        /// Loss of the step.
        loss: f64,
        /// Norm of its gradient.
        grad_norm: f64,
        /// The last checkpoint before, where there is one.
        checkpoint: Option<PathBuf>,
    },
    /// What a recipe's `alarms` watch for has come; nothing of that rollout is saved.
    #[error(
        "alarm in stage `{stage}` at its step {step}: {what}; start again with other keys{}",
        last_good(.checkpoint)
    )]
    Alarm {
        /// Name of the stage.
        stage: String,
        /// Step of the stage, counted from 1.
        step: u64,
        /// What was seen, by which key it is too much, and what usually helps.
        what: String,
        /// The last checkpoint before, where there is one.
        checkpoint: Option<PathBuf>,
    },
    /// The GPU failed; nothing of the step that was under way is saved.
    #[error(transparent)]
    Device(Box<DeviceFailure>),
    /// A reward from outside gave no values; the step that needed them was not taken.
    #[error(
        "reward `{component}`: {reason}; once that is mended, `--resume` goes on from the last checkpoint"
    )]
    External {
        /// The component.
        component: String,
        /// What went wrong.
        reason: String,
    },
    /// A teacher gives no answers; those that it gave before are kept.
    #[error(
        "teacher {url}: {reason}; {answered} answers came and are kept, {missing} are missing; once it answers again, `--resume` goes on with these"
    )]
    Teacher {
        /// Its address.
        url: String,
        /// Which answer is missing, and what went wrong.
        reason: String,
        /// Answers of this process.
        answered: usize,
        /// Answers that are not there.
        missing: usize,
    },
    /// No server samples any more; the step that needed it was not taken.
    #[error(
        "{missing} groups of a rollout are missing, and no server is left: {}; once one answers, `--resume` goes on from the last checkpoint",
        .reasons.join("; ")
    )]
    Servers {
        /// Groups of completions that did not come.
        missing: usize,
        /// Of each server, its address and what went wrong.
        reasons: Vec<String>,
    },
    /// The environment variable with a server's key is not there or holds none.
    #[error("the environment variable `{name}`, which `api_key_env` names, {reason}")]
    ServerKey {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Questions ask for programs, and nothing here runs them.
    #[error(
        "stage `{stage}` has questions with `task = \"code\"`, and this program was built without the sandbox that runs code; build it by `cargo build --release -p thinkling-cli --features sandbox`"
    )]
    NoSandbox {
        /// Name of the stage.
        stage: String,
    },
    /// A chat template is asked for, and the model has none.
    #[error("the model has no chat template; use the template `none` or `r1-zero`")]
    NoChatTemplate,
    /// A system message for a prompt that has no place for one.
    #[error("a system message needs the template `chat`")]
    SystemWithoutChat,
    /// Completions cannot be made.
    #[error(transparent)]
    Execute(#[from] crate::executor::ExecuteError),
    /// The folder of an evaluation already holds one.
    #[error("{} already holds an evaluation; go on with it by `--resume`, or choose another `--out`", .path.display())]
    EvaluationExists {
        /// The folder.
        path: PathBuf,
    },
    /// An evaluation is to go on with other settings than it began with.
    #[error("{} was begun with other settings: {}; give the same ones, or choose another `--out`", .path.display(), .differences.join("; "))]
    SettingsDiffer {
        /// The folder.
        path: PathBuf,
        /// Each setting that differs, with both values.
        differences: Vec<String>,
    },
    /// A report is to be made of something that is no run folder.
    #[error("{} is no run folder: {reason}", .path.display())]
    NotARun {
        /// What was given.
        path: PathBuf,
        /// What it is or lacks.
        reason: &'static str,
    },
    /// A report is to be made of a run without numbers.
    #[error("{} has no steps and no evaluations yet; run it first, or wait for them by `--watch` while it runs", .path.display())]
    NothingToReport {
        /// The run folder.
        path: PathBuf,
    },
    /// Runs are to be shown as seeds of one recipe and are not.
    #[error("{} and {} are not seeds of one recipe: {}; give each a report of its own", .first.display(), .other.display(), .differences.join("; "))]
    RunsDiffer {
        /// One of them.
        first: PathBuf,
        /// Another one.
        other: PathBuf,
        /// Each key that differs, with both values.
        differences: Vec<String>,
    },
    /// Something failed while running.
    #[error("{what} failed: {reason}")]
    Failed {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        reason: String,
    },
    /// A value has no JSON or TOML form; a mistake of the program, not of its input.
    #[error("cannot encode {what}: {reason}")]
    Encode {
        /// What was to be written.
        what: &'static str,
        /// The encoder's word.
        reason: String,
    },
}

impl TrainError {
    /// Status of the process: 1 failed while running, 2 the call or recipe is wrong, 3 an input
    /// file is damaged or unsupported.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::RecipeSyntax { .. }
            | Self::UnknownKey { .. }
            | Self::MissingKey { .. }
            | Self::BadValue { .. }
            | Self::BadSet { .. }
            | Self::NotFound { .. }
            | Self::IsFolder { .. }
            | Self::DoesNotFit { .. }
            | Self::RewardModel { .. }
            | Self::NoSandbox { .. }
            | Self::ServerKey { .. }
            | Self::FolderTaken { .. }
            | Self::NoChatTemplate
            | Self::SystemWithoutChat
            | Self::EvaluationExists { .. }
            | Self::SettingsDiffer { .. }
            | Self::NotARun { .. }
            | Self::NothingToReport { .. }
            | Self::RunsDiffer { .. }
            | Self::RunExists { .. } => 2,
            Self::Execute(error) => error.exit_code(),
            Self::Hub(error) => error.exit_code(),
            Self::Damaged { .. }
            | Self::DataLine { .. }
            | Self::InputChanged { .. }
            | Self::NoValidCheckpoint { .. } => 3,
            Self::Weights(fault) if fault.is_damaged_or_unsupported() => 3,
            Self::Weights(_)
            | Self::Failed { .. }
            | Self::Diverged { .. }
            | Self::Alarm { .. }
            | Self::External { .. }
            | Self::Teacher { .. }
            | Self::Servers { .. }
            | Self::Device(_)
            | Self::RunBusy { .. }
            | Self::ReviewBusy { .. }
            | Self::DiskFull { .. }
            | Self::Write { .. }
            | Self::Read { .. }
            | Self::Encode { .. } => 1,
        }
    }

    /// The error of a failed write to `path`; a full disk gets its own message.
    pub fn write(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Write { path, source },
        }
    }

    /// The error of a failed read of `path`, which was to be a `what`.
    pub fn read(what: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { what, path },
            io::ErrorKind::IsADirectory => Self::IsFolder { what, path },
            io::ErrorKind::InvalidData => {
                Self::Damaged { path, reason: format!("{what} is not valid UTF-8 text") }
            }
            _ => Self::Read { path, source },
        }
    }

    /// The error of a file whose content cannot be used.
    pub fn damaged(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), reason: reason.into() }
    }
}

fn last_good(checkpoint: &Option<PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!("; the last good checkpoint is {}", path.display()),
        None => "; there is no checkpoint before".to_owned(),
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |key| format!(", nearest known key: `{key}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_follow_the_contract() {
        let set = TrainError::BadSet { argument: "x".into(), reason: "no `=`".into() };
        assert_eq!(set.exit_code(), 2);
        assert_eq!(TrainError::damaged("a", "b").exit_code(), 3);
        let other = TrainError::write("a", io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(other.exit_code(), 1);
        let missing = TrainError::read("recipe", "a", io::Error::from(io::ErrorKind::NotFound));
        assert_eq!(missing.exit_code(), 2);
    }

    #[test]
    fn a_full_disk_has_its_own_message() {
        let full = TrainError::write("runs/a", io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit_code(), 1);
        assert!(full.to_string().starts_with("no space left to write runs/a"), "{full}");
    }

    #[test]
    fn messages_name_place_key_and_neighbour() {
        let place = Place::File { file: Path::new("r.toml").into(), line: 7 };
        let error = TrainError::UnknownKey {
            at: place,
            key: "stage.rl.lrr".into(),
            nearest: Some("lr".into()),
        };
        assert_eq!(
            error.to_string(),
            "r.toml:7: unknown key `stage.rl.lrr`, nearest known key: `lr`"
        );
        let error = TrainError::RunExists { path: "runs/a-1".into() };
        assert!(error.to_string().contains("--resume"), "{error}");
    }
}
