//! Decimals that round a value.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Pow, Signed, ToPrimitive, Zero};

use super::Fault;
use super::evaluate::BareLog;
use super::exact;
use super::probe::Probe;
use super::survey::Survey;
use crate::math::expr::{Decimal, Expr};
use crate::math::limits::{Budget, TooLarge};

/// Significant digits from which on a rounding stands for its value.
const ENOUGH_DIGITS: u32 = 12;
/// Significant digits that print a double whose digits are no short ones.
const DOUBLE_DIGITS: std::ops::RangeInclusive<u32> = 15..=17;

/// Whether one side is a decimal and the other a value that rounds to it.
pub(super) fn rounds(
    a: &Expr,
    b: &Expr,
    survey: &Survey,
    budget: &mut Budget<'_>,
) -> Result<bool, TooLarge> {
    if !survey.constant() || survey.infinity {
        return Ok(false);
    }
    let (decimal, value) = match (decimal_digits(a), decimal_digits(b)) {
        (Some(digits), None) if digits >= ENOUGH_DIGITS => (written(a), b),
        (None, Some(digits)) if digits >= ENOUGH_DIGITS => (written(b), a),
        _ => return Ok(false),
    };
    let Some(decimal) = decimal.filter(|_| !matches!(value, Expr::Integer(_))) else {
        return Ok(false);
    };
    let Some((low, high)) = interval(&decimal, budget) else { return Ok(false) };
    let (low, high) = match double(&decimal) {
        Some((lower, higher)) => (low.min(lower), high.max(higher)),
        None => (low, high),
    };
    match exact::value(value, budget) {
        Ok(value) => {
            if value.to_integer().is_some() {
                return Ok(false);
            }
            let value = match value.reduced(budget) {
                Ok(value) => value,
                Err(Fault::Spent(spent)) => return Err(spent),
                Err(_) => return Err(TooLarge),
            };
            Ok(low <= value && value <= high)
        }
        Err(Fault::Spent(spent)) => Err(spent),
        Err(Fault::Undefined) => Ok(false),
        Err(_) => {
            let literal = |value: BigRational| {
                Expr::Decimal(Decimal { value, significant: 0, places: 0, repeating: false })
            };
            let (low, high) = (literal(low), literal(high));
            Ok(above(value, &low, survey, budget)? && above(&high, value, survey, budget)?)
        }
    }
}

/// Whether `a > b`, for real numbers that are not equal.
fn above(a: &Expr, b: &Expr, survey: &Survey, budget: &mut Budget<'_>) -> Result<bool, TooLarge> {
    let probe = Probe { a, b, survey, bare_log: BareLog::Natural };
    Ok(probe.order(budget)? == Some(Ordering::Greater))
}

/// The values that round to the double that a decimal prints: `1.4142135623730951` for the root of
/// 2, whose own digits end in 0950. A decimal with fewer digits says no more than its digits.
fn double(decimal: &Decimal) -> Option<(BigRational, BigRational)> {
    if !DOUBLE_DIGITS.contains(&decimal.significant) {
        return None;
    }
    let nearest = decimal.value.to_f64().filter(|value| value.is_normal())?;
    let printed = format!("{nearest:e}");
    let digits = printed.split('e').next()?.bytes().filter(u8::is_ascii_digit).count();
    // The shortest digits that only this double has; others are not what a program prints.
    let shortest = u32::try_from(digits) == Ok(decimal.significant);
    let exactly = |value: f64| BigRational::from_float(value);
    let half = |a: f64, b: f64| Some((exactly(a)? + exactly(b)?) / BigInt::from(2));
    let low = half(nearest, nearest.next_down())?;
    let high = half(nearest, nearest.next_up())?;
    shortest.then_some((low, high))
}

/// The values that round to a decimal.
fn interval(decimal: &Decimal, budget: &Budget<'_>) -> Option<(BigRational, BigRational)> {
    let places = decimal.places.to_i32()?;
    if places.unsigned_abs() > budget.limits.digits {
        return None;
    }
    let ten = BigRational::from_integer(BigInt::from(10));
    let half = Pow::pow(ten, -places) / BigInt::from(2);
    Some((&decimal.value - &half, &decimal.value + &half))
}

/// The significant digits of a side that is a decimal.
fn decimal_digits(e: &Expr) -> Option<u32> {
    match e {
        Expr::Decimal(decimal) if !decimal.repeating => Some(decimal.significant),
        Expr::Negative(a) => decimal_digits(a),
        Expr::Product(factors) => match factors.as_slice() {
            [number, power] if power_of_ten(power).is_some() => decimal_digits(number),
            _ => None,
        },
        _ => None,
    }
}

/// A side that is a decimal and nothing else: `3.14`, `-0.5`, `1.2 \times 10^5`.
fn written(e: &Expr) -> Option<Decimal> {
    match e {
        Expr::Decimal(decimal) if !decimal.repeating => Some(decimal.clone()),
        Expr::Negative(a) => {
            let mut decimal = written(a)?;
            decimal.value = -decimal.value;
            Some(decimal)
        }
        Expr::Product(factors) => {
            let [number, power] = factors.as_slice() else { return None };
            let mut decimal = written(number)?;
            let exponent = power_of_ten(power)?;
            let ten = BigRational::from_integer(BigInt::from(10));
            decimal.value *= Pow::pow(ten, exponent);
            decimal.places = decimal.places.checked_sub(exponent.into())?;
            Some(decimal)
        }
        _ => None,
    }
}

/// The small exponent of a power of ten.
fn power_of_ten(e: &Expr) -> Option<i32> {
    let Expr::Power(base, exponent) = e else { return None };
    let is_ten = matches!(&**base, Expr::Integer(n) if *n == BigInt::from(10));
    let (exponent, negative) = match &**exponent {
        Expr::Negative(exponent) => (&**exponent, true),
        exponent => (exponent, false),
    };
    let Expr::Integer(n) = exponent else { return None };
    let n = n.to_i32().filter(|n| n.abs() <= 1_000 && (!n.is_negative() || !negative))?;
    (is_ten && !(n.is_zero() && negative)).then_some(if negative { -n } else { n })
}
