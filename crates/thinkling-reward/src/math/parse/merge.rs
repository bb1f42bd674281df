//! Lists in which a relation holds for several items.

use super::super::expr::{Answer, Expr, Quantity, RelationOp};

/// Items of a list where a relation holds for several: `x = 1, 2` is x = (1, 2), and
/// `x, y = 1, 2` is (x, y) = (1, 2).
pub(super) fn merged(items: Vec<Answer>) -> Vec<Answer> {
    let relations = items.iter().filter(|item| is_assignment(item)).count();
    if relations == 0 || relations == items.len() {
        return items;
    }
    let several = relations == 1 && items.len() > 2;
    if several
        && items.iter().skip(1).take(items.len() - 2).any(is_assignment)
        && let Some(pair) = paired(&items)
    {
        return vec![pair];
    }
    let mut out: Vec<Answer> = Vec::with_capacity(items.len());
    for item in items {
        match out.last_mut() {
            Some(Answer::Relation { terms, ops }) if goes_on(terms, ops, &item) => {
                match terms.last_mut() {
                    Some(Answer::List(values)) => values.push(item),
                    Some(last) => {
                        let first = std::mem::replace(last, Answer::EmptySet);
                        *last = Answer::List(vec![first, item]);
                    }
                    None => {}
                }
            }
            _ => out.push(item),
        }
    }
    out
}

pub(super) fn joined(mut items: Vec<Answer>) -> Answer {
    match (items.pop(), items.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            items.push(last);
            Answer::List(items)
        }
        (None, _) => Answer::List(items),
    }
}

/// `x, y = 1, 2` as a relation of lists: as many names before the sign as values behind it.
pub(super) fn paired(items: &[Answer]) -> Option<Answer> {
    let at = items.iter().position(is_assignment)?;
    let Answer::Relation { terms, ops } = items.get(at)? else { return None };
    let [left, right] = terms.as_slice() else { return None };
    if at + 1 != items.len() - at || !items.iter().take(at).chain([left]).all(is_name) {
        return None;
    }
    let names = items.iter().take(at).chain([left]).cloned().collect();
    let values = std::iter::once(right).chain(items.iter().skip(at + 1)).cloned().collect();
    let terms = vec![Answer::List(names), Answer::List(values)];
    Some(Answer::Relation { terms, ops: ops.clone() })
}

pub(super) fn is_name(answer: &Answer) -> bool {
    matches!(answer, Answer::Value(Quantity { value: Expr::Symbol(_), unit: None }))
}

/// Whether an item says what something equals.
pub(super) fn is_assignment(item: &Answer) -> bool {
    let Answer::Relation { ops, .. } = item else { return false };
    matches!(ops.last(), Some(RelationOp::Equal | RelationOp::NotEqual | RelationOp::Approximately))
}

/// Whether an item is another value of the relation before it.
pub(super) fn goes_on(terms: &[Answer], ops: &[RelationOp], item: &Answer) -> bool {
    let assigns = matches!(
        ops.last(),
        Some(RelationOp::Equal | RelationOp::NotEqual | RelationOp::Approximately)
    );
    let last = match terms.last() {
        Some(Answer::List(values)) => values.last(),
        last => last,
    };
    assigns
        && matches!(
            (last, item),
            (Some(Answer::Value(_)), Answer::Value(_))
                | (Some(Answer::Group { .. }), Answer::Group { .. })
                | (Some(Answer::Matrix(_)), Answer::Matrix(_))
                | (Some(Answer::Words(_)), Answer::Words(_))
        )
}
