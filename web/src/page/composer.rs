//! The question: typed or drawn, with its gold answer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{
    HtmlElement, HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement, KeyboardEvent,
};

use crate::gold;
use crate::page::dom::{by_id, on, say, write};
use crate::page::notices;
use crate::page::problems::{self, Asked};
use crate::strings as s;

/// The fields of the question.
pub(crate) struct Composer {
    question: HtmlTextAreaElement,
    gold: HtmlInputElement,
    note: HtmlElement,
    level: HtmlSelectElement,
    drawn: RefCell<Option<Asked>>,
    /// Whether the gold answer is the visitor's own, which the page does not overwrite.
    gold_typed: Cell<bool>,
}

impl Composer {
    pub(crate) fn new() -> Rc<Self> {
        let this = Rc::new(Self {
            question: by_id("question"),
            gold: by_id("gold"),
            note: by_id("gold-note"),
            level: by_id("level"),
            drawn: RefCell::default(),
            gold_typed: Cell::default(),
        });
        let own = this.clone();
        on(&this.question, "input", move |_| own.question_changed());
        let own = this.clone();
        on(&this.gold, "input", move |_| {
            own.gold_typed.set(!own.gold.value().trim().is_empty());
            write(&own.note, "");
        });
        let own = this.clone();
        on(&by_id::<HtmlElement>("draw"), "click", move |_| own.draw());
        let own = this.clone();
        on(&this.level, "change", move |_| own.draw());
        let own = this.clone();
        on(&crate::page::dom::window(), "resize", move |_| own.fit());
        connect_keys(&this.question);
        this.fit();
        this
    }

    /// What would be asked now; none where nothing is typed.
    pub(crate) fn asked(&self) -> Option<Asked> {
        let (question, gold) = (self.question.value().trim().to_owned(), self.gold.value());
        let drawn = self.drawn.borrow();
        let untouched =
            drawn.as_ref().filter(|drawn| drawn.question == question && drawn.gold == gold.trim());
        match untouched {
            Some(drawn) => Some(drawn.clone()),
            None => (!question.is_empty()).then(|| Asked::typed(&question, &gold)),
        }
    }

    pub(crate) fn focus(&self) {
        self.question.focus().unwrap_or_default();
    }

    /// Draws a problem of the chosen kind.
    pub(crate) fn draw(self: &Rc<Self>) {
        let this = self.clone();
        spawn_local(async move {
            match problems::draw(&this.level.value()).await {
                Ok(Some(asked)) => this.set(asked),
                Ok(None) | Err(_) => notices::error_text(s::ERROR_PROBLEMS),
            }
        });
    }

    fn set(&self, asked: Asked) {
        self.question.set_value(&asked.question);
        self.gold.set_value(&asked.gold);
        self.gold_typed.set(false);
        match asked.countdown {
            true => say(&self.note, s::GOLD_COUNTDOWN, &[("target", &asked.gold)]),
            false => write(&self.note, ""),
        }
        self.drawn.replace(Some(asked));
        self.fit();
    }

    fn question_changed(&self) {
        self.fit();
        if self.gold_typed.get() {
            return;
        }
        match gold::of_question(&self.question.value()) {
            Some(gold) => {
                self.gold.set_value(&gold.to_string());
                say(&self.note, s::GOLD_WORKED_OUT, &[]);
            }
            None => {
                self.gold.set_value("");
                write(&self.note, "");
            }
        }
    }

    /// Makes the field as high as its text.
    fn fit(&self) {
        let style = self.question.style();
        style.set_property("height", "auto").unwrap_or_default();
        let height = format!("{}px", self.question.scroll_height());
        style.set_property("height", &height).unwrap_or_default();
    }
}

/// Enter asks, Shift+Enter breaks the line. Enter that ends a word of an input method does neither.
fn connect_keys(question: &HtmlTextAreaElement) {
    on(question, "keydown", |event| {
        let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
        if key.key() == "Enter" && !key.shift_key() && !key.is_composing() {
            event.prevent_default();
            // Ctrl+Enter is heard on the whole page.
            if !key.ctrl_key() && !key.meta_key() {
                by_id::<HtmlElement>("run").click();
            }
        }
    });
}
