//! The reward check: each component with its value and why.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement};

use crate::number::{percent, reward};
use crate::page::client::{Completion, Judgement, Model, RewardComponent, ScoredLine, items};
use crate::page::dom::{child, child_with, element, language, say, test_id, words};
use crate::page::object::object;
use crate::page::problems::Asked;
use crate::strings::{self as s, Text, reason};
use crate::tags;

/// What the reward made of a completion.
#[derive(Clone)]
pub(crate) struct Checked {
    pub(crate) verdict: Verdict,
    pub(crate) total: f64,
    pub(crate) highest: f64,
    lines: Vec<Line>,
}

/// Whether an answer is right; `Unknown` where there is no gold answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Correct,
    Wrong,
    Unverifiable,
    Unknown,
}

impl Verdict {
    /// Of the client's word.
    pub(crate) fn of(word: &str) -> Self {
        match word {
            "correct" => Self::Correct,
            "wrong" => Self::Wrong,
            _ => Self::Unverifiable,
        }
    }

    pub(crate) const fn text(self) -> Option<Text> {
        match self {
            Self::Correct => Some(s::CORRECT),
            Self::Wrong => Some(s::WRONG),
            Self::Unverifiable => Some(s::UNVERIFIABLE),
            Self::Unknown => None,
        }
    }

    /// The verdict in words, coloured, for tests too.
    pub(crate) fn show(self, parent: &Element, tag: &str) {
        let Some(text) = self.text() else { return };
        let class = match self {
            Self::Correct => "verdict correct",
            Self::Wrong => "verdict wrong",
            _ => "verdict",
        };
        let line = child(parent, tag, class);
        test_id(&line, "verdict");
        say(&line, text, &[]);
    }
}

#[derive(Clone)]
struct Line {
    title: Text,
    id: &'static str,
    value: Option<f64>,
    weight: f64,
    why: Text,
    values: Vec<(&'static str, Value)>,
}

/// A value in a text; what is in words is put in the page's language as it is written.
#[derive(Clone)]
enum Value {
    Plain(String),
    /// Of the reward, in English.
    Reason(String),
    /// What is wrong, and with which tag.
    Fault(Text, &'static str),
}

impl Value {
    fn words(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Reason(english) => reason(english, language()),
            Self::Fault(fault, tag) => words(*fault, &[("tag", tag)]),
        }
    }
}

/// Judges a completion by the rewards of training. The format rule's own judgement is asked where
/// there is no gold answer, and where the model was trained on it.
pub(crate) async fn check(
    model: &Model,
    asked: &Asked,
    completion: &Completion,
    template: &str,
) -> Result<Checked, JsValue> {
    let template = if template == "r1-zero" { "r1-zero" } else { "none" };
    let text = completion.text();
    let seen = Seen {
        text: &text,
        truncated: completion.finish() != "stop",
        think_only: model.info().thinks_only(),
    };
    let options = object(&[
        ("template", template.into()),
        ("formatRule", model.info().format_rule().as_deref().unwrap_or("strict").into()),
        ("truncated", seen.truncated.into()),
    ]);
    let Some(problem) = &asked.problem else {
        return without_gold(model, seen, &options, template == "r1-zero").await;
    };
    let judged: Judgement = model.judge(problem, &text, &options).await?.unchecked_into();
    Ok(of_judgement(&judged, asked, seen))
}

/// A completion as it is judged.
#[derive(Clone, Copy)]
struct Seen<'a> {
    text: &'a str,
    truncated: bool,
    /// Whether the format is thinking and then a reply, instead of R1-Zero's four tags.
    think_only: bool,
}

fn of_judgement(judged: &Judgement, asked: &Asked, seen: Seen) -> Checked {
    let verdict = Verdict::of(&judged.verdict());
    let mut lines = Vec::new();
    let mut highest = 0.0;
    for component in items::<RewardComponent>(&judged.components()) {
        let (value, weight) = (Some(component.value()), component.weight());
        highest += weight;
        lines.push(match component.name().as_str() {
            "accuracy" => accuracy(verdict, value, weight, judged, asked, seen.truncated),
            "format" => format_line(value, weight, seen),
            _ => language_line(component.value(), weight, seen.text),
        });
    }
    let language_judged = lines.iter().any(|line| line.id == "language");
    if let (Some(share), false) = (judged.language(), language_judged) {
        lines.push(language_line(share, 0.0, seen.text));
    }
    Checked { verdict, total: judged.total(), highest, lines }
}

