//! Which plots a stage has: those whose numbers its runs logged, and no others.

use super::data::{Evaluation, Stage};
use super::plot::{Curve, Plot, Scale};
use super::series::{Point, Spread, smoothed, spread, thinned_points, thinned_spread, window};
use super::specs::{PLOTS, REWARDS, SOURCES, Spec};
use crate::evaluate::{Evaluated, Tally};
use crate::recipe::CLIPPED;
use std::collections::{BTreeMap, BTreeSet};

use Scale::{Free, FromZero, WholePercent};

/// Curves of fewer points have marks.
const MARKED: usize = 12;
/// Prefix of the components of a reward.
const COMPONENT: &str = "reward/";

/// The plots of a stage.
pub(super) struct Charts {
    pub(super) main: Vec<Plot>,
    /// Of numbers that this report has no words for.
    pub(super) other: Vec<Plot>,
}

/// The plots of one stage in all runs.
pub(super) fn charts(runs: &[&Stage]) -> Charts {
    let keys: BTreeSet<&str> = runs.iter().flat_map(|stage| stage.keys()).collect();
    let mut main = evaluations(runs);
    let mut shown = BTreeSet::new();
    let mut add = |spec: &Spec, keys: Vec<(&str, &str)>| {
        shown.extend(keys.iter().map(|(key, _)| (*key).to_owned()));
        main.extend(logged(runs, spec.title, spec.y, spec.scale, &keys, spec.note));
    };
    for (index, spec) in PLOTS.iter().enumerate() {
        add(spec, spec.keys.iter().copied().filter(|(key, _)| keys.contains(key)).collect());
        if index == 0 {
            for spec in REWARDS {
                add(spec, reward_keys(&keys, spec.scale == Free));
            }
        }
    }
    for spec in SOURCES {
        let prefix = spec.keys.iter().map(|(prefix, _)| *prefix);
        let of = |prefix: &str| {
            keys.iter().filter_map(|&k| Some((k, k.strip_prefix(prefix)?))).collect::<Vec<_>>()
        };
        add(spec, prefix.flat_map(of).collect());
    }
    // Counted in tables, or the x axis in another unit.
    let told = ["tokens", "trained_tokens", "epoch"];
    // What sources of questions have apart stands together.
    let mut rest: BTreeMap<String, Vec<(&str, &str)>> = BTreeMap::new();
    for &key in keys.iter().filter(|key| !shown.contains(**key) && !told.contains(*key)) {
        let (title, name) = match key.rsplit_once('/') {
            Some((what, source)) => (format!("{what} by source"), source),
            None => (key.to_owned(), key),
        };
        rest.entry(title).or_default().push((key, name));
    }
    let other = rest.iter().flat_map(|(title, keys)| logged(runs, title, "value", Free, keys, ""));
    let other: Vec<Plot> = other.chain(speed(runs)).collect();
    Charts { main, other }
}

/// The total reward and its components; or the shares of components that left their bounds.
fn reward_keys<'a>(keys: &BTreeSet<&'a str>, values: bool) -> Vec<(&'a str, &'a str)> {
    let total = keys.iter().find(|key| values && **key == "reward").map(|&key| (key, "total"));
    let parts = keys.iter().filter_map(|&key| Some((key, key.strip_prefix(COMPONENT)?)));
    // Those of one source stand apart.
    let parts = parts.filter(|(_, name)| name.ends_with(CLIPPED) != values && !name.contains('/'));
    total.into_iter().chain(parts).collect()
}

/// A plot of logged numbers; `None` where no run has any.
fn logged(
    runs: &[&Stage],
    title: &str,
    y: &str,
    scale: Scale,
    keys: &[(&str, &str)],
    note: &str,
) -> Option<Plot> {
    let mut windows = BTreeSet::new();
    let curves: Vec<Curve> = keys
        .iter()
        .filter_map(|(key, name)| {
            let all = runs.iter().map(|stage| with_held_out(stage, key)).collect();
            let (curve, window) = curve(name, all)?;
            windows.insert(window);
            Some(curve)
        })
        .collect();
    let smooth = windows.last().copied().filter(|window| *window > 1);
    let spacing = runs.iter().flat_map(|s| s.lines.windows(2).map(|w| w[1].step - w[0].step)).min();
    let steps = |window: usize| match spacing {
        Some(1) | None => format!("{window} steps"),
        Some(spacing) => format!("{window} rollouts of {spacing} steps"),
    };
    let how = match (smooth, runs.len()) {
        (Some(window), 1) => {
            format!("Faint: each value; bold: moving average over {}.", steps(window))
        }
        (None, 1) => String::new(),
        (Some(window), seeds) => format!(
            "Line: mean of {seeds} seeds; area: least to most; moving average over {}.",
            steps(window)
        ),
        (None, seeds) => format!("Line: mean of {seeds} seeds; area: least to most."),
    };
    let note = [note, how.as_str()].join(" ").trim().to_owned();
    let unit = if title == "Loss" { loss_unit(runs) } else { y };
    let plot = Plot { title: title.to_owned(), note, y: unit.to_owned(), scale, curves };
    (!plot.curves.is_empty()).then_some(plot)
}

