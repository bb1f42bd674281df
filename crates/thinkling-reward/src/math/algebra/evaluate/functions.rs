//! The functions.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_traits::Signed;

use super::super::arith::{decided_floor, decided_integer};
use super::super::seed::Seed;
use super::{Answer, BareLog, Evaluator, Value, real};
use crate::math::algebra::Fault;
use crate::math::algebra::arith::pay;
use crate::math::algebra::binder;
use crate::math::algebra::complex::Complex;
use crate::math::algebra::exact;
use crate::math::algebra::fraction::Fraction;
use crate::math::expr::{Expr, Function};

type Number = Result<Complex, Fault>;

impl Evaluator<'_, '_> {
    pub(super) fn call(&mut self, function: &Function, arguments: &[Expr]) -> Answer {
        use Function as F;
        let functions = match function {
            F::Named(_) | F::Abs | F::Floor | F::Ceil | F::Factorial | F::Binomial => 0,
            F::Gcd | F::Lcm | F::Min | F::Max | F::Mod | F::Re | F::Im | F::Conjugate => 0,
            F::Arcsin | F::Arccos | F::Arctan | F::Arccot | F::Arcsec | F::Arccsc => 2,
            F::Sinh | F::Cosh | F::Tanh | F::Arsinh | F::Arcosh | F::Artanh | F::Log => 2,
            _ => 1,
        };
        pay(self.arith, functions, self.budget)?;
        // The arms are functions of their own, so that a level of the tree takes little stack.
        match (function, arguments) {
            (F::Named(_), _) => self.named(function, arguments),
            (F::Root, [a, n]) => self.root(a, n),
            (F::Abs | F::Exp | F::Ln | F::Arctan, [a]) => self.extended(function, a),
            (F::Binomial, [n, k]) => self.binomial(n, k),
            (F::Gcd | F::Lcm, [_, ..]) => self.divisors(function, arguments),
            (F::Min | F::Max, [_, ..]) => self.extreme(function, arguments),
            (F::Mod, [a, m]) => self.modulo(a, m),
            (F::Log, [a, b]) => self.log_to_base(a, b),
            (_, [a]) => self.plain(function, a),
            _ => Err(Fault::Undefined),
        }
    }

    fn plain(&mut self, function: &Function, a: &Expr) -> Answer {
        let a = self.finite(a)?;
        Ok(Value::Finite(self.unary(function, &a)?))
    }

    /// The functions that have a value at infinity.
    fn extended(&mut self, function: &Function, a: &Expr) -> Answer {
        let positive = match self.value(a)? {
            Value::Finite(a) => return Ok(Value::Finite(self.unary(function, &a)?)),
            Value::Infinite(positive) => positive,
        };
        match (function, positive) {
            (Function::Abs, _) | (Function::Exp | Function::Ln, true) => Ok(Value::Infinite(true)),
            (Function::Exp, false) => real(self.plane().small(0)?),
            (Function::Arctan, _) => {
                let two = self.plane().small(if positive { 2 } else { -2 })?;
                real(self.arith.divide(&self.arith.pi()?, &two)?)
            }
            _ => Err(Fault::Undefined),
        }
    }

    fn binomial(&mut self, n: &Expr, k: &Expr) -> Answer {
        let (n, k) = (self.integer(n)?, self.integer(k)?);
        real(self.arith.integer(&exact::binomial(&n, &k, self.budget)?)?)
    }

    fn log_to_base(&mut self, a: &Expr, base: &Expr) -> Answer {
        let (a, base) = (self.finite(a)?, self.finite(base)?);
        let (over, under) = (self.logarithm(&a)?, self.logarithm(&base)?);
        Ok(Value::Finite(self.plane().divide(&over, &under)?))
    }

    fn named(&mut self, function: &Function, arguments: &[Expr]) -> Answer {
        if let Some(series) = binder::series(function, arguments) {
            match self.series(&series) {
                // A finer arithmetic gives it another value of its own.
                Err(Fault::Unknown) if self.arith.precision() < 64.0 => {
                    return Err(Fault::Unclear);
                }
                Err(Fault::Unknown) => {}
                value => return value,
            }
        }
        self.opaque(function, arguments)
    }

    /// A value of its own, from the name and the values of the arguments.
    fn opaque(&mut self, function: &Function, arguments: &[Expr]) -> Answer {
        let mut seed = Seed::new("opaque").debug(function).number(self.point.index.into());
        for argument in arguments {
            seed = match self.value(argument)? {
                Value::Infinite(positive) => seed.number(2 + u64::from(positive)),
                Value::Finite(value) => {
                    let im = self.plane().im(&value)?;
                    let part = |part| self.arith.digest(part).ok_or(Fault::Unclear);
                    seed.number(part(&value.re)?).number(part(&im)?)
                }
            };
        }
        Ok(Value::Finite(self.point.opaque(seed, self.arith)?))
    }