async fn without_gold(
    model: &Model,
    seen: Seen<'_>,
    options: &JsValue,
    has_format: bool,
) -> Result<Checked, JsValue> {
    let mut lines = vec![Line {
        title: s::ACCURACY,
        id: "accuracy",
        value: None,
        weight: 0.0,
        why: s::WHY_NO_GOLD,
        values: Vec::new(),
    }];
    if has_format {
        let line = object(&[("text", seen.text.into())]);
        let scored: ScoredLine = model.score("format", &line, options).await?.unchecked_into();
        let value = if seen.truncated { 0.0 } else { scored.reward() };
        lines.push(format_line(Some(value), 1.0, seen));
    }
    let total = lines.iter().filter_map(|line| line.value).sum();
    let highest = lines.iter().map(|line| line.weight).sum();
    Ok(Checked { verdict: Verdict::Unknown, total, highest, lines })
}

fn accuracy(
    verdict: Verdict,
    value: Option<f64>,
    weight: f64,
    judged: &Judgement,
    asked: &Asked,
    truncated: bool,
) -> Line {
    let why = match (verdict, asked.countdown) {
        _ if truncated => s::WHY_CUT,
        (Verdict::Correct, false) => s::WHY_CORRECT,
        (Verdict::Correct, true) => s::WHY_CORRECT_COUNTDOWN,
        (Verdict::Wrong, false) => s::WHY_WRONG,
        (Verdict::Wrong, true) => s::WHY_WRONG_COUNTDOWN,
        _ => s::WHY_UNVERIFIABLE,
    };
    let values = vec![
        ("read", Value::Plain(judged.extracted().unwrap_or_default())),
        ("gold", Value::Plain(asked.gold.clone())),
        ("reason", Value::Reason(judged.reason().unwrap_or_default())),
    ];
    Line { title: s::ACCURACY, id: "accuracy", value, weight, why, values }
}

fn format_line(value: Option<f64>, weight: f64, seen: Seen<'_>) -> Line {
    let kept = value.is_some_and(|value| value >= 1.0);
    let (why, values) = match tags::first_fault(seen.text, seen.think_only) {
        _ if seen.truncated => (s::WHY_CUT, Vec::new()),
        _ if kept && seen.think_only => (s::WHY_FORMAT_THINK_ONLY, Vec::new()),
        _ if kept => (s::WHY_FORMAT, Vec::new()),
        Some((tag, count)) => {
            let fault = if count == 0 { s::TAG_MISSING } else { s::TAG_TWICE };
            (s::WHY_NO_FORMAT, vec![("reason", Value::Fault(fault, tag))])
        }
        None => (s::WHY_NO_FORMAT, vec![("reason", Value::Fault(s::TAG_ORDER, ""))]),
    };
    Line { title: s::FORMAT, id: "format", value, weight, why, values }
}

fn language_line(share: f64, weight: f64, text: &str) -> Line {
    let words = tags::holds_words(text);
    Line {
        title: s::LANGUAGE,
        id: "language",
        value: words.then_some(share),
        weight,
        why: match words {
            false => s::WHY_NO_WORDS,
            true if weight > 0.0 => s::WHY_LANGUAGE_REWARDED,
            true => s::WHY_LANGUAGE,
        },
        values: vec![("share", Value::Plain(percent(share)))],
    }
}

/// The check as a table.
pub(crate) fn table(checked: &Checked) -> HtmlElement {
    let table = element("table", "reward");
    let body = child(&table, "tbody", "");
    for line in &checked.lines {
        let row = child(&body, "tr", "");
        test_id(&row, &["reward-", line.id].concat());
        let title = child(&row, "th", "");
        title.set_attribute("scope", "row").unwrap_or_default();
        say(&title, line.title, &[]);
        let earned = line.weight > 0.0 && line.value.is_some_and(|value| value > 0.0);
        let shown = line.value.map_or_else(|| "\u{2013}".to_owned(), reward);
        child_with(&row, "td", if earned { "value earned" } else { "value" }, &shown);
        let values: Vec<(&str, String)> =
            line.values.iter().map(|(place, value)| (*place, value.words())).collect();
        let values: Vec<(&str, &str)> = values.iter().map(|(p, v)| (*p, v.as_str())).collect();
        say(&child(&row, "td", "why"), line.why, &values);
    }
    if checked.highest > 0.0 {
        let row = child(&body, "tr", "total");
        test_id(&row, "reward-total");
        say(&child(&row, "th", ""), s::TOTAL, &[]);
        child_with(&row, "td", "value", &reward(checked.total));
        say(&child(&row, "td", "why"), s::OF_TOTAL, &[("total", &reward(checked.highest))]);
    }
    table
}
