//! The `sft` stage and adapters: killed runs, what they write, what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling, workspace_file};

use crate::kills::killed_in_each_stage;
use crate::runs::{
    Written, assert_same_written, checkpoint, checkpoint_steps, json_lines, resume, snapshot,
    start, steps_of, written,
};
use crate::small_disk::SmallDisk;

fn data() -> String {
    (0..24)
        .map(|i| {
            let (a, b) = (i % 5 + 1, i % 4 + 1);
            let sum = a + b;
            format!(
                "{{\"prompt\":\"{a}+{b}=?\",\"completion\":\"<think>{a}+{b}={sum}</think>\
                 <answer>{sum}</answer>\"}}\n"
            )
        })
        .collect()
}

/// A new model; then all of its weights, and then adapters, learn the same data; then adapters
/// learn by reinforcement, with what lies under them as reference until it is replaced.
const RECIPE: &str = r#"name = "sft"
seed = 5

[model]
hidden_size = 32
num_hidden_layers = 1
num_attention_heads = 2
intermediate_size = 64
max_position_embeddings = 256

[[stage]]
name = "full"
kind = "sft"
template = "r1-zero"
lr = 1e-2
epochs = 12
batch = 2
max_tokens = 64
micro_batch = 1
checkpoint_every = 3
data = { kind = "jsonl", path = "sums.jsonl" }
eval = { share = 0.2, every = 5 }

[[stage]]
name = "adapted"
kind = "sft"
template = "r1-zero"
lora = { rank = 4, alpha = 8, targets = ["q", "v", "down_proj"] }
lr = 1e-2
steps = 30
batch = 2
max_tokens = 64
checkpoint_every = 3
data = { kind = "jsonl", path = "sums.jsonl" }

[[stage]]
name = "rl"
kind = "rl"
preset = "r1-zero"
lora = { rank = 4, alpha = 8 }
lr = 1e-2
steps = 16
group_size = 4
questions_per_step = 2
minibatches = 2
kl_coef = 0.01
ref_replace_every = 6
max_completion_tokens = 24
truncated_reward = -1.0
checkpoint_every = 4
data = { kind = "mini-world" }
"#;

fn write(dir: &Path, recipe: &str) -> PathBuf {
    fs::write(dir.join("sums.jsonl"), data()).expect("written data");
    let path = dir.join("sft.toml");
    fs::write(&path, recipe).expect("written recipe");
    path
}

/// What a run learnt, without its own path.
fn results(run: &Path) -> Written {
    written(run, |name| {
        let learnt = name.starts_with("stages") || name.starts_with("evaluation-");
        (learnt || name == "completions.jsonl") && !name.ends_with("adapter_config.json")
    })
}

#[test]
fn killed_supervised_and_adapted_stages_end_bit_for_bit_as_the_uninterrupted_ones() {
    let dir = tempdir().expect("temporary folder");
    let recipe = write(dir.path(), RECIPE);
    let whole = dir.path().join("whole");
    let _ = thinkling(start(&recipe, &whole)).ends_with(exit::DONE);

    let full = steps_of(&whole, "full");
    let loss = |line: &Value| line["loss"].as_f64().expect("a loss");
    let (first, last) = (loss(&full[0]), loss(full.last().expect("steps")));
    assert!(last < 0.5 * first, "the loss should fall: {first} to {last}");
    let held_out = |line: &Value| line["eval_loss"].as_f64();
    assert!(held_out(&full[4]).is_some() && held_out(&full[3]).is_none(), "every fifth step");
    assert!(full.iter().any(|line| line["eval_token_accuracy"].as_f64() > Some(0.3)));
    let counts: Value =
        serde_json::from_slice(&fs::read(whole.join("examples-full.json")).expect("counts"))
            .expect("JSON");
    assert_eq!(counts["steps"].as_u64(), Some(full.len() as u64), "{counts}");
    assert_eq!(steps_of(&whole, "adapted").len(), 30);
    // The run's steps go on counting where the data said how many there were.
    let total = full.len() as u64 + 30 + 16;
    let last = json_lines(&whole.join("metrics.jsonl")).pop().expect("a step");
    assert_eq!(last["step"].as_u64(), Some(total));

    let out = dir.path().join("killed");
    let run = killed_in_each_stage(&recipe, &out, &[("full", 4), ("adapted", 5), ("rl", 3)]);
    assert!(run.stderr.contains("going on from step"), "{run:#?}");
    assert_same_written(&results(&out), &results(&whole), "resumed");
}

