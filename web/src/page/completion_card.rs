//! A completion in a group: its text, its reward, and its advantage as a bar. Both tabs have it.

use web_sys::HtmlElement;

use crate::number::{reward, signed};
use crate::page::client::Meter;
use crate::page::dom::{append, child, child_with, clear, element, say, test_id};
use crate::page::meter_view::MeterView;
use crate::page::reward::Verdict;
use crate::page::tokens;
use crate::strings as s;

/// One item of a list of completions.
pub(crate) struct Card {
    pub(crate) root: HtmlElement,
    text: HtmlElement,
    meter: Option<MeterView>,
    scores: HtmlElement,
    bar: HtmlElement,
}

impl Card {
    /// One with a meter or without.
    pub(crate) fn new(metered: bool) -> Self {
        let root = element("li", "");
        test_id(&root, "completion");
        let text = child(&root, "p", "stream");
        let meter = metered.then(MeterView::new);
        meter.iter().for_each(|meter| append(&root, &meter.root));
        let scores = child(&root, "p", "scores");
        let bar = child(&root, "div", "");
        Self { root, text, meter, scores, bar }
    }

    /// Adds a token to the text.
    pub(crate) fn push(&self, token: &str, logprob: f64) {
        tokens::push(&self.text, token, Some(logprob));
    }

    /// Shows what is counted so far.
    pub(crate) fn meter(&self, counted: &Meter) {
        if let Some(meter) = &self.meter {
            meter.show(counted);
        }
        self.root.class_list().toggle_with_force("kept", counted.format()).unwrap_or_default();
    }

    /// Whether its format is kept, as far as it was counted.
    pub(crate) fn is_kept(&self) -> bool {
        self.root.class_list().contains("kept")
    }

    /// Writes the whole text, its tags set apart.
    pub(crate) fn write(&self, text: &str) {
        clear(&self.text);
        for piece in split_tags(text) {
            tokens::push(&self.text, piece, None);
        }
    }

    /// Shows verdict and reward, or only how long it is.
    pub(crate) fn score(&self, verdict: Verdict, total: Option<f64>, length: usize) {
        clear(&self.scores);
        verdict.show(&self.scores, "span");
        let length = length.to_string();
        say(&child(&self.scores, "span", "note"), s::TOKEN_COUNT, &[("tokens", &length)]);
        if let Some(total) = total {
            let shown = child(&self.scores, "b", "");
            test_id(&shown, "completion-reward");
            say(&shown, s::REWARD_IS, &[("reward", &reward(total))]);
        }
    }

    /// Shows the advantage within a group of that size.
    pub(crate) fn advantage(&self, advantage: f64, group_size: usize) {
        clear(&self.bar);
        append(&self.bar, &advantage_bar(advantage / largest(group_size), advantage));
    }
}

/// The most that an advantage can be: one completion against all others.
fn largest(group_size: usize) -> f64 {
    (group_size.max(2) as f64 - 1.0).sqrt()
}

/// A bar over the given share of its side.
fn advantage_bar(share: f64, advantage: f64) -> HtmlElement {
    let line = element("div", "advantage");
    let side = if advantage > 0.0 { "bar plus" } else { "bar minus" };
    let bar = child(&line, "div", side);
    let share = share.abs().min(1.0) * 50.0;
    let size = child(&bar, "i", "");
    size.style().set_property("--size", &format!("{share:.1}%")).unwrap_or_default();
    say(&child(&line, "span", "unseen"), s::ADVANTAGE, &[]);
    let value = child_with(&line, "b", "", &signed(advantage));
    test_id(&value, "completion-advantage");
    line
}

/// The text cut before and after each tag.
fn split_tags(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let Some(length) = rest[open..].find('>') else { break };
        let end = open + length + 1;
        pieces.extend([&rest[..open], &rest[open..end]].into_iter().filter(|p| !p.is_empty()));
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_set_apart_and_nothing_is_lost() {
        let text = "<think>1<2</think><answer>3</answer>";
        assert_eq!(split_tags(text).concat(), text);
        assert_eq!(split_tags("a <b> c"), ["a ", "<b>", " c"]);
        assert_eq!(split_tags("1 < 2"), ["1 < 2"]);
    }
}
