//! A run folder for the tests of this module, and the ways in which a report is written.

use super::*;
use crate::run_dir::RunInfo;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use tempfile::TempDir;

/// A recipe of two stages as a run folder has it.
pub(super) const RECIPE: &str = "name = 'demo'\nseed = 5\nmodel.path = '/models/mini'\n\
     [[stage]]\nname = 'base'\nkind = 'sft'\nsteps = 0\n\
     [[stage]]\nname = 'rl'\nkind = 'rl'\nsteps = 40\n";

/// Markup that must stay text.
fn script(what: &str) -> String {
    format!("<script>alert('{what}')</script>")
}

fn sampled(correct: usize, formatted: usize) -> serde_json::Value {
    let tally = |n: usize, correct: usize| {
        json!({"problems": n, "solved": correct, "completions": n, "correct": correct,
               "format_free": correct, "formatted": formatted.min(n), "tokens": 12 * n,
               "truncated": 0, "reflection": 1})
    };
    let sample = |i: usize| {
        json!({"question": format!("{i} + {i}? {}", script("question")),
               "text": format!("<think>{}</think><answer>{i}</answer>", script("think")),
               "correct": i < correct, "level": script("level")})
    };
    let mut levels = serde_json::Map::new();
    levels.insert(script("level"), tally(4, correct / 4));
    json!({"all": tally(10, correct), "levels": levels,
           "samples": (0..10).map(sample).collect::<Vec<_>>()})
}

/// A folder with 3 supervised steps and 20 rollouts of 2 steps each, not finished.
pub(super) fn folder() -> TempDir {
    let dir = tempfile::tempdir().expect("temporary folder");
    let write = |name: &str, text: String| fs::write(dir.path().join(name), text).expect("written");
    write("recipe.toml", RECIPE.to_owned());
    let info = RunInfo {
        name: "demo".into(),
        seed: 5,
        versions: BTreeMap::from([("burn".into(), "0.22.1".into())]),
        device: "cpu (test)".into(),
        threads: 2,
        commit: None,
        inputs: BTreeMap::new(),
        started: "2026-01-31T12:00:00Z".into(),
        changed: Vec::new(),
    };
    write("run.json", serde_json::to_string(&info).expect("JSON"));
    let mut lines = String::new();
    for step in 1..=3_u32 {
        let mut line =
            json!({"step": step, "stage": "base", "loss": 4.0 - f64::from(step), "lr": 1e-4});
        if step == 3 {
            line["eval_loss"] = 2.0.into();
            line["eval_token_accuracy"] = 0.5.into();
        }
        lines += &format!("{line}\n");
    }
    for rollout in 1..=20_u32 {
        let share = f64::from(rollout) / 20.0;
        let line = json!({"step": 3 + 2 * rollout, "stage": "rl", "reward": 2.0 * share,
            "accuracy": share, "format": 0.9, "reward/accuracy": share, "reward/format": 0.9,
            "kl": 0.01 * share, "brand_new": rollout, "tokens": 1000,
            "timing": {"step_s": 2.0, "generate_s": 1.0, "loss_s": 0.5}});
        lines += &format!("{line}\n");
    }
    write("metrics.jsonl", lines);
    write(
        "evaluation-base-000000.json",
        json!({"loss": 3.5, "token_accuracy": 0.1, "tokens": 9}).to_string(),
    );
    write("evaluation-rl-000000.json", sampled(2, 4).to_string());
    write("evaluation-rl-000040.json", sampled(8, 10).to_string());
    write(
        "examples-base.json",
        json!({"examples": 7, "first_skipped": script("counts")}).to_string(),
    );
    dir
}

