//! Equality by definitions, known identities and properties.

mod hostile;
mod properties;
mod reader;
mod readings;
mod values;

use num_rational::BigRational;

use super::*;
use crate::math::expr::{Decimal, Function};
use crate::math::limits::Limits;
use reader::read;

/// Both orders of the sides must give the same answer.
fn ask(a: &Expr, b: &Expr) -> Result<bool, TooLarge> {
    let limits = Limits::default();
    let forth = equal(a, b, &mut Budget::new(&limits));
    let back = equal(b, a, &mut Budget::new(&limits));
    assert_eq!(forth, back, "{a:?} and {b:?}: the order of the sides counts");
    forth
}

fn all(rows: &[(&str, &str)], expected: bool) {
    let wrong: Vec<_> = rows
        .iter()
        .map(|(a, b)| (a, b, ask(&read(a), &read(b))))
        .filter(|(_, _, answer)| *answer != Ok(expected))
        .collect();
    assert!(wrong.is_empty(), "expected {expected}: {wrong:#?}");
}

fn all_equal(rows: &[(&str, &str)]) {
    all(rows, true);
}

fn none_equal(rows: &[(&str, &str)]) {
    all(rows, false);
}
