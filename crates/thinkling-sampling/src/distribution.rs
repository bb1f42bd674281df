//! Log-softmax of one position, its entropy and its best tokens.

use thinkling_cpu::math::{exp, largest};
use thinkling_cpu::vectorised;

/// Probabilities that are added in f32 before the sum goes on in f64.
pub(crate) const BLOCK: usize = 256;

/// Normaliser of `softmax(logits / temperature)` for one position.
///
/// `logprob(i) = logits[i] / temperature - log(sum_j exp(logits[j] / temperature))`, in nats;
/// the sum runs in f64 so that a vocabulary of 150,000 loses nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogSoftmax {
    inverse_temperature: f64,
    log_normaliser: f64,
}

impl LogSoftmax {
    /// Reads `logits` once. `temperature` must be above 0.
    pub fn new(logits: &[f32], temperature: f64) -> Self {
        let mut block = [0f32; BLOCK];
        Self::by_blocks(logits, temperature, |_, exponents| exponents.raise(&mut block))
    }

    /// [`Self::new`] that also leaves `exp((logit - largest) / temperature)` of each token in
    /// `masses`, and the sum of each [`BLOCK`] of them in `sums`.
    pub(crate) fn with_masses(
        logits: &[f32],
        temperature: f64,
        masses: &mut Vec<f32>,
        sums: &mut Vec<f64>,
    ) -> Self {
        masses.resize(logits.len(), 0.0);
        sums.clear();
        Self::by_blocks(logits, temperature, |from, exponents| {
            let sum = exponents.raise(&mut masses[from..]);
            sums.push(sum);
            sum
        })
    }

    /// `block` gives the sum of the masses of a block of logits that begins at an index.
    fn by_blocks(
        logits: &[f32],
        temperature: f64,
        mut block: impl FnMut(usize, Exponents<'_>) -> f64,
    ) -> Self {
        assert!(temperature > 0.0, "log-softmax needs a temperature above 0, got {temperature}");
        let inverse_temperature = 1.0 / temperature;
        let max = largest_logit(logits);
        let scale = inverse_temperature as f32;
        let blocks = logits.chunks(BLOCK).enumerate();
        let sum: f64 =
            blocks.map(|(i, logits)| block(i * BLOCK, Exponents { logits, max, scale })).sum();
        let log_normaliser = f64::from(max) * inverse_temperature + sum.ln();
        Self { inverse_temperature, log_normaliser }
    }

    /// Log-probability, in nats, of a token whose logit is `logit`.
    pub fn logprob(&self, logit: f32) -> f64 {
        f64::from(logit) * self.inverse_temperature - self.log_normaliser
    }
}

/// `(logits - max) * scale`, still to be raised.
struct Exponents<'a> {
    logits: &'a [f32],
    max: f32,
    scale: f32,
}

impl Exponents<'_> {
    /// The masses into `out`, which may be longer; gives their sum.
    fn raise(self, out: &mut [f32]) -> f64 {
        raise(self, out).into_iter().map(f64::from).sum()
    }
}

vectorised! {
    fn largest_logit(logits: &[f32]) -> f32 {
        largest(logits)
    }
}

vectorised! {
    /// Sums in lanes.
    fn raise(exponents: Exponents<'_>, out: &mut [f32]) -> [f32; 16] {
        let Exponents { logits, max, scale } = exponents;
        let mut sums = [0f32; 16];
        for (out, logits) in out.chunks_mut(16).zip(logits.chunks(16)) {
            for ((out, logit), sum) in out.iter_mut().zip(logits).zip(&mut sums) {
                *out = exp((logit - max) * scale);
                *sum += *out;
            }
        }
        sums
    }
}

/// Index of the largest logit; the first one of equals, NaN never.
pub fn argmax(logits: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, &x) in logits.iter().enumerate() {
        if x > best.1 {
            best = (i, x);
        }
    }
    best.0
}

/// Entropy, in nats, of `softmax(logits / temperature)`.
pub fn entropy(logits: &[f32], softmax: &LogSoftmax) -> f64 {
    -logits
        .iter()
        .map(|&x| {
            let lp = softmax.logprob(x);
            if lp.is_finite() { lp.exp() * lp } else { 0.0 }
        })
        .sum::<f64>()
}

/// The `k` most probable tokens with their log-probabilities, best first, equals by id.
pub fn top_logprobs(logits: &[f32], softmax: &LogSoftmax, k: usize) -> Vec<(u32, f64)> {
    let mut ids: Vec<u32> = (0..logits.len() as u32).collect();
    let by_logit =
        |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    let k = k.min(ids.len());
    if k == 0 {
        return Vec::new();
    }
    if k < ids.len() {
        ids.select_nth_unstable_by(k - 1, by_logit);
        ids.truncate(k);
    }
    ids.sort_unstable_by(by_logit);
    ids.into_iter().map(|id| (id, softmax.logprob(logits[id as usize]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_softmax_of_known_values() {
        // softmax of [0, ln 2, ln 5] is [1/8, 2/8, 5/8].
        let logits = [0.0, 2f32.ln(), 5f32.ln()];
        let s = LogSoftmax::new(&logits, 1.0);
        for (x, p) in logits.iter().zip([0.125f64, 0.25, 0.625]) {
            assert!((s.logprob(*x) - p.ln()).abs() < 1e-6);
        }
        // At temperature 1/2 the probabilities are squared: [1, 4, 25] / 30.
        let s = LogSoftmax::new(&logits, 0.5);
        assert!((s.logprob(logits[2]) - (25.0f64 / 30.0).ln()).abs() < 1e-6);
        let h = entropy(&logits, &s);
        let expected: f64 = [1.0f64, 4.0, 25.0].iter().map(|n| -(n / 30.0) * (n / 30.0).ln()).sum();
        assert!((h - expected).abs() < 1e-6);
    }

    #[test]
    fn banned_tokens_have_no_probability_and_do_not_disturb() {
        let logits = [1.0, f32::NEG_INFINITY, 1.0];
        let s = LogSoftmax::new(&logits, 1.0);
        assert!((s.logprob(1.0) - 0.5f64.ln()).abs() < 1e-9);
        assert_eq!(s.logprob(f32::NEG_INFINITY), f64::NEG_INFINITY);
        assert!((entropy(&logits, &s) - 2f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn top_is_sorted_and_breaks_ties_by_id() {
        let logits = [1.0, 3.0, 2.0, 3.0];
        let s = LogSoftmax::new(&logits, 1.0);
        let top: Vec<u32> = top_logprobs(&logits, &s, 3).into_iter().map(|t| t.0).collect();
        assert_eq!(top, [1, 3, 2]);
        assert_eq!(top_logprobs(&logits, &s, 99).len(), 4);
        assert_eq!(argmax(&logits), 1);
    }
}
