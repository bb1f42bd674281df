//! The meter of a completion: its tags, and what is counted of its words while they come.

use std::cell::Cell;

use web_sys::HtmlElement;

use crate::number::percent;
use crate::page::client::Meter;
use crate::page::dom::{child, child_with, element, label, say, set, test_id};
use crate::strings::{self as s, Text};

const TAGS: [&str; 4] = ["<think>", "</think>", "<answer>", "</answer>"];

/// The view of a meter.
pub(crate) struct MeterView {
    pub(crate) root: HtmlElement,
    tags: [Tag; 4],
    language: HtmlElement,
    repetition: HtmlElement,
    reflective: HtmlElement,
}

struct Tag {
    shown: HtmlElement,
    /// What screen readers hear behind its name.
    state: HtmlElement,
    count: Cell<Option<u32>>,
}

impl Tag {
    fn new(parent: &HtmlElement, name: &str) -> Self {
        let shown = child(parent, "li", "");
        child_with(&shown, "code", "", name);
        let state = child(&shown, "span", "unseen");
        Self { shown, state, count: Cell::new(None) }
    }

    fn show(&self, count: u32) {
        if self.count.replace(Some(count)) == Some(count) {
            return;
        }
        let (class, text) = match count {
            0 => ("", s::METER_TAG_NONE),
            1 => ("once", s::METER_TAG_ONCE),
            _ => ("many", s::METER_TAG_MANY),
        };
        self.shown.set_class_name(class);
        say(&self.state, text, &[("count", &count.to_string())]);
    }
}

impl MeterView {
    pub(crate) fn new() -> Self {
        let root = element("div", "meter");
        test_id(&root, "meter");
        set(&root, "role", "group");
        label(&root, s::METER);
        let list = child(&root, "ul", "meter-tags");
        test_id(&list, "meter-tags");
        let tags = TAGS.map(|name| Tag::new(&list, name));
        tags.iter().for_each(|tag| tag.show(0));
        let figures = child(&root, "dl", "");
        let language = figure(&figures, s::LANGUAGE, "meter-language");
        let repetition = figure(&figures, s::METER_REPETITION, "meter-repetition");
        let reflective = figure(&figures, s::METER_REFLECTIVE, "meter-reflective");
        Self { root, tags, language, repetition, reflective }
    }

    /// Shows what is counted so far.
    pub(crate) fn show(&self, meter: &Meter) {
        for (tag, count) in self.tags.iter().zip(meter.tags().iter()) {
            tag.show(count.as_f64().unwrap_or(0.0) as u32);
        }
        let write = |place: &HtmlElement, text: &str| place.set_text_content(Some(text));
        write(&self.language, &meter.language().map_or_else(|| "–".to_owned(), percent));
        write(&self.repetition, &percent(meter.repetition()));
        write(&self.reflective, &meter.reflective_words().to_string());
        set(&self.root, "data-format", if meter.format() { "kept" } else { "open" });
    }
}

fn figure(list: &HtmlElement, title: Text, id: &str) -> HtmlElement {
    let pair = child(list, "div", "");
    say(&child(&pair, "dt", ""), title, &[]);
    let value = child_with(&pair, "dd", "", "–");
    test_id(&value, id);
    value
}