/// Losses of policies have no unit; those of texts do.
fn loss_unit(runs: &[&Stage]) -> &'static str {
    let policy = runs.iter().any(|stage| stage.kind == "rl");
    let judge = runs.iter().any(|stage| stage.kind == "reward-model");
    match (policy, judge) {
        (true, _) => "policy loss",
        (_, true) => "nats a pair or label",
        _ => "nats a token",
    }
}

/// A curve, with what evaluations apart from the steps measured.
fn with_held_out(stage: &Stage, key: &str) -> Vec<Point> {
    let apart = stage.evaluations.iter().filter_map(|(step, evaluation)| match evaluation {
        Evaluation::HeldOut { loss, .. } if key == "eval_loss" => Some((*step as f64, *loss)),
        Evaluation::Judged(judged) if key == "eval_loss" && *step == 0 => Some((0.0, judged.loss)),
        Evaluation::HeldOut { token_accuracy, .. } if key == "eval_token_accuracy" => {
            Some((*step as f64, *token_accuracy))
        }
        _ => None,
    });
    apart.chain(stage.curve(key)).collect()
}

/// One curve of several runs, and over how many points it is averaged.
pub(super) fn curve(name: &str, runs: Vec<Vec<Point>>) -> Option<(Curve, usize)> {
    let length = runs.iter().map(Vec::len).max().filter(|length| *length > 0)?;
    let window = window(length);
    let smooth: Vec<Vec<Point>> = runs.iter().map(|points| smoothed(points, window)).collect();
    let mut curve = Curve { name: name.to_owned(), marks: length < MARKED, ..Curve::default() };
    if let [points] = runs.as_slice() {
        curve.line = thinned_points(&smooth[0]);
        if window > 1 {
            curve.raw = thinned_points(points);
        }
    } else {
        curve.band = thinned_spread(&spread(&smooth));
        curve.line = curve.band.iter().map(|s| (s.x, s.mean)).collect();
    }
    Some((curve, window))
}

/// Tokens a second and the seconds of a step.
fn speed(runs: &[&Stage]) -> Vec<Plot> {
    let timed = |key: &str| -> Vec<Vec<Point>> {
        let of = |stage: &&Stage| {
            let point = |line: &super::data::Line| Some((line.step as f64, *line.timing.get(key)?));
            stage.lines.iter().filter_map(point).collect()
        };
        runs.iter().map(of).collect()
    };
    [
        ("tokens_per_s", "Speed", "tokens a second"),
        ("step_s", "Time of a line of metrics", "seconds"),
    ]
    .into_iter()
    .filter_map(|(key, title, y)| {
        let (curve, _) = curve(y, timed(key))?;
        let (title, y) = (title.to_owned(), y.to_owned());
        Some(Plot { title, note: String::new(), y, scale: FromZero, curves: vec![curve] })
    })
    .collect()
}

/// Plots of sampled evaluations.
fn evaluations(runs: &[&Stage]) -> Vec<Plot> {
    let note = match runs.len() {
        1 => "On problems that training does not see. Bars: 95 % intervals (Wilson).".to_owned(),
        seeds => format!(
            "On problems that training does not see. Marks: mean of {seeds} seeds; bars: least to \
             most."
        ),
    };
    let plot = |title: &str, curves: Vec<Curve>| {
        let (title, y, note) =
            (title.to_owned(), "share of completions, %".to_owned(), note.clone());
        let plot = Plot { title, note, y, scale: WholePercent, curves };
        plot.curves.iter().any(|curve| !curve.line.is_empty()).then_some(plot)
    };
    let all = [
        measured(runs, "right answer", true, &|e| Some((e.all, e.all.accuracy()))),
        measured(runs, "right, format-free", false, &|e| {
            Some((e.all, e.all.format_free_accuracy()))
        }),
        measured(runs, "format kept", false, &|e| Some((e.all, e.all.format()))),
    ];
    let parts = PARTS.iter().filter_map(|(what, of)| {
        let curves = part_names(runs, *of).into_iter().map(|name| {
            measured(runs, &level_words(&name), true, &|e| {
                let tally = of(e).get(&name).copied()?;
                Some((tally, tally.accuracy()))
            })
        });
        plot(&format!("Evaluations by {what}"), curves.collect())
    });
    plot("Evaluations", all.to_vec()).into_iter().chain(parts).collect()
}

