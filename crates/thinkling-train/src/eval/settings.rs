//! What an evaluation asks of which model, and whether a folder was begun with the same.

use crate::atomic;
use crate::checkpoint::sha256_of_bytes;
use crate::error::{Result, TrainError};
use crate::eval::Folder;
use crate::recipe::{GrownQuestions, QuestionSet, QuestionSource, Template};
use crate::run_dir::{checksum, lock, make_empty, make_numbered};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use thinkling_learn::world::LevelMix;
use thinkling_reward::FormatRule;

/// The report's token limit (arXiv 2501.12948v1, section 3).
pub const MAX_TOKENS: usize = 32_768;

/// Names the mini world's held-out problems in the place of a data file.
pub const MINI_WORLD: &str = "mini-world";

/// Names that stand for generated held-out questions, with what they are.
const GENERATED: [(&str, Option<QuestionSet>); 4] = [
    (MINI_WORLD, None),
    ("grown-world", Some(QuestionSet::Reasoning)),
    ("grown-world-requests", Some(QuestionSet::Requests)),
    ("grown-world-harmful", Some(QuestionSet::Harmful)),
];

/// The generated questions that a word in the place of a data file names; `None` for a file.
pub fn generated_questions(data: &str) -> Option<QuestionSource> {
    let (_, set) = GENERATED.iter().find(|(name, _)| *name == data)?;
    Some(match set {
        None => QuestionSource::MiniWorld(LevelMix::default()),
        Some(set) => QuestionSource::GrownWorld(GrownQuestions::of(*set)),
    })
}

const SETTINGS_FILE: &str = "settings.json";
/// Key of the checksum over all that makes the numbers.
const HASH: &str = "hash";
/// Where model and data lay: a copy elsewhere is the same.
const PLACES: [&str; 2] = ["model", "data"];

/// All that makes the numbers of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The model's path.
    pub model: String,
    /// SHA-256 of the model's files.
    pub model_sha256: String,
    /// The data file's path, or a word that names [`generated_questions`].
    pub data: String,
    /// SHA-256 of the data file; of the word.
    pub data_sha256: String,
    /// Whether bad records are skipped.
    pub skip_bad: bool,
    /// Problems at most, from the first on.
    pub limit: Option<usize>,
    /// Answers a problem.
    pub samples: usize,
    /// Temperature; 0 is greedy.
    pub temperature: f64,
    /// Probability in sum of the tokens that are sampled from.
    pub top_p: f64,
    /// Tokens of a completion at most.
    pub max_tokens: usize,
    /// Seed of the random streams and of the intervals.
    pub seed: u64,
    /// What stands around a question.
    pub template: Template,
    /// System message of the chat template.
    pub system: Option<String>,
    /// Where in a completion an answer counts.
    pub answer: thinkling_reward::Template,
    /// Which format is counted.
    pub format: FormatRule,
    /// Name of the executor.
    pub executor: String,
    /// The device.
    pub device: String,
    /// Threads of the CPU device; the same number gives the same numbers to the last bit.
    pub threads: Option<usize>,
    /// Version of the program.
    pub version: String,
}

impl Settings {
    /// Checksum of a model or data file, or of a word that names [`generated_questions`].
    ///
    /// # Errors
    /// A path that does not exist or cannot be read.
    pub fn checksum(path: &Path) -> Result<String> {
        match path.to_str() {
            Some(word) if generated_questions(word).is_some() => {
                Ok(sha256_of_bytes(word.as_bytes()))
            }
            _ => checksum(path),
        }
    }

