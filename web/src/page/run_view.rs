//! One completion on the page: thinking in a folded panel, the answer, the reward check, the tokens.

use std::cell::RefCell;

use wasm_bindgen::JsCast;
use web_sys::{HtmlDetailsElement, HtmlElement};

use crate::number::seconds;
use crate::page::client::{Completion, Meter};
use crate::page::dom::{append, child, clear, element, now_ms, say, set, show, test_id, write};
use crate::page::meter_view::MeterView;
use crate::page::reward::{self, Checked};
use crate::page::tokens::TokenRow;
use crate::strings as s;

/// From so many characters on, thinking is folded when the answer is there.
const LONG_THINKING: usize = 600;
/// From so many characters on, an answer is set as text and not as a headline.
const LONG_ANSWER: usize = 40;

/// Which part of a completion a text belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Reasoning,
    Content,
    /// Outside the tags.
    Other,
}

impl Part {
    /// Of the client's word.
    pub(crate) fn of(kind: &str) -> Self {
        match kind {
            "reasoning" => Self::Reasoning,
            "content" => Self::Content,
            _ => Self::Other,
        }
    }
}

#[derive(Default)]
struct Progress {
    started_ms: f64,
    thought_ms: f64,
    thinking_tokens: usize,
    thinking: String,
    content: String,
    outside: String,
    checked: Option<Checked>,
}

/// The view of one completion.
pub(crate) struct RunView {
    pub(crate) root: HtmlElement,
    thinking: HtmlDetailsElement,
    thinking_row: HtmlElement,
    meta: HtmlElement,
    preview: HtmlElement,
    reasoning: HtmlElement,
    answer: HtmlElement,
    said: HtmlElement,
    outside: HtmlElement,
    outside_line: HtmlElement,
    verdict: HtmlElement,
    reward_row: HtmlElement,
    reward: HtmlElement,
    tokens: TokenRow,
    meter_row: HtmlElement,
    meter: MeterView,
    /// Whether the model was asked to think between tags.
    tagged: bool,
    progress: RefCell<Progress>,
}

impl RunView {
    /// A view of what may be `tagged` as R1-Zero's template asks; of a model that `sums_up`, what stands
    /// between thinking and answer is its summary and no fault.
    pub(crate) fn new(tagged: bool, sums_up: bool) -> Self {
        let root = element("article", "result busy");
        let meter_row = child(&root, "section", "row");
        say(&child(&meter_row, "h2", "label"), s::METER, &[]);
        let body = child(&meter_row, "div", "");
        let meter = MeterView::new();
        append(&body, &meter.root);
        say(&child(&body, "p", "note"), s::METER_NOTE, &[]);
        show(&meter_row, false);
        let thinking_row = child(&root, "section", "row");
        let thinking: HtmlDetailsElement =
            child(&thinking_row, "details", "thinking").unchecked_into();
        test_id(&thinking, "thinking");
        thinking.set_open(true);
        let summary = child(&thinking, "summary", "");
        say(&child(&summary, "span", "label"), s::THINKING, &[]);
        let line = child(&summary, "span", "meta");
        let meta = child(&line, "span", "");
        test_id(&meta, "thinking-meta");
        let preview = child(&line, "span", "preview");
        let reasoning = child(&thinking, "p", "stream active");
        test_id(&reasoning, "reasoning");

        let answer = child(&root, "section", "row");
        say(&child(&answer, "h2", "label"), s::ANSWER, &[]);
        let body = child(&answer, "div", "answer");
        let said = child(&body, "p", "said");
        test_id(&said, "answer");
        let verdict = child(&body, "span", "");
        let outside_line = child(&body, "p", "stream outside");
        let title = if sums_up { s::SUMMARY } else { s::OUTSIDE };
        say(&child(&outside_line, "span", "note"), title, &[]);
        let outside = child(&outside_line, "span", "");
        test_id(&outside, "outside");
        show(&outside_line, false);

        let reward_row = child(&root, "section", "row");
        test_id(&reward_row, "reward");
        say(&child(&reward_row, "h2", "label"), s::REWARD, &[]);
        let reward = child(&reward_row, "div", "");
        let tokens = TokenRow::new();
        append(&root, &tokens.root);

        show(&reward_row, false);
        show(&answer, !tagged);
        show(&thinking_row, tagged);
        let progress = RefCell::new(Progress { started_ms: now_ms(), ..Progress::default() });
        set(&root, "aria-busy", "true");
        #[rustfmt::skip]
        let view = Self {
            root, thinking, thinking_row, meta, preview, reasoning, answer, said, outside,
            outside_line, verdict, reward_row, reward, tokens, meter_row, meter, tagged, progress,
        };
        view.show_meta();
        view
    }

