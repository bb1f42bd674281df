//! Numbers for readers: ticks of axes at round values, and how values are written.

/// Round values of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ticks {
    /// The values, rising, at equal distances.
    pub(super) values: Vec<f64>,
    /// Their distance: 1, 2 or 5 times a power of ten.
    pub(super) step: f64,
}

impl Ticks {
    /// About `count` of them that reach at least from `low` to `high`.
    pub(super) fn around(low: f64, high: f64, count: usize) -> Self {
        let (low, high) = widened(low, high);
        let step = round_step((high - low) / count.max(1) as f64);
        // A hair of tolerance: 0.3 / 0.1 is a little below 3.
        let first = (low / step + 1e-9).floor();
        let last = (high / step - 1e-9).ceil();
        Self::between(first, last, step)
    }

    /// About `count` of them that lie from `low` to `high`, whole numbers only.
    pub(super) fn whole_within(low: f64, high: f64, count: usize) -> Self {
        let (low, high) = widened(low, high);
        let step = round_step((high - low) / count.max(1) as f64).max(1.0);
        Self::between((low / step - 1e-9).ceil(), (high / step + 1e-9).floor(), step)
    }

    fn between(first: f64, last: f64, step: f64) -> Self {
        let count = (last - first).max(0.0) as usize;
        Self { values: (0..=count).map(|i| (first + i as f64) * step).collect(), step }
    }

    pub(super) fn low(&self) -> f64 {
        self.values.first().copied().unwrap_or(0.0)
    }

    pub(super) fn high(&self) -> f64 {
        self.values.last().copied().unwrap_or(1.0)
    }

    /// How a tick is written: all with the same decimals.
    pub(super) fn label(&self, value: f64) -> String {
        let largest = self.values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        if largest > 0.0 && !(1e-2..1e7).contains(&largest) {
            return scientific(value);
        }
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        grouped(value, decimals)
    }
}

/// A range that is not empty.
fn widened(low: f64, high: f64) -> (f64, f64) {
    if !(low.is_finite() && high.is_finite()) {
        return (0.0, 1.0);
    }
    let (low, high) = (low.min(high), low.max(high));
    match high - low > 1e-12 * low.abs().max(high.abs()) {
        true => (low, high),
        false if low == 0.0 => (0.0, 1.0),
        false => (low - 0.1 * low.abs(), high + 0.1 * high.abs()),
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10.0_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|f| f * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

fn scientific(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.0e}").replacen('-', "−", 1) }
}

/// `value` with so many decimals and a comma between thousands from 10,000 on.
pub(super) fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    // A rounded zero has no sign.
    if value < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        out.push('−');
    }
    for (i, digit) in whole.char_indices() {
        if i > 0 && whole.len() > 4 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// `value` with about three digits that count.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => "-".to_owned(),
        0.0 => "0".to_owned(),
        _ if !(1e-3..1e7).contains(&size) => format!("{value:.1e}").replace('-', "−"),
        _ if size >= 100.0 => grouped(value, 0),
        _ => grouped(value, (2.0 - size.log10().floor()) as usize),
    }
}

/// A share as percent.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", grouped(100.0 * share, 1))
}

/// Seconds as a person says them.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &Ticks) -> Vec<String> {
        ticks.values.iter().map(|&v| ticks.label(v)).collect()
    }

    #[test]
    fn ticks_stand_at_round_values_around_the_data() {
        assert_eq!(
            labels(&Ticks::around(0.0, 0.87, 5)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(labels(&Ticks::around(0.0, 0.3, 3)), ["0.0", "0.1", "0.2", "0.3"]);
        assert_eq!(labels(&Ticks::around(-1.3, 2.0, 4)), ["−2", "−1", "0", "1", "2"]);
        assert_eq!(
            labels(&Ticks::around(0.0, 31_000.0, 4)),
            ["0", "10,000", "20,000", "30,000", "40,000"]
        );
        assert_eq!(
            labels(&Ticks::around(0.0, 9.3e-5, 5)),
            ["0", "2e−5", "4e−5", "6e−5", "8e−5", "1e−4"]
        );
    }

    #[test]
    fn steps_have_whole_ticks_inside_their_range() {
        assert_eq!(labels(&Ticks::whole_within(0.0, 240.0, 5)), ["0", "50", "100", "150", "200"]);
        assert_eq!(labels(&Ticks::whole_within(1.0, 3.0, 5)), ["1", "2", "3"]);
    }

    #[test]
    fn flat_and_missing_data_have_an_axis() {
        for (low, high) in [(0.0, 0.0), (5.0, 5.0), (-2.0, -2.0), (f64::NAN, 1.0)] {
            let ticks = Ticks::around(low, high, 5);
            assert!(
                ticks.values.len() >= 2 && ticks.high() > ticks.low(),
                "{low} {high}: {ticks:?}"
            );
            assert!(low.is_nan() || (ticks.low() <= low && high <= ticks.high()), "{ticks:?}");
        }
    }

    #[test]
    fn ticks_are_few_and_cover_whatever_the_range() {
        for exponent in -12..12 {
            for factor in [1.0, 1.7, 3.3, 9.99] {
                let high = factor * 10.0_f64.powi(exponent);
                let ticks = Ticks::around(-0.3 * high, high, 5);
                assert!((4..=9).contains(&ticks.values.len()), "{high}: {ticks:?}");
                assert!(
                    ticks.low() <= -0.3 * high && ticks.high() >= high * (1.0 - 1e-8),
                    "{ticks:?}"
                );
            }
        }
    }

    #[test]
    fn numbers_are_written_for_readers() {
        assert_eq!(
            [0.0, 0.123_45, -2.0, 1234.5, 10_400.0, 2.3e-5].map(short),
            ["0", "0.123", "−2.00", "1234", "10,400", "2.3e−5"]
        );
        assert_eq!(percent(0.8734), "87.3 %");
        assert_eq!(grouped(-0.001, 1), "0.0");
        assert_eq!(
            [3.21, 31.2, 250.0, 7300.0].map(duration),
            ["3.2 s", "31 s", "4 min 10 s", "2 h 1 min"]
        );
    }
}
