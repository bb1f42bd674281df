//! `thinkling score`: one line out for each line in, in order, whatever the line holds.

use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use tempfile::tempdir;
use thinkling_e2e::{binary, exit, thinkling};

/// Scores `input` from a file into a file, and gives the lines.
fn score(args: &[&str], input: &[u8]) -> Vec<Value> {
    let dir = tempdir().expect("temporary folder");
    let (from, to) = (dir.path().join("in.jsonl"), dir.path().join("out.jsonl"));
    fs::write(&from, input).expect("written lines");
    let files = ["--in", from.to_str().expect("UTF-8"), "--out", to.to_str().expect("UTF-8")];
    let run = thinkling(["score"].iter().chain(args).chain(&files)).ends_with(exit::DONE);
    assert_eq!(run.stdout, "", "results go to the file");
    let text = fs::read_to_string(&to).expect("results");
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

fn one(kind: &str, line: &Value) -> Value {
    score(&[kind], line.to_string().as_bytes()).remove(0)
}

#[test]
fn a_line_has_id_verdict_reward_extracted_reason_and_time() {
    let line = json!({"id": "a", "gold": "\\frac{1}{2}", "prediction": "so \\boxed{0.5}"});
    let answer = one("math", &line);
    let fields: Vec<&String> = answer.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["id", "verdict", "reward", "extracted", "reason", "us"]);
    assert_eq!(answer["id"], "a");
    assert_eq!((&answer["verdict"], &answer["reward"]), (&json!("correct"), &json!(1.0)));
    assert_eq!(answer["extracted"], "0.5");
    assert!(answer["us"].as_f64().is_some_and(|us| us >= 0.0));
}

#[test]
fn every_kind_judges_right_and_wrong() {
    for (kind, line, verdict, reward) in [
        ("math", json!({"gold": "4", "prediction": "\\sqrt{16}"}), "correct", 1.0),
        ("math", json!({"gold": "4", "prediction": "5"}), "wrong", 0.0),
        ("math", json!({"gold": " ", "prediction": " "}), "gold_error", 0.0),
        ("math", json!({"gold": "4", "prediction": "\\boxed{4"}), "unverifiable", 0.0),
        ("math", json!({"gold": 4, "prediction": 4}), "correct", 1.0),
        ("math", json!({"gold": "4", "prediction_b64": "NA=="}), "correct", 1.0),
        ("choice", json!({"gold": "B", "prediction": "The answer is (B)."}), "correct", 1.0),
        ("choice", json!({"gold": "B", "prediction": "The answer is (C)."}), "wrong", 0.0),
        (
            "countdown",
            json!({"numbers": [1, 2, 3], "goal": 9, "prediction": "(1+2)*3"}),
            "correct",
            1.0,
        ),
        ("countdown", json!({"numbers": [1, 2, 3], "goal": 9, "prediction": "3*3"}), "wrong", 0.0),
        ("format", json!({"text": "<think>a</think><answer>b</answer>"}), "correct", 1.0),
        ("format", json!({"text": "<think>a</think>"}), "wrong", 0.0),
        ("language", json!({"text": "我们先看这个问题", "target": "zh"}), "correct", 1.0),
        ("language", json!({"text": "我们先看这个问题", "target": "en"}), "wrong", 0.0),
        ("reflection", json!({"text": "Wait, that is wrong."}), "wrong", 2.0),
        ("repetition", json!({"text": "one two three four"}), "correct", 1.0),
    ] {
        let answer = one(kind, &line);
        assert_eq!(
            (answer["verdict"].as_str(), answer["reward"].as_f64()),
            (Some(verdict), Some(reward)),
            "{kind} {line} gave {answer}"
        );
        assert_eq!(answer["id"], Value::Null);
    }
}

#[test]
fn lines_that_cannot_be_read_get_an_answer_of_their_own() {
    let lines: &[&[u8]] = &[
        br#"{"id": 1, "gold": "4", "prediction": "4"}"#,
        b"not JSON",
        b"",
        br#"{"id": 2, "prediction": "4"}"#,
        br#"{"id": 3, "gold": "4"}"#,
        br#"{"id": 4, "gold": "4", "prediction": ["4"]}"#,
        b"{\"id\": 5, \"gold\": \"4\", \"prediction\": \"\xff\"}",
        br#"{"id": 6, "gold": "4", "prediction_b64": "?"}"#,
        br#"{"id": 7, "gold": "4", "prediction": "4", "prediction_b64": "NA=="}"#,
        br#"[1, 2]"#,
        br#"{"id": {"a": [8]}, "gold": "4", "prediction": "4"}"#,
    ];
    let answers = score(&["math"], &lines.join(&b'\n'));
    assert_eq!(answers.len(), lines.len());
    for (i, answer) in answers.iter().enumerate() {
        let verdict = if [0, 10].contains(&i) { "correct" } else { "error" };
        assert_eq!(answer["verdict"], verdict, "line {i}: {answer}");
        assert_eq!(answer["reason"].is_null(), verdict == "correct", "line {i}: {answer}");
    }
    assert_eq!((&answers[3]["id"], &answers[4]["id"]), (&json!(2), &json!(3)));
    assert_eq!(answers[5]["id"], 4, "an id that can be read comes back");
    assert_eq!(answers[10]["id"], json!({"a": [8]}));
}

