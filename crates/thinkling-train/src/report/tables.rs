//! The tables of a report.

use super::charts::{PARTS, Parts, level_words, part_names};
use super::data::{Counts, Evaluation, Run, Stage};
use super::element::Element;
use super::judged::judged;
use super::numbers::{duration, grouped, percent, short};
use crate::evaluate::{Evaluated, Tally};
use serde_json::Value;
use std::collections::BTreeSet;

/// A table of a heading and rows that scrolls by itself where the page is narrow. Cells of the first
/// column are texts, those of the others numbers.
pub(super) fn table(caption: &str, heads: &[&str], rows: &[Vec<String>]) -> Element {
    let row = |cells: &Vec<String>| {
        let (first, rest) = cells.split_first().map_or(("", &[][..]), |(f, rest)| (f, rest));
        let cells = rest.iter().map(|text| Element::with_text("td", text)).collect();
        (first.to_owned(), cells)
    };
    table_of(caption, heads, rows.iter().map(row))
}

/// The same of rows of a name and cells.
pub(super) fn table_of(
    caption: &str,
    heads: &[&str],
    rows: impl Iterator<Item = (String, Vec<Element>)>,
) -> Element {
    let heads = heads.iter().map(|head| Element::with_text("th", head).attribute("scope", "col"));
    let row = |(name, cells): (String, Vec<Element>)| {
        let name = Element::with_text("th", &name).attribute("scope", "row");
        Element::new("tr").child(name).children(cells)
    };
    let table = Element::new("table")
        .child(Element::with_text("caption", caption))
        .child(Element::new("thead").child(Element::new("tr").children(heads)))
        .child(Element::new("tbody").children(rows.map(row)));
    Element::new("div").class("scroll").attribute("tabindex", "0").child(table)
}

/// The value of one run, or mean, least and most of several.
pub(super) fn over(values: &[f64], words: impl Fn(f64) -> String) -> String {
    match values {
        [] => "-".to_owned(),
        [one] => words(*one),
        all => {
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let low = all.iter().copied().fold(f64::INFINITY, f64::min);
            let high = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            format!("{} ({} to {})", words(mean), words(low), words(high))
        }
    }
}

/// Sampled evaluations and those of the held-out loss.
pub(super) fn evaluations(runs: &[&Stage]) -> Vec<Element> {
    let steps: BTreeSet<u64> = runs.iter().flat_map(|s| s.sampled().into_keys()).collect();
    let mut tables = Vec::new();
    if !steps.is_empty() {
        tables.push(overall(runs, &steps));
        for (what, of) in PARTS {
            let names = part_names(runs, of);
            if !names.is_empty() {
                tables.push(by_part(what, runs, &steps, &names, of));
            }
        }
    }
    tables.extend(held_out(runs));
    tables.extend(judged(runs));
    tables
}

pub(super) fn seeds_words(runs: usize) -> String {
    match runs {
        1 => String::new(),
        n => format!("; mean of {n} seeds (least to most)"),
    }
}

