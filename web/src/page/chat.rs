//! A conversation with a model that has a chat template: its turns, and its chunks as they stream.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::HtmlElement;

use crate::page::dom::{by_id, child, child_with, clear, on, say, show};
use crate::page::models::Which;
use crate::page::object::{field, object};
use crate::page::run_view::{Part, RunView};
use crate::strings as s;

#[derive(Clone)]
struct Turn {
    question: String,
    answer: String,
}

/// The turns so far, of the one model that they are with.
pub(crate) struct Conversation {
    turns: Rc<RefCell<(Option<Which>, Vec<Turn>)>>,
}

impl Conversation {
    pub(crate) fn new() -> Self {
        let turns: Rc<RefCell<(Option<Which>, Vec<Turn>)>> = Rc::default();
        let own = turns.clone();
        on(&by_id::<HtmlElement>("new-conversation"), "click", move |_| {
            own.take();
            show(&by_id::<HtmlElement>("turns"), false);
            clear(&by_id::<HtmlElement>("result"));
        });
        Self { turns }
    }

    /// The messages of a request: the turns so far and the question.
    pub(crate) fn messages(&self, question: &str) -> JsValue {
        let messages = Array::new();
        let push = |role: &str, content: &str| {
            messages.push(&object(&[("role", role.into()), ("content", content.into())]));
        };
        let turns = self.turns.borrow();
        for turn in &turns.1 {
            push("user", &turn.question);
            push("assistant", &turn.answer);
        }
        push("user", question);
        self.draw(&turns.1);
        messages.into()
    }

    /// Adds a turn; with another model a new conversation begins.
    pub(crate) fn add(&self, which: Which, question: &str, answer: &str) {
        let mut turns = self.turns.borrow_mut();
        if turns.0 != Some(which) {
            *turns = (Some(which), Vec::new());
        }
        turns.1.push(Turn { question: question.to_owned(), answer: answer.trim().to_owned() });
        show(&by_id::<HtmlElement>("turns"), true);
    }

    /// Shows the turns if they are with that model; a new conversation with another begins.
    pub(crate) fn show_for(&self, which: Which) {
        let same = self.turns.borrow().0 == Some(which);
        if !same {
            self.turns.take();
        }
        show(&by_id::<HtmlElement>("turns"), same);
    }

    fn draw(&self, turns: &[Turn]) {
        let list: HtmlElement = by_id("turn-list");
        clear(&list);
        for turn in turns {
            for (who, text) in [(s::YOU, &turn.question), (s::MODEL, &turn.answer)] {
                let item = child(&list, "li", "");
                say(&child(&item, "span", "label"), who, &[]);
                child_with(&item, "span", "", text);
            }
        }
    }
}

/// Hands the chunks of a streamed chat to a view.
pub(crate) fn on_chunk(view: Rc<RunView>) -> Closure<dyn FnMut(JsValue)> {
    Closure::new(move |chunk: JsValue| {
        let choice = field(&field(&chunk, "choices"), "0");
        let delta = field(&choice, "delta");
        let text = |name| field(&delta, name).as_string().filter(|text| !text.is_empty());
        let parts: Vec<(Part, String)> = [
            text("reasoning_content").map(|text| (Part::Reasoning, text)),
            text("content").map(|text| (Part::Content, text)),
        ]
        .into_iter()
        .flatten()
        .collect();
        view.meter(field(&chunk, "meter").dyn_ref());
        let tokens = field(&field(&choice, "logprobs"), "content");
        let mut parts = Some(parts);
        // A chunk may carry several tokens, or text alone.
        for token in tokens.dyn_into::<Array>().unwrap_or_default().iter() {
            let text = field(&token, "token").as_string().unwrap_or_default();
            let logprob = field(&token, "logprob").as_f64().unwrap_or(0.0);
            view.push(&text, logprob, &parts.take().unwrap_or_default());
        }
        if let Some(parts) = parts.filter(|parts| !parts.is_empty()) {
            view.push_text(&parts);
        }
    })
}
