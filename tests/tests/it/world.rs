//! The grown mini world: its records on the command line and as data of stages.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling};

use crate::kills::killed_in_each_stage;
use crate::runs::{assert_same_written, json_lines, start, written};

/// Every kind of stage that takes the grown world's data, with a model of 20,000 weights.
const RECIPE: &str = r#"name = "grown"
seed = 4

[model]
tokenizer = "grown-world"
hidden_size = 32
num_hidden_layers = 1
num_attention_heads = 2
intermediate_size = 64
max_position_embeddings = 256

[[stage]]
name = "base"
kind = "pretrain"
steps = 80
batch = 2
sequence_length = 64
checkpoint_every = 6
data = { kind = "grown-world", tries = 0.2, mix = { countdown = 1 } }

[[stage]]
name = "replies"
kind = "sft"
template = "r1-zero"
lr = 1e-3
steps = 80
batch = 2
max_tokens = 128
checkpoint_every = 6
data = [
  { kind = "grown-world", set = "readable-replies", count = 60, weight = 0.5 },
  { kind = "grown-world", set = "request-replies", count = 60 },
]
eval = { share = 0.2, every = 7 }

[[stage]]
name = "rl"
kind = "rl"
preset = "r1-zero"
lr = 1e-3
steps = 40
group_size = 4
questions_per_step = 2
minibatches = 2
max_completion_tokens = 16
truncated_reward = -1.0
checkpoint_every = 6
data = { kind = "grown-world", set = "requests" }
eval = { problems = 6, data = { kind = "grown-world", set = "harmful" } }
"#;

#[test]
fn killed_stages_on_generated_data_end_bit_for_bit_as_the_uninterrupted_ones() {
    let dir = tempdir().expect("temporary folder");
    let recipe = dir.path().join("grown.toml");
    fs::write(&recipe, RECIPE).expect("written recipe");
    let whole = dir.path().join("whole");
    let _ = thinkling(start(&recipe, &whole)).ends_with(exit::DONE);
    let out = dir.path().join("killed");
    let _ = killed_in_each_stage(&recipe, &out, &[("base", 6), ("replies", 6), ("rl", 3)]);
    let results = |run: &Path| {
        written(run, |name| {
            name.starts_with("stages")
                || name.starts_with("evaluation-")
                || name == "completions.jsonl"
        })
    };
    assert_same_written(&results(&out), &results(&whole), "resumed");
    let asked = json_lines(&whole.join("completions.jsonl"));
    assert!(asked.iter().all(|line| line["level"] != "countdown"), "requests are asked alone");
}

fn records(arguments: &[&str]) -> Vec<Value> {
    let run = thinkling(["world"].iter().chain(arguments)).ends_with(exit::DONE);
    run.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn records_have_their_fields_and_what_is_held_out_shares_no_prompt_with_the_rest() {
    for (set, prompt, fields) in [
        ("reasoning", "question", ["task", "level"]),
        ("requests", "question", ["task", "language"]),
        ("harmful", "question", ["task", "language"]),
        ("readable-replies", "prompt", ["completion", "completion"]),
        ("request-replies", "prompt", ["completion", "completion"]),
        ("refusals", "prompt", ["completion", "completion"]),
        ("preferences", "prompt", ["chosen", "rejected"]),
        ("harmless", "prompt", ["response", "label"]),
    ] {
        let trained = records(&[set, "--count", "60", "--seed", "3"]);
        let held_out = records(&[set, "--count", "60", "--held-out"]);
        assert_eq!((trained.len(), held_out.len()), (60, 60), "{set}");
        let prompts = |records: &[Value]| -> BTreeSet<String> {
            let text = |record: &Value| record[prompt].as_str().expect("a prompt").to_owned();
            records.iter().map(text).collect()
        };
        assert!(prompts(&trained).is_disjoint(&prompts(&held_out)), "{set}");
        assert!(trained.iter().all(|r| fields.iter().all(|f| !r[f].is_null())), "{set}");
        assert_eq!(trained, records(&[set, "--count", "60", "--seed", "3"]), "{set}");
    }
}

#[test]
fn a_written_set_is_measured_as_the_word_for_it_is() {
    let dir = tempdir().expect("temporary folder");
    let recipe = dir.path().join("grown.toml");
    let base: String = RECIPE.split("[[stage]]\nname = \"replies\"").take(1).collect();
    fs::write(&recipe, base).expect("written recipe");
    let out = dir.path().join("run");
    let _ = thinkling(start(&recipe, &out)).ends_with(exit::DONE);
    let model = out.join("stages/base");
    let model = model.to_str().expect("UTF-8 path");
    let eval = |data: &str| {
        let call = ["eval", "--model", model, "--data", data, "--template", "r1-zero", "--limit"];
        let call = call.into_iter().chain(["20", "--samples", "2", "--max-tokens", "12", "--json"]);
        let here = dir.path().join(data.rsplit('/').next().unwrap_or_default());
        let here = here.with_extension("folder");
        let call = call.chain(["--device", "cpu", "--out", here.to_str().expect("UTF-8 path")]);
        let run = thinkling(call).ends_with(exit::DONE);
        let mut report: Value = serde_json::from_str(&run.stdout).expect("JSON");
        report["mean_tokens"].take()
    };
    let file = dir.path().join("written.jsonl");
    let file = file.to_str().expect("UTF-8 path");
    let call = ["world", "harmful", "--held-out", "--count", "20", "--out", file];
    let _ = thinkling(call.into_iter().chain(["--seed", "20250122"])).ends_with(exit::DONE);
    assert_eq!(eval("grown-world-harmful"), eval(file));
}
