//! One `POST` with a bounded wait: what rewards from outside, teachers and servers that sample share of
//! HTTP.
//!
//! Left out: proxies of the environment, redirects, connections that are kept open. Servers close what
//! idles between two requests, and a request on such a connection would fail without a fault.

use crate::TrainError;
use std::time::Duration;
use ureq::Agent;
use ureq::http::StatusCode;

/// Bytes of an answer at most.
const MAX_BODY_BYTES: u64 = 64 << 20;
/// Characters of a body that a message shows.
const SHOWN: usize = 120;

/// A text that is not shown.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl Secret {
    /// The header `Authorization` with the key that an environment variable holds.
    ///
    /// # Errors
    /// A variable that is not set, or whose value no header can hold.
    pub(crate) fn bearer_of(name: &str) -> crate::Result<Self> {
        let wrong = |reason| TrainError::ServerKey { name: name.to_owned(), reason };
        match std::env::var(name) {
            Ok(key) if !key.is_empty() && key.bytes().all(|b| (33..127).contains(&b)) => {
                Ok(Self(format!("Bearer {key}")))
            }
            Ok(_) => Err(wrong("is no key")),
            Err(_) => Err(wrong("is not set")),
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

/// What a server answered, whatever its status.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    /// The header `Retry-After`, where there is one.
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Status and the body's first words, for a message.
    pub(crate) fn words(&self) -> String {
        format!("HTTP status {}, body: {:?}", self.status, self.start())
    }

    /// The first words of the body.
    pub(crate) fn start(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        text.trim().chars().take(SHOWN).collect()
    }
}

/// Sends `body` to `url` and waits for the whole answer at most `timeout`.
///
/// # Errors
/// In words, without the address: no connection, a connection that was cut, no answer in time, an
/// answer that is too large.
pub(crate) fn post(
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    timeout: Duration,
) -> Result<Response, String> {
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_idle_connections(0)
        .proxy(None)
        .user_agent(concat!("thinkling/", env!("CARGO_PKG_VERSION")))
        .build();
    let failed = |e: ureq::Error| match e {
        ureq::Error::Timeout(_) => format!("no answer within {} s", timeout.as_secs_f64()),
        other => other.to_string(),
    };
    let request = Agent::new_with_config(config).post(url);
    let request = headers.iter().fold(request, |r, (name, value)| r.header(*name, *value));
    let mut response = request.send(body).map_err(failed)?;
    let status = response.status();
    let retry_after = response.headers().get("retry-after").and_then(|v| v.to_str().ok());
    let retry_after = retry_after.map(str::to_owned);
    let body = response.body_mut().with_config().limit(MAX_BODY_BYTES).read_to_vec();
    Ok(Response { status, retry_after, body: body.map_err(failed)? })
}

#[cfg(test)]
pub(crate) mod testing {
    use std::io::{BufRead, BufReader, Read};
    use std::net::TcpStream;

    /// Reads a request: its head, and the body that the head tells the length of.
    pub(crate) fn read_request(stream: &TcpStream) -> (String, Vec<u8>) {
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            reader.read_line(&mut head).expect("a line");
            let line = head[start..].to_ascii_lowercase();
            if let Some(count) = line.strip_prefix("content-length:") {
                length = count.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the body");
        (head, body)
    }
}
