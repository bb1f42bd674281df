//! Looking at answers and changing them, without comparing.

use std::collections::BTreeSet;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

use super::super::expr::{Answer, Bracket, Constant, Expr, Function, Quantity, RelationOp};
use super::is_order;

/// What the brackets of a group make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupKind {
    /// An order counts, and no bracket says more: tuples, vectors, lists of three in `[..]`.
    Tuple,
    /// Two members in `[..]`.
    Closed,
    /// Two members between different brackets, the open one first or last.
    HalfOpen(Bracket),
    Set,
}

pub(super) fn bracket_kind(open: Bracket, close: Bracket, items: usize) -> GroupKind {
    match (open, close) {
        (Bracket::Brace, _) => GroupKind::Set,
        (Bracket::Square, Bracket::Square) if items == 2 => GroupKind::Closed,
        (Bracket::Square | Bracket::Round, Bracket::Square | Bracket::Round) if open != close => {
            GroupKind::HalfOpen(open)
        }
        _ => GroupKind::Tuple,
    }
}

/// Members with lists among them laid open.
pub(super) fn flat(items: Vec<Answer>) -> Vec<Answer> {
    if !items.iter().any(|item| matches!(item, Answer::List(_))) {
        return items;
    }
    items
        .into_iter()
        .flat_map(|item| match item {
            Answer::List(inner) => inner,
            other => vec![other],
        })
        .collect()
}

/// A list with lists among its members laid open; its member where there is one.
pub(super) fn list(items: Vec<Answer>) -> Answer {
    let mut items = flat(items);
    match items.pop() {
        Some(only) if items.is_empty() => only,
        Some(last) => {
            items.push(last);
            Answer::List(items)
        }
        None => Answer::List(items),
    }
}

/// A value without unit.
pub(super) fn value(value: Expr) -> Answer {
    Answer::Value(Quantity { value, unit: None })
}

pub(super) fn integer(value: i64) -> Expr {
    Expr::Integer(BigInt::from(value))
}

/// `a - b`.
pub(super) fn minus(a: &Expr, b: &Expr) -> Expr {
    Expr::Sum(vec![a.clone(), negative(b)])
}

pub(super) fn negative(a: &Expr) -> Expr {
    match a {
        Expr::Negative(inner) => (**inner).clone(),
        other => Expr::Negative(Box::new(other.clone())),
    }
}

/// Whether an answer may be a set: of points of the line, or finite.
pub(super) fn is_set(answer: &Answer) -> bool {
    match answer {
        Answer::Group { items, .. } => !items.is_empty(),
        Answer::SetOperation { .. }
        | Answer::EmptySet
        | Answer::NumberSet(_)
        | Answer::SetBuilder { .. }
        | Answer::Value(_) => true,
        Answer::Relation { ops, .. } => {
            ops.iter().all(|&op| is_order(op) || op == RelationOp::NotEqual)
                || matches!(ops.as_slice(), [RelationOp::In])
        }
        Answer::List(items) => items.iter().all(is_set),
        Answer::Words(_) | Answer::Ratio(_) | Answer::Matrix(_) => false,
    }
}

/// Whether the answer cannot be a mere list of values: it is about an interval or a set.
pub(super) fn is_region(answer: &Answer) -> bool {
    match answer {
        Answer::SetOperation { .. }
        | Answer::EmptySet
        | Answer::NumberSet(_)
        | Answer::SetBuilder { .. } => true,
        Answer::Relation { .. } => is_set(answer),
        Answer::Group { open, close, items } => {
            *open != Bracket::Brace && bracket_kind(*open, *close, items.len()) != GroupKind::Tuple
        }
        Answer::List(items) => items.iter().any(is_region),
        _ => false,
    }
}

/// A name that may stand on the left of an equation: `x`, `a_n`, `f(x)`, `AB`, `(x, y)`, words.
pub(super) fn is_name(answer: &Answer) -> bool {
    match answer {
        Answer::Value(Quantity { value, unit: None }) => is_name_value(value),
        Answer::Words(_) => true,
        Answer::Group { open: Bracket::Round | Bracket::Angle, items, .. } => {
            items.iter().all(is_name)
        }
        Answer::Ratio(items) => items.iter().all(is_name),
        _ => false,
    }
}

fn is_name_value(value: &Expr) -> bool {
    match value {
        Expr::Symbol(_) | Expr::Call(Function::Named(_), _) => true,
        Expr::Call(Function::Conjugate, inner) => inner.iter().all(is_name_value),
        Expr::Call(function, inner) if is_trigonometric(function) => {
            inner.iter().all(|inner| is_name_value(inner) || matches!(inner, Expr::Symbol(_)))
        }
        // The length |AB|.
        Expr::Call(Function::Abs, inner) => {
            inner.iter().all(|inner| matches!(inner, Expr::Product(_)) && is_name_value(inner))
        }
        // The distance AB, the angle ABC, its measure.
        Expr::Product(factors) => {
            let names = |f: &Expr| match f {
                Expr::Symbol(name) => {
                    name.starts_with(|c: char| c.is_uppercase()) || name.starts_with("angle ")
                }
                _ => false,
            };
            let measure = matches!(factors.first(), Some(Expr::Symbol(m)) if m == "m");
            let factors = if measure { factors.get(1..).unwrap_or_default() } else { factors };
            let least = if measure { 1 } else { 2 };
            (least..=4).contains(&factors.len()) && factors.iter().all(names)
        }
        _ => false,
    }
}

fn is_trigonometric(function: &Function) -> bool {
    matches!(
        function,
        Function::Sin
            | Function::Cos
            | Function::Tan
            | Function::Cot
            | Function::Sec
            | Function::Csc
    )
}

