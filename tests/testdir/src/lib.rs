//! Temporary folders for tests: the part of the crate `tempfile` that the tests use, under the
//! same names.
//!
//! `tempfile` itself turns on features of crates that burn is built on (fastrand, rustix), so
//! that `cargo test` and `cargo run` would each compile all of burn for themselves.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A folder that is removed with its content when the value goes out of scope.
#[derive(Debug)]
pub struct TempDir {
    path: PathBuf,
}

/// Makes a new empty folder below the system's folder for temporary files.
///
/// # Errors
/// What the file system says when it cannot make the folder.
pub fn tempdir() -> io::Result<TempDir> {
    TempDir::new()
}

impl TempDir {
    /// As [`tempdir`].
    ///
    /// # Errors
    /// What the file system says when it cannot make the folder.
    pub fn new() -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("thinkling-{}-{nanos:09}-{count}", std::process::id());
            let path = std::env::temp_dir().join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                // Left behind by a killed process that had the same id; the next count is free.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Where the folder lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps the folder on disk and gives its path.
    #[must_use]
    pub fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.path)
    }
}

impl AsRef<Path> for TempDir {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // A test that made the folder unreadable has failed already; nothing to add here.
            drop(std::fs::remove_dir_all(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_folders_differ_and_vanish_with_their_content() {
        let (a, b) = (tempdir().unwrap(), tempdir().unwrap());
        assert_ne!(a.path(), b.path());
        std::fs::write(a.path().join("file"), "x").unwrap();
        let gone = a.path().to_owned();
        drop(a);
        assert!(!gone.exists());
        assert!(b.path().is_dir());
    }

    #[test]
    fn a_kept_folder_stays() {
        let kept = tempdir().unwrap().keep();
        assert!(kept.is_dir());
        std::fs::remove_dir(&kept).unwrap();
    }
}
