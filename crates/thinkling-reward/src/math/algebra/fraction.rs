//! Exact fractions: two machine words while they fit, big integers beyond.
//!
//! A fraction is not always in lowest terms: the greatest common divisor costs more than the
//! arithmetic, so it is only taken where it keeps a fraction in machine words.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::Fault;
use crate::math::limits::Budget;

/// A rational number.
#[derive(Clone, Debug)]
pub(super) enum Fraction {
    /// Numerator and positive denominator.
    Small(i64, i64),
    /// Numerator and positive denominator.
    Big(BigInt, BigInt),
}

use Fraction::{Big, Small};

/// Bits below which a big fraction is reduced.
const REDUCED_BITS: u64 = 256;

impl Fraction {
    pub(super) fn integer(value: &BigInt) -> Self {
        value.to_i64().map_or_else(|| Big(value.clone(), BigInt::one()), |small| Small(small, 1))
    }

    pub(super) fn ratio(value: &BigRational) -> Self {
        match (value.numer().to_i64(), value.denom().to_i64()) {
            (Some(n), Some(d)) => Small(n, d),
            _ => Big(value.numer().clone(), value.denom().clone()),
        }
    }

    /// Packs a numerator and a denominator that is not zero.
    fn pack(n: i128, d: i128) -> Self {
        let (n, d) = if d < 0 { (-n, -d) } else { (n, d) };
        if let (Ok(n), Ok(d)) = (i64::try_from(n), i64::try_from(d)) {
            return Small(n, d);
        }
        let common = gcd_u128(n.unsigned_abs(), d.unsigned_abs());
        let common = i128::try_from(common).unwrap_or(1).max(1);
        let (n, d) = (n / common, d / common);
        match (i64::try_from(n), i64::try_from(d)) {
            (Ok(n), Ok(d)) => Small(n, d),
            _ => Big(n.into(), d.into()),
        }
    }

    /// Packs big parts, the denominator not zero, within the limit of digits.
    fn pack_big(n: BigInt, d: BigInt, budget: &mut Budget<'_>) -> Result<Self, Fault> {
        let bits = n.bits().max(d.bits());
        if bits > digit_bits(budget) {
            return Err(Fault::Size);
        }
        charge_product(bits, 1, budget)?;
        let (n, d) = if d.is_negative() { (-n, -d) } else { (n, d) };
        if bits > REDUCED_BITS || d.is_one() {
            return Ok(match (n.to_i64(), d.to_i64()) {
                (Some(n), Some(d)) => Small(n, d),
                _ => Big(n, d),
            });
        }
        Ok(Self::ratio(&BigRational::new(n, d)))
    }

    pub(super) fn numerator(&self) -> BigInt {
        match self {
            Small(n, _) => (*n).into(),
            Big(n, _) => n.clone(),
        }
    }

