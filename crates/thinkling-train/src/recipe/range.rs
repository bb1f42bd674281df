//! Ranges of the numbers in a recipe.

/// Range of a number; both ends belong to it unless said otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    low: f64,
    high: f64,
    without_low: bool,
}

/// Above 0.
pub(crate) const POSITIVE: Range = Range { low: 0.0, high: f64::MAX, without_low: true };
/// 0 or above.
pub(crate) const NOT_NEGATIVE: Range = Range { low: 0.0, high: f64::MAX, without_low: false };
/// 0 to 1.
pub(crate) const SHARE: Range = Range { low: 0.0, high: 1.0, without_low: false };
/// Above 0 up to 1.
pub(crate) const POSITIVE_SHARE: Range = Range { low: 0.0, high: 1.0, without_low: true };
/// Any finite number.
pub(crate) const ANY: Range = Range { low: f64::MIN, high: f64::MAX, without_low: false };
/// A time: above 0, up to a day.
pub(crate) const SECONDS: Range = Range { low: 0.0, high: 86_400.0, without_low: true };

impl Range {
    /// From 0, below 1.
    pub(crate) const BELOW_ONE: Self =
        Self { low: 0.0, high: 1.0 - f64::EPSILON, without_low: false };
    /// Above 0, below 1.
    pub(crate) const BETWEEN_ZERO_AND_ONE: Self =
        Self { low: 0.0, high: 1.0 - f64::EPSILON, without_low: true };
    /// 0 and nothing else.
    pub(crate) const fn only_zero() -> Self {
        Self { low: 0.0, high: 0.0, without_low: false }
    }
    /// A finite number of at least `low`.
    pub(crate) fn from(low: f64) -> Self {
        Self { low, high: f64::MAX, without_low: false }
    }

    /// A finite number above `low`.
    pub(crate) fn above(low: f64) -> Self {
        Self { low, high: f64::MAX, without_low: true }
    }

    /// Whether `x` lies in it.
    pub(crate) fn contains(self, x: f64) -> bool {
        x.is_finite()
            && x <= self.high
            && if self.without_low { x > self.low } else { x >= self.low }
    }

    /// It in words, for messages.
    pub(crate) fn words(self) -> String {
        match (self.low, self.high) {
            (f64::MIN, _) => "a finite number".to_owned(),
            (low, f64::MAX) if self.without_low => format!("a number above {low}"),
            (low, f64::MAX) => format!("a number of at least {low}"),
            (low, high) if self.without_low => format!("a number above {low} up to {high}"),
            (low, high) => format!("a number from {low} to {high}"),
        }
    }
}
