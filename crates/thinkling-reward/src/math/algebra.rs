//! Equality and order of values.
//!
//! [`equal`] asks, in this order and as far as needed: are the trees the same; are both sides
//! rational numbers ([`exact`]); is one a decimal that rounds the other; are they the same
//! rational function of their atoms ([`fingerprint`]); and do they have the same value at points
//! that look random, first in machine numbers and then with 176 bits or more, 256 for constants,
//! and a bound on every error ([`probe`]).
//!
//! Readings that the trees leave open:
//! - A decimal is exact; alone on its side it also equals a value that is no decimal itself where
//!   it has at least twelve significant digits and is that value, no integer, rounded to them.
//! - Free symbols are real numbers, complex ones beside `Re`, `Im` or a conjugate, integers
//!   beside factorials, binomials, gcd, lcm and mod. Two sides are equal where they agree
//!   wherever both are real: `x^2/x = x`, `\ln x^2 = 2 \ln x`, but `\sqrt{x^2} \ne x`.
//! - Odd roots of negative numbers are real; every other power is principal.
//! - A logarithm without a base is natural or to base ten, the same on both sides: `\log x`
//!   equals `\ln x` and `\log_{10} x`, and `\log 100 = 2`.
//! - What is undefined equals only the same tree, infinity only itself with its sign.
//! - Sums and products are taken term by term; sums without end where their terms fall off like
//!   those of a geometric one. Other sums, integrals, limits and functions without a rule are
//!   equal by name and equal arguments; the names of bound variables do not count.
//! - `\pm`: both readings of one side equal those of the other, in either order.
//!
//! Left out: the gamma function beyond the factorials, and equality that holds only under
//! conditions on the free symbols.

mod arith;
mod ball;
mod binder;
mod complex;
mod decimal;
mod double;
mod evaluate;
mod exact;
mod fingerprint;
mod fraction;
mod point;
mod probe;
mod seed;
mod survey;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use num_bigint::BigInt;

use super::expr::Expr;
use super::limits::{Budget, TooLarge};
use evaluate::BareLog;
use fingerprint::Fingerprint;
use probe::Probe;
use survey::Survey;

/// Why a stage has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It is not of the kind that the stage knows.
    Unknown,
    /// There is none: a division by zero, the logarithm of zero.
    Undefined,
    /// The arithmetic is too coarse to tell.
    Unclear,
    /// A number would be too long.
    Size,
    /// The budget is spent.
    Spent(TooLarge),
}

impl From<TooLarge> for Fault {
    fn from(too_large: TooLarge) -> Self {
        Self::Spent(too_large)
    }
}

/// Whether two values are the same for every value of their free variables.
///
/// # Errors
/// Where the budget does not suffice to tell.
pub(crate) fn equal(a: &Expr, b: &Expr, budget: &mut Budget<'_>) -> Result<bool, TooLarge> {
    if let (Expr::Integer(a), Expr::Integer(b)) = (a, b) {
        return Ok(a == b);
    }
    // Depth first: everything behind it recurs.
    let survey = Survey::of(a, budget)?.join(&Survey::of(b, budget)?);
    if a == b {
        return Ok(true);
    }
    if survey.binders {
        return equal(&binder::rename(a), &binder::rename(b), budget);
    }
    if !survey.plus_minus {
        return equal_values(a, b, &survey, budget);
    }
    let signs = |e: &Expr| (substitute_sign(e, true), substitute_sign(e, false));
    let ((a_plus, a_minus), (b_plus, b_minus)) = (signs(a), signs(b));
    let mut both = |c: &Expr, d: &Expr| -> Result<bool, TooLarge> {
        Ok(equal_values(&a_plus, c, &survey, budget)?
            && equal_values(&a_minus, d, &survey, budget)?)
    };
    Ok(both(&b_plus, &b_minus)? || both(&b_minus, &b_plus)?)
}

