//! A server that gets the lines of a batch by `POST` and answers with lines.

use std::time::Duration;

use ureq::Agent;

use super::answers::Answers;

/// Bytes of an answer at most.
const MAX_BODY_BYTES: u64 = 64 << 20;
/// Characters of a refusal that a message shows.
const SHOWN: usize = 120;

/// An address.
#[derive(Debug)]
pub(super) struct Http {
    url: String,
}

impl Http {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned() }
    }

    /// Sends a batch and takes the answers.
    pub(super) fn exchange(
        &self,
        lines: &[u8],
        timeout: Duration,
        answers: &mut Answers,
    ) -> Result<(), String> {
        // One connection a batch: between two of them a step passes, and servers close what idles.
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(0)
            .proxy(None)
            .user_agent(concat!("thinkling/", env!("CARGO_PKG_VERSION")))
            .build();
        let failed = |e: ureq::Error| match e {
            ureq::Error::Timeout(_) => {
                format!("{}: no answer within {} s", self.url, timeout.as_secs_f64())
            }
            other => format!("{}: {other}", self.url),
        };
        let mut response = Agent::new_with_config(config)
            .post(&self.url)
            .header("content-type", "application/x-ndjson")
            .send(lines)
            .map_err(failed)?;
        let status = response.status();
        let body = response.body_mut().with_config().limit(MAX_BODY_BYTES).read_to_vec();
        let body = body.map_err(failed)?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body);
            let start: String = text.trim().chars().take(SHOWN).collect();
            return Err(format!("{}: HTTP status {status}, body: {start:?}", self.url));
        }
        body.split(|&b| b == b'\n').try_for_each(|line| answers.take(line))?;
        match answers.is_complete() {
            true => Ok(()),
            false => Err(format!("{}: the answer ended, {}", self.url, answers.progress())),
        }
    }
}
