//! The tables that runs and evaluations end with, and the two texts of a run.

use std::collections::BTreeMap;
use thinkling_train::eval::{Report, Settings};
use thinkling_train::evaluate::{Estimate, Evaluated, Measures, REPEATED_WORDS, Sample, Tally};

/// Accuracy by level, format and length, before and after.
pub(crate) fn before_after(before: &Evaluated, after: &Evaluated) -> String {
    let mut rows = vec![["".into(), "before".into(), "after".into(), "problems".into()]];
    let percent = |x: f64| format!("{:.0} %", 100.0 * x);
    let interval = |t: &Tally| {
        let (low, high) = t.accuracy_interval();
        format!("{:.0} % ({:.0}-{:.0})", 100.0 * t.accuracy(), 100.0 * low, 100.0 * high)
    };
    rows.push([
        "accuracy (95 % interval)".into(),
        interval(&before.all),
        interval(&after.all),
        after.all.problems.to_string(),
    ]);
    for (before, after) in [(&before.levels, &after.levels), (&before.sources, &after.sources)] {
        for (part, tally) in after {
            let first = before.get(part).copied().unwrap_or_default();
            let [b, a] = [percent(first.accuracy()), percent(tally.accuracy())];
            rows.push([format!("  {part}"), b, a, tally.problems.to_string()]);
        }
    }
    let mut add = |name: &str, value: &dyn Fn(&Tally) -> String| {
        rows.push([name.into(), value(&before.all), value(&after.all), String::new()]);
    };
    add("accuracy read format-free", &|t| percent(t.format_free_accuracy()));
    add("format kept", &|t| percent(t.format()));
    add("tokens a completion", &|t| format!("{:.0}", t.mean_tokens()));
    if after.all.completions > after.all.problems {
        let k = after.all.completions / after.all.problems.max(1);
        add(&format!("pass@{k}"), &|t| percent(t.pass_at_k()));
    }
    aligned(&rows)
}

/// Rows as lines: the first column to the left, the others to the right.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cell = |(i, (cell, width)): (usize, (&String, usize))| match i {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        };
        let cells: Vec<String> = row.iter().zip(widths).enumerate().map(cell).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The measures of an evaluation, over all problems and by level and subject.
pub(crate) fn evaluation(report: &Report) -> String {
    let (all, k) = (&report.all, report.samples);
    let Settings { model, data, temperature, top_p, max_tokens, .. } = &report.settings;
    let skipped = match report.skipped {
        0 => String::new(),
        skipped => format!(" ({skipped} bad records were skipped)"),
    };
    let head = format!(
        "{model}\non {data}: {} problems{skipped}, {k} answer{} each at temperature {temperature}, \
         top-p {top_p}, at most {max_tokens} tokens\n\n",
        all.problems,
        if k == 1 { "" } else { "s" }
    );
    let mut rows = vec![["", "mean", "95 % interval"].map(str::to_owned)];
    let mut add = |name: &str, estimate: &Estimate, share: bool| {
        let (scale, unit, digits) = if share { (100.0, " %", 1) } else { (1.0, "", 1) };
        let number = |x: f64| format!("{:.digits$}{unit}", scale * x);
        let Estimate { value, low, high } = *estimate;
        let interval = format!("{} to {}", number(low), number(high));
        rows.push([name.to_owned(), number(value), interval]);
    };
    add("pass@1: an answer is right", &all.pass_at_1, true);
    if let Some(cons) = &all.cons_at_k {
        add(&format!("cons@{k}: the majority answer is right"), cons, true);
    }
    for (j, estimate) in all.pass_at_j.iter().filter(|(j, _)| **j > 1) {
        add(&format!("pass@{j}: one of {j} answers is right"), estimate, true);
    }
    add("right wherever it stands (format-free)", &all.format_free, true);
    add(&format!("format kept ({})", report.settings.format), &all.format_rate, true);
    add("cut at the token limit", &all.truncated, true);
    add("tokens a completion", &all.mean_tokens, false);
    add("reflective words a completion", &all.reflective_words, false);
    if let Some(language) = &all.language_consistency {
        add("words in the question's language", language, true);
    }
    add(&format!("repeats {REPEATED_WORDS} words in a row"), &all.repetition, true);
    let mut text = head + &aligned(&rows);
    for (what, parts) in [("level", &report.levels), ("subject", &report.subjects)] {
        if !parts.is_empty() {
            text += &format!("\n\n{}", by_part(what, parts, k));
        }
    }
    text + "\n\nMeans over problems; the intervals are what other problems of the same kind may give \
            (bootstrap)."
}

fn by_part(what: &str, parts: &BTreeMap<String, Measures>, k: usize) -> String {
    let consensus = parts.values().any(|part| part.cons_at_k.is_some());
    let cons = if consensus { format!("cons@{k}") } else { String::new() };
    let mut rows = vec![[
        format!("by {what}"),
        "problems".to_owned(),
        "pass@1".to_owned(),
        "95 % interval".to_owned(),
        cons,
    ]];
    let percent = |x: f64| format!("{:.1} %", 100.0 * x);
    for (name, part) in parts {
        let Estimate { value, low, high } = part.pass_at_1;
        rows.push([
            format!("  {name}"),
            part.problems.to_string(),
            percent(value),
            format!("{} to {}", percent(low), percent(high)),
            part.cons_at_k.map_or_else(String::new, |cons| percent(cons.value)),
        ]);
    }
    aligned(&rows)
}

/// A problem that was answered wrongly before and rightly after, with both texts; the hardest
/// level first.
pub(crate) fn example<'a>(
    before: &'a Evaluated,
    after: &'a Evaluated,
) -> Option<(&'a Sample, &'a Sample)> {
    let pairs = || before.samples.iter().zip(&after.samples);
    pairs()
        .filter(|(b, a)| b.question == a.question && !b.correct && a.correct && !b.text.is_empty())
        .max_by_key(|(_, a)| (a.level.clone(), std::cmp::Reverse(a.text.len())))
        .or_else(|| pairs().find(|(b, a)| b.question == a.question))
}