    /// Reads the settings of an evaluation's folder.
    ///
    /// # Errors
    /// A folder without them, or with damaged ones.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(SETTINGS_FILE);
        let bytes = fs::read(&path).map_err(|e| TrainError::read("evaluation", &path, e))?;
        let damaged = |reason: String| TrainError::damaged(&path, reason);
        let value: Value = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        let settings: Self =
            serde_json::from_value(value.clone()).map_err(|e| damaged(e.to_string()))?;
        match value[HASH].as_str() {
            Some(hash) if hash == settings.hash()? => Ok(settings),
            _ => Err(damaged("its checksum is not that of its content".to_owned())),
        }
    }

    /// SHA-256 over all that makes the numbers, as hexadecimal digits.
    ///
    /// # Errors
    /// None in practice: settings have a JSON form.
    pub fn hash(&self) -> Result<String> {
        let mut fields = self.fields()?;
        fields.retain(|name, _| !PLACES.contains(&name.as_str()));
        Ok(sha256_of_bytes(Value::Object(fields).to_string().as_bytes()))
    }

    fn fields(&self) -> Result<Map<String, Value>> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Ok(Map::new()),
            Err(e) => Err(TrainError::Encode { what: "the settings", reason: e.to_string() }),
        }
    }

    /// Each setting in which `was` differs, in words.
    fn differences(&self, was: &Self) -> Result<Vec<String>> {
        let (now, was) = (self.fields()?, was.fields()?);
        let differs = |(name, value): (&String, &Value)| {
            let old = was.get(name).unwrap_or(&Value::Null);
            let counts = !PLACES.contains(&name.as_str()) && old != value;
            counts.then(|| match name.strip_suffix("_sha256") {
                // Nobody reads checksums.
                Some(what) => {
                    format!("the {what} is another one ({} then, {} now)", was[what], now[what])
                }
                None => format!("{name} was {old} and is {value}"),
            })
        };
        Ok(now.iter().filter_map(differs).collect())
    }

    /// Makes the folder of a new evaluation, or takes one that goes on; this process alone may
    /// then write into it.
    pub(super) fn claim(&self, folder: Folder<'_>) -> Result<(PathBuf, File)> {
        match folder {
            Folder::New(out) => {
                let path = match out {
                    Some(path) => {
                        make_empty(path).map_err(|error| match error {
                            TrainError::RunExists { path } => TrainError::EvaluationExists { path },
                            error => error,
                        })?;
                        path.to_path_buf()
                    }
                    None => make_numbered(Path::new("runs"), &self.name())?,
                };
                let lock = lock(&path)?;
                let mut fields = self.fields()?;
                fields.insert(HASH.to_owned(), self.hash()?.into());
                atomic::write_json(&path.join(SETTINGS_FILE), &fields)?;
                Ok((path, lock))
            }
            Folder::Resume(path) => {
                let was = match Self::load(path) {
                    // A process that was killed at once has left no more than the folder.
                    Err(TrainError::NotFound { .. })
                        if path.is_dir() && make_empty(path).is_ok() =>
                    {
                        return self.claim(Folder::New(Some(path)));
                    }
                    was => was?,
                };
                let lock = lock(path)?;
                let differences = self.differences(&was)?;
                match differences.is_empty() {
                    true => Ok((path.to_path_buf(), lock)),
                    false => {
                        Err(TrainError::SettingsDiffer { path: path.to_path_buf(), differences })
                    }
                }
            }
        }
    }

    /// Name of a folder for it: of what it measures.
    fn name(&self) -> String {
        let path = Path::new(&self.data);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let parts = ["eval", &folder, &stem];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn settings() -> Settings {
        Settings {
            model: "model".to_owned(),
            model_sha256: "aa".to_owned(),
            data: "gsm8k/test.jsonl".to_owned(),
            data_sha256: "bb".to_owned(),
            skip_bad: false,
            limit: Some(3),
            samples: 4,
            temperature: 0.6,
            top_p: 0.95,
            max_tokens: 16,
            seed: 1,
            template: Template::R1Zero,
            system: None,
            answer: thinkling_reward::Template::R1Zero,
            format: FormatRule::Strict,
            executor: "burn".to_owned(),
            device: "cpu".to_owned(),
            threads: Some(2),
            version: "0.1.0".to_owned(),
        }
    }

    #[test]
    fn a_folder_goes_on_with_the_same_settings_wherever_model_and_data_lie() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("eval");
        drop(settings().claim(Folder::New(Some(&path))).expect("new"));
        assert_eq!(Settings::load(&path).expect("whole"), settings());
        let moved = Settings { model: "copy".to_owned(), data: "b.jsonl".to_owned(), ..settings() };
        drop(moved.claim(Folder::Resume(&path)).expect("the same"));
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("eval");
        drop(settings().claim(Folder::New(Some(&path))).expect("new"));
        let other = Settings {
            samples: 8,
            system: Some("be brief".to_owned()),
            model_sha256: "cc".to_owned(),
            model: "other".to_owned(),
            ..settings()
        };
        let error = other.claim(Folder::Resume(&path)).expect_err("others");
        assert_eq!(error.exit_code(), 2);
        let message = error.to_string();
        for words in [
            "samples was 4 and is 8",
            "system was null and is \"be brief\"",
            "the model is another one (\"model\" then, \"other\" now)",
        ] {
            assert!(message.contains(words), "no `{words}` in {message}");
        }
        assert!(!message.contains("limit"), "{message}");
    }

    #[test]
    fn a_folder_that_holds_something_is_refused_and_only_an_evaluation_is_resumed() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("eval");
        drop(settings().claim(Folder::New(Some(&path))).expect("new"));
        let error = settings().claim(Folder::New(Some(&path))).expect_err("taken");
        assert!(error.to_string().contains("--resume"), "{error}");
        let resume = |name: &str| settings().claim(Folder::Resume(&dir.path().join(name)));
        assert_eq!(resume("absent").expect_err("none").exit_code(), 2);
        let other = dir.path().join("other");
        fs::create_dir(&other).expect("folder");
        fs::write(other.join("notes"), "x").expect("written");
        assert_eq!(resume("other").expect_err("none").exit_code(), 2);
        // What a process leaves that is killed before it has written anything.
        let begun = dir.path().join("begun");
        fs::create_dir(&begun).expect("folder");
        fs::write(begun.join("run.lock"), "").expect("written");
        drop(resume("begun").expect("nothing was there"));
        assert_eq!(Settings::load(&begun).expect("whole"), settings());
    }

    #[test]
    fn edited_settings_are_damaged() {
        let dir = tempfile::tempdir().expect("temporary folder");
        drop(settings().claim(Folder::New(Some(dir.path()))).expect("new"));
        let file = dir.path().join(SETTINGS_FILE);
        let text = fs::read_to_string(&file).expect("readable");
        fs::write(&file, text.replace("\"samples\": 4", "\"samples\": 5")).expect("written");
        assert_eq!(Settings::load(dir.path()).expect_err("edited").exit_code(), 3);
    }

    #[test]
    fn folders_are_named_after_their_data() {
        assert_eq!(settings().name(), "eval-gsm8k-test");
        assert_eq!(
            Settings { data: MINI_WORLD.to_owned(), ..settings() }.name(),
            "eval-mini-world"
        );
    }
}