#[test]
fn an_adapted_stage_writes_its_adapter_and_the_merged_model() {
    let dir = tempdir().expect("temporary folder");
    let recipe = write(dir.path(), RECIPE);
    let out = dir.path().join("run");
    let _ = thinkling(start(&recipe, &out)).ends_with(exit::DONE);
    let stages = out.join("stages");
    assert!(!stages.join("full/adapter").exists(), "all weights were trained");
    let config = fs::read(stages.join("adapted/adapter/adapter_config.json")).expect("a config");
    let config: Value = serde_json::from_slice(&config).expect("JSON");
    assert_eq!((config["r"].as_u64(), config["lora_alpha"].as_u64()), (Some(4), Some(8)));
    assert_eq!(config["target_modules"], serde_json::json!(["q_proj", "v_proj", "down_proj"]));
    let base = config["base_model_name_or_path"].as_str().expect("a path");
    assert!(Path::new(base).ends_with("stages/full"), "{base}");
    // Checkpoints of the last stage hold adapters alone.
    let last = *checkpoint_steps(&out).last().expect("a checkpoint");
    let kept = snapshot(&checkpoint(&out, last));
    assert!(kept.contains_key(Path::new("adapter_model.safetensors")), "{:?}", kept.keys());
    assert!(!kept.contains_key(Path::new("model.safetensors")), "{:?}", kept.keys());
    assert!(kept.contains_key(Path::new("reference_adapter.safetensors")), "{:?}", kept.keys());
    // The adapter on what it was trained beside is what the stage wrote.
    let merged = dir.path().join("merged");
    let text = |path: &Path| path.to_str().expect("UTF-8 path").to_owned();
    let call = ["export", "--model", base, "--adapter", &text(&stages.join("adapted/adapter"))];
    let call = call.map(str::to_owned).into_iter().chain(["--out".to_owned(), text(&merged)]);
    let _ = thinkling(call.collect::<Vec<_>>()).ends_with(exit::DONE);
    let weights = |folder: &Path| fs::read(folder.join("model.safetensors")).expect("weights");
    assert!(weights(&merged) == weights(&stages.join("adapted")), "merged weights differ");
    assert!(weights(&merged) != weights(&stages.join("full")), "the adapter changes nothing");
}

#[test]
fn a_dry_run_tells_examples_tokens_and_how_full_sequences_are() {
    let dir = tempdir().expect("temporary folder");
    let recipe = write(dir.path(), RECIPE);
    let call = ["train", recipe.to_str().expect("UTF-8 path"), "--dry-run"];
    let run = thinkling(call).ends_with(exit::DONE);
    for words in ["stage `full`: ", " examples of ", " learnt; ", "% full", "held out"] {
        assert!(run.stderr.contains(words), "no `{words}` in {run:#?}");
    }
    assert!(run.stdout.contains("rank = 4"), "{run:#?}");
}

#[test]
fn a_damaged_line_is_named_before_anything_runs_and_can_be_skipped() {
    let dir = tempdir().expect("temporary folder");
    let recipe = write(dir.path(), RECIPE);
    fs::write(dir.path().join("sums.jsonl"), data() + "{\"prompt\":\"2+2=?\"}\n").expect("written");
    let out = dir.path().join("run");
    let run = thinkling(start(&recipe, &out)).ends_with(exit::BAD_INPUT);
    for words in ["sums.jsonl:25: ", "field `completion`"] {
        assert!(run.stderr.contains(words), "no `{words}` in {run:#?}");
    }
    assert!(!out.exists(), "nothing has begun");
    let mut call = start(&recipe, &out);
    for set in ["full.skip_bad=true", "full.steps=1", "adapted.skip_bad=true", "adapted.steps=1"] {
        call.extend(["--set".to_owned(), format!("stage.{set}")]);
    }
    call.extend(["--set".to_owned(), "stage.rl.steps=1".to_owned()]);
    let run = thinkling(call).ends_with(exit::DONE);
    assert!(run.stderr.contains("1 bad lines passed over"), "{run:#?}");
}

