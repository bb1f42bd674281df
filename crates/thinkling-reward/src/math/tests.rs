//! Predictions with their verdicts, from the conventions; and what holds for any text.

use proptest::prelude::*;

use super::*;
use crate::record::Verdict;

mod policies;
mod predictions;
mod properties;

const TEMPLATES: [Template; 3] = [Template::None, Template::R1Zero, Template::Boxed];

fn judge(gold: &str, text: &str, template: Template, policy: &Policy) -> Judgement {
    verify(Gold(gold), Prediction(text), template, policy)
        .unwrap_or_else(|error| panic!("{gold}: {error}"))
}

fn verdict(gold: &str, text: &str, template: Template) -> Verdict {
    judge(gold, text, template, &Policy::default()).verdict
}

fn is_correct(gold: &str, text: &str, template: Template) -> bool {
    verdict(gold, text, template).is_correct()
}

/// The rows whose verdict is not `correct`.
fn assert_all(correct: bool, template: Template, rows: &[(&str, &str)]) {
    let failed: Vec<_> =
        rows.iter().filter(|(gold, text)| is_correct(gold, text, template) != correct).collect();
    assert!(failed.is_empty(), "expected correct: {correct}, got: {failed:?}");
}

fn assert_reason(reason: Reason, template: Template, rows: &[(&str, &str)]) {
    for (gold, text) in rows {
        assert_eq!(
            verdict(gold, text, template),
            Verdict::Unverifiable { reason },
            "{gold} {text}"
        );
    }
}
