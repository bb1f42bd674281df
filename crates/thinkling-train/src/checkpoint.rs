//! Checkpoints: folders that are there whole or not at all, and know when they are damaged.
//!
//! A checkpoint is written into `.tmp-step-000123`, every file is synced, `manifest.json` with
//! sizes and SHA-256 is written last, and the folder is renamed to `step-000123`. Reading compares
//! every file with the manifest, and the manifest with its own checksum; a damaged checkpoint is
//! passed over for the one before it. What the files hold is the caller's business.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::atomic::{self, TEMPORARY_PREFIX};
use crate::error::{Result, TrainError};

/// Name of the list of files inside a checkpoint.
pub const MANIFEST_FILE: &str = "manifest.json";
const STEP_PREFIX: &str = "step-";
const FORMAT: u32 = 1;

/// What a checkpoint holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this layout.
    pub format: u32,
    /// Step of the whole run after which it was written.
    pub step: u64,
    /// The files, in the order they were written.
    pub files: Vec<FileEntry>,
    /// SHA-256 of the fields above, in hexadecimal.
    pub sha256: String,
}

/// One file of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path inside the checkpoint, parts separated by `/`.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    fn new(step: u64, files: Vec<FileEntry>) -> Self {
        let mut manifest = Self { format: FORMAT, step, files, sha256: String::new() };
        manifest.sha256 = manifest.own_checksum();
        manifest
    }

    fn own_checksum(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(format!("{} {}\n", self.format, self.step));
        for file in &self.files {
            hasher.update(format!("{} {} {}\n", file.sha256, file.bytes, file.name));
        }
        hex(&hasher.finalize())
    }
}

/// The checkpoints of a run.
#[derive(Clone, Debug)]
pub struct CheckpointStore {
    dir: PathBuf,
    keep: usize,
}

impl CheckpointStore {
    /// Checkpoints in `dir`, which need not exist yet; the last 2 are kept.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), keep: 2 }
    }

    /// Keeps the last `keep` checkpoints, at least one.
    #[must_use]
    pub fn with_keep(mut self, keep: usize) -> Self {
        self.keep = keep.max(1);
        self
    }

    /// Folder of the checkpoint of a step, whether it exists or not.
    pub fn path_of(&self, step: u64) -> PathBuf {
        self.dir.join(format!("{STEP_PREFIX}{step:06}"))
    }

    /// Starts the checkpoint of `step`. It replaces an older one of that step once it is whole.
    ///
    /// # Errors
    /// [`TrainError::DiskFull`] or [`TrainError::Write`].
    pub fn begin(&self, step: u64) -> Result<CheckpointWriter<'_>> {
        let temporary = self.dir.join(format!("{TEMPORARY_PREFIX}{STEP_PREFIX}{step:06}"));
        let made = remove_if_there(&temporary).and_then(|()| fs::create_dir_all(&temporary));
        made.map_err(|e| TrainError::write(self.path_of(step), e))?;
        Ok(CheckpointWriter { store: self, step, temporary, files: Vec::new(), done: false })
    }

    /// The newest checkpoint that is whole, and which newer ones are damaged and why; `None` where
    /// no checkpoint was ever finished.
    ///
    /// # Errors
    /// [`TrainError::NoValidCheckpoint`] where there are some and all are damaged.
    pub fn latest_valid(&self) -> Result<Option<Found>> {
        let mut damaged = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            match Checkpoint::open(&self.path_of(step)) {
                Ok(checkpoint) => {
                    return Ok(Some(Found { checkpoint, damaged }));
                }
                Err(error) => damaged.push(error.to_string()),
            }
        }
        if damaged.is_empty() {
            return Ok(None);
        }
        Err(TrainError::NoValidCheckpoint { dir: self.dir.clone(), damaged })
    }

    /// Steps of the finished checkpoints, ascending.
    ///
    /// # Errors
    /// [`TrainError::Read`].
    pub fn steps(&self) -> Result<Vec<u64>> {
        let read = |e| TrainError::read("checkpoints", &self.dir, e);
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(read(e)),
        };
        let mut steps = Vec::new();
        for entry in entries {
            let name = entry.map_err(read)?.file_name();
            let step = name.to_str().and_then(|n| n.strip_prefix(STEP_PREFIX)?.parse().ok());
            steps.extend(step.filter(|step| self.path_of(*step).ends_with(&name)));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    /// Drops the oldest checkpoints beyond those to keep, and unfinished ones.
    fn prune(&self) -> Result<()> {
        let failed = |path: &Path, e| TrainError::write(path, e);
        let steps = self.steps()?;
        for step in &steps[..steps.len().saturating_sub(self.keep)] {
            // Out of sight first, so that a kill in the middle leaves no half checkpoint.
            let path = self.path_of(*step);
            self.discard(&path).map_err(|e| failed(&path, e))?;
        }
        let entries = fs::read_dir(&self.dir).map_err(|e| failed(&self.dir, e))?;
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
                remove_if_there(&entry.path()).map_err(|e| failed(&entry.path(), e))?;
            }
        }
        Ok(())
    }

    fn discard(&self, path: &Path) -> io::Result<()> {
        let Some(name) = path.file_name() else {
            return Ok(());
        };
        let mut hidden = std::ffi::OsString::from(format!("{TEMPORARY_PREFIX}old-"));
        hidden.push(name);
        let hidden = self.dir.join(hidden);
        remove_if_there(&hidden)?;
        match fs::rename(path, &hidden) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e),
            Ok(()) => fs::remove_dir_all(&hidden),
        }
    }
}

