//! The exact rational value of an expression, where it is known without approximation.
//!
//! Knows arithmetic, integral powers, perfect roots, the integer functions, rational logarithms
//! and the angles whose sine or tangent is rational. Sums of surds that happen to be rational are
//! left to the numeric stage.

use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::Fault;
use super::fraction::{Fraction, charge, digit_bits, modulo};
use crate::math::expr::{Constant, Expr, Function};
use crate::math::limits::Budget;

type Exact = Result<Fraction, Fault>;

const ONE: Fraction = Fraction::Small(1, 1);
const ZERO: Fraction = Fraction::Small(0, 1);

/// The value of `e`. Faults: `Unknown` where it is not rational or not known to be, `Undefined`,
/// `Size` where it has too many digits, `Spent`.
pub(super) fn value(e: &Expr, budget: &mut Budget<'_>) -> Exact {
    match e {
        Expr::Integer(n) | Expr::Based { value: n, .. } => Ok(Fraction::integer(n)),
        Expr::Decimal(d) => Ok(Fraction::ratio(&d.value)),
        Expr::Constant(_) | Expr::Symbol(_) | Expr::PlusMinus => Err(Fault::Unknown),
        Expr::Negative(a) => Ok(value(a, budget)?.negate()),
        Expr::Sum(terms) => sum(terms, budget),
        Expr::Product(factors) => product(factors, budget),
        Expr::Quotient(a, b) => {
            let over = value(a, budget)?;
            over.multiply(value(b, budget)?.invert()?, budget)
        }
        Expr::Power(base, exponent) => power(base, exponent, budget),
        Expr::Call(function, arguments) => call(function, arguments, budget),
    }
}

fn sum(terms: &[Expr], budget: &mut Budget<'_>) -> Exact {
    let mut total = ZERO;
    for term in terms {
        total = total.add(value(term, budget)?, budget)?;
    }
    Ok(total)
}

fn product(factors: &[Expr], budget: &mut Budget<'_>) -> Exact {
    let mut total = ONE;
    for factor in factors {
        total = total.multiply(value(factor, budget)?, budget)?;
    }
    Ok(total)
}

fn power(base: &Expr, exponent: &Expr, budget: &mut Budget<'_>) -> Exact {
    let base = value(base, budget)?;
    let exponent = value(exponent, budget)?;
    rational_power(base, &exponent, budget)
}

fn rational_power(base: Fraction, exponent: &Fraction, budget: &mut Budget<'_>) -> Exact {
    if let Some(n) = exponent.to_i64() {
        return base.power(n, budget);
    }
    if exponent.to_integer().is_some() {
        return if base.numerator() == base.denominator() { Ok(ONE) } else { Err(Fault::Size) };
    }
    let (n, d) = exponent.clone().reduced(budget)?.into_raw();
    let (Some(n), Some(d)) = (n.to_i64(), d.to_u32()) else { return Err(Fault::Unknown) };
    base.root(d, budget)?.power(n, budget)
}

fn call(function: &Function, arguments: &[Expr], budget: &mut Budget<'_>) -> Exact {
    use Function as F;
    match (function, arguments) {
        (F::Named(_) | F::Arsinh | F::Artanh | F::Sinh | F::Cosh | F::Tanh, _) => {
            Err(Fault::Unknown)
        }
        (F::Root, [a, n]) => {
            let degree = value(n, budget)?.invert()?;
            rational_power(value(a, budget)?, &degree, budget)
        }
        (F::Abs, [a]) => value(a, budget).map(|v| if v.is_negative() { v.negate() } else { v }),
        (F::Floor, [a]) => Ok(Fraction::integer(&value(a, budget)?.floor(budget)?)),
        (F::Ceil, [a]) => {
            let floor = value(a, budget)?.negate().floor(budget)?;
            Ok(Fraction::integer(&-floor))
        }
        (F::Factorial, [n]) => {
            let n = integer(n, budget)?;
            Ok(Fraction::integer(&factorial(&n, budget)?))
        }
        (F::Binomial, [n, k]) => {
            let (n, k) = (integer(n, budget)?, integer(k, budget)?);
            Ok(Fraction::integer(&binomial(&n, &k, budget)?))
        }
        (F::Gcd | F::Lcm | F::Min | F::Max, [_, ..]) => fold(function, arguments, budget),
        (F::Mod, [a, m]) => {
            let (a, m) = (value(a, budget)?, value(m, budget)?);
            remainder(a, m, budget)
        }
        (F::Re | F::Conjugate, [a]) => value(a, budget),
        (F::Im, [a]) => value(a, budget).map(|_| ZERO),
        (F::Exp, [a]) => known(a, &ZERO, ONE, budget),
        (F::Ln, [a]) => known(a, &ONE, ZERO, budget),
        (F::Log, [a]) => known(a, &ONE, ZERO, budget),
        (F::Log, [a, b]) => logarithm(a, b, budget),
        (F::Arcsin | F::Arctan, [a]) => known(a, &ZERO, ZERO, budget),
        (F::Arccos | F::Arcosh, [a]) => known(a, &ONE, ZERO, budget),
        (F::Sin | F::Cos | F::Tan | F::Cot | F::Sec | F::Csc, [a]) => {
            circular(function, half_turns(a, budget)?, budget)
        }
        _ => Err(Fault::Unknown),
    }
}

