//! What the screen shows: lines of the terminal's width, whatever that is.

use super::app::{App, Mode};
use super::style::{Line, Role};
use crate::wrap::{fit, width, wrap};
use thinkling_train::review::{By, Decision, Item};

/// A whole screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Screen {
    pub(super) lines: Vec<Line>,
    /// Line and column of the cursor, where text is edited.
    pub(super) cursor: Option<(usize, usize)>,
    /// Lines that an item has at a time.
    pub(super) page: usize,
}

/// Keys with what they do, the ones that matter most first; the help, which has all, is always told.
const KEYS: [&str; 8] = [
    "a accept",
    "r reject",
    "e edit",
    "u undo",
    "q quit",
    "n/p next/previous",
    "o next open",
    "g go to",
];
const HELP_KEY: &str = "? help";

const HELP: &str = "\
a  accept, and go to the next open item
r  reject
e  edit in $VISUAL or $EDITOR, or here where there is none; an edited item is accepted
i  edit here
u  undo the last decision, also one of an earlier call
n  p  next, previous item (also right, left)
o  next open item
g  go to an item by its number
t  show what the model wrote, where a teacher rewrote it
j  k  scroll (also down, up, space, PageDown, PageUp, Home, End)
q  quit (also Ctrl-C); nothing is lost
?  this page

Each decision is on disk before the next item is shown.";

/// The screen of `columns` x `rows`; moves the item back where it was scrolled too far.
pub(super) fn view(app: &mut App, columns: usize, rows: usize) -> Screen {
    let (columns, rows) = (columns.max(8), rows.max(4));
    let head = head(app, columns);
    let foot = foot(app, columns);
    let page = rows.saturating_sub(head.len() + foot.len()).max(1);
    let mut cursor = None;
    let mut body = match &app.mode {
        Mode::Help => wrap(HELP, columns).into_iter().map(|l| Line::new(Role::Plain, l)).collect(),
        Mode::Editing(buffer) => {
            let shown = buffer.show(columns, page);
            cursor = Some((head.len() + shown.cursor.0, shown.cursor.1));
            shown.lines.into_iter().map(|line| Line::new(Role::Plain, line)).collect()
        }
        Mode::Reading | Mode::Jumping(_) => {
            let lines = body(app, columns);
            app.scroll = app.scroll.min(lines.len().saturating_sub(page));
            let below = lines.len() - (app.scroll + page).min(lines.len());
            let mut shown: Vec<Line> = lines.into_iter().skip(app.scroll).take(page).collect();
            if below > 0 && page > 1 {
                let more = format!("-- {} more lines, space shows them --", below + 1);
                shown.pop();
                shown.push(Line::new(Role::Dim, fit(&more, columns)));
            }
            shown
        }
    };
    body.truncate(page);
    body.resize(page, Line::new(Role::Plain, ""));
    let mut lines: Vec<Line> = head.into_iter().chain(body).chain(foot).collect();
    lines.truncate(rows);
    Screen { lines, cursor, page }
}

fn head(app: &App, columns: usize) -> Vec<Line> {
    let counts = app.review.counts();
    let done = counts.items - counts.open;
    let place = format!("item {} of {}", app.at + 1, counts.items);
    let numbers = format!(
        "{} open, {} accepted, {} edited, {} rejected",
        counts.open, counts.accepted, counts.edited, counts.rejected
    );
    let room = columns.saturating_sub(width(&place) + width(&numbers) + 6);
    let bar = match room.min(20) {
        narrow if narrow < 6 => String::new(),
        cells => {
            let full = done * cells / counts.items.max(1);
            format!("  [{}{}]", "#".repeat(full), "-".repeat(cells - full))
        }
    };
    let mut top = fit(&format!("{place}{bar}  {numbers}"), columns);
    top += &" ".repeat(columns - width(&top));
    let (role, state) = match app.review.items().get(app.at).map(|_| app.review.state(app.at)) {
        None => (Role::Dim, "the queue is empty".to_owned()),
        Some(None) => (Role::Title, "open".to_owned()),
        Some(Some((decision, by))) => {
            let (role, what) = match decision {
                Decision::Accept => (Role::Good, "accepted"),
                Decision::Edit(_) => (Role::Good, "edited and accepted"),
                Decision::Reject => (Role::Bad, "rejected"),
            };
            let unread = if *by == By::AcceptAll { ", unread" } else { "" };
            (role, format!("{what}{unread}"))
        }
    };
    let of = app.review.items().get(app.at).map_or_else(String::new, |item| {
        let rewritten = if item.original.is_some() { ", rewritten" } else { "" };
        format!("  ({}, {}{rewritten})", item.id, item.way)
    });
    vec![Line::new(Role::Bar, top), Line::new(role, fit(&format!("{state}{of}"), columns))]
}

fn body(app: &App, columns: usize) -> Vec<Line> {
    let Some(item) = app.review.items().get(app.at) else { return Vec::new() };
    let texts = app.review.texts(app.at);
    let mut lines = Vec::new();
    let mut add = |role: Role, text: &str| {
        lines.extend(wrap(text, columns).into_iter().map(|line| Line::new(role, line)));
    };
    add(Role::Title, "Question");
    add(Role::Plain, item.question.trim());
    let (role, verdict) = verdict(item, texts != &item.texts);
    add(Role::Title, "Verdict");
    add(role, &verdict);
    for doubt in &item.doubts {
        add(Role::Doubt, &format!("! {doubt}"));
    }
    add(Role::Title, "Thinking");
    add(Role::Plain, texts.thinking.trim());
    add(Role::Title, "Summary");
    add(Role::Plain, texts.summary.trim());
    match &item.original {
        Some(original) if app.original => {
            add(Role::Title, "What the model wrote");
            add(Role::Dim, original.trim());
        }
        Some(_) => add(Role::Dim, "t shows what the model wrote before it was rewritten"),
        None => {}
    }
    lines
}

fn verdict(item: &Item, edited: bool) -> (Role, String) {
    let answer = item.answer.as_deref().unwrap_or("none is read");
    let gold = item.gold.as_ref().map_or_else(String::new, |gold| format!(", gold: {gold}"));
    let before = if edited { ", before it was edited" } else { "" };
    let role = if item.verdict == "correct" { Role::Good } else { Role::Bad };
    (role, format!("{}{before}; answer: {answer}{gold}", item.verdict))
}

fn foot(app: &App, columns: usize) -> Vec<Line> {
    let keys = match &app.mode {
        Mode::Jumping(typed) => format!("go to item: {typed}_  (Enter goes, Esc stays)"),
        Mode::Editing(_) => "Ctrl-S saves and accepts, Esc leaves it as it was".to_owned(),
        Mode::Help => "any key goes back".to_owned(),
        Mode::Reading => {
            let mut line = String::new();
            for key in KEYS {
                if width(&line) + width(key) + width(HELP_KEY) + 2 > columns {
                    break;
                }
                line += key;
                line += "  ";
            }
            line + HELP_KEY
        }
    };
    let role = if app.message.is_empty() { Role::Dim } else { Role::Title };
    vec![Line::new(role, fit(&app.message, columns)), Line::new(Role::Dim, fit(&keys, columns))]
}

#[cfg(test)]
mod tests;
