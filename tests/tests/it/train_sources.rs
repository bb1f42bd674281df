//! Several sources of questions, curricula and the entropy bonus of an `rl` stage: what they draw, what
//! they show, that a run which goes back ends the same, what is refused.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling};

use crate::runs::{Results, Tiny, goes_back_and_ends_the_same, json_lines, start};

/// Answers every line with 0.5.
const JUDGE: &str = r#"while read -r line; do
  id=${line#*:}
  printf '{"id":%s,"reward":0.5}\n' ${id%%,*}
done
"#;

fn tiny(data: &str, eval: &str, rl: &str) -> Tiny {
    Tiny {
        steps: 8,
        problems: 3,
        data: data.to_owned(),
        eval_data: eval.to_owned(),
        rl: rl.to_owned(),
        ..Tiny::default()
    }
}

/// Twelve easy questions and as many of other kinds.
fn write_questions(dir: &Path) {
    let line = |i: usize| {
        let level = ["easy", "medium", "hard"][i % 3];
        format!("{{\"question\":\"{i}+1=?\",\"answer\":\"{}\",\"level\":\"{level}\"}}\n", i + 1)
    };
    fs::write(dir.join("few.jsonl"), (0..12).map(line).collect::<String>()).expect("written");
    fs::write(dir.join("test.jsonl"), (20..25).map(line).collect::<String>()).expect("written");
    fs::write(dir.join("judge.sh"), JUDGE).expect("written program");
}

fn number(line: &Value, key: &str) -> f64 {
    line[key].as_f64().unwrap_or_else(|| panic!("no number `{key}` in {line}"))
}

#[test]
fn sources_have_shares_rewards_metrics_and_evaluations_of_their_own() {
    let dir = tempdir().expect("temporary folder");
    write_questions(dir.path());
    let data = r#"[
    { kind = "mini-world", name = "world", weight = 3 },
    { kind = "jsonl", path = "few.jsonl", template = "none", rewards = { accuracy = { weight = 0.5 }, judge = { command = ["sh", "judge.sh"], weight = 2 } } },
]"#;
    let eval = r#", data = [{ kind = "mini-world", name = "world" }, { kind = "jsonl", path = "test.jsonl" }]"#;
    // What the stage puts in the place of a cut completion's reward would hide its parts.
    let tiny = tiny(data, eval, "dynamic_sampling = { max_extra = 0 }\n");
    let (lines, rows) = goes_back_and_ends_the_same(dir.path(), &tiny);
    assert_eq!((lines.len(), rows.len()), (4, 4 * 4 * 4));
    for line in &lines {
        assert_eq!((number(line, "questions/world"), number(line, "questions/few")), (3.0, 1.0));
        let accuracy = (3.0 * number(line, "accuracy/world") + number(line, "accuracy/few")) / 4.0;
        assert!((accuracy - number(line, "accuracy")).abs() < 1e-9, "{line}");
        let total =
            (3.0 * number(line, "total_reward/world") + number(line, "total_reward/few")) / 4.0;
        assert!((total - number(line, "reward")).abs() < 1e-9, "{line}");
        // The format is rewarded in one source, the judge in the other.
        assert_eq!(line["reward/format"], line["reward/format/world"], "{line}");
        assert_eq!(line["reward/judge"], line["reward/judge/few"], "{line}");
        assert!(
            line.get("reward/format/few").is_none() && line.get("reward/judge/world").is_none()
        );
    }
    for row in &rows {
        let parts = row["record"]["components"].as_array().expect("components");
        let names: Vec<&str> = parts.iter().filter_map(|part| part["name"].as_str()).collect();
        let (expected, weight): (&[&str], f64) = match row["source"].as_str() {
            Some("world") => (&["accuracy", "format"], 1.0),
            Some("few") => (&["accuracy", "judge"], 0.5),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            (names.as_slice(), parts[0]["weight"].as_f64()),
            (expected, Some(weight)),
            "{row}"
        );
    }
    let bytes = fs::read(dir.path().join("run/evaluation-reason-000008.json")).expect("evaluation");
    let evaluated: Value = serde_json::from_slice(&bytes).expect("JSON");
    let problems = |pointer: &str| evaluated.pointer(pointer).and_then(Value::as_u64);
    assert_eq!(problems("/sources/world/problems"), Some(3), "{evaluated}");
    assert_eq!(problems("/sources/test/problems"), Some(3), "{evaluated}");
    assert_eq!(problems("/all/problems"), Some(6), "{evaluated}");
    assert!(evaluated["levels"].get("easy").is_some(), "{evaluated}");
}

#[test]
fn one_source_in_a_list_is_the_source_alone() {
    let dir = tempdir().expect("temporary folder");
    let of = |name: &str, data: &str| {
        let out = dir.path().join(name);
        tiny(data, "", "").run(dir.path(), &out);
        Results::of(&out)
    };
    let plain = of("plain", "{ kind = \"mini-world\" }");
    let listed = of("listed", "[{ kind = \"mini-world\", name = \"w\", weight = 7 }]");
    listed.assert_same(&plain, "the list of one");
}

