//! A server that answers as the Hugging Face hub does, with one model of this workspace, and a store on
//! another port that it sends downloads of large files to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

/// The only commit.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// The token that may see what others may not.
pub(crate) const TOKEN: &str = "hf_the_right_one";

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and path.
    pub(crate) line: String,
    pub(crate) range: Option<String>,
    pub(crate) authorization: Option<String>,
    /// Whether it came to the store.
    pub(crate) store: bool,
}

/// What is wrong with the server.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Answers of status 429 before the first good one.
    pub(crate) busy: usize,
    /// So many bodies of the store end after so many bytes.
    pub(crate) cut: (usize, usize),
    /// Such a body then stays open.
    pub(crate) stall: bool,
    /// The store sends all, whatever is asked for.
    pub(crate) no_ranges: bool,
    /// The store sends other bytes.
    pub(crate) damaged: bool,
}

#[derive(Debug)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    asked: Vec<Asked>,
    faults: Faults,
    store: String,
}

/// The server; it ends with the test's process.
#[derive(Debug)]
pub(crate) struct FakeHub {
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
}

impl FakeHub {
    /// Serves the files of `folder` as `tests/base`; and as `tests/gated`, whose files only `TOKEN` may
    /// have. `tests/ggufs` has two files of this kind.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        for file in std::fs::read_dir(folder).expect("a folder") {
            let file = file.expect("a file");
            let name = file.file_name().into_string().expect("UTF-8");
            files.insert(name, std::fs::read(file.path()).expect("readable"));
        }
        let [hub, store] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
        let address = |of: &TcpListener| format!("http://{}", of.local_addr().expect("bound"));
        let endpoint = address(&hub);
        let (asked, faults, store_address) = (Vec::new(), Faults::default(), address(&store));
        let state = State { files, asked, faults, store: store_address };
        let state = Arc::new(Mutex::new(state));
        for (listener, is_store) in [(hub, false), (store, true)] {
            let state = state.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let state = state.clone();
                    std::thread::spawn(move || serve(&stream, &state, is_store));
                }
            });
        }
        Self { endpoint, state }
    }

    /// With these faults from now on, and nothing asked yet.
    pub(crate) fn set(&self, faults: Faults) {
        let mut state = lock(&self.state);
        state.asked.clear();
        state.faults = faults;
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.state).asked.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no test panicked with it")
}

/// One request, then the connection is closed.
fn serve(stream: &TcpStream, state: &Mutex<State>, store: bool) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let mut words = head.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (range, authorization) = (header("range"), header("authorization"));
    let line = format!("{method} {path}");
    let asked = Asked { line, range: range.clone(), authorization, store };
    let mut state = lock(state);
    state.asked.push(asked.clone());
    let reply = match store {
        true => state.store_reply(&path, range.as_deref()),
        false => state.hub_reply(&path, asked.authorization.as_deref()),
    };
    drop(state);
    let Reply { status, headers, body, sent, stall } = reply;
    let mut text =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").ok()?;
    }
    let mut stream = stream;
    stream.write_all(format!("{text}\r\n").as_bytes()).ok()?;
    if method != "HEAD" {
        stream.write_all(&body[..sent.min(body.len())]).ok()?;
        stream.flush().ok()?;
        if stall {
            std::thread::sleep(Duration::from_secs(60));
        }
    }
    Some(())
}

struct Reply {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Bytes of the body that are sent.
    sent: usize,
    /// Whether the connection stays open after them.
    stall: bool,
}

impl Reply {
    fn new(status: &'static str, headers: &[(&'static str, &str)], body: Vec<u8>) -> Self {
        let headers = headers.iter().map(|&(name, value)| (name, value.to_owned())).collect();
        Self { status, headers, body, sent: usize::MAX, stall: false }
    }
}

