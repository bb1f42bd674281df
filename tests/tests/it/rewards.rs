//! `train` with components beyond accuracy and format, rules and rewards from outside.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{Run, exit, thinkling};

use crate::runs::{Results, Tiny, checkpoint_steps, json_lines, resume, start};

/// Answers with a thousandth of the length of the line that it got, less its id; ends after 20 lines, unless
/// the file `mended` is there.
const JUDGE: &str = r#"n=0
while read -r line; do
  if [ $n -ge 20 ] && ! [ -f mended ]; then exit 7; fi
  id=${line#*:}
  id=${id%%,*}
  printf '{"id":%s,"reward":0.%03d}\n' $id $((${#line} - ${#id}))
  n=$((n + 1))
done
"#;

/// Writes a recipe whose `reason` stage has `rewards`, and the program `judge.sh`.
fn write(dir: &Path, tiny: &Tiny, rewards: &str) -> std::path::PathBuf {
    let text = format!("{}rewards = {rewards}\n", tiny.toml());
    let path = dir.join("recipe.toml");
    fs::write(&path, text).expect("written recipe");
    fs::write(dir.join("judge.sh"), JUDGE).expect("written program");
    path
}

/// Runs such a recipe into `dir/run`.
fn run(dir: &Path, tiny: &Tiny, rewards: &str) -> Run {
    thinkling(start(&write(dir, tiny, rewards), &dir.join("run")))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn a_language_and_a_judge_join_accuracy_and_format() {
    let dir = tempdir().expect("temporary folder");
    let rewards = "{ format = { rule = \"tag-count\" }, language = { weight = 0.5, target = \"zh\" }, \
                   overlong = { weight = 0 }, judge = { command = [\"sh\", \"judge.sh\"], \
                   weight = 2, clip = [0, 0.35] } }";
    // What the stage puts in the place of a cut completion's reward would hide its parts.
    let path = write(dir.path(), &Tiny::default(), rewards);
    fs::write(dir.path().join("mended"), "").expect("written file");
    let recipe =
        fs::read_to_string(&path).expect("recipe").replace("truncated_reward = -1.0\n", "");
    fs::write(&path, recipe).expect("written recipe");
    let out = dir.path().join("run");
    let _ = thinkling(start(&path, &out)).ends_with(exit::DONE);

    let names = ["accuracy", "format", "language", "judge"];
    let rows = json_lines(&out.join("completions.jsonl"));
    let (mut clipped, mut values) = (0, [0.0; 4]);
    for row in &rows {
        let parts = row["record"]["components"].as_array().expect("components");
        let found: Vec<&str> = parts.iter().filter_map(|part| part["name"].as_str()).collect();
        assert_eq!(found, names, "{row}");
        let total: f64 = parts.iter().map(|p| number(&p["value"]) * number(&p["weight"])).sum();
        assert!((total - number(&row["reward"])).abs() < 1e-9, "{row}");
        assert_eq!(row["reward"], row["record"]["total"]);
        assert!((0.0..=0.35).contains(&number(&parts[3]["value"])), "{row}");
        clipped += usize::from(parts[3]["clipped"] == true);
        for (sum, part) in values.iter_mut().zip(parts) {
            *sum += number(&part["value"]);
        }
    }
    assert!(values[3] > 0.0, "the judge said nothing");

    let metrics = json_lines(&out.join("metrics.jsonl"));
    let reason: Vec<&Value> = metrics.iter().filter(|line| line["stage"] == "reason").collect();
    let mean =
        |key: &str| reason.iter().map(|l| number(&l[key])).sum::<f64>() / reason.len() as f64;
    for (name, sum) in names.iter().zip(values) {
        // All rollouts have as many completions.
        let expected = sum / rows.len() as f64;
        assert!((mean(&format!("reward/{name}")) - expected).abs() < 1e-9, "{name}");
    }
    assert!((mean("reward/judge_clipped") - clipped as f64 / rows.len() as f64).abs() < 1e-9);
    assert!(reason[0].get("reward/format_clipped").is_none(), "{}", reason[0]);
    assert!(reason[0].get("reward/overlong").is_none(), "{}", reason[0]);
    assert_eq!(mean("format"), mean("reward/format"));
}

#[test]
fn a_judge_that_fails_stops_the_run_and_a_mended_one_goes_on_bit_for_bit() {
    let dir = tempdir().expect("temporary folder");
    // No checkpoint falls due: the one that is kept is made when the judge fails.
    let tiny = Tiny { checkpoint_every: 0, ..Tiny::default() };
    // 16 completions a rollout: the judge ends in the second one.
    let rewards = "{ judge = { command = [\"sh\", \"judge.sh\"], weight = 0.5 } }";
    let out = dir.path().join("run");
    let failed = run(dir.path(), &tiny, rewards).ends_with(exit::FAILED);
    failed.complains_about(&[
        "error: reward `judge`: the program ended (exit status: 7)",
        "4 of 16",
        "--resume",
    ]);
    assert_eq!(checkpoint_steps(&out), [6, 8], "the end of `base`, and two steps of `reason`");

    fs::write(dir.path().join("mended"), "").expect("written file");
    let _ = thinkling(resume(&out)).ends_with(exit::DONE);
    let whole = tempdir().expect("temporary folder");
    fs::write(whole.path().join("mended"), "").expect("written file");
    let _ = run(whole.path(), &tiny, rewards).ends_with(exit::DONE);
    Results::of(&out).assert_same(&Results::of(&whole.path().join("run")), "the mended run");
}

/// Asserts one error line, and no run folder made.
fn assert_refused(dir: &Path, run: Run, code: i32, words: &[&str]) {
    let run = run.ends_with(code);
    assert_eq!(run.stderr.lines().filter(|l| l.starts_with("error: ")).count(), 1, "{run:#?}");
    assert!(!dir.join("run").exists(), "a folder for a run that cannot be: {run:#?}");
    run.complains_about(words);
}

#[test]
fn what_a_reward_lacks_is_named_before_anything_runs() {
    let line = "{\"question\":\"3+4=?\",\"answer\":\"7\",\"language\":\"en\"}\n\
                {\"question\":\"9-5=?\",\"answer\":\"4\"}\n";
    let code = "{\"question\":\"add\",\"answer\":[\"assert add(1, 2) == 3\"]}\n";
    let sandbox = "cargo build --release -p thinkling-cli --features sandbox";
    for (data, task, rewards, status, words) in [
        (line, "math", "{ language = {} }", exit::BAD_INPUT, &["data.jsonl:2", "`language`"][..]),
        (code, "code", "{}", exit::WRONG_CALL, &["`reason`", sandbox]),
        (code, "math", "{}", exit::BAD_INPUT, &["data.jsonl:1", "an array"]),
        (
            line,
            "math",
            "{ judge = { command = [\"no-such-judge\"] } }",
            exit::WRONG_CALL,
            &["program of an external reward", "no-such-judge"],
        ),
    ] {
        let dir = tempdir().expect("temporary folder");
        fs::write(dir.path().join("data.jsonl"), data).expect("written data");
        let tiny = Tiny {
            data: format!("{{ kind = \"jsonl\", path = \"data.jsonl\", task = \"{task}\" }}"),
            eval_data: ", data = { kind = \"mini-world\" }".to_owned(),
            ..Tiny::default()
        };
        assert_refused(dir.path(), run(dir.path(), &tiny, rewards), status, words);
    }
}

#[test]
fn questions_of_a_file_are_judged_as_mathematics() {
    let dir = tempdir().expect("temporary folder");
    let data = "{\"question\":\"1/2+1/2=?\",\"answer\":\"\\\\frac{2}{2}\",\"language\":\"en\"}\n";
    fs::write(dir.path().join("data.jsonl"), data).expect("written data");
    let tiny = Tiny {
        data: "{ kind = \"jsonl\", path = \"data.jsonl\" }".to_owned(),
        eval_data: ", data = { kind = \"mini-world\" }".to_owned(),
        ..Tiny::default()
    };
    let _ = run(dir.path(), &tiny, "{ language = {} }").ends_with(exit::DONE);
    let rows = json_lines(&dir.path().join("run/completions.jsonl"));
    assert_eq!(rows.len(), 48);
    assert!(rows.iter().all(|row| row["record"]["verdict"].is_string()), "{}", rows[0]);
}
