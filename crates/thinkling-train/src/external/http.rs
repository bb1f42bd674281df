//! A server that gets the lines of a batch by `POST` and answers with lines.

use std::time::Duration;

use super::answers::Answers;
use crate::http::post;

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
        let named = |reason: String| format!("{}: {reason}", self.url);
        let headers = [("content-type", "application/x-ndjson")];
        let response = post(&self.url, &headers, lines, timeout).map_err(named)?;
        if !response.status.is_success() {
            return Err(named(response.words()));
        }
        response.body.split(|&b| b == b'\n').try_for_each(|line| answers.take(line))?;
        match answers.is_complete() {
            true => Ok(()),
            false => Err(named(format!("the answer ended, {}", answers.progress()))),
        }
    }
}
