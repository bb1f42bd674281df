//! The height of a tree, so that nothing that walks it can run out of stack.

use super::super::expr::{Answer, Expr};

/// Whether a tree has at most that many levels.
pub(super) fn is_within(answer: &Answer, levels: u32) -> bool {
    let Some(below) = levels.checked_sub(1) else { return false };
    let all = |answers: &[Answer]| answers.iter().all(|answer| is_within(answer, below));
    match answer {
        Answer::Value(quantity) => value_is_within(&quantity.value, below),
        Answer::Relation { terms: items, .. }
        | Answer::Group { items, .. }
        | Answer::List(items)
        | Answer::Ratio(items)
        | Answer::SetOperation { operands: items, .. } => all(items),
        Answer::Matrix(rows) => rows.iter().flatten().all(|cell| value_is_within(cell, below)),
        Answer::SetBuilder { member, condition } => {
            is_within(member, below) && is_within(condition, below)
        }
        Answer::Words(_) | Answer::EmptySet | Answer::NumberSet(_) => true,
    }
}

fn value_is_within(value: &Expr, levels: u32) -> bool {
    let Some(below) = levels.checked_sub(1) else { return false };
    match value {
        Expr::Negative(inner) => value_is_within(inner, below),
        Expr::Sum(parts) | Expr::Product(parts) | Expr::Call(_, parts) => {
            parts.iter().all(|part| value_is_within(part, below))
        }
        Expr::Quotient(a, b) | Expr::Power(a, b) => {
            value_is_within(a, below) && value_is_within(b, below)
        }
        _ => true,
    }
}
