//! A server that speaks the protocol of chat completions, and a proxy before it that injects faults.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// A request of HTTP/1.1 with its body.
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Reads one; `None` where the connection ends before.
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
            let line = head[start..].to_ascii_lowercase();
            if let Some(count) = line.strip_prefix("content-length:") {
                length = count.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Self { head, body })
    }
}

/// Takes connections, each in a thread, until it is dropped.
struct Listening {
    address: String,
    over: Arc<AtomicBool>,
}

impl Listening {
    fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (serve, over) = (Arc::new(serve), Arc::new(AtomicBool::new(false)));
        let stop = over.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let serve = serve.clone();
                thread::spawn(move || serve(stream));
            }
        });
        Self { address, over }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes it up.
        drop(TcpStream::connect(&self.address));
    }
}

fn whole(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A teacher of sums: what it answers follows from the messages and the seed alone. Every fourth seed
/// is wrong, and every fifth has its thoughts apart, as servers do that parse them out.
pub(crate) struct Teacher {
    listening: Listening,
    /// How often each question was answered with each seed.
    answered: Arc<Mutex<BTreeMap<(String, u64), usize>>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Teacher {
    pub(crate) fn start() -> Self {
        Self::answering(answer)
    }

    /// One that answers otherwise; `answer` takes the message and the seed and gives the response.
    pub(crate) fn answering(answer: fn(&str, u64) -> Value) -> Self {
        let answered = Arc::new(Mutex::new(BTreeMap::new()));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (count, seen) = (answered.clone(), heads.clone());
        let listening = Listening::start(move |mut stream| {
            let Some(request) = Request::read(&stream) else { return };
            assert!(request.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"));
            let body: Value = serde_json::from_slice(&request.body).expect("JSON");
            let asked = |key: &str| body.get(key).cloned().unwrap_or_default();
            assert_eq!(asked("model"), "sums");
            let question = body["messages"][0]["content"].as_str().expect("a text").to_owned();
            let seed = asked("seed").as_u64().expect("a seed");
            let answer = answer(&question, seed).to_string();
            *count.lock().expect("counts").entry((question, seed)).or_insert(0) += 1;
            seen.lock().expect("heads").push(request.head);
            // Who asked may be gone.
            let _ =
                stream.write_all(&whole("200 OK", "content-type: application/json\r\n", &answer));
        });
        Self { listening, answered, heads }
    }

    /// How often it was asked in all.
    pub(crate) fn requests(&self) -> usize {
        self.answered.lock().expect("counts").values().sum()
    }

    /// Different questions with different seeds.
    pub(crate) fn different(&self) -> usize {
        self.answered.lock().expect("counts").len()
    }

    /// The heads of all requests.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("heads").clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.listening.address)
    }
}

fn answer(question: &str, seed: u64) -> Value {
    let numbers: Vec<i64> =
        question.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    let sum = numbers.iter().sum::<i64>() + i64::from(seed.is_multiple_of(4));
    let terms: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    let thought = format!("{} = {sum}", terms.join(" + "));
    let said = format!("<answer>{sum}</answer>");
    let message = match seed % 5 {
        0 => json!({"role": "assistant", "content": said, "reasoning_content": thought}),
        _ => json!({"role": "assistant", "content": format!("<think>{thought}</think>{said}")}),
    };
    let finish = if seed.is_multiple_of(7) { "length" } else { "stop" };
    let choice = json!({"index": 0, "message": message, "finish_reason": finish});
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [choice],
        "usage": {"prompt_tokens": question.len(), "completion_tokens": thought.len()},
    })
}

/// What a proxy does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Passes it on.
    None,
    /// Passes it on after so many milliseconds.
    Slow(u64),
    /// Closes the connection.
    Closed,
    /// Ends in the middle of the server's answer.
    Cut,
    /// Answers 200 with something that is not JSON.
    Garbage,
    /// Answers 200 with JSON of another form.
    WrongJson,
    /// Answers 200 without choices.
    NoChoices,
    /// Answers with this status.
    Status(u16),
    /// Answers 429 with `Retry-After` of so many seconds.
    RetryAfter(u64),
}

/// A proxy before a server.
pub(crate) struct Proxy {
    listening: Listening,
    requests: Arc<AtomicUsize>,
}

impl Proxy {
    /// `plan` says what becomes of each request by its number.
    pub(crate) fn start(
        server: &str,
        plan: impl Fn(usize) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let server = server.trim_start_matches("http://").trim_end_matches("/v1").to_owned();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = requests.clone();
        let listening = Listening::start(move |mut stream| {
            let Some(request) = Request::read(&stream) else { return };
            let fault = plan(count.fetch_add(1, Ordering::SeqCst));
            let answer = match fault {
                Fault::None => pass(&server, &request),
                Fault::Slow(ms) => {
                    thread::sleep(Duration::from_millis(ms));
                    pass(&server, &request)
                }
                Fault::Closed => Vec::new(),
                Fault::Cut => {
                    let mut whole = pass(&server, &request);
                    whole.truncate(whole.len() - 20);
                    whole
                }
                Fault::Garbage => whole("200 OK", "", "<html>the model is loading</html>"),
                Fault::WrongJson => whole("200 OK", "", r#"{"error":{"message":"busy"}}"#),
                Fault::NoChoices => whole("200 OK", "", r#"{"choices":[]}"#),
                Fault::Status(status) => {
                    whole(&format!("{status} No"), "", r#"{"error":"no sums today"}"#)
                }
                Fault::RetryAfter(seconds) => {
                    whole("429 Too Many Requests", &format!("retry-after: {seconds}\r\n"), "")
                }
            };
            let _ = stream.write_all(&answer);
            let _ = stream.shutdown(Shutdown::Both);
        });
        Self { listening, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.listening.address)
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// What the server answers to a request.
fn pass(server: &str, request: &Request) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).expect("the server");
    stream.write_all(request.head.as_bytes()).expect("written");
    stream.write_all(&request.body).expect("written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    answer
}