/// The newest whole checkpoint.
#[derive(Clone, Debug)]
pub struct Found {
    /// It.
    pub checkpoint: Checkpoint,
    /// Newer ones that were passed over, each with the reason.
    pub damaged: Vec<String>,
}

/// A checkpoint whose files were compared with their checksums.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    path: PathBuf,
    manifest: Manifest,
}

impl Checkpoint {
    /// Opens a checkpoint folder and verifies every file.
    ///
    /// # Errors
    /// [`TrainError::Damaged`] names the file that is missing or differs, [`TrainError::NotFound`]
    /// a folder that is no checkpoint.
    pub fn open(path: &Path) -> Result<Self> {
        let file = path.join(MANIFEST_FILE);
        let bytes = fs::read(&file).map_err(|e| TrainError::read("checkpoint", &file, e))?;
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|e| TrainError::damaged(&file, format!("not a manifest: {e}")))?;
        if manifest.sha256 != manifest.own_checksum() {
            return Err(TrainError::damaged(&file, "its checksum does not match"));
        }
        if manifest.format != FORMAT {
            let reason = format!("layout version, expected: {FORMAT}, got: {}", manifest.format);
            return Err(TrainError::damaged(&file, reason));
        }
        for entry in &manifest.files {
            verify(path, entry)?;
        }
        Ok(Self { path: path.to_path_buf(), manifest })
    }

    /// Step of the whole run after which it was written.
    pub fn step(&self) -> u64 {
        self.manifest.step
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its files.
    pub fn files(&self) -> &[FileEntry] {
        &self.manifest.files
    }

    /// Path of one of its files.
    ///
    /// # Errors
    /// [`TrainError::Damaged`] where the checkpoint has no such file.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        if self.files().iter().any(|file| file.name == name) {
            return Ok(self.path.join(name));
        }
        Err(TrainError::damaged(&self.path, format!("the checkpoint has no file `{name}`")))
    }

    /// Reads one of its files as JSON.
    ///
    /// # Errors
    /// [`TrainError::Damaged`] where it is missing or does not fit `T`.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let path = self.file(name)?;
        let bytes = fs::read(&path).map_err(|e| TrainError::read("checkpoint", &path, e))?;
        serde_json::from_slice(&bytes).map_err(|e| TrainError::damaged(&path, e.to_string()))
    }
}

fn verify(folder: &Path, entry: &FileEntry) -> Result<()> {
    if relative(&entry.name).is_none() {
        let reason = format!("a file name that leaves the checkpoint: `{}`", entry.name);
        return Err(TrainError::damaged(folder, reason));
    }
    let path = folder.join(&entry.name);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(TrainError::damaged(&path, "the file is missing"));
        }
        Err(e) => return Err(TrainError::read("checkpoint", &path, e)),
    };
    let read = |e| TrainError::read("checkpoint", &path, e);
    let bytes = file.metadata().map_err(read)?.len();
    if bytes != entry.bytes {
        let reason = format!("size in bytes, expected: {}, got: {bytes}", entry.bytes);
        return Err(TrainError::damaged(&path, reason));
    }
    if sha256_of(file).map_err(read)? == entry.sha256 {
        Ok(())
    } else {
        Err(TrainError::damaged(&path, "the checksum does not match"))
    }
}

