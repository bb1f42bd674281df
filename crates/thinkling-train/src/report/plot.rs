//! A plot as SVG: axes with titles and units, curves, bands, error bars, and a legend beside it.
//!
//! Colours are classes of the page's style sheet, so that one picture stands on light and dark
//! ground. Curves differ by dashes and marks too.

use super::element::Element;
use super::numbers::{Ticks, grouped, percent, short};
use super::series::{Point, Spread};
use std::fmt::Write;

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 236.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 38.0;
/// Distance of error bars that stand side by side.
const BAR_GAP: f64 = 5.0;
/// Colours, dashes and marks that the style sheet tells apart.
const STYLES: usize = 6;

/// Which values the vertical axis shows, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// Shares from 0 to 100 %.
    WholePercent,
    /// Shares from 0 % to their largest.
    Percent,
    /// From 0, or from the least one where that is below.
    FromZero,
    /// From the least to the largest.
    Free,
}

impl Scale {
    fn factor(self) -> f64 {
        if matches!(self, Self::WholePercent | Self::Percent) { 100.0 } else { 1.0 }
    }

    fn ticks(self, low: f64, high: f64) -> Ticks {
        match self {
            Self::WholePercent if (0.0..=100.0).contains(&low) && high <= 100.0 => {
                Ticks::around(0.0, 100.0, 5)
            }
            Self::Free => Ticks::around(low, high, 5),
            _ => Ticks::around(low.min(0.0), high.max(0.0), 5),
        }
    }

    pub(super) fn words(self, value: f64) -> String {
        if self.factor() == 100.0 { percent(value) } else { short(value) }
    }
}

/// A curve's name and points.
#[derive(Clone, Debug, Default)]
pub(super) struct Curve {
    pub(super) name: String,
    /// Each step's value, drawn faintly.
    pub(super) raw: Vec<Point>,
    /// The line.
    pub(super) line: Vec<Point>,
    /// Drawn as an area around the line.
    pub(super) band: Vec<Spread>,
    /// Drawn as bars around the marks of the line.
    pub(super) bars: Vec<Spread>,
    /// Whether each point of the line has a mark.
    pub(super) marks: bool,
}

/// A plot.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    pub(super) title: String,
    /// What is shown and how, beyond the legend; may be empty.
    pub(super) note: String,
    /// What the vertical axis shows, with its unit.
    pub(super) y: String,
    pub(super) scale: Scale,
    pub(super) curves: Vec<Curve>,
}

impl Plot {
    /// The plot with title, legend and note.
    pub(super) fn figure(&self) -> Element {
        let legend = self.curves.iter().enumerate().map(|(i, curve)| {
            let last = curve.line.last().map_or_else(String::new, |p| self.scale.words(p.1));
            Element::new("li")
                .child(swatch(i, curve.marks))
                .child(Element::with_text("span", &format!("{} ", curve.name)))
                .child(Element::with_text("b", &last))
        });
        let caption = Element::new("figcaption")
            .child(Element::with_text("h4", &self.title))
            .child(Element::new("ul").class("legend").children(legend));
        let note = Element::with_text("p", &self.note).class("note");
        let figure = Element::new("figure").class("plot").child(caption).child(self.svg());
        if self.note.is_empty() { figure } else { figure.child(note) }
    }

    fn svg(&self) -> Element {
        let mut frame = Frame::around(self);
        let title = format!("{}: {} by step", self.title, self.y);
        let mut svg = Element::new("svg")
            .attribute("viewBox", format_args!("0 0 {WIDTH} {HEIGHT}"))
            .attribute("role", "img")
            .attribute("aria-label", &title)
            .children(frame.axes(&self.y));
        let each = || self.curves.iter().enumerate();
        svg = svg.children(each().filter_map(|(i, c)| frame.band(i, &c.band)));
        let raw = |(i, c): (usize, &Curve)| frame.path(&c.raw, format!("raw {}", style(i)));
        svg = svg.children(each().filter_map(raw));
        for (i, curve) in each() {
            // Bars at the same step stand side by side.
            frame.shift = if frame.pad > 0.0 { BAR_GAP * i as f64 - frame.pad } else { 0.0 };
            svg = svg
                .children(frame.path(&curve.line, format!("line {}", style(i))))
                .children(frame.bars(i, &curve.bars));
            if curve.marks || curve.line.len() == 1 {
                let words = |y: f64| format!("{} {}", curve.name, self.scale.words(y));
                svg = svg.children(frame.marks(i, &curve.line, words));
            }
        }
        svg
    }
}

fn style(index: usize) -> String {
    format!("c{}", index % STYLES)
}

