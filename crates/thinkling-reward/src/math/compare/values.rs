//! Values with their units.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Pow, Signed, Zero};

use super::super::expr::{Constant, Decimal, Expr, Function, Quantity, Unit};
use super::tree::{self, integer};
use super::units::{Relation, relation};
use super::{Checked, Compare};
use crate::math::algebra;

impl Compare<'_, '_, '_> {
    pub(super) fn quantities(&mut self, gold: &Quantity, given: &Quantity) -> Checked {
        let (a, b) = (&gold.value, &given.value);
        match (&gold.unit, &given.unit) {
            (None, None) | (Some(Unit::Percent), Some(Unit::Percent)) => self.values(a, b),
            (Some(Unit::Percent), None) => self.percent(a, b, true),
            (None, Some(Unit::Percent)) => self.percent(b, a, false),
            (Some(Unit::Degree), Some(Unit::Degree)) => self.values(a, b),
            (Some(Unit::Degree), None) => self.degrees(a, b, true),
            (None, Some(Unit::Degree)) => self.degrees(b, a, false),
            (Some(gold), Some(given)) => match relation(gold, given) {
                Relation::Same => self.values(a, b),
                Relation::Unknown => Ok(self.policy.drop_units && self.values(a, b)?),
                Relation::Converts(factor) if self.policy.convert_units => {
                    let factor = Expr::Quotient(
                        Box::new(Expr::Integer(factor.numer().clone())),
                        Box::new(Expr::Integer(factor.denom().clone())),
                    );
                    self.values(a, &Expr::Product(vec![b.clone(), factor]))
                }
                Relation::Converts(_) | Relation::Differ => Ok(false),
            },
            (Some(unit), None) => self.dropped(unit, a, b, true),
            (None, Some(unit)) => self.dropped(unit, b, a, false),
        }
    }

    /// A value with a unit against one without; `2 m` is `2m` as well, and `\mu mg` is `\mu m g`.
    fn dropped(&mut self, unit: &Unit, with: &Expr, without: &Expr, first: bool) -> Checked {
        if let (Unit::Other(unit), Expr::Product(factors)) = (unit, without)
            && let Some((rest, letters)) = factors
                .len()
                .checked_sub(unit.chars().count())
                .filter(|&rest| rest > 0)
                .map(|rest| factors.split_at(rest))
            && spell(letters, unit)
            && self.either(with, &Expr::Product(rest.to_vec()), first)?
        {
            return Ok(true);
        }
        Ok(self.policy.drop_units && self.either(with, without, first)?)
    }

    /// A value in per cent against one without the sign.
    fn percent(&mut self, percent: &Expr, other: &Expr, first: bool) -> Checked {
        if self.policy.percent_is_number && self.either(percent, other, first)? {
            return Ok(true);
        }
        let fraction = Expr::Quotient(Box::new(percent.clone()), Box::new(integer(100)));
        Ok(self.policy.percent_is_fraction && self.either(&fraction, other, first)?)
    }

    fn either(&mut self, a: &Expr, b: &Expr, a_is_gold: bool) -> Checked {
        if a_is_gold { self.values(a, b) } else { self.values(b, a) }
    }

    /// A value in degrees against one without the sign.
    fn degrees(&mut self, degrees: &Expr, other: &Expr, first: bool) -> Checked {
        if self.policy.drop_units && self.either(degrees, other, first)? {
            return Ok(true);
        }
        let radians = tree::any(other, &|part| *part == Expr::Constant(Constant::Pi));
        let angle = Expr::Product(vec![degrees.clone(), Expr::Constant(Constant::Degree)]);
        Ok(self.policy.degrees_are_radians && radians && self.either(&angle, other, first)?)
    }

    /// Values without units.
    pub(super) fn values(&mut self, gold: &Expr, given: &Expr) -> Checked {
        self.budget.spend(1)?;
        if gold == given {
            return Ok(true);
        }
        if differs_in_modulus(gold, given) {
            return Ok(false);
        }
        if !self.shape_allowed(gold, given) {
            return Ok(false);
        }
        let renamed = with_constant_of(gold, given);
        let given = renamed.as_ref().unwrap_or(given);
        // Algebra by itself takes a decimal of twelve digits for what it rounds.
        match (decimal(gold), decimal(given)) {
            (Some(literal), None) if self.policy.rounding_digits != 12 => {
                self.exact_or_rounded(literal, given)
            }
            (None, Some(literal)) if self.policy.rounding_digits != 12 => {
                self.exact_or_rounded(literal, gold)
            }
            _ => algebra::equal(gold, given, self.budget),
        }
    }

    fn shape_allowed(&self, gold: &Expr, given: &Expr) -> bool {
        let base = |e: &Expr| match e {
            Expr::Based { base, .. } => *base,
            _ => 10,
        };
        if !self.policy.based_values && base(gold) != base(given) {
            return false;
        }
        if !self.policy.unreduced && is_unreduced(given) {
            return false;
        }
        self.policy.any_shape || !is_number(gold) || is_number(given)
    }

    /// Whether a decimal is `exact`, or is it rounded to its last digit and has digits enough.
    fn exact_or_rounded(&mut self, (literal, minus): (&Decimal, bool), exact: &Expr) -> Checked {
        let value = if minus { -literal.value.clone() } else { literal.value.clone() };
        let value = quotient(&value);
        if algebra::equal(exact, &value, self.budget)? {
            return Ok(true);
        }
        let Ok(places) = u32::try_from(literal.places.unsigned_abs()) else { return Ok(false) };
        if literal.significant < self.policy.rounding_digits
            || literal.repeating
            || places > self.policy.limits.digits
            || !tree::is_closed(exact)
        {
            return Ok(false);
        }
        let ten = BigRational::from_integer(BigInt::from(10).pow(places));
        let unit = if literal.places < 0 { ten } else { BigRational::one() / ten };
        let half = unit / BigRational::from_integer(BigInt::from(2));
        let gap = Expr::Call(Function::Abs, vec![tree::minus(exact, &value)]);
        let order = algebra::order(&gap, &quotient(&half), self.budget)?;
        Ok(order.is_some_and(Ordering::is_le))
    }
}

