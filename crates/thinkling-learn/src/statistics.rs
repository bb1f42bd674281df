//! Estimates of an evaluation: pass@j without bias, and intervals by the bootstrap over problems.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Resamples of a bootstrap: the ends of the intervals move by about a fiftieth of their width
/// from seed to seed.
pub const RESAMPLES: usize = 5000;

/// Probability outside an interval, half of it on each side.
const OUTSIDE: f64 = 0.05;

/// A mean over problems with its 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// The probability that at least one of `j` answers is right, estimated without bias from `n`
/// answers of which `c` are right: `1 - C(n - c, j) / C(n, j)` (Chen et al. 2021, arXiv
/// 2107.03374, equation 1), as the product `1 - prod_{i = n-c+1}^{n} (1 - j / i)`, in which no
/// factor is large.
///
/// # Panics
/// Where `c` or `j` is larger than `n`: of fewer than `j` answers nothing is known.
pub fn pass_at(j: usize, n: usize, c: usize) -> f64 {
    assert!(c <= n && j <= n, "pass@{j} of {c} right answers among {n}");
    if j > n - c {
        return 1.0;
    }
    let fails: f64 = (n - c + 1..=n).map(|i| 1.0 - j as f64 / i as f64).product();
    1.0 - fails
}

/// The `j` at which pass@j is given for `k` answers: 1, 2, 4, .. and `k` itself.
pub fn pass_at_steps(k: usize) -> Vec<usize> {
    let mut steps: Vec<usize> =
        std::iter::successors(Some(1_usize), |j| j.checked_mul(2)).take_while(|&j| j < k).collect();
    steps.push(k.max(1));
    steps
}

/// Means of several measures over problems, each with its 95 % interval by the percentile
/// bootstrap (Efron 1979): problems are drawn with replacement, `resamples` times as many as there
/// are, and the ends are the 2.5 % and 97.5 % quantiles of the means, interpolated between order
/// statistics. All measures share the draws. `rows` has one row of values a problem.
///
/// A sample in which all problems are alike, or of one problem, has an interval of no width: the
/// bootstrap knows nothing beyond its sample.
///
/// # Panics
/// Where rows have different lengths.
pub fn bootstrap(rows: &[Vec<f64>], resamples: usize, seed: u64) -> Vec<Estimate> {
    let Some(measures) = rows.first().map(Vec::len) else { return Vec::new() };
    assert!(rows.iter().all(|row| row.len() == measures), "a value of each measure a problem");
    let n = rows.len();
    let mean = |sums: &[f64]| -> Vec<f64> { sums.iter().map(|sum| sum / n as f64).collect() };
    let add = |sums: &mut [f64], row: &[f64]| {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    };
    let mut all = vec![0.0; measures];
    rows.iter().for_each(|row| add(&mut all, row));
    let values = mean(&all);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut means: Vec<Vec<f64>> = vec![Vec::with_capacity(resamples); measures];
    for _ in 0..resamples {
        let mut sums = vec![0.0; measures];
        (0..n).for_each(|_| add(&mut sums, &rows[rng.random_range(0..n)]));
        means.iter_mut().zip(mean(&sums)).for_each(|(all, mean)| all.push(mean));
    }
    let estimate = |(mut means, value): (Vec<f64>, f64)| {
        means.sort_unstable_by(f64::total_cmp);
        // Sums in another order differ in their last bits.
        let low = quantile(&means, OUTSIDE / 2.0).unwrap_or(value).min(value);
        let high = quantile(&means, 1.0 - OUTSIDE / 2.0).unwrap_or(value).max(value);
        Estimate { value, low, high }
    };
    means.into_iter().zip(values).map(estimate).collect()
}

/// The 97.5 % quantiles of Student's t for 1 to 9 degrees of freedom, to three decimals.
const STUDENT: [f64; 9] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/// The mean of what runs with several seeds gave, with its 95 % interval by Student's t: what other
/// seeds may give, where runs scatter normally. Of more than ten runs the interval is a little wider
/// than it need be. One run has an interval of no width, none gives zeros.
pub fn mean_of_runs(values: &[f64]) -> Estimate {
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n.max(1) as f64;
    let Some(degrees) = n.checked_sub(1).filter(|degrees| *degrees > 0) else {
        return Estimate { value: mean, low: mean, high: mean };
    };
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / degrees as f64 / n as f64).sqrt();
    let half = STUDENT[degrees.min(STUDENT.len()) - 1] * deviation;
    Estimate { value: mean, low: mean - half, high: mean + half }
}

