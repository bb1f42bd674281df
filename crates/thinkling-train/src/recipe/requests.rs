//! Keys of everything that asks servers: teachers, and servers that sample.

use std::time::Duration;

use serde::Serialize;

use super::range::SECONDS;
use super::section::Section;
use crate::error::Result;
use crate::retry::Backoff;

/// Each request has a thread.
const MAX_CONCURRENCY: u64 = 1024;

/// How a server is asked. The defaults are those of who asks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestKeys {
    /// Environment variable with the key, which is sent as `Authorization: Bearer`. Default: none is
    /// sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// Requests at once to each server.
    pub concurrency: usize,
    /// Seconds that one request may take.
    pub timeout_seconds: f64,
    /// How often something that failed is tried again.
    pub retries: usize,
    /// Seconds before the first of these; each later wait is twice as long, by a random factor from
    /// 0.5 to 1.
    pub backoff_seconds: f64,
    /// The longest such wait. A server's `Retry-After` may ask for more.
    pub max_backoff_seconds: f64,
}

impl RequestKeys {
    /// Reads the keys of `s`, over these defaults.
    pub(super) fn read(mut self, s: &mut Section<'_>) -> Result<Self> {
        self.api_key_env = s.text("api_key_env")?;
        let mut concurrency = self.concurrency as u64;
        s.integer("concurrency", &mut concurrency, 1, MAX_CONCURRENCY)?;
        // Fits: a small number.
        self.concurrency = concurrency as usize;
        s.float("timeout_seconds", &mut self.timeout_seconds, SECONDS)?;
        s.count("retries", &mut self.retries, 0)?;
        s.float("backoff_seconds", &mut self.backoff_seconds, SECONDS)?;
        s.float("max_backoff_seconds", &mut self.max_backoff_seconds, SECONDS)?;
        Ok(self)
    }

    /// Time that one request may take.
    pub(crate) fn timeout(&self) -> Duration {
        // A recipe's times are above 0 and up to a day.
        Duration::from_secs_f64(self.timeout_seconds)
    }

    /// The waits.
    pub(crate) fn backoff(&self) -> Backoff {
        Backoff {
            first: Duration::from_secs_f64(self.backoff_seconds),
            longest: Duration::from_secs_f64(self.max_backoff_seconds),
        }
    }
}
