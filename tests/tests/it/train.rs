//! `train` from start to end: what a run folder holds, and that a seed decides all of it.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling};

use crate::runs::{Results, Tiny, checkpoint, checkpoint_steps, event_records, json_lines, start};

#[test]
fn a_run_folder_holds_recipe_facts_numbers_completions_checkpoints_and_models() {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    let tiny = Tiny::default();
    let run = tiny.run(dir.path(), &out);
    for word in ["cpu", "run folder", "step 6/6", "reward", "accuracy", "tokens/s"] {
        assert!(run.stderr.contains(word), "no `{word}` on standard error of {run:#?}");
    }
    for word in ["before", "after", "accuracy", out.to_str().expect("UTF-8 path"), "generate"] {
        assert!(run.stdout.contains(word), "no `{word}` on standard output of {run:#?}");
    }

    let facts: Value =
        serde_json::from_slice(&fs::read(out.join("run.json")).expect("run.json")).expect("JSON");
    assert_eq!(facts["seed"], 3, "{facts}");
    assert_eq!(facts["threads"], 2, "{facts}");
    assert!(facts["versions"]["burn"].is_string(), "{facts}");
    assert!(facts["device"].as_str().is_some_and(|d| d.contains("cpu")), "{facts}");

    // The resolved recipe is one that can be run again.
    let recipe = out.join("recipe.toml");
    let again = thinkling(["train", recipe.to_str().expect("UTF-8 path"), "--dry-run"])
        .ends_with(exit::DONE);
    assert_eq!(again.stdout, fs::read_to_string(&recipe).expect("recipe.toml"));

    let lines = json_lines(&out.join("metrics.jsonl"));
    let steps: Vec<_> = lines.iter().map(|line| line["step"].as_u64()).collect();
    // Two minibatches a rollout: the second stage has one line for two steps.
    assert_eq!(steps, [1, 2, 3, 4, 5, 6, 8, 10, 12].map(Some));
    assert_eq!(event_records(&out), 1 + lines.len(), "the file's version and a record a line");
    let completions = json_lines(&out.join("completions.jsonl"));
    assert_eq!(completions.len(), 3 * 2 * 2 * 4, "3 rollouts of 2 x 2 questions x 4 completions");
    for row in &completions {
        assert!(row["completion"].is_string() && row["reward"].is_number(), "{row}");
    }

    assert_eq!(checkpoint_steps(&out), [10, 12]);
    for step in [10, 12] {
        let folder = checkpoint(&out, step);
        let manifest = fs::read(folder.join("manifest.json")).expect("manifest.json");
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        let files = manifest["files"].as_array().expect("files");
        assert_eq!(files.len(), 4, "model, optimiser, reference and state: {manifest}");
        for file in files {
            let path = folder.join(file["name"].as_str().expect("a name"));
            let bytes = fs::metadata(&path).expect("a file of the checkpoint").len();
            assert_eq!(file["bytes"], bytes, "{}", path.display());
            assert_eq!(file["sha256"].as_str().map(str::len), Some(64), "{file}");
        }
    }

    for stage in ["base", "reason"] {
        let model = out.join("stages").join(stage);
        let model = model.to_str().expect("UTF-8 path");
        let call = ["generate", "--model", model, "--template", "r1-zero", "--prompt", "3+4=?"];
        let more = ["--max-tokens", "3", "--ignore-eos", "--device", "cpu", "--json"];
        let out = thinkling(call.iter().chain(&more)).ends_with(exit::DONE).json();
        assert_eq!(out["ids"].as_array().map(Vec::len), Some(3), "{out}");
    }
}

#[test]
fn every_step_logs_what_tells_a_healthy_run_from_a_sick_one() {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    Tiny::default().run(dir.path(), &out);
    let results = Results::of(&out);
    let number = |line: &Value, key: &str| {
        let value = line[key].as_f64();
        value.unwrap_or_else(|| panic!("no finite number `{key}` in {line}"))
    };
    let (base, reason): (Vec<_>, Vec<_>) =
        results.metrics().iter().partition(|line| line["stage"] == "base");
    assert_eq!((base.len(), reason.len()), (6, 3));
    for line in &base {
        assert!(number(line, "loss") > 0.0 && number(line, "grad_norm") > 0.0, "{line}");
    }
    for line in &reason {
        for share in [
            "accuracy",
            "format",
            "truncated_share",
            "zero_variance_share",
            "clip_fraction_low",
            "clip_fraction_high",
        ] {
            assert!((0.0..=1.0).contains(&number(line, share)), "`{share}` is no share: {line}");
        }
        assert!((-1.0..=2.0).contains(&number(line, "reward")), "{line}");
        assert!((1.0..=24.0).contains(&number(line, "length_tokens")), "{line}");
        assert!(number(line, "entropy") > 0.0, "{line}");
        // The same f32 model twice, once with a cache: rounding, or the rollout lies.
        let (mean, max) = (number(line, "logprob_gap_mean"), number(line, "logprob_gap_max"));
        assert!(0.0 <= mean && mean <= max && max < 1e-4, "{line}");
        assert!(number(line, "loss").is_finite(), "{line}");
    }
    let sum = |key: &str| reason.iter().map(|line| number(line, key)).sum::<f64>();
    assert!(sum("grad_norm") > 0.0, "reinforcement learning moved nothing");
    assert!(sum("kl") > 0.0, "a policy that moved has left its reference");
    let weights = |stage: &str| results.file(&format!("stages/{stage}/model.safetensors"));
    assert!(weights("base") != weights("reason"), "the stage wrote what it was given");
}

#[test]
fn a_seed_decides_every_number_and_weight() {
    let dir = tempdir().expect("temporary folder");
    let of = |name: &str, tiny: &Tiny| {
        let out = dir.path().join(name);
        tiny.run(dir.path(), &out);
        Results::of(&out)
    };
    let (first, again) = (of("first", &Tiny::default()), of("again", &Tiny::default()));
    again.assert_same(&first, "the second run");

    let other = of("other", &Tiny { seed: 4, ..Tiny::default() });
    assert_eq!(other.metrics().len(), first.metrics().len());
    assert!(other.metrics().iter().zip(first.metrics()).all(|(a, b)| a != b));
    let weights = "stages/reason/model.safetensors";
    assert!(other.file(weights) != first.file(weights));
}

#[test]
fn json_gives_both_evaluations_and_the_model() {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    let mut call = start(&Tiny::default().write(dir.path()), &out);
    call.push("--json".to_owned());
    let json = thinkling(call).ends_with(exit::DONE).json();
    let stage = &json["stages"][1];
    assert_eq!(stage["name"], "reason", "{json}");
    for time in ["before", "after"] {
        assert_eq!(stage[time]["problems"], 8, "{json}");
        assert!(stage[time]["accuracy"].is_number(), "{json}");
    }
    let model = out.join("stages/reason");
    assert_eq!(json["model"].as_str(), model.to_str(), "{json}");
}
