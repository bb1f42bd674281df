//! Tiny recipes, runs of them that a test may stop, and what a run folder holds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use thinkling_e2e::{Run, binary, exit, thinkling};

/// What a test gives up after; nothing here takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A recipe of both stages with a model of 15,000 weights.
///
/// The reward of cut completions gives groups variance: a model without training gets nothing
/// right, and a gradient of zero would prove little.
pub(crate) struct Tiny {
    pub(crate) seed: u64,
    /// Optimiser steps of each stage.
    pub(crate) steps: usize,
    pub(crate) checkpoint_every: usize,
    pub(crate) context: usize,
    /// Tokens of a text of the `base` stage.
    pub(crate) sequence: usize,
    /// Problems of an evaluation.
    pub(crate) problems: usize,
    /// `data` of the `rl` stage and what `eval` has beside its size.
    pub(crate) data: String,
    pub(crate) eval_data: String,
    /// `data` of the `pretrain` stage.
    pub(crate) corpus: String,
    /// Further lines of the `rl` stage.
    pub(crate) rl: String,
}

impl Default for Tiny {
    fn default() -> Self {
        Self {
            seed: 3,
            steps: 6,
            checkpoint_every: 2,
            context: 256,
            sequence: 32,
            problems: 8,
            data: "{ kind = \"mini-world\" }".to_owned(),
            eval_data: String::new(),
            corpus: "{ kind = \"mini-world\" }".to_owned(),
            rl: String::new(),
        }
    }
}

impl Tiny {
    /// The same with rollouts by the decode engine, of rounded weights that the loss corrects for.
    pub(crate) fn with_engine(self) -> Self {
        let rl = "rollout = { kind = \"engine\", weights = \"q8_0\" }\n\
                  importance_correction = { kind = \"truncate\" }\n";
        Self { rl: rl.to_owned(), ..self }
    }

    /// One that takes long enough to be stopped in the middle. Most of its checkpoints fall
    /// between two replacements of the reference, so that policy and reference differ.
    pub(crate) fn long() -> Self {
        Self { steps: 60, checkpoint_every: 6, ..Self::default() }
    }

    pub(crate) fn toml(&self) -> String {
        let Self { seed, steps, checkpoint_every, context, sequence, problems, .. } = self;
        let Self { data, eval_data, corpus, rl, .. } = self;
        // Either of them moves the reference.
        let replace = if rl.contains("ref_ema") { "" } else { "ref_replace_every = 4\n" };
        format!(
            r#"name = "tiny"
seed = {seed}

[model]
hidden_size = 32
num_hidden_layers = 1
num_attention_heads = 2
intermediate_size = 64
max_position_embeddings = {context}

[[stage]]
name = "base"
kind = "pretrain"
steps = {steps}
batch = 2
sequence_length = {sequence}
micro_batch = 2
checkpoint_every = {checkpoint_every}
data = {corpus}

[[stage]]
name = "reason"
kind = "rl"
preset = "r1-zero"
lr = 1e-3
steps = {steps}
group_size = 4
questions_per_step = 2
minibatches = 2
micro_batch = 4
kl_coef = 0.01
{replace}max_completion_tokens = 24
truncated_reward = -1.0
checkpoint_every = {checkpoint_every}
data = {data}
eval = {{ problems = {problems}, every = 4{eval_data} }}
{rl}"#
        )
    }

    /// Writes the recipe into `dir` and gives its path.
    pub(crate) fn write(&self, dir: &Path) -> PathBuf {
        let path = dir.join("tiny.toml");
        fs::write(&path, self.toml()).expect("written recipe");
        path
    }

    /// Runs it from start to end into `out`.
    pub(crate) fn run(&self, dir: &Path, out: &Path) -> Run {
        thinkling(start(&self.write(dir), out)).ends_with(exit::DONE)
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8 path").to_owned()
}

/// Arguments that start a run on the CPU.
pub(crate) fn start(recipe: &Path, out: &Path) -> Vec<String> {
    start_on(&["--device", "cpu", "--threads", "2"], recipe, out)
}

/// Arguments that start a run on the device that these name.
pub(crate) fn start_on(device: &[&str], recipe: &Path, out: &Path) -> Vec<String> {
    ["train".to_owned(), text(recipe), "--out".to_owned(), text(out)]
        .into_iter()
        .chain(device.iter().map(|argument| (*argument).to_owned()))
        .collect()
}

/// Arguments that go on with a run; device and threads are the run's own.
pub(crate) fn resume(run: &Path) -> Vec<String> {
    vec!["train".to_owned(), "--resume".to_owned(), text(run)]
}

/// A call of the binary that goes on while the test does something else.
pub(crate) struct Running {
    child: Child,
    call: String,
}

impl Running {
    pub(crate) fn spawn(args: Vec<String>) -> Self {
        Self::of(Command::new(binary()).args(args))
    }

