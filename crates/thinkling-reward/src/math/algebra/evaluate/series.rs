//! Sums and products: term by term, and sums without end that fall off like a geometric one.

use num_bigint::BigInt;
use num_traits::{One, ToPrimitive};

use super::{Answer, Evaluator, Value};
use crate::math::algebra::Fault;
use crate::math::algebra::binder::Series;
use crate::math::algebra::complex::Complex;

/// Terms of a sum at most.
const MAX_TERMS: u32 = 4_000;
/// Terms after which a sum without end has to fall off.
const PATIENCE: u32 = 60;
/// Bits that a term has to be smaller than the one before, on the average.
const FALL: f64 = 0.3;

impl Evaluator<'_, '_> {
    /// The value of a sum or a product; `Unknown` for one without end that cannot be summed here.
    pub(super) fn series(&mut self, series: &Series<'_>) -> Answer {
        let lower = self.integer(series.lower)?;
        let upper = match self.value(series.upper)? {
            Value::Infinite(true) if !series.product => return self.endless(series, lower),
            Value::Infinite(_) => return Err(Fault::Unknown),
            Value::Finite(_) => self.integer(series.upper)?,
        };
        let count: BigInt = &upper - &lower + 1i32;
        let count = match count.to_i64() {
            Some(count) if count < 0 => return Err(Fault::Undefined),
            Some(count) if count <= MAX_TERMS.into() => count,
            _ => return Err(Fault::Size),
        };
        let plane = self.plane();
        let mut total = if series.product { plane.one()? } else { Complex::real(plane.small(0)?) };
        let mut n = lower;
        for _ in 0..count {
            let term = self.term(series, &n)?;
            total = if series.product {
                plane.multiply(&total, &term)?
            } else {
                plane.add(&total, &term)?
            };
            n += BigInt::one();
        }
        Ok(Value::Finite(total))
    }

    fn term(&mut self, series: &Series<'_>, n: &BigInt) -> Result<Complex, Fault> {
        let n = Complex::real(self.arith.integer(n)?);
        self.bound.push((series.variable.to_owned(), n));
        let term = self.finite(series.body);
        self.bound.pop();
        term
    }

    /// A sum without end, taken until its terms are nothing beside it.
    fn endless(&mut self, series: &Series<'_>, mut n: BigInt) -> Answer {
        let plane = self.plane();
        let mut total = Complex::real(plane.small(0)?);
        let mut largest = f64::NEG_INFINITY;
        let mut settled = 0;
        for index in 0..MAX_TERMS {
            let term = self.term(series, &n)?;
            n += BigInt::one();
            total = plane.add(&total, &term)?;
            let size = self.arith.height(&plane.abs(&term)?);
            largest = largest.max(size);
            if size == f64::NEG_INFINITY {
                // Every other term may be zero.
                continue;
            }
            let fallen = largest - size;
            if index > PATIENCE && fallen < f64::from(index - PATIENCE) * FALL {
                break;
            }
            let sum = self.arith.height(&plane.abs(&total)?);
            settled = if size < sum - self.arith.precision() - 8.0 { settled + 1 } else { 0 };
            if settled >= 4 {
                // What follows is less than ten times the last term, or a thousand for safety.
                let off = size + 10.0;
                let re = self.arith.widen(&total.re, off)?;
                let im = total.im.map(|im| self.arith.widen(&im, off)).transpose()?;
                return Ok(Value::Finite(Complex { re, im }));
            }
        }
        Err(Fault::Unknown)
    }
}
