//! Temperature, top-k, top-p and min-p, and the draw itself.

use crate::distribution::BLOCK;
use crate::{LogSoftmax, Stream, argmax};
use serde::{Deserialize, Serialize};

/// How tokens are drawn. The filters apply in the order top-k, top-p, min-p, each to the
/// distribution at `temperature` renormalised over what the one before it kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingParams {
    /// Divides the logits; 0 means greedy.
    pub temperature: f64,
    /// Keeps the `k` most probable tokens; 0 keeps all.
    pub top_k: usize,
    /// Keeps the smallest set of most probable tokens whose mass reaches `p`; 1 keeps all
    /// (nucleus sampling, arXiv 1904.09751).
    pub top_p: f64,
    /// Keeps tokens at least `p` times as probable as the best; 0 keeps all (arXiv 2407.01082).
    pub min_p: f64,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0 }
    }
}

/// A sampling parameter outside its range.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{name}, expected: {expected}, got: {got}")]
pub struct SamplingError {
    /// Which parameter.
    pub name: &'static str,
    /// Its range, in words.
    pub expected: &'static str,
    /// What was given.
    pub got: f64,
}

impl SamplingParams {
    /// The most probable token at each step.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    /// Whether the most probable token is taken.
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0
    }

    /// Temperature that log-probabilities are given at: 1 when greedy.
    pub fn logprob_temperature(&self) -> f64 {
        if self.is_greedy() { 1.0 } else { self.temperature }
    }

    /// # Errors
    /// The first parameter outside its range.
    pub fn validate(&self) -> Result<(), SamplingError> {
        let check = |ok: bool, name, expected, got| {
            if ok { Ok(()) } else { Err(SamplingError { name, expected, got }) }
        };
        check(
            self.temperature >= 0.0 && self.temperature.is_finite(),
            "temperature",
            "a finite number of at least 0",
            self.temperature,
        )?;
        check(self.top_p > 0.0 && self.top_p <= 1.0, "top-p", "above 0, at most 1", self.top_p)?;
        check((0.0..=1.0).contains(&self.min_p), "min-p", "from 0 to 1", self.min_p)
    }
}

/// A drawn token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampled {
    /// Token id.
    pub id: u32,
    /// Log-probability in nats, before the filters, at the sampling temperature (greedy: 1).
    pub logprob: f64,
}

/// Draws tokens; keeps its scratch memory between calls.
#[derive(Clone, Debug, Default)]
pub struct Sampler {
    params: SamplingParams,
    masses: Vec<f32>,
    sums: Vec<f64>,
    kept: Vec<(u32, f64)>,
}

impl Sampler {
    /// # Errors
    /// A parameter outside its range.
    pub fn new(params: SamplingParams) -> Result<Self, SamplingError> {
        params.validate()?;
        Ok(Self { params, masses: Vec::new(), sums: Vec::new(), kept: Vec::new() })
    }

    /// The parameters of this sampler.
    pub fn params(&self) -> &SamplingParams {
        &self.params
    }

    /// Draws one token from one position's `logits` (`[vocab]`; `-inf` bans a token).
    ///
    /// The draw inverts the cumulative distribution in order of token id, so a difference in the
    /// last bits of the logits changes the token only where the draw lies that close to a border.
    pub fn sample(&mut self, logits: &[f32], stream: &mut Stream) -> Sampled {
        let params = self.params;
        self.sample_by(&params, logits, stream)
    }

    /// [`Self::sample`] by other parameters, which must be within their ranges.
    pub(crate) fn sample_by(
        &mut self,
        params: &SamplingParams,
        logits: &[f32],
        stream: &mut Stream,
    ) -> Sampled {
        self.params = *params;
        let temperature = self.params.logprob_temperature();
        let (id, softmax) = if self.params.is_greedy() {
            (argmax(logits), LogSoftmax::new(logits, temperature))
        } else {
            let (masses, sums) = (&mut self.masses, &mut self.sums);
            let softmax = LogSoftmax::with_masses(logits, temperature, masses, sums);
            (self.draw(stream.uniform()), softmax)
        };
        Sampled { id: id as u32, logprob: softmax.logprob(logits[id]) }
    }

    /// Draws by the masses of this position.
    fn draw(&mut self, uniform: f64) -> usize {
        let SamplingParams { top_k, top_p, min_p, .. } = self.params;
        let all = top_k == 0 || top_k >= self.masses.len();
        if all && top_p >= 1.0 && min_p == 0.0 {
            return self.draw_any(uniform);
        }
        self.kept.clear();
        let masses = self.masses.iter().enumerate();
        self.kept.extend(masses.map(|(i, &mass)| (i as u32, f64::from(mass))));
        let by_probability =
            |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if !all {
            self.kept.select_nth_unstable_by(top_k - 1, by_probability);
            self.kept.truncate(top_k);
        }
        if top_p < 1.0 {
            self.kept.sort_unstable_by(by_probability);
            let total: f64 = self.kept.iter().map(|k| k.1).sum();
            let mut mass = 0.0;
            let reach = self.kept.iter().position(|k| {
                mass += k.1;
                mass >= top_p * total
            });
            self.kept.truncate(reach.map_or(self.kept.len(), |i| i + 1));
        }
        if min_p > 0.0 {
            let best = self.kept.iter().map(|k| k.1).fold(0.0, f64::max);
            self.kept.retain(|k| k.1 >= min_p * best);
        }
        self.kept.sort_unstable_by_key(|k| k.0);
        let total: f64 = self.kept.iter().map(|k| k.1).sum();
        invert(self.kept.iter().map(|k| (k.0 as usize, k.1)), uniform * total)
    }

