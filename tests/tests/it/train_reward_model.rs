//! The `reward-model` stage and rewards by its models: what they learn and write, killed runs, the step
//! at which a reward joins, what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling, workspace_file};

use crate::kills::killed_in_each_stage;
use crate::runs::{
    Moments, Written, assert_same_written, json_lines, number, read_json, start, steps_of, written,
};

/// Prompts, each with three examples.
const PROMPTS: usize = 60;
/// Steps of the `rl` stage, and those at its end in which the preference counts.
const RL_STEPS: usize = 6;
const LAST_STEPS: usize = 3;

/// Summaries of which the plain one is better. The thoughts before them say nothing: either word
/// stands in them by chance.
fn pairs() -> String {
    let mut chance = Moments(7);
    let mut line = |i: usize| {
        let (a, b) = (i % PROMPTS, i % 7);
        let mut thought = || if chance.next() < 0.5 { "The answer is" } else { "Maybe" };
        let mut response = |word: &str| {
            format!("<think>{a}+{b}, {} {}</think> {word} {}", thought(), a + b, a + b)
        };
        let (chosen, rejected) = (response("The answer is"), response("Maybe"));
        let prompt = format!("What is {a} + {}?", a % 7);
        json!({"prompt": prompt, "chosen": chosen, "rejected": rejected}).to_string() + "\n"
    };
    (0..3 * PROMPTS).map(&mut line).collect()
}

/// Responses that are bad where their thought guesses.
fn labels() -> String {
    let line = |i: usize| {
        let (a, good) = (i % PROMPTS, !i.is_multiple_of(3));
        let thought = if good { "First" } else { "I guess" };
        let response = format!("<think>{thought} {a}</think> <answer>{a}</answer>");
        let label = if good { json!("safe") } else { json!(0) };
        json!({"prompt": format!("What is {a} + 0?"), "response": response, "label": label})
            .to_string()
            + "\n"
    };
    (0..3 * PROMPTS).map(line).collect()
}

/// A model of pairs by adapters, one of labels by all weights, and a stage that is rewarded by both.
fn recipe(dir: &Path) -> PathBuf {
    let base = workspace_file("recipes/mini-world-base");
    let text = format!(
        r#"name = "judged"
seed = 5

[model]
path = {base:?}

[[stage]]
name = "helpful"
kind = "reward-model"
objective = "pairwise"
template = "r1-zero"
lora = {{ rank = 8, alpha = 16 }}
lr = 3e-3
epochs = 2
batch = 8
checkpoint_every = 5
data = {{ kind = "jsonl", path = "pairs.jsonl" }}
eval = {{ share = 0.2, every = 20 }}

[[stage]]
name = "safe"
kind = "reward-model"
objective = "pointwise"
template = "r1-zero"
lr = 1e-3
steps = 24
batch = 8
checkpoint_every = 5
data = [{{ kind = "jsonl", path = "labels.jsonl", format = "labels" }}]

[[stage]]
name = "rl"
kind = "rl"
preset = "all-scenarios"
lr = 1e-4
steps = {RL_STEPS}
group_size = 4
questions_per_step = 2
minibatches = 1
kl_coef = 0.01
max_completion_tokens = 48
checkpoint_every = 2
data = {{ kind = "mini-world" }}

[stage.rewards]
preference = {{ model = "stage:helpful", weight = 0.5, clip = [-2, 2], last_steps = {LAST_STEPS} }}
safety = {{ model = "stage:safe", last_steps = 0 }}
"#
    );
    fs::write(dir.join("pairs.jsonl"), pairs()).expect("written pairs");
    fs::write(dir.join("labels.jsonl"), labels()).expect("written labels");
    let path = dir.join("judged.toml");
    fs::write(&path, text).expect("written recipe");
    path
}

/// What a run wrote and learnt, without its own path.
fn results(run: &Path) -> Written {
    written(run, |name| {
        let learnt = ["stages", "evaluation-", "examples-", "completions.jsonl"];
        learnt.iter().any(|start| name.starts_with(start)) && !name.ends_with("adapter_config.json")
    })
}