/// `result` where the argument is `at`.
fn known(argument: &Expr, at: &Fraction, result: Fraction, budget: &mut Budget<'_>) -> Exact {
    let argument = value(argument, budget)?;
    if argument.compare(at, budget)?.is_eq() { Ok(result) } else { Err(Fault::Unknown) }
}

fn integer(e: &Expr, budget: &mut Budget<'_>) -> Result<BigInt, Fault> {
    value(e, budget)?.to_integer().ok_or(Fault::Undefined)
}

fn fold(function: &Function, arguments: &[Expr], budget: &mut Budget<'_>) -> Exact {
    let mut values = arguments.iter();
    let Some(first) = values.next() else { return Err(Fault::Unknown) };
    let mut total = value(first, budget)?;
    if matches!(function, Function::Gcd | Function::Lcm) && total.is_negative() {
        total = total.negate();
    }
    for next in values {
        let next = value(next, budget)?;
        total = match function {
            Function::Min if next.compare(&total, budget)?.is_lt() => next,
            Function::Max if next.compare(&total, budget)?.is_gt() => next,
            Function::Min | Function::Max => total,
            _ => total.common(&next, *function == Function::Lcm, budget)?,
        };
    }
    Ok(total)
}

/// `a - m floor(a / m)`.
fn remainder(a: Fraction, m: Fraction, budget: &mut Budget<'_>) -> Exact {
    let quotient = a.clone().multiply(m.clone().invert()?, budget)?.floor(budget)?;
    a.add(m.multiply(Fraction::integer(&-quotient), budget)?, budget)
}

/// `n!` of an integer that is not negative.
pub(super) fn factorial(n: &BigInt, budget: &mut Budget<'_>) -> Result<BigInt, Fault> {
    if n.is_negative() {
        return Err(Fault::Undefined);
    }
    let n = n.to_u64().ok_or(Fault::Size)?;
    falling(n, n, budget)
}

/// `n` over `k`, for integers, as the polynomial in `n` that it is.
pub(super) fn binomial(n: &BigInt, k: &BigInt, budget: &mut Budget<'_>) -> Result<BigInt, Fault> {
    if k.is_negative() {
        return Ok(BigInt::zero());
    }
    if n.is_negative() {
        // (n over k) = (-1)^k (k - n - 1 over k)
        let positive = binomial(&(k - n - 1), k, budget)?;
        return Ok(if k.bit(0) { -positive } else { positive });
    }
    if k > n {
        return Ok(BigInt::zero());
    }
    let k = k.min(&(n - k)).to_u64().ok_or(Fault::Size)?;
    let n = n.to_u64().ok_or(Fault::Size)?;
    let over = falling(n, k, budget)?;
    Ok(over / falling(k, k, budget)?)
}

/// `n (n - 1) ... (n - k + 1)`, with `k` at most `n`.
fn falling(n: u64, k: u64, budget: &mut Budget<'_>) -> Result<BigInt, Fault> {
    // At least half of the factors have all bits but one of `n / 2`.
    let bits = u64::from(64 - n.leading_zeros());
    if (k / 2).saturating_mul(bits.saturating_sub(2)) > digit_bits(budget) {
        return Err(Fault::Size);
    }
    charge(k.saturating_mul(bits), budget)?;
    budget.spend(u32::try_from(k / 4).unwrap_or(u32::MAX))?;
    Ok(product_of(n - k + 1, n))
}

/// The product of the integers from `low` to `high`, by halves, so that most factors are short.
fn product_of(low: u64, high: u64) -> BigInt {
    if low > high {
        return BigInt::one();
    }
    if high - low < 8 {
        return (low..=high).fold(BigInt::one(), |product, n| product * n);
    }
    let middle = low + (high - low) / 2;
    product_of(low, middle) * product_of(middle + 1, high)
}

/// `log_b a` where it is an integer or one over an integer.
fn logarithm(a: &Expr, b: &Expr, budget: &mut Budget<'_>) -> Exact {
    let (a, b) = (value(a, budget)?, value(b, budget)?);
    if a.compare(&ONE, budget)?.is_eq() && !b.compare(&ONE, budget)?.is_eq() {
        return if b.is_negative() || b.is_zero() { Err(Fault::Unknown) } else { Ok(ZERO) };
    }
    if let Some(n) = whole_logarithm(&a, &b, budget)? {
        return Ok(Fraction::Small(n, 1));
    }
    let inverse = whole_logarithm(&b, &a, budget)?.ok_or(Fault::Unknown)?;
    Fraction::Small(inverse, 1).invert()
}