/// The quantile of ascending values, linear between the two nearest; none of no values.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share * last as f64;
    let below = at.floor();
    let (low, high) = (sorted[below as usize], sorted[(below as usize + 1).min(last)]);
    Some(low + (at - below) * (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::RngCore;

    /// Sums and products of a few doubles.
    const ROUNDING: f64 = 1e-12;

    #[test]
    fn pass_at_j_is_the_share_of_j_subsets_with_a_right_answer() {
        // By hand: C(2,2)/C(4,2) = 1/6 of the pairs hold no right one, and so on.
        for (j, n, c, expected) in [
            (1, 4, 2, 0.5),
            (2, 4, 2, 5.0 / 6.0),
            (3, 4, 2, 1.0),
            (4, 4, 0, 0.0),
            (1, 8, 3, 3.0 / 8.0),
            (4, 8, 3, 1.0 - 5.0 / 70.0),
            (2, 5, 1, 0.4),
            (10, 10, 1, 1.0),
        ] {
            assert!((pass_at(j, n, c) - expected).abs() < ROUNDING, "{j} {n} {c}");
        }
    }

    /// The subsets themselves, counted.
    #[test]
    fn pass_at_j_agrees_with_counting_every_subset() {
        for n in 1..=10_usize {
            for c in 0..=n {
                let mut hits = vec![0_u32; n + 1];
                let mut sets = vec![0_u32; n + 1];
                for set in 0_u32..1 << n {
                    let j = set.count_ones() as usize;
                    sets[j] += 1;
                    hits[j] += u32::from(set & ((1 << c) - 1) != 0);
                }
                for j in 1..=n {
                    let expected = f64::from(hits[j]) / f64::from(sets[j]);
                    assert!((pass_at(j, n, c) - expected).abs() < ROUNDING, "{j} {n} {c}");
                }
            }
        }
    }

    #[test]
    fn pass_at_j_is_finite_where_binomials_are_not() {
        let passed = pass_at(5000, 10_000, 1);
        assert!((passed - 0.5).abs() < ROUNDING, "{passed}");
        assert!(pass_at(100, 10_000, 10) > 0.0);
        assert_eq!(pass_at(10_000, 10_000, 0), 0.0);
    }

    #[test]
    fn steps_double_up_to_the_answers_there_are() {
        assert_eq!(pass_at_steps(1), [1]);
        assert_eq!(pass_at_steps(8), [1, 2, 4, 8]);
        assert_eq!(pass_at_steps(6), [1, 2, 4, 6]);
    }

    #[test]
    fn quantiles_lie_between_order_statistics() {
        let values: Vec<f64> = (0..=40).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.025), Some(1.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.25), Some(1.25));
        assert_eq!(quantile(&[3.0], 0.975), Some(3.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    /// Of 0/1 values the resampled mean is binomial: for 10 of 20, its 2.5 % and 97.5 % quantiles
    /// are 6 and 14 of 20 (P(X <= 5) = 0.0207, P(X <= 6) = 0.0577).
    #[test]
    fn an_interval_of_a_share_is_that_of_the_binomial_distribution() {
        let rows: Vec<Vec<f64>> = (0..20).map(|i| vec![f64::from(i % 2), 3.0]).collect();
        let estimates = bootstrap(&rows, 20_000, 1);
        assert_eq!(estimates[0], Estimate { value: 0.5, low: 0.3, high: 0.7 });
        assert_eq!(estimates[1], Estimate { value: 3.0, low: 3.0, high: 3.0 });
        assert!(bootstrap(&[], 10, 1).is_empty());
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_and_another_seed_another_one() {
        let rows: Vec<Vec<f64>> = (0..7).map(|i| vec![f64::from(i * i)]).collect();
        assert_eq!(bootstrap(&rows, 200, 5), bootstrap(&rows, 200, 5));
        assert_ne!(bootstrap(&rows, 200, 5), bootstrap(&rows, 200, 6));
    }

    /// 400 evaluations of 100 problems of unequal difficulty with 4 answers each: the true mean
    /// lies in the interval in 95 % of them, up to chance (standard deviation 1.1 %) and the
    /// bootstrap's known small shortfall at this size.
    #[test]
    fn few_runs_have_students_interval() {
        // 4, 5, 6: standard deviation 1, half 4.303 / sqrt 3.
        let three = mean_of_runs(&[4.0, 5.0, 6.0]);
        assert_eq!(three.value, 5.0);
        assert!((three.high - 5.0 - 4.303 / 3_f64.sqrt()).abs() < 1e-9, "{three:?}");
        let one = mean_of_runs(&[0.3]);
        assert_eq!((one.value, one.low, one.high), (0.3, 0.3, 0.3));
        assert_eq!(mean_of_runs(&[]), Estimate::default());
    }

    #[test]
    fn intervals_cover_the_truth_as_often_as_they_say() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut uniform = || rng.next_u32() as f64 / 2.0_f64.powi(32);
        // Difficulty is uniform squared, so the mean correctness is 1/3.
        let truth = 1.0 / 3.0;
        let covered = (0..400)
            .filter(|&trial| {
                let problem = |_| {
                    let p = uniform().powi(2);
                    let right = (0..4).filter(|_| uniform() < p).count();
                    vec![right as f64 / 4.0]
                };
                let rows: Vec<Vec<f64>> = (0..100).map(problem).collect();
                let estimate = bootstrap(&rows, 400, trial)[0];
                (estimate.low..=estimate.high).contains(&truth)
            })
            .count();
        assert!((364..=392).contains(&covered), "{covered} of 400");
    }
}
