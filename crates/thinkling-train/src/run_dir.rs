//! The folder of a run, which says all there is to know about it.
//!
//! ```text
//! runs/NAME-1/
//!   recipe.toml            the recipe as resolved
//!   run.json               seed, versions, device, threads, commit, time of start
//!   metrics.jsonl          numbers of every step
//!   completions.jsonl      sampled completions with their rewards
//!   events.out.tfevents.*  the same numbers for TensorBoard
//!   checkpoints/step-000050/
//!   STAGE.jsonl            the examples of a stage that makes some, with STAGE-counts.json
//!   STAGE.answers.jsonl    the answers that they were chosen from
//!   STAGE.judgements.jsonl  what a judge said of pairs of them, with STAGE.pairs.jsonl
//!   STAGE.review.jsonl     the queue of a stage that a person reviews, with the decisions beside it
//!   evaluations/STAGE/MODEL/DATA/   of a stage that evaluates models, with STAGE-models.json
//!   run.lock               held by the process that writes
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::atomic::{self, TEMPORARY_PREFIX};
use crate::checkpoint::{CheckpointStore, sha256_of, sha256_of_bytes};
use crate::error::{Result, TrainError};
use crate::recipe::Recipe;

/// Name of the resolved recipe in a run folder.
pub const RECIPE_FILE: &str = "recipe.toml";
/// Name of the file with [`RunInfo`].
pub const RUN_FILE: &str = "run.json";
const LOCK_FILE: &str = "run.lock";
const CHECKPOINTS: &str = "checkpoints";
const STAGES: &str = "stages";
/// Ends the name of a stage's file of [`ModelReport`](crate::eval::ModelReport)s.
pub(crate) const REPORTS_END: &str = "-models.json";

/// Version of burn, which makes the numbers of a run.
pub const BURN_VERSION: &str = "0.22.1";

/// What `run.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Name in the recipe.
    pub name: String,
    /// Seed in the recipe.
    pub seed: u64,
    /// Versions of the program and of the libraries that make its numbers.
    pub versions: BTreeMap<String, String>,
    /// Device as the backend names it, with the adapter.
    pub device: String,
    /// Threads of the CPU device; bit-equal resuming needs the same number.
    pub threads: usize,
    /// Commit of the program, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// SHA-256 of the data and models that the recipe names, so that a resumed run reads the same.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// Time of start, UTC, as `2026-01-31T12:00:00Z`.
    pub started: String,
    /// `KEY=VALUE` that were set when the run went on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
}

/// Keys of a stage that may change while a run rests, beside its table `rollout`.
const CHANGEABLE: [&str; 4] = ["micro_batch", "memory", "recompute", "checkpoint_every"];

/// Whether a `KEY=VALUE` changes how a stage runs alone.
fn may_change(set: &str) -> bool {
    let key = set.split_once('=').map_or(set, |(key, _)| key.trim());
    let mut parts = key.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("stage"), Some(_), Some("rollout"), _) => true,
        (Some("stage"), Some(_), Some(key), None) => CHANGEABLE.contains(&key),
        _ => false,
    }
}

impl RunInfo {
    /// Facts about a run that starts now.
    pub fn now(recipe: &Recipe, device: &str, threads: usize) -> Self {
        Self {
            name: recipe.name.clone(),
            seed: recipe.seed,
            versions: BTreeMap::new(),
            device: device.to_owned(),
            threads,
            commit: None,
            inputs: BTreeMap::new(),
            started: utc(SystemTime::now()),
            changed: Vec::new(),
        }
    }

