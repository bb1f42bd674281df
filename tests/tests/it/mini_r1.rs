//! `recipes/mini-r1.toml` at its smallest scale: every stage of the report runs, and writes what the next
//! ones read.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling, workspace_file};

use crate::runs::{json_lines, number, read_json, start};

/// With their steps and the problems that they are evaluated on.
const RL: [(&str, u64, u64); 7] = [
    ("r1-zero", 6, 10),
    ("reasoning", 4, 10),
    ("no-language", 4, 10),
    ("all-scenarios", 8, 30),
    ("rules-only", 2, 30),
    ("student-rl", 2, 10),
    ("distilled-rl", 2, 10),
];
const EXAMPLES: [&str; 3] = ["cold", "rejection", "distilled-set"];
const SFT: [&str; 3] = ["cold-sft", "sft", "distilled"];
const JUDGES: [&str; 2] = ["helpful", "harmless"];
/// Models that are compared at the end.
const MODELS: usize = 12;
/// Rollouts of `all-scenarios`, and those at its end in which the models' rewards count.
const ROLLOUTS: usize = 4;
const LATE: usize = 2;

fn bytes_of_model(run: &Path, stage: &str) -> f64 {
    let file = run.join("stages").join(stage).join("model.safetensors");
    let size = fs::metadata(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display())).len();
    size as f64
}

#[test]
fn every_stage_of_the_report_runs_and_writes_its_results() {
    let dir = tempdir().expect("temporary folder");
    let run = dir.path().join("run");
    let mut call = start(&workspace_file("recipes/mini-r1.toml"), &run);
    call.extend(["--set", "scale=smoke"].map(str::to_owned));
    let _ = thinkling(call).ends_with(exit::DONE);

    let resolved = fs::read_to_string(run.join("recipe.toml")).expect("resolved recipe");
    assert!(!resolved.contains("[scale"), "{resolved}");
    let metrics = json_lines(&run.join("metrics.jsonl"));
    let of = |stage: &str| -> Vec<&Value> {
        metrics.iter().filter(|line| line["stage"] == stage).collect()
    };
    let rl = RL.iter().map(|(name, ..)| name);
    for stage in rl.chain(&SFT).chain(&JUDGES).chain(&["student-base"]) {
        assert!(bytes_of_model(&run, stage) > 0.0 && !of(stage).is_empty(), "{stage}");
    }
    for stage in EXAMPLES {
        let counts = read_json(&run.join(format!("{stage}-counts.json")));
        let written = json_lines(&run.join(format!("{stage}.jsonl")));
        assert!(!written.is_empty() && written[0]["messages"].is_array(), "{stage}");
        assert_eq!(number(&counts, "/written"), written.len() as f64, "{counts}");
        assert!(number(&counts, "/asked") >= 160.0, "{counts}");
    }
    for (stage, set) in SFT.iter().zip(EXAMPLES) {
        let learnt = number(&read_json(&run.join(format!("examples-{stage}.json"))), "/examples");
        let made = json_lines(&run.join(format!("{set}.jsonl"))).len() as f64;
        // What the world makes is mixed in before the student.
        let mixed_in = if *stage == "distilled" { 0.0 } else { 40.0 };
        assert_eq!(learnt, made + mixed_in, "{stage}");
    }
    for (stage, steps, problems) in RL {
        for step in [0, steps] {
            let evaluated = read_json(&run.join(format!("evaluation-{stage}-{step:06}.json")));
            assert_eq!(
                number(&evaluated, "/all/problems"),
                problems as f64,
                "{stage}: {evaluated}"
            );
        }
    }
    for stage in JUDGES {
        let before = read_json(&run.join(format!("evaluation-{stage}-000000.json")));
        assert!(number(&before, "/examples") >= 1.0, "{stage}: {before}");
        assert!(run.join("stages").join(stage).join("reward_model.json").exists(), "{stage}");
    }
    let language = |stage: &str| of(stage).iter().all(|l| l.get("reward/language").is_some());
    assert!(language("reasoning") && language("all-scenarios"));
    assert!(!language("r1-zero") && !language("no-language"));
    let late = of("all-scenarios");
    assert_eq!(late.len(), ROLLOUTS);
    for (rollout, line) in late.iter().enumerate() {
        for reward in ["reward/preference", "reward/safety/harmful"] {
            let counts = line.get(reward).is_some();
            assert_eq!(counts, rollout >= ROLLOUTS - LATE, "{reward} of rollout {rollout}: {line}");
        }
    }
    let reports = read_json(&run.join("final-models.json"));
    let reports = reports.as_array().expect("an array of reports");
    for set in ["grown-world", "grown-world-requests", "grown-world-harmful"] {
        let of_set = reports.iter().filter(|one| one["data"] == set);
        assert_eq!(of_set.clone().count(), MODELS, "{set}");
        for one in of_set {
            assert_eq!(number(one, "/report/problems"), 10.0, "{one}");
            for judge in JUDGES {
                assert!(number(one, &format!("/report/scores/{judge}/value")).is_finite(), "{one}");
            }
        }
    }
    let share = bytes_of_model(&run, "student-base") / bytes_of_model(&run, "r1-zero");
    assert!((0.15..0.25).contains(&share), "the student has {share} of the weights");
}

#[test]
fn every_scale_of_the_recipe_is_sound() {
    let recipe = workspace_file("recipes/mini-r1.toml");
    let path = recipe.to_str().expect("UTF-8 path");
    for scale in [&[][..], &["--set", "scale=smoke"], &["--set", "scale=large"]] {
        let call = ["train", path, "--dry-run", "--no-measure", "--device", "cpu"];
        let run = thinkling(call.iter().chain(scale)).ends_with(exit::DONE);
        assert!(run.stderr.contains("the recipe is sound"), "{run:#?}");
    }
    let wrong = ["train", path, "--dry-run", "--no-measure", "--set", "scale=smal"];
    let run = thinkling(wrong).ends_with(exit::WRONG_CALL);
    run.complains_about(&["scale", "large, smoke", "smal"]);
}
