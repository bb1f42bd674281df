//! The value of an expression at a point, in either arithmetic.
//!
//! Odd roots of negative reals are real, also where they are written as powers with a rational
//! exponent (`(-8)^{1/3} = -2`); other powers and logarithms are principal. At a strict point,
//! whatever is not real on the way is undefined. A function without a rule has a value that
//! looks random and depends on its name and on the values of its arguments alone.

mod functions;
mod series;

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::Fault;
use super::arith::{Engine, Real, pay};
use super::complex::{Complex, Plane};
use super::exact;
use super::fraction::Fraction;
use super::point::Point;
use crate::math::expr::{Constant, Expr, Function};
use crate::math::limits::Budget;

/// A value of the extended complex numbers.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A number.
    Finite(Complex),
    /// Infinity, whether it is the positive one.
    Infinite(bool),
}

/// How a logarithm without a base is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BareLog {
    /// As the natural one.
    Natural,
    /// To base ten.
    Ten,
}

/// Evaluates at one point.
pub(super) struct Evaluator<'a, 'b> {
    arith: &'a Engine,
    point: &'a Point,
    bare_log: BareLog,
    budget: &'a mut Budget<'b>,
    /// The variables of the sums around.
    bound: Vec<(String, Complex)>,
}

type Answer = Result<Value, Fault>;

impl<'a, 'b> Evaluator<'a, 'b> {
    pub(super) fn new(
        arith: &'a Engine,
        point: &'a Point,
        bare_log: BareLog,
        budget: &'a mut Budget<'b>,
    ) -> Self {
        Self { arith, point, bare_log, budget, bound: Vec::new() }
    }