    /// Reads `run.json` of a run folder.
    ///
    /// # Errors
    /// [`TrainError::NotFound`] where it is no run folder, [`TrainError::Damaged`] where the file
    /// is not whole.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(RUN_FILE);
        let bytes = fs::read(&path).map_err(|e| TrainError::read("run", &path, e))?;
        serde_json::from_slice(&bytes).map_err(|e| TrainError::damaged(&path, e.to_string()))
    }

    /// Adds the checksums of the data and models that `recipe` reads.
    ///
    /// # Errors
    /// [`TrainError::NotFound`] and [`TrainError::Read`].
    pub fn with_inputs(mut self, recipe: &Recipe) -> Result<Self> {
        for path in recipe.input_paths() {
            self.inputs.insert(path.display().to_string(), checksum(&path)?);
        }
        Ok(self)
    }

    /// Compares what the stages from `first` on read with what it was when the run began.
    ///
    /// # Errors
    /// [`TrainError::InputChanged`], and where a file is missing or cannot be read.
    pub fn check_inputs(&self, recipe: &Recipe, first: usize) -> Result<()> {
        let mut paths: Vec<PathBuf> =
            (first..recipe.stages.len()).flat_map(|index| recipe.inputs_of(index)).collect();
        paths.sort();
        paths.dedup();
        for path in paths {
            let known = self.inputs.get(&path.display().to_string());
            if let Some(known) = known
                && *known != checksum(&path)?
            {
                return Err(TrainError::InputChanged { path });
            }
        }
        Ok(())
    }

    /// Adds the version of a library or program.
    #[must_use]
    pub fn version(mut self, what: &str, version: &str) -> Self {
        self.versions.insert(what.to_owned(), version.to_owned());
        self
    }
}

/// A run folder that this process alone writes into.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Freed by the system when the process ends, however it ends.
    _lock: File,
}

impl RunDir {
    /// Makes the folder of a new run: `out`, or `ROOT/NAME-N` with the first free N from 1.
    ///
    /// # Errors
    /// [`TrainError::RunExists`] where `out` holds anything, and those of writing.
    pub fn create(
        out: Option<&Path>,
        root: &Path,
        recipe: &Recipe,
        info: &RunInfo,
    ) -> Result<Self> {
        let toml = recipe.to_toml()?;
        let make = || {
            let path = match out {
                Some(path) => {
                    make_empty(path)?;
                    path.to_path_buf()
                }
                None => make_numbered(root, &recipe.name)?,
            };
            let run = Self { _lock: lock(&path)?, path };
            run.sweep();
            atomic::write_json(&run.path.join(RUN_FILE), info)?;
            // Last: a folder with a recipe is a run, and one without can be begun again.
            atomic::write_bytes(&run.path.join(RECIPE_FILE), toml.as_bytes())?;
            Ok(run)
        };
        make().map_err(|error| match error {
            // There is nothing to resume yet.
            TrainError::DiskFull { path } => TrainError::Failed {
                what: "making the run folder",
                reason: format!(
                    "no space left to write {}; free some space and start again",
                    path.display()
                ),
            },
            error => error,
        })
    }

    /// Opens the folder of a run to go on with it, with other values of keys that say how a stage runs
    /// and not what it comes to: `KEY=VALUE` of `micro_batch`, `memory`, `recompute` and `checkpoint_every`
    /// of a stage, and of its table `rollout`. They replace those of `recipe.toml` in the folder; `run.json`
    /// keeps what was set.
    ///
    /// # Errors
    /// [`TrainError::NotFound`] where it is no run folder, [`TrainError::RunBusy`] where another
    /// process writes into it, [`TrainError::BadSet`] for another key, and what is wrong with its files.
    pub fn open(path: &Path, sets: &[String]) -> Result<(Self, Recipe, RunInfo)> {
        let mut info = RunInfo::load(path)?;
        if let Some(set) = sets.iter().find(|set| !may_change(set)) {
            let keys = CHANGEABLE.map(|key| format!("stage.NAME.{key}")).join(", ");
            return Err(TrainError::BadSet {
                argument: set.clone(),
                reason: format!(
                    "a run keeps its recipe; beside --resume only {keys} and stage.NAME.rollout may change"
                ),
            });
        }
        let recipe = Recipe::load(&path.join(RECIPE_FILE), sets)?;
        let run = Self { _lock: lock(path)?, path: path.to_path_buf() };
        run.sweep();
        if !sets.is_empty() {
            info.changed.extend_from_slice(sets);
            atomic::write_bytes(&path.join(RECIPE_FILE), recipe.to_toml()?.as_bytes())?;
            atomic::write_json(&path.join(RUN_FILE), &info)?;
        }
        Ok((run, recipe, info))
    }

