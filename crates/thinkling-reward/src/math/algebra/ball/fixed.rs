//! Elementary functions on fixed-point numbers: integers in units of `2^-bits`.
//!
//! Each result is off by less than 2^8 units, for arguments as each function says.

use std::sync::LazyLock;

use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::{Fault, head, scale, signed};
use crate::math::algebra::fraction::modulo;

type Fixed = Result<BigInt, Fault>;

/// Bits of the constants: most calls need the first, nearly all the second.
const TIERS: [i64; 3] = [640, 2_176, 8_192];

static PI: [LazyLock<BigInt>; 3] = [
    LazyLock::new(|| machin(TIERS[0] + 16)),
    LazyLock::new(|| machin(TIERS[1] + 16)),
    LazyLock::new(|| machin(TIERS[2] + 16)),
];
static E: [LazyLock<BigInt>; 3] = [
    LazyLock::new(|| euler(TIERS[0] + 16)),
    LazyLock::new(|| euler(TIERS[1] + 16)),
    LazyLock::new(|| euler(TIERS[2] + 16)),
];
static LN_2: [LazyLock<BigInt>; 3] = [
    LazyLock::new(|| three_logarithms(TIERS[0] + 16)),
    LazyLock::new(|| three_logarithms(TIERS[1] + 16)),
    LazyLock::new(|| three_logarithms(TIERS[2] + 16)),
];

/// Pi.
pub(super) fn pi(bits: i64) -> Fixed {
    constant(bits, &PI)
}

/// The base of the natural logarithm.
pub(super) fn e(bits: i64) -> Fixed {
    constant(bits, &E)
}

fn ln_2(bits: i64) -> Fixed {
    constant(bits, &LN_2)
}

fn constant(bits: i64, tiers: &[LazyLock<BigInt>; 3]) -> Fixed {
    let tier = TIERS.iter().zip(tiers).find(|(most, _)| bits <= **most);
    let (most, value) = tier.ok_or(Fault::Size)?;
    Ok(scale(value, bits - most - 16))
}

/// `pi = 16 arctan(1/5) - 4 arctan(1/239)`.
fn machin(bits: i64) -> BigInt {
    (inverse_series(5, -1, bits + 32) * 16 - inverse_series(239, -1, bits + 32) * 4) >> 32u32
}

/// `e = 1 + 1/1! + 1/2! + ...`.
fn euler(bits: i64) -> BigInt {
    let mut term = scale(&BigInt::one(), bits + 32);
    let mut total = BigInt::zero();
    let mut n = 1u32;
    while !term.is_zero() {
        total += &term;
        term /= n;
        n += 1;
    }
    total >> 32u32
}

/// `ln 2 = 18 artanh(1/26) - 2 artanh(1/4801) + 8 artanh(1/8749)`.
fn three_logarithms(bits: i64) -> BigInt {
    let artanh = |n| inverse_series(n, 1, bits + 32);
    (artanh(26) * 18 - artanh(4801) * 2 + artanh(8749) * 8) >> 32u32
}

/// `1/n + s/(3 n^3) + s^2/(5 n^5) + ...`: the arctangent of `1/n` for `s = -1`, artanh for 1.
fn inverse_series(n: u32, s: i32, bits: i64) -> BigInt {
    let mut power = scale(&BigInt::one(), bits) / n;
    let mut total = power.clone();
    let mut odd = 1u32;
    while !power.is_zero() {
        power = power / (n * n) * s;
        odd += 2;
        total += &power / odd;
    }
    total
}

fn times(a: &BigInt, b: &BigInt, bits: i64) -> BigInt {
    (a * b) >> bits.unsigned_abs()
}

/// How often to halve an argument before a Taylor series, for about the least work.
fn halvings(bits: i64) -> i64 {
    signed(bits.unsigned_abs().isqrt()) / 2
}

/// `e^x` as a number around 1 and a power of two.
pub(super) fn exp(x: &BigInt, bits: i64) -> Result<(BigInt, i64), Fault> {
    let unit = ln_2(bits)?;
    let twos: BigInt = (x * 2 + &unit) / (&unit * 2);
    let twos = twos.to_i64().ok_or(Fault::Size)?;
    Ok((small_exp(&(x - unit * twos), bits), twos))
}

/// `e^x` for an `x` between -1 and 1.
fn small_exp(x: &BigInt, bits: i64) -> BigInt {
    let halvings = halvings(bits) + 2;
    let wide = bits + halvings + 24;
    let x = scale(x, wide - bits - halvings);
    let one = scale(&BigInt::one(), wide);
    let mut term = x.clone();
    let mut total = &one + &x;
    let mut n = 1u32;
    // The shift rounds down, so that a negative term would stay at -1 for ever.
    while term.bits() > 1 {
        n += 1;
        term = times(&term, &x, wide) / n;
        total += &term;
    }
    for _ in 0..halvings {
        total = times(&total, &total, wide);
    }
    scale(&total, bits - wide)
}

