//! The `rejection-sampling` stage: what it writes, killed and stopped runs, what is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling, workspace_file};

use crate::kills::{Asking, assert_killed_enough};
use crate::runs::{
    Running, Written, assert_same_written, count, json_lines, line_count, read_json, resume,
    snapshot, start, written,
};
use crate::small_disk::SmallDisk;

const PROBLEMS: usize = 150;
const ANSWERS: usize = 8 * PROBLEMS;

/// Answers of the mini world's base model become the examples that a second stage learns.
fn recipe(dir: &Path) -> PathBuf {
    let base = workspace_file("recipes/mini-world-base");
    let text = format!(
        r#"name = "rejection"
seed = 5

[model]
path = {base:?}

[[stage]]
name = "good"
kind = "rejection-sampling"
samples = 8
problems = {PROBLEMS}
max_completion_tokens = 64
keep_per_prompt = 2
keep = "shortest"
filters = {{ min_language = 0.8 }}
decontaminate = {{ files = ["held-out.jsonl"] }}
mix = [{{ path = "other.jsonl", share = 0.1 }}]
data = {{ kind = "mini-world" }}

[[stage]]
name = "learn"
kind = "sft"
template = "r1-zero"
lr = 1e-4
steps = 6
batch = 2
max_tokens = 128
checkpoint_every = 2
data = {{ kind = "stage", name = "good" }}
"#
    );
    let held_out = "{\"question\":\"What is 1000 + 1000?\",\"answer\":\"#### 2000\"}\n";
    let other: String = (0..60)
        .map(|i| format!("{{\"prompt\":\"{i} = ?\",\"completion\":\"<think>{i}</think>\"}}\n"))
        .collect();
    fs::write(dir.join("held-out.jsonl"), held_out).expect("written problems");
    fs::write(dir.join("other.jsonl"), other).expect("written conversations");
    let path = dir.join("rejection.toml");
    fs::write(&path, text).expect("written recipe");
    path
}

/// Adds a question that the stage would keep answers to, in capitals, to the evaluation's.
fn hold_out(recipe: &Path, dir: &Path) -> String {
    let probe = dir.join("probe");
    let mut call = start(recipe, &probe);
    for set in ["good.problems=20", "learn.steps=1"] {
        call.extend(["--set".to_owned(), format!("stage.{set}")]);
    }
    let _ = thinkling(call).ends_with(exit::DONE);
    let example = json_lines(&probe.join("good.jsonl")).swap_remove(1);
    let question = example["messages"][0]["content"].as_str().expect("a question").to_owned();
    let line = serde_json::json!({"question": question.to_uppercase(), "answer": "#### 1"});
    fs::write(dir.join("held-out.jsonl"), format!("{line}\n")).expect("written problems");
    question
}

fn answers(run: &Path) -> usize {
    line_count(&run.join("good.answers.jsonl"))
}

/// What a run wrote and learnt.
fn results(run: &Path) -> Written {
    written(run, |name| {
        name.starts_with("good") || name.starts_with("stages") || name.starts_with("examples")
    })
}

fn counts(run: &Path) -> Value {
    read_json(&run.join("good-counts.json"))
}

/// What has to hold of every set.
fn check(run: &Path) {
    let counts = counts(run);
    let n = |key: &str| count(&counts, key);
    assert_eq!((n("/asked"), n("/problems"), n("/samples")), (ANSWERS, PROBLEMS, 8));
    let dropped = counts["dropped"].as_object().expect("filters");
    let dropped: usize = dropped.values().map(|v| v.as_u64().expect("a count") as usize).sum();
    let rest = ["/decontaminated", "/duplicates", "/surplus", "/kept"].map(n);
    assert_eq!(dropped + rest.iter().sum::<usize>(), ANSWERS, "{counts}");
    let answers = json_lines(&run.join("good.answers.jsonl"));
    let right = answers.iter().filter(|a| a["verdict"] == "correct").count();
    assert_eq!((n("/correct"), answers.len()), (right, ANSWERS));
    let places: Vec<(u64, u64)> = answers
        .iter()
        .map(|a| (a["problem"].as_u64().expect("a place"), a["sample"].as_u64().expect("a place")))
        .collect();
    assert!(places.is_sorted(), "answers lie in their order");
    let examples = json_lines(&run.join("good.jsonl"));
    assert_eq!((examples.len(), n("/written")), (n("/kept") + n("/mixed_in"), examples.len()));
    // Each is an answer that was right, and no prompt has more than two.
    let mut of_prompt: BTreeMap<String, usize> = BTreeMap::new();
    for example in &examples[..n("/kept")] {
        let text =
            |i: usize| example["messages"][i]["content"].as_str().expect("a text").to_owned();
        *of_prompt.entry(text(0)).or_default() += 1;
        let reply = text(1);
        let from = answers.iter().find(|a| {
            a["id"] == example["id"] && a["text"].as_str().map(str::trim_start) == Some(&reply)
        });
        assert_eq!(from.map(|a| &a["verdict"]), Some(&"correct".into()), "{example}");
        assert!(reply.starts_with("<think>"), "{example}");
    }
    assert!(of_prompt.values().all(|&kept| kept <= 2));
}