/// The stage tells nearly all held-out examples, and told few before.
fn check_learnt(run: &Path, stage: &str) {
    let steps = steps_of(run, stage).len();
    let at = |step: usize| read_json(&run.join(format!("evaluation-{stage}-{step:06}.json")));
    let (before, after) = (at(0), at(steps));
    let (was, is) = (number(&before, "/accuracy/value"), number(&after, "/accuracy/value"));
    assert!(was < 0.9 && is > 0.95, "{stage}: {was} to {is}");
    assert!(number(&after, "/accuracy/low") <= is && is <= number(&after, "/accuracy/high"));
    assert!(number(&after, "/loss") < 0.5 * number(&before, "/loss"), "{before} {after}");
    let bins = after["calibration"]["bins"].as_array().expect("bins");
    let counted: f64 = bins.iter().map(|bin| number(bin, "/count")).sum();
    assert_eq!((bins.len(), counted), (10, number(&after, "/examples")), "{after}");
    assert!(number(&after, "/calibration/expected_error") < 0.25, "{after}");
    let counts = read_json(&run.join(format!("examples-{stage}.json")));
    assert_eq!(number(&counts, "/held_out"), counted);
    assert_eq!(number(&counts, "/examples") + counted, 3.0 * PROMPTS as f64);
    // All examples of a prompt are on one side.
    assert_eq!(number(&counts, "/held_out") % 3.0, 0.0, "{counts}");
}

#[test]
fn reward_models_learn_and_rewards_by_them_join_when_they_should_whatever_is_killed() {
    let dir = tempdir().expect("temporary folder");
    let recipe = recipe(dir.path());
    let whole = dir.path().join("whole");
    let run = thinkling(start(&recipe, &whole)).ends_with(exit::DONE);
    for words in ["held out, step 0: accuracy", "confidence", "calibration error"] {
        assert!(run.stderr.contains(words), "no `{words}` in {run:#?}");
    }
    check_learnt(&whole, "helpful");
    check_learnt(&whole, "safe");
    assert!(steps_of(&whole, "helpful").iter().any(|s| s["eval_calibration_error"].is_number()));

    let rl = steps_of(&whole, "rl");
    assert_eq!(rl.len(), RL_STEPS);
    for (i, line) in rl.iter().enumerate() {
        let joined = i >= RL_STEPS - LAST_STEPS;
        assert_eq!(line["reward/preference"].is_number(), joined, "step {}: {line}", i + 1);
        assert_eq!(line["reward/preference_clipped"].is_number(), joined, "{line}");
        let safety = number(line, "/reward~1safety");
        assert!((0.0..=1.0).contains(&safety), "a probability: {line}");
        assert!(line["reward/language"].is_number(), "the preset's own: {line}");
    }
    let from = format!("`preference` counts from step {} ", RL_STEPS - LAST_STEPS + 1);
    assert!(run.stderr.contains(&from), "no `{from}` in {run:#?}");
    // Each component is a part of its completion's reward.
    let rows = json_lines(&whole.join("completions.jsonl"));
    let with = |row: &&Value| row.to_string().contains("\"preference\"");
    assert_eq!(rows.iter().filter(with).count(), 8 * LAST_STEPS);
    for row in &rows {
        let parts = row["record"]["components"].as_array().expect("components");
        let sum: f64 = parts.iter().map(|p| number(p, "/value") * number(p, "/weight")).sum();
        assert!((sum - number(row, "/reward")).abs() < 1e-9, "{row}");
    }

    let out = dir.path().join("killed");
    let run =
        killed_in_each_stage(&recipe, &out, &[("helpful", 12), ("safe", 9), ("rl", RL_STEPS - 1)]);
    assert!(run.stderr.contains("going on from step"), "{run:#?}");
    assert_same_written(&results(&out), &results(&whole), "resumed");

    // What is written names itself as transformers and `peft` do, and writes no text.
    let helpful = whole.join("stages/helpful");
    let config = read_json(&helpful.join("config.json"));
    assert_eq!(config["architectures"], json!(["LlamaForSequenceClassification"]));
    assert_eq!(config["id2label"].as_object().map(|names| names.len()), Some(1));
    let has = |path: &Path, name: &str| {
        let bytes = fs::read(path).expect("weights");
        bytes.windows(name.len()).any(|window| window == name.as_bytes())
    };
    assert!(has(&helpful.join("model.safetensors"), "\"score.weight\""));
    let adapter = helpful.join("adapter");
    assert!(has(&adapter.join("adapter_model.safetensors"), "base_model.model.score.weight"));
    assert_eq!(read_json(&adapter.join("adapter_config.json"))["task_type"], "SEQ_CLS");
    assert!(!whole.join("stages/safe/adapter").exists(), "all weights were trained");
    let model = helpful.to_str().expect("UTF-8 path");
    thinkling(["generate", "--model", model, "--prompt", "1+1?"])
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["is a reward model", "a language model"]);
    // A later recipe names the folder.
    let later = dir.path().join("later.toml");
    let text = fs::read_to_string(&recipe).expect("the recipe");
    let (head, rest) = text.split_once("[[stage]]").expect("stages");
    let rl = rest.rsplit_once("[[stage]]").expect("stages").1;
    let rl = rl.replace("stage:helpful", model).replace("stage:safe", model);
    fs::write(&later, format!("{head}[[stage]]{rl}")).expect("written recipe");
    let alone = dir.path().join("alone");
    let mut call = start(&later, &alone);
    call.extend(["--set", "stage.rl.steps=1"].map(str::to_owned));
    let _ = thinkling(call).ends_with(exit::DONE);
    let first = &steps_of(&alone, "rl")[0];
    assert!(first["reward/preference"].is_number(), "all of the stage is its end: {first}");
}

