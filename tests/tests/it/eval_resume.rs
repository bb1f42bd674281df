//! Evaluations that are killed or stopped go on without asking again, and end as the others do.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{Run, copy_files, exit, thinkling, workspace_file};

use crate::eval::{base, call, lasting, text};
use crate::runs::{Moments, Running, snapshot};

/// One that takes long enough to be stopped in the middle.
const LONG: [&str; 5] = ["--limit", "400", "--samples", "16", "--json"];
const ANSWERS: usize = 6400;

fn lines(out: &Path) -> usize {
    let bytes = fs::read(out.join("completions.jsonl")).unwrap_or_default();
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

fn resume(out: &Path, more: &[&str]) -> Vec<String> {
    let mut words = call(out, more);
    words.push("--resume".to_owned());
    words
}

/// What an evaluation ended with: its report, and every completion byte for byte.
fn results(run: &Run, out: &Path) -> (Value, Vec<u8>) {
    (lasting(run.json()), fs::read(out.join("completions.jsonl")).expect("completions"))
}

fn whole(dir: &Path, more: &[&str]) -> ((Value, Vec<u8>), Duration) {
    let (out, since) = (dir.join("whole"), Instant::now());
    let run = thinkling(call(&out, more)).ends_with(exit::DONE);
    (results(&run, &out), since.elapsed())
}

#[test]
fn evaluations_killed_at_random_moments_end_as_the_uninterrupted_one() {
    let dir = tempdir().expect("temporary folder");
    let (expected, took) = whole(dir.path(), &LONG);
    let (mut killed, mut went_on) = (0, 0);
    for seed in [1, 2] {
        let mut moments = Moments(seed);
        let out = dir.path().join(format!("killed-{seed}"));
        let mut ended = None;
        for kill in 0..6 {
            // What a process takes before it asks is a part of this too.
            let delay = took.mul_f64(0.15 + 0.3 * moments.next());
            // The folder may be there and empty: then it begins.
            let words = if out.exists() { resume(&out, &LONG) } else { call(&out, &LONG) };
            let there = lines(&out);
            let run = Running::spawn(words).kill_after(delay);
            println!(
                "seed {seed}: kill {kill} after {delay:?}, {there} answers, code {:?}",
                run.code
            );
            assert!(!run.stderr.contains("panicked at"), "a panic in {run:#?}");
            assert!(lines(&out) >= there, "answers were lost: {run:#?}");
            let told = format!("{there} of {ANSWERS} completions are there already");
            went_on += usize::from(there > 0 && run.stderr.contains(&told));
            match run.code {
                None => killed += 1,
                Some(_) => {
                    ended = Some(run);
                    break;
                }
            }
        }
        let ended = ended.unwrap_or_else(|| thinkling(resume(&out, &LONG))).ends_with(exit::DONE);
        let got = results(&ended, &out);
        assert_eq!(got.0, expected.0, "the report of seed {seed}");
        assert!(got.1 == expected.1, "the completions of seed {seed} differ");
        assert!(!snapshot(&out).keys().any(|p| p.to_string_lossy().contains(".tmp-")));
    }
    println!("{killed} kills, {went_on} attempts went on");
    assert!(killed >= 2 && went_on >= 2, "the kills came too late or too early");
}

#[test]
fn what_is_there_is_not_asked_again_and_half_a_line_is() {
    let dir = tempdir().expect("temporary folder");
    let more = ["--limit", "6", "--samples", "3", "--json"];
    let (expected, _) = whole(dir.path(), &more);
    let text = String::from_utf8(expected.1.clone()).expect("UTF-8");
    let kept: Vec<&str> = text.lines().collect();
    let out = dir.path().join("cut");
    fs::create_dir(&out).expect("folder");
    let settings = dir.path().join("whole/settings.json");
    fs::copy(settings, out.join("settings.json")).expect("copied settings");
    // Answers of the second and fourth problem, out of order, one marked so that asking again
    // would show, and half of another.
    let marked = kept[4].replace("\"note\":", "\"mark\":1,\"note\":");
    assert_ne!(marked, kept[4]);
    let half = &kept[10][..kept[10].len() / 2];
    fs::write(out.join("completions.jsonl"), format!("{}\n{marked}\n{half}", kept[9]))
        .expect("written answers");
    let run = thinkling(resume(&out, &more)).ends_with(exit::DONE);
    assert!(run.stderr.contains("2 of 18 completions are there already"), "{run:#?}");
    let (report, completions) = results(&run, &out);
    assert_eq!(report, expected.0);
    let got = String::from_utf8(completions).expect("UTF-8");
    assert_eq!(got.replace("\"mark\":1,", ""), text);
    assert!(got.contains("\"mark\":1"), "the marked answer was asked again");
    // All is there: nothing is asked, and the report is the same.
    let again = thinkling(resume(&out, &more)).ends_with(exit::DONE).json();
    assert!(again["tokens_per_s"].is_null(), "{again}");
    assert_eq!(lasting(again), report);
}

#[test]
fn a_folder_is_neither_overwritten_nor_continued_with_other_settings() {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("eval");
    let more = ["--limit", "4", "--samples", "2"];
    let _ = thinkling(call(&out, &more)).ends_with(exit::DONE);
    let before = snapshot(&out);
    let refused = |words: Vec<String>, said: &[&str]| {
        thinkling(words).ends_with(exit::WRONG_CALL).complains_about(said);
        assert!(snapshot(&out) == before, "the folder has changed");
    };
    refused(call(&out, &more), &["already holds an evaluation", "--resume"]);
    let other = ["--limit", "4", "--samples", "3", "--seed", "5"];
    refused(resume(&out, &other), &["samples was 2 and is 3", "seed was 0 and is 5"]);

    // Another model and other data under the same call.
    let model = dir.path().join("model");
    fs::create_dir(&model).expect("folder");
    copy_files(&base(), &model);
    fs::write(model.join("measured.json"), "{}").expect("written");
    let data = workspace_file("web/problems.json");
    let mut words = resume(&out, &more);
    words[2] = text(&model).to_owned();
    words[4] = text(&data).to_owned();
    refused(words, &["the model is another one", "the data is another one"]);

    let absent = dir.path().join("absent");
    thinkling(resume(&absent, &more)).ends_with(exit::WRONG_CALL).complains_about(&["absent"]);
}

#[test]
fn a_damaged_line_in_the_middle_is_named() {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("eval");
    let more = ["--limit", "2", "--samples", "2"];
    let _ = thinkling(call(&out, &more)).ends_with(exit::DONE);
    let path = out.join("completions.jsonl");
    let text = fs::read_to_string(&path).expect("completions");
    let damaged: Vec<&str> =
        text.lines().enumerate().map(|(i, line)| if i == 1 { &line[..9] } else { line }).collect();
    fs::write(&path, damaged.join("\n") + "\n").expect("written");
    thinkling(resume(&out, &more))
        .ends_with(exit::BAD_INPUT)
        .complains_about(&["completions.jsonl", "line 2"]);
}

#[test]
fn an_evaluation_that_goes_on_cannot_be_resumed_beside_itself() {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("eval");
    let mut running = Running::spawn(call(&out, &LONG));
    running.wait_until("the first answer", || lines(&out) > 0);
    thinkling(resume(&out, &LONG)).ends_with(exit::FAILED).complains_about(&["in use"]);
    let _ = running.kill();
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_has_ended_and_says_how_to_go_on() {
    let dir = tempdir().expect("temporary folder");
    let (expected, _) = whole(dir.path(), &LONG);
    let out = dir.path().join("stopped");
    let mut running = Running::spawn(call(&out, &LONG));
    running.wait_until("some answers", || lines(&out) > 10);
    let run = running.interrupt().ends_with(exit::DONE);
    assert!(run.stdout.is_empty() && run.stderr.contains("--resume"), "{run:#?}");
    let there = lines(&out);
    assert!((10..ANSWERS).contains(&there), "{there} answers");
    let run = thinkling(resume(&out, &LONG)).ends_with(exit::DONE);
    assert!(run.stderr.contains(&format!("{there} of {ANSWERS}")), "{run:#?}");
    assert!(results(&run, &out) == expected, "the results differ");
}
