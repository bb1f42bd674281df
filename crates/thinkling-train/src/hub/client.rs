//! Requests to the hub: redirects, who gets the token, which faults pass.

use super::files::Listing;
use super::settings::HubSettings;
use super::{HubError, HubId, Watch};
use crate::http::Secret;
use crate::retry::{Backoff, retry_after};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ureq::http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use ureq::{Agent, Body};

/// Wait for a connection, and for the name's address.
const CONNECT: Duration = Duration::from_secs(10);
/// Wait for an answer, and for the next bytes of a body.
const SILENCE: Duration = Duration::from_secs(30);
/// Tries of a request whose faults pass.
pub(super) const TRIES: usize = 6;
/// Waits between them, if the hub asks for no longer ones.
pub(super) const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(30) };
/// Redirects of one request.
const REDIRECTS: usize = 8;
/// Bytes of a list of files.
const MAX_LISTING: u64 = 64 << 20;
/// Characters of the hub's own words that a message shows.
const SHOWN: usize = 200;

/// Asks the hub.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    endpoint: String,
    authorization: Option<Secret>,
}

/// What the hub says of a file before it sends it elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    /// The name of its content: its SHA-256, or what git calls it.
    pub(super) etag: Option<String>,
    pub(super) size: Option<u64>,
}

/// A good answer.
pub(super) struct Answer {
    pub(super) meta: Meta,
    pub(super) response: Response<Body>,
}

/// What is wrong with one try.
enum Fault {
    /// No connection.
    Unreachable(String),
    /// It may pass, perhaps after a wait that the hub asked for.
    Passing { reason: String, asked: Option<Duration>, busy: bool },
    /// It is meant.
    Lasting(HubError),
}

impl Client {
    pub(super) fn new(settings: &HubSettings) -> Self {
        let config = Agent::config_builder()
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("thinkling/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: Agent::new_with_config(config),
            endpoint: settings.endpoint.clone(),
            authorization: settings.token.as_ref().map(|token| Secret(format!("Bearer {token}"))),
        }
    }

    /// The files of a model's revision.
    pub(super) fn listing(&self, id: &HubId, watch: &mut dyn Watch) -> Result<Listing, HubError> {
        let revision = id.revision().replace('/', "%2F");
        let url = format!(
            "{}/api/models/{}/revision/{revision}?blobs=true",
            self.endpoint,
            id.repository()
        );
        let mut note = |text: &str| watch.note(text);
        let mut answer = self.ask(id, &Method::GET, &url, 0, &mut note)?;
        let body = answer.response.body_mut().with_config().limit(MAX_LISTING).read_to_vec();
        let refused = |reason: String| HubError::Refused { url: url.clone(), reason };
        let body = body.map_err(|e| refused(e.to_string()))?;
        Listing::parse(&body).map_err(refused)
    }

    /// The address of a file.
    pub(super) fn address(&self, id: &HubId, commit: &str, name: &str) -> String {
        format!("{}/{}/resolve/{commit}/{name}", self.endpoint, id.repository())
    }

    /// Sends a request until there is a good answer, the fault is meant, or it was tried often enough.
    /// The body is asked for from byte `start` on.
    pub(super) fn ask(
        &self,
        id: &HubId,
        method: &Method,
        url: &str,
        start: u64,
        note: &mut dyn FnMut(&str),
    ) -> Result<Answer, HubError> {
        for tries in 1.. {
            let (reason, asked, busy) = match self.once(id, method, url, start) {
                Ok(answer) => return Ok(answer),
                Err(Fault::Lasting(error)) => return Err(error),
                Err(Fault::Unreachable(reason)) => {
                    let (id, endpoint) = (id.clone(), self.endpoint.clone());
                    return Err(HubError::Unreachable { id, endpoint, reason });
                }
                Err(Fault::Passing { reason, asked, busy }) => (reason, asked, busy),
            };
            if tries == TRIES {
                let hint = match (busy, &self.authorization) {
                    (true, None) => "; with a token (HF_TOKEN) the hub lets more through",
                    _ => "",
                };
                return Err(HubError::Busy { url: url.to_owned(), reason, tries, hint });
            }
            pause(tries, asked, &reason, note);
        }
        unreachable!("the last try returns")
    }

    fn once(&self, id: &HubId, method: &Method, url: &str, start: u64) -> Result<Answer, Fault> {
        let mut url = url.to_owned();
        let mut meta = Meta::default();
        for _ in 0..=REDIRECTS {
            let own = same_origin(&url, &self.endpoint);
            let response = self.send(method, &url, start, own)?;
            let headers = response.headers();
            if own {
                meta.add(headers, response.status());
            }
            if !response.status().is_redirection() {
                return self.judge(id, &url, response, meta);
            }
            let location = text(headers, "location").map(|to| join(&url, to));
            let Some(next) = location.flatten() else {
                let reason = format!("HTTP status {} without a way on", response.status());
                return Err(Fault::Lasting(HubError::Refused { url, reason }));
            };
            // The hub has said all of the file that it knows; only its bytes lie elsewhere.
            if *method == Method::HEAD && meta.etag.is_some() && !same_origin(&next, &self.endpoint)
            {
                return Ok(Answer { meta, response });
            }
            url = next;
        }
        let reason = format!("more than {REDIRECTS} redirects");
        Err(Fault::Lasting(HubError::Refused { url, reason }))
    }

