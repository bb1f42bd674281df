//! Behaviour of the objectives that no reference case shows.

use burn::tensor::{DType, Tensor};
use thinkling_grpo::{
    BatchScale, CorrectionKind, GrpoError, ImportanceCorrection, LossType, ObjectiveConfig,
    ObjectiveInputs, RatioLevel, loss_and_grad, policy_loss,
};

use crate::support::{Numbers, assert_close, mask, matrix, numbers, vector};

/// Rounding of a few dozen f64 operations.
const EXACT: f64 = 1e-12;

pub(crate) fn sample(seed: u64) -> ObjectiveInputs {
    let mut random = Numbers(seed);
    let logprobs = |random: &mut Numbers| -> Vec<Vec<f64>> {
        let row = |values: Vec<f64>| values.into_iter().map(|value| value - 1.1).collect();
        random.matrix(4, 5).into_iter().map(row).collect()
    };
    let rows = [[1.0; 5], [1.0, 0.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0, 0.0], [1.0; 5]];
    ObjectiveInputs {
        logprobs: matrix(&logprobs(&mut random), DType::F64),
        old_logprobs: Some(matrix(&logprobs(&mut random), DType::F64)),
        sampler_logprobs: Some(matrix(&logprobs(&mut random), DType::F64)),
        ref_logprobs: Some(matrix(&logprobs(&mut random), DType::F64)),
        entropies: Some(matrix(&Numbers(seed + 100).matrix(4, 5), DType::F64)),
        advantages: vector(&random.vector(4), DType::F64),
        mask: mask(&rows.map(Vec::from)),
        scale: BatchScale::default(),
    }
}

pub(crate) fn every_config() -> Vec<ObjectiveConfig> {
    let losses =
        [LossType::Grpo, LossType::DrGrpo, LossType::Bnpo, LossType::Dapo, LossType::Cispo];
    let (none, mask) = (CorrectionKind::None, CorrectionKind::Mask);
    let kinds = [none, CorrectionKind::Truncate, mask, none];
    let mut configs = Vec::new();
    for loss in losses {
        for ratio in [RatioLevel::Token, RatioLevel::Sequence] {
            for (kind, entropy_coef) in kinds.into_iter().zip([0.0, 0.0, 0.03, 0.03]) {
                configs.push(ObjectiveConfig {
                    loss,
                    ratio,
                    entropy_coef,
                    delta: Some(1.5),
                    kl_coef: 0.05,
                    importance_correction: ImportanceCorrection { kind, cap: 1.2 },
                    max_completion_length: Some(8),
                    ..ObjectiveConfig::default()
                });
            }
        }
    }
    configs
}

#[test]
fn infinities_under_the_mask_count_for_nothing() {
    let clean = sample(1);
    let hidden = clean.mask.clone().bool_not();
    let spoil = |tensor: &Tensor<2>, value: f64| tensor.clone().mask_fill(hidden.clone(), value);
    let mut spoilt = clean.clone();
    spoilt.logprobs = spoil(&clean.logprobs, f64::NEG_INFINITY);
    spoilt.old_logprobs = clean.old_logprobs.as_ref().map(|old| spoil(old, f64::NAN));
    let sampler = clean.sampler_logprobs.as_ref();
    spoilt.sampler_logprobs = sampler.map(|sampler| spoil(sampler, f64::NEG_INFINITY));
    spoilt.ref_logprobs = clean.ref_logprobs.as_ref().map(|old| spoil(old, f64::INFINITY));
    spoilt.entropies = clean.entropies.as_ref().map(|entropies| spoil(entropies, f64::NAN));
    for config in every_config() {
        let expected = loss_and_grad(&clean, &config).unwrap();
        let got = loss_and_grad(&spoilt, &config).unwrap();
        assert_eq!(got.loss, expected.loss, "{config:?}");
        assert_eq!(got.stats, expected.stats, "{config:?}");
        let entropy = |grad: Option<Tensor<2>>| grad.map(numbers);
        assert_eq!(entropy(got.entropy_grad), entropy(expected.entropy_grad), "{config:?}");
        assert_eq!(numbers(got.grad), numbers(expected.grad), "{config:?}");
    }
}