#[test]
fn a_report_lies_in_its_folder_or_where_it_is_asked_for() {
    let dir = folder();
    let run = dir.path().to_path_buf();
    let path = write(std::slice::from_ref(&run), None).expect("written");
    assert_eq!(path, run.join(REPORT_FILE));
    let out = run.join("other.html");
    assert_eq!(write(std::slice::from_ref(&run), Some(&out)).expect("written"), out);
    assert_eq!(fs::read(&path).expect("readable"), fs::read(&out).expect("readable"));
    let absent = run.join("absent/report.html");
    let error = write(&[run], Some(&absent)).expect_err("no such folder").to_string();
    assert!(error.contains("absent/report.html"), "{error}");
}

#[test]
fn several_runs_are_seeds_of_one_recipe_or_an_error_says_what_differs() {
    let (a, b) = (folder(), folder());
    let paths = [a.path().to_path_buf(), b.path().to_path_buf()];
    let recipe = b.path().join("recipe.toml");
    fs::write(&recipe, RECIPE.replace("seed = 5", "seed = 6")).expect("written");
    let out = a.path().join("seeds.html");
    write(&paths, Some(&out)).expect("seeds");
    assert!(fs::read_to_string(&out).expect("readable").contains("mean of 2 seeds"));
    fs::write(&recipe, RECIPE.replace("steps = 40", "steps = 41")).expect("written");
    let error = write(&paths, Some(&out)).expect_err("differ");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("`stage.rl.steps` is 40 and 41"), "{error}");
    let twice = [paths[0].clone(), a.path().join(".")];
    let error = write(&twice, Some(&out)).expect_err("the same").to_string();
    assert!(error.contains("given twice"), "{error}");
}

#[test]
fn a_run_without_numbers_is_told() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let whole = folder();
    for name in ["recipe.toml", "run.json"] {
        fs::copy(whole.path().join(name), dir.path().join(name)).expect("copied");
    }
    let runs = [dir.path().to_path_buf()];
    let error = write(&runs, None).expect_err("empty");
    assert!(error.to_string().contains("no steps and no evaluations yet"), "{error}");
    // Nobody writes into it, so that waiting would have no end.
    let error = watch(&runs, None, &Interrupt::new(), |_| ()).expect_err("empty");
    assert_eq!(error.exit_code(), 2, "{error}");
}

#[test]
fn watching_ends_with_the_run_or_at_an_interrupt() {
    let dir = folder();
    let runs = [dir.path().to_path_buf()];
    let mut reports = 0;
    let path = watch(&runs, None, &Interrupt::new(), |_| reports += 1).expect("watched");
    assert_eq!((reports, path), (1, Some(dir.path().join(REPORT_FILE))));

    let lock = crate::run_dir::lock(dir.path()).expect("locked");
    let interrupt = Interrupt::new();
    let metrics = dir.path().join(METRICS_FILE);
    let mut steps = Vec::new();
    watch(&runs, None, &interrupt, |path| {
        let html = fs::read_to_string(path).expect("readable");
        assert!(html.contains("running"));
        steps.push(html.contains("<dd>42 of 40</dd>"));
        if steps.len() == 2 {
            interrupt.request();
        }
        let mut text = fs::read_to_string(&metrics).expect("readable");
        text += "{\"step\":45,\"stage\":\"rl\",\"accuracy\":1.0}\n";
        fs::write(&metrics, text).expect("written");
    })
    .expect("watched");
    assert_eq!(steps, [false, true]);
    drop(lock);
}

#[test]
fn long_runs_give_files_that_a_browser_opens_at_once() {
    let dir = folder();
    let metrics = dir.path().join(METRICS_FILE);
    let mut text = fs::read_to_string(&metrics).expect("readable");
    for step in 0..10_400 {
        let noise = f64::from(step % 97) / 97.0;
        text += &format!(
            "{{\"step\":{},\"stage\":\"rl\",\"accuracy\":{noise},\"format\":{noise},\"kl\":{noise}}}\n",
            44 + step
        );
    }
    fs::write(&metrics, text).expect("written");
    let path = write(&[dir.path().to_path_buf()], None).expect("written");
    let bytes = fs::metadata(path).expect("there").len();
    assert!(bytes < 300_000, "{bytes}");
}
