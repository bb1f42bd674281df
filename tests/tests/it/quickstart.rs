//! The README's first command keeps its word: pure reinforcement learning lifts the base model.

use thinkling_e2e::{exit, thinkling, workspace_file};

/// Points of accuracy that the policy gains at least over its base.
const GAIN: f64 = 0.40;
/// Points that are left when both are read wherever the answer stands.
const GAIN_FORMAT_FREE: f64 = 0.20;
/// Share of completions in the strict format at least, after training.
const FORMAT: f64 = 0.95;

fn quickstart(seed: u64, sets: &[&str]) {
    let recipe = workspace_file("recipes/quickstart.toml");
    let folder = tempfile::tempdir().expect("a folder for the run");
    let (out, seed) = (folder.path().join("run"), seed.to_string());
    let mut args = vec!["train", recipe.to_str().expect("UTF-8"), "--device", "cpu", "--json"];
    args.extend(["--seed", &seed, "--out", out.to_str().expect("UTF-8")]);
    args.extend(sets.iter().flat_map(|set| ["--set", set]));
    let run = thinkling(&args);
    let result = run.ends_with(exit::DONE).json();
    let stage = &result["stages"][0];
    let number = |when: &str, what: &str| stage[when][what].as_f64().expect("a number");
    let gain = |what: &str| number("after", what) - number("before", what);
    println!(
        "quickstart seed {seed}: accuracy {:.3} -> {:.3}, format-free {:.3} -> {:.3}, format {:.3}",
        number("before", "accuracy"),
        number("after", "accuracy"),
        number("before", "format_free_accuracy"),
        number("after", "format_free_accuracy"),
        number("after", "format"),
    );
    assert!(stage["after"]["problems"].as_u64() >= Some(300), "at least 300 unseen problems");
    assert!(gain("accuracy") >= GAIN, "{stage}");
    assert!(gain("format_free_accuracy") >= GAIN_FORMAT_FREE, "{stage}");
    assert!(number("after", "format") >= FORMAT, "{stage}");
}

/// Two thirds of the recipe's steps and half of its problems, to stay short.
#[test]
fn the_quickstart_learns() {
    quickstart(1, &["stage.rl.steps=160", "stage.rl.eval.problems=300"]);
}

#[test]
#[ignore = "minutes; the recipe as it is on three seeds"]
fn the_quickstart_learns_on_three_seeds() {
    for seed in [1, 2, 3] {
        quickstart(seed, &[]);
    }
}
