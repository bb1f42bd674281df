//! Whether probabilities are as often right as they say.

use serde::{Deserialize, Serialize};

/// Bins of equal width from a half, below which no answer is the likelier one, to 1.
const BINS: usize = 10;

/// Answers of like confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Least confidence.
    pub from: f64,
    /// Confidence that the next bin begins with.
    pub to: f64,
    /// Answers.
    pub count: usize,
    /// Their mean confidence; 0 without any.
    pub confidence: f64,
    /// Share of them that is right; 0 without any.
    pub accuracy: f64,
}

/// How far confidence and accuracy lie apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Expected calibration error (Guo et al. 2017, arXiv 1706.04599, equation 3): the mean over answers
    /// of `|accuracy - confidence|` of their bin.
    pub expected_error: f64,
    /// The reliability table: ten bins from 0.5 to 1.
    pub bins: Vec<ReliabilityBin>,
}

impl Calibration {
    /// Of answers: the probability of each, 0.5 to 1, and 1 where it is right, 0 where not.
    pub fn of(answers: impl Iterator<Item = (f64, f64)>) -> Self {
        let width = 0.5 / BINS as f64;
        let mut bins: Vec<ReliabilityBin> = (0..BINS)
            .map(|i| ReliabilityBin {
                from: 0.5 + width * i as f64,
                to: 0.5 + width * (i + 1) as f64,
                ..ReliabilityBin::default()
            })
            .collect();
        for (confidence, right) in answers {
            let place = ((confidence - 0.5) / width).floor().clamp(0.0, (BINS - 1) as f64);
            let bin = &mut bins[place as usize];
            bin.count += 1;
            bin.confidence += confidence;
            bin.accuracy += right;
        }
        let total: usize = bins.iter().map(|bin| bin.count).sum();
        for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
            bin.confidence /= bin.count as f64;
            bin.accuracy /= bin.count as f64;
        }
        let gap = |bin: &ReliabilityBin| {
            bin.count as f64 / total.max(1) as f64 * (bin.accuracy - bin.confidence).abs()
        };
        Self { expected_error: bins.iter().map(gap).sum(), bins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_weighs_each_bin_by_its_answers() {
        // Three at 0.6 of which two are right, one at 1 that is wrong.
        let answers = [(0.6, 1.0), (0.6, 0.0), (0.6, 1.0), (1.0, 0.0)];
        let calibration = Calibration::of(answers.into_iter());
        let expected = 0.75 * (2.0_f64 / 3.0 - 0.6) + 0.25;
        assert!((calibration.expected_error - expected).abs() < 1e-12);
        assert_eq!(calibration.bins.iter().map(|b| b.count).sum::<usize>(), 4);
        let last = calibration.bins.last().expect("bins");
        assert_eq!((last.count, last.accuracy, last.confidence), (1, 0.0, 1.0));
        assert!((last.to - 1.0).abs() < 1e-12 && (calibration.bins[0].from - 0.5).abs() < 1e-12);
    }

    #[test]
    fn what_is_right_as_often_as_it_says_has_no_error() {
        let answers = (0..100).map(|i| (0.75, f64::from(u8::from(i < 75))));
        assert!(Calibration::of(answers).expected_error < 1e-12);
        assert_eq!(Calibration::of(std::iter::empty()).expected_error, 0.0);
    }
}
