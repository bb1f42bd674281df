//! Numbers of every step as JSON lines and TensorBoard events, and the table of completions.
//!
//! Every line is one JSON object whose first key is `step`, and is with the operating system
//! before the next step begins. Steps never fall within a file. All that depends on the clock
//! stands under the key `timing`, so that a resumed run's lines equal the uninterrupted run's once
//! that key is dropped. Numbers that are not finite are `null`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Result, TrainError};
use crate::tfevents::EventWriter;

/// Name of the file with the numbers of every step.
pub const METRICS_FILE: &str = "metrics.jsonl";
/// Name of the file with the completions.
pub const COMPLETIONS_FILE: &str = "completions.jsonl";
/// Key of everything that depends on the clock.
pub const TIMING_KEY: &str = "timing";

/// The numbers of one step, in the order they were added.
#[derive(Clone, Debug)]
pub struct MetricsRecord {
    step: u64,
    stage: String,
    fields: Map<String, Value>,
    timing: Map<String, Value>,
    scalars: Vec<(String, f64)>,
}

impl MetricsRecord {
    /// Numbers of `step` of the whole run, counted over all stages, which `stage` made.
    pub fn new(step: u64, stage: &str) -> Self {
        let (fields, timing, scalars) = (Map::new(), Map::new(), Vec::new());
        Self { step, stage: stage.to_owned(), fields, timing, scalars }
    }

    /// Adds a number; it becomes a curve `STAGE/key` too.
    #[must_use]
    pub fn number(mut self, key: &str, value: f64) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self.scalars.push((format!("{}/{key}", self.stage), value));
        self
    }

    /// Adds an integer; it becomes a curve too.
    #[must_use]
    pub fn count(mut self, key: &str, value: u64) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self.scalars.push((format!("{}/{key}", self.stage), value as f64));
        self
    }

    /// Adds a text; it is no curve.
    #[must_use]
    pub fn text(mut self, key: &str, value: &str) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self
    }

    /// Adds what depends on the clock or the machine's load (seconds, tokens a second, bytes of
    /// memory); it becomes a curve `timing/key`.
    #[must_use]
    pub fn timing(mut self, key: &str, value: f64) -> Self {
        self.timing.insert(key.to_owned(), value.into());
        self.scalars.push((format!("{TIMING_KEY}/{key}"), value));
        self
    }

    fn to_json(&self) -> Map<String, Value> {
        let mut line = Map::new();
        line.insert("stage".to_owned(), self.stage.clone().into());
        line.extend(self.fields.clone());
        line.insert(TIMING_KEY.to_owned(), self.timing.clone().into());
        line
    }
}

/// Writes `metrics.jsonl` and the event file of a run folder.
#[derive(Debug)]
pub struct MetricsWriter {
    lines: JsonLines,
    events: EventWriter,
}

impl MetricsWriter {
    /// Starts the files of a new run in `dir`.
    ///
    /// # Errors
    /// [`TrainError::DiskFull`] or [`TrainError::Write`].
    pub fn create(dir: &Path) -> Result<Self> {
        let lines = JsonLines::create(&dir.join(METRICS_FILE))?;
        Ok(Self { lines, events: EventWriter::create(dir)? })
    }

    /// Goes on with the files in `dir` after dropping what lies beyond `last_step`, the step of
    /// the checkpoint (everything where there is none).
    ///
    /// # Errors
    /// [`TrainError::Damaged`] where a line that the checkpoint covers cannot be read, and those
    /// of reading and writing.
    pub fn resume(dir: &Path, last_step: Option<u64>) -> Result<Self> {
        let lines = JsonLines::resume(&dir.join(METRICS_FILE), last_step)?;
        Ok(Self { lines, events: EventWriter::resume(dir, last_step)? })
    }

    /// Writes the numbers of a step.
    ///
    /// # Errors
    /// [`TrainError::DiskFull`] or [`TrainError::Write`].
    pub fn write(&mut self, record: &MetricsRecord) -> Result<()> {
        self.lines.write(record.step, record.to_json())?;
        let scalars = record.scalars.iter().map(|(tag, value)| (tag.as_str(), *value));
        self.events.scalars(record.step, scalars)
    }

    /// Brings what was written to the disk; a checkpoint must not be newer than its metrics.
    ///
    /// # Errors
    /// [`TrainError::DiskFull`] or [`TrainError::Write`].
    pub fn sync(&mut self) -> Result<()> {
        self.lines.sync()?;
        self.events.sync()
    }

    /// Its files, to be synced beside other work.
    pub(crate) fn unsynced(&self) -> Result<[Unsynced; 2]> {
        Ok([self.lines.unsynced()?, self.events.unsynced()?])
    }
}