/// A short piece of the line for the legend.
fn swatch(index: usize, marks: bool) -> Element {
    let line =
        Element::new("path").class(format_args!("line {}", style(index))).attribute("d", "M1 6H27");
    let mark = marks.then(|| mark(index, 14.0, 6.0));
    Element::new("svg")
        .class("swatch")
        .attribute("viewBox", "0 0 28 12")
        .attribute("aria-hidden", "true")
        .child(line)
        .children(mark)
}

/// A mark of the curve's own shape.
fn mark(index: usize, x: f64, y: f64) -> Element {
    let corners = |points: &[(f64, f64)]| {
        let mut path = String::new();
        for (i, (dx, dy)) in points.iter().enumerate() {
            let command = if i == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", x + dx, y + dy);
        }
        path + "Z"
    };
    let path = match index % STYLES {
        0 => format!("M{:.1} {y:.1}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0Z", x - 3.5),
        1 => corners(&[(-3.2, -3.2), (3.2, -3.2), (3.2, 3.2), (-3.2, 3.2)]),
        2 => corners(&[(0.0, -4.2), (4.0, 3.2), (-4.0, 3.2)]),
        3 => corners(&[(0.0, -4.6), (4.6, 0.0), (0.0, 4.6), (-4.6, 0.0)]),
        4 => corners(&[(0.0, 4.2), (4.0, -3.2), (-4.0, -3.2)]),
        _ => corners(&[(-1.3, -4.0), (1.3, -4.0), (1.3, 4.0), (-1.3, 4.0)]),
    };
    Element::new("path").class(format_args!("mark {}", style(index))).attribute("d", path)
}

/// Where values lie in the picture.
struct Frame {
    x: Ticks,
    x_range: (f64, f64),
    y: Ticks,
    factor: f64,
    /// Room beside the first and last step for bars that stand side by side.
    pad: f64,
    /// How far to the right of its step a curve is drawn.
    shift: f64,
}

impl Frame {
    fn around(plot: &Plot) -> Self {
        let factor = plot.scale.factor();
        let (mut x, mut y) = (Extent::default(), Extent::default());
        for curve in &plot.curves {
            for &(at, value) in curve.raw.iter().chain(&curve.line) {
                x.add(at);
                y.add(factor * value);
            }
            for spread in curve.band.iter().chain(&curve.bars) {
                y.add(factor * spread.low);
                y.add(factor * spread.high);
            }
        }
        let barred = plot.curves.iter().filter(|curve| !curve.bars.is_empty()).count();
        let pad = if barred > 1 { BAR_GAP * (plot.curves.len() - 1) as f64 / 2.0 } else { 0.0 };
        // Steps begin near 0; a run that shows its first steps alone has room to grow.
        let x_range = (x.low.clamp(0.0, 1.0).min(x.high), x.high.max(x.low + 1.0).max(1.0));
        Self {
            x: Ticks::whole_within(x_range.0, x_range.1, 5),
            x_range,
            y: plot.scale.ticks(y.low, y.high),
            factor,
            pad,
            shift: 0.0,
        }
    }

    fn x(&self, step: f64) -> f64 {
        let (low, high) = self.x_range;
        let width = WIDTH - LEFT - RIGHT - 2.0 * self.pad;
        LEFT + self.pad + (step - low) / (high - low) * width + self.shift
    }

    fn y(&self, value: f64) -> f64 {
        let (low, high) = (self.y.low(), self.y.high());
        let bottom = HEIGHT - BOTTOM;
        bottom - (self.factor * value - low) / (high - low) * (bottom - TOP)
    }

    fn axes(&self, title: &str) -> Vec<Element> {
        let bottom = HEIGHT - BOTTOM;
        let text = |class: &str, x: f64, y: f64, text: &str| {
            Element::with_text("text", text)
                .class(class)
                .attribute("x", format_args!("{x:.1}"))
                .attribute("y", format_args!("{y:.1}"))
        };
        let mut grid = String::new();
        let mut all = Vec::new();
        for &value in &self.y.values {
            let y = self.y(value / self.factor);
            let _ = write!(grid, "M{LEFT} {y:.1}H{}", WIDTH - RIGHT);
            all.push(text("tick end", LEFT - 6.0, y + 4.0, &self.y.label(value)));
        }
        let mut feet = format!("M{LEFT} {bottom}H{}", WIDTH - RIGHT);
        for &value in &self.x.values {
            let x = self.x(value);
            let _ = write!(feet, "M{x:.1} {bottom}v4");
            all.push(text("tick middle", x, bottom + 17.0, &self.x.label(value)));
        }
        all.insert(0, Element::new("path").class("grid").attribute("d", grid));
        all.push(Element::new("path").class("axis").attribute("d", feet));
        all.push(text("axis-title y", 4.0, 13.0, title));
        all.push(text("axis-title x end", WIDTH - RIGHT, HEIGHT - 5.0, "optimiser step"));
        all
    }

