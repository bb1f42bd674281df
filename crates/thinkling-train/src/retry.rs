//! Which faults of a server pass, and how long to wait for that.

use crate::http::Response;
use std::time::{Duration, SystemTime};
use ureq::http::StatusCode;

/// What a server may ask for at most; who asks for more is asked again after this.
const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It may pass: the request is worth another try, after the wait that the server asked for.
    Passing { reason: String, asked: Option<Duration> },
    /// The same request would fail again.
    Lasting { reason: String },
}

impl Fault {
    pub(crate) fn passing(reason: String) -> Self {
        Self::Passing { reason, asked: None }
    }

    /// That of a response that is no success. 408 (the server waited too long), 429 (too many
    /// requests) and 5xx pass; other refusals are meant.
    pub(crate) fn of(response: &Response, now: SystemTime) -> Self {
        let (status, reason) = (response.status, response.words());
        let passes = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
        if !passes.contains(&status) && !status.is_server_error() {
            return Self::Lasting { reason };
        }
        let asked = response.retry_after.as_deref().and_then(|text| retry_after(text, now));
        Self::Passing { reason, asked }
    }
}

/// The wait of a header `Retry-After` (RFC 9110, section 10.2.3): seconds, or the time to wait for.
pub(crate) fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(LONGEST_ASKED));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    Some(then.duration_since(now).unwrap_or_default().min(LONGEST_ASKED))
}

/// Exponential backoff with jitter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// Before the first retry.
    pub(crate) first: Duration,
    /// At most.
    pub(crate) longest: Duration,
}

impl Backoff {
    /// The wait before retry `retry`, counted from 0: `min(longest, first 2^retry)` by a factor from
    /// 0.5 to 1 (`jitter` from 0 to 1), so that requests that failed together do not come back
    /// together; and never shorter than what the server `asked` for.
    pub(crate) fn wait(&self, retry: usize, jitter: f64, asked: Option<Duration>) -> Duration {
        let doublings = i32::try_from(retry.min(60)).unwrap_or(60);
        let seconds =
            (self.first.as_secs_f64() * 2f64.powi(doublings)).min(self.longest.as_secs_f64());
        let own = Duration::from_secs_f64(seconds * (0.5 + 0.5 * jitter));
        own.max(asked.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, retry_after: Option<&str>) -> Response {
        Response {
            status: StatusCode::from_u16(status).expect("a status"),
            retry_after: retry_after.map(str::to_owned),
            body: b"  {\"error\":\"no\"} ".to_vec(),
        }
    }

    fn of(status: u16, retry_after: Option<&str>) -> Fault {
        // 784111777 s are Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        Fault::of(&response(status, retry_after), now)
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [408, 429, 500, 502, 503, 504, 529] {
            assert!(matches!(of(status, None), Fault::Passing { asked: None, .. }), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 413, 422] {
            let Fault::Lasting { reason } = of(status, Some("1")) else { panic!("{status}") };
            assert!(reason.contains(&status.to_string()), "{reason}");
            assert!(reason.contains("{\\\"error\\\":\\\"no\\\"}"), "the body's words in {reason}");
        }
    }

    #[test]
    fn what_the_server_asks_for_is_read_in_both_forms_and_bounded() {
        let asked = |text| match of(429, Some(text)) {
            Fault::Passing { asked, .. } => asked.map(|asked| asked.as_secs()),
            lasting => panic!("{lasting:?}"),
        };
        assert_eq!(asked("7"), Some(7));
        assert_eq!(asked(" 0 "), Some(0));
        assert_eq!(asked("99999"), Some(600));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:57 GMT"), Some(20));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:27 GMT"), Some(0), "a time that is over");
        assert_eq!(asked("Mon, 07 Nov 1994 08:49:37 GMT"), Some(600));
        for text in ["", "-1", "soon", "1.5"] {
            assert_eq!(asked(text), None, "{text}");
        }
    }

    #[test]
    fn waits_double_up_to_the_longest_and_never_undercut_the_server() {
        let (first, longest) = (Duration::from_millis(500), Duration::from_secs(4));
        let backoff = Backoff { first, longest };
        let waits = |jitter: f64| [0, 1, 2, 3, 4, 900].map(|r| backoff.wait(r, jitter, None));
        assert_eq!(waits(1.0), [500, 1000, 2000, 4000, 4000, 4000].map(Duration::from_millis));
        assert_eq!(waits(0.0), [250, 500, 1000, 2000, 2000, 2000].map(Duration::from_millis));
        let asked = |seconds| backoff.wait(0, 1.0, Some(Duration::from_secs(seconds)));
        assert_eq!(asked(30), Duration::from_secs(30), "longer than the longest of its own");
        assert_eq!(asked(0), first);
    }
}
