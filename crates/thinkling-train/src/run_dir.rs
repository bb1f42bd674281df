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

mod info;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::atomic::{self, TEMPORARY_PREFIX};
use crate::checkpoint::CheckpointStore;
use crate::error::{Result, TrainError};
use crate::recipe::Recipe;
use info::{CHANGEABLE, may_change};

pub(crate) use info::checksum;
pub use info::{BURN_VERSION, RunInfo};

/// Name of the resolved recipe in a run folder.
pub const RECIPE_FILE: &str = "recipe.toml";
/// Name of the file with [`RunInfo`].
pub const RUN_FILE: &str = "run.json";
const LOCK_FILE: &str = "run.lock";
const CHECKPOINTS: &str = "checkpoints";
const STAGES: &str = "stages";
/// Ends the name of a stage's file of [`ModelReport`](crate::eval::ModelReport)s.
pub(crate) const REPORTS_END: &str = "-models.json";

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

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: &str = "name = 'demo'\nseed = 5\nmodel.path = 'base'\n[[stage]]\nname = 'rl'\n\
                          kind = 'rl'\ndata = { kind = 'mini-world' }\n";

    fn recipe() -> Recipe {
        Recipe::parse(RECIPE, Path::new("demo.toml"), Path::new("/recipes"), &[]).expect("valid")
    }

    fn info() -> RunInfo {
        RunInfo::now(&recipe(), "cpu", 2).version("burn", BURN_VERSION)
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
}
