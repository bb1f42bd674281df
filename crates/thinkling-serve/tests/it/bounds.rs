//! Who is let in, with how much, and what a bad request is told.

use crate::served::{NAME, Options, PLAIN, Served, questions};
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;
use thinkling_serve::Limits;

#[test]
fn the_model_is_listed_and_paths_are_told_apart() {
    let served = Served::new(Options::default());
    let list = served.get("/v1/models").ok();
    assert_eq!(list["data"][0]["id"], NAME);
    assert_eq!(served.get(&format!("/v1/models/{NAME}")).ok()["id"], NAME);
    assert!(served.get("/v1/models/other").error(404).contains("other"));
    assert_eq!(served.get("/health").ok(), json!({"status": "ok"}));
    assert!(served.get("/v1/nothing").error(404).contains("/v1/nothing"));
    assert!(served.get("/v1/completions").error(405).contains("GET"));
    let metrics = served.get("/metrics").text;
    for line in [
        "thinkling_requests_total{endpoint=\"/v1/completions\",status=\"405\"} 1",
        "thinkling_rows_limit 24",
        "# TYPE thinkling_first_token_seconds histogram",
        "# EOF",
    ] {
        assert!(metrics.contains(line), "no `{line}`: {metrics}");
    }
}

#[test]
fn a_request_that_cannot_be_met_is_told_why() {
    let served = Served::new(Options::default());
    let refused = |body: Value, status: u16, words: &[&str]| {
        let message = served.complete(body.clone()).error(status);
        for word in words {
            assert!(message.contains(word), "no `{word}` for {body}: {message}");
        }
    };
    refused(json!({}), 400, &["prompt"]);
    refused(json!({"prompt": ""}), 400, &["prompt 0 is empty"]);
    refused(json!({"prompt": []}), 400, &["from 1 to 128", "0"]);
    refused(json!({"prompt": [1, -2]}), 400, &["`prompt`: expected"]);
    refused(json!({"prompt": [1, 137]}), 400, &["below 137", "137"]);
    refused(json!({"prompt": vec![14; 256]}), 400, &["at most 255 tokens", "256"]);
    refused(json!({"prompt": "1", "max_tokens": 256}), 400, &["max_tokens", "at most 255"]);
    refused(json!({"prompt": "1", "max_tokens": 1e30}), 400, &["max_tokens"]);
    refused(json!({"prompt": "1", "n": 25}), 400, &["from 1 to 24"]);
    refused(json!({"prompt": vec!["1"; 129]}), 400, &["128"]);
    refused(json!({"prompt": "1", "logprobs": 21}), 400, &["at most 20"]);
    refused(json!({"prompt": "1", "top_p": 0}), 400, &["top-p"]);
    refused(json!({"prompt": "1", "echo": true}), 400, &["echo"]);
    refused(json!({"prompt": "1", "model": "gpt-4"}), 404, &["gpt-4", NAME]);
    let mut asked = json!({"prompt": "1", "temperature": "hot"});
    assert!(served.complete(asked.clone()).error(400).contains("`temperature`: invalid type"));
    asked["temperature"] = Value::Null;
    served.complete(asked).ok();
}

#[test]
fn garbage_is_an_error_and_nothing_else() {
    let limits = Limits { body_bytes: 10_000, ..Options::default().limits };
    let served = Served::new(Options { limits, template: Some(PLAIN), ..Options::default() });
    let path = "/v1/chat/completions";
    for body in [&b""[..], b"{", b"[]", b"null", b"\xff\xfe\x00", b"{\"messages\": 5}", b"1e999"] {
        served.post_bytes(path, "application/json", body).error(400);
    }
    let nested = [vec![b'['; 4000], vec![b']'; 4000]].concat();
    served.post_bytes(path, "application/json", &nested).error(400);
    let large = json!({"prompt": "1".repeat(10_000)}).to_string();
    served.post_bytes("/v1/completions", "application/json", large.as_bytes()).error(413);
    let small = br#"{"prompt": "1"}"#;
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let answer = served.post_bytes("/v1/completions", content_type, small);
        assert!(answer.error(415).contains("application/json"));
    }
    served.post_bytes("/v1/completions", "application/json; charset=utf-8", small).ok();
}