/// Whether factors are the letters of a unit.
fn spell(factors: &[Expr], unit: &str) -> bool {
    factors.iter().zip(unit.chars()).all(|(factor, letter)| match factor {
        Expr::Symbol(symbol) => symbol.to_lowercase().chars().eq([letter]),
        _ => false,
    })
}

fn quotient(value: &BigRational) -> Expr {
    Expr::Quotient(
        Box::new(Expr::Integer(value.numer().clone())),
        Box::new(Expr::Integer(value.denom().clone())),
    )
}

/// The given value with its constant of integration named as in the gold: `x^2 + c` as `x^2 + C`.
fn with_constant_of(gold: &Expr, given: &Expr) -> Option<Expr> {
    fn constant(e: &Expr) -> Option<&str> {
        let Expr::Sum(terms) = e else { return None };
        terms.iter().find_map(|term| match term {
            Expr::Symbol(name)
                if matches!(name.as_str(), "C" | "c" | "K" | "k" | "C_1" | "c_1") =>
            {
                Some(name.as_str())
            }
            _ => None,
        })
    }
    let (name, other) = (constant(gold)?, constant(given)?);
    let alone = |e: &Expr, name: &str| {
        let is = |part: &Expr| matches!(part, Expr::Symbol(symbol) if symbol == name);
        let Expr::Sum(terms) = e else { return false };
        terms.iter().filter(|term| tree::any(term, &is)).count() == 1
    };
    let free = (name == "C" || name == "c") && other != name;
    if !free || !alone(gold, name) || !alone(given, other) || tree::symbols(gold).contains(other) {
        return None;
    }
    Some(tree::replaced(given, &|part| match part {
        Expr::Symbol(symbol) if symbol == other => Some(Expr::Symbol(name.to_owned())),
        _ => None,
    }))
}

/// Whether both are residues, of different moduli: `2 \pmod 5` and `2 \pmod 6`.
fn differs_in_modulus(a: &Expr, b: &Expr) -> bool {
    fn residue(e: &Expr) -> Option<&BigInt> {
        match e {
            Expr::Call(Function::Mod, arguments) => match arguments.as_slice() {
                [Expr::Integer(value), Expr::Integer(modulus)] if value < modulus => Some(modulus),
                _ => None,
            },
            _ => None,
        }
    }
    matches!((residue(a), residue(b)), (Some(a), Some(b)) if a != b)
}

/// A decimal literal and whether a minus stands before it.
fn decimal(expr: &Expr) -> Option<(&Decimal, bool)> {
    match expr {
        Expr::Decimal(decimal) => Some((decimal, false)),
        Expr::Negative(inner) => decimal(inner).map(|(literal, sign)| (literal, !sign)),
        _ => None,
    }
}

/// Whether a value is written as a number: digits, a fraction, a mixed number, with a sign.
fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Integer(_) | Expr::Decimal(_) | Expr::Based { .. } => true,
        Expr::Negative(inner) => is_number(inner),
        Expr::Quotient(a, b) => is_number(a) && is_number(b),
        // A mixed number.
        Expr::Sum(parts) => {
            matches!(parts.as_slice(), [Expr::Integer(_), Expr::Quotient(..)])
        }
        _ => false,
    }
}

fn is_unreduced(expr: &Expr) -> bool {
    match expr {
        Expr::Negative(inner) => is_unreduced(inner),
        Expr::Quotient(a, b) => match (a.as_ref(), b.as_ref()) {
            (Expr::Integer(a), Expr::Integer(b)) if !b.is_zero() => {
                let reduced = BigRational::new(a.clone(), b.clone());
                reduced.numer().abs() != a.abs() || b.abs().is_one()
            }
            _ => false,
        },
        _ => false,
    }
}