    /// Removes half-written files of a process that was killed.
    fn sweep(&self) {
        let outputs = fs::read_dir(self.path.join(STAGES)).into_iter().flatten().flatten();
        let own = [self.path.clone(), self.path.join(CHECKPOINTS)];
        for folder in outputs.map(|entry| entry.path()).chain(own) {
            atomic::remove_temporaries(&folder);
        }
    }

    /// Whether a process writes into the run folder at `path` now; on a file system without locks
    /// that is not known, and the answer is no.
    pub fn is_written(path: &Path) -> bool {
        let lock = File::open(path.join(LOCK_FILE)).map(|file| file.try_lock_shared());
        matches!(lock, Ok(Err(TryLockError::WouldBlock)))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoints of all stages, counted by the step of the whole run.
    pub fn checkpoints(&self) -> CheckpointStore {
        CheckpointStore::new(self.path.join(CHECKPOINTS))
    }

    /// The examples that a stage makes.
    pub(crate) fn stage_set(&self, stage: &str) -> PathBuf {
        stage_set(&self.path, stage)
    }

    /// The counts that go with [`stage_set`](Self::stage_set); there once the stage is done.
    pub(crate) fn stage_counts(&self, stage: &str) -> PathBuf {
        self.path.join(format!("{stage}-counts.json"))
    }

    /// The answers that a stage chooses its examples from. No stage has a dot in its name, so that
    /// this is no stage's set.
    pub(crate) fn stage_answers(&self, stage: &str) -> PathBuf {
        self.path.join(format!("{stage}.answers.jsonl"))
    }

    /// The same of answers that were asked for behind examples.
    pub(crate) fn stage_few_shot_answers(&self, stage: &str) -> PathBuf {
        self.path.join(format!("{stage}.few-shot.answers.jsonl"))
    }

    /// What a person decides on before it becomes examples.
    pub(crate) fn stage_queue(&self, stage: &str) -> PathBuf {
        self.path.join(format!("{stage}.review.jsonl"))
    }

    /// What a teacher made of the answers that were kept.
    pub(crate) fn stage_rewrites(&self, stage: &str) -> PathBuf {
        self.path.join(format!("{stage}.rewrites.jsonl"))
    }

    /// What a judge said of pairs of answers, as it said it.
    pub(crate) fn stage_judgements(&self, stage: &str) -> PathBuf {
        self.path.join(format!("{stage}.judgements.jsonl"))
    }

    /// The pairs that were judged, and what became of each.
    pub(crate) fn stage_pairs(&self, stage: &str) -> PathBuf {
        self.path.join(format!("{stage}.pairs.jsonl"))
    }

    /// The evaluations of a stage that makes some, each in `MODEL/DATA`.
    pub(crate) fn stage_evaluations(&self, stage: &str) -> PathBuf {
        self.path.join("evaluations").join(stage)
    }

    /// The reports of these evaluations; there once the stage is done.
    pub(crate) fn stage_reports(&self, stage: &str) -> PathBuf {
        self.path.join(format!("{stage}{REPORTS_END}"))
    }

    /// Folder for what a stage gives to later ones; its finished model.
    pub fn stage_output(&self, stage: &str) -> PathBuf {
        self.path.join(STAGES).join(stage)
    }
}

/// The examples that a stage makes in the run folder `run`.
pub(crate) fn stage_set(run: &Path, stage: &str) -> PathBuf {
    run.join(format!("{stage}.jsonl"))
}

pub(crate) fn make_empty(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => TrainError::RunExists { path: path.into() },
        _ => TrainError::write(path, e),
    })?;
    for entry in fs::read_dir(path).map_err(|e| TrainError::read("run", path, e))? {
        let name = entry.map_err(|e| TrainError::read("run", path, e))?.file_name();
        if !is_leftover(&name.to_string_lossy()) {
            return Err(TrainError::RunExists { path: path.into() });
        }
    }
    Ok(())
}

/// Whether a process that was killed while it made the folder can have left this.
fn is_leftover(name: &str) -> bool {
    name == LOCK_FILE || name == RUN_FILE || name.starts_with(TEMPORARY_PREFIX)
}