#[test]
fn wrong_keys_models_and_lines_are_named_before_anything_runs() {
    let dir = tempdir().expect("temporary folder");
    let path = recipe(dir.path());
    let out = dir.path().join("run");
    let refused = |set: &str, code: i32, words: &[&str]| {
        let mut call = start(&path, &out);
        call.extend(["--set".to_owned(), set.to_owned()]);
        thinkling(call).ends_with(code).complains_about(words);
        assert!(!out.exists(), "nothing has begun");
    };
    let wrong = exit::WRONG_CALL;
    refused("stage.helpful.objectiv=1", wrong, &["nearest known key: `objective`"]);
    refused("stage.helpful.objective=listwise", wrong, &["pairwise", "pointwise"]);
    refused("stage.helpful.read=thought", wrong, &["summary", "response"]);
    refused("stage.helpful.eval.share=0", wrong, &["stage.helpful.eval.share"]);
    refused("stage.rl.rewards.preference.last_step=1", wrong, &["last_steps"]);
    refused("stage.rl.rewards.preference.model=stage:safer", wrong, &["helpful, safe"]);
    refused("stage.rl.model.path=stage:safe", wrong, &["not a reward model"]);
    let base = workspace_file("recipes/mini-world-base");
    let base = format!("stage.rl.rewards.safety.model={}", base.display());
    refused(&base, exit::BAD_INPUT, &["without the head of a reward model"]);
    refused("stage.safe.data=[{kind=\"jsonl\",path=\"none.jsonl\"}]", wrong, &["none.jsonl"]);
    refused("stage.helpful.objective=pointwise", exit::BAD_INPUT, &["pairs.jsonl:1", "a pair"]);
    let damaged = pairs() + "{\"prompt\":\"1\",\"chosen\":\"2\"}\n";
    fs::write(dir.path().join("pairs.jsonl"), damaged).expect("written");
    let place = format!("pairs.jsonl:{}", 3 * PROMPTS + 1);
    refused("seed=1", exit::BAD_INPUT, &[&place, "field `rejected`"]);
}

#[test]
fn a_dry_run_tells_examples_and_steps() {
    let dir = tempdir().expect("temporary folder");
    let path = recipe(dir.path());
    let call = ["train", path.to_str().expect("UTF-8 path"), "--dry-run"];
    let run = thinkling(call).ends_with(exit::DONE);
    for words in ["stage `helpful`: ", "stage `safe`: ", " held out; 24 steps"] {
        assert!(run.stderr.contains(words), "no `{words}` in {run:#?}");
    }
    assert!(run.stdout.contains("read = \"summary\""), "{run:#?}");
    assert!(run.stdout.contains("model = \"stage:helpful\""), "{run:#?}");
}
