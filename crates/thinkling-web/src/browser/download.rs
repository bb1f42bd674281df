//! Fetches a file in pieces, going on where the connection broke.

use super::js::{refused, scope, wait, words};
use crate::WebError;
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, ReadableStreamDefaultReader, Request, RequestInit, Response};

/// Times that a broken download is gone on with before it fails.
const ATTEMPTS: u32 = 4;
/// Milliseconds before the first of them; each waits twice as long as the one before.
const WAIT_MS: i32 = 250;

/// Something to be told while a file arrives.
pub(crate) trait Sink {
    /// What the server says of the file, before its bytes.
    fn begins(&mut self, remote: &Remote);

    /// The next bytes.
    async fn chunk(&mut self, bytes: Uint8Array) -> Result<(), WebError>;

    /// The file begins anew: nothing of it is of use.
    fn restart(&mut self);

    /// It goes on where it broke.
    fn resumed(&mut self);

    /// Whether to break off.
    fn is_aborted(&self) -> bool;
}

/// What a server says of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) etag: Option<String>,
    /// Length of the whole file, where it is known.
    pub(crate) length: Option<u64>,
}

/// Fetches `url` from byte `from` on, if the server still has what it calls `etag`, else from its
/// beginning.
pub(crate) async fn fetch(
    url: &str,
    mut from: u64,
    etag: Option<String>,
    sink: &mut impl Sink,
) -> Result<Remote, WebError> {
    let mut remote = Remote { etag, length: None };
    let mut attempt = 0;
    loop {
        let before = from;
        match once(url, &mut from, &mut remote, sink).await {
            Ok(()) => return Ok(remote),
            Err(Fault::Final(error)) => return Err(error),
            Err(Fault::Broken(reason)) => {
                // A connection that brings something each time may break as often as it likes.
                attempt = if from > before { 1 } else { attempt + 1 };
                if attempt >= ATTEMPTS {
                    return Err(WebError::Download { url: url.to_owned(), reason });
                }
                wait(WAIT_MS << attempt).await;
            }
        }
        if sink.is_aborted() {
            return Err(WebError::Aborted);
        }
    }
}

enum Fault {
    /// Another attempt may go on.
    Broken(String),
    Final(WebError),
}

async fn once(
    url: &str,
    from: &mut u64,
    remote: &mut Remote,
    sink: &mut impl Sink,
) -> Result<(), Fault> {
    let broken = |thrown: JsValue| Fault::Broken(words(&thrown));
    let response = get(url, *from, remote.etag.as_deref()).await.map_err(broken)?;
    match response.status() {
        206 if *from > 0 => sink.resumed(),
        200..=299 if *from > 0 => {
            *from = 0;
            sink.restart();
        }
        200..=299 => {}
        // It ended where we are.
        416 if remote.length == Some(*from) => return Ok(()),
        416 => {
            *from = 0;
            remote.etag = None;
            sink.restart();
            return Err(Fault::Broken("the file is shorter than what was loaded of it".to_owned()));
        }
        status => {
            let reason = format!("the server says {status} {}", response.status_text());
            return Err(match status {
                408 | 429 | 500.. => Fault::Broken(reason),
                _ => Fault::Final(WebError::Download { url: url.to_owned(), reason }),
            });
        }
    }
    let header = |name| response.headers().get(name).ok().flatten();
    remote.etag = header("etag");
    let length = header("content-length").and_then(|length| length.parse::<u64>().ok());
    // Of compressed transfers the length is another one.
    let plain = header("content-encoding").is_none();
    remote.length = length.filter(|_| plain).map(|length| *from + length);
    sink.begins(remote);
    let Some(body) = response.body() else {
        return Err(Fault::Broken("the answer has no body".to_owned()));
    };
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    loop {
        if sink.is_aborted() {
            let _ = JsFuture::from(reader.cancel()).await;
            return Err(Fault::Final(WebError::Aborted));
        }
        let read = JsFuture::from(reader.read()).await.map_err(broken)?;
        let field = |name: &str| Reflect::get(&read, &JsValue::from_str(name));
        if field("done").is_ok_and(|done| done.is_truthy()) {
            break;
        }
        let chunk: Uint8Array = field("value").map_err(broken)?.unchecked_into();
        *from += u64::from(chunk.length());
        sink.chunk(chunk).await.map_err(Fault::Final)?;
    }
    match remote.length {
        Some(length) if *from < length => {
            Err(Fault::Broken(format!("it ended after {from} of {length} bytes")))
        }
        _ => Ok(()),
    }
}

async fn get(url: &str, from: u64, etag: Option<&str>) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    if from > 0 {
        headers.set("Range", &format!("bytes={from}-"))?;
        if let Some(etag) = etag {
            headers.set("If-Range", etag)?;
        }
    }
    let init = RequestInit::new();
    init.set_headers(&headers);
    let request = Request::new_with_str_and_init(url, &init)?;
    let response = JsFuture::from(scope().fetch_with_request(&request)).await?;
    response.dyn_into()
}

/// Fetches a small file as a whole; nothing where the server has none.
pub(crate) async fn small(url: &str) -> Result<Option<Vec<u8>>, WebError> {
    let failed =
        |thrown: JsValue| WebError::Download { url: url.to_owned(), reason: words(&thrown) };
    let response = get(url, 0, None).await.map_err(failed)?;
    if response.status() == 404 {
        return Ok(None);
    }
    if !response.ok() {
        let reason = format!("the server says {} {}", response.status(), response.status_text());
        return Err(WebError::Download { url: url.to_owned(), reason });
    }
    let bytes = response.array_buffer().map_err(refused("read an answer"))?;
    let bytes = JsFuture::from(bytes).await.map_err(failed)?;
    Ok(Some(Uint8Array::new(&bytes).to_vec()))
}
