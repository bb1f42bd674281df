//! Why a model or the learner is on its device, in the page's words, by the codes that the packages give.

use wasm_bindgen::JsValue;

use crate::number::seconds;
use crate::page::object::field;
use crate::strings::{self as s, Text};

/// A text with its values; none for a code that is not known here.
pub(crate) fn wording(reason: &JsValue) -> Option<(Text, Vec<(&'static str, String)>)> {
    let number = |name| field(reason, name).as_f64();
    let time = |name| number(name).map_or_else(|| "–".to_owned(), seconds);
    let share = |name| number(name).map_or_else(|| "NaN".to_owned(), |x| format!("{x:.1e}"));
    let steps = || vec![("gpu", time("gpuSeconds")), ("cpu", time("cpuSeconds"))];
    let limit = || vec![("limit", time("limitSeconds")), ("cpu", time("cpuSeconds"))];
    Some(match field(reason, "code").as_string()?.as_str() {
        "asked" => (s::DEV_CHOSEN, Vec::new()),
        "no-gpu" => (s::DEV_NO_GPU, Vec::new()),
        "software-gpu" => (s::DEV_SOFTWARE, Vec::new()),
        "gpu-failed" => (s::DEV_FAILED, Vec::new()),
        "gpu-lost" => (s::DEV_LOST, Vec::new()),
        "self-test" => {
            let name = if number("share").is_some() { "share" } else { "difference" };
            let values = vec![("got", share(name)), ("most", share("tolerance"))];
            (s::DEV_SELF_TEST, values)
        }
        "gpu-limit" => {
            let whole = |name| number(name).map_or_else(String::new, |x| format!("{x:.0}"));
            let values = [("expected", whole("expected")), ("got", whole("got"))];
            let what = ("what", field(reason, "what").as_string().unwrap_or_default());
            (s::DEV_LIMIT, [&[what], &values[..]].concat())
        }
        "measured" => (s::DEV_MEASURED, steps()),
        "gpu-late" => (s::DEV_LATE, limit()),
        "gpu-slow" => (s::DEV_SLOW, limit()),
        _ => return None,
    })
}

/// The reason in the page's language; in its own words where its code is not known here.
pub(crate) fn words(reason: &JsValue) -> String {
    match wording(reason) {
        Some((text, values)) => {
            let values: Vec<(&str, &str)> = values.iter().map(|(p, v)| (*p, v.as_str())).collect();
            crate::page::dom::words(text, &values)
        }
        None => message(reason),
    }
}

/// All of it, in English.
pub(crate) fn message(reason: &JsValue) -> String {
    field(reason, "message").as_string().unwrap_or_default()
}
