//! The line that says what runs where, and how fast.

use web_sys::HtmlElement;

use crate::number::{bytes, parameters, rate, seconds};
use crate::page::client::{Model, Timing};
use crate::page::device_reason;
use crate::page::dom::{by_id, child, child_with, clear, say, test_id, words, write};
use crate::strings::{self as s, Text};

/// Writes the line for a model, if it is loaded, and the timing of its last run.
pub(crate) fn show(model: Option<&Model>, timing: Option<&Timing>) {
    let list: HtmlElement = by_id("device");
    clear(&list);
    let Some(info) = model.map(Model::info) else {
        let value = item(&list, s::DEV_MODEL, "device-model");
        say(&value, s::DEV_NOT_LOADED, &[]);
        return;
    };
    write(&item(&list, s::DEV_MODEL, "device-model"), &info.name());
    let count = words(s::DEV_PARAMETERS, &[("count", &parameters(info.parameters()))]);
    let formats: Vec<String> =
        info.formats().iter().filter_map(|format| format.as_string()).collect();
    let weights = format!("{count}, {} {}", bytes(info.weight_bytes()), formats.join(" + "));
    small_print(&list, "device-weights", &weights, "");
    write(&item(&list, s::DEV_DEVICE, "device-name"), &info.device().name());
    let reason = info.device().reason();
    if !reason.is_null() {
        let (words, message) = (device_reason::words(&reason), device_reason::message(&reason));
        small_print(&list, "device-reason", &words, &message);
    }
    let time = |text: Text, id: &str, value: f64| {
        say(&item(&list, text, id), s::DEV_SECONDS, &[("seconds", &seconds(value))]);
    };
    if let Some(timing) = timing {
        let speed = rate(timing.tokens_per_second());
        let value = item(&list, s::DEV_SPEED, "speed");
        say(&value, s::DEV_TOKENS_PER_SECOND, &[("speed", &speed)]);
        time(s::DEV_FIRST, "first-token", timing.first_token_seconds());
    }
    time(s::DEV_LOADED, "load-time", info.load_seconds());
    let memory = info.gpu_bytes() + info.wasm_bytes();
    write(&item(&list, s::DEV_MEMORY, "device-memory"), &bytes(memory));
}

fn item(list: &HtmlElement, title: Text, id: &str) -> HtmlElement {
    let pair = child(list, "div", "");
    say(&child(&pair, "dt", ""), title, &[]);
    let value = child(&pair, "dd", "");
    test_id(&value, id);
    value
}

/// A second line under the last item, with more in its title.
fn small_print(list: &HtmlElement, id: &str, text: &str, title: &str) {
    if let Some(pair) = list.last_element_child() {
        let line = child_with(&pair, "dd", "small", text);
        line.set_title(title);
        test_id(&line, id);
    }
}