    fn send(
        &self,
        method: &Method,
        url: &str,
        start: u64,
        own: bool,
    ) -> Result<Response<Body>, Fault> {
        let lasting =
            |reason: String| Fault::Lasting(HubError::Refused { url: url.to_owned(), reason });
        if !cfg!(feature = "https") && url.starts_with("https:") {
            return Err(lasting(
                "this program was built without https; build it with the feature `https`, or name a \
                 mirror with http:// in HF_ENDPOINT"
                    .to_owned(),
            ));
        }
        let mut request =
            Request::builder().method(method).uri(url).header("accept-encoding", "identity");
        if start > 0 {
            request = request.header("range", format!("bytes={start}-"));
        }
        // A store that the hub sends us to has its own signature in the address, and no business with
        // the token.
        if let Some(authorization) = self.authorization.as_ref().filter(|_| own) {
            request = request.header("authorization", &authorization.0);
        }
        let request = request.body(()).map_err(|e| lasting(e.to_string()))?;
        self.agent.run(request).map_err(|e| fault_of(&e, &lasting))
    }

    /// An answer with the status that was hoped for, or what the other one means.
    fn judge(
        &self,
        id: &HubId,
        url: &str,
        response: Response<Body>,
        meta: Meta,
    ) -> Result<Answer, Fault> {
        let status = response.status();
        if status.is_success() || status == StatusCode::RANGE_NOT_SATISFIABLE {
            return Ok(Answer { meta, response });
        }
        let headers = response.headers();
        let words = text(headers, "x-error-message").unwrap_or_default();
        let words: String = words.chars().take(SHOWN).collect();
        let reason = match words.as_str() {
            "" => format!("HTTP status {status}"),
            words => format!("HTTP status {status}, {words:?}"),
        };
        let busy = status == StatusCode::TOO_MANY_REQUESTS;
        if busy || status == StatusCode::REQUEST_TIMEOUT || status.is_server_error() {
            return Err(Fault::Passing { reason, asked: asked_wait(headers), busy });
        }
        let (id, endpoint) = (id.clone(), self.endpoint.clone());
        let known = self.authorization.is_some();
        let error = match (status.as_u16(), text(headers, "x-error-code").unwrap_or_default()) {
            _ if !same_origin(url, &endpoint) => HubError::Refused { url: origin_of(url), reason },
            (401 | 403, "GatedRepo") => HubError::Gated { id, endpoint, known },
            (401, _) if words.starts_with("Invalid credentials") && known => {
                HubError::BadToken { endpoint }
            }
            (404, "RevisionNotFound") => HubError::NoRevision { id, endpoint },
            (404, "EntryNotFound") => HubError::Refused { url: url.to_owned(), reason },
            // The hub says 401 of what a stranger may not know to exist, and of what does not.
            (401 | 404, _) => HubError::NoModel { id, endpoint, known },
            _ => HubError::Refused { url: url.to_owned(), reason },
        };
        Err(Fault::Lasting(error))
    }
}

impl Meta {
    /// Takes what the headers of an answer of the hub say.
    fn add(&mut self, headers: &HeaderMap, status: StatusCode) {
        let plain = status.is_success();
        let etag = text(headers, "x-linked-etag").or_else(|| text(headers, "etag"));
        if let Some(etag) = etag {
            self.etag = Some(etag.trim_start_matches("W/").trim_matches('"').to_owned());
        }
        let own = text(headers, "content-length")
            .filter(|_| plain && status != StatusCode::PARTIAL_CONTENT);
        let size = text(headers, "x-linked-size").or(own);
        self.size = size.and_then(|size| size.parse().ok()).or(self.size);
    }
}

/// Waits before the next try, and says so.
pub(super) fn pause(
    tries: usize,
    asked: Option<Duration>,
    reason: &str,
    note: &mut dyn FnMut(&str),
) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let jitter = f64::from(now.subsec_micros()) / 1e6;
    let wait = BACKOFF.wait(tries - 1, jitter, asked);
    note(&format!(
        "{reason}; trying again in {:.1} s ({} of {TRIES})",
        wait.as_secs_f64(),
        tries + 1
    ));
    std::thread::sleep(wait);
}

