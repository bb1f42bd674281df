//! Whether two expressions have the same value: everywhere, or as constants.
//!
//! A constant is evaluated in machine numbers first, which tells apart what differs visibly, and
//! then with more and more bits until the difference is surely not zero or surely nothing.
//! Expressions in free symbols are compared at points that look random but are the same in every
//! run: positive and negative, small and large. Points where either side is not real do not
//! count, unless there is no other: `\ln x^2` and `2 \ln x` are one where both are defined.

use std::cmp::Ordering;

use super::Fault;
use super::arith::{Engine, Real};
use super::ball::Multi;
use super::complex::{Complex, Plane};
use super::evaluate::{BareLog, Evaluator, Value};
use super::point::{Kind, Point};
use super::survey::Survey;
use crate::math::expr::Expr;
use crate::math::limits::{Budget, TooLarge};

/// Bits in which two constants agree before they count as one, beyond those of the literals.
const TOLERANCE: u64 = 200;
/// The same for values at points that look random, of which more than one has to agree.
const POINT_TOLERANCE: u64 = 120;
/// Bits beyond the tolerance that the first evaluation has.
const SLACK: u64 = 56;
/// Bits of a literal that add to the precision at most.
const LITERAL: u64 = 1_024;
/// Points that have to agree: all in machine numbers and one of them with more bits, or so many
/// with more bits.
const CONFIRMED: usize = 3;
/// Points that are too hard for machine numbers and are tried with more bits.
const UNCLEAR: usize = 3;

/// What a comparison at a point says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The same as far as the arithmetic sees.
    Agree,
    /// Surely not the same.
    Differ,
    /// The arithmetic is too coarse.
    Unclear,
    /// A number is too large for this arithmetic and for every finer one.
    Beyond,
    /// One of them has no value there.
    Undefined,
}

/// What is known of a quotient of two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ratio {
    /// It is a real constant of this sign.
    Constant(Ordering),
    /// It is not the same everywhere.
    Varies,
    /// Nothing.
    Unknown,
}

/// Two expressions and how to read them.
pub(super) struct Probe<'a> {
    pub(super) a: &'a Expr,
    pub(super) b: &'a Expr,
    pub(super) survey: &'a Survey,
    pub(super) bare_log: BareLog,
}

/// The values of the two at a point.
type Pair = Result<(Value, Value), Fault>;

