//! How far the sampler's log-probabilities are from the trainer's for the same ids and weights.

/// Mean gaps from here on are shown beside the step: rounded weights come to some hundredths of a nat,
/// other code of the same weights to less than a thousandth.
const NOTABLE_MEAN: f64 = 0.05;
/// So are mean ratios that are further from 1.
const NOTABLE_RATIO: f64 = 0.1;

/// The gap over the tokens of a rollout, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gap {
    /// Mean absolute difference.
    pub(super) mean: f64,
    /// Largest one.
    pub(super) max: f64,
    /// Mean of `exp(trainer's - sampler's)`: 1 in expectation, whatever the gap, over many tokens.
    pub(super) ratio: f64,
}

impl Gap {
    /// Over pairs of the trainer's and the sampler's; `None` of no token.
    pub(super) fn of(pairs: impl Iterator<Item = (f64, f64)>) -> Option<Self> {
        let (mut sum, mut max, mut ratios, mut count) = (0.0, 0.0, 0.0, 0.0);
        for (trainer, sampler) in pairs {
            let difference = trainer - sampler;
            sum += difference.abs();
            max = f64::max(max, difference.abs());
            ratios += difference.exp();
            count += 1.0;
        }
        (count > 0.0).then(|| Self { mean: sum / count, max, ratio: ratios / count })
    }

    /// Whether it is out of the ordinary.
    pub(super) fn is_notable(&self) -> bool {
        !(self.mean < NOTABLE_MEAN && (self.ratio - 1.0).abs() < NOTABLE_RATIO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_measured_over_all_tokens() {
        let pairs = [(-1.0, -1.5), (-2.0, -1.75), (-3.0, -3.0)];
        let gap = Gap::of(pairs.into_iter()).unwrap();
        assert_eq!((gap.mean, gap.max), (0.25, 0.5));
        let ratio = (0.5_f64.exp() + (-0.25_f64).exp() + 1.0) / 3.0;
        assert!((gap.ratio - ratio).abs() < 1e-15);
        assert_eq!(Gap::of(std::iter::empty()), None);
    }

    #[test]
    fn rounding_is_ordinary_and_other_weights_are_not() {
        let gap = |mean: f64, ratio: f64| Gap { mean, max: 1.0, ratio };
        assert!(!gap(0.02, 1.01).is_notable());
        assert!(gap(0.2, 1.0).is_notable());
        assert!(gap(0.01, 0.8).is_notable());
        assert!(gap(f64::NAN, f64::NAN).is_notable());
    }
}
