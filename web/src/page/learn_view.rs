//! What is shown of the learning: curves, measurements, the group of a step, a question before and
//! now.

use std::cell::{Cell, RefCell};

use wasm_bindgen::JsValue;
use web_sys::{HtmlElement, HtmlInputElement};

use crate::number::{percent, reward};
use crate::page::chart::{Chart, Kind};
use crate::page::client::items;
use crate::page::completion_card::Card;
use crate::page::dom::{append, by_id, child, child_with, clear, say, set, show, test_id, write};
use crate::page::learner::{Answer, Comparison, Evaluation, ShownCompletion, StepReport};
use crate::page::object::field;
use crate::page::reward::Verdict;
use crate::strings::{self as s, Text};

/// A measurement, and after which step it was made.
#[derive(Clone)]
pub(crate) struct Measured {
    pub(crate) evaluation: Evaluation,
    pub(crate) step: usize,
}

/// One figure of a step and of a measurement.
struct Figure {
    chart: Chart,
    of_step: fn(&StepReport) -> f64,
    of_base: fn(&Evaluation) -> f64,
}

/// The live part of the tab.
pub(crate) struct LearnView {
    figures: Vec<Figure>,
    base: RefCell<Option<Measured>>,
    now: RefCell<Option<Measured>>,
    held: Cell<bool>,
}

impl LearnView {
    pub(crate) fn new() -> Self {
        let place: HtmlElement = by_id("charts");
        let figure = |id, title, note, kind, of_step, of_base| Figure {
            chart: Chart::new(&place, id, title, note, kind),
            of_step,
            of_base,
        };
        type Step = fn(&StepReport) -> f64;
        type Base = fn(&Evaluation) -> f64;
        let rows: [(&str, Text, Text, Kind, Step, Base); 4] = [
            ("chart-reward", s::REWARD, s::CHART_REWARD, Kind::Reward, StepReport::reward, |e| {
                e.accuracy() + e.format()
            }),
            (
                "chart-accuracy",
                s::ACCURACY,
                s::CHART_SHARE,
                Kind::Share,
                StepReport::accuracy,
                Evaluation::accuracy,
            ),
            (
                "chart-format",
                s::FORMAT,
                s::CHART_SHARE,
                Kind::Share,
                StepReport::format,
                Evaluation::format,
            ),
            (
                "chart-length",
                s::LENGTH,
                s::CHART_LENGTH,
                Kind::Length,
                StepReport::length,
                Evaluation::length,
            ),
        ];
        let figures = rows.map(|(i, t, n, k, step, base)| figure(i, t, n, k, step, base)).into();
        let view = Self {
            figures,
            base: RefCell::default(),
            now: RefCell::default(),
            held: Cell::default(),
        };
        view.show_measured();
        view
    }

    /// Draws the curves up to the last step.
    pub(crate) fn draw(&self, steps: &[StepReport]) {
        let base = self.base.borrow();
        for figure in &self.figures {
            let values: Vec<f64> = steps.iter().map(figure.of_step).collect();
            let base = base.as_ref().map(|base| (figure.of_base)(&base.evaluation));
            figure.chart.draw(&values, base);
        }
    }

    /// The measurement of the base or of now, if it was made.
    pub(crate) fn measured(&self, which: &str) -> Option<Measured> {
        if which == "base" { self.base.borrow().clone() } else { self.now.borrow().clone() }
    }

    /// Keeps and shows a measurement.
    pub(crate) fn measure(&self, which: &str, measured: Measured) {
        let kept = if which == "base" { &self.base } else { &self.now };
        kept.replace(Some(measured));
        self.show_measured();
    }