#[test]
fn a_stage_killed_at_random_moments_ends_as_the_uninterrupted_one() {
    let dir = tempdir().expect("temporary folder");
    let recipe = recipe(dir.path());
    let held_out = hold_out(&recipe, dir.path());
    let whole = dir.path().join("whole");
    let since = Instant::now();
    let run = thinkling(start(&recipe, &whole)).ends_with(exit::DONE);
    let took = since.elapsed();
    let c = counts(&whole);
    for (key, words) in [
        ("/correct", "of them right"),
        ("/dropped/incorrect", "dropped: not right"),
        ("/decontaminated", "dropped: near an evaluation's problem"),
        ("/kept", "kept"),
        ("/mixed_in", "mixed in from"),
        ("/written", "examples written"),
    ] {
        let count = count(&c, key);
        assert!(count > 0, "{key} of {c}");
        assert!(run.stderr.contains(&format!("{count} {words}")), "`{count} {words}` in {run:#?}");
    }
    let examples = json_lines(&whole.join("good.jsonl"));
    assert!(examples.iter().all(|e| e["messages"][0]["content"] != held_out.as_str()));
    assert!(!whole.join("stages/good").exists(), "the stage makes no model");
    check(&whole);
    assert_eq!(json_lines(&whole.join("metrics.jsonl")).len(), 6);

    let asking = Asking {
        recipe: &recipe,
        answers: &answers,
        told: &|there| format!("{there} of {ANSWERS} answers are there already"),
        took,
        share: &|moment| 0.1 + 0.3 * moment,
    };
    let mut all = [0, 0];
    for seed in [1, 2] {
        let out = dir.path().join(format!("killed-{seed}"));
        let (_, [killed, went_on]) = asking.killed_five_times(&out, seed, 40 * seed as usize);
        all = [all[0] + killed, all[1] + went_on];
        assert_same_written(&results(&out), &results(&whole), &format!("seed {seed}"));
        assert!(!snapshot(&out).keys().any(|p| p.to_string_lossy().contains(".tmp-")));
    }
    assert_killed_enough(all);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_answers_and_nothing_is_asked_again() {
    let dir = tempdir().expect("temporary folder");
    let recipe = recipe(dir.path());
    let out = dir.path().join("stopped");
    let mut running = Running::spawn(start(&recipe, &out));
    running.wait_until("some answers", || answers(&out) > 10);
    let run = running.interrupt().ends_with(exit::DONE);
    assert!(run.stdout.is_empty() && run.stderr.contains("--resume"), "{run:#?}");
    assert!((10..ANSWERS).contains(&answers(&out)));
    assert!(!out.join("good.jsonl").exists() && !out.join("good-counts.json").exists());
    // One is marked, so that asking again would show.
    let path = out.join("good.answers.jsonl");
    let text = fs::read_to_string(&path).expect("answers");
    fs::write(&path, text.replacen("\"note\":", "\"mark\":1,\"note\":", 1)).expect("written");
    let run = thinkling(resume(&out)).ends_with(exit::DONE);
    assert!(run.stderr.contains("answers are there already"), "{run:#?}");
    let marked = fs::read_to_string(&path).expect("answers");
    assert_eq!(marked.matches("\"mark\":1").count(), 1, "the marked answer was asked again");
    check(&out);
}

#[test]
fn the_engine_answers_too_and_the_stage_stands_alone() {
    let dir = tempdir().expect("temporary folder");
    let path = recipe(dir.path());
    let text = fs::read_to_string(&path).expect("the recipe");
    let alone = text.split("[[stage]]\nname = \"learn\"").next().expect("the first stage");
    let engine = "rollout = { kind = \"engine\", weights = \"q8_0\", max_rows = 24 }\n";
    fs::write(&path, format!("{alone}{engine}")).expect("written recipe");
    let out = dir.path().join("run");
    let run = thinkling(start(&path, &out)).ends_with(exit::DONE);
    assert!(run.stderr.contains("stage good is done"), "{run:#?}");
    check(&out);
    assert!(count(&counts(&out), "/kept") > 0);
}

#[test]
fn a_full_disk_loses_no_answer_that_was_written() {
    let dir = tempdir().expect("temporary folder");
    let path = recipe(dir.path());
    let disk = dir.path().join("disk");
    fs::create_dir(&disk).expect("folder");
    // All answers take about 400 kB.
    let Some(mounted) = SmallDisk::mount(&disk, "size=120k") else {
        println!("skipped: no small file system can be mounted here (it takes root on Linux)");
        return;
    };
    let out = disk.join("run");
    let run = thinkling(start(&path, &out)).ends_with(exit::FAILED);
    run.complains_about(&["no space left", out.to_str().expect("UTF-8 path"), "--resume"]);
    let there = answers(&out);
    assert!(there > 0 && there < ANSWERS, "{there} answers");
    assert!(!out.join("good.jsonl").exists() && !out.join("good-counts.json").exists());

    mounted.resize("32m");
    let run = thinkling(resume(&out)).ends_with(exit::DONE);
    assert!(run.stderr.contains(&format!("{there} of {ANSWERS} answers are there")), "{run:#?}");
    check(&out);
    let whole = dir.path().join("whole");
    let _ = thinkling(start(&path, &whole)).ends_with(exit::DONE);
    assert_same_written(&results(&out), &results(&whole), "the run that had a full disk");
}

#[test]
fn a_dry_run_tells_prompts_answers_and_tokens() {
    let dir = tempdir().expect("temporary folder");
    let path = recipe(dir.path());
    let call = ["train", path.to_str().expect("UTF-8 path"), "--dry-run"];
    let run = thinkling(call).ends_with(exit::DONE);
    let tokens = ANSWERS * 64;
    for words in [
        format!("stage `good`: {PROBLEMS} prompts, 8 answers each: {ANSWERS} answers"),
        format!("at most 64 tokens, {tokens} tokens at most"),
        "stage `learn`: an earlier stage makes its examples".to_owned(),
        "6 optimiser steps".to_owned(),
    ] {
        assert!(run.stderr.contains(&words), "no `{words}` in {run:#?}");
    }
    assert!(run.stdout.contains("max_repetition = 0.2"), "{run:#?}");
}

#[test]
fn wrong_keys_and_missing_or_damaged_files_are_named_before_anything_runs() {
    let dir = tempdir().expect("temporary folder");
    let path = recipe(dir.path());
    let out = dir.path().join("run");
    let refused = |set: Option<&str>, code: i32, words: &[&str]| {
        let mut call = start(&path, &out);
        call.extend(set.into_iter().flat_map(|set| ["--set".to_owned(), set.to_owned()]));
        thinkling(call).ends_with(code).complains_about(words);
        assert!(!out.exists(), "nothing has begun");
    };
    let wrong = exit::WRONG_CALL;
    refused(Some("stage.good.keep_per_promt=2"), wrong, &["nearest known key: `keep_per_prompt`"]);
    refused(Some("stage.good.filters.format=\"xml\""), wrong, &["stage.good.filters.format"]);
    refused(Some("stage.learn.data.name=\"bad\""), wrong, &["earlier stage", "good"]);
    let other = dir.path().join("other.jsonl");
    fs::write(&other, "{\"prompt\":\"1\"}\n").expect("written");
    refused(None, exit::BAD_INPUT, &["other.jsonl:1", "completion"]);
    fs::remove_file(&other).expect("removed");
    refused(None, wrong, &["not found", "other.jsonl"]);
    fs::write(&other, "").expect("written");
    let held_out = dir.path().join("held-out.jsonl");
    fs::write(&held_out, "{\"a\":1}\n").expect("written");
    refused(None, exit::BAD_INPUT, &["held-out.jsonl"]);
    fs::remove_file(&held_out).expect("removed");
    refused(None, wrong, &["not found", "held-out.jsonl"]);
}
