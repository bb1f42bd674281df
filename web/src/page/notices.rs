//! What the page tells a visitor beside the results: errors in words they understand, and notices.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::HtmlElement;

use crate::page::client::Notice;
use crate::page::device_reason;
use crate::page::dom::{by_id, on, say, show, write};
use crate::page::object::message;
use crate::strings::{self as s, Text};

/// Connects the buttons that take the two lines away.
pub(crate) fn connect() {
    for name in ["error", "notice"] {
        let banner: HtmlElement = by_id(name);
        let close: HtmlElement = by_id(&[name, "-close"].concat());
        on(&close, "click", move |_| show(&banner, false));
    }
}

/// Shows an error in the visitor's words, with its own words folded below.
pub(crate) fn error(error: &JsValue) {
    let message = message(error);
    say(&by_id::<HtmlElement>("error-text"), in_words(&message), &[]);
    write(&by_id::<HtmlElement>("error-detail"), &message);
    show(&by_id::<HtmlElement>("error"), true);
}

/// Shows a text of the table as an error.
pub(crate) fn error_text(text: Text) {
    say(&by_id::<HtmlElement>("error-text"), text, &[]);
    write(&by_id::<HtmlElement>("error-detail"), "");
    show(&by_id::<HtmlElement>("error"), true);
}

/// Takes the last error away: something new was begun.
pub(crate) fn clear_error() {
    show(&by_id::<HtmlElement>("error"), false);
}

/// Takes the last notice away: what it said is over.
pub(crate) fn clear_notice() {
    show(&by_id::<HtmlElement>("notice"), false);
}

/// Shows what the model client or the learner wants known.
pub(crate) fn notice(notice: &JsValue) {
    let notice: &Notice = notice.unchecked_ref();
    let text = match notice.kind().as_str() {
        "no-webgpu" | "self-test-failed" => Some(s::NOTICE_ON_CPU),
        "device-restored" if notice.reason().is_object() => Some(s::NOTICE_ON_CPU),
        "measuring-cpu" => Some(s::NOTICE_MEASURING_CPU),
        "measuring-gpu" => Some(s::NOTICE_MEASURING_GPU),
        "device-lost" => Some(s::NOTICE_LOST),
        "device-restored" => Some(s::NOTICE_RESTORED),
        "not-cached" => Some(s::NOTICE_NOT_CACHED),
        "cache-corrupted" => Some(s::NOTICE_CORRUPTED),
        "download-resumed" => Some(s::NOTICE_RESUMED),
        "download-restarted" => Some(s::NOTICE_RESTARTED),
        _ => None,
    };
    let line: HtmlElement = by_id("notice-text");
    match text {
        Some(text) => say(&line, text, &[]),
        None => write(&line, &notice.message()),
    }
    let why: HtmlElement = by_id("notice-why");
    match device_reason::wording(&notice.reason()) {
        Some((text, values)) => {
            let values: Vec<(&str, &str)> = values.iter().map(|(p, v)| (*p, v.as_str())).collect();
            say(&why, text, &values);
        }
        None => write(&why, &device_reason::message(&notice.reason())),
    }
    show(&by_id::<HtmlElement>("notice"), true);
}

/// The text for an error's message, by the words that such messages have.
pub(crate) fn in_words(message: &str) -> Text {
    let message = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    match () {
        () if has(&["out of memory", "memory access", "allocation", "quota"]) => s::ERROR_MEMORY,
        () if has(&["not a model"]) => s::ERROR_NOT_A_MODEL,
        () if has(&["404", "not found", "no such file"]) => s::ERROR_NOT_FOUND,
        () if has(&["cannot load", "fetch", "network", "import"]) => s::ERROR_NETWORK,
        () if has(&["webgpu", "no adapter", "no gpu"]) => s::ERROR_NO_GPU,
        () if has(&["context", "too long", "positions"]) => s::ERROR_TOO_LONG,
        () if has(&["gguf", "safetensors", "json", "architecture", "tensor", "not a model"]) => {
            s::ERROR_NOT_A_MODEL
        }
        () => s::ERROR_OTHER,
    }
}
