//! A line chart over steps, drawn as SVG: each step thin, the running mean strong, its last value
//! written at its end.

use web_sys::{Element, HtmlElement};

use crate::number::percent;
use crate::page::dom::{append, child, document, say, set, test_id, words};
use crate::scale::{Axis, running_mean};
use crate::strings::{self as s, Text};

const SVG: &str = "http://www.w3.org/2000/svg";
/// Steps of the running mean.
const WINDOW: usize = 5;
/// Room for the labels around the plot, in pixels.
const LEFT: f64 = 34.0;
const RIGHT: f64 = 44.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 22.0;

/// What the values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From 0 to 2.
    Reward,
    /// From 0 to 1, as a percentage.
    Share,
    /// From 0 to what there is.
    Length,
}

impl Kind {
    fn axis(self, values: &[f64]) -> Axis {
        let most = values.iter().copied().fold(10.0, f64::max);
        match self {
            Self::Reward => Axis::round(0.0, 2.0, 2),
            Self::Share => Axis::round(0.0, 1.0, 2),
            Self::Length => Axis::round(0.0, most, 3),
        }
    }

    fn label(self, value: f64) -> String {
        match self {
            Self::Reward => format!("{value:.2}"),
            Self::Share => percent(value),
            Self::Length => format!("{value:.0}"),
        }
    }

    fn tick(self, value: f64) -> String {
        match self {
            Self::Reward if value.fract() != 0.0 => format!("{value:.1}"),
            Self::Share => percent(value),
            _ => format!("{value:.0}"),
        }
    }
}

/// One chart.
pub(crate) struct Chart {
    title: Text,
    kind: Kind,
    svg: Element,
}

impl Chart {
    pub(crate) fn new(parent: &HtmlElement, id: &str, title: Text, note: Text, kind: Kind) -> Self {
        let figure = child(parent, "figure", "");
        test_id(&figure, id);
        let caption = child(&figure, "figcaption", "");
        say(&child(&caption, "span", ""), title, &[]);
        say(&child(&caption, "span", ""), note, &[]);
        let svg = document().create_element_ns(Some(SVG), "svg").expect("a tag of SVG");
        set(&svg, "role", "img");
        append(&figure, &svg);
        Self { title, kind, svg }
    }

    /// Draws the values of the steps from 1 on, and the base's as a line across.
    pub(crate) fn draw(&self, values: &[f64], base: Option<f64>) {
        self.svg.set_text_content(None);
        let place = self.svg.get_bounding_client_rect();
        let (width, height) = (place.width(), place.height());
        if width < LEFT + RIGHT || values.is_empty() {
            return;
        }
        set(&self.svg, "viewBox", &format!("0 0 {width:.0} {height:.0}"));
        let y = self.kind.axis(values);
        let x = Axis::between(1.0, values.len().max(10) as f64, 4);
        let plot = Plot { svg: &self.svg, x, y, right: width - RIGHT, bottom: height - BOTTOM };
        plot.axes(self.kind);
        if let Some(base) = base {
            plot.across("base", base);
        }
        let mean = running_mean(values, WINDOW);
        plot.line("each", values);
        plot.line("mean", &mean);
        let last = mean.last().copied().unwrap_or_default();
        plot.last(values.len(), last, &self.kind.label(last));
        self.describe(values, last);
    }

    fn describe(&self, values: &[f64], last: f64) {
        let title = words(self.title, &[]);
        let first = self.kind.label(values[0]);
        let (end, last) = (values.len().to_string(), self.kind.label(last));
        let label = words(
            s::CHART_LABEL,
            &[("title", &title), ("first", &first), ("start", "1"), ("last", &last), ("end", &end)],
        );
        set(&self.svg, "aria-label", &label);
    }
}

/// The plot's place and axes while it is drawn.
struct Plot<'a> {
    svg: &'a Element,
    x: Axis,
    y: Axis,
    right: f64,
    bottom: f64,
}

impl Plot<'_> {
    fn at(&self, step: usize, value: f64) -> (f64, f64) {
        (self.x.place(step as f64, LEFT, self.right), self.y.place(value, self.bottom, TOP))
    }

    fn shape(&self, tag: &str, attributes: &[(&str, &str)]) -> Element {
        let shape = document().create_element_ns(Some(SVG), tag).expect("a tag of SVG");
        for (name, value) in attributes {
            set(&shape, name, value);
        }
        append(self.svg, &shape);
        shape
    }

    fn text(&self, class: &str, anchor: &str, (x, y): (f64, f64), text: &str) {
        let (x, y) = (format!("{x:.1}"), format!("{y:.1}"));
        let attributes = [("class", class), ("text-anchor", anchor), ("x", &x), ("y", &y)];
        self.shape("text", &attributes).set_text_content(Some(text));
    }

    fn across(&self, class: &str, value: f64) {
        // Half a pixel off, so that a line one pixel wide is crisp.
        let y = format!("{:.1}", self.y.place(value, self.bottom, TOP).floor() + 0.5);
        let (left, right) = (format!("{LEFT:.1}"), format!("{:.1}", self.right));
        let ends = [("x1", left.as_str()), ("x2", &right), ("y1", &y), ("y2", &y)];
        self.shape("line", &[&[("class", class)], &ends[..]].concat());
    }

    fn axes(&self, kind: Kind) {
        for (i, tick) in self.y.ticks.iter().enumerate() {
            self.across(if i == 0 { "axis" } else { "grid" }, *tick);
            let (_, y) = self.at(1, *tick);
            self.text("", "end", (LEFT - 7.0, y + 4.0), &kind.tick(*tick));
        }
        for tick in &self.x.ticks {
            let (x, _) = self.at(*tick as usize, 0.0);
            self.text("", "middle", (x, self.bottom + 16.0), &format!("{tick:.0}"));
        }
        let name = words(s::CHART_STEP, &[]);
        self.text("", "start", (self.right + 8.0, self.bottom + 16.0), &name);
    }

    fn line(&self, class: &str, values: &[f64]) {
        let points: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(i, value)| {
                let (x, y) = self.at(i + 1, *value);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        self.shape("polyline", &[("class", class), ("points", &points.join(" "))]);
    }

    fn last(&self, step: usize, value: f64, label: &str) {
        let (x, y) = self.at(step, value);
        let (cx, cy) = (format!("{x:.1}"), format!("{y:.1}"));
        self.shape("circle", &[("class", "last"), ("cx", &cx), ("cy", &cy), ("r", "4")]);
        self.text("now", "start", (x + 9.0, y + 4.5), label);
    }
}
