//! What a run folder holds, read for a report, also while the run goes on.

use crate::error::{Result, TrainError};
use crate::eval::ModelReport;
use crate::evaluate::Evaluated;
use crate::metrics::{METRICS_FILE, TIMING_KEY};
use crate::run_dir::{RECIPE_FILE, REPORTS_END, RUN_FILE, RunDir, RunInfo};
use crate::stage::Judged;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A run folder's content.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) path: PathBuf,
    pub(super) info: RunInfo,
    /// The resolved recipe as its file has it.
    pub(super) recipe_text: String,
    /// The same, read without knowing its keys: a report is for runs of other versions too.
    pub(super) recipe: toml::Table,
    pub(super) stages: Vec<Stage>,
    /// Counts of no stage by name.
    pub(super) counts: Vec<Counts>,
    pub(super) state: State,
}

/// A file with what data came to: its name and content.
pub(super) type Counts = (String, Map<String, Value>);

/// Whether more is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A process writes into the folder.
    Running,
    /// The last stage left its model, or what else it makes.
    Finished,
    /// Neither; it can be resumed.
    Stopped,
}

/// A stage of the recipe and what it has left so far.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) kind: String,
    /// What it starts from.
    pub(super) model: String,
    /// Optimiser steps that the recipe asks for; 0 where the data decides.
    pub(super) planned: u64,
    /// Lines of metrics.
    pub(super) lines: Vec<Line>,
    /// By the stage's step.
    pub(super) evaluations: BTreeMap<u64, Evaluation>,
    /// What its data came to.
    pub(super) counts: Vec<Counts>,
    /// Measures of the models that it evaluates.
    pub(super) models: Vec<ModelReport>,
}

/// The numbers of a step.
#[derive(Debug)]
pub(super) struct Line {
    /// Step of the stage.
    pub(super) step: u64,
    pub(super) numbers: BTreeMap<String, f64>,
    /// Seconds, tokens a second.
    pub(super) timing: BTreeMap<String, f64>,
}

/// An evaluation inside a stage.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Evaluation {
    /// Of sampled answers.
    Sampled(Box<Evaluated>),
    /// Of the loss on held-out examples.
    HeldOut { loss: f64, token_accuracy: f64 },
    /// Of a reward model on held-out pairs or labels.
    Judged(Box<Judged>),
}

impl Stage {
    /// Whether anything was measured.
    pub(super) fn has_numbers(&self) -> bool {
        !(self.lines.is_empty() && self.evaluations.is_empty() && self.models.is_empty())
    }

    /// Steps that were taken.
    pub(super) fn steps(&self) -> u64 {
        self.lines.last().map_or(0, |line| line.step)
    }

    /// The sampled evaluations by step.
    pub(super) fn sampled(&self) -> BTreeMap<u64, &Evaluated> {
        self.evaluations
            .iter()
            .filter_map(|(step, evaluation)| match evaluation {
                Evaluation::Sampled(evaluated) => Some((*step, &**evaluated)),
                Evaluation::HeldOut { .. } | Evaluation::Judged(_) => None,
            })
            .collect()
    }

    /// Keys of the numbers that any step has.
    pub(super) fn keys(&self) -> BTreeSet<&str> {
        self.lines.iter().flat_map(|line| line.numbers.keys().map(String::as_str)).collect()
    }

    /// A number over the steps that have it.
    pub(super) fn curve(&self, key: &str) -> Vec<(f64, f64)> {
        let point = |line: &Line| Some((line.step as f64, *line.numbers.get(key)?));
        self.lines.iter().filter_map(point).collect()
    }

    /// Sum over the steps of something timed, and whether any has it.
    pub(super) fn seconds(&self, key: &str) -> Option<f64> {
        let timed = || self.lines.iter().filter_map(|line| line.timing.get(key));
        timed().next().map(|_| timed().sum())
    }
}