    /// A call of something that starts the binary.
    pub(crate) fn of(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("the binary starts");
        Self { child, call: format!("{command:?}") }
    }

    /// Of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("a child's state").is_some()
    }

    /// Waits until `reached` holds.
    pub(crate) fn wait_until(&mut self, what: &str, reached: impl Fn() -> bool) {
        let since = Instant::now();
        while !reached() {
            assert!(!self.is_over(), "the run was over before {what}: {}", self.call);
            assert!(since.elapsed() < PATIENCE, "waited too long for {what}: {}", self.call);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends SIGKILL once `delay` is over, unless the run is over before; gives what became of it.
    pub(crate) fn kill_after(mut self, delay: Duration) -> Run {
        let since = Instant::now();
        while since.elapsed() < delay && !self.is_over() {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.kill()
    }

    pub(crate) fn kill(mut self) -> Run {
        // An error says that it is over already, which its exit code tells.
        let _ = self.child.kill();
        self.end()
    }

    /// Presses Ctrl-C.
    #[cfg(unix)]
    pub(crate) fn interrupt(self) -> Run {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().expect("kill starts");
        assert!(sent.success(), "no signal to {}", self.call);
        self.end()
    }

    pub(crate) fn end(self) -> Run {
        let out = self.child.wait_with_output().expect("the binary ends");
        Run {
            code: out.status.code(),
            stdout: String::from_utf8(out.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(out.stderr).expect("standard error is UTF-8"),
            call: self.call,
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): random moments that a failing test can repeat.
pub(crate) struct Moments(pub(crate) u64);

impl Moments {
    /// A number in `0..1`.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Runs to step 16, goes back to the last checkpoint but one and on again, which has to end the same;
/// gives the metrics of the stage `reason`, and the completions.
pub(crate) fn goes_back_and_ends_the_same(dir: &Path, tiny: &Tiny) -> (Vec<Value>, Vec<Value>) {
    let out = dir.join("run");
    tiny.run(dir, &out);
    let expected = Results::of(&out);
    assert_eq!(checkpoint_steps(&out), [14, 16]);
    fs::remove_dir_all(checkpoint(&out, 16)).expect("removed checkpoint");
    fs::remove_dir_all(out.join("stages/reason")).expect("removed output");
    fs::remove_file(out.join("evaluation-reason-000008.json")).expect("removed evaluation");
    let run = thinkling(resume(&out)).ends_with(exit::DONE);
    assert!(run.stderr.contains("going on from step 14"), "{run:#?}");
    Results::of(&out).assert_same(&expected, &format!("the run with {}", tiny.rl));
    (steps_of(&out, "reason"), json_lines(&out.join("completions.jsonl")))
}

/// The metrics of a stage.
pub(crate) fn steps_of(run: &Path, stage: &str) -> Vec<Value> {
    let all = json_lines(&run.join("metrics.jsonl"));
    all.into_iter().filter(|line| line["stage"] == stage).collect()
}

/// A file of one JSON value.
pub(crate) fn read_json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The number at a JSON pointer.
pub(crate) fn number(value: &Value, at: &str) -> f64 {
    let number = value.pointer(at).and_then(Value::as_f64);
    number.unwrap_or_else(|| panic!("no number {at} in {value}"))
}

/// The count at a JSON pointer.
pub(crate) fn count(value: &Value, at: &str) -> usize {
    let count = value.pointer(at).and_then(Value::as_u64);
    count.unwrap_or_else(|| panic!("no count {at} in {value}")) as usize
}

/// Whole lines of a file; none where there is no file.
pub(crate) fn line_count(path: &Path) -> usize {
    let bytes = fs::read(path).unwrap_or_default();
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// The objects of a file with one JSON object a line.
pub(crate) fn json_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line}")))
        .collect()
}

/// Everything a run measured and learnt that does not depend on the clock.
#[derive(PartialEq)]
pub(crate) struct Results {
    metrics: Vec<Value>,
    /// Completions, evaluations and weights, byte for byte.
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Results {
    pub(crate) fn of(run: &Path) -> Self {
        let metrics = metrics_without_clocks(run);
        let mut files = snapshot(run);
        files.retain(|path, _| {
            let name = path.to_string_lossy();
            name == "completions.jsonl"
                || name.starts_with("evaluation-")
                || name.starts_with("stages")
        });
        for stage in ["base", "reason"] {
            let weights = Path::new("stages").join(stage).join("model.safetensors");
            assert!(files.contains_key(&weights), "no {} in {:?}", weights.display(), files.keys());
        }
        assert!(files.keys().any(|path| path.to_string_lossy().starts_with("evaluation-")));
        Self { metrics, files }
    }

    pub(crate) fn metrics(&self) -> &[Value] {
        &self.metrics
    }

    pub(crate) fn file(&self, path: &str) -> &[u8] {
        &self.files[Path::new(path)]
    }

    /// Asserts that the two runs differ in nothing.
    pub(crate) fn assert_same(&self, expected: &Self, what: &str) {
        for (i, (got, expected)) in self.metrics.iter().zip(&expected.metrics).enumerate() {
            assert_eq!(got, expected, "line {} of the metrics of {what}", i + 1);
        }
        assert_eq!(self.metrics.len(), expected.metrics.len(), "lines of metrics of {what}");
        let names = |r: &Self| r.files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(self), names(expected), "files of {what}");
        for (path, bytes) in &self.files {
            assert!(*bytes == expected.files[path], "{} of {what} differs", path.display());
        }
    }
}

/// All files below a folder with their content, the lock and empty folders left out.
pub(crate) fn snapshot(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("readable folder") {
            let path = entry.expect("readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("run.lock") {
                let inner = path.strip_prefix(root).expect("a path below").to_path_buf();
                files.insert(inner, fs::read(&path).expect("readable file"));
            }
        }
    }
    files
}

/// The lines of a run's metrics without what its clocks say, which each has.
pub(crate) fn metrics_without_clocks(run: &Path) -> Vec<Value> {
    let mut metrics = json_lines(&run.join("metrics.jsonl"));
    for line in &mut metrics {
        let timing = line.as_object_mut().expect("an object").remove("timing");
        assert!(timing.is_some_and(|t| t.is_object()), "no timing in {line}");
    }
    metrics
}

/// Metrics without clocks, and files byte for byte.
pub(crate) type Written = (Vec<Value>, BTreeMap<PathBuf, Vec<u8>>);

/// What a run measured, and those of its files that `keep` names.
pub(crate) fn written(run: &Path, keep: impl Fn(&str) -> bool) -> Written {
    let mut files = snapshot(run);
    files.retain(|path, _| keep(&path.to_string_lossy()));
    (metrics_without_clocks(run), files)
}

/// Fails where two runs wrote other things.
pub(crate) fn assert_same_written(got: &Written, expected: &Written, what: &str) {
    assert_eq!(got.0, expected.0, "{what}: metrics");
    assert_eq!(got.1.keys().collect::<Vec<_>>(), expected.1.keys().collect::<Vec<_>>(), "{what}");
    for (path, bytes) in &got.1 {
        assert!(*bytes == expected.1[path], "{what}: {} differs", path.display());
    }
}

/// Steps of the finished checkpoints of a run, ascending.
pub(crate) fn checkpoint_steps(run: &Path) -> Vec<u64> {
    let names = fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
    let mut steps: Vec<u64> =
        names.filter_map(|e| e.file_name().to_str()?.strip_prefix("step-")?.parse().ok()).collect();
    steps.sort_unstable();
    steps
}

/// Folder of a run's checkpoint.
pub(crate) fn checkpoint(run: &Path, step: u64) -> PathBuf {
    run.join("checkpoints").join(format!("step-{step:06}"))
}

/// Cuts the model of a checkpoint in half.
pub(crate) fn damage(run: &Path, step: u64) {
    let path = checkpoint(run, step).join("model.safetensors");
    let bytes = fs::read(&path).expect("a model");
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("written file");
}

/// Records of the only TensorBoard file of a run (`length u64, crc u32, data, crc u32`).
pub(crate) fn event_records(run: &Path) -> usize {
    let name = |path: &PathBuf| path.to_string_lossy().starts_with("events.out.tfevents.");
    let files = snapshot(run);
    let events: Vec<_> = files.iter().filter(|(path, _)| name(path)).collect();
    assert_eq!(events.len(), 1, "event files");
    let (mut rest, mut records) = (events[0].1.as_slice(), 0);
    while let Some((head, tail)) = rest.split_at_checked(12) {
        let length = u64::from_le_bytes(head[..8].try_into().expect("8 bytes"));
        let length = usize::try_from(length).expect("a small record");
        rest = tail.get(length + 4..).expect("a whole record");
        records += 1;
    }
    assert!(rest.is_empty(), "{} bytes behind the last event", rest.len());
    records
}