fn fault_of(error: &ureq::Error, lasting: &dyn Fn(String) -> Fault) -> Fault {
    use std::io::ErrorKind as Kind;
    use ureq::{Error, Timeout};
    let reason = error.to_string();
    let passing = |reason| Fault::Passing { reason, asked: None, busy: false };
    match error {
        Error::HostNotFound | Error::ConnectionFailed => Fault::Unreachable(reason),
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            Fault::Unreachable(format!("no connection within {} s", CONNECT.as_secs()))
        }
        Error::Timeout(_) => passing(format!("no answer within {} s", SILENCE.as_secs())),
        // A name that has no address has no kind of its own.
        Error::Io(e) => match e.kind() {
            Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::UnexpectedEof
            | Kind::TimedOut
            | Kind::WouldBlock
            | Kind::InvalidData => passing(e.to_string()),
            _ => Fault::Unreachable(e.to_string()),
        },
        Error::Protocol(_) => passing(reason),
        _ => lasting(reason),
    }
}

/// The wait that the hub asks for: `Retry-After`, or the seconds to the next window of
/// `RateLimit: "api";r=0;t=55`.
fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let after = text(headers, "retry-after").and_then(|t| retry_after(t, SystemTime::now()));
    after.or_else(|| {
        let limit = text(headers, "ratelimit")?;
        let seconds = limit.split(';').find_map(|part| part.trim().strip_prefix("t="))?;
        retry_after(seconds, SystemTime::now())
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Scheme, host and port of an address; empty where it is none.
fn origin_of(url: &str) -> String {
    let Ok(uri) = url.parse::<Uri>() else { return String::new() };
    let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
    let usual = if scheme == "https" { 443 } else { 80 };
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    format!("{scheme}://{host}:{}", uri.port_u16().unwrap_or(usual))
}

fn same_origin(url: &str, endpoint: &str) -> bool {
    origin_of(url) == origin_of(endpoint)
}

/// The address that `location` names from `base` (RFC 3986, section 5.2, without dot segments); `None`
/// of one that leaves https or is no address.
fn join(base: &str, location: &str) -> Option<String> {
    let uri: Uri = base.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
    let next = match location {
        to if to.starts_with("http://") || to.starts_with("https://") => to.to_owned(),
        to if to.starts_with("//") => format!("{scheme}:{to}"),
        to if to.starts_with('/') => format!("{scheme}://{authority}{to}"),
        to if to.starts_with('?') => format!("{scheme}://{authority}{}{to}", uri.path()),
        to => {
            let folder = uri.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{authority}{folder}/{to}")
        }
    };
    let leaves = scheme == "https" && !next.starts_with("https://");
    (!leaves && next.parse::<Uri>().is_ok()).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_on_is_read_in_every_form_and_never_leaves_https() {
        let from = |location| join("https://hub.example/a/b/resolve/main/c?d=1", location);
        let to = |url: &str| Some(url.to_owned());
        assert_eq!(from("/x/y?z=1"), to("https://hub.example/x/y?z=1"));
        assert_eq!(from("y"), to("https://hub.example/a/b/resolve/main/y"));
        assert_eq!(from("//cdn.example/y"), to("https://cdn.example/y"));
        assert_eq!(from("https://cdn.example/y"), to("https://cdn.example/y"));
        assert_eq!(from("?q"), to("https://hub.example/a/b/resolve/main/c?q"));
        assert_eq!(from("http://cdn.example/y"), None);
        assert_eq!(join("http://127.0.0.1:9/a", "/b"), to("http://127.0.0.1:9/b"));
    }

    #[test]
    fn the_token_is_for_one_origin() {
        let hub = "https://hub.example";
        for (url, own) in [
            ("https://hub.example/a", true),
            ("https://HUB.example:443/a", true),
            ("http://hub.example/a", false),
            ("https://hub.example:8443/a", false),
            ("https://hub.example.org/a", false),
            ("https://cdn.hub.example/a", false),
            ("https://user@hub.example/a", true),
        ] {
            assert_eq!(same_origin(url, hub), own, "{url}");
        }
    }

    #[test]
    fn what_the_hub_says_of_a_file_is_taken_from_the_way_to_it() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            let value = |(name, value): &(&'static str, &'static str)| {
                ((*name).parse().expect("a name"), (*value).parse().expect("a value"))
            };
            pairs.iter().map(value).collect()
        };
        let mut meta = Meta::default();
        let linked = [("x-linked-etag", "\"abc\""), ("etag", "other"), ("x-linked-size", "7")];
        meta.add(&headers(&linked), StatusCode::FOUND);
        assert_eq!(meta, Meta { etag: Some("abc".into()), size: Some(7) });
        let mut meta = Meta::default();
        meta.add(&headers(&[("content-length", "31")]), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(meta, Meta::default(), "the length of a redirect's body");
        meta.add(&headers(&[("etag", "W/\"d\""), ("content-length", "9")]), StatusCode::OK);
        assert_eq!(meta, Meta { etag: Some("d".into()), size: Some(9) });
        assert_eq!(
            asked_wait(&headers(&[("ratelimit", "\"api\";r=0;t=7")])).map(|w| w.as_secs()),
            Some(7)
        );
        assert_eq!(
            asked_wait(&headers(&[("retry-after", "3"), ("ratelimit", "t=7")]))
                .map(|w| w.as_secs()),
            Some(3)
        );
    }
}