impl Run {
    /// Reads a run folder.
    ///
    /// # Errors
    /// [`TrainError::NotARun`] where it is none, and which file is damaged.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let no_run = |reason| TrainError::NotARun { path: path.into(), reason };
        if !path.exists() {
            return Err(TrainError::NotFound { what: "run folder", path: path.into() });
        }
        if !path.is_dir() {
            return Err(no_run("it is a file; give the folder that `train` wrote"));
        }
        if !path.join(RECIPE_FILE).exists() || !path.join(RUN_FILE).exists() {
            return Err(match path.join("settings.json").exists() {
                true => {
                    no_run("it is the folder of an evaluation, whose measures are in report.json")
                }
                false => no_run("a run's folder has recipe.toml and run.json"),
            });
        }
        let info = RunInfo::load(path)?;
        let file = path.join(RECIPE_FILE);
        let recipe_text =
            fs::read_to_string(&file).map_err(|e| TrainError::read("recipe", &file, e))?;
        let recipe: toml::Table = recipe_text
            .parse()
            .map_err(|e: toml::de::Error| TrainError::damaged(&file, e.to_string()))?;
        let mut stages = stages_of(&recipe);
        read_metrics(&path.join(METRICS_FILE), &mut stages)?;
        let counts = read_files(path, &mut stages)?;
        let last = stages.last().map(|stage| path.join("stages").join(&stage.name));
        let last_evaluates = stages.last().is_some_and(|stage| !stage.models.is_empty());
        // A stage that asks and trains nothing is done once its counts are there.
        let has_counts = |stage: &Stage| path.join(format!("{}-counts.json", stage.name)).exists();
        let last_asks = stages.last().is_some_and(has_counts);
        let state = match RunDir::is_written(path) {
            true => State::Running,
            false if last_evaluates => State::Finished,
            false if last_asks => State::Finished,
            false if last.is_some_and(|out| out.join("config.json").exists()) => State::Finished,
            false => State::Stopped,
        };
        Ok(Self { path: path.into(), info, recipe_text, recipe, stages, counts, state })
    }

    /// Whether there is nothing to show yet.
    pub(super) fn is_empty(&self) -> bool {
        self.stages.iter().all(|stage| !stage.has_numbers())
    }

    /// Name of its folder.
    pub(super) fn folder(&self) -> String {
        let absolute = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        absolute.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The stages of a recipe, still without numbers.
fn stages_of(recipe: &toml::Table) -> Vec<Stage> {
    let word = |value: Option<&toml::Value>| value?.as_str().map(str::to_owned);
    let tables = recipe.get("stage").and_then(toml::Value::as_array).into_iter().flatten();
    let mut stages: Vec<Stage> = Vec::new();
    for table in tables.filter_map(toml::Value::as_table) {
        let own = table.get("model").map(model_words);
        let model = own.or_else(|| stages.last().map(|before| format!("stage {}", before.name)));
        stages.push(Stage {
            name: word(table.get("name")).unwrap_or_default(),
            kind: word(table.get("kind")).unwrap_or_default(),
            model: model
                .or_else(|| recipe.get("model").map(model_words))
                .unwrap_or_else(|| "unknown".to_owned()),
            planned: table.get("steps").and_then(toml::Value::as_integer).unwrap_or(0).max(0)
                as u64,
            lines: Vec::new(),
            evaluations: BTreeMap::new(),
            counts: Vec::new(),
            models: Vec::new(),
        });
    }
    stages
}

/// A model in a recipe by few words: the last part of its path, its stage, or that it is new.
fn model_words(model: &toml::Value) -> String {
    let path = model.get("path").unwrap_or(model).as_str();
    match path {
        None => "new".to_owned(),
        Some(path) => match path.strip_prefix("stage:") {
            Some(stage) => format!("stage {stage}"),
            None => {
                let name = Path::new(path).file_name().map(|n| n.to_string_lossy().into_owned());
                name.unwrap_or_else(|| path.to_owned())
            }
        },
    }
}

/// Gives each line to its stage, with the stage's own steps.
fn read_metrics(path: &Path, stages: &mut [Stage]) -> Result<()> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(TrainError::read("metrics", path, e)),
    };
    // Steps go on counting from stage to stage.
    let (mut at, mut first_step, mut last_step) = (0, 0, 0);
    for (number, line) in whole_lines(&bytes).enumerate() {
        let damaged =
            |what: &str| TrainError::damaged(path, format!("line {} is {what}", number + 1));
        let fields: Map<String, Value> =
            serde_json::from_slice(line).map_err(|_| damaged("not a JSON object"))?;
        let step = fields.get("step").and_then(Value::as_u64);
        let name = fields.get("stage").and_then(Value::as_str);
        let (Some(step), Some(name)) = (step, name) else {
            return Err(damaged("without step and stage"));
        };
        let index = stages.iter().position(|stage| stage.name == name);
        let index = index.ok_or_else(|| damaged("of a stage that the recipe does not have"))?;
        if index != at {
            (at, first_step) = (index, last_step);
        }
        last_step = step;
        let timing = fields.get(TIMING_KEY).and_then(Value::as_object).map(numbers);
        stages[index].lines.push(Line {
            step: step.saturating_sub(first_step),
            numbers: numbers(&fields),
            timing: timing.unwrap_or_default(),
        });
    }
    Ok(())
}

/// The lines of a file that another process may be writing: an unfinished last one is left out.
fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
    bytes[..whole].split(|&b| b == b'\n').filter(|line| !line.is_empty())
}

/// The finite numbers among fields; `step` is none of them.
fn numbers(fields: &Map<String, Value>) -> BTreeMap<String, f64> {
    let number = |(key, value): (&String, &Value)| Some((key.clone(), value.as_f64()?));
    fields.iter().filter(|(key, _)| *key != "step").filter_map(number).collect()
}

