//! What each model made of the same question, side by side.

use web_sys::HtmlElement;

use crate::number::reward;
use crate::page::ask::{Mode, Outcome, Round};
use crate::page::dom::{by_id, child, child_with, clear, say, show as set_shown, test_id, write};
use crate::page::models::Which;
use crate::page::reward::Verdict;
use crate::strings::{self as s, Text};

pub(crate) fn hide() {
    set_shown(&by_id::<HtmlElement>("versus"), false);
}

/// Shows the comparison once two of the models have answered.
pub(crate) fn show(round: &Round) {
    let rows: HtmlElement = by_id("versus-rows");
    clear(&rows);
    let mut shown = 0;
    for which in Which::ALL {
        let outcome = &round.outcomes[which as usize];
        shown += usize::from(match round.mode {
            Mode::Single => single(&rows, which, outcome),
            Mode::Group => group(&rows, which, outcome),
        });
    }
    set_shown(&by_id::<HtmlElement>("versus"), shown > 1);
}

fn row(rows: &HtmlElement, which: Which, text: Text, total: f64) -> HtmlElement {
    let row = child(rows, "tr", "");
    test_id(&row, &["versus-", which.value()].concat());
    let name = child(&row, "th", "");
    match which {
        Which::Base => say(&name, s::BASE, &[]),
        Which::Distilled => say(&name, s::DISTILLED, &[]),
        Which::R1Zero => say(&name, s::R1_ZERO, &[]),
        Which::Own => {
            let own = by_id::<HtmlElement>("own-name").text_content().unwrap_or_default();
            write(&name, &own);
        }
    }
    say(&child(&row, "td", ""), text, &[("reward", &reward(total))]);
    row
}

fn single(rows: &HtmlElement, which: Which, outcome: &Outcome) -> bool {
    let checked = outcome.run.as_ref().and_then(|view| view.checked());
    let Some(checked) = checked.filter(|c| c.verdict != Verdict::Unknown) else { return false };
    let row = row(rows, which, s::REWARD_IS, checked.total);
    checked.verdict.show(&child(&row, "td", ""), "span");
    true
}

fn group(rows: &HtmlElement, which: Which, outcome: &Outcome) -> bool {
    let Some(totals) = outcome.group.as_ref().and_then(|view| view.totals()) else { return false };
    let row = row(rows, which, s::MEAN_REWARD_IS, totals.mean);
    let cell = child(&row, "td", "");
    child_with(&cell, "span", "", &format!("{}/{} ", totals.correct, totals.count));
    say(&child(&cell, "span", ""), s::GROUP_CORRECT, &[]);
    true
}
