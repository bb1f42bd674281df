//! Tokens coloured by log-probability, with a legend and a value for each.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent};

use crate::number::signed;
use crate::page::dom::{child, child_with, label, on, say, set, test_id};
use crate::strings as s;

/// Lower ends of the classes of probability; the last class is what lies below.
const CLASSES: [f64; 5] = [0.9, 0.5, 0.2, 0.05, 0.01];

/// The class of a log-probability: 0 for nearly certain, 5 for a surprise.
fn class(logprob: f64) -> usize {
    let probability = logprob.exp();
    CLASSES.iter().position(|low| probability >= *low).unwrap_or(CLASSES.len())
}

/// Adds a token to a text. Its colour shows where an element around it has the class `tokens-on`.
pub(crate) fn push(text: &Element, token: &str, logprob: Option<f64>) {
    let span = child_with(text, "span", "token", token);
    let trimmed = token.trim();
    if trimmed.starts_with('<') && trimmed.ends_with('>') {
        span.set_class_name("token tag");
    }
    if let Some(logprob) = logprob {
        span.class_list().add_1(&format!("p{}", class(logprob))).unwrap_or_default();
        span.set_title(&value(token, logprob));
    }
}

/// `"31" −0.02 nats, 98 %`.
fn value(token: &str, logprob: f64) -> String {
    // Tokens of blanks and line breaks should be seen as such.
    let shown = format!("{token:?}");
    format!("{shown}  {} nats  {:.1} %", signed(logprob), 100.0 * logprob.exp())
}

/// The row of all tokens, tags included, with legend and readout.
pub(crate) struct TokenRow {
    pub(crate) root: HtmlElement,
    tokens: HtmlElement,
}

impl TokenRow {
    pub(crate) fn new() -> Self {
        let root = crate::page::dom::element("section", "row");
        test_id(&root, "tokens");
        say(&child(&root, "h2", "label"), s::TOKENS, &[]);
        let body = child(&root, "div", "");
        let tokens = child(&body, "p", "stream raw");
        set(&tokens, "tabindex", "0");
        set(&tokens, "role", "group");
        label(&tokens, s::LEGEND_KEYS);
        let readout = legend(&body);
        connect_pointer(&tokens, &readout);
        connect_keys(&tokens, &readout);
        Self { root, tokens }
    }

    pub(crate) fn push(&self, token: &str, logprob: f64) {
        push(&self.tokens, token, Some(logprob));
    }
}

/// The legend of the colours, with a place where the value of one token is read out.
pub(crate) fn legend(body: &Element) -> HtmlElement {
    let legend = child(body, "div", "legend");
    say(&child(&legend, "span", ""), s::LEGEND, &[]);
    let scale = child(&legend, "span", "scale tokens-on");
    for (i, name) in
        ["> 90 %", "> 50 %", "> 20 %", "> 5 %", "> 1 %", "≤ 1 %"].into_iter().enumerate()
    {
        child_with(&scale, "span", &format!("p{i}"), name);
    }
    let readout = child(&legend, "output", "readout");
    test_id(&readout, "token-value");
    readout
}

/// Reads out the value of the token under the pointer.
pub(crate) fn connect_pointer(tokens: &HtmlElement, readout: &HtmlElement) {
    let readout = readout.clone();
    on(tokens, "pointerover", move |event| {
        let target = event.target().and_then(|t| t.dyn_into::<HtmlElement>().ok());
        if let Some(token) = target.filter(|t| t.class_list().contains("token")) {
            readout.set_text_content(Some(&token.title()));
        }
    });
}

/// The arrow keys choose the token whose value is read out.
fn connect_keys(tokens: &HtmlElement, readout: &HtmlElement) {
    let at: Rc<Cell<Option<u32>>> = Rc::default();
    let (text, out) = (tokens.clone(), readout.clone());
    on(tokens, "keydown", move |event| {
        let key = event.dyn_ref::<KeyboardEvent>().map(KeyboardEvent::key).unwrap_or_default();
        let count = text.children().length();
        let next = match (key.as_str(), at.get()) {
            ("ArrowRight", None) | ("Home", _) => 0,
            ("ArrowRight", Some(i)) => i + 1,
            ("ArrowLeft", Some(i)) => i.saturating_sub(1),
            ("End", _) => count.saturating_sub(1),
            _ => return,
        };
        event.prevent_default();
        let item = |i: u32| text.children().item(i);
        if let Some(token) = item(next) {
            if let Some(before) = at.replace(Some(next)).and_then(item) {
                before.class_list().remove_1("at").unwrap_or_default();
            }
            token.class_list().add_1("at").unwrap_or_default();
            out.set_text_content(token.get_attribute("title").as_deref());
        }
    });
}
