//! Importance corrections against the formula in plain numbers.

use burn::tensor::DType;
use thinkling_grpo::{
    CorrectionKind, GrpoError, ImportanceCorrection, LossType, ObjectiveConfig, ObjectiveInputs,
    RatioLevel, loss_and_grad, policy_loss,
};

use crate::objective::{every_config, sample};
use crate::support::{assert_close, matrix, numbers};

/// Rounding of a few dozen f64 operations.
const EXACT: f64 = 1e-12;
/// Central differences of step 1e-6 in f64: their own error is near 1e-9.
const DIFFERENCES: f64 = 1e-7;
const STEP: f64 = 1e-6;
const TOKENS: usize = 5;

/// One case in plain numbers, row by row.
#[derive(Clone)]
struct Plain {
    logprobs: Vec<f64>,
    old: Vec<f64>,
    sampler: Vec<f64>,
    reference: Vec<f64>,
    entropies: Vec<f64>,
    advantages: Vec<f64>,
    mask: Vec<bool>,
}

impl Plain {
    fn of(inputs: &ObjectiveInputs) -> Self {
        let read = |tensor: &Option<_>| numbers(Option::clone(tensor).expect("a whole sample"));
        Self {
            logprobs: numbers(inputs.logprobs.clone()),
            old: read(&inputs.old_logprobs),
            sampler: read(&inputs.sampler_logprobs),
            reference: read(&inputs.ref_logprobs),
            entropies: read(&inputs.entropies),
            advantages: numbers(inputs.advantages.clone()),
            mask: inputs.mask.clone().into_data().iter::<bool>().collect(),
        }
    }

    fn weight(&self, token: usize, correction: ImportanceCorrection) -> f64 {
        let weight = (self.old[token] - self.sampler[token]).exp();
        match correction.kind {
            CorrectionKind::None => 1.0,
            CorrectionKind::Truncate => weight.min(correction.cap),
            CorrectionKind::Mask if weight > correction.cap => 0.0,
            CorrectionKind::Mask => weight,
        }
    }

    /// The loss at `logprobs`; what has no gradient is taken at the case's own.
    fn loss(&self, logprobs: &[f64], config: &ObjectiveConfig) -> f64 {
        let rows = self.advantages.len();
        let trained = |row: usize| (row * TOKENS..(row + 1) * TOKENS).filter(|&t| self.mask[t]);
        let ratio = |row: usize, token: usize, logprobs: &[f64]| match config.ratio {
            RatioLevel::Token => (logprobs[token] - self.old[token]).exp(),
            RatioLevel::Sequence => {
                let count = trained(row).count().max(1) as f64;
                (trained(row).map(|t| logprobs[t] - self.old[t]).sum::<f64>() / count).exp()
            }
        };
        let token_loss = |row: usize, token: usize| {
            let (r, a) = (ratio(row, token, logprobs), self.advantages[row]);
            let clipped = r.clamp(1.0 - config.clip_eps_low, 1.0 + config.clip_eps_high);
            let gain = match config.loss {
                LossType::Cispo => {
                    ratio(row, token, &self.logprobs).min(config.cispo_max_ratio)
                        * a
                        * logprobs[token]
                }
                _ => (r.min(config.delta.unwrap_or(f64::INFINITY)) * a).min(clipped * a),
            };
            let d = self.reference[token] - logprobs[token];
            let bonus = config.entropy_coef * self.entropies[token];
            let loss = config.kl_coef * (d.exp() - d - 1.0) - gain - bonus;
            self.weight(token, config.importance_correction) * loss
        };
        let sums = (0..rows).map(|row| trained(row).map(|t| token_loss(row, t)).sum::<f64>());
        let all = self.mask.iter().filter(|&&trained| trained).count().max(1) as f64;
        match config.loss {
            LossType::Grpo => {
                let of_row = |(row, sum): (usize, f64)| sum / trained(row).count().max(1) as f64;
                sums.enumerate().map(of_row).sum::<f64>() / rows as f64
            }
            LossType::DrGrpo => {
                let length = config.max_completion_length.expect("a length") as f64;
                sums.sum::<f64>() / (rows as f64 * length)
            }
            LossType::Bnpo | LossType::Dapo | LossType::Cispo => sums.sum::<f64>() / all,
        }
    }

    fn gradient(&self, config: &ObjectiveConfig) -> Vec<f64> {
        let at = |token: usize, by: f64| {
            let mut moved = self.logprobs.clone();
            moved[token] += by;
            self.loss(&moved, config)
        };
        let tokens = 0..self.logprobs.len();
        tokens.map(|t| (at(t, STEP) - at(t, -STEP)) / (2.0 * STEP)).collect()
    }

    fn entropy_gradient(&self, config: &ObjectiveConfig) -> Vec<f64> {
        let at = |token: usize, by: f64| {
            let mut moved = self.clone();
            moved.entropies[token] += by;
            moved.loss(&self.logprobs, config)
        };
        let tokens = 0..self.entropies.len();
        tokens.map(|t| (at(t, STEP) - at(t, -STEP)) / (2.0 * STEP)).collect()
    }
}