    pub(super) fn integer(&mut self, e: &Expr) -> Result<BigInt, Fault> {
        let value = self.finite(e)?;
        if value.im.is_some() {
            return Err(Fault::Undefined);
        }
        decided_integer(self.arith, &value.re)
    }

    fn root(&mut self, a: &Expr, n: &Expr) -> Answer {
        let base = self.value(a)?;
        match exact::value(n, self.budget) {
            Ok(degree) => {
                let exponent = degree.invert()?;
                self.rational_power(base, exponent)
            }
            Err(fault @ Fault::Spent(_)) => Err(fault),
            Err(_) => {
                let Value::Finite(base) = base else { return Err(Fault::Undefined) };
                let n = self.finite(n)?;
                let exponent = self.plane().divide(&self.plane().one()?, &n)?;
                Ok(Value::Finite(self.general_power(&base, &exponent)?))
            }
        }
    }

    fn divisors(&mut self, function: &Function, arguments: &[Expr]) -> Answer {
        let mut total = Fraction::Small(0, 1);
        for (index, argument) in arguments.iter().enumerate() {
            let n = Fraction::integer(&self.integer(argument)?.abs());
            let multiple = *function == Function::Lcm;
            total = if index == 0 { n } else { total.common(&n, multiple, self.budget)? };
        }
        real(self.arith.ratio(&total.numerator(), &total.denominator())?)
    }

    fn extreme(&mut self, function: &Function, arguments: &[Expr]) -> Answer {
        let mut best: Option<Complex> = None;
        for argument in arguments {
            let next = self.finite(argument)?;
            if next.im.is_some() {
                return Err(Fault::Undefined);
            }
            best = Some(match best {
                None => next,
                Some(best) => {
                    let above = self.sign(&self.plane().subtract(&next, &best)?)?;
                    let wanted =
                        if *function == Function::Max { Ordering::Greater } else { Ordering::Less };
                    if above == wanted { next } else { best }
                }
            });
        }
        best.map(Value::Finite).ok_or(Fault::Undefined)
    }

    /// `a - m floor(a / m)`.
    fn modulo(&mut self, a: &Expr, m: &Expr) -> Answer {
        let (a, m) = (self.finite(a)?, self.finite(m)?);
        let quotient = self.plane().divide(&a, &m)?;
        let floor = self.floor(&quotient)?;
        Ok(Value::Finite(self.plane().subtract(&a, &self.plane().multiply(&m, &floor)?)?))
    }

    fn floor(&self, a: &Complex) -> Number {
        if a.im.is_some() {
            return Err(Fault::Undefined);
        }
        Ok(Complex::real(self.arith.integer(&decided_floor(self.arith, &a.re)?)?))
    }

    /// The natural logarithm; at a strict point only of what is positive.
    fn logarithm(&self, a: &Complex) -> Number {
        if self.point.strict && !self.sign(a)?.is_gt() {
            return Err(Fault::Undefined);
        }
        self.plane().ln(a)
    }

    fn unary(&mut self, function: &Function, z: &Complex) -> Number {
        use Function as F;
        let plane = self.plane();
        match function {
            F::Abs => Ok(Complex::real(plane.abs(z)?)),
            F::Floor => self.floor(z),
            F::Ceil => Ok(plane.negate(&self.floor(&plane.negate(z))?)),
            F::Factorial => {
                if z.im.is_some() {
                    return Err(Fault::Undefined);
                }
                let n = decided_integer(self.arith, &z.re)?;
                let product = exact::factorial(&n, self.budget)?;
                Ok(Complex::real(self.arith.integer(&product)?))
            }
            F::Exp => plane.exp(z),
            F::Ln => self.logarithm(z),
            F::Log => {
                let ln = self.logarithm(z)?;
                match self.bare_log {
                    BareLog::Natural => Ok(ln),
                    BareLog::Ten => {
                        plane.divide(&ln, &Complex::real(self.arith.ln(&plane.small(10)?)?))
                    }
                }
            }
            F::Re => Ok(Complex::real(z.re.clone())),
            F::Im => Ok(Complex::real(plane.im(z)?)),
            F::Conjugate => Ok(plane.conjugate(z)),
            F::Sin | F::Cos | F::Tan | F::Cot | F::Sec | F::Csc => self.circular(function, z),
            F::Sinh | F::Cosh | F::Tanh => {
                let (cosh, sinh) = plane.hyperbolic(z)?;
                match function {
                    F::Sinh => Ok(sinh),
                    F::Cosh => Ok(cosh),
                    _ => plane.divide(&sinh, &cosh),
                }
            }
            F::Arsinh | F::Arcosh | F::Artanh => self.area(function, z),
            F::Arcsec | F::Arccsc => {
                let inverse = plane.divide(&plane.one()?, z)?;
                self.arc(if *function == F::Arcsec { &F::Arccos } else { &F::Arcsin }, &inverse)
            }
            F::Arcsin | F::Arccos | F::Arctan | F::Arccot => self.arc(function, z),
            _ => Err(Fault::Undefined),
        }
    }

