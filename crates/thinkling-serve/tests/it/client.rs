//! A client of the server.

use crate::served::Served;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::http::Response;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) text: String,
}

impl Answer {
    fn of(mut response: Response<ureq::Body>) -> Self {
        let header = response.headers().get("retry-after");
        let retry_after = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = response.body_mut().read_to_string().expect("a body");
        Self { status: response.status().as_u16(), retry_after, text }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// An answer that is no error.
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// The message of an error in OpenAI's shape.
    pub(crate) fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        let error = &self.json()["error"];
        for field in ["message", "type", "param", "code"] {
            assert!(error.get(field).is_some(), "no `{field}`: {error}");
        }
        error["message"].as_str().expect("a message").to_owned()
    }

    /// The data of a stream's events; the last is `[DONE]`.
    pub(crate) fn events(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text);
        let lines = self.text.lines().filter(|line| !line.is_empty() && !line.starts_with(':'));
        let mut data: Vec<&str> =
            lines.map(|line| line.strip_prefix("data: ").expect("an event")).collect();
        assert_eq!(data.pop(), Some("[DONE]"), "{}", self.text);
        data.into_iter().map(|data| serde_json::from_str(data).expect("JSON")).collect()
    }
}

impl Served {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let mut request = agent().get(self.url(path));
        if let Some(key) = self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        Answer::of(request.call().expect("an answer"))
    }

    /// Posts any bytes.
    pub(crate) fn post_bytes(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let mut request = agent().post(self.url(path)).header("content-type", content_type);
        if let Some(key) = self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        Answer::of(request.send(body).expect("an answer"))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_bytes(path, "application/json", body.to_string().as_bytes())
    }

    /// A completion, with what is given over the usual.
    pub(crate) fn complete(&self, given: Value) -> Answer {
        let mut body = json!({"max_tokens": 40, "temperature": 0, "return_token_ids": true});
        let given = given.as_object().expect("an object");
        body.as_object_mut().expect("an object").extend(given.clone());
        self.post("/v1/completions", &body)
    }

    /// A number of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}: {text}")).parse().expect("a number")
    }

    /// Waits until a number of `/metrics` is as wanted.
    pub(crate) fn wait_for(&self, name: &str, wanted: impl Fn(f64) -> bool) {
        let start = Instant::now();
        while !wanted(self.metric(name)) {
            assert!(start.elapsed() < PATIENCE, "{name} stays {}", self.metric(name));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
    config.build().into()
}

/// The token ids of a choice.
pub(crate) fn token_ids(choice: &Value) -> Vec<u32> {
    serde_json::from_value(choice["token_ids"].clone()).expect("token ids")
}
