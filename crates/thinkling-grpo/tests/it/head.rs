//! The chunked head against the same formulas in plain tensor code under autodiff.

use burn::prelude::*;
use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Int};
use thinkling_grpo::{
    GrpoError, HeadGrads, HeadWeight, LossType, ObjectiveConfig, ObjectiveInputs, TokenGrads,
    cross_entropy, head_backward, head_forward_backward, loss_and_grad, policy_loss,
    token_logprobs, token_logprobs_and_entropy,
};

use crate::support::{Numbers, assert_close, mask, matrix, numbers, vector};

/// Demanded of f32.
const F32: f64 = 1e-5;
/// Rounding of sums of a few hundred f64 terms.
const F64: f64 = 1e-11;

struct Problem {
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: Tensor<1, Int>,
    grad_logprobs: Tensor<1>,
}

fn problem(tokens: usize, width: usize, vocab: usize, dtype: DType) -> Problem {
    let mut random = Numbers((tokens * 1_000_000 + width * 1_000 + vocab) as u64);
    let targets: Vec<i64> = (0..tokens).map(|_| random.below(vocab)).collect();
    Problem {
        hidden: matrix(&random.matrix(tokens, width), dtype),
        weight: matrix(&random.matrix(vocab, width), dtype),
        targets: Tensor::from_data(TensorData::new(targets, [tokens]), &Device::flex()),
        grad_logprobs: vector(&random.vector(tokens), dtype),
    }
}

/// All logits at once: log-probabilities and entropies.
fn plain(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: Tensor<1, Int>,
    temperature: f32,
) -> (Tensor<1>, Tensor<1>) {
    let tokens = hidden.dims()[0];
    // Not `div_scalar`: its backward pass in burn 0.22.1 rounds the reciprocal to f32.
    let logits = hidden.matmul(weight.transpose()).mul_scalar(1.0 / f64::from(temperature));
    let all = log_softmax(logits, 1);
    let chosen = all.clone().gather(1, targets.reshape([tokens, 1])).reshape([tokens]);
    let entropy = -(all.clone().exp() * all).sum_dim(1).reshape([tokens]);
    (chosen, entropy)
}

fn leaf(tensor: &Tensor<2>) -> Tensor<2> {
    tensor.clone().autodiff().require_grad()
}

fn check(tokens: usize, width: usize, vocab: usize, dtype: DType, tolerance: f64) {
    let p = problem(tokens, width, vocab, dtype);
    let sizes = format!("{tokens} tokens, width {width}, vocabulary {vocab}");
    for temperature in [1.0, 0.7] {
        let (hidden, weight) = (leaf(&p.hidden), leaf(&p.weight));
        let (logprobs, entropy) =
            plain(hidden.clone(), weight.clone(), p.targets.clone(), temperature);
        let grads = (logprobs.clone() * p.grad_logprobs.clone()).sum().backward();
        let (logprobs, entropy) = (numbers(logprobs.inner()), numbers(entropy.inner()));
        let expected = HeadGrads {
            hidden: hidden.grad(&grads).expect("a gradient"),
            weight: Some(weight.grad(&grads).expect("a gradient")),
        };
        let trained = |grads: HeadGrads| numbers(grads.weight.expect("the weight is trained"));
        for chunk in [1, 7, tokens, usize::MAX] {
            let what = |name: &str| format!("{name} ({sizes}, chunk {chunk}, at {temperature})");
            let close = |name: &str, got: Vec<f64>, expected: &[f64]| {
                assert_close(&what(name), &got, expected, tolerance, tolerance);
            };
            let close_grads = |got: HeadGrads| {
                close("d hidden", numbers(got.hidden.clone()), &numbers(expected.hidden.clone()));
                close("d weight", trained(got), &trained(expected.clone()));
            };
            let inputs = || (p.hidden.clone(), p.weight.clone(), p.targets.clone());
            let (h, w, t) = inputs();
            let got = token_logprobs_and_entropy(h, w, t, temperature, chunk).unwrap();
            close("logprobs", numbers(got.0), &logprobs);
            close("entropy", numbers(got.1), &entropy);
            let (h, w, t) = inputs();
            let got = token_logprobs(h, w, t, temperature, chunk).unwrap();
            close("logprobs alone", numbers(got), &logprobs);
            let (h, w, t) = inputs();
            let g = p.grad_logprobs.clone();
            close_grads(head_backward(h, w, t, temperature, g.clone(), chunk).unwrap());
            let (h, w, t) = inputs();
            let w = HeadWeight::Frozen(w);
            let frozen = head_backward(h, w, t, temperature, p.grad_logprobs.clone(), chunk);
            let frozen = frozen.unwrap();
            assert!(frozen.weight.is_none(), "a frozen weight has no gradient");
            let hidden = numbers(expected.hidden.clone());
            close("d hidden under a frozen weight", numbers(frozen.hidden), &hidden);
            let (h, w, t) = inputs();
            let got = head_forward_backward(h, w, t, temperature, g, chunk).unwrap();
            close("one-pass logprobs", numbers(got.logprobs), &logprobs);
            close("one-pass entropy", numbers(got.entropy), &entropy);
            close_grads(got.grads);
        }
    }
}