/// SHA-256 of what is left of `file`, in hexadecimal.
pub(crate) fn sha256_of(file: File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// SHA-256 of `bytes`, in hexadecimal.
pub(crate) fn sha256_of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A checkpoint that is being written; dropped before [`CheckpointWriter::commit`] it leaves
/// nothing.
#[derive(Debug)]
pub struct CheckpointWriter<'a> {
    store: &'a CheckpointStore,
    step: u64,
    temporary: PathBuf,
    files: Vec<FileEntry>,
    done: bool,
}

impl CheckpointWriter<'_> {
    /// Adds a file that `fill` writes. `name` is a plain name or one with folders,
    /// `model/config.json`.
    ///
    /// # Errors
    /// [`TrainError::DiskFull`] or [`TrainError::Write`], also for an error of `fill`.
    pub fn write(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let taken = self.files.iter().any(|file| file.name == name) || name == MANIFEST_FILE;
        let Some(relative) = relative(name).filter(|_| !taken) else {
            let e = io::Error::new(io::ErrorKind::InvalidInput, "not a free file name");
            return Err(TrainError::write(self.store.path_of(self.step).join(name), e));
        };
        let path = self.temporary.join(relative);
        fs::create_dir_all(atomic::parent(&path)).map_err(|e| TrainError::write(&path, e))?;
        let mut entry = FileEntry { name: name.to_owned(), bytes: 0, sha256: String::new() };
        atomic::fill_and_sync(&path, |out| {
            let mut hashing = Hashing { out, hasher: Sha256::new(), bytes: 0 };
            fill(&mut hashing)?;
            entry.bytes = hashing.bytes;
            entry.sha256 = hex(&hashing.hasher.finalize());
            Ok(())
        })?;
        self.files.push(entry);
        Ok(())
    }

    /// Adds a file with `value` as JSON.
    ///
    /// # Errors
    /// As [`CheckpointWriter::write`], and [`TrainError::Encode`].
    pub fn write_json<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        let bytes = atomic::json_bytes(value)?;
        self.write(name, |out| out.write_all(&bytes))
    }

    /// Makes the checkpoint appear, drops the oldest ones, and gives its folder.
    ///
    /// # Errors
    /// [`TrainError::DiskFull`] or [`TrainError::Write`].
    pub fn commit(mut self) -> Result<PathBuf> {
        let manifest = Manifest::new(self.step, std::mem::take(&mut self.files));
        let bytes = atomic::json_bytes(&manifest)?;
        atomic::fill_and_sync(&self.temporary.join(MANIFEST_FILE), |out| out.write_all(&bytes))?;
        for folder in folders(&self.temporary, &manifest.files) {
            atomic::sync_folder(&folder)?;
        }
        let path = self.store.path_of(self.step);
        let moved = self.store.discard(&path).and_then(|()| fs::rename(&self.temporary, &path));
        moved.map_err(|e| TrainError::write(&path, e))?;
        self.done = true;
        atomic::sync_folder(&self.store.dir)?;
        self.store.prune()?;
        Ok(path)
    }
}

impl Drop for CheckpointWriter<'_> {
    fn drop(&mut self) {
        if !self.done {
            // Best effort: an unfinished folder is also skipped by readers and pruned later.
            let _ = remove_if_there(&self.temporary);
        }
    }
}

/// The checkpoint's folder and those inside it that hold files.
fn folders(root: &Path, files: &[FileEntry]) -> Vec<PathBuf> {
    let inner =
        files.iter().filter_map(|file| root.join(&file.name).parent().map(Path::to_path_buf));
    let mut folders: Vec<PathBuf> = inner.chain([root.to_path_buf()]).collect();
    folders.sort();
    folders.dedup();
    folders
}

/// `name` as a path that stays inside its folder.
fn relative(name: &str) -> Option<&Path> {
    let path = Path::new(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && path.file_name().is_some()).then_some(path)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Passes bytes on, counted and hashed.
struct Hashing<'a> {
    out: &'a mut dyn Write,
    hasher: Sha256,
    bytes: u64,
}

impl Write for Hashing<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.out.write(buf)?;
        self.hasher.update(&buf[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