/// SHA-256 of a file, or of the names and checksums of several: those right in a folder, or the parts
/// of a model that is given by a part of it.
pub(crate) fn checksum(path: &Path) -> Result<String> {
    let read = |path: &Path, e| TrainError::read("input", path, e);
    let file = |path: &Path| File::open(path).and_then(sha256_of).map_err(|e| read(path, e));
    let mut files = BTreeMap::new();
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(|e| read(path, e))? {
            let entry = entry.map_err(|e| read(path, e))?.path();
            if entry.is_file() {
                files.insert(entry.clone(), file(&entry)?);
            }
        }
    } else {
        let Some(parts) = thinkling_weights::gguf_parts(path) else { return file(path) };
        for part in parts {
            files.insert(part.clone(), file(&part)?);
        }
    }
    let names = files.iter().map(|(path, sum)| {
        let name = path.file_name().unwrap_or_default();
        format!("{}\0{sum}\n", name.to_string_lossy())
    });
    Ok(sha256_of_bytes(names.collect::<String>().as_bytes()))
}

pub(crate) fn make_numbered(root: &Path, name: &str) -> Result<PathBuf> {
    fs::create_dir_all(root).map_err(|e| TrainError::write(root, e))?;
    for number in 1_u32.. {
        let path = root.join(format!("{name}-{number}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(TrainError::write(&path, e)),
        }
    }
    Err(TrainError::RunExists { path: root.join(name) })
}

pub(crate) fn lock(path: &Path) -> Result<File> {
    let lock = path.join(LOCK_FILE);
    let file = File::create(&lock).map_err(|e| TrainError::write(&lock, e))?;
    match is_locked(&file, &lock)? {
        true => Ok(file),
        false => Err(TrainError::RunBusy { path: path.into() }),
    }
}

/// Locks the file at `path` until it is closed; false where another process has done so.
pub(crate) fn is_locked(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        // A file system without locks: better to go on without the guard than not at all.
        Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => Ok(true),
        Err(TryLockError::Error(e)) => Err(TrainError::write(path, e)),
    }
}