#[test]
fn a_batch_with_nothing_to_train_has_loss_and_gradient_zero() {
    let mut inputs = sample(2);
    inputs.mask = inputs.mask.clone().bool_and(inputs.mask.bool_not());
    for config in every_config() {
        let got = loss_and_grad(&inputs, &config).unwrap();
        assert_eq!(got.loss, 0.0, "{config:?}");
        assert_eq!(numbers(got.grad), [0.0; 20], "{config:?}");
        assert_eq!((got.stats.tokens, got.stats.ratio_max), (0.0, 0.0), "{config:?}");
    }
}

#[test]
fn the_loss_is_part_of_a_callers_graph_as_of_its_own() {
    let inputs = sample(3);
    for config in every_config() {
        let leaf = inputs.logprobs.clone().autodiff().require_grad();
        let logprobs = leaf.clone().mul_scalar(1.0);
        let in_graph = ObjectiveInputs { logprobs, ..inputs.clone() };
        let loss = policy_loss(&in_graph, &config).unwrap();
        let grads = loss.loss.backward();
        let got = numbers(leaf.grad(&grads).expect("the leaf has a gradient"));
        let expected = loss_and_grad(&inputs, &config).unwrap();
        assert_close("gradient", &got, &numbers(expected.grad), EXACT, EXACT);
        assert_eq!(loss.stats().unwrap(), (expected.loss, expected.stats));
        assert!(!loss.per_token_loss.is_autodiff() && !loss.ratio.is_autodiff());
    }
}

#[test]
fn unequal_micro_batches_add_up_to_the_whole_step() {
    let whole = sample(4);
    for config in every_config() {
        // The mean over a micro-batch's own tokens has no such sum by its definition.
        if config.loss == LossType::Bnpo {
            continue;
        }
        let expected = loss_and_grad(&whole, &config).unwrap();
        let (mut loss, mut gradient, mut entropy) = (0.0, Vec::new(), Vec::new());
        for (start, rows) in [(0, 1), (1, 3)] {
            let part = |tensor: &Tensor<2>| tensor.clone().narrow(0, start, rows);
            let inputs = ObjectiveInputs {
                logprobs: part(&whole.logprobs),
                old_logprobs: whole.old_logprobs.as_ref().map(part),
                sampler_logprobs: whole.sampler_logprobs.as_ref().map(part),
                ref_logprobs: whole.ref_logprobs.as_ref().map(part),
                entropies: whole.entropies.as_ref().map(part),
                advantages: whole.advantages.clone().narrow(0, start, rows),
                mask: whole.mask.clone().narrow(0, start, rows),
                scale: BatchScale {
                    num_items_in_batch: Some(expected.stats.tokens),
                    step_rows: Some(4),
                    ..BatchScale::default()
                },
            };
            let got = loss_and_grad(&inputs, &config).unwrap();
            loss += got.loss;
            gradient.extend(numbers(got.grad));
            entropy.extend(got.entropy_grad.map(numbers).unwrap_or_default());
        }
        let expected_entropy = expected.entropy_grad.map(numbers).unwrap_or_default();
        assert_eq!(entropy.is_empty(), config.entropy_coef == 0.0);
        assert_close("gradient of entropies", &entropy, &expected_entropy, EXACT, EXACT);
        assert_close("loss", &[loss], &[expected.loss], EXACT, EXACT);
        assert_close("gradient", &gradient, &numbers(expected.grad), EXACT, EXACT);
    }
}

/// `-coef sum_t H_t / length / rows` beside the loss without it, by hand.
#[test]
fn an_entropy_bonus_is_aggregated_as_the_loss_is() {
    let inputs = sample(5);
    let plain = ObjectiveConfig { kl_coef: 0.05, ..ObjectiveConfig::default() };
    let bonus = ObjectiveConfig { entropy_coef: 0.5, ..plain.clone() };
    let (plain, got) =
        (loss_and_grad(&inputs, &plain).unwrap(), loss_and_grad(&inputs, &bonus).unwrap());
    let entropies = numbers(inputs.entropies.clone().unwrap());
    // Tokens of each row by its mask.
    let rows: [&[usize]; 4] = [&[0, 1, 2, 3, 4], &[0, 2], &[0, 1, 2, 3], &[0, 1, 2, 3, 4]];
    let mut expected = [0.0; 20];
    let mut mean = 0.0;
    for (row, tokens) in rows.iter().enumerate() {
        for &token in *tokens {
            expected[5 * row + token] = -0.5 / (4 * tokens.len()) as f64;
            mean += entropies[5 * row + token] / (4 * tokens.len()) as f64;
        }
    }
    assert_close("loss", &[got.loss], &[plain.loss - 0.5 * mean], EXACT, EXACT);
    let entropy = numbers(got.entropy_grad.expect("a gradient"));
    assert_close("gradient of entropies", &entropy, &expected, EXACT, EXACT);
    assert_eq!(numbers(got.grad), numbers(plain.grad), "log-probabilities have the same gradient");
    assert!(plain.entropy_grad.is_none());
    let without = ObjectiveInputs { entropies: None, ..inputs };
    let error = loss_and_grad(&without, &bonus).unwrap_err();
    assert!(matches!(error, GrpoError::Missing { what: "entropies", .. }));
    let error = ObjectiveConfig { entropy_coef: -0.1, ..bonus }.validate().unwrap_err();
    assert!(matches!(error, GrpoError::Range { what: "entropy_coef", .. }));
}