    fn plane(&self) -> Plane<'a> {
        Plane(self.arith)
    }

    /// The value of `e`. Faults: `Undefined`; `Unclear` where the arithmetic is too coarse;
    /// `Size`; `Spent`.
    pub(super) fn value(&mut self, e: &Expr) -> Answer {
        pay(self.arith, 0, self.budget)?;
        match e {
            Expr::Integer(n) | Expr::Based { value: n, .. } => real(self.arith.integer(n)?),
            Expr::Decimal(d) => real(self.arith.ratio(d.value.numer(), d.value.denom())?),
            Expr::Constant(constant) => self.constant(*constant),
            Expr::Symbol(name) => self.symbol(name),
            Expr::PlusMinus => real(self.plane().small(1)?),
            Expr::Negative(a) => {
                let a = self.value(a)?;
                Ok(self.negate(a))
            }
            Expr::Sum(terms) => self.sum(terms),
            Expr::Product(factors) => self.product(factors),
            Expr::Quotient(a, b) => {
                let over = self.value(a)?;
                let under = self.value(b)?;
                self.divide(over, under)
            }
            Expr::Power(base, exponent) => self.power(base, exponent),
            Expr::Call(function, arguments) => self.call(function, arguments),
        }
    }

    /// The value of `e`, which has to be finite.
    fn finite(&mut self, e: &Expr) -> Result<Complex, Fault> {
        match self.value(e)? {
            Value::Finite(value) => Ok(value),
            Value::Infinite(_) => Err(Fault::Undefined),
        }
    }

    fn symbol(&self, name: &str) -> Answer {
        let bound = self.bound.iter().rev().find(|(bound, _)| bound == name);
        Ok(Value::Finite(match bound {
            Some((_, value)) => value.clone(),
            None => self.point.variable(name, self.arith)?,
        }))
    }

    fn constant(&self, constant: Constant) -> Answer {
        match constant {
            Constant::Pi => real(self.arith.pi()?),
            Constant::E => real(self.arith.e()?),
            Constant::I => Ok(Value::Finite(self.plane().imaginary_unit()?)),
            Constant::Infinity => Ok(Value::Infinite(true)),
            Constant::Degree => {
                real(self.arith.divide(&self.arith.pi()?, &self.plane().small(180)?)?)
            }
        }
    }

    fn negate(&self, a: Value) -> Value {
        match a {
            Value::Finite(a) => Value::Finite(self.plane().negate(&a)),
            Value::Infinite(positive) => Value::Infinite(!positive),
        }
    }

    fn sum(&mut self, terms: &[Expr]) -> Answer {
        let mut total = Value::Finite(Complex::real(self.plane().small(0)?));
        for term in terms {
            total = match (total, self.value(term)?) {
                (Value::Finite(a), Value::Finite(b)) => Value::Finite(self.plane().add(&a, &b)?),
                (Value::Infinite(a), Value::Infinite(b)) if a != b => {
                    return Err(Fault::Undefined);
                }
                (Value::Infinite(a), _) | (_, Value::Infinite(a)) => Value::Infinite(a),
            };
        }
        Ok(total)
    }

    fn product(&mut self, factors: &[Expr]) -> Answer {
        let mut total: Option<Value> = None;
        for factor in factors {
            let factor = self.value(factor)?;
            total = Some(match total {
                None => factor,
                Some(total) => self.multiply(total, factor)?,
            });
        }
        total.map_or_else(|| real(self.plane().small(1)?), Ok)
    }

    fn multiply(&self, a: Value, b: Value) -> Answer {
        match (a, b) {
            (Value::Finite(a), Value::Finite(b)) => {
                Ok(Value::Finite(self.plane().multiply(&a, &b)?))
            }
            (Value::Infinite(a), Value::Infinite(b)) => Ok(Value::Infinite(a == b)),
            (Value::Infinite(a), Value::Finite(b)) | (Value::Finite(b), Value::Infinite(a)) => {
                Ok(Value::Infinite(a == self.is_positive(&b)?))
            }
        }
    }

    fn divide(&self, a: Value, b: Value) -> Answer {
        match (a, b) {
            (Value::Finite(a), Value::Finite(b)) => Ok(Value::Finite(self.plane().divide(&a, &b)?)),
            (Value::Infinite(a), Value::Finite(b)) => {
                Ok(Value::Infinite(a == self.is_positive(&b)?))
            }
            (Value::Finite(_), Value::Infinite(_)) => real(self.plane().small(0)?),
            (Value::Infinite(_), Value::Infinite(_)) => Err(Fault::Undefined),
        }
    }

    /// Whether a number beside an infinite one is positive; `Undefined` unless it is real and
    /// not zero.
    fn is_positive(&self, a: &Complex) -> Result<bool, Fault> {
        if a.im.is_some() {
            return Err(Fault::Undefined);
        }
        match self.sign(a)? {
            Ordering::Equal => Err(Fault::Undefined),
            sign => Ok(sign.is_gt()),
        }
    }

    fn sign(&self, a: &Complex) -> Result<Ordering, Fault> {
        super::arith::decided_sign(self.arith, &a.re)
    }

    fn power(&mut self, base: &Expr, exponent: &Expr) -> Answer {
        if *base == Expr::Constant(Constant::E) {
            return self.call(&Function::Exp, std::slice::from_ref(exponent));
        }
        let base = self.value(base)?;
        match exact::value(exponent, self.budget) {
            Ok(exponent) => return self.rational_power(base, exponent),
            Err(fault @ Fault::Spent(_)) => return Err(fault),
            Err(_) => {}
        }
        let exponent = self.value(exponent)?;
        let (base, exponent) = match (base, exponent) {
            (Value::Finite(base), Value::Finite(exponent)) => (base, exponent),
            (base, exponent) => return self.infinite_power(base, exponent),
        };
        if exponent.im.is_none()
            && let Some(n) = self.arith.exact_integer(&exponent.re)
        {
            return self.integral_power(&base, &n);
        }
        Ok(Value::Finite(self.general_power(&base, &exponent)?))
    }

    /// A power with a rational exponent.
    fn rational_power(&mut self, base: Value, exponent: Fraction) -> Answer {
        let base = match base {
            Value::Finite(base) => base,
            Value::Infinite(true) if exponent.is_negative() => return real(self.plane().small(0)?),
            Value::Infinite(true) if !exponent.is_zero() => return Ok(Value::Infinite(true)),
            Value::Infinite(_) => return Err(Fault::Undefined),
        };
        if let Some(n) = exponent.to_integer() {
            return self.integral_power(&base, &n);
        }
        if self.plane().is_zero(&base)? {
            if exponent.is_negative() {
                return Err(Fault::Undefined);
            }
            return Ok(Value::Finite(base));
        }
        let (n, d) = exponent.reduced(self.budget)?.into_raw();
        pay(self.arith, 2, self.budget)?;
        if d == BigInt::from(2) {
            let root = self.square_root(&base)?;
            return self.integral_power(&root, &n);
        }
        if base.im.is_none() && self.sign(&base)?.is_lt() {
            if d.bit(0) {
                let size = self.plane().negate(&base);
                let power = self.general_power(&size, &self.ratio(&n, &d)?)?;
                let odd = n.bit(0);
                return Ok(Value::Finite(if odd { self.plane().negate(&power) } else { power }));
            }
            if self.point.strict {
                return Err(Fault::Undefined);
            }
        }
        Ok(Value::Finite(self.general_power(&base, &self.ratio(&n, &d)?)?))
    }

    fn ratio(&self, n: &BigInt, d: &BigInt) -> Result<Complex, Fault> {
        Ok(Complex::real(self.arith.ratio(n, d)?))
    }

    fn square_root(&self, a: &Complex) -> Result<Complex, Fault> {
        if self.point.strict && self.arith.sign(&a.re) == Some(Ordering::Less) {
            return Err(Fault::Undefined);
        }
        self.plane().sqrt(a)
    }

    fn integral_power(&mut self, base: &Complex, n: &BigInt) -> Answer {
        if n.is_zero() && self.plane().is_zero(base)? {
            return Err(Fault::Undefined);
        }
        let size = n.magnitude().to_u64().filter(|&size| size < 1 << 40).ok_or(Fault::Size)?;
        self.budget.spend(64 - size.leading_zeros())?;
        let power = self.plane().power(base, size)?;
        if n.is_negative() {
            return Ok(Value::Finite(self.plane().divide(&self.plane().one()?, &power)?));
        }
        Ok(Value::Finite(power))
    }

    /// `e^{exponent ln base}`.
    fn general_power(&mut self, base: &Complex, exponent: &Complex) -> Result<Complex, Fault> {
        pay(self.arith, 2, self.budget)?;
        if self.plane().is_zero(base)? {
            let positive = self.sign(exponent)?.is_gt();
            return if positive { Ok(base.clone()) } else { Err(Fault::Undefined) };
        }
        if self.point.strict && self.sign(base)?.is_lt() {
            return Err(Fault::Undefined);
        }
        let ln = self.plane().ln(base)?;
        self.plane().exp(&self.plane().multiply(exponent, &ln)?)
    }

    /// Powers in which infinity takes part, where the base is positive.
    fn infinite_power(&self, base: Value, exponent: Value) -> Answer {
        let grows = match (base, exponent) {
            (Value::Infinite(true), Value::Finite(x)) => self.is_positive(&x)?,
            (Value::Infinite(true), Value::Infinite(up)) => up,
            (Value::Finite(base), Value::Infinite(up)) if self.is_positive(&base)? => {
                let above = self.plane().subtract(&base, &self.plane().one()?)?;
                self.is_positive(&above)? == up
            }
            _ => return Err(Fault::Undefined),
        };
        if grows { Ok(Value::Infinite(true)) } else { real(self.plane().small(0)?) }
    }
}

fn real(value: Real) -> Result<Value, Fault> {
    Ok(Value::Finite(Complex::real(value)))
}