#[test]
fn chunks_equal_the_whole_in_f32() {
    for (tokens, width, vocab) in
        [(1, 1, 1), (1, 3, 127), (3, 127, 1), (3, 1, 3), (127, 3, 129), (127, 127, 3), (15, 8, 257)]
    {
        check(tokens, width, vocab, DType::F32, F32);
    }
}

#[test]
fn chunks_equal_the_whole_in_f64() {
    for (tokens, width, vocab) in [(1, 3, 127), (127, 3, 129), (15, 8, 257)] {
        check(tokens, width, vocab, DType::F64, F64);
    }
}

/// `sum_t (g_t ln p_t + e_t H_t)` at a temperature, by loops in f64.
fn value(
    hidden: &[f64],
    weight: &[f64],
    targets: &[usize],
    [g, e]: [&[f64]; 2],
    temperature: f64,
) -> f64 {
    let width = hidden.len() / targets.len();
    let mut sum = 0.0;
    for (t, h) in hidden.chunks(width).enumerate() {
        let logit = |w: &[f64]| h.iter().zip(w).map(|(a, b)| a * b).sum::<f64>() / temperature;
        let logits: Vec<f64> = weight.chunks(width).map(logit).collect();
        let norm = logits.iter().map(|z| z.exp()).sum::<f64>().ln();
        let entropy: f64 = logits.iter().map(|z| (z - norm).exp() * (norm - z)).sum();
        sum += g[t] * (logits[targets[t]] - norm) + e[t] * entropy;
    }
    sum
}

/// Both paths: f32 takes the functions over host memory, f64 the tensor code.
#[test]
fn gradients_with_entropies_are_those_of_finite_differences() {
    let (tokens, width, vocab, step) = (7, 5, 33, 1e-5);
    for (dtype, tolerance) in [(DType::F64, 1e-8), (DType::F32, F32)] {
        for temperature in [1.0_f32, 0.7] {
            let p = problem(tokens, width, vocab, dtype);
            let bonus = Numbers(5).vector(tokens);
            let (hidden, weight) = (numbers(p.hidden.clone()), numbers(p.weight.clone()));
            let targets: Vec<usize> =
                numbers(p.targets.clone().float()).iter().map(|&id| id as usize).collect();
            let coefficients = numbers(p.grad_logprobs.clone());
            let both = [coefficients.as_slice(), &bonus];
            let at = |h: &[f64], w: &[f64]| value(h, w, &targets, both, temperature.into());
            let slope = |at: &dyn Fn(&[f64]) -> f64, x: &[f64]| -> Vec<f64> {
                let moved = |i: usize, by: f64| {
                    let mut x = x.to_vec();
                    x[i] += by;
                    at(&x)
                };
                let slope = |i| (moved(i, step) - moved(i, -step)) / (2.0 * step);
                (0..x.len()).map(slope).collect()
            };
            let expected_hidden = slope(&|h| at(h, &weight), &hidden);
            let expected_weight = slope(&|w| at(&hidden, w), &weight);
            for chunk in [1, 3, usize::MAX] {
                let grads = TokenGrads {
                    logprobs: p.grad_logprobs.clone(),
                    entropy: Some(vector(&bonus, dtype)),
                };
                let head = |w: HeadWeight| {
                    let (h, t) = (p.hidden.clone(), p.targets.clone());
                    head_backward(h, w, t, temperature, grads.clone(), chunk).unwrap()
                };
                let got = head(p.weight.clone().into());
                let frozen = head(HeadWeight::Frozen(p.weight.clone()));
                assert!(frozen.weight.is_none());
                for got in [got.hidden, frozen.hidden] {
                    assert_close("d hidden", &numbers(got), &expected_hidden, tolerance, tolerance);
                }
                let got = numbers(got.weight.unwrap());
                assert_close("d weight", &got, &expected_weight, tolerance, tolerance);
            }
        }
    }
}

