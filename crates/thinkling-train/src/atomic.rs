//! Files that are there whole or not at all.
//!
//! A file is written under a temporary name in the same folder, synced, and renamed over the old
//! one; then the folder is synced, so that the name survives a power cut too. Whatever fails, the
//! old content stays.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Result, TrainError};

/// Prefix of names that are not finished; whoever scans a folder skips them.
pub const TEMPORARY_PREFIX: &str = ".tmp-";

/// Replaces the content of `path` by `bytes`.
///
/// # Errors
/// [`TrainError::DiskFull`] or [`TrainError::Write`]; the old file is then untouched.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |out| out.write_all(bytes))
}

/// Replaces the content of `path` by `value` as indented JSON and a line end.
///
/// # Errors
/// As [`write_bytes`], and [`TrainError::Encode`] if the value has no JSON form.
pub fn write_json<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<()> {
    write_bytes(path, &json_bytes(value)?)
}

/// Replaces the content of `path` by what `fill` writes.
///
/// # Errors
/// As [`write_bytes`]; an error of `fill` ends the write.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let temporary = temporary_name(path)?;
    let written = fill_and_sync(&temporary, fill)
        .and_then(|()| fs::rename(&temporary, path).map_err(|e| TrainError::write(path, e)))
        .and_then(|()| sync_folder(&parent(path)));
    if written.is_err() {
        // Best effort: the first error is the one worth telling.
        let _ = fs::remove_file(&temporary);
    }
    // The user knows the final name, not the temporary one.
    written.map_err(|error| rename_error(error, path))
}

/// `value` as indented JSON and a line end.
pub(crate) fn json_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|e| TrainError::Encode { what: "JSON", reason: e.to_string() })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes a new file and brings it to the disk.
pub(crate) fn fill_and_sync(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let failed = |e| TrainError::write(path, e);
    let mut file =
        Watched { inner: BufWriter::new(File::create(path).map_err(failed)?), first: None };
    let filled = fill(&mut file).and_then(|()| file.flush());
    if let Err(error) = filled {
        // A callback may wrap the disk's error in one of its own; the disk's kind is what counts.
        let kind = file.first.unwrap_or(error.kind());
        let error = if kind == error.kind() { error } else { io::Error::new(kind, error) };
        return Err(failed(error));
    }
    let file = file.inner.into_inner().map_err(|e| failed(e.into_error()))?;
    file.sync_all().map_err(failed)
}

/// Brings a folder's names to the disk.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    // Windows cannot open a folder as a file; there the rename itself has to do.
    if cfg!(unix) {
        File::open(path).and_then(|f| f.sync_all()).map_err(|e| TrainError::write(path, e))?;
    }
    Ok(())
}

/// Removes half-written files and folders that a process left in a folder when it was killed. Best effort: what
/// stays costs space, nothing else.
pub(crate) fn remove_temporaries(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
            let path = entry.path();
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        }
    }
}

/// The folder that holds `path`; `.` for a bare name.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn temporary_name(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| {
        TrainError::write(path, io::Error::new(io::ErrorKind::InvalidInput, "not a file name"))
    })?;
    let mut temporary = std::ffi::OsString::from(TEMPORARY_PREFIX);
    temporary.push(format!("{}-", std::process::id()));
    temporary.push(name);
    Ok(path.with_file_name(temporary))
}

fn rename_error(error: TrainError, path: &Path) -> TrainError {
    match error {
        TrainError::DiskFull { .. } => TrainError::DiskFull { path: path.into() },
        TrainError::Write { source, .. } => TrainError::Write { path: path.into(), source },
        other => other,
    }
}

/// Remembers the kind of the first error that the file gave.
struct Watched {
    inner: BufWriter<File>,
    first: Option<io::ErrorKind>,
}

impl Watched {
    fn watch<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|e| {
            self.first.get_or_insert(e.kind());
        })
    }
}

impl Write for Watched {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let result = self.inner.write(buf);
        self.watch(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.watch(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .expect("folder is readable")
            .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_no_temporary() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("state.json");
        write_bytes(&path, b"a long first content").expect("first write");
        write_bytes(&path, b"short").expect("second write");
        assert_eq!(fs::read(&path).expect("readable"), b"short");
        assert_eq!(names(dir.path()), ["state.json"]);
    }

    #[test]
    fn a_full_disk_in_the_middle_leaves_the_old_file() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("state.json");
        write_bytes(&path, b"old").expect("first write");
        let error = write_with(&path, |out| {
            out.write_all(&[0; 100_000])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .expect_err("the callback fails");
        assert!(
            matches!(&error, TrainError::DiskFull { path: named } if *named == path),
            "{error}"
        );
        assert_eq!(fs::read(&path).expect("readable"), b"old");
        assert_eq!(names(dir.path()), ["state.json"]);
    }

    /// `/dev/full` answers every write as a full disk does.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_error_is_known_behind_a_wrapping_callback() {
        let error = fill_and_sync(Path::new("/dev/full"), |out| {
            out.write_all(&[1; 100_000]).map_err(|e| io::Error::other(format!("writer: {e}")))
        })
        .expect_err("the device is full");
        assert!(matches!(error, TrainError::DiskFull { .. }), "{error}");
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_the_final_path() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("absent/state.json");
        let error = write_bytes(&path, b"x").expect_err("no such folder");
        assert!(matches!(&error, TrainError::Write { path: named, .. } if *named == path));
    }
}
