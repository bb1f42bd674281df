//! A recipe of several stages that feed each other, killed at random moments, within stages and between
//! them: it ends bit for bit as the uninterrupted run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling, workspace_file};

use crate::runs::{
    Moments, Running, Written, assert_same_written, checkpoint_steps, resume, snapshot, start,
    written,
};

/// Everything that a stage leaves for the one after it: weights, answers, examples. The two RL stages
/// have state of their own beside these: a curriculum each, two sources, a reference.
fn recipe(dir: &Path) -> PathBuf {
    let base = workspace_file("recipes/nano-base");
    let text = format!(
        r#"name = "pipeline"
seed = 9

[model]
path = {base:?}

[[stage]]
name = "zero"
kind = "rl"
preset = "r1-zero"
lr = 1e-4
steps = 16
group_size = 4
questions_per_step = 4
minibatches = 2
inner_epochs = 2
max_completion_tokens = 48
truncated_reward = -0.5
ref_replace_every = 6
entropy_coef = 0.01
checkpoint_every = 4
curriculum = {{ by = "level", steps = 12 }}
data = {{ kind = "mini-world", sums = [0.4, 0.4, 0.2, 0, 0], countdown = 0 }}
eval = {{ problems = 16, every = 8 }}

[[stage]]
name = "good"
kind = "rejection-sampling"
samples = 4
problems = 100
max_completion_tokens = 48
filters = {{ format = "off", min_language = 0 }}
data = {{ kind = "mini-world", sums = [1, 0, 0, 0, 0], countdown = 0 }}

[[stage]]
name = "learn"
kind = "sft"
template = "r1-zero"
model.path = {base:?}
lr = 1e-4
steps = 10
batch = 2
max_tokens = 128
checkpoint_every = 3
data = {{ kind = "stage", name = "good" }}

[[stage]]
name = "again"
kind = "rl"
preset = "reasoning"
lr = 1e-4
steps = 12
group_size = 4
questions_per_step = 4
minibatches = 1
max_completion_tokens = 48
truncated_reward = -0.5
ref_ema = 0.9
checkpoint_every = 4
curriculum = {{ by = "pass-rate", low = 0.2, high = 0.8, outside = 0.2 }}
data = [
    {{ kind = "mini-world", sums = [0.5, 0.5, 0, 0, 0], countdown = 0, weight = 3 }},
    {{ kind = "jsonl", path = "few.jsonl", rewards = {{ accuracy = {{ weight = 2 }} }} }},
]
eval = {{ problems = 8, data = [
    {{ kind = "mini-world", sums = [0.5, 0.5, 0, 0, 0], countdown = 0 }},
    {{ kind = "jsonl", path = "other.jsonl", name = "few" }},
] }}
"#
    );
    let questions = |first: u32| -> String {
        let line = |i: u32| {
            let (a, b) = (first + i, 3 + i % 5);
            format!("{{\"question\":\"{a}+{b}=?\",\"answer\":\"{}\",\"language\":\"en\"}}\n", a + b)
        };
        (0..6).map(line).collect()
    };
    fs::write(dir.join("few.jsonl"), questions(2)).expect("written questions");
    fs::write(dir.join("other.jsonl"), questions(11)).expect("written questions");
    let path = dir.join("pipeline.toml");
    fs::write(&path, text).expect("written recipe");
    path
}

/// All that does not depend on the clock, but for checkpoints, of which a finished run keeps the last.
fn results(run: &Path) -> Written {
    written(run, |name| {
        ["stages", "good", "examples", "evaluation", "completions"]
            .iter()
            .any(|kept| name.starts_with(kept))
    })
}

#[test]
fn a_pipeline_killed_within_and_between_stages_ends_as_the_uninterrupted_one() {
    /// Kills at random moments of each run, after those between stages.
    const KILLS: usize = 5;
    let dir = tempdir().expect("temporary folder");
    let recipe = recipe(dir.path());
    let whole = dir.path().join("whole");
    let since = Instant::now();
    let _ = thinkling(start(&recipe, &whole)).ends_with(exit::DONE);
    let took = since.elapsed();
    let expected = results(&whole);
    let stages = ["zero", "learn", "again"];
    for file in stages.map(|stage| format!("stages/{stage}/model.safetensors")) {
        assert!(expected.1.contains_key(Path::new(&file)), "no {file}");
    }
    // What the next stage waits for.
    let ends = ["stages/zero/config.json", "good-counts.json", "stages/learn/config.json"];
    let (mut killed, mut between, mut from_checkpoint) = (0, 0, 0);
    for seed in [1, 2] {
        let mut moments = Moments(seed);
        let out = dir.path().join(format!("killed-{seed}"));
        let call = || {
            // A run that was killed before it had a recipe has not begun.
            let begun = out.join("recipe.toml").exists();
            if begun { resume(&out) } else { start(&recipe, &out) }
        };
        for end in ends {
            let mut running = Running::spawn(call());
            running.wait_until(end, || out.join(end).exists());
            let run = running.kill();
            assert!(!run.stderr.contains("panicked at"), "a panic in {run:#?}");
            between += usize::from(run.code.is_none());
            // And once more at any moment from there on.
            let run = Running::spawn(call()).kill_after(took.mul_f64(0.2 * moments.next()));
            assert!(!run.stderr.contains("panicked at"), "a panic in {run:#?}");
            killed += usize::from(run.code.is_none());
        }
        for kill in 0..KILLS {
            let run = Running::spawn(call()).kill_after(took.mul_f64(0.15 * moments.next()));
            println!("seed {seed}: kill {kill}, code {:?}", run.code);
            assert!(!run.stderr.contains("panicked at"), "a panic in {run:#?}");
            from_checkpoint += usize::from(run.stderr.contains("going on from step"));
            killed += usize::from(run.code.is_none());
        }
        let _ = thinkling(call()).ends_with(exit::DONE);
        assert_same_written(&results(&out), &expected, &format!("seed {seed}"));
        assert_eq!(checkpoint_steps(&out), checkpoint_steps(&whole));
        assert!(!snapshot(&out).keys().any(|p| p.to_string_lossy().contains(".tmp-")));
    }
    println!(
        "{between} kills between stages, {killed} within, {from_checkpoint} from a checkpoint"
    );
    assert_eq!(between, 2 * ends.len(), "a stage was over before its end was seen");
    assert!(killed >= 4, "the kills came too late");
}
