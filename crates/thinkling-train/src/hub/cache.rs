//! The cache of Hugging Face's tools: `models--OWNER--NAME` with `refs/REVISION` (a commit),
//! `snapshots/COMMIT/FILE`, which points to `blobs/ETAG`, and locks beside all models.

use super::{HubError, HubId};
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

/// One model's part of the cache.
#[derive(Debug)]
pub(super) struct Cache {
    root: PathBuf,
    model: String,
}

/// The files of one commit.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) commit: String,
    pub(super) folder: PathBuf,
}

impl Cache {
    pub(super) fn new(root: &Path, id: &HubId) -> Self {
        // Links and runs name it from other folders.
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_path_buf());
        Self { root, model: id.folder() }
    }

    fn folder(&self) -> PathBuf {
        self.root.join(&self.model)
    }

    fn snapshot_of(&self, commit: &str) -> Snapshot {
        let folder = self.folder().join("snapshots").join(commit);
        Snapshot { commit: commit.to_owned(), folder }
    }

    /// What the cache has of a revision, whole or not.
    pub(super) fn snapshot(&self, revision: &str) -> Option<Snapshot> {
        let named = fs::read_to_string(self.folder().join("refs").join(revision)).ok();
        let commit = named.map_or_else(|| revision.to_owned(), |text| text.trim().to_owned());
        let snapshot = self.snapshot_of(&commit);
        (is_commit(&commit) && snapshot.folder.is_dir()).then_some(snapshot)
    }

    /// Makes the folders of a commit.
    pub(super) fn begin(&self, commit: &str, revision: &str) -> Result<Snapshot, HubError> {
        if !is_commit(commit) {
            let reason = format!("the commit of revision `{revision}` is {commit:?}");
            return Err(HubError::Refused { url: self.model.clone(), reason });
        }
        let snapshot = self.snapshot_of(commit);
        for folder in [self.folder().join("blobs"), snapshot.folder.clone()] {
            make(&folder)?;
        }
        Ok(snapshot)
    }

    /// Notes which commit a branch or tag is.
    pub(super) fn finish(&self, snapshot: &Snapshot, revision: &str) -> Result<(), HubError> {
        if revision == snapshot.commit {
            return Ok(());
        }
        let path = self.folder().join("refs").join(revision);
        make(path.parent().unwrap_or(&self.root))?;
        if fs::read_to_string(&path).is_ok_and(|text| text == snapshot.commit) {
            return Ok(());
        }
        let new = path.with_extension(format!("{}.tmp", std::process::id()));
        fs::write(&new, &snapshot.commit)
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|e| HubError::disk("write", &path, e))
    }

    /// Where the content of this name lies, and where it is while it comes.
    pub(super) fn blob(&self, etag: &str) -> (PathBuf, PathBuf) {
        let blobs = self.folder().join("blobs");
        (blobs.join(etag), blobs.join(format!("{etag}.incomplete")))
    }

    /// Waits until nobody else fetches the content of this name; others wait until the file is dropped.
    pub(super) fn lock(&self, etag: &str, note: &mut dyn FnMut(&str)) -> Result<File, HubError> {
        let folder = self.root.join(".locks").join(&self.model);
        make(&folder)?;
        let path = folder.join(format!("{etag}.lock"));
        let failed = |e| HubError::disk("lock", &path, e);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) => {}
            // A file system without locks: two that fetch at once cost a download, nothing else.
            Err(fs::TryLockError::Error(_)) => return Ok(file),
        }
        note("another process fetches this file; waiting for it");
        file.lock().map_err(failed)?;
        Ok(file)
    }

    /// Puts the content of this name into a snapshot under the file's name.
    pub(super) fn link(&self, snapshot: &Snapshot, name: &str, etag: &str) -> Result<(), HubError> {
        let (blob, _) = self.blob(etag);
        let path = snapshot.folder.join(name);
        make(path.parent().unwrap_or(&snapshot.folder))?;
        let up = Path::new(name).components().filter(|c| matches!(c, Component::Normal(_)));
        let target: PathBuf = std::iter::repeat_n("..", up.count() + 1).collect();
        // A link to content that is gone is in the way.
        let _ = fs::remove_file(&path);
        match link_or_move(&target.join("blobs").join(etag), &blob, &path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                Err(HubError::disk("write", &path, e))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(unix)]
fn link_or_move(target: &Path, _blob: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// Links need a right that not every user has; without them the content itself lies in the snapshot.
#[cfg(windows)]
fn link_or_move(target: &Path, blob: &Path, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, path).or_else(|_| fs::rename(blob, path))
}

#[cfg(not(any(unix, windows)))]
fn link_or_move(_target: &Path, blob: &Path, path: &Path) -> io::Result<()> {
    fs::rename(blob, path)
}

fn make(folder: &Path) -> Result<(), HubError> {
    fs::create_dir_all(folder).map_err(|e| HubError::disk("make", folder, e))
}

/// Whether it can be a commit's name, and so that of a folder.
fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}