/// Tallies of the parts of an evaluation.
pub(super) type Parts = fn(&Evaluated) -> &BTreeMap<String, Tally>;

/// By what evaluations are told apart.
pub(super) const PARTS: [(&str, Parts); 2] = [("level", |e| &e.levels), ("source", |e| &e.sources)];

/// A level as a heading; a bare number says what it is.
pub(super) fn level_words(level: &str) -> String {
    let bare = level.bytes().all(|b| b.is_ascii_digit());
    if bare { format!("level {level}") } else { level.to_owned() }
}

/// Names of the parts of all evaluations, in order.
pub(super) fn part_names(runs: &[&Stage], of: Parts) -> BTreeSet<String> {
    let names = |stage: &&Stage| {
        stage.sampled().values().flat_map(|e| of(e).keys().cloned()).collect::<Vec<_>>()
    };
    runs.iter().flat_map(names).collect()
}

/// A measure of evaluations; with bars by the interval of one run, or by the spread of several.
fn measured(
    runs: &[&Stage],
    name: &str,
    bars: bool,
    of: &dyn Fn(&Evaluated) -> Option<(Tally, f64)>,
) -> Curve {
    let mut points = Vec::new();
    let mut intervals = Vec::new();
    for stage in runs {
        let mut own = Vec::new();
        for (step, evaluated) in stage.sampled() {
            let Some((tally, value)) = of(evaluated) else { continue };
            let (low, high) = tally.accuracy_interval();
            own.push((step as f64, value));
            intervals.push(Spread { x: step as f64, mean: value, low, high });
        }
        points.push(own);
    }
    let spread = spread(&points);
    let line = spread.iter().map(|s| (s.x, s.mean)).collect();
    let bars = match (bars, runs.len()) {
        (false, _) => Vec::new(),
        (true, 1) => intervals,
        (true, _) => spread,
    };
    Curve { name: name.to_owned(), line, bars, marks: true, ..Curve::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::Run;
    use crate::report::tests::folder;

    fn titles(plots: &[Plot]) -> Vec<&str> {
        plots.iter().map(|plot| plot.title.as_str()).collect()
    }

    #[test]
    fn a_stage_has_the_plots_of_what_it_logged() {
        let dir = folder();
        let run = Run::load(dir.path()).expect("loads");
        let sft = charts(&[&run.stages[0]]);
        assert_eq!(titles(&sft.main), ["Loss", "Token accuracy", "Learning rate"]);
        let loss = &sft.main[0];
        assert_eq!(loss.y, "nats a token");
        assert_eq!(loss.curves[1].line, [(0.0, 3.5), (3.0, 2.0)]);
        let rl = charts(&[&run.stages[1]]);
        assert_eq!(
            titles(&rl.main),
            [
                "Evaluations",
                "Evaluations by level",
                "Accuracy and format",
                "Reward",
                "KL divergence from the reference",
            ]
        );
        assert_eq!(titles(&rl.other), ["brand_new", "Time of a line of metrics"]);
        let names: Vec<_> = rl.main[3].curves.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["total", "accuracy", "format"]);
        assert!(rl.main[2].note.contains("moving average over 3 rollouts of 2 steps"));
    }

    #[test]
    fn evaluations_have_intervals_and_several_runs_a_spread() {
        let dir = folder();
        let run = Run::load(dir.path()).expect("loads");
        let stage = &run.stages[1];
        let one = &charts(&[stage]).main[0].curves[0];
        assert_eq!(one.line, [(0.0, 0.2), (40.0, 0.8)]);
        // 8 of 10 by Wilson's formula, as in thinkling-learn.
        assert!((one.bars[1].low - 0.4902).abs() < 1e-3, "{:?}", one.bars);
        let two = charts(&[stage, stage]);
        assert_eq!(two.main[0].curves[0].bars[1].low, 0.8);
        assert!(two.main[2].curves[0].raw.is_empty() && !two.main[2].curves[0].band.is_empty());
    }
}