#[test]
fn many_lines_keep_their_order() {
    let line =
        |i: usize| format!("{{\"id\": {i}, \"gold\": \"{i}\", \"prediction\": \"{}\"}}\n", i & !1);
    let input: String = (0..50_000).map(line).collect();
    let answers = score(&["math"], input.as_bytes());
    assert_eq!(answers.len(), 50_000);
    for (i, answer) in answers.iter().enumerate() {
        assert_eq!(answer["id"], i);
        let verdict = if i % 2 == 0 { "correct" } else { "wrong" };
        assert_eq!(answer["verdict"], verdict, "{answer}");
    }
}

#[test]
fn hostile_answers_are_answered_at_once() {
    let huge = "7".repeat(10 << 20);
    for (gold, prediction, verdict) in [
        ("7", format!("\\boxed{{{}}}", "9^".repeat(3) + "9"), "unverifiable"),
        ("7", "{".repeat(100_000) + &"}".repeat(100_000), "unverifiable"),
        ("7", huge.clone(), "unverifiable"),
    ] {
        let answer = one("math", &json!({"gold": gold, "prediction": prediction}));
        assert_eq!(
            answer["verdict"],
            verdict,
            "{}",
            &answer.to_string()[..200.min(answer.to_string().len())]
        );
        let us = answer["us"].as_f64().expect("a time");
        // Far above what it takes, far below what a hang takes.
        assert!(us < 5e6, "{us} microseconds");
    }
}

#[test]
fn templates_say_which_places_count() {
    let lines = concat!(
        "{\"gold\": \"4\", \"prediction\": \"4\"}\n",
        "{\"gold\": \"4\", \"prediction\": \"\\\\boxed{4}\"}\n",
        "{\"gold\": \"4\", \"prediction\": \"<think>a</think><answer>4</answer>\"}\n",
    );
    for (template, correct) in
        [("none", [true; 3]), ("boxed", [false, true, false]), ("r1-zero", [false, false, true])]
    {
        let answers = score(&["math", "--template", template], lines.as_bytes());
        let got: Vec<bool> = answers.iter().map(|a| a["verdict"] == "correct").collect();
        assert_eq!(got, correct, "{template}");
    }
}

#[test]
fn policies_can_be_changed_and_unknown_ones_are_named() {
    let line = json!({"gold": "0.28", "prediction": "28%"}).to_string();
    assert_eq!(score(&["math"], line.as_bytes())[0]["verdict"], "correct");
    let strict = ["math", "--policy", "percent_is_fraction=false"];
    assert_eq!(score(&strict, line.as_bytes())[0]["verdict"], "wrong");
    thinkling(["score", "math", "--policy", "no_such=1"])
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["no_such", "percent_is_fraction"]);
    thinkling(["score", "math", "--policy", "drop_units=perhaps"])
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["drop_units"]);
}

#[test]
fn wrong_calls_are_explained() {
    let dir = tempdir().expect("temporary folder");
    let file = dir.path().join("lines.jsonl");
    fs::write(&file, "{\"gold\": \"4\", \"prediction\": \"4\"}\n").expect("written");
    let file = file.to_str().expect("UTF-8");
    let folder = dir.path().to_str().expect("UTF-8");
    thinkling(["score", "maths"]).ends_with(exit::WRONG_CALL).complains_about(&["maths", "math"]);
    for (args, words) in [
        (["--in", "absent.jsonl"], "absent.jsonl"),
        (["--in", folder], "folder"),
        (["--out", "absent/out.jsonl"], "absent/out.jsonl"),
    ] {
        thinkling(["score", "math"].iter().chain(&args))
            .ends_with(exit::WRONG_CALL)
            .complains_about(&[words]);
    }
    thinkling(["score", "math", "--in", file, "--out", file])
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["--out"]);
    assert!(!fs::read(file).expect("still there").is_empty(), "the input is untouched");
}

/// Another program may write a line, wait for its answer, and go on.
#[test]
fn a_line_is_answered_before_the_next_is_written() {
    let mut child = Command::new(binary())
        .args(["score", "math"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    for i in 0..3 {
        writeln!(input, "{{\"id\": {i}, \"gold\": \"1\", \"prediction\": \"1\"}}")
            .expect("written");
        let mut line = String::new();
        output.read_line(&mut line).expect("an answer");
        let answer: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(answer["id"], i);
    }
    drop(input);
    assert!(child.wait().expect("ended").success());
}