    /// Draws among all tokens: by the sums of the blocks, then inside one.
    fn draw_any(&self, uniform: f64) -> usize {
        let target = uniform * self.sums.iter().sum::<f64>();
        // The last block with mass where rounding left the sum below the target.
        let (mut chosen, mut before, mut sum) = (0, 0.0, 0.0);
        for (block, &mass) in self.sums.iter().enumerate().filter(|(_, mass)| **mass > 0.0) {
            (chosen, before) = (block, sum);
            sum += mass;
            if sum > target {
                break;
            }
        }
        let from = chosen * BLOCK;
        let block = self.masses.iter().enumerate().skip(from).take(BLOCK);
        invert(block.map(|(i, &mass)| (i, f64::from(mass))), target - before)
    }
}

/// First index whose cumulative mass exceeds `target`; the last one with mass if rounding left
/// the sum below it.
fn invert(masses: impl Iterator<Item = (usize, f64)>, target: f64) -> usize {
    let mut sum = 0.0;
    let mut last = 0;
    for (i, mass) in masses {
        if mass > 0.0 {
            sum += mass;
            last = i;
            if sum > target {
                break;
            }
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frequencies(params: SamplingParams, logits: &[f32], draws: usize) -> Vec<f64> {
        let mut sampler = Sampler::new(params).unwrap();
        let mut stream = Stream::new(3, 0);
        let mut counts = vec![0usize; logits.len()];
        for _ in 0..draws {
            counts[sampler.sample(logits, &mut stream).id as usize] += 1;
        }
        counts.into_iter().map(|n| n as f64 / draws as f64).collect()
    }

    /// Probabilities 0.5, 0.25, 0.15, 0.1 at temperature 1.
    fn logits() -> [f32; 4] {
        [0.25f32.ln(), 0.5f32.ln(), 0.1f32.ln(), 0.15f32.ln()]
    }

    fn assert_near(got: &[f64], want: &[f64]) {
        // 20,000 draws: standard deviation below 0.0036; five of them.
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 0.018), "{got:?} {want:?}");
    }

    #[test]
    fn draws_follow_the_distribution_and_the_filters() {
        let all = SamplingParams::default();
        assert_near(&frequencies(all, &logits(), 20_000), &[0.25, 0.5, 0.1, 0.15]);
        let top_k = SamplingParams { top_k: 2, ..all };
        assert_near(&frequencies(top_k, &logits(), 20_000), &[1.0 / 3.0, 2.0 / 3.0, 0.0, 0.0]);
        // 0.5 + 0.25 = 0.75 < 0.8, so the third token is the one that reaches the mass.
        let top_p = SamplingParams { top_p: 0.8, ..all };
        let expected = [0.25 / 0.9, 0.5 / 0.9, 0.0, 0.15 / 0.9];
        assert_near(&frequencies(top_p, &logits(), 20_000), &expected);
        let min_p = SamplingParams { min_p: 0.4, ..all };
        assert_near(&frequencies(min_p, &logits(), 20_000), &[1.0 / 3.0, 2.0 / 3.0, 0.0, 0.0]);
        let hot = SamplingParams { temperature: 0.5, ..all };
        let z = 0.0625 + 0.25 + 0.01 + 0.0225;
        let squares = [0.0625 / z, 0.25 / z, 0.01 / z, 0.0225 / z];
        assert_near(&frequencies(hot, &logits(), 20_000), &squares);
    }

    #[test]
    fn logprobs_are_taken_before_the_filters_and_greedy_at_temperature_one() {
        let mut stream = Stream::new(0, 0);
        let mut one = Sampler::new(SamplingParams { top_k: 1, ..Default::default() }).unwrap();
        let s = one.sample(&logits(), &mut stream);
        assert_eq!(s.id, 1);
        assert!((s.logprob - 0.5f64.ln()).abs() < 1e-6);
        let mut greedy = Sampler::new(SamplingParams::greedy()).unwrap();
        let before = stream.state();
        assert_eq!(greedy.sample(&logits(), &mut stream), s);
        assert_eq!(stream.state(), before, "greedy takes no draw");
    }

    #[test]
    fn bad_parameters_are_named() {
        let bad = SamplingParams { top_p: 0.0, ..Default::default() };
        assert_eq!(bad.validate().unwrap_err().name, "top-p");
        let bad = SamplingParams { temperature: f64::NAN, ..Default::default() };
        assert_eq!(bad.validate().unwrap_err().name, "temperature");
    }

    proptest! {
        #[test]
        fn banned_tokens_are_never_drawn(
            logits in prop::collection::vec(-5f32..5.0, 2..40),
            top_k in 0usize..50, top_p in 0.01f64..=1.0, min_p in 0f64..=1.0, seed: u64,
        ) {
            let mut logits = logits;
            logits[0] = f32::NEG_INFINITY;
            let params = SamplingParams { temperature: 0.7, top_k, top_p, min_p };
            let mut sampler = Sampler::new(params).unwrap();
            let s = sampler.sample(&logits, &mut Stream::new(seed, 1));
            prop_assert!(s.id > 0 && s.logprob.is_finite() && s.logprob <= 0.0);
        }
    }
}