    pub(super) fn denominator(&self) -> BigInt {
        match self {
            Small(_, d) => (*d).into(),
            Big(_, d) => d.clone(),
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        match self {
            Small(n, _) => *n == 0,
            Big(n, _) => n.is_zero(),
        }
    }

    pub(super) fn is_negative(&self) -> bool {
        match self {
            Small(n, _) => *n < 0,
            Big(n, _) => n.is_negative(),
        }
    }

    /// Bits of the larger part.
    pub(super) fn bits(&self) -> u64 {
        match self {
            Small(n, d) => u64::from(64 - n.unsigned_abs().max(d.unsigned_abs()).leading_zeros()),
            Big(n, d) => n.bits().max(d.bits()),
        }
    }

    /// Its value where it is an integer.
    pub(super) fn to_integer(&self) -> Option<BigInt> {
        match self {
            Small(n, d) => (n % d == 0).then(|| (n / d).into()),
            Big(n, d) => (d.is_one() || (n % d).is_zero()).then(|| n / d),
        }
    }

    /// Its value where it is a small integer.
    pub(super) fn to_i64(&self) -> Option<i64> {
        match self {
            Small(n, d) => (n % d == 0).then(|| n / d),
            Big(..) => self.to_integer()?.to_i64(),
        }
    }

    /// The greatest integer that is not greater.
    pub(super) fn floor(&self, budget: &mut Budget<'_>) -> Result<BigInt, Fault> {
        charge(self.bits(), budget)?;
        let (n, d) = (self.numerator(), self.denominator());
        let rest = &n % &d;
        let quotient = n / d;
        Ok(if rest.sign() == Sign::Minus { quotient - 1 } else { quotient })
    }

    /// In lowest terms, for the world outside; `Size` where that takes too long.
    pub(super) fn reduced(self, budget: &mut Budget<'_>) -> Result<BigRational, Fault> {
        if let Big(n, d) = &self
            && !d.is_one()
        {
            charge_gcd(n.bits().min(d.bits()), budget)?;
        }
        let (n, d) = match self {
            Small(n, d) => (n.into(), d.into()),
            Big(n, d) => (n, d),
        };
        if d.is_one() { Ok(BigRational::from_integer(n)) } else { Ok(BigRational::new(n, d)) }
    }

    pub(super) fn negate(self) -> Self {
        match self {
            Small(n, d) => Self::pack(-i128::from(n), d.into()),
            Big(n, d) => Big(-n, d),
        }
    }

    pub(super) fn add(self, other: Self, budget: &mut Budget<'_>) -> Result<Self, Fault> {
        if let (Small(an, ad), Small(bn, bd)) = (&self, &other) {
            let (an, ad, bn, bd) = (wide(*an), wide(*ad), wide(*bn), wide(*bd));
            if ad == bd {
                return Ok(Self::pack(an + bn, ad));
            }
            // Two products below 2^126 each: the sum fits.
            return Ok(Self::pack(an * bd + bn * ad, ad * bd));
        }
        let (an, ad) = self.into_parts();
        let (bn, bd) = other.into_parts();
        if ad == bd {
            return Self::pack_big(an + bn, ad, budget);
        }
        charge_product(an.bits().max(ad.bits()), bn.bits().max(bd.bits()), budget)?;
        Self::pack_big(an * &bd + bn * &ad, ad * bd, budget)
    }

    pub(super) fn multiply(self, other: Self, budget: &mut Budget<'_>) -> Result<Self, Fault> {
        if let (Small(an, ad), Small(bn, bd)) = (&self, &other) {
            return Ok(Self::pack(wide(*an) * wide(*bn), wide(*ad) * wide(*bd)));
        }
        let (an, ad) = self.into_parts();
        let (bn, bd) = other.into_parts();
        charge_product(an.bits().max(ad.bits()), bn.bits().max(bd.bits()), budget)?;
        Self::pack_big(an * bn, ad * bd, budget)
    }

    /// One over it.
    pub(super) fn invert(self) -> Result<Self, Fault> {
        match self {
            Small(0, _) => Err(Fault::Undefined),
            Small(n, d) => Ok(Self::pack(d.into(), n.into())),
            Big(n, d) if n.is_negative() => Ok(Big(-d, -n)),
            Big(n, _) if n.is_zero() => Err(Fault::Undefined),
            Big(n, d) => Ok(Big(d, n)),
        }
    }

    /// An integral power; `Size` where it would have too many digits.
    pub(super) fn power(self, exponent: i64, budget: &mut Budget<'_>) -> Result<Self, Fault> {
        if exponent < 0 {
            return self.invert()?.power(exponent.checked_neg().ok_or(Fault::Size)?, budget);
        }
        match (&self, exponent) {
            (value, 0) if value.is_zero() => return Err(Fault::Undefined),
            (_, 0) => return Ok(Small(1, 1)),
            (_, 1) | (Small(0 | 1, 1), _) => return Ok(self),
            (Small(-1, 1), _) => return Ok(Small(if exponent % 2 == 0 { 1 } else { -1 }, 1)),
            _ => {}
        }
        if let Small(n, d) = &self
            && *d > 1
        {
            let (n, d) = (wide(*n), wide(*d));
            let common = gcd_u128(n.unsigned_abs(), d.unsigned_abs());
            if common > 1 {
                let common = i128::try_from(common).unwrap_or(1);
                return Self::pack(n / common, d / common).power(exponent, budget);
            }
        }
        let exponent = u32::try_from(exponent).map_err(|_| Fault::Size)?;
        let least = (self.bits() - 1).saturating_mul(exponent.into());
        if least > digit_bits(budget) {
            return Err(Fault::Size);
        }
        if let Small(n, d) = &self
            && let (Some(n), Some(d)) = (n.checked_pow(exponent), d.checked_pow(exponent))
        {
            return Ok(Small(n, d));
        }
        charge(self.bits().saturating_mul(exponent.into()), budget)?;
        let (n, d) = self.into_parts();
        Self::pack_big(n.pow(exponent), d.pow(exponent), budget)
    }

    /// The real root where it is rational.
    pub(super) fn root(&self, degree: u32, budget: &mut Budget<'_>) -> Result<Self, Fault> {
        if degree == 0 || (self.is_negative() && degree.is_multiple_of(2)) {
            return Err(Fault::Unknown);
        }
        // Newton's steps are divisions, and each about doubles the digits that are right.
        for _ in 0..16 {
            charge(self.bits(), budget)?;
        }
        let (n, d) = self.clone().reduced(budget)?.into_raw();
        let (rn, rd) = (n.nth_root(degree), d.nth_root(degree));
        if rn.pow(degree) == n && rd.pow(degree) == d {
            Self::pack_big(rn, rd, budget)
        } else {
            Err(Fault::Unknown)
        }
    }

    /// The greatest number of which both are multiples, or the least positive one that is a
    /// multiple of both; zero where one is zero and there is none.
    pub(super) fn common(
        &self,
        other: &Self,
        multiple: bool,
        budget: &mut Budget<'_>,
    ) -> Result<Self, Fault> {
        // Over a common denominator both are integers.
        charge(self.bits().max(other.bits()), budget)?;
        let a = self.numerator() * other.denominator();
        let b = other.numerator() * self.denominator();
        let under = self.denominator() * other.denominator();
        let divisor = gcd(&a, &b, budget)?;
        let over = if multiple && !divisor.is_zero() { (a / &divisor * b).abs() } else { divisor };
        Self::pack_big(over, under, budget)
    }

    pub(super) fn compare(&self, other: &Self, budget: &mut Budget<'_>) -> Result<Ordering, Fault> {
        match (self, other) {
            (Small(an, ad), Small(bn, bd)) => {
                Ok((wide(*an) * wide(*bd)).cmp(&(wide(*bn) * wide(*ad))))
            }
            (Big(an, ad), Big(bn, bd)) if ad == bd => Ok(an.cmp(bn)),
            _ => {
                charge(self.bits().max(other.bits()), budget)?;
                let left = self.numerator() * other.denominator();
                Ok(left.cmp(&(other.numerator() * self.denominator())))
            }
        }
    }

    fn into_parts(self) -> (BigInt, BigInt) {
        match self {
            Small(n, d) => (n.into(), d.into()),
            Big(n, d) => (n, d),
        }
    }
}

fn wide(value: i64) -> i128 {
    value.into()
}

fn gcd_u128(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The greatest common divisor, not negative.
fn gcd(a: &BigInt, b: &BigInt, budget: &mut Budget<'_>) -> Result<BigInt, Fault> {
    charge_gcd(a.bits().min(b.bits()), budget)?;
    let (mut a, mut b) = (a.abs(), b.abs());
    while !b.is_zero() {
        (a, b) = (b.clone(), a % b);
    }
    Ok(a)
}

/// The remainder of a division by a small number, not negative.
pub(super) fn modulo(n: &BigInt, m: u32) -> u32 {
    let rest = (n % m).to_i64().unwrap_or(0);
    (rest + i64::from(m)).to_u32().unwrap_or(0) % m
}

/// Bits of the longest number allowed.
pub(super) fn digit_bits(budget: &Budget<'_>) -> u64 {
    u64::from(budget.limits.digits) * 10 / 3 + 64
}

/// Pays for one multiplication of numbers of so many bits.
pub(super) fn charge(bits: u64, budget: &mut Budget<'_>) -> Result<(), Fault> {
    charge_product(bits, bits, budget)
}

/// Pays for one multiplication of a number of `a` bits by one of `b` bits.
fn charge_product(a: u64, b: u64, budget: &mut Budget<'_>) -> Result<(), Fault> {
    // About a nanosecond for a product of two words.
    let steps = 1 + (a / 64).saturating_mul(b / 64 + 1) / 100;
    Ok(budget.spend(u32::try_from(steps).unwrap_or(u32::MAX))?)
}

/// Pays for one greatest common divisor.
fn charge_gcd(bits: u64, budget: &mut Budget<'_>) -> Result<(), Fault> {
    let steps = 1 + bits / 2 * (1 + bits / 3_200);
    Ok(budget.spend(u32::try_from(steps).unwrap_or(u32::MAX))?)
}