/// The children of a value.
pub(super) fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Negative(a) => vec![a],
        Expr::Sum(items) | Expr::Product(items) | Expr::Call(_, items) => items.iter().collect(),
        Expr::Quotient(a, b) | Expr::Power(a, b) => vec![a, b],
        _ => Vec::new(),
    }
}

/// Whether any part of a value is so.
pub(super) fn any(expr: &Expr, is: &impl Fn(&Expr) -> bool) -> bool {
    is(expr) || children(expr).into_iter().any(|child| any(child, is))
}

/// Whether a value has no free variable and no unknown function.
pub(super) fn is_closed(expr: &Expr) -> bool {
    !any(expr, &|part| {
        matches!(part, Expr::Symbol(_) | Expr::PlusMinus | Expr::Call(Function::Named(_), _))
    })
}

pub(super) fn symbols(expr: &Expr) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut open = vec![expr];
    while let Some(part) = open.pop() {
        if let Expr::Symbol(name) = part {
            found.insert(name.as_str());
        }
        open.extend(children(part));
    }
    found
}

/// The value with each part for which there is another one replaced by it.
pub(super) fn replaced(expr: &Expr, by: &impl Fn(&Expr) -> Option<Expr>) -> Expr {
    if let Some(other) = by(expr) {
        return other;
    }
    let all = |items: &[Expr]| items.iter().map(|item| replaced(item, by)).collect();
    let one = |item: &Expr| Box::new(replaced(item, by));
    match expr {
        Expr::Negative(a) => Expr::Negative(one(a)),
        Expr::Sum(items) => Expr::Sum(all(items)),
        Expr::Product(items) => Expr::Product(all(items)),
        Expr::Quotient(a, b) => Expr::Quotient(one(a), one(b)),
        Expr::Power(a, b) => Expr::Power(one(a), one(b)),
        Expr::Call(function, items) => Expr::Call(function.clone(), all(items)),
        other => other.clone(),
    }
}

/// Whether a plus-minus sign stands anywhere.
pub(super) fn has_plus_minus(answer: &Answer) -> bool {
    let signed = |expr: &Expr| any(expr, &|part| *part == Expr::PlusMinus);
    match answer {
        Answer::Value(quantity) => signed(&quantity.value),
        Answer::Matrix(rows) => rows.iter().flatten().any(signed),
        Answer::Relation { terms, .. } => terms.iter().any(has_plus_minus),
        Answer::Group { items, .. } | Answer::List(items) | Answer::Ratio(items) => {
            items.iter().any(has_plus_minus)
        }
        Answer::SetOperation { operands, .. } => operands.iter().any(has_plus_minus),
        _ => false,
    }
}

/// The list of both signs. In lists and sets each member has its own.
pub(super) fn both_signs(answer: &Answer) -> Answer {
    let each = |items: &[Answer]| {
        items
            .iter()
            .map(|item| if has_plus_minus(item) { both_signs(item) } else { item.clone() })
            .collect()
    };
    match answer {
        Answer::List(items) => list(each(items)),
        Answer::Group { open: Bracket::Brace, close, items } => {
            Answer::Group { open: Bracket::Brace, close: *close, items: flat(each(items)) }
        }
        Answer::SetOperation { op, operands } => {
            Answer::SetOperation { op: *op, operands: each(operands) }
        }
        other => Answer::List(vec![with_sign(other, true), with_sign(other, false)]),
    }
}

fn with_sign(answer: &Answer, plus: bool) -> Answer {
    let expr = |expr: &Expr| {
        replaced(expr, &|part| {
            (*part == Expr::PlusMinus).then(|| integer(if plus { 1 } else { -1 }))
        })
    };
    let all = |items: &[Answer]| items.iter().map(|item| with_sign(item, plus)).collect();
    match answer {
        Answer::Value(Quantity { value, unit }) => {
            Answer::Value(Quantity { value: expr(value), unit: unit.clone() })
        }
        Answer::Matrix(rows) => {
            Answer::Matrix(rows.iter().map(|row| row.iter().map(expr).collect()).collect())
        }
        Answer::Relation { terms, ops } => Answer::Relation { terms: all(terms), ops: ops.clone() },
        Answer::Group { open, close, items } => {
            Answer::Group { open: *open, close: *close, items: all(items) }
        }
        Answer::Ratio(items) => Answer::Ratio(all(items)),
        Answer::List(items) => Answer::List(all(items)),
        // Every kind that `has_plus_minus` looks into, or expanding would never end.
        Answer::SetOperation { op, operands } => {
            Answer::SetOperation { op: *op, operands: all(operands) }
        }
        other => other.clone(),
    }
}

/// The exact value of a literal: an integer, a decimal, a fraction of integers, with signs.
pub(super) fn rational(expr: &Expr) -> Option<BigRational> {
    match expr {
        Expr::Integer(value) => Some(BigRational::from_integer(value.clone())),
        Expr::Decimal(decimal) => Some(decimal.value.clone()),
        Expr::Negative(inner) => rational(inner).map(|value| -value),
        Expr::Quotient(a, b) => {
            let (a, b) = (whole(a)?, whole(b)?);
            (!b.is_zero()).then(|| BigRational::new(a, b))
        }
        _ => None,
    }
}

fn whole(expr: &Expr) -> Option<BigInt> {
    match expr {
        Expr::Integer(value) => Some(value.clone()),
        Expr::Negative(inner) => whole(inner).map(|value| -value),
        _ => None,
    }
}

/// Infinity with its sign.
pub(super) fn infinite(expr: &Expr) -> Option<bool> {
    match expr {
        Expr::Constant(Constant::Infinity) => Some(true),
        Expr::Negative(inner) => infinite(inner).map(|positive| !positive),
        _ => None,
    }
}