/// Gives evaluations and counts to their stages; returns the counts of none.
fn read_files(folder: &Path, stages: &mut [Stage]) -> Result<Vec<Counts>> {
    let mut rest = Vec::new();
    let entries = fs::read_dir(folder).map_err(|e| TrainError::read("run", folder, e))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".json") && name != RUN_FILE)
        .collect();
    names.sort();
    for name in names {
        let path = folder.join(&name);
        let stem = name.trim_end_matches(".json");
        let evaluated = stages.iter().enumerate().find_map(|(index, stage)| {
            let rest = stem.strip_prefix("evaluation-")?.strip_prefix(&stage.name)?;
            Some((index, rest.strip_prefix('-')?.parse::<u64>().ok()?))
        });
        if let Some((index, step)) = evaluated {
            stages[index].evaluations.insert(step, read_json(&path)?);
        } else if let Some(of) = name.strip_suffix(REPORTS_END) {
            let stage = stages.iter_mut().find(|stage| stage.name == of);
            if let Some(stage) = stage {
                stage.models = read_json(&path)?;
            }
        } else if let Some(of) = counted(stem) {
            let stage = stages.iter_mut().filter(|stage| is_of(of, &stage.name));
            let list = stage.max_by_key(|s| s.name.len()).map_or(&mut rest, |s| &mut s.counts);
            list.push((name, read_json(&path)?));
        }
    }
    Ok(rest)
}

/// What a file of counts is of: `examples-STAGE`, `STAGE-counts`, `KIND-STAGE-counts`.
fn counted(stem: &str) -> Option<&str> {
    stem.strip_suffix("-counts").or_else(|| stem.strip_prefix("examples-"))
}

fn is_of(counted: &str, stage: &str) -> bool {
    counted.strip_suffix(stage).is_some_and(|kind| kind.is_empty() || kind.ends_with('-'))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(|e| TrainError::read("run file", path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| TrainError::damaged(path, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{RECIPE, folder};

    #[test]
    fn stages_have_their_own_steps_and_what_they_start_from() {
        let dir = folder();
        let run = Run::load(dir.path()).expect("loads");
        let heads: Vec<_> = run
            .stages
            .iter()
            .map(|s| (s.name.as_str(), s.kind.as_str(), s.model.as_str(), s.steps(), s.lines.len()))
            .collect();
        assert_eq!(heads, [("base", "sft", "mini", 3, 3), ("rl", "rl", "stage base", 40, 20),]);
        assert_eq!(run.stages[1].lines[0].step, 2);
        assert_eq!(run.stages[1].evaluations.keys().copied().collect::<Vec<_>>(), [0, 40]);
        assert!(matches!(run.stages[0].evaluations[&0], Evaluation::HeldOut { loss: 3.5, .. }));
        let counts = &run.stages[0].counts;
        assert_eq!(counts.len(), 1);
        assert_eq!(counts[0].1["examples"], 7);
        assert_eq!(run.state, State::Stopped);
    }

    #[test]
    fn a_line_that_is_being_written_is_left_out_and_a_damaged_one_is_named() {
        let dir = folder();
        let file = dir.path().join(METRICS_FILE);
        let whole = fs::read_to_string(&file).expect("readable");
        fs::write(&file, format!("{whole}{{\"step\":99,\"stage\":\"rl\"")).expect("written");
        assert_eq!(Run::load(dir.path()).expect("loads").stages[1].steps(), 40);
        // Numbers that were not finite are null: no point.
        let null = "{\"step\":45,\"stage\":\"rl\",\"kl\":null,\"timing\":{}}\n";
        fs::write(&file, format!("{whole}{null}")).expect("written");
        let run = Run::load(dir.path()).expect("loads");
        assert_eq!((run.stages[1].steps(), run.stages[1].curve("kl").len()), (42, 20));
        fs::write(&file, format!("{{\"step\":1,\n{whole}")).expect("written");
        let error = Run::load(dir.path()).expect_err("damaged").to_string();
        assert!(error.contains("line 1 is not a JSON object"), "{error}");
    }

    #[test]
    fn what_is_no_run_is_told_apart() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let message = |path: &Path| {
            let error = Run::load(path).expect_err("no run");
            assert_eq!(error.exit_code(), 2, "{error}");
            error.to_string()
        };
        assert!(message(&dir.path().join("absent")).contains("absent"));
        assert!(message(dir.path()).contains("recipe.toml"));
        let file = dir.path().join("file");
        fs::write(&file, RECIPE).expect("written");
        assert!(message(&file).contains("it is a file"));
        fs::write(dir.path().join("settings.json"), b"{}").expect("written");
        assert!(message(dir.path()).contains("evaluation"));
    }

    #[test]
    fn counts_belong_to_the_stage_of_their_name() {
        assert_eq!(
            ["examples-a", "a-counts", "measured"].map(counted),
            [Some("a"), Some("a"), None]
        );
        assert!(is_of("base", "base") && is_of("filter-base", "base") && !is_of("base", "ase"));
    }
}