/// A file whose lines are written, and not yet surely on the disk.
#[derive(Debug)]
pub(crate) struct Unsynced {
    file: File,
    path: PathBuf,
}

impl Unsynced {
    /// Of a file at `path`.
    ///
    /// # Errors
    /// Too many open files.
    pub(crate) fn of(file: &File, path: &Path) -> Result<Self> {
        let file = file.try_clone().map_err(|e| TrainError::write(path, e))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Brings what was written to the disk.
    ///
    /// # Errors
    /// [`TrainError::DiskFull`] or [`TrainError::Write`].
    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| TrainError::write(&self.path, e))
    }
}

/// Writes `completions.jsonl` of a run folder.
#[derive(Debug)]
pub struct CompletionsWriter(JsonLines);

impl CompletionsWriter {
    /// Starts the file of a new run in `dir`.
    ///
    /// # Errors
    /// [`TrainError::DiskFull`] or [`TrainError::Write`].
    pub fn create(dir: &Path) -> Result<Self> {
        JsonLines::create(&dir.join(COMPLETIONS_FILE)).map(Self)
    }

    /// As [`MetricsWriter::resume`].
    ///
    /// # Errors
    /// As [`MetricsWriter::resume`].
    pub fn resume(dir: &Path, last_step: Option<u64>) -> Result<Self> {
        JsonLines::resume(&dir.join(COMPLETIONS_FILE), last_step).map(Self)
    }

    /// Writes one completion of a step; `row` is a struct or map without a key `step`.
    ///
    /// # Errors
    /// [`TrainError::Encode`] where the row is no JSON object, and those of writing.
    pub fn write<T: Serialize + ?Sized>(&mut self, step: u64, row: &T) -> Result<()> {
        let encode = |reason: String| TrainError::Encode { what: "completion", reason };
        match serde_json::to_value(row) {
            Ok(Value::Object(row)) => self.0.write(step, row),
            Ok(_) => Err(encode("expected: an object".to_owned())),
            Err(e) => Err(encode(e.to_string())),
        }
    }

    /// As [`MetricsWriter::sync`].
    ///
    /// # Errors
    /// [`TrainError::DiskFull`] or [`TrainError::Write`].
    pub fn sync(&mut self) -> Result<()> {
        self.0.sync()
    }

    /// Its file, to be synced beside other work.
    pub(crate) fn unsynced(&self) -> Result<Unsynced> {
        self.0.unsynced()
    }
}

/// A file of JSON objects, one a line, whose steps never fall.
#[derive(Debug)]
struct JsonLines {
    file: File,
    path: PathBuf,
}

impl JsonLines {
    fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|e| TrainError::write(path, e))?;
        Ok(Self { file, path: path.to_path_buf() })
    }

    fn resume(path: &Path, last_step: Option<u64>) -> Result<Self> {
        let keep = match File::open(path) {
            Ok(file) => covered_bytes(BufReader::new(file), path, last_step)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
            Err(e) => return Err(TrainError::read("metrics", path, e)),
        };
        let lines = Self::create(path)?;
        lines.file.set_len(keep).map_err(|e| TrainError::write(path, e))?;
        Ok(lines)
    }

    fn write(&mut self, step: u64, fields: Map<String, Value>) -> Result<()> {
        let mut line = Map::new();
        line.insert("step".to_owned(), step.into());
        line.extend(fields);
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        // One call a line: a killed process leaves at most one half line, at the end.
        self.file.write_all(text.as_bytes()).map_err(|e| TrainError::write(&self.path, e))
    }

    fn sync(&mut self) -> Result<()> {
        self.unsynced()?.sync()
    }

    fn unsynced(&self) -> Result<Unsynced> {
        Unsynced::of(&self.file, &self.path)
    }
}