#[test]
fn a_full_disk_leaves_the_last_checkpoint_of_the_stage() {
    let dir = tempdir().expect("temporary folder");
    let disk = dir.path().join("disk");
    fs::create_dir(&disk).expect("folder");
    // One checkpoint takes 180 kB, two do not fit.
    let Some(mounted) = SmallDisk::mount(&disk, "size=300k") else {
        println!("skipped: no small file system can be mounted here (it takes root on Linux)");
        return;
    };
    // The first stage alone.
    let (first, _) = RECIPE.split_once("[[stage]]\nname = \"adapted\"").expect("two stages");
    let recipe = write(dir.path(), first);
    let out = disk.join("run");
    let run = thinkling(start(&recipe, &out)).ends_with(exit::FAILED);
    run.complains_about(&["no space left", out.to_str().expect("UTF-8 path"), "--resume"]);
    assert_eq!(checkpoint_steps(&out), [3]);
    assert!(!out.join("stages/full").exists(), "no model is half written");

    mounted.resize("8m");
    let run = thinkling(resume(&out)).ends_with(exit::DONE);
    assert!(run.stderr.contains("going on from step 3"), "{run:#?}");
    let whole = dir.path().join("whole");
    let _ = thinkling(start(&recipe, &whole)).ends_with(exit::DONE);
    let (got, expected) = (results(&out), results(&whole));
    assert_same_written(&got, &expected, "the run that had a full disk");
}

#[test]
fn a_parquet_file_is_learnt_as_the_same_lines_are() {
    let dir = tempdir().expect("temporary folder");
    let lines: String = [
        ("What is 2 + 3?", "2 + 3 = 5", 5),
        ("What is 7 - 4?", "7 - 4 = 3", 3),
        ("What is 6 + 1?", "6 + 1 = 7", 7),
    ]
    .iter()
    .map(|(question, thought, number)| {
        let answer = format!("<think> {thought} </think> <answer> {number} </answer>");
        format!("{}\n", serde_json::json!({"prompt": question, "completion": answer}))
    })
    .collect();
    fs::write(dir.path().join("lines"), lines).expect("written data");
    for (name, copy) in [("messages.snappy", "messages"), ("pairs", "pairs")] {
        let from = workspace_file(&format!("tests/golden/data/{name}.parquet"));
        fs::copy(from, dir.path().join(copy)).expect("copied data");
    }
    let (first, _) = RECIPE.split_once("[[stage]]\nname = \"adapted\"").expect("two stages");
    let (first, _) = first.split_once("eval = ").expect("a held-out share");
    let runs = ["lines", "messages", "pairs"].map(|file| {
        // What it is shows in its first bytes.
        let recipe = write(dir.path(), &first.replace("sums.jsonl", file));
        let out = dir.path().join(format!("run-{file}"));
        let _ = thinkling(start(&recipe, &out)).ends_with(exit::DONE);
        fs::read(out.join("stages/full/model.safetensors")).expect("weights")
    });
    assert!(runs[0] == runs[1] && runs[0] == runs[2], "the same conversations");

    let whole = fs::read(dir.path().join("pairs")).expect("readable");
    fs::write(dir.path().join("cut"), &whole[..whole.len() / 2]).expect("written data");
    let recipe = write(dir.path(), &first.replace("sums.jsonl", "cut"));
    let run = thinkling(start(&recipe, &dir.path().join("cut-run"))).ends_with(exit::BAD_INPUT);
    run.complains_about(&["cut: ", "damaged Parquet file"]);
}
