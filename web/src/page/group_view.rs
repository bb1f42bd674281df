//! Eight completions of one question side by side: what GRPO would learn from.

use std::cell::RefCell;

use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlInputElement};

use crate::number::reward;
use crate::page::client::{Completion, GroupAdvantages, Meter, items};
use crate::page::completion_card::Card;
use crate::page::dom::{
    append, child, child_with, clear, element, on, say, set, show as set_shown, test_id,
};
use crate::page::reward::{Checked, Verdict};
use crate::page::tokens;
use crate::strings as s;

/// What a group came to.
#[derive(Clone, Copy)]
pub(crate) struct GroupTotals {
    pub(crate) mean: f64,
    pub(crate) correct: usize,
    pub(crate) count: usize,
}

/// The view of a group.
pub(crate) struct GroupView {
    pub(crate) root: HtmlElement,
    summary: HtmlElement,
    filter: Filter,
    cards: Vec<Card>,
    totals: RefCell<Option<GroupTotals>>,
}

impl GroupView {
    /// A view of so many completions, with meters or without.
    pub(crate) fn new(size: usize, metered: bool) -> Self {
        let root = element("section", "row result busy");
        test_id(&root, "sample-group");
        set(&root, "aria-busy", "true");
        say(&child(&root, "h2", "label"), s::GROUP, &[]);
        let body = child(&root, "div", "");
        let summary = child(&body, "div", "");
        let filter = Filter::new(&body, metered);
        let list = child(&root, "ol", "completions wide");
        let legend = child(&root, "div", "wide");
        tokens::connect_pointer(&list, &tokens::legend(&legend));
        let cards: Vec<Card> = (0..size).map(|_| Card::new(metered)).collect();
        cards.iter().for_each(|card| append(&list, &card.root));
        filter.connect(&list);
        Self { root, summary, filter, cards, totals: RefCell::default() }
    }

    /// Adds a token to one of the completions.
    pub(crate) fn push(&self, completion: usize, token: &str, logprob: f64) {
        if let Some(card) = self.cards.get(completion) {
            card.push(token, logprob);
        }
    }

    /// Shows what one completion's meter tells, where it tells something now.
    pub(crate) fn meter(&self, completion: usize, meter: Option<&Meter>) {
        let (Some(card), Some(meter)) = (self.cards.get(completion), meter) else { return };
        card.meter(meter);
        let kept = self.cards.iter().filter(|card| card.is_kept()).count();
        self.filter.show(kept, self.cards.len());
    }

    /// Shows what one completion earned.
    pub(crate) fn score(&self, index: usize, completion: &Completion, checked: Option<&Checked>) {
        let verdict = checked.map_or(Verdict::Unknown, |checked| checked.verdict);
        let total = checked.filter(|c| c.verdict != Verdict::Unknown).map(|c| c.total);
        if let Some(card) = self.cards.get(index) {
            card.score(verdict, total, completion.ids().length() as usize);
        }
    }

    /// Shows mean, spread and advantages.
    pub(crate) fn finish(&self, group: &GroupAdvantages, correct: usize) {
        self.end();
        let (mean, std) = (group.mean(), group.std());
        for (card, advantage) in self.cards.iter().zip(items_f64(group)) {
            card.advantage(advantage, self.cards.len());
        }
        let count = self.cards.len();
        let line = child(&self.summary, "p", "group-summary");
        test_id(&line, "group-summary");
        let figures = [
            (format!("{correct}/{count}"), s::GROUP_CORRECT),
            (reward(mean), s::GROUP_MEAN),
            (reward(std), s::GROUP_STD),
        ];
        for (value, text) in figures {
            let figure = child(&line, "span", "");
            child_with(&figure, "b", "", &value);
            figure.append_with_str_1(" ").unwrap_or_default();
            say(&child(&figure, "span", "note"), text, &[]);
        }
        let lesson = if std > 1e-9 { s::LESSON } else { s::LESSON_NONE };
        say(&child(&self.summary, "p", "lesson"), lesson, &[]);
        self.totals.replace(Some(GroupTotals { mean, correct, count }));
    }

    /// Shows that there is nothing to compare the completions by.
    pub(crate) fn finish_without_rewards(&self) {
        self.end();
        say(&child(&self.summary, "p", "lesson"), s::LESSON_NO_GOLD, &[]);
    }

    /// Shows that no more tokens come.
    pub(crate) fn end(&self) {
        clear(&self.summary);
        self.root.class_list().remove_1("busy").unwrap_or_default();
        set(&self.root, "aria-busy", "false");
    }

    /// What it came to, once it has ended.
    pub(crate) fn totals(&self) -> Option<GroupTotals> {
        *self.totals.borrow()
    }
}

/// The switch that leaves only the well-formed ones, by their meters.
struct Filter {
    root: HtmlElement,
    input: HtmlInputElement,
    text: HtmlElement,
}

impl Filter {
    fn new(parent: &HtmlElement, metered: bool) -> Self {
        let root = child(parent, "label", "toggle filter");
        let input: HtmlInputElement = child(&root, "input", "").unchecked_into();
        input.set_type("checkbox");
        test_id(&input, "only-well-formed");
        let text = child(&root, "span", "");
        test_id(&text, "well-formed-count");
        set_shown(&root, metered);
        let filter = Self { root, input, text };
        filter.show(0, 0);
        filter
    }

    fn connect(&self, list: &HtmlElement) {
        let (input, list) = (self.input.clone(), list.clone());
        on(&self.root, "change", move |_| {
            list.class_list().toggle_with_force("only-kept", input.checked()).unwrap_or_default();
        });
    }

    fn show(&self, kept: usize, all: usize) {
        let (kept, all) = (kept.to_string(), all.to_string());
        say(&self.text, s::ONLY_WELL_FORMED, &[("kept", &kept), ("all", &all)]);
    }
}

fn items_f64(group: &GroupAdvantages) -> Vec<f64> {
    items::<wasm_bindgen::JsValue>(&group.advantages())
        .iter()
        .map(|value| value.as_f64().unwrap_or(0.0))
        .collect()
}
