//! Real numbers with a bound on their error, in one of two sizes.

use std::cmp::Ordering;

use num_bigint::BigInt;

use super::Fault;
use super::ball::{Ball, Multi};
use super::double::{Double, Near};
use crate::math::limits::Budget;

/// A centre and a radius within which the true value lies.
#[derive(Clone, Debug)]
pub(super) enum Real {
    /// Around a machine number.
    Near(Near),
    /// Around a number of many bits.
    Ball(Ball),
}

/// An arithmetic. Both sizes behind one type rather than a type parameter, so that all that is
/// built on top is compiled once: the module for browsers has to stay small.
///
/// Functions that are not defined everywhere expect arguments in their domain: the evaluator
/// asks [`Engine::sign`] before. A number of the other size is a fault, and does not occur.
#[derive(Clone, Copy, Debug)]
pub(super) enum Engine {
    /// Machine numbers.
    Double,
    /// Numbers of many bits.
    Multi(Multi),
}

impl Engine {
    /// Whether no finer arithmetic follows, so that a ball around zero has to be taken for zero.
    pub(super) fn last(&self) -> bool {
        matches!(self, Self::Multi(Multi { last: true, .. }))
    }

    /// Steps that an operation costs.
    fn operation_cost(&self) -> u32 {
        match self {
            Self::Double => 1,
            Self::Multi(m) => m.operation_cost(),
        }
    }

    /// Steps that a function beyond the four operations costs.
    fn function_cost(&self) -> u32 {
        match self {
            Self::Double => 0,
            Self::Multi(m) => m.function_cost(),
        }
    }

    pub(super) fn integer(&self, n: &BigInt) -> Result<Real, Fault> {
        match self {
            Self::Double => Ok(Real::Near(Double.integer(n)?)),
            Self::Multi(m) => Ok(Real::Ball(m.integer(n)?)),
        }
    }

    pub(super) fn ratio(&self, n: &BigInt, d: &BigInt) -> Result<Real, Fault> {
        match self {
            Self::Double => Ok(Real::Near(Double.ratio(n, d)?)),
            Self::Multi(m) => Ok(Real::Ball(m.ratio(n, d)?)),
        }
    }

    /// A small number that is exactly a dyadic fraction.
    pub(super) fn dyadic(&self, value: f64) -> Result<Real, Fault> {
        match self {
            Self::Double => Ok(Real::Near(Double.dyadic(value)?)),
            Self::Multi(m) => Ok(Real::Ball(m.dyadic(value)?)),
        }
    }

    pub(super) fn pi(&self) -> Result<Real, Fault> {
        match self {
            Self::Double => Ok(Real::Near(Double.pi()?)),
            Self::Multi(m) => Ok(Real::Ball(m.pi()?)),
        }
    }

    pub(super) fn e(&self) -> Result<Real, Fault> {
        match self {
            Self::Double => Ok(Real::Near(Double.e()?)),
            Self::Multi(m) => Ok(Real::Ball(m.e()?)),
        }
    }

    pub(super) fn negate(&self, a: &Real) -> Real {
        match a {
            Real::Near(a) => Real::Near(a.negate()),
            Real::Ball(a) => Real::Ball(a.negate()),
        }
    }

    pub(super) fn add(&self, a: &Real, b: &Real) -> Result<Real, Fault> {
        match (self, a, b) {
            (Self::Double, Real::Near(a), Real::Near(b)) => Ok(Real::Near(Double.add(a, b)?)),
            (Self::Multi(m), Real::Ball(a), Real::Ball(b)) => Ok(Real::Ball(m.add(a, b)?)),
            _ => Err(Fault::Unknown),
        }
    }

    pub(super) fn multiply(&self, a: &Real, b: &Real) -> Result<Real, Fault> {
        match (self, a, b) {
            (Self::Double, Real::Near(a), Real::Near(b)) => Ok(Real::Near(Double.multiply(a, b)?)),
            (Self::Multi(m), Real::Ball(a), Real::Ball(b)) => Ok(Real::Ball(m.multiply(a, b)?)),
            _ => Err(Fault::Unknown),
        }
    }

    /// `a / b`, with a `b` whose sign is known and is not zero.
    pub(super) fn divide(&self, a: &Real, b: &Real) -> Result<Real, Fault> {
        match (self, a, b) {
            (Self::Double, Real::Near(a), Real::Near(b)) => Ok(Real::Near(Double.divide(a, b)?)),
            (Self::Multi(m), Real::Ball(a), Real::Ball(b)) => Ok(Real::Ball(m.divide(a, b)?)),
            _ => Err(Fault::Unknown),
        }
    }

    /// The root of a number that is not below zero, or whose ball holds zero.
    pub(super) fn sqrt(&self, a: &Real) -> Result<Real, Fault> {
        match (self, a) {
            (Self::Double, Real::Near(a)) => Ok(Real::Near(Double.sqrt(a)?)),
            (Self::Multi(m), Real::Ball(a)) => Ok(Real::Ball(m.sqrt(a)?)),
            _ => Err(Fault::Unknown),
        }
    }

    pub(super) fn exp(&self, a: &Real) -> Result<Real, Fault> {
        match (self, a) {
            (Self::Double, Real::Near(a)) => Ok(Real::Near(Double.exp(a)?)),
            (Self::Multi(m), Real::Ball(a)) => Ok(Real::Ball(m.exp(a)?)),
            _ => Err(Fault::Unknown),
        }
    }

