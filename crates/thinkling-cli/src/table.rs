//! The table and the two texts that a run ends with.

use thinkling_train::evaluate::{Evaluated, Sample, Tally};

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
    for (level, tally) in &after.levels {
        let first = before.levels.get(level).copied().unwrap_or_default();
        let row = [percent(first.accuracy()), percent(tally.accuracy())];
        let [b, a] = row;
        rows.push([format!("  {level}"), b, a, tally.problems.to_string()]);
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
    let mut widths = [0; 4];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; 4]| {
        let [name, b, a, n] = row;
        let [w0, w1, w2, w3] = widths;
        format!("{name:<w0$}  {b:>w1$}  {a:>w2$}  {n:>w3$}").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
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