fn equal_values(
    a: &Expr,
    b: &Expr,
    survey: &Survey,
    budget: &mut Budget<'_>,
) -> Result<bool, TooLarge> {
    match (exact::value(a, budget), exact::value(b, budget)) {
        (Err(Fault::Spent(spent)), _) | (_, Err(Fault::Spent(spent))) => return Err(spent),
        (Err(Fault::Undefined), _) | (_, Err(Fault::Undefined)) => return Ok(false),
        (Ok(x), Ok(y)) => match x.compare(&y, budget) {
            Ok(Ordering::Equal) => return Ok(true),
            Err(Fault::Spent(spent)) => return Err(spent),
            _ => return decimal::rounds(a, b, survey, budget),
        },
        _ => {}
    }
    if decimal::rounds(a, b, survey, budget)? {
        return Ok(true);
    }
    let same = match same_rational_function(a, b, survey, budget)? {
        Some((false, false)) => return Ok(false),
        same => same.is_some_and(|(agree, _)| agree),
    };
    let probe = |bare_log| Probe { a, b, survey, bare_log };
    if probe(BareLog::Natural).equal(same, budget)? {
        return Ok(true);
    }
    Ok(survey.bare_log && probe(BareLog::Ten).equal(same, budget)?)
}

/// Whether the fingerprints agree, and whether one holds functions with rules of their own.
fn same_rational_function(
    a: &Expr,
    b: &Expr,
    survey: &Survey,
    budget: &mut Budget<'_>,
) -> Result<Option<(bool, bool)>, TooLarge> {
    if survey.infinity {
        return Ok(None);
    }
    let fingerprints =
        Fingerprint::of(a, budget).and_then(|a| Ok((a, Fingerprint::of(b, budget)?)));
    match fingerprints {
        Ok((a, b)) => Ok(Some((a.agrees(&b), a.opaque || b.opaque))),
        Err(Fault::Spent(spent)) => Err(spent),
        Err(_) => Ok(None),
    }
}

/// The order of two real values without free variables; `None` where they have none.
///
/// # Errors
/// Where the budget does not suffice to tell.
pub(crate) fn order(
    a: &Expr,
    b: &Expr,
    budget: &mut Budget<'_>,
) -> Result<Option<Ordering>, TooLarge> {
    if let (Expr::Integer(a), Expr::Integer(b)) = (a, b) {
        return Ok(Some(a.cmp(b)));
    }
    let survey = Survey::of(a, budget)?.join(&Survey::of(b, budget)?);
    if survey.binders {
        return order(&binder::rename(a), &binder::rename(b), budget);
    }
    if !survey.constant() || survey.plus_minus {
        return Ok(None);
    }
    match (exact::value(a, budget), exact::value(b, budget)) {
        (Err(Fault::Spent(spent)), _) | (_, Err(Fault::Spent(spent))) => return Err(spent),
        (Err(Fault::Undefined), _) | (_, Err(Fault::Undefined)) => return Ok(None),
        (Ok(x), Ok(y)) => match x.compare(&y, budget) {
            Ok(order) => return Ok(Some(order)),
            Err(Fault::Spent(spent)) => return Err(spent),
            Err(_) => {}
        },
        _ => {}
    }
    let order =
        |bare_log, budget: &mut Budget<'_>| Probe { a, b, survey: &survey, bare_log }.order(budget);
    let natural = order(BareLog::Natural, budget)?;
    if survey.bare_log && order(BareLog::Ten, budget)? != natural {
        return Ok(None);
    }
    Ok(natural)
}

/// Whether `a` is `b` times a real constant that is not zero, for every value of their free
/// variables: `Greater` for a positive constant, `Less` for a negative one. So the equations
/// `a = 0` and `b = 0` are the same, and so are `a < 0` and `b < 0` for a positive constant.
/// `None` also where one of them is zero everywhere.
///
/// # Errors
/// Where the budget does not suffice to tell.
pub(crate) fn proportional(
    a: &Expr,
    b: &Expr,
    budget: &mut Budget<'_>,
) -> Result<Option<Ordering>, TooLarge> {
    let survey = Survey::of(a, budget)?.join(&Survey::of(b, budget)?);
    if survey.binders {
        return proportional(&binder::rename(a), &binder::rename(b), budget);
    }
    if survey.plus_minus {
        return Ok(None);
    }
    Probe { a, b, survey: &survey, bare_log: BareLog::Natural }.proportional(budget)
}

/// A copy with every `\pm` read as plus, or as minus.
fn substitute_sign(e: &Expr, plus: bool) -> Expr {
    let one = || Expr::Integer(BigInt::from(1));
    survey::rewrite(e, &|e| match e {
        Expr::PlusMinus if plus => Some(one()),
        Expr::PlusMinus => Some(Expr::Negative(Box::new(one()))),
        _ => None,
    })
}
