//! Balls around machine numbers: quick, and enough to tell apart what differs visibly.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};

use super::Fault;

/// Half a unit in the last place, relative.
const ROUNDING: f64 = f64::EPSILON / 2.0;
/// Relative error of a library function, generously.
const LIBRARY: f64 = f64::EPSILON * 4.0;
/// Largest size of a value, and inverse of the smallest, far from overflow.
const LARGEST: f64 = 1e150;
/// Integers up to here are exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A machine number and a bound on its error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near {
    value: f64,
    radius: f64,
}

/// Arithmetic on machine numbers.
pub(super) struct Double;

/// A ball, `Unclear` where a machine number cannot hold it.
fn near(value: f64, radius: f64) -> Result<Near, Fault> {
    // The radius is computed with rounding itself.
    let radius = radius * (1.0 + 8.0 * f64::EPSILON);
    let size = value.abs();
    if size <= LARGEST && radius <= LARGEST && (size >= 1.0 / LARGEST || value == 0.0) {
        Ok(Near { value, radius })
    } else {
        Err(Fault::Unclear)
    }
}

fn whole(a: Near) -> bool {
    a.radius == 0.0 && a.value.abs() <= EXACT && a.value.fract() == 0.0
}

impl Near {
    fn least(self) -> f64 {
        (self.value.abs() - self.radius) * (1.0 - 4.0 * f64::EPSILON)
    }

    pub(super) fn negate(&self) -> Self {
        Self { value: -self.value, radius: self.radius }
    }

    pub(super) fn sign(&self) -> Option<Ordering> {
        if self.value.abs() > self.radius {
            self.value.partial_cmp(&0.0)
        } else {
            (self.value == 0.0 && self.radius == 0.0).then_some(Ordering::Equal)
        }
    }

    pub(super) fn exact_integer(&self) -> Option<BigInt> {
        if whole(*self) { BigInt::from_f64(self.value) } else { None }
    }

    pub(super) fn floors(&self) -> Result<(BigInt, BigInt), Fault> {
        let floor = |v: f64| BigInt::from_f64(v.floor()).ok_or(Fault::Unclear);
        Ok((floor(self.value - self.radius)?, floor(self.value + self.radius)?))
    }

    pub(super) fn digest(&self) -> Option<u64> {
        // 24 bits are rounded away more coarsely than any honest radius.
        let coarse = |v: f64| ((v.to_bits() >> 23) + 1) >> 1;
        if self.value.abs() <= self.radius || self.value == 0.0 {
            return (self.radius < 1e-12).then_some(0);
        }
        let (low, high) = (coarse(self.value - self.radius), coarse(self.value + self.radius));
        (low == high).then_some(low)
    }

    pub(super) fn height(&self) -> f64 {
        self.value.abs().log2()
    }

    pub(super) fn widen(&self, off: f64) -> Result<Near, Fault> {
        near(self.value, self.radius + off.exp2())
    }

    pub(super) fn negligible<'a>(&self, scale: impl Iterator<Item = &'a Near>) -> bool {
        let scale = scale.fold(0.0, |most: f64, s| most.max(s.value.abs()));
        self.value.abs() + self.radius <= scale * 1e-6
    }
}

impl Double {
    pub(super) fn integer(&self, n: &BigInt) -> Result<Near, Fault> {
        let value = n.to_f64().ok_or(Fault::Unclear)?;
        near(value, if n.bits() <= 53 { 0.0 } else { value.abs() * f64::EPSILON })
    }

    pub(super) fn ratio(&self, n: &BigInt, d: &BigInt) -> Result<Near, Fault> {
        self.divide(&self.integer(n)?, &self.integer(d)?)
    }

    pub(super) fn dyadic(&self, value: f64) -> Result<Near, Fault> {
        near(value, 0.0)
    }

    pub(super) fn pi(&self) -> Result<Near, Fault> {
        near(std::f64::consts::PI, 1.3e-16)
    }

