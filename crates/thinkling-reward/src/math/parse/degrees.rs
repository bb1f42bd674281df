//! Degree signs that are the unit of a whole value.

use super::super::expr::{Constant, Expr};

/// Takes the degree sign from every term, where each has one: `(180 - x)^\circ` as well as
/// `180^\circ - x^\circ`.
pub(super) fn strip_degrees(value: Expr) -> Result<Expr, Expr> {
    match value {
        Expr::Product(mut factors) if is_degree(factors.last()) => {
            factors.pop();
            Ok(match (factors.pop(), factors.is_empty()) {
                (Some(only), true) => only,
                (Some(last), false) => {
                    factors.push(last);
                    Expr::Product(factors)
                }
                (None, _) => return Err(Expr::Product(factors)),
            })
        }
        Expr::Negative(inner) => match strip_degrees(*inner) {
            Ok(value) => Ok(Expr::Negative(Box::new(value))),
            Err(value) => Err(Expr::Negative(Box::new(value))),
        },
        Expr::Sum(terms) if terms.iter().all(has_degree) => {
            let strip = |term| strip_degrees(term).unwrap_or_else(|term| term);
            Ok(Expr::Sum(terms.into_iter().map(strip).collect()))
        }
        value => Err(value),
    }
}

pub(super) fn is_degree(value: Option<&Expr>) -> bool {
    matches!(value, Some(Expr::Constant(Constant::Degree)))
}

pub(super) fn has_degree(value: &Expr) -> bool {
    match value {
        Expr::Product(factors) => is_degree(factors.last()) && factors.len() > 1,
        Expr::Negative(inner) => has_degree(inner),
        _ => false,
    }
}
