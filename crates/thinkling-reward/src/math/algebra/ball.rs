//! Balls around floating-point numbers of any precision.
//!
//! Written here rather than taken from a library: what is needed is a bound on the error of each
//! value, at a few hundred bits, and quickly. Libraries round each function correctly instead,
//! which takes ten times as long and still bounds nothing but the last step.

mod arithmetic;
mod fixed;

use num_bigint::{BigInt, Sign};
use num_traits::{One, ToPrimitive, Zero};

use super::Fault;

/// Exponents of two stay below it, so that sums of a few of them are exact.
const MAX_EXPONENT: i64 = 1 << 40;
/// Bits behind the precision that functions compute with.
const GUARD: u64 = 32;

/// `mantissa * 2^exponent`, off by at most `2^radius`.
#[derive(Clone, Debug)]
pub(super) struct Ball {
    mantissa: BigInt,
    exponent: i64,
    /// The logarithm of the radius to base two; minus infinity where the value is exact.
    radius: f64,
}

const EXACT: f64 = f64::NEG_INFINITY;

/// Arithmetic with so many bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Multi {
    /// Bits of a mantissa.
    pub(super) bits: u64,
    /// Bits in which two values must agree to count as one.
    pub(super) tolerance: u64,
    /// Whether no more bits follow.
    pub(super) last: bool,
}

/// The logarithm of the sum of two radii.
fn join(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if low == EXACT {
        return high;
    }
    let gap = high - low;
    if gap > 40.0 { high + 1e-9 } else { high + (1.0 + (-gap).exp2()).log2() + 1e-9 }
}

#[expect(clippy::cast_precision_loss, reason = "exponents are far below 2^53")]
fn float(n: i64) -> f64 {
    n as f64
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// `n * 2^shift`, rounded down.
fn scale(n: &BigInt, shift: i64) -> BigInt {
    if shift >= 0 {
        n << shift.unsigned_abs()
    } else if shift.unsigned_abs() > n.bits() {
        if n.sign() == Sign::Minus { -BigInt::one() } else { BigInt::zero() }
    } else {
        n >> shift.unsigned_abs()
    }
}

/// Its first 53 bits as a number from 1 up to 2, with its sign.
fn head(n: &BigInt) -> f64 {
    let shift = signed(n.bits()) - 53;
    scale(n, -shift).to_f64().unwrap_or(0.0) / (52f64).exp2()
}

impl Ball {
    fn zero() -> Self {
        Self { mantissa: BigInt::zero(), exponent: 0, radius: EXACT }
    }

    fn is_exact_zero(&self) -> bool {
        self.mantissa.is_zero() && self.radius == EXACT
    }

    /// The exponent of the first power of two above the centre.
    fn top(&self) -> i64 {
        signed(self.mantissa.bits()) + self.exponent
    }

    /// The logarithm of the size of the centre to base two, a little above it; minus infinity
    /// for zero. Its fraction matters: rounded up, it would add a bit to every product.
    pub(super) fn height(&self) -> f64 {
        let mut digits = self.mantissa.iter_u64_digits();
        let below = i64::try_from(digits.len()).unwrap_or(i64::MAX) * 64 - 64;
        match digits.next_back().and_then(|digit| digit.to_f64()) {
            None => EXACT,
            Some(digit) => float(self.exponent + below) + digit.log2() + 1e-9,
        }
    }

    pub(super) fn negate(&self) -> Self {
        Self { mantissa: -&self.mantissa, exponent: self.exponent, radius: self.radius }
    }

    /// The same with a radius that is larger by `2^off`.
    pub(super) fn widen(&self, off: f64) -> Self {
        Self { radius: join(self.radius, off), ..self.clone() }
    }

    /// The logarithm of the least size of a value in a ball that is apart from zero.
    fn least(&self) -> f64 {
        let height = self.height();
        height - if self.radius < height - 30.0 { 1e-8 } else { 0.5 }
    }

    /// Whether zero lies far enough outside for a quotient.
    fn is_apart(&self) -> bool {
        self.radius < self.height() - 2.0
    }

    /// Its centre in units of `2^-bits`, rounded down.
    fn fixed(&self, bits: i64) -> BigInt {
        scale(&self.mantissa, self.exponent + bits)
    }
}

impl Multi {
    /// Rounds to the precision.
    fn ball(&self, mantissa: BigInt, exponent: i64, radius: f64) -> Result<Ball, Fault> {
        let bits = mantissa.bits();
        let mut ball = Ball { mantissa, exponent, radius };
        if bits > self.bits {
            let shift = bits - self.bits;
            let lossless = ball.mantissa.trailing_zeros().is_none_or(|zeros| zeros >= shift);
            if !lossless {
                ball.mantissa += BigInt::one() << (shift - 1);
            }
            ball.mantissa >>= shift;
            ball.exponent += signed(shift);
            if !lossless {
                ball.radius = join(ball.radius, float(ball.exponent - 1));
            }
        }
        if ball.mantissa.is_zero() {
            ball.exponent = 0;
        }
        if ball.exponent.abs() > MAX_EXPONENT || ball.radius > float(MAX_EXPONENT) {
            return Err(Fault::Size);
        }
        Ok(ball)
    }

    /// A value of the fixed-point functions: off by some units in the last places.
    fn settle(&self, value: BigInt, bits: i64, radius: f64) -> Result<Ball, Fault> {
        self.ball(value, -bits, join(radius, float(8 - bits)))
    }

    fn guarded(&self) -> i64 {
        signed(self.bits + GUARD)
    }

    /// More bits for a result that is about as small as `2^-depth`.
    fn deeper(&self, depth: i64) -> i64 {
        depth.clamp(0, 2 * signed(self.bits))
    }
}

#[cfg(test)]
mod tests;
