//! A pseudo-terminal, of util-linux's `script`.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use thinkling_e2e::binary;

/// What a test gives up after; nothing here takes a tenth of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A call on a terminal of 80 x 24.
pub(crate) struct Screen {
    child: Child,
    seen: Arc<Mutex<String>>,
}

impl Screen {
    /// Starts the binary with these arguments, as a shell reads them.
    pub(crate) fn open(args: &str, env: &[(&str, &str)]) -> Self {
        let call = format!("stty rows 24 columns 80; exec {} {args}", binary().display());
        let mut command = Command::new("script");
        command.args(["--quiet", "--flush", "--return", "--command", &call, "/dev/null"]);
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

    /// Process id of the call, the child of `script`.
    pub(crate) fn process(&self) -> String {
        let id = self.child.id();
        let children = format!("/proc/{id}/task/{id}/children");
        fs::read_to_string(children).expect("a child").trim().to_owned()
    }

    /// What was shown since the last keys.
    pub(crate) fn seen(&self) -> String {
        self.seen.lock().expect("text").clone()
    }

    /// Types, once `before` was shown since the last keys; what is shown now counts no more.
    pub(crate) fn type_after(&mut self, before: &str, keys: &str) {
        self.until(|seen| seen.contains(before));
        self.seen.lock().expect("text").clear();
        self.keys(keys);
    }

    /// Types.
    pub(crate) fn keys(&mut self, keys: &str) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        input.write_all(keys.as_bytes()).and_then(|()| input.flush()).expect("typed");
    }

    /// Waits for words and gives what was shown up to their end, which counts no more.
    pub(crate) fn wait_for(&self, words: &str) -> String {
        self.until(|seen| seen.contains(words));
        let mut seen = self.seen.lock().expect("text");
        let end = seen.find(words).expect("it is there") + words.len();
        seen.drain(..end).collect()
    }

    /// Waits until something holds of what is shown.
    pub(crate) fn until(&self, holds: impl Fn(&str) -> bool) {
        let since = Instant::now();
        while !holds(&self.seen()) {
            assert!(since.elapsed() < PATIENCE, "it does not come: {:?}", self.seen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end and gives the exit status with what was shown last.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
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

    /// Takes the terminal away.
    pub(crate) fn cut(&mut self) {
        self.child.kill().expect("`script` is killed");
        self.child.wait().expect("`script` ends");
    }
}
