//! Servers that a test starts.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use thinkling_e2e::{binary, workspace_file};

/// The model that is served.
pub(crate) fn model() -> String {
    workspace_file("recipes/mini-world-base").to_str().expect("UTF-8 path").to_owned()
}

/// A server that is killed when it is dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) address: String,
    /// What it says on stderr after that.
    said: BufReader<std::process::ChildStderr>,
    /// And before.
    pub(crate) began: String,
}

impl Serving {
    pub(crate) fn new(more: &[&str]) -> Self {
        Self::at("0", more)
    }

    /// One that listens on this port.
    pub(crate) fn at(port: &str, more: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(["serve", "--model", &model(), "--port", port, "--device", "cpu"]).args(more);
        let mut child = command
            .env_remove("THINKLING_API_KEY")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut said = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let mut began = String::new();
        let address = loop {
            let mut line = String::new();
            let read = said.read_line(&mut line).expect("UTF-8");
            assert!(read > 0, "it ended: {began}");
            began.push_str(&line);
            if let Some((_, rest)) = line.split_once("on http://") {
                break rest.split_once("/v1").expect("an address").0.to_owned();
            }
        };
        Self { child, address, said, began }
    }

    /// Status and body of an answer.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let mut socket = TcpStream::connect(&self.address).expect("a connection");
        write!(
            socket,
            "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).expect("JSON"))
    }

    /// Its port.
    pub(crate) fn port(&self) -> &str {
        self.address.rsplit(':').next().expect("a port")
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Ends it as Ctrl-C does; gives the exit code and what it said.
    #[cfg(unix)]
    pub(crate) fn interrupt(mut self) -> (Option<i32>, String) {
        self.signal("-INT");
        let code = self.child.wait().expect("an end").code();
        let mut said = self.began.clone();
        self.said.read_to_string(&mut said).expect("UTF-8");
        (code, said)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
