//! Complex numbers over any [`Arithmetic`], with the principal branches.

use std::cmp::Ordering;

use num_bigint::BigInt;

use super::Fault;
use super::arith::{Engine, Real, decided_sign};

/// A complex number.
#[derive(Clone, Debug)]
pub(super) struct Complex {
    pub(super) re: Real,
    /// `None` where it is real by construction.
    pub(super) im: Option<Real>,
}

impl Complex {
    pub(super) fn real(re: Real) -> Self {
        Self { re, im: None }
    }
}

/// Complex arithmetic on top of a real one.
pub(super) struct Plane<'a>(pub(super) &'a Engine);

type Pair = Result<(Complex, Complex), Fault>;
type Answer = Result<Complex, Fault>;

impl Plane<'_> {
    pub(super) fn small(&self, n: i32) -> Result<Real, Fault> {
        self.0.integer(&BigInt::from(n))
    }

    pub(super) fn one(&self) -> Answer {
        Ok(Complex::real(self.small(1)?))
    }

    pub(super) fn imaginary_unit(&self) -> Answer {
        Ok(Complex { re: self.small(0)?, im: Some(self.small(1)?) })
    }

    /// The imaginary part, zero where there is none.
    pub(super) fn im(&self, a: &Complex) -> Result<Real, Fault> {
        a.im.clone().map_or_else(|| self.small(0), Ok)
    }

    pub(super) fn negate(&self, a: &Complex) -> Complex {
        Complex { re: self.0.negate(&a.re), im: a.im.as_ref().map(|im| self.0.negate(im)) }
    }

    pub(super) fn conjugate(&self, a: &Complex) -> Complex {
        Complex { re: a.re.clone(), im: a.im.as_ref().map(|im| self.0.negate(im)) }
    }

    pub(super) fn add(&self, a: &Complex, b: &Complex) -> Answer {
        let re = self.0.add(&a.re, &b.re)?;
        let im = match (&a.im, &b.im) {
            (Some(a), Some(b)) => Some(self.0.add(a, b)?),
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (None, None) => None,
        };
        Ok(self.tidy(Complex { re, im }))
    }

    pub(super) fn subtract(&self, a: &Complex, b: &Complex) -> Answer {
        self.add(a, &self.negate(b))
    }

    pub(super) fn multiply(&self, a: &Complex, b: &Complex) -> Answer {
        let times = |x: &Real, y: &Real| self.0.multiply(x, y);
        Ok(match (&a.im, &b.im) {
            (None, None) => Complex::real(times(&a.re, &b.re)?),
            (Some(im), None) => Complex { re: times(&a.re, &b.re)?, im: Some(times(im, &b.re)?) },
            (None, Some(im)) => Complex { re: times(&a.re, &b.re)?, im: Some(times(&a.re, im)?) },
            (Some(ai), Some(bi)) => {
                let re = self.0.add(&times(&a.re, &b.re)?, &self.0.negate(&times(ai, bi)?))?;
                let im = self.0.add(&times(&a.re, bi)?, &times(ai, &b.re)?)?;
                self.tidy(Complex { re, im: Some(im) })
            }
        })
    }

    /// `a / b`; `Undefined` where `b` is zero.
    pub(super) fn divide(&self, a: &Complex, b: &Complex) -> Answer {
        let Some(bi) = &b.im else {
            if decided_sign(self.0, &b.re)?.is_eq() {
                return Err(Fault::Undefined);
            }
            let im = a.im.as_ref().map(|im| self.0.divide(im, &b.re)).transpose()?;
            return Ok(Complex { re: self.0.divide(&a.re, &b.re)?, im });
        };
        let norm = self.0.add(&self.0.multiply(&b.re, &b.re)?, &self.0.multiply(bi, bi)?)?;
        let over = self.multiply(a, &self.conjugate(b))?;
        self.divide(&over, &Complex::real(norm))
    }

    /// Drops an imaginary part that is exactly zero.
    fn tidy(&self, a: Complex) -> Complex {
        match &a.im {
            Some(im) if self.0.sign(im) == Some(Ordering::Equal) => Complex::real(a.re),
            _ => a,
        }
    }

    /// Whether it is zero.
    pub(super) fn is_zero(&self, a: &Complex) -> Result<bool, Fault> {
        let zero_im = match &a.im {
            Some(im) => self.0.sign(im).map(Ordering::is_eq),
            None => Some(true),
        };
        match (self.0.sign(&a.re).map(Ordering::is_eq), zero_im) {
            (Some(false), _) | (_, Some(false)) => Ok(false),
            (Some(true), Some(true)) => Ok(true),
            _ if self.0.last() => Ok(true),
            _ => Err(Fault::Unclear),
        }
    }

    pub(super) fn abs(&self, a: &Complex) -> Result<Real, Fault> {
        match &a.im {
            None => Ok(match self.0.sign(&a.re) {
                Some(Ordering::Less) => self.0.negate(&a.re),
                Some(_) => a.re.clone(),
                None => self.0.sqrt(&self.0.multiply(&a.re, &a.re)?)?,
            }),
            Some(im) => {
                let square = self.0.multiply(&a.re, &a.re)?;
                self.0.sqrt(&self.0.add(&square, &self.0.multiply(im, im)?)?)
            }
        }
    }

    /// An integral power by squaring.
    pub(super) fn power(&self, base: &Complex, n: u64) -> Answer {
        let mut base = base.clone();
        let mut power: Option<Complex> = None;
        let mut rest = n;
        while rest > 0 {
            if rest & 1 == 1 {
                power = Some(match power {
                    None => base.clone(),
                    Some(power) => self.multiply(&power, &base)?,
                });
            }
            rest >>= 1;
            if rest > 0 {
                base = self.multiply(&base, &base)?;
            }
        }
        power.map_or_else(|| self.one(), Ok)
    }

    pub(super) fn sqrt(&self, a: &Complex) -> Answer {
        let zero = self.small(0)?;
        let Some(im) = &a.im else {
            return Ok(match self.0.sign(&a.re) {
                Some(Ordering::Less) => {
                    Complex { re: zero, im: Some(self.0.sqrt(&self.0.negate(&a.re))?) }
                }
                _ => Complex::real(self.0.sqrt(&a.re)?),
            });
        };
        let half = self.0.ratio(&1.into(), &2.into())?;
        let size = self.abs(a)?;
        // The larger part first; the other from 2 re im = im(a).
        let left = self.0.sign(&a.re) == Some(Ordering::Less);
        // On the right the side of the cut does not matter.
        let upper = !left || decided_sign(self.0, im)?.is_ge();
        let larger = if left { self.0.negate(&a.re) } else { a.re.clone() };
        let larger = self.0.sqrt(&self.0.multiply(&self.0.add(&size, &larger)?, &half)?)?;
        if decided_sign(self.0, &larger)?.is_eq() {
            return Ok(Complex::real(larger));
        }
        let smaller = self.0.multiply(&self.0.divide(im, &larger)?, &half)?;
        Ok(match (left, upper) {
            (false, _) => Complex { re: larger, im: Some(smaller) },
            (true, true) => Complex { re: smaller, im: Some(larger) },
            (true, false) => {
                Complex { re: self.0.negate(&smaller), im: Some(self.0.negate(&larger)) }
            }
        })
    }

    pub(super) fn exp(&self, a: &Complex) -> Answer {
        let size = self.0.exp(&a.re)?;
        let Some(im) = &a.im else { return Ok(Complex::real(size)) };
        let (sin, cos) = self.0.sin_cos(im)?;
        let im = self.0.multiply(&size, &sin)?;
        Ok(Complex { re: self.0.multiply(&size, &cos)?, im: Some(im) })
    }

    /// The principal logarithm; `Undefined` at zero.
    pub(super) fn ln(&self, a: &Complex) -> Answer {
        if self.is_zero(a)? {
            return Err(Fault::Undefined);
        }
        let Some(im) = &a.im else {
            return Ok(match decided_sign(self.0, &a.re)? {
                Ordering::Less => {
                    Complex { re: self.0.ln(&self.0.negate(&a.re))?, im: Some(self.0.pi()?) }
                }
                _ => Complex::real(self.0.ln(&a.re)?),
            });
        };
        let size = self.0.ln(&self.abs(a)?)?;
        Ok(Complex { re: size, im: Some(self.0.atan2(im, &a.re)?) })
    }

    /// `cosh` and `sinh`.
    pub(super) fn hyperbolic(&self, a: &Complex) -> Pair {
        let half = Complex::real(self.0.ratio(&1.into(), &2.into())?);
        let (up, down) = (self.exp(a)?, self.exp(&self.negate(a))?);
        let cosh = self.multiply(&self.add(&up, &down)?, &half)?;
        Ok((cosh, self.multiply(&self.subtract(&up, &down)?, &half)?))
    }

    /// `sin` and `cos`.
    pub(super) fn circular(&self, a: &Complex) -> Pair {
        let (sin, cos) = self.0.sin_cos(&a.re)?;
        let Some(im) = &a.im else { return Ok((Complex::real(sin), Complex::real(cos))) };
        let (cosh, sinh) = self.hyperbolic(&Complex::real(im.clone()))?;
        let times = |x: &Real, y: &Real| self.0.multiply(x, y);
        let sine = Complex { re: times(&sin, &cosh.re)?, im: Some(times(&cos, &sinh.re)?) };
        let down = self.0.negate(&times(&sin, &sinh.re)?);
        Ok((sine, Complex { re: times(&cos, &cosh.re)?, im: Some(down) }))
    }
}
