//! The operations on balls.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::{Ball, EXACT, Multi, fixed, float, head, join, scale, signed};
use crate::math::algebra::Fault;
use crate::math::algebra::seed::Seed;

/// Bits of a digest.
const DIGEST_BITS: u64 = 100;

impl Multi {
    pub(in crate::math::algebra) fn operation_cost(&self) -> u32 {
        u32::try_from(2 + self.bits * self.bits / 600_000).unwrap_or(u32::MAX)
    }

    pub(in crate::math::algebra) fn function_cost(&self) -> u32 {
        u32::try_from(50 + self.bits * self.bits / 4_000).unwrap_or(u32::MAX)
    }

    pub(in crate::math::algebra) fn integer(&self, n: &BigInt) -> Result<Ball, Fault> {
        self.ball(n.clone(), 0, EXACT)
    }

    pub(in crate::math::algebra) fn ratio(&self, n: &BigInt, d: &BigInt) -> Result<Ball, Fault> {
        self.divide(&self.integer(n)?, &self.integer(d)?)
    }

    pub(in crate::math::algebra) fn dyadic(&self, value: f64) -> Result<Ball, Fault> {
        let scaled = (value * (60f64).exp2()).to_i64().ok_or(Fault::Size)?;
        self.ball(scaled.into(), -60, EXACT)
    }

    pub(in crate::math::algebra) fn pi(&self) -> Result<Ball, Fault> {
        let bits = self.guarded();
        self.settle(fixed::pi(bits)?, bits, EXACT)
    }

    pub(in crate::math::algebra) fn e(&self) -> Result<Ball, Fault> {
        let bits = self.guarded();
        self.settle(fixed::e(bits)?, bits, EXACT)
    }

    pub(in crate::math::algebra) fn add(&self, a: &Ball, b: &Ball) -> Result<Ball, Fault> {
        let radius = join(a.radius, b.radius);
        let (high, low) = if a.height() >= b.height() { (a, b) } else { (b, a) };
        if low.mantissa.is_zero() {
            return Ok(Ball { radius, ..high.clone() });
        }
        if high.top() > low.top() + signed(self.bits) + 8 {
            return Ok(Ball { radius: join(radius, low.height()), ..high.clone() });
        }
        let exponent = a.exponent.min(b.exponent);
        let left = scale(&a.mantissa, a.exponent - exponent);
        let right = scale(&b.mantissa, b.exponent - exponent);
        self.ball(left + right, exponent, radius)
    }

    pub(in crate::math::algebra) fn multiply(&self, a: &Ball, b: &Ball) -> Result<Ball, Fault> {
        let size = join(b.height(), b.radius);
        let radius = join(a.radius + size, b.radius + a.height());
        self.ball(&a.mantissa * &b.mantissa, a.exponent + b.exponent, radius)
    }

    pub(in crate::math::algebra) fn divide(&self, a: &Ball, b: &Ball) -> Result<Ball, Fault> {
        if !b.is_apart() {
            return Err(Fault::Unclear);
        }
        if a.is_exact_zero() {
            return Ok(Ball::zero());
        }
        let more = signed(self.bits + b.mantissa.bits() + 2) - signed(a.mantissa.bits());
        let more = more.max(0);
        let over = scale(&a.mantissa, more);
        let quotient = &over / &b.mantissa;
        let exponent = a.exponent - b.exponent - more;
        let exact = &quotient * &b.mantissa == over;
        // (|da| + |a / b| |db|) / |b - db|
        let mut radius = join(a.radius, a.height() - b.height() + 1e-8 + b.radius) - b.least();
        if !exact {
            radius = join(radius, float(exponent));
        }
        self.ball(quotient, exponent, radius)
    }

    pub(in crate::math::algebra) fn sqrt(&self, a: &Ball) -> Result<Ball, Fault> {
        if a.is_exact_zero() {
            return Ok(Ball::zero());
        }
        if a.mantissa.is_negative() || !a.is_apart() {
            let most = join(a.radius, a.height());
            return Ok(Ball { radius: most / 2.0 + 0.5, ..Ball::zero() });
        }
        let mut more = (signed(2 * self.bits + 2) - signed(a.mantissa.bits())).max(0);
        if (a.exponent - more) % 2 != 0 {
            more += 1;
        }
        let square = scale(&a.mantissa, more);
        let root = square.sqrt();
        let exponent = (a.exponent - more) / 2;
        let mut radius = a.radius - a.least() / 2.0 - 1.0;
        if &root * &root != square {
            radius = join(radius, float(exponent));
        }
        self.ball(root, exponent, radius)
    }

    pub(in crate::math::algebra) fn exp(&self, a: &Ball) -> Result<Ball, Fault> {
        if a.is_exact_zero() {
            return self.integer(&BigInt::one());
        }
        if a.radius > -1.0 {
            return Err(Fault::Unclear);
        }
        let top = a.top().max(0);
        if top > 38 {
            return Err(Fault::Size);
        }
        let bits = self.guarded() + top;
        let (power, twos) = fixed::exp(&a.fixed(bits), bits)?;
        let mut power = self.ball(power, twos - bits, float(8 + top - bits + twos))?;
        // e^r - 1 is about r.
        let slope = if a.radius < -30.0 { 1e-8 } else { 0.7 };
        power.radius = join(power.radius, a.radius + power.height() + slope);
        Ok(power)
    }