fn overall(runs: &[&Stage], steps: &BTreeSet<u64>) -> Element {
    /// Name of a column, its value, and whether it is a share.
    type Column = (&'static str, fn(&Tally) -> f64, bool);
    const COLUMNS: [Column; 6] = [
        ("right, format-free", Tally::format_free_accuracy, true),
        ("format kept", Tally::format, true),
        ("tokens", Tally::mean_tokens, false),
        ("cut at the limit", Tally::truncated_share, true),
        ("reflective words", Tally::reflective_words, false),
        ("problems", |t| t.problems as f64, false),
    ];
    let at = |step: u64| -> Vec<&Evaluated> {
        runs.iter().filter_map(|stage| stage.sampled().remove(&step)).collect()
    };
    let most = steps.iter().flat_map(|&step| at(step)).map(|e| e.all);
    let several = most.clone().any(|t| t.completions > t.problems);
    let mut heads = vec!["step", "accuracy"];
    if runs.len() == 1 {
        heads.push("95 % interval");
    }
    heads.extend(COLUMNS.map(|(name, ..)| name));
    if several {
        heads.push("solved once at least");
    }
    let rows = steps.iter().map(|&step| {
        let found = at(step);
        let values = |f: fn(&Tally) -> f64| found.iter().map(|e| f(&e.all)).collect::<Vec<f64>>();
        let mut row = vec![grouped(step as f64, 0), over(&values(Tally::accuracy), percent)];
        if runs.len() == 1 {
            let (low, high) = found[0].all.accuracy_interval();
            row.push(format!("{} to {}", percent(low), percent(high)));
        }
        for (name, f, share) in COLUMNS {
            let words = move |x: f64| match (share, name) {
                (true, _) => percent(x),
                (_, "problems") => grouped(x, 0),
                _ => grouped(x, if name == "tokens" { 1 } else { 2 }),
            };
            row.push(over(&values(f), words));
        }
        if several {
            row.push(over(&values(Tally::pass_at_k), percent));
        }
        row
    });
    let caption = format!("Evaluations{}", seeds_words(runs.len()));
    table(&caption, &heads, &rows.collect::<Vec<_>>())
}

fn by_part(
    what: &str,
    runs: &[&Stage],
    steps: &BTreeSet<u64>,
    parts: &BTreeSet<String>,
    of: Parts,
) -> Element {
    let names: Vec<String> = parts.iter().map(|part| level_words(part)).collect();
    let heads: Vec<&str> = ["step"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let rows = steps.iter().map(|&step| {
        let cell = |part: &String| {
            let tallies: Vec<Tally> = runs
                .iter()
                .filter_map(|stage| of(stage.sampled().get(&step)?).get(part).copied())
                .collect();
            let values: Vec<f64> = tallies.iter().map(Tally::accuracy).collect();
            let text = over(&values, percent);
            match tallies.as_slice() {
                [one] if runs.len() == 1 => {
                    let (low, high) = one.accuracy_interval();
                    let bound = |x: f64| grouped(100.0 * x, 1);
                    format!("{text} ({} to {})", bound(low), bound(high))
                }
                _ => text,
            }
        };
        [grouped(step as f64, 0)].into_iter().chain(parts.iter().map(cell)).collect()
    });
    let interval =
        if runs.len() == 1 { ", with 95 % intervals".to_owned() } else { seeds_words(runs.len()) };
    table(&format!("Accuracy by {what}{interval}"), &heads, &rows.collect::<Vec<_>>())
}

/// Loss and accuracy on held-out examples.
fn held_out(runs: &[&Stage]) -> Option<Element> {
    let mut steps: std::collections::BTreeMap<u64, (Vec<f64>, Vec<f64>)> = Default::default();
    let mut add = |step: u64, loss: f64, accuracy: f64| {
        let (losses, accuracies) = steps.entry(step).or_default();
        losses.push(loss);
        accuracies.push(accuracy);
    };
    for stage in runs {
        for (step, evaluation) in &stage.evaluations {
            if let Evaluation::HeldOut { loss, token_accuracy } = evaluation {
                add(*step, *loss, *token_accuracy);
            }
        }
        for line in &stage.lines {
            let number = |key| line.numbers.get(key).copied();
            if let (Some(loss), Some(accuracy)) =
                (number("eval_loss"), number("eval_token_accuracy"))
            {
                add(line.step, loss, accuracy);
            }
        }
    }
    let row = |(step, (losses, accuracies)): (&u64, &(Vec<f64>, Vec<f64>))| {
        let loss = over(losses, |x| grouped(x, 4));
        vec![grouped(*step as f64, 0), loss, over(accuracies, percent)]
    };
    let rows: Vec<Vec<String>> = steps.iter().map(row).collect();
    let caption = format!("Held-out examples{}", seeds_words(runs.len()));
    let heads = ["step", "loss, nats a token", "token accuracy"];
    (!rows.is_empty()).then(|| table(&caption, &heads, &rows))
}

/// Where the seconds of the steps went, over all runs.
pub(super) fn timings(runs: &[&Stage]) -> Option<Element> {
    const PARTS: [(&str, &str); 4] = [
        ("generate_s", "generate"),
        ("logprob_s", "log-probabilities of the reference and the old policy"),
        ("reward_s", "reward (beyond the generation it runs beside)"),
        ("loss_s", "learn"),
    ];
    let sum = |key: &str| {
        let seconds = runs.iter().filter_map(|stage| stage.seconds(key));
        seconds.fold(None, |sum: Option<f64>, s| Some(sum.unwrap_or(0.0) + s))
    };
    let whole = sum("step_s").filter(|whole| *whole > 0.0)?;
    let row = |name: &str, seconds: f64| {
        vec![name.to_owned(), duration(seconds), percent(seconds / whole)]
    };
    let mut rest = whole;
    let mut rows = Vec::new();
    for (key, name) in PARTS {
        let Some(seconds) = sum(key) else { continue };
        rest -= seconds;
        rows.push(row(name, seconds));
        if let Some(weights) = sum("weights_s").filter(|_| key == "generate_s") {
            rows.push(row("of it: weights to the engine", weights));
        }
    }
    if rows.is_empty() {
        rows.push(row("steps", whole));
    } else {
        rows.push(row("rest", rest.max(0.0)));
        rows.push(row("all steps", whole));
    }
    let caption = "Time of the steps (evaluations and checkpoints not in it)";
    Some(table(caption, &["part", "time", "share"], &rows))
}

/// What data came to.
pub(super) fn counts((name, fields): &Counts) -> Element {
    let mut rows = Vec::new();
    for (key, value) in fields {
        flatten(&key.replace('_', " "), value, &mut rows);
    }
    table(name, &["what", "count"], &rows)
}

fn flatten(path: &str, value: &Value, rows: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                flatten(&format!("{path}: {}", key.replace('_', " ")), value, rows);
            }
        }
        Value::Null => {}
        Value::Number(number) => {
            let whole = number.as_i64().map(|n| grouped(n as f64, 0));
            let text = whole.or_else(|| number.as_f64().map(short));
            rows.push(vec![path.to_owned(), text.unwrap_or_default()]);
        }
        Value::String(text) => rows.push(vec![path.to_owned(), text.clone()]),
        other => rows.push(vec![path.to_owned(), other.to_string()]),
    }
}

