//! The points at which free symbols are given values.

use num_bigint::BigInt;

use super::Fault;
use super::arith::Engine;
use super::complex::Complex;
use super::seed::Seed;

/// What the values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Real numbers of several ranges.
    Real,
    /// Integers, most of them positive.
    Integer,
    /// Complex numbers.
    Complex,
}

/// A value for every name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) kind: Kind,
    pub(super) index: u32,
    /// Whether what is not real on the way makes an expression undefined.
    pub(super) strict: bool,
}

/// Ranges of the real points; the last bound says whether signs are mixed.
const RANGES: [(f64, f64, bool); 8] = [
    (1.25, 3.5, false),
    (-3.5, -1.25, false),
    (0.125, 0.875, false),
    (0.25, 6.0, true),
    (5.0, 60.0, false),
    (-0.875, -0.125, false),
    (-60.0, -5.0, false),
    (0.25, 30.0, true),
];

impl Point {
    /// Points of a kind that are tried at most.
    pub(super) const COUNT: u32 = 8;

    pub(super) fn new(kind: Kind, index: u32, strict: bool) -> Self {
        Self { kind, index, strict }
    }

    /// The value of a free symbol.
    pub(super) fn variable(&self, name: &str, arith: &Engine) -> Result<Complex, Fault> {
        let seed = Seed::new("variable").text(name).number(self.index.into());
        match self.kind {
            Kind::Real => {
                let at = usize::try_from(self.index).unwrap_or(0) % RANGES.len();
                let (low, high, mixed) = RANGES[at];
                let size = low + quantised(seed.fraction() * (high - low));
                let negative = mixed && seed.number(1).fraction() < 0.5;
                Ok(Complex::real(arith.dyadic(if negative { -size } else { size })?))
            }
            Kind::Integer => {
                // Growing with the index: 2 to 5, ..., 2 to 19; the last two also below zero.
                let most = 4 + 2 * u64::from(self.index);
                let n = BigInt::from(2 + seed.finish() % most);
                let negative = self.index >= Self::COUNT - 2 && seed.number(1).fraction() < 0.5;
                Ok(Complex::real(arith.integer(&if negative { -n } else { n })?))
            }
            Kind::Complex => self.opaque(seed, arith),
        }
    }

    /// A value that stands for a function without a rule.
    pub(super) fn opaque(&self, seed: Seed, arith: &Engine) -> Result<Complex, Fault> {
        let part = |seed: Seed| {
            let size = 0.25 + quantised(seed.fraction() * 2.0);
            arith.dyadic(if seed.number(1).fraction() < 0.5 { -size } else { size })
        };
        let re = part(seed)?;
        let im = if self.kind == Kind::Complex { Some(part(seed.number(2))?) } else { None };
        Ok(Complex { re, im })
    }
}

/// Rounded to a multiple of 2^-40, so that both arithmetics hold it exactly.
fn quantised(value: f64) -> f64 {
    const STEPS: f64 = (1u64 << 40) as f64;
    (value * STEPS).round() / STEPS
}