#[test]
fn an_entropy_gradient_of_zero_changes_nothing_and_a_wrong_shape_is_named() {
    for dtype in [DType::F32, DType::F64] {
        let p = problem(5, 4, 19, dtype);
        let grads = |entropy: Option<&[f64]>| {
            let entropy = entropy.map(|values| vector(values, dtype));
            let grads = TokenGrads { logprobs: p.grad_logprobs.clone(), entropy };
            let inputs = (p.hidden.clone(), p.weight.clone(), p.targets.clone());
            head_backward(inputs.0, inputs.1, inputs.2, 1.0, grads, 2)
        };
        let (plain, zero) = (grads(None).unwrap(), grads(Some(&[0.0; 5])).unwrap());
        assert_close("d hidden", &numbers(zero.hidden), &numbers(plain.hidden), F32, F32);
        let error = grads(Some(&[0.0; 4])).unwrap_err();
        assert_eq!(error.to_string(), "shape of grad_entropy, expected: [5], got: [4]");
    }
}

#[test]
fn far_apart_logits_stay_finite() {
    // Logits 0 and 500: the second token's probability of the first is below every float.
    let hidden = matrix(&[vec![1.0], vec![1.0]], DType::F32);
    let weight = matrix(&[vec![0.0], vec![500.0]], DType::F32);
    let targets = || Tensor::<1, Int>::from_data([0, 1], &Device::flex());
    let (logprobs, entropy) =
        token_logprobs_and_entropy(hidden.clone(), weight.clone(), targets(), 1.0, 2).unwrap();
    assert_close("logprobs", &numbers(logprobs), &[-500.0, 0.0], F32, 0.0);
    assert_close("entropy", &numbers(entropy), &[0.0, 0.0], F32, 0.0);
    let g = vector(&[1.0, 1.0], DType::F32);
    let bonus = TokenGrads { logprobs: g.clone(), entropy: Some(g.clone()) };
    // The entropy is flat there.
    for grads in [g.into(), bonus] {
        let (h, w) = (hidden.clone(), weight.clone());
        let grads = head_backward(h, w, targets(), 1.0, grads, 2).unwrap();
        assert_close("d hidden", &numbers(grads.hidden), &[-500.0, 0.0], F32, 0.0);
        assert_close("d weight", &numbers(grads.weight.unwrap()), &[1.0, -1.0], F32, 0.0);
    }
}

#[test]
fn cross_entropy_is_the_weighted_mean_with_its_gradient() {
    let p = problem(15, 8, 33, DType::F64);
    let weights: Vec<f64> = (0..15).map(|token| f64::from(u8::from(token % 4 != 1))).collect();
    let norm = 20.0;
    let (hidden, weight) = (leaf(&p.hidden), leaf(&p.weight));
    let (logprobs, _) = plain(hidden.clone(), weight.clone(), p.targets.clone(), 1.0);
    let loss = -(logprobs * vector(&weights, DType::F64)).sum().mul_scalar(1.0 / norm);
    let grads = loss.backward();
    let got = cross_entropy(p.hidden, p.weight, p.targets, vector(&weights, DType::F64), norm, 4)
        .unwrap();
    assert_close("loss", &numbers(got.loss), &numbers(loss.inner()), F64, F64);
    let expected = numbers(hidden.grad(&grads).expect("a gradient"));
    assert_close("d hidden", &numbers(got.grads.hidden), &expected, F64, F64);
    let expected = numbers(weight.grad(&grads).expect("a gradient"));
    assert_close("d weight", &numbers(got.grads.weight.unwrap()), &expected, F64, F64);
}

/// A model with tied embeddings: `tanh(E[input] A)`, then the head `E`.
fn last_hidden(embedding: &Tensor<2>, layer: &Tensor<2>, inputs: &Tensor<1, Int>) -> Tensor<2> {
    embedding.clone().select(0, inputs.clone()).matmul(layer.clone()).tanh()
}