impl Probe<'_> {
    /// Whether the two are equal. `identical` says that they are the same function of their
    /// free symbols wherever they are defined, so that one defined point is enough.
    pub(super) fn equal(&self, identical: bool, budget: &mut Budget<'_>) -> Result<bool, TooLarge> {
        if self.survey.constant() {
            return self.constants(identical, budget);
        }
        let complex = self.survey.imaginary || self.survey.parts;
        let kinds: &[Kind] = if self.survey.parts {
            &[Kind::Complex]
        } else if self.survey.discrete {
            &[Kind::Integer]
        } else {
            &[Kind::Real, Kind::Integer, Kind::Complex]
        };
        for &kind in kinds {
            let strict = !complex && kind != Kind::Complex;
            if let Some(equal) = self.at_points(kind, strict, identical, budget)? {
                return Ok(equal);
            }
        }
        Ok(false)
    }

    fn constants(&self, identical: bool, budget: &mut Budget<'_>) -> Result<bool, TooLarge> {
        let point = Point::new(Kind::Real, 0, false);
        match self.at(&Engine::Double, &point, budget)? {
            Outcome::Differ | Outcome::Undefined => Ok(false),
            Outcome::Agree if identical => Ok(true),
            _ => match self.precisely(&point, budget)? {
                Outcome::Agree => Ok(true),
                Outcome::Differ | Outcome::Undefined => Ok(false),
                Outcome::Unclear | Outcome::Beyond => Err(TooLarge),
            },
        }
    }

    /// The answer of the points of one kind, `None` where no point has values of both.
    fn at_points(
        &self,
        kind: Kind,
        strict: bool,
        identical: bool,
        budget: &mut Budget<'_>,
    ) -> Result<Option<bool>, TooLarge> {
        let mut agreed = Vec::new();
        let mut unclear = Vec::new();
        // Without symbols the points differ in the values of functions without a rule alone.
        let points = if self.survey.symbols == 0 { 2 } else { Point::COUNT };
        for index in 0..points {
            let point = Point::new(kind, index, strict);
            match self.at(&Engine::Double, &point, budget)? {
                Outcome::Differ => return Ok(Some(false)),
                Outcome::Agree if identical => return Ok(Some(true)),
                Outcome::Agree => agreed.push(point),
                Outcome::Unclear | Outcome::Beyond => unclear.push(point),
                Outcome::Undefined => {}
            }
            if identical && unclear.len() > 1 {
                break;
            }
        }
        unclear.truncate(UNCLEAR);
        let wanted = if identical || self.survey.symbols == 0 { 0 } else { CONFIRMED };
        let (mut confirmed, mut open) = (0usize, false);
        for point in agreed.iter().chain(&unclear) {
            match self.precisely(point, budget)? {
                Outcome::Differ => return Ok(Some(false)),
                Outcome::Agree => confirmed += 1,
                Outcome::Unclear | Outcome::Beyond => open = true,
                Outcome::Undefined => {}
            }
            if confirmed >= 1 && confirmed + agreed.len() > wanted {
                break;
            }
        }
        match (confirmed, open) {
            (0, true) => Err(TooLarge),
            (0, false) => Ok(None),
            _ => Ok(Some(true)),
        }
    }

    /// Compares at a point with more and more bits.
    fn precisely(&self, point: &Point, budget: &mut Budget<'_>) -> Result<Outcome, TooLarge> {
        for arith in rungs(self.survey) {
            let outcome = self.at(&arith, point, budget)?;
            if outcome != Outcome::Unclear {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Unclear)
    }

    /// The order of two constants, `None` where they are not real or have no value.
    pub(super) fn order(&self, budget: &mut Budget<'_>) -> Result<Option<Ordering>, TooLarge> {
        let point = Point::new(Kind::Real, 0, false);
        match self.order_by(&Engine::Double, &point, budget) {
            Ok(order) if order != Some(Ordering::Equal) => return Ok(order),
            Err(Fault::Spent(spent)) => return Err(spent),
            Err(Fault::Undefined) => return Ok(None),
            _ => {}
        }
        for arith in rungs(self.survey) {
            match self.order_by(&arith, &point, budget) {
                Ok(order) => return Ok(order),
                Err(Fault::Spent(spent)) => return Err(spent),
                Err(Fault::Undefined) => return Ok(None),
                Err(_) => {}
            }
        }
        Err(TooLarge)
    }

    fn order_by(
        &self,
        arith: &Engine,
        point: &Point,
        budget: &mut Budget<'_>,
    ) -> Result<Option<Ordering>, Fault> {
        let (a, b) = self.values(arith, point, budget)?;
        let (a, b) = match (a, b) {
            (Value::Finite(a), Value::Finite(b)) => (a, b),
            (Value::Infinite(a), Value::Infinite(b)) => return Ok(Some(a.cmp(&b))),
            (Value::Infinite(true), _) | (_, Value::Infinite(false)) => {
                return Ok(Some(Ordering::Greater));
            }
            (Value::Infinite(false), _) | (_, Value::Infinite(true)) => {
                return Ok(Some(Ordering::Less));
            }
        };
        if !is_real(arith, &a)? || !is_real(arith, &b)? {
            return Ok(None);
        }
        let difference = arith.add(&a.re, &arith.negate(&b.re))?;
        match arith.sign(&difference) {
            Some(sign) => Ok(Some(sign)),
            None if arith.negligible(&difference, &[&a.re, &b.re]) => Ok(Some(Ordering::Equal)),
            None => Err(Fault::Unclear),
        }
    }

    /// See [`super::proportional`].
    pub(super) fn proportional(
        &self,
        budget: &mut Budget<'_>,
    ) -> Result<Option<Ordering>, TooLarge> {
        if self.ratio(&Engine::Double, Point::COUNT, budget)? == Ratio::Varies {
            return Ok(None);
        }
        let Some(arith) = rungs(self.survey).next() else { return Ok(None) };
        match self.ratio(&arith, Point::COUNT / 2, budget)? {
            Ratio::Constant(sign) => Ok(Some(sign)),
            Ratio::Varies | Ratio::Unknown => Ok(None),
        }
    }

    /// What `a / b` is at some points.
    fn ratio(
        &self,
        arith: &Engine,
        points: u32,
        budget: &mut Budget<'_>,
    ) -> Result<Ratio, TooLarge> {
        let kind = match self.survey {
            Survey { parts: true, .. } => Kind::Complex,
            Survey { discrete: true, .. } => Kind::Integer,
            _ => Kind::Real,
        };
        let strict = !(self.survey.imaginary || self.survey.parts);
        let plane = Plane(arith);
        let mut ratio: Option<(Complex, Ordering)> = None;
        let mut agreed = 0;
        for index in 0..points {
            let (a, b) = match self.values(arith, &Point::new(kind, index, strict), budget) {
                Ok((Value::Finite(a), Value::Finite(b))) => (a, b),
                Err(Fault::Spent(spent)) => return Err(spent),
                _ => continue,
            };
            let Some((ratio, _)) = &ratio else {
                ratio = nonzero_ratio(arith, &a, &b);
                continue;
            };
            match plane.multiply(ratio, &b).and_then(|b| compare_finite(arith, &a, &b)) {
                Ok(Outcome::Agree) => agreed += 1,
                Ok(Outcome::Differ) => return Ok(Ratio::Varies),
                _ => {}
            }
        }
        Ok(match ratio {
            Some((_, sign)) if agreed >= 2 || self.survey.constant() => Ratio::Constant(sign),
            _ => Ratio::Unknown,
        })
    }

    fn values(&self, arith: &Engine, point: &Point, budget: &mut Budget<'_>) -> Pair {
        let mut evaluator = Evaluator::new(arith, point, self.bare_log, budget);
        Ok((evaluator.value(self.a)?, evaluator.value(self.b)?))
    }

    fn at(
        &self,
        arith: &Engine,
        point: &Point,
        budget: &mut Budget<'_>,
    ) -> Result<Outcome, TooLarge> {
        let values = self.values(arith, point, budget);
        match values.and_then(|(a, b)| compare(arith, &a, &b)) {
            Ok(outcome) => Ok(outcome),
            Err(Fault::Undefined) => Ok(Outcome::Undefined),
            Err(Fault::Size) => Ok(Outcome::Beyond),
            Err(Fault::Unclear | Fault::Unknown) => Ok(Outcome::Unclear),
            Err(Fault::Spent(too_large)) => Err(too_large),
        }
    }
}

