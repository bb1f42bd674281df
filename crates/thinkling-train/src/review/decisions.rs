//! Decisions on disk, one JSON object a line, each written as it is taken.

use super::item::Texts;
use crate::error::{Result, TrainError};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
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
    /// Checksum of the item's line: decisions belong to one queue alone.
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
    path: PathBuf,
    file: File,
}

impl DecisionLog {
    /// Opens the file or makes it, reads what is there, and drops a last line that is not whole.
    ///
    /// # Errors
    /// [`TrainError::ReviewBusy`] where another process reviews, a line that is no decision.
    pub(super) fn open(path: PathBuf) -> Result<(Self, Vec<Line>)> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(&path).map_err(|e| TrainError::write(&path, e))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(TrainError::ReviewBusy { path }),
            // A file system without locks: better a review without the guard than none.
            Err(TryLockError::Error(e)) if e.kind() != io::ErrorKind::Unsupported => {
                return Err(TrainError::write(&path, e));
            }
            _ => {}
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| TrainError::read("decisions", &path, e))?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let mut lines = Vec::new();
        for (index, line) in bytes[..whole].split(|&byte| byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            lines.push(serde_json::from_slice(line).map_err(|e| TrainError::DataLine {
                path: path.clone(),
                line: index + 1,
                reason: format!("expected: a decision of a review, got something else: {e}"),
            })?);
        }
        let cut = file.set_len(whole as u64).and_then(|()| file.seek(SeekFrom::End(0)));
        cut.map_err(|e| TrainError::write(&path, e))?;
        Ok((Self { path, file }, lines))
    }

    /// Appends lines and waits until they are on disk.
    pub(super) fn append(&mut self, lines: &[Line]) -> Result<()> {
        let mut bytes = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut bytes, line)
                .map_err(|e| TrainError::Encode { what: "a decision", reason: e.to_string() })?;
            bytes.push(b'\n');
        }
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        written.map_err(|e| TrainError::write(&self.path, e))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