impl State {
    fn hub_reply(&mut self, path: &str, authorization: Option<&str>) -> Reply {
        let known = authorization.is_some_and(|a| a == format!("Bearer {TOKEN}"));
        if authorization.is_some() && !known {
            let words = "Invalid credentials in Authorization header";
            return Reply::new("401 Unauthorized", &[("X-Error-Message", words)], Vec::new());
        }
        if self.faults.busy > 0 {
            self.faults.busy -= 1;
            let wait = [("Retry-After", "0"), ("X-Error-Message", "slow down")];
            return Reply::new("429 Too Many Requests", &wait, Vec::new());
        }
        let plain = path.split('?').next().unwrap_or_default();
        if let Some(rest) = plain.strip_prefix("/api/models/") {
            let Some((model, revision)) = rest.split_once("/revision/") else {
                return Reply::new("404 Not Found", &[], Vec::new());
            };
            return self.listing(model, revision, known);
        }
        if let Some(rest) = plain.strip_prefix("/api/resolve-cache/") {
            let name = rest.rsplit('/').next().unwrap_or_default();
            return match self.files.get(name) {
                None => {
                    Reply::new("404 Not Found", &[("X-Error-Code", "EntryNotFound")], Vec::new())
                }
                Some(body) => {
                    let etag = format!("\"{}\"", &sha256(body)[..40]);
                    Reply::new(
                        "200 OK",
                        &[("ETag", &etag), ("X-Repo-Commit", COMMIT)],
                        body.clone(),
                    )
                }
            };
        }
        let parts: Vec<&str> = plain.trim_start_matches('/').splitn(5, '/').collect();
        let [owner, model, "resolve", COMMIT, name] = parts.as_slice() else {
            return Reply::new("404 Not Found", &[("X-Error-Code", "RepoNotFound")], Vec::new());
        };
        if *model == "gated" && !known {
            return Reply::new("401 Unauthorized", &[("X-Error-Code", "GatedRepo")], Vec::new());
        }
        let Some(body) = self.files.get(*name) else {
            return Reply::new("404 Not Found", &[("X-Error-Code", "EntryNotFound")], Vec::new());
        };
        // Small files lie with the hub itself, by an address without a host; large ones elsewhere.
        if !name.ends_with(".safetensors") {
            let to = format!("/api/resolve-cache/models/{owner}/{model}/{COMMIT}/{name}?v=1");
            return Reply::new("307 Temporary Redirect", &[("Location", &to)], b"moved".to_vec());
        }
        let (sum, size) = (sha256(body), body.len().to_string());
        let to = format!("{}/{sum}?signature=1", self.store);
        let etag = format!("\"{sum}\"");
        let headers = [
            ("Location", to.as_str()),
            ("X-Linked-Etag", etag.as_str()),
            ("X-Linked-Size", size.as_str()),
            ("X-Repo-Commit", COMMIT),
            ("ETag", "\"of-the-pointer\""),
        ];
        Reply::new("302 Found", &headers, b"found elsewhere".to_vec())
    }

    fn listing(&self, model: &str, revision: &str, known: bool) -> Reply {
        let names: Vec<&str> = match model {
            "tests/base" | "tests/gated" => self.files.keys().map(String::as_str).collect(),
            "tests/ggufs" => vec!["README.md", "small.Q4_0.gguf", "small.Q8_0.gguf"],
            "tests/pickled" => vec!["config.json", "pytorch_model.bin"],
            // To strangers the hub does not tell what is private from what is not there.
            _ if known => {
                return Reply::new(
                    "404 Not Found",
                    &[("X-Error-Code", "RepoNotFound")],
                    Vec::new(),
                );
            }
            _ => {
                let words = "Invalid username or password.";
                return Reply::new("401 Unauthorized", &[("X-Error-Message", words)], Vec::new());
            }
        };
        if !["main", "v1", COMMIT].contains(&revision) {
            return Reply::new(
                "404 Not Found",
                &[("X-Error-Code", "RevisionNotFound")],
                Vec::new(),
            );
        }
        let size = |name: &str| self.files.get(name).map_or(0, Vec::len);
        let siblings: Vec<_> =
            names.iter().map(|name| json!({"rfilename": name, "size": size(name)})).collect();
        let body = json!({"id": model, "sha": COMMIT, "siblings": siblings});
        Reply::new("200 OK", &[("Content-Type", "application/json")], body.to_string().into_bytes())
    }

    fn store_reply(&mut self, path: &str, range: Option<&str>) -> Reply {
        let sum = path.trim_start_matches('/').split('?').next().unwrap_or_default();
        let Some(body) = self.files.values().find(|body| sha256(body) == sum) else {
            return Reply::new("404 Not Found", &[], Vec::new());
        };
        let mut body = body.clone();
        if self.faults.damaged {
            body[0] ^= 1;
        }
        let start = range.and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let mut reply = match start.filter(|_| !self.faults.no_ranges) {
            None => Reply::new("200 OK", &[], body),
            Some(start) => {
                let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
                Reply::new(
                    "206 Partial Content",
                    &[("Content-Range", &range)],
                    body.split_off(start),
                )
            }
        };
        if self.faults.cut.0 > 0 {
            self.faults.cut.0 -= 1;
            (reply.sent, reply.stall) = (self.faults.cut.1, self.faults.stall);
        }
        reply
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes it");
        text
    })
}