/// `time` as `2026-01-31T12:00:00Z`.
fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years of 365.2425 days that begin in March, so that the leap day is a year's last
    // (the well-known civil-from-days computation on eras of 400 years).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const RECIPE: &str = "name = 'demo'\nseed = 5\nmodel.path = 'base'\n[[stage]]\nname = 'rl'\n\
                          kind = 'rl'\ndata = { kind = 'mini-world' }\n";

    fn recipe() -> Recipe {
        Recipe::parse(RECIPE, Path::new("demo.toml"), Path::new("/recipes"), &[]).expect("valid")
    }

    fn info() -> RunInfo {
        RunInfo::now(&recipe(), "cpu", 2).version("burn", BURN_VERSION)
    }

    /// Values of `date -u -d @N`.
    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn a_new_run_opens_again_with_the_same_recipe_and_facts() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let (recipe, info) = (recipe(), info());
        let run = RunDir::create(None, dir.path(), &recipe, &info).expect("created");
        assert_eq!(run.path(), dir.path().join("demo-1"));
        drop(run);
        let (run, again, facts) = RunDir::open(&dir.path().join("demo-1"), &[]).expect("opens");
        assert_eq!((again, facts), (recipe.clone(), info.clone()));
        let second = RunDir::create(None, dir.path(), &recipe, &info).expect("created");
        assert_eq!(second.path(), dir.path().join("demo-2"));
        assert!(run.checkpoints().latest_valid().expect("readable").is_none());
    }

    #[test]
    fn a_folder_with_content_is_never_written_into() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let out = dir.path().join("mine");
        drop(RunDir::create(Some(&out), dir.path(), &recipe(), &info()).expect("created"));
        let before = fs::read(out.join(RECIPE_FILE)).expect("readable");
        let other = Recipe { seed: 6, ..recipe() };
        let error = RunDir::create(Some(&out), dir.path(), &other, &info()).expect_err("exists");
        assert!(matches!(error, TrainError::RunExists { .. }), "{error}");
        assert_eq!(fs::read(out.join(RECIPE_FILE)).expect("readable"), before);
        let file = dir.path().join("file");
        fs::write(&file, b"x").expect("written");
        let error = RunDir::create(Some(&file), dir.path(), &other, &info()).expect_err("a file");
        assert_eq!(error.exit_code(), 2, "{error}");
    }

    #[test]
    fn a_folder_whose_making_was_cut_short_can_be_begun_again() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let out = dir.path().join("mine");
        fs::create_dir(&out).expect("folder");
        for name in [LOCK_FILE, RUN_FILE, ".tmp-7-recipe.toml"] {
            fs::write(out.join(name), b"").expect("written");
        }
        let run = RunDir::create(Some(&out), dir.path(), &recipe(), &info()).expect("created");
        assert!(!out.join(".tmp-7-recipe.toml").exists());
        drop(run);
        let half = out.join(CHECKPOINTS).join(".tmp-step-000002");
        fs::create_dir_all(&half).expect("folder");
        fs::write(half.join("model.safetensors"), b"half").expect("written");
        assert_eq!(RunDir::open(&out, &[]).expect("opens").1, recipe());
        assert!(!half.exists());
    }

    #[test]
    fn a_file_added_to_or_changed_in_a_model_folder_is_noticed() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let model = dir.path().join("model");
        fs::create_dir(&model).expect("folder");
        fs::write(model.join("config.json"), b"{}").expect("written");
        let text = format!(
            "name='a'\nmodel.path='{}'\n[[stage]]\nname='s'\nkind='rl'\ndata.kind='mini-world'",
            model.display()
        );
        let recipe = Recipe::parse(&text, Path::new("r.toml"), dir.path(), &[]).expect("valid");
        let info = RunInfo::now(&recipe, "cpu", 2).with_inputs(&recipe).expect("checksums");
        info.check_inputs(&recipe, 0).expect("unchanged");
        for (name, contents) in [("config.json", "{ }"), ("tokenizer.json", "{}")] {
            let (path, old) = (model.join(name), fs::read(model.join(name)).ok());
            fs::write(&path, contents).expect("written");
            let error = info.check_inputs(&recipe, 0).expect_err("changed");
            assert!(matches!(error, TrainError::InputChanged { .. }), "{error}");
            info.check_inputs(&recipe, 1).expect("no stage is left that reads it");
            match old {
                Some(old) => fs::write(&path, old).expect("written"),
                None => fs::remove_file(&path).expect("removed"),
            }
        }
        info.check_inputs(&recipe, 0).expect("as it was");
    }

    #[test]
    fn the_version_of_burn_is_the_one_in_the_lock_file() {
        // Cargo runs tests in the package's folder.
        let lock = fs::read_to_string("../../Cargo.lock").expect("Cargo.lock");
        let burn = format!("name = \"burn\"\nversion = \"{BURN_VERSION}\"");
        assert!(lock.contains(&burn), "{burn}");
    }

    #[test]
    fn a_run_in_use_cannot_be_opened_twice() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let run = RunDir::create(None, dir.path(), &recipe(), &info()).expect("created");
        let error = RunDir::open(run.path(), &[]).expect_err("in use");
        assert!(matches!(error, TrainError::RunBusy { .. }), "{error}");
    }

    #[test]
    fn a_folder_that_is_no_run_and_a_damaged_one_are_told_apart() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let error = RunDir::open(dir.path(), &[]).expect_err("empty");
        assert_eq!(error.exit_code(), 2, "{error}");
        let run = RunDir::create(None, dir.path(), &recipe(), &info()).expect("created");
        fs::write(run.path().join(RUN_FILE), b"{\"name\":").expect("written");
        let error = RunDir::open(run.path(), &[]).expect_err("cut");
        assert_eq!(error.exit_code(), 3, "{error}");
    }

    #[test]
    fn a_model_in_parts_has_a_checksum_of_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] =
            [1, 2].map(|part| folder.path().join(format!("m-0000{part}-of-00002.gguf")));
        fs::write(&first, "one").unwrap();
        let error = checksum(&first).expect_err("a part is missing").to_string();
        assert!(error.contains("m-00002-of-00002.gguf"), "{error}");
        fs::write(&second, "two").unwrap();
        let whole = checksum(&first).unwrap();
        fs::write(&second, "other").unwrap();
        assert_ne!(checksum(&first).unwrap(), whole);
    }
}