#[test]
fn only_the_key_opens() {
    let mut served = Served::new(Options { key: Some("s3cret"), ..Options::default() });
    served.complete(json!({"prompt": "1"})).ok();
    for wrong in [None, Some("s3cre"), Some("")] {
        served.key = wrong;
        let answer = served.complete(json!({"prompt": "1"}));
        assert!(answer.error(401).contains("Authorization"));
        assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
        served.get("/v1/models").error(401);
        served.post("/v1/weights", &json!({})).error(401);
        served.get("/health").ok();
        assert_eq!(served.get("/metrics").status, 200);
    }
}

#[test]
fn a_full_server_says_come_again() {
    let limits = Limits { rows: 1, queue: 1, ..Options::default().limits };
    let pause = Duration::from_millis(10);
    let served = Served::new(Options { limits, pause, ..Options::default() });
    let long = json!({"prompt": questions()[0], "max_tokens": 100, "ignore_eos": true});
    thread::scope(|scope| {
        let ask = || served.complete(long.clone());
        let first = scope.spawn(ask);
        served.wait_for("thinkling_rows_running", |rows| rows == 1.0);
        let second = scope.spawn(ask);
        served.wait_for("thinkling_requests_waiting", |waiting| waiting == 1.0);
        let third = ask();
        assert!(third.error(429).contains("full"));
        assert!(third.retry_after.is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
        let [first, second] = [first, second].map(|asked| asked.join().expect("an answer").ok());
        assert_eq!(first["choices"][0]["token_ids"], second["choices"][0]["token_ids"]);
    });
    served.complete(json!({"prompt": "1", "max_tokens": 2})).ok();
}

#[test]
fn what_takes_too_long_is_ended_and_its_rows_are_free() {
    let limits =
        Limits { request_timeout: Duration::from_millis(300), ..Options::default().limits };
    let pause = Duration::from_millis(20);
    let served = Served::new(Options { limits, pause, ..Options::default() });
    let long = json!({"prompt": "1", "max_tokens": 200, "ignore_eos": true, "n": 2});
    let answer = served.complete(long.clone());
    assert_eq!(answer.json()["error"]["code"], "timeout");
    answer.error(504);
    let mut streamed = long;
    streamed["stream"] = json!(true);
    let events = served.complete(streamed).events();
    assert!(events.len() > 1);
    assert_eq!(events.last().expect("events")["error"]["code"], "timeout");
    served.wait_for("thinkling_rows_running", |rows| rows == 0.0);
    assert_eq!(served.metric("thinkling_completions_abandoned_total"), 4.0);
}

#[test]
fn what_does_not_fit_the_cache_waits_and_then_runs() {
    // Three at once would fit the rows, two fit the cache.
    let limits = Limits { cache_tokens: 300, ..Options::default().limits };
    let served =
        Served::new(Options { limits, pause: Duration::from_millis(2), ..Options::default() });
    let prompt = &questions()[0];
    let asked = json!({"prompt": prompt, "max_tokens": 100, "ignore_eos": true});
    let expected = served.complete(asked.clone()).ok()["choices"][0]["token_ids"].clone();
    thread::scope(|scope| {
        let ask = || served.complete(asked.clone()).ok();
        let asked: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        for asked in asked {
            assert_eq!(asked.join().expect("an answer")["choices"][0]["token_ids"], expected);
        }
    });
    let refused = served.complete(json!({"prompt": prompt, "max_tokens": 100, "n": 3}));
    assert!(refused.error(400).contains("at most 300 tokens"));
    assert_eq!(refused.json()["error"]["code"], "context_length_exceeded");
}

#[test]
fn a_stopped_server_lets_what_runs_end() {
    let served = Served::new(Options { pause: Duration::from_millis(10), ..Options::default() });
    let asked = json!({"prompt": "1", "max_tokens": 60, "ignore_eos": true});
    let (answer, ended) = thread::scope(|scope| {
        let running = scope.spawn(|| served.complete(asked));
        served.wait_for("thinkling_rows_running", |rows| rows == 1.0);
        served.stopper.stop();
        let answer = running.join().expect("an answer");
        (answer, std::net::TcpStream::connect(served.address).is_err())
    });
    assert_eq!(answer.ok()["usage"]["completion_tokens"], 60);
    assert!(ended, "nothing new is accepted");
    served.ended().expect("an orderly end");
}