    pub(in crate::math::algebra) fn ln(&self, a: &Ball) -> Result<Ball, Fault> {
        if !a.is_apart() {
            return Err(Fault::Unclear);
        }
        // a = f 2^twos with f around 1
        let mut twos = a.top();
        if head(&a.mantissa) < 1.5 {
            twos -= 1;
        }
        let distance = a.fixed(signed(self.bits) * 2 - twos) - (BigInt::one() << (2 * self.bits));
        if twos == 0 && a.radius == EXACT && distance.is_zero() {
            return Ok(Ball::zero());
        }
        let depth = if twos == 0 { 2 * signed(self.bits) - signed(distance.bits()) } else { 0 };
        let bits = self.guarded() + self.deeper(depth) + 40;
        // Powers of two are below 2^41, and so are the units that their logarithm is off.
        let ln = fixed::ln(&a.fixed(bits - twos), twos, bits)?;
        self.ball(ln, -bits, join(a.radius - a.least(), float(48 - bits)))
    }

    pub(in crate::math::algebra) fn sin_cos(&self, a: &Ball) -> Result<(Ball, Ball), Fault> {
        if a.is_exact_zero() {
            return Ok((Ball::zero(), self.integer(&BigInt::one())?));
        }
        let top = a.top();
        if top > 1_000 {
            return Err(Fault::Size);
        }
        let bits = self.guarded() + if top > 0 { top } else { self.deeper(-top) };
        let (sin, cos) = fixed::sin_cos(&a.fixed(bits), bits)?;
        let off = join(a.radius, float(8 + top.max(0) - bits));
        Ok((self.ball(sin, -bits, off)?, self.ball(cos, -bits, off)?))
    }

    pub(in crate::math::algebra) fn atan2(&self, y: &Ball, x: &Ball) -> Result<Ball, Fault> {
        if y.is_exact_zero() && x.mantissa.is_positive() && x.is_apart() {
            return Ok(Ball::zero());
        }
        if !(x.is_apart() || y.is_apart()) {
            return Err(Fault::Unclear);
        }
        let mut y = y.clone();
        if self.sign(&y).is_none() && !(x.mantissa.is_positive() && x.is_apart()) {
            if !self.last {
                return Err(Fault::Unclear);
            }
            y = Ball::zero();
        }
        let larger = if x.height() >= y.height() { x } else { &y };
        let top = larger.top();
        let depth =
            if y.mantissa.is_zero() || x.mantissa.is_negative() { 0 } else { top - y.top() };
        let bits = self.guarded() + self.deeper(depth);
        let angle = fixed::atan2(&y.fixed(bits - top), &x.fixed(bits - top), bits)?;
        self.settle(angle, bits, join(x.radius, y.radius) - larger.least())
    }

    pub(in crate::math::algebra) fn sign(&self, a: &Ball) -> Option<Ordering> {
        if a.radius == EXACT || a.radius < a.height() - 1.0 {
            Some(a.mantissa.sign().cmp(&Sign::NoSign))
        } else {
            None
        }
    }

    pub(in crate::math::algebra) fn exact_integer(&self, a: &Ball) -> Option<BigInt> {
        if a.radius != EXACT || a.top() > signed(self.bits) * 64 {
            return None;
        }
        let fits = match a.mantissa.trailing_zeros() {
            None => true,
            Some(zeros) => a.exponent >= -signed(zeros),
        };
        fits.then(|| a.fixed(0))
    }

    pub(in crate::math::algebra) fn floors(&self, a: &Ball) -> Result<(BigInt, BigInt), Fault> {
        if a.top() > signed(self.bits) * 64 {
            return Err(Fault::Size);
        }
        if a.radius == EXACT {
            let floor = a.fixed(0);
            return Ok((floor.clone(), floor));
        }
        let bits = 4 * signed(self.bits);
        let radius = a.radius.ceil().max(float(-bits));
        if radius > 64.0 {
            return Err(Fault::Unclear);
        }
        let radius = BigInt::one() << (bits + radius.to_i64().unwrap_or(0)).unsigned_abs();
        let centre = a.fixed(bits);
        Ok((scale(&(&centre - &radius - 1), -bits), scale(&(centre + radius + 1), -bits)))
    }

    pub(in crate::math::algebra) fn digest(&self, a: &Ball) -> Option<u64> {
        if a.is_exact_zero() {
            return Some(0);
        }
        if a.radius > a.height() - 120.0 {
            let tiny = a.height().max(a.radius) < -150.0;
            return (self.last && tiny).then_some(0);
        }
        // Both ends of the ball, in units of 2^-20 of the last bit that counts.
        let shift = a.top() - signed(DIGEST_BITS) - 20;
        let centre = a.fixed(-shift);
        let coarse = |n: BigInt| (n + (BigInt::one() << 19u32)) >> 20u32;
        let (low, high) = (coarse(&centre - 2i32), coarse(centre + 2i32));
        if low != high {
            return None;
        }
        let zeros = low.trailing_zeros().unwrap_or(0);
        let exponent = shift + 20 + signed(zeros);
        let mut seed = Seed::new("digest")
            .number(exponent.unsigned_abs())
            .number(u64::from(exponent < 0) << 1 | u64::from(low.is_negative()));
        for word in (low >> zeros).magnitude().iter_u64_digits() {
            seed = seed.number(word);
        }
        Some(seed.finish())
    }

    pub(in crate::math::algebra) fn precision(&self) -> f64 {
        float(signed(self.bits))
    }

    pub(in crate::math::algebra) fn negligible<'a>(
        &self,
        difference: &Ball,
        scale: impl Iterator<Item = &'a Ball>,
    ) -> bool {
        let most = join(difference.height(), difference.radius);
        let mut scales = scale.filter(|s| s.is_apart()).map(|s| s.height());
        let tolerance = float(signed(self.tolerance));
        match scales.next() {
            Some(first) => most <= scales.fold(first, f64::max) - 1.0 - tolerance,
            // Both are around zero: only more bits than the first rung has can show that.
            None => most <= -tolerance - 64.0,
        }
    }
}