/// `ln(f 2^twos)` for an `f` between 0.7 and 1.6.
pub(super) fn ln(f: &BigInt, twos: i64, bits: i64) -> Fixed {
    let one = scale(&BigInt::one(), bits);
    // A first guess from the machine, and the rest from a series in what it lacks.
    let exponent = signed(f.bits()) - 1 - bits;
    let guess = head(f).ln() + exponent.to_f64().unwrap_or(0.0) * std::f64::consts::LN_2;
    let guess = float_to_fixed(guess, bits);
    let rest = times(f, &small_exp(&-&guess, bits), bits);
    let v = scale(&(&rest - &one), bits) / (rest + one);
    let ln = guess + odd_series(&v, 1, bits)? * 2;
    Ok(if twos == 0 { ln } else { ln + ln_2(bits)? * twos })
}

/// `v + s v^3/3 + s^2 v^5/5 + ...` for a small `v`.
fn odd_series(v: &BigInt, s: i32, bits: i64) -> Fixed {
    if signed(v.bits()) > bits - 20 {
        // The guess was no good.
        return Err(Fault::Unclear);
    }
    let square = times(v, v, bits) * s;
    let mut power = v.clone();
    let mut total = v.clone();
    let mut odd = 1u32;
    while power.bits() > 1 {
        power = times(&power, &square, bits);
        odd += 2;
        total += &power / odd;
    }
    Ok(total)
}

/// The sine and the cosine.
pub(super) fn sin_cos(x: &BigInt, bits: i64) -> Result<(BigInt, BigInt), Fault> {
    let half_pi = pi(bits + 1)? >> 2u32;
    // Off by one is harmless: the series then takes a larger argument.
    let turns: BigInt = (x + (&half_pi >> 1u32)) / &half_pi;
    let (sin, cos) = small_sin_cos(&(x - half_pi * &turns), bits);
    let turns = modulo(&turns, 4);
    Ok(match turns {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    })
}

/// The same for an `x` between -2 and 2.
fn small_sin_cos(x: &BigInt, bits: i64) -> (BigInt, BigInt) {
    let halvings = halvings(bits) / 2 + 2;
    let wide = bits + 2 * halvings + 24;
    let x = scale(x, wide - bits - halvings);
    let one = scale(&BigInt::one(), wide);
    let square = times(&x, &x, wide);
    // x - x^3/3! + ..., and 1 less than the cosine: -x^2/2! + x^4/4! - ...
    let (mut sin, mut versed) = (x.clone(), BigInt::zero());
    let mut sin_term = x;
    let mut cos_term = one.clone();
    let mut n = 1u32;
    while sin_term.bits() > 1 || cos_term.bits() > 1 {
        cos_term = -times(&cos_term, &square, wide) / (n * (n + 1));
        sin_term = -times(&sin_term, &square, wide) / ((n + 1) * (n + 2));
        versed += &cos_term;
        sin += &sin_term;
        n += 2;
    }
    for _ in 0..halvings {
        sin = times(&sin, &(&one + &versed), wide) << 1u32;
        versed = times(&versed, &(&versed + (&one << 1u32)), wide) << 1u32;
    }
    (scale(&sin, bits - wide), scale(&(one + versed), bits - wide))
}

/// The angle of the point `(x, y)`, the larger of whose parts is between 1/2 and 1 in size.
pub(super) fn atan2(y: &BigInt, x: &BigInt, bits: i64) -> Fixed {
    let float = |n: &BigInt| {
        let exponent = signed(n.bits()) - 1 - bits;
        head(n) * exponent.max(-900).to_f64().unwrap_or(0.0).exp2()
    };
    let guess = float_to_fixed(float(y).atan2(float(x)), bits);
    let (sin, cos) = sin_cos(&guess, bits)?;
    let over = times(y, &cos, bits) - times(x, &sin, bits);
    let under = times(x, &cos, bits) + times(y, &sin, bits);
    if !under.is_positive() {
        return Err(Fault::Unclear);
    }
    let rest = scale(&over, bits) / under;
    Ok(guess + odd_series(&rest, -1, bits)?)
}

/// A number below 8 in size.
fn float_to_fixed(value: f64, bits: i64) -> BigInt {
    let scaled = (value * (59f64).exp2()).to_i64().unwrap_or(0);
    scale(&scaled.into(), bits - 59)
}