    fn path(&self, points: &[Point], class: String) -> Option<Element> {
        if points.len() < 2 {
            return None;
        }
        let path = self.polyline(points.iter().copied());
        Some(Element::new("path").class(class).attribute("d", path))
    }

    fn band(&self, index: usize, band: &[Spread]) -> Option<Element> {
        if band.len() < 2 {
            return None;
        }
        let upper = band.iter().map(|s| (s.x, s.high));
        let path = self.polyline(upper.chain(band.iter().rev().map(|s| (s.x, s.low))));
        let class = format!("band {}", style(index));
        Some(Element::new("path").class(class).attribute("d", path + "Z"))
    }

    /// The way through values, to a tenth of a unit of the picture. Each place is told from the one
    /// before it, which takes half the characters: nearly all of a report are these.
    fn polyline(&self, points: impl Iterator<Item = Point>) -> String {
        let mut path = String::new();
        let mut before = None;
        for (x, y) in points {
            let at = [self.x(x), self.y(y)].map(|place| (place * 10.0).round() as i64);
            let (command, way) = match before.replace(at) {
                None => ('M', at),
                Some(before) => ('l', [at[0] - before[0], at[1] - before[1]]),
            };
            path.push(command);
            push_tenths(&mut path, way[0]);
            if way[1] >= 0 {
                path.push(' ');
            }
            push_tenths(&mut path, way[1]);
        }
        path
    }

    fn bars(&self, index: usize, bars: &[Spread]) -> Option<Element> {
        let mut path = String::new();
        for bar in bars {
            let (x, low, high) = (self.x(bar.x), self.y(bar.low), self.y(bar.high));
            let _ = write!(path, "M{x:.1} {low:.1}V{high:.1}");
            for y in [low, high] {
                let _ = write!(path, "M{:.1} {y:.1}h6", x - 3.0);
            }
        }
        let class = format!("bar {}", style(index));
        (!bars.is_empty()).then(|| Element::new("path").class(class).attribute("d", path))
    }

    /// Marks that say their value where a mouse rests on them.
    fn marks(&self, index: usize, points: &[Point], words: impl Fn(f64) -> String) -> Vec<Element> {
        let one = |&(x, y): &Point| {
            let title = format!("step {}: {}", grouped(x, 0), words(y));
            mark(index, self.x(x), self.y(y)).child(Element::with_text("title", &title))
        };
        points.iter().map(one).collect()
    }
}

/// A number of tenths, as short as a path may have it: `-.5`, `12`, `3.2`.
fn push_tenths(path: &mut String, tenths: i64) {
    let (whole, part) = (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10);
    path.push_str(if tenths < 0 { "-" } else { "" });
    let _ = match (whole, part) {
        (_, 0) => write!(path, "{whole}"),
        (0, _) => write!(path, ".{part}"),
        _ => write!(path, "{whole}.{part}"),
    };
}

/// Least and largest of values.
struct Extent {
    low: f64,
    high: f64,
}

impl Default for Extent {
    fn default() -> Self {
        Self { low: f64::INFINITY, high: f64::NEG_INFINITY }
    }
}

impl Extent {
    fn add(&mut self, value: f64) {
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(scale: Scale, line: &[Point]) -> String {
        let curve = Curve { name: "a <b>".into(), line: line.to_vec(), ..Curve::default() };
        let (title, y) = ("T".to_owned(), "nats".to_owned());
        Plot { title, note: String::new(), y, scale, curves: vec![curve] }.figure().finish()
    }

    #[test]
    fn points_lie_where_the_axes_say() {
        let svg = plot(Scale::WholePercent, &[(0.0, 0.0), (50.0, 0.5), (100.0, 1.0)]);
        // The ends of the axes, and half way between.
        assert!(svg.contains("d=\"M50 198l168-86l168-86\""), "{svg}");
        for tick in [">0<", ">20<", ">100<", ">nats<", ">optimiser step<"] {
            assert!(svg.contains(tick), "{tick} in {svg}");
        }
        assert!(svg.contains("a &lt;b&gt;") && svg.contains("100.0 %"), "{svg}");
    }

    #[test]
    fn tenths_are_written_short() {
        let written = |tenths| {
            let mut path = String::new();
            push_tenths(&mut path, tenths);
            path
        };
        assert_eq!(
            [0, 5, -5, 120, -32, 107].map(written),
            ["0", ".5", "-.5", "12", "-3.2", "10.7"]
        );
    }

    #[test]
    fn a_single_step_is_a_mark() {
        let svg = plot(Scale::Free, &[(1.0, 2.5)]);
        assert!(svg.contains("class=\"mark c0\"") && svg.contains("step 1: a"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn small_shares_have_an_axis_of_their_size() {
        let svg = plot(Scale::Percent, &[(0.0, 0.001), (9.0, 0.004)]);
        assert!(svg.contains(">0.4<") && !svg.contains(">100<"), "{svg}");
    }
}