/// Bytes of the leading whole lines whose step is at most `last_step`.
fn covered_bytes(mut from: impl BufRead, path: &Path, last_step: Option<u64>) -> Result<u64> {
    #[derive(Deserialize)]
    struct Head {
        step: u64,
    }
    let Some(last_step) = last_step else {
        return Ok(0);
    };
    let (mut keep, mut number, mut cut) = (0, 0, None);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = from.read_until(b'\n', &mut line);
        let length = read.map_err(|e| TrainError::read("metrics", path, e))?;
        if line.last() != Some(&b'\n') {
            // The end of the file, or a line that was half written.
            return Ok(keep);
        }
        number += 1;
        let covered = serde_json::from_slice(&line).is_ok_and(|head: Head| head.step <= last_step);
        match (covered, cut) {
            (true, None) => keep += length as u64,
            // What a checkpoint covers must not be dropped in silence.
            (true, Some(cut)) => {
                let reason = format!(
                    "line {cut} is not a record of a step up to {last_step}, but line {number} \
                     is; remove the damaged line"
                );
                return Err(TrainError::damaged(path, reason));
            }
            (false, None) => cut = Some(number),
            (false, Some(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn record(step: u64, seconds: f64) -> MetricsRecord {
        MetricsRecord::new(step, "rl")
            .number("loss", 0.5 / step as f64)
            .number("kl", f64::NAN)
            .count("truncated", step)
            .text("note", "x")
            .timing("step_s", seconds)
    }

    fn without_timing(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).expect("readable");
        text.lines()
            .map(|line| {
                let mut value: Value = serde_json::from_str(line).expect("JSON");
                value.as_object_mut().expect("an object").shift_remove(TIMING_KEY).expect("timing");
                value.to_string()
            })
            .collect()
    }

    #[test]
    fn a_line_holds_step_stage_numbers_and_timing() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut writer = MetricsWriter::create(dir.path()).expect("created");
        writer.write(&record(2, 1.25)).expect("written");
        assert_eq!(
            fs::read_to_string(dir.path().join(METRICS_FILE)).expect("readable"),
            "{\"step\":2,\"stage\":\"rl\",\"loss\":0.25,\"kl\":null,\"truncated\":2,\
             \"note\":\"x\",\"timing\":{\"step_s\":1.25}}\n"
        );
    }

    #[test]
    fn a_resumed_file_equals_the_uninterrupted_one_but_for_timing() {
        let whole = tempfile::tempdir().expect("temporary folder");
        let mut writer = MetricsWriter::create(whole.path()).expect("created");
        for step in 1..=6 {
            writer.write(&record(step, 1.0)).expect("written");
        }
        let killed = tempfile::tempdir().expect("temporary folder");
        let mut writer = MetricsWriter::create(killed.path()).expect("created");
        for step in 1..=5 {
            writer.write(&record(step, 2.0)).expect("written");
        }
        writer.lines.file.write_all(b"{\"step\":6,\"sta").expect("written");
        drop(writer);
        let mut writer = MetricsWriter::resume(killed.path(), Some(3)).expect("resumed");
        for step in 4..=6 {
            writer.write(&record(step, 3.0)).expect("written");
        }
        let file = |dir: &tempfile::TempDir| dir.path().join(METRICS_FILE);
        assert_eq!(without_timing(&file(&killed)), without_timing(&file(&whole)));
        assert_ne!(
            fs::read(file(&killed)).expect("readable"),
            fs::read(file(&whole)).expect("readable")
        );
    }

    #[test]
    fn resuming_without_a_checkpoint_starts_from_nothing() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut writer = MetricsWriter::create(dir.path()).expect("created");
        writer.write(&record(0, 1.0)).expect("written");
        drop(writer);
        drop(MetricsWriter::resume(dir.path(), None).expect("resumed"));
        assert_eq!(fs::read(dir.path().join(METRICS_FILE)).expect("readable"), b"");
    }

    #[test]
    fn completions_keep_all_rows_of_covered_steps() {
        #[derive(Serialize)]
        struct Row<'a> {
            text: &'a str,
            reward: f64,
        }
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut writer = CompletionsWriter::create(dir.path()).expect("created");
        for (step, text) in [(1, "a"), (1, "b"), (2, "c"), (2, "d")] {
            writer.write(step, &Row { text, reward: f64::INFINITY }).expect("written");
        }
        assert!(matches!(writer.write(3, "no object"), Err(TrainError::Encode { .. })));
        drop(writer);
        drop(CompletionsWriter::resume(dir.path(), Some(1)).expect("resumed"));
        assert_eq!(
            fs::read_to_string(dir.path().join(COMPLETIONS_FILE)).expect("readable"),
            "{\"step\":1,\"text\":\"a\",\"reward\":null}\n{\"step\":1,\"text\":\"b\",\"reward\":null}\n"
        );
    }

    #[test]
    fn damage_among_covered_lines_is_named_and_nothing_is_dropped() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join(METRICS_FILE);
        let text = "{\"step\":1}\n{\"st\0\0}\n{\"step\":2}\n";
        fs::write(&path, text).expect("written");
        let error = MetricsWriter::resume(dir.path(), Some(5)).expect_err("damaged");
        assert!(error.to_string().contains("line 2 is not"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("readable"), text);
        // The same damage behind the checkpoint is dropped with what follows it.
        drop(MetricsWriter::resume(dir.path(), Some(1)).expect("resumed"));
        assert_eq!(fs::read_to_string(&path).expect("readable"), "{\"step\":1}\n");
    }

    /// `/dev/full` answers every write as a full disk does.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_one_clear_error() {
        let mut lines = JsonLines::create(Path::new("/dev/full")).expect("opens");
        let error = lines.write(1, Map::new()).expect_err("the device is full");
        assert!(matches!(error, TrainError::DiskFull { .. }), "{error}");
    }
}