#[test]
fn losses_and_gradients_are_those_of_the_formula() {
    for seed in 20..40 {
        let inputs = sample(seed);
        let plain = Plain::of(&inputs);
        for config in every_config() {
            let got = loss_and_grad(&inputs, &config).unwrap();
            let what = format!("seed {seed}: {config:?}");
            let loss = plain.loss(&plain.logprobs, &config);
            assert_close(&what, &[got.loss], &[loss], EXACT, EXACT);
            let gradient = plain.gradient(&config);
            assert_close(&what, &numbers(got.grad), &gradient, DIFFERENCES, DIFFERENCES);
            if let Some(got) = got.entropy_grad {
                let gradient = plain.entropy_gradient(&config);
                assert_close(&what, &numbers(got), &gradient, DIFFERENCES, DIFFERENCES);
            }
        }
    }
}

#[test]
fn statistics_tell_the_mean_weight_and_the_share_above_the_cap() {
    let inputs = sample(7);
    let plain = Plain::of(&inputs);
    for config in every_config() {
        let correction = config.importance_correction;
        let (_, stats) = policy_loss(&inputs, &config).unwrap().stats().unwrap();
        if !correction.is_on() {
            assert_eq!((stats.importance_weight, stats.importance_capped), (None, None));
            continue;
        }
        let trained: Vec<usize> = (0..plain.mask.len()).filter(|&t| plain.mask[t]).collect();
        let count = trained.len() as f64;
        let mean = trained.iter().map(|&t| plain.weight(t, correction)).sum::<f64>() / count;
        let above = trained
            .iter()
            .filter(|&&t| (plain.old[t] - plain.sampler[t]).exp() > correction.cap)
            .count();
        assert!(above > 0 && above < trained.len(), "the cap holds some tokens and not all");
        let got = [stats.importance_weight.unwrap(), stats.importance_capped.unwrap()];
        assert_close("statistics", &got, &[mean, above as f64 / count], EXACT, EXACT);
    }
}

#[test]
fn equal_log_probabilities_weigh_one_and_change_nothing() {
    let mut inputs = sample(8);
    inputs.sampler_logprobs = inputs.old_logprobs.clone();
    for config in every_config() {
        let none = ObjectiveConfig {
            importance_correction: ImportanceCorrection::default(),
            ..config.clone()
        };
        let expected = loss_and_grad(&inputs, &none).unwrap();
        let got = loss_and_grad(&inputs, &config).unwrap();
        assert_eq!(got.loss, expected.loss, "{config:?}");
        assert_eq!(numbers(got.grad), numbers(expected.grad), "{config:?}");
        if config.importance_correction.is_on() {
            let weights = (got.stats.importance_weight, got.stats.importance_capped);
            assert_eq!(weights, (Some(1.0), Some(0.0)), "{config:?}");
        }
    }
    // On policy the trainer's own are the current ones.
    let on_policy = ObjectiveInputs {
        old_logprobs: None,
        sampler_logprobs: Some(inputs.logprobs.clone()),
        ..inputs
    };
    let truncate = ImportanceCorrection { kind: CorrectionKind::Truncate, cap: 2.0 };
    let config = ObjectiveConfig { importance_correction: truncate, ..ObjectiveConfig::default() };
    let got = loss_and_grad(&on_policy, &config).unwrap();
    assert_eq!((got.stats.importance_weight, got.stats.ratio_mean), (Some(1.0), 1.0));
}

#[test]
fn a_gap_beyond_every_float_is_held_by_the_cap() {
    for (kind, weight) in [(CorrectionKind::Truncate, 2.0), (CorrectionKind::Mask, 0.0)] {
        for dtype in [DType::F32, DType::F64] {
            let inputs = ObjectiveInputs {
                old_logprobs: None,
                sampler_logprobs: Some(matrix(&[vec![-2000.0, -1.0]], dtype)),
                ..ObjectiveInputs::new(
                    matrix(&[vec![-1.0, -1.0]], dtype),
                    crate::support::vector(&[1.0], dtype),
                    crate::support::mask(&[vec![1.0, 1.0]]),
                )
            };
            let importance_correction = ImportanceCorrection { kind, cap: 2.0 };
            let config = ObjectiveConfig { importance_correction, ..ObjectiveConfig::default() };
            let got = loss_and_grad(&inputs, &config).unwrap();
            let gradient = [-weight / 2.0, -0.5];
            assert_close("gradient", &numbers(got.grad), &gradient, 1e-6, 0.0);
            assert_eq!(got.stats.importance_capped, Some(0.5));
        }
    }
}

#[test]
fn what_a_correction_lacks_is_named() {
    let inputs = sample(9);
    let correction = |cap| ImportanceCorrection { kind: CorrectionKind::Mask, cap };
    let config = |cap| ObjectiveConfig {
        importance_correction: correction(cap),
        ..ObjectiveConfig::default()
    };
    let without = ObjectiveInputs { sampler_logprobs: None, ..inputs.clone() };
    let error = policy_loss(&without, &config(2.0));
    assert!(matches!(error, Err(GrpoError::Missing { what: "sampler_logprobs", .. })));
    for cap in [0.5, f64::NAN, f64::INFINITY] {
        let error = policy_loss(&inputs, &config(cap)).unwrap_err().to_string();
        assert!(error.contains("importance_correction.cap, expected: at least 1"), "{error}");
    }
}
