//! Decisions on disk, one JSON object a line, each written as it is taken.

use super::item::Texts;
use crate::error::{Result, TrainError};
use crate::lines::LinesFile;
use crate::run_dir::is_locked;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};

/// What becomes of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Decision {
    /// It is learnt as it is.
    Accept,
    /// It is learnt with these texts.
    Edit(Texts),
    /// It is left out.
    Reject,
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Somebody who had read it.
    Person,
    /// Nobody: all that was open was accepted.
    AcceptAll,
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// The item's place in the queue, counted from 0.
    pub(super) item: usize,
    /// Checksum of the item: decisions belong to one queue alone.
    pub(super) sum: String,
    #[serde(flatten)]
    pub(super) change: Change,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Change {
    /// A decision.
    Decided {
        #[serde(flatten)]
        decision: Decision,
        by: By,
    },
    /// The last decision of all was taken back; it was on this item.
    Undone { undo: bool },
}

/// Where the decisions on a queue are kept.
pub fn decisions_file(queue: &Path) -> PathBuf {
    let mut name = queue.file_name().unwrap_or_default().to_owned();
    name.push(".decisions.jsonl");
    queue.with_file_name(name)
}

/// The file of decisions, which this process alone writes into.
#[derive(Debug)]
pub(super) struct DecisionLog {
    lines: LinesFile,
    /// Freed by the system when the process ends, however it ends.
    _lock: File,
}

impl DecisionLog {
    /// Opens the file or makes it, shows each line that is there to `each`, and drops a last one that
    /// is not whole.
    ///
    /// # Errors
    /// [`TrainError::ReviewBusy`] where another process reviews, a line that is no decision or that
    /// `each` refuses.
    pub(super) fn open(
        path: &Path,
        mut each: impl FnMut(Line) -> std::result::Result<(), String>,
    ) -> Result<Self> {
        let mut lines = LinesFile::open(path, "decisions")?;
        let lock = File::open(path).map_err(|e| TrainError::read("decisions", path, e))?;
        if !is_locked(&lock, path)? {
            return Err(TrainError::ReviewBusy { path: path.to_owned() });
        }
        lines.read(|line, _| each(line))?;
        Ok(Self { lines, _lock: lock })
    }

    /// Appends lines and waits until they are on disk.
    pub(super) fn append(&mut self, lines: &[Line]) -> Result<()> {
        lines.iter().try_for_each(|line| self.lines.append(line).map(|_| ()))?;
        self.lines.sync()
    }

    pub(super) fn path(&self) -> &Path {
        self.lines.path()
    }
}
