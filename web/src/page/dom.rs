//! The few things done to the document: find, make, write, listen.

use std::cell::Cell;

use js_sys::{Array, JSON};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, Element, Event, EventTarget, HtmlElement, Window};

use crate::strings::{self, Language, Text};

thread_local! {
    static LANGUAGE: Cell<Language> = const { Cell::new(Language::English) };
}

pub(crate) fn window() -> Window {
    web_sys::window().expect("the page runs in a window")
}

pub(crate) fn document() -> Document {
    window().document().expect("a window has a document")
}

/// The element of that id in `index.html`; that it stands there is the programmer's business.
pub(crate) fn by_id<T: JsCast>(id: &str) -> T {
    document()
        .get_element_by_id(id)
        .and_then(|element| element.dyn_into().ok())
        .unwrap_or_else(|| panic!("index.html lacks #{id} or has another element there"))
}

/// A new element with a class.
pub(crate) fn element(tag: &str, class: &str) -> HtmlElement {
    let element: HtmlElement =
        document().create_element(tag).expect("a tag of HTML").unchecked_into();
    if !class.is_empty() {
        element.set_class_name(class);
    }
    element
}

/// A new element at the end of another.
pub(crate) fn child(parent: &Element, tag: &str, class: &str) -> HtmlElement {
    let element = element(tag, class);
    append(parent, &element);
    element
}

/// A new element with a text that is the same in every language.
pub(crate) fn child_with(parent: &Element, tag: &str, class: &str, text: &str) -> HtmlElement {
    let element = child(parent, tag, class);
    element.set_text_content(Some(text));
    element
}

pub(crate) fn append(parent: &Element, element: &Element) {
    parent.append_child(element).expect("an element takes children");
}

pub(crate) fn clear(element: &Element) {
    element.set_text_content(None);
}

/// Sets an attribute of a fixed name.
pub(crate) fn set(element: &Element, name: &str, value: &str) {
    element.set_attribute(name, value).expect("a valid name of an attribute");
}

/// The hook of end-to-end tests.
pub(crate) fn test_id(element: &Element, id: &str) {
    set(element, "data-testid", id);
}

pub(crate) fn show(element: &HtmlElement, shown: bool) {
    element.set_hidden(!shown);
}

/// Shows one of two controls that stand in each other's place; the focus stays in that place.
pub(crate) fn swap(shown: &str, hidden: &str) {
    let focused = document().active_element().is_some_and(|element| element.id() == hidden);
    let (shown, hidden): (HtmlElement, HtmlElement) = (by_id(shown), by_id(hidden));
    show(&shown, true);
    if focused {
        shown.focus().unwrap_or_default();
    }
    show(&hidden, false);
}

/// Listens for as long as the page lives.
pub(crate) fn on(target: &EventTarget, event: &str, handler: impl FnMut(Event) + 'static) {
    let handler = Closure::<dyn FnMut(Event)>::new(handler);
    target
        .add_event_listener_with_callback(event, handler.as_ref().unchecked_ref())
        .expect("a target takes listeners");
    handler.forget();
}

pub(crate) fn language() -> Language {
    LANGUAGE.get()
}

/// A text of the table in the page's language.
pub(crate) fn words(text: Text, values: &[(&str, &str)]) -> String {
    text.fill(language(), values)
}

/// Writes a text of the table, and again whenever the language changes.
pub(crate) fn say(element: &Element, text: Text, values: &[(&str, &str)]) {
    set(element, "data-t", text.name);
    let pairs: Array = values
        .iter()
        .map(|(place, value)| Array::of2(&(*place).into(), &(*value).into()))
        .collect();
    match JSON::stringify(&pairs) {
        Ok(json) if !values.is_empty() => set(element, "data-values", &String::from(json)),
        _ => element.remove_attribute("data-values").unwrap_or_default(),
    }
    element.set_text_content(Some(&words(text, values)));
}

/// Writes a text that no language changes.
pub(crate) fn write(element: &Element, text: &str) {
    element.remove_attribute("data-t").unwrap_or_default();
    element.set_text_content(Some(text));
}

/// Names an element for screen readers.
pub(crate) fn label(element: &Element, text: Text) {
    set(element, "data-t-label", text.name);
    set(element, "aria-label", &words(text, &[]));
}

/// Says a sentence to screen readers.
pub(crate) fn announce(text: Text, values: &[(&str, &str)]) {
    say(&by_id::<HtmlElement>("status"), text, values);
}

/// Changes the language of everything that is on the page.
pub(crate) fn set_language(language: Language) {
    LANGUAGE.set(language);
    let root = document().document_element().expect("a document has a root");
    set(&root, "lang", if language == Language::Chinese { "zh-Hans" } else { "en" });
    relabel(&root);
    // For texts that are made of others.
    if let Ok(event) = Event::new(LANGUAGE_CHANGED) {
        let _ = document().dispatch_event(&event);
    }
}

/// Event on the document after the language has changed.
pub(crate) const LANGUAGE_CHANGED: &str = "thinkling-language";

/// Writes all texts of the table below an element in the page's language.
pub(crate) fn relabel(root: &Element) {
    each(root, "[data-t]", |element| {
        if let Some(text) = named(element, "data-t") {
            element.set_text_content(Some(&words(text, &as_refs(&values_of(element)))));
        }
    });
    for (name, attribute) in [("data-t-label", "aria-label"), ("data-t-placeholder", "placeholder")]
    {
        each(root, &["[", name, "]"].concat(), |element| {
            if let Some(text) = named(element, name) {
                set(element, attribute, &words(text, &[]));
            }
        });
    }
}

fn named(element: &Element, attribute: &str) -> Option<Text> {
    strings::by_name(&element.get_attribute(attribute)?)
}

fn each(root: &Element, selector: &str, mut act: impl FnMut(&Element)) {
    let Ok(list) = root.query_selector_all(selector) else { return };
    for i in 0..list.length() {
        if let Some(element) = list.item(i).and_then(|node| node.dyn_into::<Element>().ok()) {
            act(&element);
        }
    }
}

fn values_of(element: &Element) -> Vec<(String, String)> {
    let json = element.get_attribute("data-values").unwrap_or_default();
    let pairs: Array = JSON::parse(&json).map(JsCast::unchecked_into).unwrap_or_default();
    pairs
        .iter()
        .map(|pair| {
            let pair: Array = pair.unchecked_into();
            let text = |value: JsValue| value.as_string().unwrap_or_default();
            (text(pair.get(0)), text(pair.get(1)))
        })
        .collect()
}

fn as_refs(values: &[(String, String)]) -> Vec<(&str, &str)> {
    values.iter().map(|(place, value)| (place.as_str(), value.as_str())).collect()
}

/// Milliseconds since the page began.
pub(crate) fn now_ms() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}
