//! Tables of a stage that evaluates models: the models beside each other, on each data set.

use super::charts::level_words;
use super::data::Stage;
use super::element::Element;
use super::numbers::{grouped, percent};
use super::tables::table_of;
use crate::eval::{ModelReport, Report};
use crate::evaluate::{Estimate, Measures};
use std::collections::BTreeSet;
use thinkling_learn::mean_of_runs;

/// A column: its head, its estimate where there is one, and whether it is a share.
type Column = (&'static str, fn(&Measures) -> Option<Estimate>, bool);

const COLUMNS: [Column; 8] = [
    ("pass@1", |m| Some(m.pass_at_1), true),
    ("majority right", |m| m.cons_at_k, true),
    ("format kept", |m| Some(m.format_rate), true),
    ("tokens", |m| Some(m.mean_tokens), false),
    ("cut at the limit", |m| Some(m.truncated), true),
    ("reflective words", |m| Some(m.reflective_words), false),
    ("in one language", |m| m.language_consistency, true),
    ("repeats itself", |m| Some(m.repetition), true),
];

/// The tables; none of a stage that evaluates nothing.
pub(super) fn models(runs: &[&Stage]) -> Vec<Element> {
    let mut data: Vec<&str> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for one in runs.iter().flat_map(|stage| &stage.models) {
        for (list, name) in [(&mut data, one.data.as_str()), (&mut names, one.model.as_str())] {
            if !list.contains(&name) {
                list.push(name);
            }
        }
    }
    data.iter().flat_map(|data| of_data(runs, data, &names)).collect()
}

fn of_data(runs: &[&Stage], data: &str, names: &[&str]) -> Vec<Element> {
    let found = |model: &str| -> Vec<&Report> {
        let is_it = |one: &&ModelReport| one.model == model && one.data == data;
        runs.iter().filter_map(|stage| stage.models.iter().find(is_it)).map(|m| &m.report).collect()
    };
    let rows: Vec<(&str, Vec<&Report>)> = names
        .iter()
        .map(|name| (*name, found(name)))
        .filter(|(_, reports)| !reports.is_empty())
        .collect();
    let Some(report) = rows.first().and_then(|(_, reports)| reports.first()) else {
        return Vec::new();
    };
    let (problems, samples) = (report.all.problems, report.samples);
    let how = match runs.len() {
        1 => "95 % intervals over problems (bootstrap)".to_owned(),
        n => format!("mean of {n} seeds with 95 % intervals over seeds (Student's t)"),
    };
    let about = format!("{problems} problems, {samples} answers each; {how}");
    let columns: Vec<Column> = COLUMNS
        .into_iter()
        .filter(|(_, of, _)| rows.iter().flat_map(|(_, all)| all).any(|r| of(&r.all).is_some()))
        .collect();
    let judges: BTreeSet<&String> =
        rows.iter().flat_map(|(_, all)| all).flat_map(|report| report.scores.keys()).collect();
    let judge_heads: Vec<String> = judges.iter().map(|judge| format!("score by {judge}")).collect();
    let heads: Vec<&str> = ["model"]
        .into_iter()
        .chain(columns.iter().map(|c| c.0))
        .chain(judge_heads.iter().map(String::as_str))
        .collect();
    let row = |(name, reports): &(&str, Vec<&Report>)| {
        let of_all = |&(head, of, share): &Column| {
            let estimates = reports.iter().filter_map(|r| of(&r.all)).collect::<Vec<_>>();
            cell(&estimates, share, head == COLUMNS[0].0)
        };
        let score = |judge: &&String| {
            let scores = reports.iter().filter_map(|r| r.scores.get(*judge).copied());
            cell(&scores.collect::<Vec<_>>(), false, false)
        };
        let scores = judges.iter().map(score);
        ((*name).to_owned(), columns.iter().map(of_all).chain(scores).collect())
    };
    let caption = format!("Models on {data}: {about}");
    let mut tables = vec![table_of(&caption, &heads, rows.iter().map(row))];
    let levels: BTreeSet<&String> =
        rows.iter().flat_map(|(_, all)| all).flat_map(|report| report.levels.keys()).collect();
    if levels.len() > 1 {
        for (_, of, share) in [COLUMNS[0], COLUMNS[3]] {
            let what = if share { "pass@1" } else { "Tokens" };
            let caption = format!("{what} by level on {data}");
            tables.push(by_level(&caption, &rows, &levels, of, share));
        }
    }
    tables
}

fn by_level(
    caption: &str,
    rows: &[(&str, Vec<&Report>)],
    levels: &BTreeSet<&String>,
    of: fn(&Measures) -> Option<Estimate>,
    share: bool,
) -> Element {
    let names: Vec<String> = levels.iter().map(|level| level_words(level)).collect();
    let heads: Vec<&str> = ["model"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let row = |(name, reports): &(&str, Vec<&Report>)| {
        let of_level = |level: &&String| {
            let all = reports.iter().filter_map(|report| of(report.levels.get(*level)?));
            cell(&all.collect::<Vec<_>>(), share, false)
        };
        ((*name).to_owned(), levels.iter().map(of_level).collect())
    };
    table_of(caption, &heads, rows.iter().map(row))
}

/// An estimate above its interval; of several runs their mean above the interval over runs. A share may
/// have a bar, which the eye compares down the column.
fn cell(estimates: &[Estimate], share: bool, bar: bool) -> Element {
    let estimate = match estimates {
        [] => return Element::with_text("td", "-"),
        [one] => *one,
        all => mean_of_runs(&all.iter().map(|estimate| estimate.value).collect::<Vec<f64>>()),
    };
    let Estimate { value, low, high } = estimate;
    let (value_words, interval) = match share {
        true => {
            let bound = |x: f64| grouped(100.0 * x.clamp(0.0, 1.0), 1);
            (percent(value), format!("{} to {}", bound(low), bound(high)))
        }
        false => {
            let number = |x: f64| grouped(x, if value < 10.0 { 2 } else { 1 });
            (number(value), format!("{} to {}", number(low), number(high)))
        }
    };
    let width = format!("width:{:.1}%", 100.0 * value.clamp(0.0, 1.0));
    let bar = bar.then(|| {
        let fill = Element::new("i").attribute("style", &width);
        Element::new("span").class("gauge").attribute("aria-hidden", "true").child(fill)
    });
    Element::with_text("td", &value_words)
        .children(bar)
        .child(Element::with_text("small", &interval).class("interval"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::Run;
    use crate::report::tests::folder;
    use serde_json::{Value, json};

    /// A stage `final` of the run folder of the tests, with pass@1 of two models as given.
    fn run(base: f64, trained: f64) -> (tempfile::TempDir, Run) {
        let dir = folder();
        let recipe = dir.path().join("recipe.toml");
        let text = std::fs::read_to_string(&recipe).expect("readable");
        std::fs::write(&recipe, text + "\n[[stage]]\nname = \"final\"\nkind = \"eval\"\n")
            .expect("written");
        let settings = serde_json::to_value(crate::eval::settings_of_tests()).expect("JSON");
        let estimate =
            |value: f64| json!({"value": value, "low": value - 0.1, "high": value + 0.1});
        let measures = |value: f64| {
            json!({
                "problems": 200, "pass_at_1": estimate(value), "pass_at_j": {"4": estimate(value)},
                "format_free": estimate(value), "format_rate": estimate(0.5),
                "mean_tokens": estimate(12.0), "truncated": estimate(0.1),
                "reflective_words": estimate(0.3), "repetition": estimate(0.2),
            })
        };
        let report = |value: f64| {
            let mut report = measures(value);
            let own = json!({
                "scores": {"harmless": estimate(-0.5)}, "samples": 4, "skipped": 0, "subjects": {}, "settings": settings, "wall_s": 1.0,
                "tokens_per_s": null,
                "levels": {"1": measures(value), "<b>": measures(value / 2.0)},
            });
            let (Value::Object(report), Value::Object(own)) = (&mut report, own) else {
                unreachable!("objects")
            };
            report.extend(own);
            Value::Object(report.clone())
        };
        let reports = json!([
            {"model": "base", "data": "world", "report": report(base)},
            {"model": "trained", "data": "world", "report": report(trained)},
        ]);
        std::fs::write(dir.path().join("final-models.json"), reports.to_string()).expect("written");
        let run = Run::load(dir.path()).expect("loads");
        (dir, run)
    }

    fn html(runs: &[&Stage]) -> String {
        models(runs).into_iter().map(Element::finish).collect()
    }

    #[test]
    fn models_stand_beside_each_other_with_their_intervals() {
        let (_dir, run) = run(0.2, 0.75);
        let html = html(&[&run.stages[2]]);
        for words in [
            "200 problems, 4 answers each; 95 % intervals over problems",
            "width:20.0%",
            "<small class=\"interval\">10.0 to 30.0</small>",
            "<small class=\"interval\">65.0 to 85.0</small>",
            "pass@1 by level on world",
            "27.5 to 47.5",
            "&lt;b&gt;",
            "11.9 to 12.1",
            "score by harmless",
            "−0.60 to −0.40",
        ] {
            assert!(html.contains(words), "{words} in {html}");
        }
        assert!(!html.contains("in one language"), "{html}");
        assert!(models(&[&run.stages[1]]).is_empty());
    }

    #[test]
    fn seeds_have_a_mean_with_its_interval() {
        let ((_a, a), (_b, b), (_c, c)) = (run(0.2, 0.70), run(0.2, 0.75), run(0.2, 0.80));
        let html = html(&[&a.stages[2], &b.stages[2], &c.stages[2]]);
        // 0.75 ± 4.303 · 0.05 / √3.
        assert!(html.contains("62.6 to 87.4"), "{html}");
        assert!(html.contains("mean of 3 seeds"), "{html}");
    }
}