/// Device, versions and where each run began, a column a run.
pub(super) fn versions(runs: &[Run]) -> Element {
    let heads: Vec<String> =
        [String::new()].into_iter().chain(runs.iter().map(Run::folder)).collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let row = |name: &str, value: &dyn Fn(&Run) -> String| {
        [name.to_owned()].into_iter().chain(runs.iter().map(value)).collect::<Vec<String>>()
    };
    let mut rows = vec![
        row("seed", &|run| run.info.seed.to_string()),
        row("started", &|run| run.info.started.clone()),
        row("device", &|run| run.info.device.clone()),
        row("threads", &|run| run.info.threads.to_string()),
    ];
    if runs.iter().any(|run| run.info.commit.is_some()) {
        rows.push(row("commit", &|run| run.info.commit.clone().unwrap_or_default()));
    }
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.info.versions.keys()).collect();
    for name in names {
        rows.push(row(name, &|run| run.info.versions.get(name).cloned().unwrap_or_default()));
    }
    table("Versions", &heads, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::folder;
    use serde_json::json;

    #[test]
    fn several_runs_have_mean_least_and_most() {
        assert_eq!(over(&[0.5], percent), "50.0 %");
        assert_eq!(over(&[0.5, 0.7], percent), "60.0 % (50.0 % to 70.0 %)");
        assert_eq!(over(&[], percent), "-");
    }

    #[test]
    fn tables_have_the_numbers_of_the_files() {
        let dir = folder();
        let run = Run::load(dir.path()).expect("loads");
        let html: String =
            evaluations(&[&run.stages[1]]).into_iter().map(Element::finish).collect();
        for cell in
            ["80.0 %", "49.0 % to 94.3 %", "12.0", "Accuracy by level", "50.0 % (15.0 to 85.0)"]
        {
            assert!(html.contains(cell), "{cell} in {html}");
        }
        let html: String =
            evaluations(&[&run.stages[0]]).into_iter().map(Element::finish).collect();
        assert!(html.contains("3.5000") && html.contains("2.0000"), "{html}");
        let html = timings(&[&run.stages[1]]).expect("timed").finish();
        // 20 lines of 2 s, of them 1 s generation and 0.5 s learning.
        for cell in ["20 s", "50.0 %", "10 s", "25.0 %", "rest", "40 s"] {
            assert!(html.contains(cell), "{cell} in {html}");
        }
    }

    #[test]
    fn counts_are_rows_whatever_their_depth() {
        let fields =
            json!({"read": 12_345, "left_out": {"too_long": 2}, "share": 0.25, "first": null});
        let Value::Object(fields) = fields else { panic!("an object") };
        let html = counts(&("x-counts.json".into(), fields)).finish();
        for cell in ["12,345", "left out: too long", "0.250"] {
            assert!(html.contains(cell), "{cell} in {html}");
        }
        assert!(!html.contains("first"), "{html}");
    }
}