#[test]
fn levels_join_from_easy_to_hard() {
    let dir = tempdir().expect("temporary folder");
    write_questions(dir.path());
    let data = r#"{ kind = "jsonl", path = "few.jsonl" }"#;
    let eval = r#", data = { kind = "mini-world" }"#;
    let order = r#"curriculum = { by = "level", steps = 6, order = ["easy", "medium", "hard"] }"#;
    let (lines, rows) = goes_back_and_ends_the_same(dir.path(), &tiny(data, eval, order));
    let open: Vec<f64> = lines.iter().map(|line| number(line, "curriculum_share")).collect();
    // Rollouts begin after 0, 2, 4 and 6 steps.
    for (open, expected) in open.iter().zip([1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0]) {
        assert!((open - expected).abs() < 1e-9, "{lines:?}");
    }
    let levels = |rollout: usize| {
        let of = |row: &Value| {
            let question = row["question"].as_str().expect("a question");
            let first: usize = question.split('+').next().and_then(|n| n.parse().ok()).expect("n");
            first % 3
        };
        rows[16 * rollout..16 * (rollout + 1)].iter().map(of).max()
    };
    assert_eq!((levels(0), levels(1)), (Some(0), Some(1)));
}

#[test]
fn questions_that_are_never_right_are_asked_less_and_the_rates_are_kept() {
    let dir = tempdir().expect("temporary folder");
    write_questions(dir.path());
    // A model without training gets nothing right: whatever was asked is outside of the bounds.
    let data = r#"{ kind = "jsonl", path = "few.jsonl" }"#;
    let eval = r#", data = { kind = "mini-world" }"#;
    let keys = r#"curriculum = { by = "pass-rate", low = 0.1, outside = 0 }"#;
    let (lines, rows) = goes_back_and_ends_the_same(dir.path(), &tiny(data, eval, keys));
    let open: Vec<f64> = lines.iter().map(|line| number(line, "curriculum_share")).collect();
    let right = rows.iter().filter(|row| row["record"]["verdict"] == "correct").count();
    assert_eq!(right, 0, "an untrained model");
    // 12 questions, 4 a rollout.
    for (open, expected) in open.iter().zip([1.0, 2.0 / 3.0, 1.0 / 3.0, 0.0]) {
        assert!((open - expected).abs() < 1e-9, "{lines:?}");
    }
}

#[test]
fn an_entropy_bonus_keeps_more_entropy() {
    let dir = tempdir().expect("temporary folder");
    let entropy = |name: &str, coef: f64| {
        let out = dir.path().join(name);
        let keys = format!("entropy_coef = {coef}\n");
        Tiny { steps: 40, problems: 2, rl: keys, ..Tiny::default() }.run(dir.path(), &out);
        let lines = json_lines(&out.join("metrics.jsonl"));
        number(lines.last().expect("a line"), "entropy")
    };
    let (without, with) = (entropy("without", 0.0), entropy("with", 0.5));
    // Of 4.9 nats at most.
    assert!(with > without + 0.05, "{with} and {without}");
}

#[test]
fn what_does_not_fit_is_named_before_anything_runs() {
    let dir = tempdir().expect("temporary folder");
    write_questions(dir.path());
    let few = r#"{ kind = "jsonl", path = "few.jsonl" }"#;
    let world = r#", data = { kind = "mini-world" }"#;
    let twice = format!("[{few}, {few}]");
    let weighed = r#", data = { kind = "mini-world", weight = 2 }"#;
    let unnamed = r#"[{ kind = "mini-world" }, { kind = "jsonl", path = "a b.jsonl" }]"#;
    let wrong = r#"[{ kind = "mini-world" }, { kind = "jsonl", path = "few.jsonl", wieght = 2 }]"#;
    let judge = r#"[{ kind = "mini-world" }, { kind = "jsonl", path = "few.jsonl", rewards = { judge = { command = ["no-such-judge"] } } }]"#;
    let by = |keys: &str| format!("curriculum = {{ {keys} }}");
    for (data, eval, rl, code, words) in [
        (&*twice, world, String::new(), exit::WRONG_CALL, ["data.1.name", "no other source"]),
        (unnamed, world, String::new(), exit::WRONG_CALL, ["data.1.name", "letters"]),
        (wrong, world, String::new(), exit::WRONG_CALL, ["data.1.wieght", "`weight`"]),
        ("[]", world, String::new(), exit::WRONG_CALL, ["reason.data", "at least one table"]),
        (few, weighed, String::new(), exit::WRONG_CALL, ["eval.data.weight", "unknown key"]),
        (judge, world, String::new(), exit::WRONG_CALL, ["program", "no-such-judge"]),
        (
            few,
            world,
            by("by = \"level\", order = [\"easy\"]"),
            exit::WRONG_CALL,
            ["`medium`", "order"],
        ),
        (
            few,
            world,
            by("by = \"pass-rate\", low = 0.9, high = 0.2"),
            exit::WRONG_CALL,
            ["low", "high"],
        ),
        (few, world, by("by = \"age\""), exit::WRONG_CALL, ["curriculum.by", "pass-rate"]),
        (
            few,
            world,
            "entropy_coef = -1".to_owned(),
            exit::WRONG_CALL,
            ["entropy_coef", "at least 0"],
        ),
    ] {
        let out = dir.path().join("run");
        let run = thinkling(start(&tiny(data, eval, &rl).write(dir.path()), &out));
        run.ends_with(code).complains_about(&words);
        assert!(!out.exists(), "nothing has begun");
    }
    let lines = "{\"question\":\"1+1=?\",\"answer\":\"2\"}\n";
    fs::write(dir.path().join("few.jsonl"), lines).expect("written");
    let recipe = tiny(few, world, &by("by = \"level\"")).write(dir.path());
    thinkling(start(&recipe, &dir.path().join("run")))
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["a level", "pass-rate"]);
}