    fn circular(&self, function: &Function, z: &Complex) -> Number {
        use Function as F;
        let plane = self.plane();
        let (sin, cos) = plane.circular(z)?;
        match function {
            F::Sin => Ok(sin),
            F::Cos => Ok(cos),
            F::Tan => plane.divide(&sin, &cos),
            F::Cot => plane.divide(&cos, &sin),
            F::Sec => plane.divide(&plane.one()?, &cos),
            _ => plane.divide(&plane.one()?, &sin),
        }
    }

    /// The inverse circular functions; the range of arccot is from 0 to pi.
    fn arc(&mut self, function: &Function, z: &Complex) -> Number {
        use Function as F;
        let plane = self.plane();
        let one = plane.one()?;
        if z.im.is_some() {
            return self.complex_arc(function, z);
        }
        match function {
            F::Arctan => return Ok(Complex::real(self.arith.atan2(&z.re, &one.re)?)),
            F::Arccot => return Ok(Complex::real(self.arith.atan2(&one.re, &z.re)?)),
            _ => {}
        }
        let square = plane.subtract(&one, &plane.multiply(z, z)?)?;
        if self.arith.sign(&square.re) == Some(Ordering::Less) {
            return self.complex_arc(function, z);
        }
        let leg = self.arith.sqrt(&square.re)?;
        Ok(Complex::real(match function {
            F::Arcsin => self.arith.atan2(&z.re, &leg)?,
            _ => self.arith.atan2(&leg, &z.re)?,
        }))
    }

    /// By logarithms: `arcsin z = -i ln(i z + sqrt(1 - z^2))`,
    /// `arctan z = i/2 (ln(1 - i z) - ln(1 + i z))`.
    fn complex_arc(&mut self, function: &Function, z: &Complex) -> Number {
        use Function as F;
        if self.point.strict {
            return Err(Fault::Undefined);
        }
        pay(self.arith, 2, self.budget)?;
        let plane = self.plane();
        let (one, i) = (plane.one()?, plane.imaginary_unit()?);
        let iz = plane.multiply(&i, z)?;
        let two = Complex::real(plane.small(2)?);
        let quarter = Complex::real(self.arith.divide(&self.arith.pi()?, &two.re)?);
        let arc = if matches!(function, F::Arctan | F::Arccot) {
            let below = plane.ln(&plane.subtract(&one, &iz)?)?;
            let above = plane.ln(&plane.add(&one, &iz)?)?;
            let turned = plane.multiply(&i, &plane.subtract(&below, &above)?)?;
            plane.divide(&turned, &two)?
        } else {
            let square = plane.subtract(&one, &plane.multiply(z, z)?)?;
            let ln = plane.ln(&plane.add(&iz, &plane.sqrt(&square)?)?)?;
            plane.negate(&plane.multiply(&i, &ln)?)
        };
        match function {
            F::Arctan | F::Arcsin => Ok(arc),
            _ => plane.subtract(&quarter, &arc),
        }
    }

    /// The inverse hyperbolic functions, by logarithms.
    fn area(&mut self, function: &Function, z: &Complex) -> Number {
        use Function as F;
        pay(self.arith, 2, self.budget)?;
        let plane = self.plane();
        let one = plane.one()?;
        if *function == F::Artanh {
            let ratio = plane.divide(&plane.add(&one, z)?, &plane.subtract(&one, z)?)?;
            let ln = self.logarithm(&ratio)?;
            return plane.divide(&ln, &Complex::real(plane.small(2)?));
        }
        let square = plane.multiply(z, z)?;
        let root = if *function == F::Arsinh {
            self.square_root(&plane.add(&square, &one)?)?
        } else {
            // sqrt(z - 1) sqrt(z + 1) has the principal branch.
            let below = self.square_root(&plane.subtract(z, &one)?)?;
            plane.multiply(&below, &self.square_root(&plane.add(z, &one)?)?)?
        };
        self.logarithm(&plane.add(z, &root)?)
    }
}
