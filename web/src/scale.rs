//! Axes of a chart: round ticks, and from values to places.

/// One axis: the interval of values and its ticks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) ticks: Vec<f64>,
}

impl Axis {
    /// An axis that holds both ends, with about so many ticks at round values; the ends are moved
    /// out to ticks.
    pub(crate) fn round(low: f64, high: f64, about: usize) -> Self {
        let step = step(high - low, about);
        let (first, last) =
            ((low / step).floor(), (high / step).ceil().max((low / step).floor() + 1.0));
        let ticks = (0..=(last - first) as usize).map(|i| (first + i as f64) * step).collect();
        Self { low: first * step, high: last * step, ticks }
    }

    /// An axis with these very ends; only ticks between them.
    pub(crate) fn between(low: f64, high: f64, about: usize) -> Self {
        let Self { ticks, .. } = Self::round(low, high, about);
        let ticks = ticks.into_iter().filter(|tick| (low..=high).contains(tick)).collect();
        Self { low, high, ticks }
    }

    /// Where a value lies between `from` (the low end) and `to`; values outside are put on the ends.
    pub(crate) fn place(&self, value: f64, from: f64, to: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        from + share * (to - from)
    }
}

/// The round step (1, 2 or 5 times a power of ten) that gives about so many ticks.
fn step(span: f64, about: usize) -> f64 {
    let raw = span.max(1e-9) / about.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|f| f * power >= raw * 0.999).unwrap_or(10.0);
    factor * power
}

/// The mean of each value and up to `window - 1` values before it.
pub(crate) fn running_mean(values: &[f64], window: usize) -> Vec<f64> {
    (1..=values.len())
        .map(|end| {
            let last = &values[end.saturating_sub(window)..end];
            last.iter().sum::<f64>() / last.len() as f64
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_the_values() {
        let axis = Axis::round(23.0, 47.0, 3);
        assert_eq!((axis.low, axis.high), (20.0, 50.0));
        assert_eq!(axis.ticks, [20.0, 30.0, 40.0, 50.0]);
        assert_eq!(Axis::round(5.0, 5.0, 3).ticks.len(), 2);
        assert_eq!(Axis::between(1.0, 38.0, 4).ticks, [10.0, 20.0, 30.0]);
    }

    #[test]
    fn places_run_from_end_to_end() {
        let axis = Axis::round(0.0, 2.0, 2);
        assert_eq!(axis.place(0.5, 100.0, 0.0), 75.0);
        assert_eq!(axis.place(9.0, 100.0, 0.0), 0.0);
    }

    #[test]
    fn the_running_mean_starts_with_what_there_is() {
        assert_eq!(running_mean(&[2.0, 4.0, 6.0, 8.0], 2), [2.0, 3.0, 5.0, 7.0]);
        assert_eq!(running_mean(&[], 2), Vec::<f64>::new());
    }
}