#[test]
fn a_ratio_beyond_every_float_is_clipped_without_a_nan() {
    for dtype in [DType::F32, DType::F64] {
        let inputs = ObjectiveInputs {
            old_logprobs: Some(matrix(&[vec![-1000.0, -1.0]], dtype)),
            ref_logprobs: Some(matrix(&[vec![0.0, -1.0]], dtype)),
            ..ObjectiveInputs::new(
                matrix(&[vec![0.0, -1.0]], dtype),
                vector(&[1.0], dtype),
                mask(&[vec![1.0, 1.0]]),
            )
        };
        let config = ObjectiveConfig { kl_coef: 0.5, ..ObjectiveConfig::default() };
        let got = loss_and_grad(&inputs, &config).unwrap();
        // Token 1 is held at 1.2, token 2 is on policy; the reference is the policy itself.
        assert_close("loss", &[got.loss], &[-1.1], 1e-6, 0.0);
        assert_close("gradient", &numbers(got.grad), &[0.0, -0.5], 1e-6, 0.0);
    }
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let good = sample(5);
    let plain = ObjectiveConfig::default();
    let short = ObjectiveInputs { advantages: vector(&[1.0], DType::F64), ..good.clone() };
    let error = policy_loss(&short, &plain).unwrap_err();
    assert_eq!(error.to_string(), "shape of advantages, expected: [4], got: [1]");
    let narrow = good.old_logprobs.clone().map(|old| old.narrow(1, 0, 2));
    let error = policy_loss(&ObjectiveInputs { old_logprobs: narrow, ..good.clone() }, &plain);
    assert!(matches!(error, Err(GrpoError::Shape { what: "old_logprobs", .. })));

    let beta = ObjectiveConfig { kl_coef: 0.1, ..plain.clone() };
    let error = policy_loss(&ObjectiveInputs { ref_logprobs: None, ..good.clone() }, &beta);
    assert!(matches!(error, Err(GrpoError::Missing { what: "ref_logprobs", .. })));
    let error = policy_loss(&good, &ObjectiveConfig { loss: LossType::DrGrpo, ..plain.clone() });
    assert!(matches!(error, Err(GrpoError::Missing { what: "max_completion_length", .. })));
    let error = policy_loss(&good, &ObjectiveConfig { clip_eps_low: -0.1, ..plain.clone() });
    assert!(matches!(error, Err(GrpoError::Range { what: "clip_eps_low", .. })));
    let error = policy_loss(&good, &ObjectiveConfig { delta: Some(f64::NAN), ..plain.clone() });
    assert!(matches!(error, Err(GrpoError::Range { what: "delta", .. })));
    let none = BatchScale { num_items_in_batch: Some(0.0), ..BatchScale::default() };
    let error = policy_loss(&ObjectiveInputs { scale: none, ..good }, &plain);
    assert!(matches!(error, Err(GrpoError::Range { what: "num_items_in_batch", .. })));
}

#[test]
fn a_config_reads_from_names_of_the_field_and_refuses_others() {
    let text = r#"{"loss": "dr_grpo", "ratio": "sequence", "kl": "k1", "clip_eps_high": 0.28}"#;
    let config: ObjectiveConfig = serde_json::from_str(text).unwrap();
    assert_eq!((config.loss, config.ratio), (LossType::DrGrpo, RatioLevel::Sequence));
    assert_eq!((config.clip_eps_low, config.clip_eps_high), (0.2, 0.28));
    let error = serde_json::from_str::<ObjectiveConfig>(r#"{"clip_eps": 0.2}"#).unwrap_err();
    assert!(error.to_string().contains("clip_eps"), "{error}");
}
