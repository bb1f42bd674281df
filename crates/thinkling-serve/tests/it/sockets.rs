//! Clients that behave badly: go away, read slowly, send half a request.

use crate::served::{Options, Served, questions};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;
use thinkling_serve::Limits;

/// Sends a request and leaves the answer unread.
fn send(served: &Served, body: &Value) -> TcpStream {
    let mut socket = TcpStream::connect(served.address).expect("a connection");
    let body = body.to_string();
    let head = format!(
        "POST /v1/completions HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).expect("sent");
    socket.write_all(body.as_bytes()).expect("sent");
    socket
}

fn long(is_stream: bool) -> Value {
    json!({"prompt": questions()[0], "max_tokens": 150, "ignore_eos": true, "n": 4,
        "stream": is_stream})
}

#[test]
fn a_client_that_goes_away_frees_its_rows() {
    for is_stream in [false, true] {
        let pause = Duration::from_millis(20);
        let served = Served::new(Options { pause, ..Options::default() });
        let socket = send(&served, &long(is_stream));
        served.wait_for("thinkling_rows_running", |rows| rows == 4.0);
        drop(socket);
        served.wait_for("thinkling_rows_running", |rows| rows == 0.0);
        served.wait_for("thinkling_cache_tokens_taken", |tokens| tokens == 0.0);
        served.wait_for("thinkling_requests_in_flight", |requests| requests == 0.0);
        assert_eq!(served.metric("thinkling_completions_abandoned_total"), 4.0);
        assert!(served.metric("thinkling_completion_tokens_total") < 600.0);
    }
}

#[test]
fn one_who_goes_away_while_it_waits_leaves_the_queue() {
    let limits = Limits { rows: 4, ..Options::default().limits };
    let pause = Duration::from_millis(20);
    let served = Served::new(Options { limits, pause, ..Options::default() });
    let running = send(&served, &long(true));
    served.wait_for("thinkling_rows_running", |rows| rows == 4.0);
    let waiting = send(&served, &long(true));
    served.wait_for("thinkling_requests_waiting", |waiting| waiting == 1.0);
    drop(waiting);
    served.wait_for("thinkling_requests_waiting", |waiting| waiting == 0.0);
    assert_eq!(served.metric("thinkling_rows_running"), 4.0);
    drop(running);
    served.wait_for("thinkling_rows_running", |rows| rows == 0.0);
}

#[test]
fn slow_readers_hold_nobody_up() {
    let limits = Limits { stall_timeout: Duration::from_secs(2), ..Options::default().limits };
    let served = Served::new(Options { limits, ..Options::default() });
    // Every token with 20 others: more than the sockets take.
    let mut asked = long(true);
    asked["logprobs"] = json!(20);
    let slow: Vec<TcpStream> = (0..4).map(|_| send(&served, &asked)).collect();
    served.wait_for("thinkling_rows_running", |rows| rows > 0.0);
    let quick = json!({"prompt": questions()[1], "max_tokens": 20});
    thread::scope(|scope| {
        let ask = || served.complete(quick.clone()).ok();
        let asked: Vec<_> = (0..12).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().for_each(|asked| drop(asked.join().expect("an answer")));
    });
    // Their tokens are all drawn, though nobody has read them.
    served.wait_for("thinkling_rows_running", |rows| rows == 0.0);
    let tokens = 4.0 * 4.0 * 150.0;
    assert!(served.metric("thinkling_completion_tokens_total") >= tokens);
    for mut socket in slow {
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
        let mut all = Vec::new();
        // Whoever began to read in time gets all of it, others are cut off.
        let _ = socket.read_to_end(&mut all);
        assert!(all.starts_with(b"HTTP/1.1 200"));
    }
    served.wait_for("thinkling_requests_in_flight", |requests| requests == 0.0);
}

#[test]
fn a_refused_body_leaves_its_connection_usable() {
    let served = Served::new(Options::default());
    let mut socket = TcpStream::connect(served.address).expect("a connection");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
    let body = "[".repeat(200_000);
    for (line, status) in [
        ("POST /v1/nothing", 404),
        ("POST /health", 405),
        ("POST /v1/weights", 403),
        ("POST /v1/completions", 415),
        ("POST /v1/nothing", 404),
    ] {
        let length = body.len();
        write!(socket, "{line} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n{body}")
            .expect("sent");
        let mut answer = Vec::new();
        let whole = |answer: &[u8]| {
            let text = String::from_utf8_lossy(answer).into_owned();
            let (head, rest) = text.split_once("\r\n\r\n")?;
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
            (length.parse::<usize>().ok()? == rest.len()).then_some(text)
        };
        let text = loop {
            let mut some = [0; 4096];
            let read = socket.read(&mut some).expect("an answer");
            assert!(read > 0, "{line}: the connection was closed");
            answer.extend_from_slice(&some[..read]);
            if let Some(text) = whole(&answer) {
                break text;
            }
        };
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {text}");
    }
}

#[test]
fn half_a_request_is_not_waited_for_without_end() {
    let limits = Limits { stall_timeout: Duration::from_millis(300), ..Options::default().limits };
    let served = Served::new(Options { limits, ..Options::default() });
    let half = |text: &str| {
        let mut socket = TcpStream::connect(served.address).expect("a connection");
        socket.write_all(text.as_bytes()).expect("sent");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an end");
        answer
    };
    half("POST /v1/completions HTTP/1.1\r\nhost: te");
    let answer = half(
        "POST /v1/completions HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: 50\r\n\r\n{\"prom",
    );
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    served.complete(json!({"prompt": "1"})).ok();
}