    /// Adds a token.
    pub(crate) fn push(&self, token: &str, logprob: f64, parts: &[(Part, String)]) {
        self.tokens.push(token, logprob);
        self.push_text(parts);
    }

    /// Shows what the meter tells, where it tells something now.
    pub(crate) fn meter(&self, meter: Option<&Meter>) {
        if let Some(meter) = meter {
            self.meter.show(meter);
            show(&self.meter_row, true);
        }
    }

    /// Adds text that comes without its token.
    pub(crate) fn push_text(&self, parts: &[(Part, String)]) {
        let mut progress = self.progress.borrow_mut();
        for (part, text) in parts {
            match part {
                Part::Reasoning => {
                    progress.thinking.push_str(text);
                    write(&self.reasoning, &progress.thinking);
                    progress.thinking_tokens += 1;
                    progress.thought_ms = now_ms() - progress.started_ms;
                    show(&self.thinking_row, true);
                }
                Part::Other if self.tagged => {
                    progress.outside.push_str(text);
                    write(&self.outside, &progress.outside);
                    let said = !progress.outside.trim().is_empty();
                    show(&self.outside_line, said);
                    show(&self.answer, said);
                }
                Part::Content | Part::Other => {
                    progress.content.push_str(text);
                    self.show_said(&progress.content);
                    show(&self.answer, true);
                }
            }
        }
        drop(progress);
        self.show_meta();
    }

    fn show_said(&self, content: &str) {
        let content = content.trim();
        let long = content.chars().count() > LONG_ANSWER;
        self.said.set_class_name(if long { "said long" } else { "said" });
        write(&self.said, content);
    }

    fn show_meta(&self) {
        let progress = self.progress.borrow();
        let (time, tokens) =
            (seconds(progress.thought_ms / 1e3), progress.thinking_tokens.to_string());
        say(&self.meta, s::THINKING_META, &[("seconds", &time), ("tokens", &tokens)]);
    }

    /// Shows that the completion has ended, and what the reward made of it.
    pub(crate) fn finish(&self, completion: &Completion, checked: Option<Checked>) {
        self.root.class_list().remove_1("busy").unwrap_or_default();
        set(&self.root, "aria-busy", "false");
        self.meter(completion.meter().as_ref());
        show(&self.answer, true);
        let content = completion.content();
        match content.trim().is_empty() {
            true if self.tagged => {
                self.said.set_class_name("said long note");
                say(&self.said, s::NO_ANSWER, &[]);
            }
            _ => self.show_said(&content),
        }
        let mut progress = self.progress.borrow_mut();
        if progress.thinking.trim().is_empty() {
            show(&self.thinking_row, self.tagged);
            say(&self.meta, s::NO_THINKING, &[]);
            self.thinking.set_open(false);
        }
        write(&self.preview, progress.thinking.trim());
        if progress.thinking.len() > LONG_THINKING {
            self.thinking.set_open(false);
        }
        show(&self.outside_line, !progress.outside.trim().is_empty());
        let stopped = completion.finish() == "abort";
        clear(&self.verdict);
        match &checked {
            _ if stopped => say(&child(&self.verdict, "span", "verdict"), s::STOPPED, &[]),
            Some(checked) => checked.verdict.show(&self.verdict, "span"),
            None => {}
        }
        progress.checked = checked.filter(|_| !stopped);
        drop(progress);
        self.relabel();
    }

    /// Shows that there will be no more: something went wrong.
    pub(crate) fn give_up(&self) {
        self.root.class_list().remove_1("busy").unwrap_or_default();
        set(&self.root, "aria-busy", "false");
    }

    /// What the reward made of it, once it has ended.
    pub(crate) fn checked(&self) -> Option<Checked> {
        self.progress.borrow().checked.clone()
    }

    /// Writes what is made of several texts in the page's language.
    pub(crate) fn relabel(&self) {
        clear(&self.reward);
        if let Some(checked) = &self.progress.borrow().checked {
            append(&self.reward, &reward::table(checked));
            show(&self.reward_row, true);
        }
        crate::page::dom::relabel(&self.root);
    }
}