#[test]
fn a_policy_step_through_injected_gradients_equals_one_graph() {
    let (rows, tokens, width, vocab) = (3, 5, 8, 33);
    let mut random = Numbers(11);
    let p = problem(rows * tokens, width, vocab, DType::F64);
    let layer = matrix(&random.matrix(width, width), DType::F64);
    let ids: Vec<i64> = (0..rows * tokens).map(|_| random.below(vocab)).collect();
    let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [rows * tokens]), &Device::flex());
    let advantages = vector(&[1.0, -0.5, 0.3], DType::F64);
    let kept = [vec![1.0; 5], vec![1.0, 1.0, 0.0, 0.0, 0.0], vec![1.0, 1.0, 1.0, 1.0, 0.0]];
    let policy = |logprobs: Tensor<1>, entropies: Tensor<1>| {
        let old = logprobs.clone().inner().mul_scalar(1.05).reshape([rows, tokens]);
        ObjectiveInputs {
            old_logprobs: Some(old.clone()),
            ref_logprobs: Some(old.mul_scalar(0.9)),
            entropies: Some(entropies.reshape([rows, tokens])),
            ..ObjectiveInputs::new(
                logprobs.reshape([rows, tokens]),
                advantages.clone(),
                mask(&kept),
            )
        }
    };
    for (entropy_coef, loss) in [
        (0.0, LossType::Grpo),
        (0.05, LossType::Grpo),
        (0.05, LossType::Dapo),
        (0.05, LossType::DrGrpo),
        (0.05, LossType::Cispo),
    ] {
        let config = ObjectiveConfig {
            kl_coef: 0.1,
            entropy_coef,
            loss,
            max_completion_length: Some(tokens),
            ..ObjectiveConfig::default()
        };
        let temperature = 0.8;

        let (embedding, mixing) = (leaf(&p.weight), leaf(&layer));
        let hidden = last_hidden(&embedding, &mixing, &ids);
        let (logprobs, entropy) = plain(hidden, embedding.clone(), p.targets.clone(), temperature);
        let loss = policy_loss(&policy(logprobs, entropy), &config).unwrap().loss;
        let grads = loss.backward();
        let expected_embedding = numbers(embedding.grad(&grads).expect("a gradient"));
        let expected_layer = numbers(mixing.grad(&grads).expect("a gradient"));

        let (embedding, mixing) = (leaf(&p.weight), leaf(&layer));
        let hidden = last_hidden(&embedding, &mixing, &ids);
        let head = || (hidden.clone().inner(), embedding.clone().inner(), p.targets.clone());
        let (h, w, t) = head();
        let (logprobs, entropy) = token_logprobs_and_entropy(h, w, t, temperature, 4).unwrap();
        let step = loss_and_grad(&policy(logprobs, entropy), &config).unwrap();
        assert_eq!(step.entropy_grad.is_some(), entropy_coef != 0.0);
        assert_close("loss", &[step.loss], &numbers(loss.clone().inner()), F64, F64);
        let (h, w, t) = head();
        let flat = |grad: Tensor<2>| grad.reshape([rows * tokens]);
        let g = TokenGrads { logprobs: flat(step.grad), entropy: step.entropy_grad.map(flat) };
        let head_grads = head_backward(h, w, t, temperature, g, 4).unwrap();
        let grads = (hidden * head_grads.hidden).sum().backward();
        let got = embedding.grad(&grads).expect("a gradient") + head_grads.weight.unwrap();
        assert_close("d embedding", &numbers(got), &expected_embedding, F64, F64);
        let got = numbers(mixing.grad(&grads).expect("a gradient"));
        assert_close("d layer", &got, &expected_layer, F64, F64);
    }
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let p = problem(3, 2, 5, DType::F32);
    let call = |hidden: &Tensor<2>, tokens: usize, temperature: f32, chunk: usize| {
        let targets = p.targets.clone().narrow(0, 0, tokens);
        token_logprobs(hidden.clone(), p.weight.clone(), targets, temperature, chunk)
    };
    assert!(call(&p.hidden, 3, 1.0, 2).is_ok());
    let error = call(&p.hidden, 2, 1.0, 2).unwrap_err();
    assert_eq!(error.to_string(), "shape of targets, expected: [3], got: [2]");
    let wide = matrix(&vec![vec![0.0; 4]; 3], DType::F32);
    let error = call(&wide, 3, 1.0, 2).unwrap_err();
    assert!(matches!(error, GrpoError::Shape { what: "head weight", .. }));
    for temperature in [0.0, -1.0, f32::NAN] {
        let error = call(&p.hidden, 3, temperature, 2).unwrap_err();
        assert!(matches!(error, GrpoError::Range { what: "temperature", .. }));
    }
    let error = call(&p.hidden, 3, 1.0, 0).unwrap_err();
    assert!(matches!(error, GrpoError::Range { what: "chunk_tokens", .. }));
}