    /// The logarithm of a number above zero.
    pub(super) fn ln(&self, a: &Real) -> Result<Real, Fault> {
        match (self, a) {
            (Self::Double, Real::Near(a)) => Ok(Real::Near(Double.ln(a)?)),
            (Self::Multi(m), Real::Ball(a)) => Ok(Real::Ball(m.ln(a)?)),
            _ => Err(Fault::Unknown),
        }
    }

    pub(super) fn sin_cos(&self, a: &Real) -> Result<(Real, Real), Fault> {
        match (self, a) {
            (Self::Double, Real::Near(a)) => {
                let (sin, cos) = Double.sin_cos(a)?;
                Ok((Real::Near(sin), Real::Near(cos)))
            }
            (Self::Multi(m), Real::Ball(a)) => {
                let (sin, cos) = m.sin_cos(a)?;
                Ok((Real::Ball(sin), Real::Ball(cos)))
            }
            _ => Err(Fault::Unknown),
        }
    }

    /// The angle of the point `(x, y)`, at least one of whose signs is known and not zero.
    pub(super) fn atan2(&self, y: &Real, x: &Real) -> Result<Real, Fault> {
        match (self, y, x) {
            (Self::Double, Real::Near(y), Real::Near(x)) => Ok(Real::Near(Double.atan2(y, x)?)),
            (Self::Multi(m), Real::Ball(y), Real::Ball(x)) => Ok(Real::Ball(m.atan2(y, x)?)),
            _ => Err(Fault::Unknown),
        }
    }

    /// The sign, `Equal` for an exact zero; `None` where the ball holds zero and more.
    pub(super) fn sign(&self, a: &Real) -> Option<Ordering> {
        match (self, a) {
            (Self::Multi(m), Real::Ball(a)) => m.sign(a),
            (_, Real::Near(a)) => a.sign(),
            _ => None,
        }
    }

    /// The integer that it is, exactly.
    pub(super) fn exact_integer(&self, a: &Real) -> Option<BigInt> {
        match (self, a) {
            (Self::Multi(m), Real::Ball(a)) => m.exact_integer(a),
            (_, Real::Near(a)) => a.exact_integer(),
            _ => None,
        }
    }

    /// The floors of the two ends of the ball.
    pub(super) fn floors(&self, a: &Real) -> Result<(BigInt, BigInt), Fault> {
        match (self, a) {
            (Self::Multi(m), Real::Ball(a)) => m.floors(a),
            (_, Real::Near(a)) => a.floors(),
            _ => Err(Fault::Unknown),
        }
    }

    /// A number for the value, the same for every ball that is tight around it; `None` where the
    /// ball is too wide to tell.
    pub(super) fn digest(&self, a: &Real) -> Option<u64> {
        match (self, a) {
            (Self::Multi(m), Real::Ball(a)) => m.digest(a),
            (_, Real::Near(a)) => a.digest(),
            _ => None,
        }
    }

    /// The logarithm to base two of the size of the centre; minus infinity for zero.
    pub(super) fn height(&self, a: &Real) -> f64 {
        match a {
            Real::Near(a) => a.height(),
            Real::Ball(a) => a.height(),
        }
    }

    /// Bits of a number.
    pub(super) fn precision(&self) -> f64 {
        match self {
            Self::Double => 53.0,
            Self::Multi(m) => m.precision(),
        }
    }

    /// The same with a radius that is larger by `2^off`.
    pub(super) fn widen(&self, a: &Real, off: f64) -> Result<Real, Fault> {
        match a {
            Real::Near(a) => Ok(Real::Near(a.widen(off)?)),
            Real::Ball(a) => Ok(Real::Ball(a.widen(off))),
        }
    }

    /// Whether `difference` is nothing beside the largest of the values in `scale`.
    pub(super) fn negligible(&self, difference: &Real, scale: &[&Real]) -> bool {
        match (self, difference) {
            (Self::Multi(m), Real::Ball(difference)) => {
                let balls = scale.iter().filter_map(|real| match real {
                    Real::Ball(ball) => Some(ball),
                    Real::Near(_) => None,
                });
                m.negligible(difference, balls)
            }
            (_, Real::Near(difference)) => {
                let near = scale.iter().filter_map(|real| match real {
                    Real::Near(near) => Some(near),
                    Real::Ball(_) => None,
                });
                difference.negligible(near)
            }
            _ => false,
        }
    }
}

/// The sign of a ball, where a ball around zero counts as zero if no finer arithmetic follows.
pub(super) fn decided_sign(arith: &Engine, a: &Real) -> Result<Ordering, Fault> {
    match arith.sign(a) {
        Some(sign) => Ok(sign),
        None if arith.last() => Ok(Ordering::Equal),
        None => Err(Fault::Unclear),
    }
}

/// The integer that a ball stands for: `Undefined` where it holds none.
pub(super) fn decided_integer(arith: &Engine, a: &Real) -> Result<BigInt, Fault> {
    if let Some(n) = arith.exact_integer(a) {
        return Ok(n);
    }
    let (low, high) = arith.floors(a)?;
    if low == high {
        return Err(Fault::Undefined);
    }
    if arith.last() && high == low + 1 { Ok(high) } else { Err(Fault::Unclear) }
}

/// The floor of a ball.
pub(super) fn decided_floor(arith: &Engine, a: &Real) -> Result<BigInt, Fault> {
    let (low, high) = arith.floors(a)?;
    if low == high || (arith.last() && high == low + 1) { Ok(high) } else { Err(Fault::Unclear) }
}

/// Pays for one node and for some functions.
pub(super) fn pay(arith: &Engine, functions: u32, budget: &mut Budget<'_>) -> Result<(), Fault> {
    let steps = functions.saturating_mul(arith.function_cost());
    Ok(budget.spend(steps.saturating_add(arith.operation_cost()))?)
}
