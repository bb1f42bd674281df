//! The drawer of models: one of the visitor's own by drop, file or address, and those that are kept.

use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{DataTransfer, DragEvent, Event, FileList, HtmlElement, HtmlInputElement};

use crate::number::bytes;
use crate::page::ask::Ask;
use crate::page::client::{self, CacheEntry, items};
use crate::page::dom::{
    by_id, child, child_with, clear, document, on, say, set, show, test_id, write,
};
use crate::page::models::Which;
use crate::page::object::is_abort;
use crate::page::{notices, object};
use crate::strings as s;

/// Connects the drawer, and dropping on the whole page.
pub(crate) fn connect(ask: &Rc<Ask>) {
    let own = ask.clone();
    on(&by_id::<HtmlElement>("files"), "change", move |event| {
        let input = event.target().and_then(|t| t.dyn_into::<HtmlInputElement>().ok());
        if let Some(input) = input {
            open_files(&own, input.files());
            // So that the same file can be chosen again.
            input.set_value("");
        }
    });
    let own = ask.clone();
    on(&by_id::<HtmlElement>("url-form"), "submit", move |event| {
        event.prevent_default();
        let url = by_id::<HtmlInputElement>("url").value().trim().to_owned();
        if !url.is_empty() {
            open(&own, url.as_str().into(), name_of_url(&url));
        }
    });
    let own = ask.clone();
    on(&by_id::<HtmlElement>("own-cancel"), "click", move |_| own.models.cancel(Which::Own));
    connect_drop(ask);
    on(&by_id::<HtmlElement>("kept"), "click", |event| {
        let button = event.target().and_then(|t| t.dyn_into::<HtmlElement>().ok());
        if let Some(key) = button.and_then(|button| button.get_attribute("data-key")) {
            spawn_local(delete(JsValue::from(key)));
        }
    });
    on(&by_id::<HtmlElement>("kept-delete-all"), "click", |_| {
        spawn_local(delete(JsValue::UNDEFINED));
    });
    on(&by_id::<HtmlElement>("open-models"), "click", |_| spawn_local(list_kept()));
}

fn connect_drop(ask: &Rc<Ask>) {
    let curtain: HtmlElement = by_id("drop");
    let up = curtain.clone();
    on(&document(), "dragover", move |event| {
        if files_of(&event).is_some() {
            event.prevent_default();
            show(&up, true);
        }
    });
    let down = curtain.clone();
    on(&document(), "dragleave", move |event| {
        // Only where the pointer leaves the window, not each element on its way.
        if event.dyn_ref::<DragEvent>().is_some_and(|e| e.related_target().is_none()) {
            show(&down, false);
        }
    });
    let ask = ask.clone();
    on(&document(), "drop", move |event| {
        show(&curtain, false);
        if let Some(transfer) = files_of(&event) {
            event.prevent_default();
            open_files(&ask, transfer.files());
        }
    });
}

/// What is dragged, where it is files: dragged text is the fields' business.
fn files_of(event: &Event) -> Option<DataTransfer> {
    let transfer = event.dyn_ref::<DragEvent>()?.data_transfer()?;
    transfer.types().includes(&"Files".into(), 0).then_some(transfer)
}

/// The name of a model for people: the last part of its address.
fn name_of_url(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let path = path.trim_end_matches("/manifest.json").trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

fn open_files(ask: &Rc<Ask>, files: Option<FileList>) {
    let files: Vec<web_sys::File> = files
        .map(|list| (0..list.length()).filter_map(|i| list.get(i)).collect())
        .unwrap_or_default();
    match files.as_slice() {
        [] => {}
        [file] => open(ask, file.into(), file.name()),
        several => {
            let weights = several.iter().find(|file| file.name().ends_with(".safetensors"));
            let name = weights.unwrap_or(&several[0]).name();
            open(ask, several.iter().collect::<Array>().into(), name);
        }
    }
}

/// Loads a model of the visitor's and lets it answer from now on.
fn open(ask: &Rc<Ask>, source: JsValue, name: String) {
    let ask = ask.clone();
    let problem: HtmlElement = by_id("own-error");
    show(&problem, false);
    notices::clear_error();
    ask.stop();
    ask.models.set_own(source, name.clone());
    spawn_local(async move {
        match ask.models.get(Which::Own).await {
            Ok(_) => {
                write(&by_id::<HtmlElement>("own-name"), &name);
                set(&by_id::<HtmlElement>("own-name"), "title", &name);
                show(&by_id::<HtmlElement>("which-own"), true);
                by_id::<web_sys::HtmlDialogElement>("models").close();
                // A model that was just loaded is not asked what stood there for others.
                ask.round.take();
                ask.choose(Which::Own);
            }
            Err(error) if is_abort(&error) => {}
            Err(error) => fail(&ask, &problem, &error),
        }
    });
}

/// In the drawer where it is open, else on the page.
fn fail(ask: &Ask, problem: &HtmlElement, error: &JsValue) {
    // A model that is gone cannot be chosen; what was chosen before it still can.
    show(&by_id::<HtmlElement>("which-own"), false);
    if by_id::<web_sys::HtmlDialogElement>("models").open() {
        clear(problem);
        let message = object::message(error);
        let lines = child(problem, "span", "");
        say(&child(&lines, "span", ""), notices::in_words(&message), &[]);
        child(&lines, "br", "");
        child_with(&lines, "code", "", &message);
        show(problem, true);
    } else {
        ask.fail(error);
    }
}

async fn list_kept() {
    let list: HtmlElement = by_id("kept");
    let entries = match client::cached().await {
        Ok(entries) => items::<CacheEntry>(entries.unchecked_ref()),
        // Without a cache nothing is kept.
        Err(_) => Vec::new(),
    };
    clear(&list);
    for entry in &entries {
        let item = child(&list, "li", "");
        test_id(&item, "kept-model");
        let about = child(&item, "div", "");
        set(&child_with(&about, "b", "", &name_of_url(&entry.url())), "title", &entry.url());
        let (there, total) = (bytes(entry.bytes()), bytes(entry.total()));
        let size = child(&about, "small", "");
        match entry.bytes() < entry.total() {
            true => say(&size, s::KEPT_PART, &[("bytes", &there), ("total", &total)]),
            false => write(&size, &there),
        }
        let button = child(&item, "button", "quiet");
        set(&button, "data-key", &entry.key());
        test_id(&button, "kept-delete");
        say(&button, s::DELETE, &[]);
    }
    show(&by_id::<HtmlElement>("kept-none"), entries.is_empty());
    show(&by_id::<HtmlElement>("kept-delete-all"), entries.len() > 1);
}

async fn delete(key: JsValue) {
    if let Err(error) = client::delete_cached(&key).await {
        notices::error(&error);
    }
    list_kept().await;
}