/// `a / b` and its sign, where it is surely real and not zero.
fn nonzero_ratio(arith: &Engine, a: &Complex, b: &Complex) -> Option<(Complex, Ordering)> {
    let ratio = Plane(arith).divide(a, b).ok()?;
    let sign = arith.sign(&ratio.re).filter(|sign| sign.is_ne())?;
    is_real(arith, &ratio).ok()?.then(|| (Complex::real(ratio.re), sign))
}

/// Whether an imaginary part is nothing beside the real one.
fn is_real(arith: &Engine, a: &Complex) -> Result<bool, Fault> {
    let Some(im) = &a.im else { return Ok(true) };
    match arith.sign(im) {
        Some(sign) => Ok(sign.is_eq()),
        None if arith.negligible(im, &[&a.re]) => Ok(true),
        None => Err(Fault::Unclear),
    }
}

/// The precisions to try, one after the other.
pub(super) fn rungs(survey: &Survey) -> impl Iterator<Item = Engine> {
    let literal = if survey.literal_bits > 64 { survey.literal_bits.min(LITERAL) } else { 0 };
    let tolerance = literal + if survey.constant() { TOLERANCE } else { POINT_TOLERANCE };
    (0..3u32).map(move |rung| {
        Engine::Multi(Multi { bits: (tolerance + SLACK) << rung, tolerance, last: rung == 2 })
    })
}

fn compare(arith: &Engine, a: &Value, b: &Value) -> Result<Outcome, Fault> {
    match (a, b) {
        (Value::Finite(a), Value::Finite(b)) => compare_finite(arith, a, b),
        (Value::Infinite(a), Value::Infinite(b)) if a == b => Ok(Outcome::Agree),
        _ => Ok(Outcome::Differ),
    }
}

fn compare_finite(arith: &Engine, a: &Complex, b: &Complex) -> Result<Outcome, Fault> {
    let difference = Plane(arith).subtract(a, b)?;
    let parts = [Some(&difference.re), difference.im.as_ref()];
    let apart = |part: &Real| arith.sign(part).is_some_and(|sign| !sign.is_eq());
    if parts.iter().flatten().any(|part| apart(part)) {
        return Ok(Outcome::Differ);
    }
    let mut scale = vec![&a.re, &b.re];
    scale.extend(a.im.iter().chain(&b.im));
    let nothing =
        |part: &Real| arith.sign(part) == Some(Ordering::Equal) || arith.negligible(part, &scale);
    let agree = parts.iter().flatten().all(|part| nothing(part));
    Ok(if agree { Outcome::Agree } else { Outcome::Unclear })
}
