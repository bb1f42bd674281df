//! Degree signs that are the unit of a whole value, and the minutes and seconds of an angle.

use super::super::expr::{Constant, Expr};
use super::expressions::{integer, quotient};
use super::token::{Delimiter, Kind};
use super::{Parse, Parser, malformed};

impl Parser<'_, '_, '_> {
    /// A number of degrees with the minutes and seconds behind it: `45^\circ 30' 15''`.
    pub(super) fn with_minutes(&mut self, degrees: Expr) -> Parse<Expr> {
        let mut parts = vec![degrees];
        for (marks, parts_of_degree) in [(1, 60), (2, 3600)] {
            let Some(length) = self.part_of_degree(marks) else { continue };
            let whole = matches!(parts.as_slice(), [.., Expr::Integer(_) | Expr::Quotient(..)]);
            let number = self.number()?;
            let small = match &number {
                Expr::Integer(value) => *value < 60.into(),
                Expr::Decimal(decimal) => {
                    decimal.value < num_rational::BigRational::from_integer(60.into())
                }
                _ => false,
            };
            if !whole || !small {
                return malformed("minutes behind what are no whole degrees");
            }
            self.at += length;
            parts.push(quotient(number, integer(parts_of_degree)));
        }
        Ok(match (parts.pop(), parts.is_empty()) {
            (Some(only), true) => only,
            (Some(last), false) => {
                parts.push(last);
                Expr::Sum(parts)
            }
            (None, _) => Expr::Sum(parts),
        })
    }

    /// How many tokens the primes take behind the number at the current place, where there are
    /// as many of them.
    fn part_of_degree(&self, marks: usize) -> Option<usize> {
        if !matches!(self.kind(), Kind::Digits | Kind::Decimal) {
            return None;
        }
        let caret = usize::from(self.ahead(1) == Kind::Caret);
        let group = usize::from(caret == 1 && self.ahead(2) == Kind::Open(Delimiter::Group));
        let from = 1 + caret + group;
        let quote = self.source(self.token_at(self.at + from)) == "\"";
        let primes = (from..from + 3).take_while(|&place| self.ahead(place) == Kind::Prime).count();
        let length = match (quote, primes) {
            (true, _) if marks == 2 => 1,
            (false, primes) if primes == marks => primes,
            _ => return None,
        };
        let closed = group == 0 || self.ahead(from + length) == Kind::Close(Delimiter::Group);
        closed.then_some(caret + 2 * group + length)
    }
}

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
