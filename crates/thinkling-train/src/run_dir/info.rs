//! `run.json`: the facts about a run, and whether its inputs are still what they were.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::RUN_FILE;
use crate::checkpoint::{sha256_of, sha256_of_bytes};
use crate::error::{Result, TrainError};
use crate::recipe::Recipe;

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
pub(super) const CHANGEABLE: [&str; 4] = ["micro_batch", "memory", "recompute", "checkpoint_every"];

/// Whether a `KEY=VALUE` changes how a stage runs alone.
pub(super) fn may_change(set: &str) -> bool {
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