    fn show_measured(&self) {
        let rows: HtmlElement = by_id("evaluation-rows");
        clear(&rows);
        let (base, now) = (self.base.borrow(), self.now.borrow());
        type Line = (&'static str, Text, fn(&Evaluation) -> String);
        let lines: [Line; 3] = [
            ("accuracy", s::ACCURACY, |e| percent(e.accuracy())),
            ("format", s::FORMAT, |e| percent(e.format())),
            ("length", s::LENGTH, |e| format!("{:.1}", e.length())),
        ];
        for (id, title, value) in lines {
            let row = child(&rows, "tr", "");
            let head = child(&row, "th", "");
            set(&head, "scope", "row");
            say(&head, title, &[]);
            for (which, measured) in [("base", &base), ("now", &now)] {
                let text =
                    measured.as_ref().map_or("\u{2013}".to_owned(), |m| value(&m.evaluation));
                test_id(&child_with(&row, "td", "", &text), &format!("{which}-{id}"));
            }
        }
        let note: HtmlElement = by_id("evaluation-note");
        let problems = |m: &Measured| m.evaluation.problems().to_string();
        match (base.as_ref(), now.as_ref()) {
            (_, Some(now)) => {
                let (problems, step) = (problems(now), now.step.to_string());
                say(&note, s::EVALUATION_NOTE, &[("problems", &problems), ("step", &step)]);
            }
            (Some(base), None) => {
                say(&note, s::EVALUATION_BASE_NOTE, &[("problems", &problems(base))]);
            }
            (None, None) => say(&note, s::EVALUATION_NONE, &[]),
        }
    }

    /// Shows the group of a step, unless the visitor is still reading another.
    pub(crate) fn group(&self, report: &StepReport) {
        let held = by_id::<HtmlInputElement>("hold").checked();
        if held && self.held.replace(true) {
            return;
        }
        self.held.set(held);
        let group = report.group();
        let completions: Vec<ShownCompletion> = items(&group.completions());
        write(&by_id::<HtmlElement>("group-question"), &group.question());
        let correct = completions.iter().filter(|c| c.verdict() == "correct").count();
        let total: f64 = completions.iter().map(ShownCompletion::reward).sum();
        let mean = total / completions.len().max(1) as f64;
        say(
            &by_id::<HtmlElement>("group-note"),
            s::GROUP_NOTE,
            &[
                ("step", &report.step().to_string()),
                ("gold", &group.gold()),
                ("correct", &correct.to_string()),
                ("count", &completions.len().to_string()),
                ("mean", &reward(mean)),
            ],
        );
        let (list, count): (HtmlElement, usize) = (by_id("group"), completions.len());
        clear(&list);
        for completion in completions {
            let card = Card::new(false);
            card.write(&completion.text());
            let verdict = Verdict::of(&completion.verdict());
            card.score(verdict, Some(completion.reward()), completion.tokens() as usize);
            card.advantage(completion.advantage(), count);
            append(&list, &card.root);
        }
    }

    /// Shows what visitors should know of a step, and takes it away when it is over.
    pub(crate) fn alarm(&self, alarm: &JsValue) {
        let line: HtmlElement = by_id("alarm");
        match field(alarm, "code").as_string().as_deref() {
            Some("not-finite") => say(&line, s::ALARM_NOT_FINITE, &[]),
            Some("collapsed") => say(&line, s::ALARM_COLLAPSED, &[]),
            Some("no-variance") => say(&line, s::ALARM_NO_VARIANCE, &[]),
            _ => write(&line, &field(alarm, "message").as_string().unwrap_or_default()),
        }
        show(&line, alarm.is_object());
    }

    /// Shows one question answered by the base and by what it has become.
    pub(crate) fn compare(&self, comparison: &Comparison) {
        let place: HtmlElement = by_id("comparison");
        clear(&place);
        child_with(&place, "p", "q", &comparison.question());
        say(&child(&place, "p", "note"), s::GOLD_IS, &[("gold", &comparison.gold())]);
        let pair = child(&place, "div", "pair");
        answer(&pair, "compare-base", s::BASE, &comparison.base());
        answer(&pair, "compare-now", s::NOW, &comparison.now());
        show(&place, true);
    }

    /// Begins again: the base's measurement stays, since it is the same base.
    pub(crate) fn reset(&self) {
        self.now.take();
        self.held.set(false);
        self.draw(&[]);
        self.alarm(&JsValue::NULL);
        self.show_measured();
        for id in ["group", "group-question", "group-note"] {
            write(&by_id::<HtmlElement>(id), "");
        }
        show(&by_id::<HtmlElement>("comparison"), false);
    }
}

fn answer(pair: &HtmlElement, id: &str, title: Text, answer: &Answer) {
    let side = child(pair, "div", "");
    test_id(&side, id);
    say(&child(&side, "p", "label"), title, &[]);
    child_with(&side, "p", "stream", &answer.text());
    let line = child(&side, "p", "");
    Verdict::of(&answer.verdict()).show(&line, "span");
    line.append_with_str_1(" ").unwrap_or_default();
    let total = child(&line, "span", "note");
    say(&total, s::REWARD_IS, &[("reward", &reward(answer.reward()))]);
}
