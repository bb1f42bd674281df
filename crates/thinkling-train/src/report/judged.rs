//! The table of a reward model: how well it tells held-out pairs or labels.

use super::data::{Evaluation, Stage};
use super::element::Element;
use super::numbers::{grouped, percent};
use super::tables::{over, seeds_words, table};
use crate::stage::Judged;
use std::collections::BTreeMap;

/// Accuracy, loss and calibration by step; `None` without such an evaluation.
pub(super) fn judged(runs: &[&Stage]) -> Option<Element> {
    let mut steps: BTreeMap<u64, Vec<&Judged>> = BTreeMap::new();
    for (step, evaluation) in runs.iter().flat_map(|stage| &stage.evaluations) {
        if let Evaluation::Judged(judged) = evaluation {
            steps.entry(*step).or_default().push(judged);
        }
    }
    let alone = runs.len() == 1;
    let row = |(step, found): (&u64, &Vec<&Judged>)| {
        let all = |f: fn(&Judged) -> f64| found.iter().map(|j| f(j)).collect::<Vec<f64>>();
        let mut row = vec![grouped(*step as f64, 0), over(&all(|j| j.accuracy.value), percent)];
        if alone {
            let accuracy = found[0].accuracy;
            row.push(format!("{} to {}", percent(accuracy.low), percent(accuracy.high)));
        }
        row.extend([
            over(&all(|j| j.loss), |x| grouped(x, 4)),
            over(&all(|j| j.margin), |x| grouped(x, 3)),
            over(&all(|j| j.calibration.expected_error), |x| grouped(x, 3)),
            over(&all(|j| j.examples as f64), |x| grouped(x, 0)),
        ]);
        row
    };
    let rows: Vec<Vec<String>> = steps.iter().map(row).collect();
    let mut heads = vec!["step", "told right"];
    if alone {
        heads.push("95 % interval");
    }
    heads.extend(["loss, nats", "margin", "calibration error", "examples"]);
    let caption = format!("Held-out preferences{}", seeds_words(runs.len()));
    (!rows.is_empty()).then(|| table(&caption, &heads, &rows))
}