/// The integer `n` with `a = b^n`, if there is one.
fn whole_logarithm(
    a: &Fraction,
    b: &Fraction,
    budget: &mut Budget<'_>,
) -> Result<Option<i64>, Fault> {
    let (Some(la), Some(lb)) = (approximate_ln(a), approximate_ln(b)) else { return Ok(None) };
    let n = (la / lb).round();
    let integral = lb != 0.0 && n.abs() <= 1e9 && (la / lb - n).abs() <= 1e-6;
    if !integral {
        return Ok(None);
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 1e9")]
    let n = n as i64;
    let power = b.clone().power(n, budget)?;
    Ok(power.compare(a, budget)?.is_eq().then_some(n))
}

/// The natural logarithm of a positive fraction, to some twelve digits.
fn approximate_ln(a: &Fraction) -> Option<f64> {
    if a.is_negative() || a.is_zero() {
        return None;
    }
    let ln = |n: BigInt| {
        let shift = n.bits().saturating_sub(60);
        Some((&n >> shift).to_f64()?.ln() + shift.to_f64()? * std::f64::consts::LN_2)
    };
    Some(ln(a.numerator())? - ln(a.denominator())?)
}

/// The rational `q` of an angle `q pi`.
pub(super) fn half_turns(e: &Expr, budget: &mut Budget<'_>) -> Exact {
    match e {
        Expr::Constant(Constant::Pi) => Ok(ONE),
        Expr::Constant(Constant::Degree) => Ok(Fraction::Small(1, 180)),
        Expr::Negative(a) => Ok(half_turns(a, budget)?.negate()),
        Expr::Sum(terms) => {
            let mut total = ZERO;
            for term in terms {
                total = total.add(half_turns(term, budget)?, budget)?;
            }
            Ok(total)
        }
        Expr::Product(factors) => {
            let mut total = ONE;
            let mut angle = None;
            for factor in factors {
                match value(factor, budget) {
                    Ok(rational) => total = total.multiply(rational, budget)?,
                    Err(Fault::Unknown) if angle.is_none() => {
                        angle = Some(half_turns(factor, budget)?);
                    }
                    Err(fault) => return Err(fault),
                }
            }
            match angle {
                Some(angle) => total.multiply(angle, budget),
                None if total.is_zero() => Ok(ZERO),
                None => Err(Fault::Unknown),
            }
        }
        Expr::Quotient(a, b) => {
            let over = half_turns(a, budget)?;
            over.multiply(value(b, budget)?.invert()?, budget)
        }
        Expr::Integer(n) if n.is_zero() => Ok(ZERO),
        _ => Err(Fault::Unknown),
    }
}

/// A circular function of `turns` times pi where it is rational. By Niven's theorem that is at
/// the multiples of a sixth for the sine, of a quarter for the tangent.
fn circular(function: &Function, turns: Fraction, budget: &mut Budget<'_>) -> Exact {
    use Function as F;
    let sine_of = |turns: Fraction, budget: &mut Budget<'_>| {
        let Some(sixths) = turns.multiply(Fraction::Small(6, 1), budget)?.to_integer() else {
            return Err(Fault::Unknown);
        };
        match modulo(&sixths, 12) {
            0 | 6 => Ok(ZERO),
            1 | 5 => Ok(Fraction::Small(1, 2)),
            3 => Ok(ONE),
            7 | 11 => Ok(Fraction::Small(-1, 2)),
            9 => Ok(Fraction::Small(-1, 1)),
            _ => Err(Fault::Unknown),
        }
    };
    let quarter =
        |turns: Fraction, budget: &mut Budget<'_>| turns.add(Fraction::Small(1, 2), budget);
    let tangent_of = |turns: Fraction, budget: &mut Budget<'_>| {
        let Some(quarters) = turns.multiply(Fraction::Small(4, 1), budget)?.to_integer() else {
            return Err(Fault::Unknown);
        };
        match modulo(&quarters, 4) {
            0 => Ok(ZERO),
            1 => Ok(ONE),
            2 => Err(Fault::Undefined),
            _ => Ok(Fraction::Small(-1, 1)),
        }
    };
    match function {
        F::Sin => sine_of(turns, budget),
        F::Cos => sine_of(quarter(turns, budget)?, budget),
        F::Csc => sine_of(turns, budget)?.invert(),
        F::Sec => sine_of(quarter(turns, budget)?, budget)?.invert(),
        F::Tan => tangent_of(turns, budget),
        F::Cot => Ok(tangent_of(quarter(turns, budget)?, budget)?.negate()),
        _ => Err(Fault::Unknown),
    }
}
