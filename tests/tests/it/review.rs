//! `thinkling review` on a terminal.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use thinkling_e2e::{exit, thinkling};

use crate::pty::{PATIENCE, Screen};
use crate::runs::json_lines;

/// A queue of so many items.
fn queue(items: usize) -> (TempDir, PathBuf) {
    let dir = tempdir().expect("temporary folder");
    let path = dir.path().join("cold.review.jsonl");
    let line = |i: usize| {
        json!({
            "item": i, "id": format!("p{i}"), "question": format!("What is {i} + 1?"),
            "thinking": format!(" {i} and 1 "), "summary": format!(" It is {}.", i + 1),
            "verdict": "correct", "way": "plain", "doubts": ["hardly any thinking"],
        })
        .to_string()
            + "\n"
    };
    fs::write(&path, (0..items).map(line).collect::<String>()).expect("written queue");
    (dir, path)
}

fn review(queue: &Path, env: &[(&str, &str)]) -> Screen {
    Screen::open(&format!("review {}", queue.display()), env)
}

fn decisions(queue: &Path) -> Vec<Value> {
    let path = queue.with_file_name("cold.review.jsonl.decisions.jsonl");
    if path.exists() { json_lines(&path) } else { Vec::new() }
}

#[test]
fn a_person_accepts_rejects_edits_takes_back_and_goes_on_another_day() {
    let (_dir, queue) = queue(4);
    let mut screen = review(&queue, &[("EDITOR", "sed -i 's/It is/So/'")]);
    screen.type_after("item 1 of 4", "a");
    screen.type_after("item 2 of 4", "r");
    screen.type_after("item 3 of 4", "u");
    screen.type_after("taken back: item 2", "e");
    screen.type_after("item 3 of 4", "q");
    let (code, shown) = screen.end();
    assert_eq!(code, Some(exit::WAITS), "{shown}");
    assert!(shown.contains("4 items: 1 accepted, 1 edited, 0 rejected, 2 open"), "{shown}");
    let kinds: Vec<Value> = decisions(&queue)
        .iter()
        .map(|d| if d["undo"] == true { json!("undo") } else { d["decision"].clone() })
        .collect();
    assert_eq!(kinds, ["accept", "reject", "undo", "edit"]);
    assert_eq!(decisions(&queue)[3]["summary"], " So 2.");

    let mut screen = review(&queue, &[("NO_COLOR", "1")]);
    screen.type_after("going on with the first open item", "i");
    screen.type_after("Ctrl-S saves", "Well, \u{13}");
    screen.type_after("item 4 of 4", "r");
    screen.type_after("nothing is open", "g1\r");
    screen.type_after("accepted  (p0, plain)", "q");
    let (code, shown) = screen.end();
    assert_eq!(code, Some(exit::DONE), "{shown}");
    assert!(shown.contains("1 accepted, 2 edited, 1 rejected, 0 open"), "{shown}");
    assert!(!shown.contains("\u{1b}[38;5"), "colours in {shown:?}");
    assert_eq!(decisions(&queue)[4]["thinking"], " Well, 2 and 1 ");
}

#[test]
fn a_killed_review_loses_nothing() {
    let (_dir, queue) = queue(6);
    for (kill, next) in [("item 3 of 6", 2), ("item 5 of 6", 4)] {
        let mut screen = review(&queue, &[]);
        screen.type_after(&format!("item {} of 6", next - 1), "a");
        screen.type_after(&format!("item {next} of 6"), "r");
        screen.type_after(kill, "");
        // `script` ends with it.
        let killed = Command::new("kill").args(["-KILL", &screen.process()]).status();
        assert!(killed.expect("kill starts").success());
        let (code, shown) = screen.end();
        assert_ne!(code, Some(exit::DONE), "{shown}");
        assert_eq!(decisions(&queue).len(), next);
    }
    let path = queue.to_str().expect("UTF-8");
    let run = thinkling(["review", path, "--accept-all"]).ends_with(exit::DONE);
    assert!(run.stdout.contains("4 accepted, 0 edited, 2 rejected, 0 open"), "{run:#?}");
    assert!(run.stdout.contains("2 of them accepted unread"), "{run:#?}");
}

#[test]
fn a_review_ends_when_its_terminal_goes() {
    let (_dir, queue) = queue(3);
    let mut screen = review(&queue, &[]);
    screen.type_after("item 1 of 3", "a");
    screen.type_after("item 2 of 3", "");
    let process = PathBuf::from(format!("/proc/{}", screen.process()));
    screen.cut();
    let since = Instant::now();
    // Whoever takes over orphans may leave it unburied.
    let runs = || fs::read_to_string(process.join("stat")).is_ok_and(|s| !s.contains(") Z "));
    while runs() {
        assert!(since.elapsed() < PATIENCE, "it goes on without a terminal");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(decisions(&queue).len(), 1);
}

#[test]
fn ctrl_c_ends_and_a_narrow_terminal_still_shows_the_keys() {
    let (_dir, queue) = queue(2);
    let mut screen = review(&queue, &[]);
    screen.type_after("a accept  r reject", "?");
    screen.type_after("undo the last decision", " ");
    screen.type_after("item 1 of 2", "\u{3}");
    let (code, shown) = screen.end();
    assert_eq!(code, Some(exit::WAITS), "{shown}");
    assert!(shown.contains("\u{1b}[?1049l"), "the first screen is back: {shown:?}");
    assert!(decisions(&queue).is_empty());
}