    pub(super) fn e(&self) -> Result<Near, Fault> {
        near(std::f64::consts::E, 1.5e-16)
    }

    pub(super) fn add(&self, a: &Near, b: &Near) -> Result<Near, Fault> {
        let sum = a.value + b.value;
        // What the rounding of the sum lost (Knuth).
        let part = sum - a.value;
        let lost = (a.value - (sum - part)) + (b.value - part);
        near(sum, a.radius + b.radius + lost.abs())
    }

    pub(super) fn multiply(&self, a: &Near, b: &Near) -> Result<Near, Fault> {
        let product = a.value * b.value;
        if (whole(*a) && whole(*b) && product.abs() <= EXACT) || product == 0.0 {
            let radius = a.radius * b.value.abs() + b.radius * a.value.abs();
            return near(product, radius + a.radius * b.radius);
        }
        let radius = a.radius * b.value.abs() + b.radius * a.value.abs() + a.radius * b.radius;
        near(product, radius + product.abs() * ROUNDING)
    }

    pub(super) fn divide(&self, a: &Near, b: &Near) -> Result<Near, Fault> {
        let least = b.least();
        if least <= 0.0 {
            return Err(Fault::Unclear);
        }
        let quotient = a.value / b.value;
        if whole(*a) && whole(*b) && a.value % b.value == 0.0 {
            return near(quotient, 0.0);
        }
        let radius = (a.radius + quotient.abs() * b.radius) / least;
        near(quotient, radius + quotient.abs() * ROUNDING)
    }

    pub(super) fn sqrt(&self, a: &Near) -> Result<Near, Fault> {
        let least = a.least();
        if least <= 0.0 {
            // The ball holds zero.
            return near(0.0, ((a.value.abs() + a.radius) * 2.0).sqrt());
        }
        let root = a.value.sqrt();
        if whole(*a) && root.fract() == 0.0 && root * root == a.value {
            return near(root, 0.0);
        }
        near(root, a.radius / least.sqrt() + root * f64::EPSILON)
    }

    pub(super) fn exp(&self, a: &Near) -> Result<Near, Fault> {
        if a.value == 0.0 && a.radius == 0.0 {
            return near(1.0, 0.0);
        }
        if a.radius > 0.5 {
            return Err(Fault::Unclear);
        }
        let power = a.value.exp();
        near(power, power * (a.radius * 2.0 + LIBRARY))
    }

    pub(super) fn ln(&self, a: &Near) -> Result<Near, Fault> {
        let least = a.least();
        if least <= 0.0 {
            return Err(Fault::Unclear);
        }
        let ln = a.value.ln();
        near(ln, a.radius / least + ln.abs() * LIBRARY)
    }

    pub(super) fn sin_cos(&self, a: &Near) -> Result<(Near, Near), Fault> {
        if a.value == 0.0 && a.radius == 0.0 {
            return Ok((near(0.0, 0.0)?, near(1.0, 0.0)?));
        }
        if a.value.abs() > 1e9 {
            return Err(Fault::Unclear);
        }
        let (sin, cos) = (a.value.sin(), a.value.cos());
        Ok((near(sin, a.radius + LIBRARY)?, near(cos, a.radius + LIBRARY)?))
    }

    pub(super) fn atan2(&self, y: &Near, x: &Near) -> Result<Near, Fault> {
        if y.value == 0.0 && y.radius == 0.0 && x.least() > 0.0 && x.value > 0.0 {
            return near(0.0, 0.0);
        }
        if x.value < 0.0 && y.least() <= 0.0 && y.radius > 0.0 {
            // It may lie on either side of the cut.
            return Err(Fault::Unclear);
        }
        let distance = x.least().max(y.least());
        if distance <= 0.0 {
            return Err(Fault::Unclear);
        }
        let angle = y.value.atan2(x.value);
        near(angle, (x.radius + y.radius) / distance + angle.abs() * LIBRARY)
    }
}
