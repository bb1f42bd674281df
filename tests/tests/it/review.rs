//! `thinkling review` on a terminal: a pseudo-terminal of util-linux's `script`.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use thinkling_e2e::{binary, exit, thinkling};

use crate::runs::json_lines;

/// What a test gives up after; nothing here takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// A review on a terminal of 80 x 24.
struct Screen {
    child: Child,
    seen: Arc<Mutex<String>>,
}

impl Screen {
    fn open(queue: &Path, env: &[(&str, &str)]) -> Self {
        let review = format!(
            "stty rows 24 columns 80; exec {} review {}",
            binary().display(),
            queue.display()
        );
        let mut command = Command::new("script");
        command.args(["--quiet", "--flush", "--return", "--command", &review, "/dev/null"]);
        command.env_remove("VISUAL").env_remove("EDITOR").env("TERM", "xterm");
        command.envs(env.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("`script` of util-linux is there");
        let mut out = child.stdout.take().expect("a pipe");
        let seen = Arc::new(Mutex::new(String::new()));
        let shown = seen.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                shown.lock().expect("text").push_str(&text);
            }
        });
        Self { child, seen }
    }

    /// Process id of the review, the child of `script`.
    fn review(&self) -> String {
        let id = self.child.id();
        let children = format!("/proc/{id}/task/{id}/children");
        fs::read_to_string(children).expect("a child").trim().to_owned()
    }

    fn seen(&self) -> String {
        self.seen.lock().expect("text").clone()
    }

    /// Types, once `before` was shown since the last keys.
    fn type_after(&mut self, before: &str, keys: &str) {
        let since = Instant::now();
        while !self.seen().contains(before) {
            assert!(since.elapsed() < PATIENCE, "no `{before}` in {}", self.seen());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.seen.lock().expect("text").clear();
        let input = self.child.stdin.as_mut().expect("a pipe");
        input.write_all(keys.as_bytes()).and_then(|()| input.flush()).expect("typed");
    }

    /// Waits for the end and gives the exit status with what was shown last.
    fn end(mut self) -> (Option<i32>, String) {
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child's state") {
                break status;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end: {}", self.seen());
            std::thread::sleep(Duration::from_millis(5));
        };
        // The reader may have a piece to go.
        std::thread::sleep(Duration::from_millis(50));
        (status.code(), self.seen())
    }
}

fn decisions(queue: &Path) -> Vec<Value> {
    let path = queue.with_file_name("cold.review.jsonl.decisions.jsonl");
    if path.exists() { json_lines(&path) } else { Vec::new() }
}

#[test]
fn a_person_accepts_rejects_edits_takes_back_and_goes_on_another_day() {
    let (_dir, queue) = queue(4);
    let mut screen = Screen::open(&queue, &[("EDITOR", "sed -i 's/It is/So/'")]);
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

    let mut screen = Screen::open(&queue, &[("NO_COLOR", "1")]);
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
        let mut screen = Screen::open(&queue, &[]);
        screen.type_after(&format!("item {} of 6", next - 1), "a");
        screen.type_after(&format!("item {next} of 6"), "r");
        screen.type_after(kill, "");
        // `script` ends with it.
        let killed = Command::new("kill").args(["-KILL", &screen.review()]).status();
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
    let mut screen = Screen::open(&queue, &[]);
    screen.type_after("item 1 of 3", "a");
    screen.type_after("item 2 of 3", "");
    let process = PathBuf::from(format!("/proc/{}", screen.review()));
    screen.child.kill().expect("`script` is killed");
    screen.child.wait().expect("`script` ends");
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
    let mut screen = Screen::open(&queue, &[]);
    screen.type_after("a accept  r reject", "?");
    screen.type_after("undo the last decision", " ");
    screen.type_after("item 1 of 2", "\u{3}");
    let (code, shown) = screen.end();
    assert_eq!(code, Some(exit::WAITS), "{shown}");
    assert!(shown.contains("\u{1b}[?1049l"), "the first screen is back: {shown:?}");
    assert!(decisions(&queue).is_empty());
}
