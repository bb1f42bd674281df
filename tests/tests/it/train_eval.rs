//! The `eval` stage: models of a recipe beside each other, as `thinkling eval` measures them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling, workspace_file};

use crate::kills::{Asking, assert_killed_enough};
use crate::runs::{assert_same_written, line_count, read_json, start, written};

/// Problems of the generated data, and of the file.
const PROBLEMS: usize = 60;
const IN_FILE: usize = 2;
const SAMPLES: usize = 2;
/// Answers of two models to both.
const ANSWERS: usize = 2 * (PROBLEMS + IN_FILE) * SAMPLES;

/// The mini world's base model, and what becomes of it in a few steps, on two data sets.
fn recipe(dir: &Path) -> PathBuf {
    let base = workspace_file("recipes/mini-world-base");
    let text = format!(
        r#"name = "compare"
seed = 5

[model]
path = {base:?}

[[stage]]
name = "learn"
kind = "rl"
preset = "r1-zero"
lr = 1e-4
steps = 2
questions_per_step = 2
group_size = 4
max_completion_tokens = 48
data = {{ kind = "mini-world" }}

[[stage]]
name = "final"
kind = "eval"
models = [{base:?}, "stage:learn"]
data = ["mini-world", "two.jsonl"]
problems = {PROBLEMS}
samples = {SAMPLES}
max_completion_tokens = 64
"#
    );
    let problems = "{\"question\":\"What is 3+4?\",\"answer\":\"7\",\"level\":\"1\"}\n\
                    {\"question\":\"What is 9-4?\",\"answer\":\"5\",\"level\":\"2\"}\n";
    fs::write(dir.join("two.jsonl"), problems).expect("written problems");
    let path = dir.join("compare.toml");
    fs::write(&path, text).expect("written recipe");
    path
}

/// The completions of all evaluations of a run folder that are there.
fn answers(run: &Path) -> usize {
    let files = ["mini-world-base", "learn"].into_iter().flat_map(|model| {
        ["mini-world", "two"].map(|data| {
            run.join("evaluations/final").join(model).join(data).join("completions.jsonl")
        })
    });
    files.filter(|file| file.exists()).map(|file| line_count(&file)).sum()
}

/// What was measured, without clocks and places.
fn measures(run: &Path) -> Vec<Value> {
    let Value::Array(mut reports) = read_json(&run.join("final-models.json")) else {
        panic!("an array of reports")
    };
    for one in &mut reports {
        let report = one["report"].as_object_mut().expect("a report");
        for key in ["settings", "wall_s", "tokens_per_s"] {
            report.remove(key).expect(key);
        }
    }
    reports
}

#[test]
fn models_are_measured_as_eval_does_and_a_killed_stage_ends_the_same() {
    let dir = tempdir().expect("temporary folder");
    let recipe = recipe(dir.path());
    let whole = dir.path().join("whole");
    let since = Instant::now();
    let run = thinkling(start(&recipe, &whole)).ends_with(exit::DONE);
    let took = since.elapsed();
    assert_eq!(answers(&whole), ANSWERS);
    let reports = measures(&whole);
    let names: Vec<(&str, &str)> = reports
        .iter()
        .map(|one| (one["model"].as_str().expect("a name"), one["data"].as_str().expect("a name")))
        .collect();
    let expected = [
        ("mini-world-base", "mini-world"),
        ("mini-world-base", "two"),
        ("learn", "mini-world"),
        ("learn", "two"),
    ];
    assert_eq!(names, expected);
    for (model, data) in expected {
        assert!(run.stderr.contains(&format!("{model} on {data}: pass@1 ")), "{run:#?}");
    }
    assert!(reports[0]["report"]["language_consistency"].is_object(), "{}", reports[0]);
    assert!(reports[1]["report"].get("language_consistency").is_none(), "{}", reports[1]);

    // The command gives the same numbers for the model that the stage before left.
    let model = whole.join("stages/learn").display().to_string();
    let out = dir.path().join("alone").display().to_string();
    let call = [
        "eval",
        "--model",
        &model,
        "--data",
        "mini-world",
        "--template",
        "r1-zero",
        "--samples",
        "2",
        "--limit",
        "60",
        "--max-tokens",
        "64",
        "--seed",
        "5",
        "--device",
        "cpu",
        "--out",
        &out,
        "--json",
    ];
    let alone = thinkling(call).ends_with(exit::DONE);
    let alone: Value = serde_json::from_str(&alone.stdout).expect("JSON");
    for key in ["pass_at_1", "cons_at_k", "mean_tokens", "language_consistency", "repetition"] {
        assert_eq!(alone[key], reports[2]["report"][key], "{key}");
    }

    let html = dir.path().join("report.html").display().to_string();
    let folder = whole.display().to_string();
    let _ = thinkling(["report", &folder, "--out", &html]).ends_with(exit::DONE);
    let html = fs::read_to_string(html).expect("a report");
    assert!(
        html.contains("Models on mini-world: 60 problems, 2 answers each"),
        "no table of models"
    );

    let asking = Asking {
        recipe: &recipe,
        answers: &answers,
        told: &|_| "completions are there already".to_owned(),
        took,
        share: &|moment| 0.1 + 0.4 * moment,
    };
    let out = dir.path().join("killed");
    let (_, kills) = asking.killed_five_times(&out, 1, 10);
    let kept = |run: &Path| written(run, |path| path.ends_with("completions.jsonl"));
    assert_same_written(&kept(&out), &kept(&whole), "killed");
    assert_eq!(measures(&out), reports);
    assert_killed_enough(kills);
}

#[test]
fn wrong_models_and_data_are_named_before_anything_runs() {
    let dir = tempdir().expect("temporary folder");
    let recipe = recipe(dir.path());
    let out = dir.path().join("out");
    for (set, words) in [
        ("stage.final.models=[\"absent\"]", "absent"),
        ("stage.final.models=[\"stage:later\"]", "learn"),
        ("stage.final.data=[\"none.jsonl\"]", "none.jsonl"),
    ] {
        let mut call = start(&recipe, &out);
        call.extend(["--set".to_owned(), set.to_owned()]);
        thinkling(call).ends_with(exit::WRONG_CALL).complains_about(&[words]);
        assert!(!out.exists(), "{set}");
    }
}
