//! Curves of steps: smoothing, thinning, and the seeds of a recipe as one.

use std::collections::BTreeMap;

/// Points that a curve keeps at most.
pub(super) const MOST_POINTS: usize = 160;
/// Curves of fewer points are drawn as they are.
const LEAST_SMOOTHED: usize = 12;
/// A moving average spans this part of a curve.
const WINDOW_PARTS: usize = 20;

/// A point of a curve: step of the stage, value.
pub(super) type Point = (f64, f64);

/// Points that the moving average over a curve of `length` points spans, an odd number; 1 for none.
pub(super) fn window(length: usize) -> usize {
    if length < LEAST_SMOOTHED { 1 } else { (length / WINDOW_PARTS).max(3) | 1 }
}

/// Centred moving average over `window` points; of those that there are towards the ends, so that
/// the last value is no single step's.
pub(super) fn smoothed(points: &[Point], window: usize) -> Vec<Point> {
    // Whoever adds up the whole curve loses digits; a window is short.
    let mean = |i: usize| {
        let reach = window / 2;
        let part = &points[i.saturating_sub(reach)..(i + reach + 1).min(points.len())];
        part.iter().map(|p| p.1).sum::<f64>() / part.len() as f64
    };
    points.iter().enumerate().map(|(i, &(x, _))| (x, mean(i))).collect()
}

/// Positions of at most `most` points that show the same curve: first, last, and the lowest and
/// highest of equal parts between, so that no peak is lost.
pub(super) fn thinned(values: &[f64], most: usize) -> Vec<usize> {
    let length = values.len();
    if length <= most || most < 4 {
        return (0..length.min(most)).collect();
    }
    let (inner, parts) = (length - 2, (most - 2) / 2);
    let mut kept = vec![0];
    for part in 0..parts {
        let range = 1 + part * inner / parts..1 + (part + 1) * inner / parts;
        let by = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]);
        let (low, high) = (range.clone().min_by(by), range.max_by(by));
        let mut pair: Vec<usize> = low.into_iter().chain(high).collect();
        pair.sort_unstable();
        pair.dedup();
        kept.extend(pair);
    }
    kept.push(length - 1);
    kept
}

/// The curve with at most [`MOST_POINTS`] points.
pub(super) fn thinned_points(points: &[Point]) -> Vec<Point> {
    let values: Vec<f64> = points.iter().map(|p| p.1).collect();
    thinned(&values, MOST_POINTS).into_iter().map(|i| points[i]).collect()
}

/// Mean, least and most of several runs at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) x: f64,
    pub(super) mean: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The curves of several runs as one; at steps that some runs have not reached yet, of the others.
pub(super) fn spread(curves: &[Vec<Point>]) -> Vec<Spread> {
    let mut steps: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for &(x, y) in curves.iter().flatten() {
        steps.entry(x as u64).or_default().push(y);
    }
    let of = |(x, values): (u64, Vec<f64>)| Spread {
        x: x as f64,
        mean: values.iter().sum::<f64>() / values.len() as f64,
        low: values.iter().copied().fold(f64::INFINITY, f64::min),
        high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    };
    steps.into_iter().map(of).collect()
}

/// The same with at most [`MOST_POINTS`] steps.
pub(super) fn thinned_spread(spread: &[Spread]) -> Vec<Spread> {
    let means: Vec<f64> = spread.iter().map(|s| s.mean).collect();
    thinned(&means, MOST_POINTS).into_iter().map(|i| spread[i]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(length: usize, y: impl Fn(f64) -> f64) -> Vec<Point> {
        (0..length).map(|i| (i as f64, y(i as f64))).collect()
    }

    #[test]
    fn averages_keep_straight_lines_and_flatten_noise() {
        let straight = line(50, |x| 2.0 * x);
        let smooth = smoothed(&straight, 9);
        for (a, b) in smooth.iter().zip(&straight).skip(4).take(42) {
            assert!((a.1 - b.1).abs() < 1e-12, "{a:?} {b:?}");
        }
        // Steps 45 to 49, twice each.
        assert_eq!(smooth[49], (49.0, 94.0));
        let noise = line(50, |x| if (x as usize).is_multiple_of(2) { 1.0 } else { -1.0 });
        assert_eq!(smoothed(&noise, 3)[25].1, 1.0 / 3.0);
        assert_eq!(smoothed(&noise, 1), noise);
    }

    #[test]
    fn windows_are_odd_and_short_curves_have_none() {
        assert_eq!([1, 11, 12, 100, 200, 10_400].map(window), [1, 1, 3, 5, 11, 521]);
    }

    #[test]
    fn long_curves_keep_their_peaks_and_ends_in_few_points() {
        let mut points = line(10_400, |x| (x / 300.0).sin());
        points[5_003].1 = 40.0;
        points[7_777].1 = -30.0;
        let thin = thinned_points(&points);
        assert!(thin.len() <= MOST_POINTS && thin.len() > MOST_POINTS / 2, "{}", thin.len());
        for kept in [points[0], points[5_003], points[7_777], points[10_399]] {
            assert!(thin.contains(&kept), "{kept:?}");
        }
        assert!(thin.windows(2).all(|w| w[0].0 < w[1].0));
        assert_eq!(thinned_points(&points[..MOST_POINTS]), &points[..MOST_POINTS]);
    }

    #[test]
    fn seeds_are_a_mean_between_the_least_and_the_most() {
        let runs = [vec![(1.0, 1.0), (2.0, 4.0)], vec![(1.0, 3.0)]];
        let expected = [
            Spread { x: 1.0, mean: 2.0, low: 1.0, high: 3.0 },
            Spread { x: 2.0, mean: 4.0, low: 4.0, high: 4.0 },
        ];
        assert_eq!(spread(&runs), expected);
    }
}
