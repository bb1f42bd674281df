//! A file of JSON lines that grows by whole lines and outlives a process that is killed.

use crate::atomic;
use crate::error::{Result, TrainError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A line of such a file; `what` names it in the message of a value that JSON cannot hold.
pub(crate) fn json_line(what: &'static str, value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(value)
        .map_err(|e| TrainError::Encode { what, reason: e.to_string() })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Where a line stands in its file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    offset: u64,
    len: u64,
}

/// The file; `what` names its lines in messages.
#[derive(Debug)]
pub(crate) struct LinesFile {
    path: PathBuf,
    what: &'static str,
    file: File,
    len: u64,
}

impl LinesFile {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path, what: &'static str) -> Result<Self> {
        let path = path.to_path_buf();
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        let file = options.open(&path).map_err(|e| TrainError::write(&path, e))?;
        Ok(Self { path, what, file, len: 0 })
    }

    /// Shows each line that is there and drops a last one that is not whole.
    ///
    /// # Errors
    /// A whole line that is no `T`, or one that `each` refuses.
    pub(crate) fn read<T: DeserializeOwned>(
        &mut self,
        mut each: impl FnMut(T, Span) -> std::result::Result<(), String>,
    ) -> Result<()> {
        let failed = |e| TrainError::read(self.what, &self.path, e);
        let mut reader = BufReader::new(&self.file);
        let (mut bytes, mut offset) = (Vec::new(), 0);
        for number in 1.. {
            bytes.clear();
            reader.read_until(b'\n', &mut bytes).map_err(failed)?;
            if bytes.last() != Some(&b'\n') {
                break;
            }
            let damaged = |reason: String| {
                TrainError::damaged(&self.path, format!("line {number}: {reason}"))
            };
            let line = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
            let len = bytes.len() as u64;
            each(line, Span { offset, len }).map_err(damaged)?;
            offset += len;
        }
        drop(reader);
        let failed = |e| TrainError::write(&self.path, e);
        self.file.set_len(offset).map_err(failed)?;
        self.file.seek(SeekFrom::End(0)).map_err(failed)?;
        self.len = offset;
        Ok(())
    }

    /// Appends a line. A process that is killed leaves the whole line or a part of it, which
    /// [`read`](Self::read) drops.
    pub(crate) fn append(&mut self, line: &impl Serialize) -> Result<Span> {
        let bytes = json_line(self.what, line)?;
        self.file.write_all(&bytes).map_err(|e| TrainError::write(&self.path, e))?;
        let span = Span { offset: self.len, len: bytes.len() as u64 };
        self.len += span.len;
        Ok(span)
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until all lines are on disk.
    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| TrainError::write(&self.path, e))
    }

    /// Reads a line. What is appended afterwards would stand in the wrong place.
    pub(crate) fn line<T: DeserializeOwned>(&mut self, span: Span) -> Result<T> {
        let failed = |e| TrainError::read(self.what, &self.path, e);
        let file = &mut self.file;
        file.seek(SeekFrom::Start(span.offset)).map_err(failed)?;
        let mut bytes = Vec::new();
        Read::by_ref(file).take(span.len).read_to_end(&mut bytes).map_err(failed)?;
        serde_json::from_slice(&bytes).map_err(|e| TrainError::damaged(&self.path, e.to_string()))
    }

    /// Writes the file anew with these of its lines, in this order; not where it is so already.
    pub(crate) fn arrange(&mut self, lines: &[Span]) -> Result<()> {
        let in_place = |lines: &[Span]| lines[0].offset + lines[0].len == lines[1].offset;
        let starts = lines.first().is_none_or(|first| first.offset == 0);
        if starts && lines.windows(2).all(in_place) {
            return Ok(());
        }
        let file = &mut self.file;
        atomic::write_with(&self.path, |out| {
            for span in lines {
                file.seek(SeekFrom::Start(span.offset))?;
                std::io::copy(&mut Read::by_ref(file).take(span.len), out)?;
            }
            Ok(())
        })
    }
}
