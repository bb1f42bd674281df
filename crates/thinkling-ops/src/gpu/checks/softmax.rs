//! Softmax and normalisers against the tensor code on the CPU.

use super::{assert_close, gpu, on, random, same, values};
use crate::softmax::{Normalisers, masked_softmax, normalisers};
use crate::tensor;
use burn::tensor::Tensor;

/// Every third score hidden, never the first one of a row.
fn bias(shape: [usize; 4]) -> Tensor<4> {
    let count: usize = shape.iter().product();
    let seen = |i: usize| i.is_multiple_of(shape[3]) || i % 3 != 1;
    let hidden = |i: usize| if seen(i) { 0.1 } else { -1e9 };
    let values: Vec<f32> = (0..count).map(hidden).collect();
    Tensor::<1>::from_floats(values.as_slice(), &burn::tensor::Device::flex()).reshape(shape)
}

#[test]
fn masked_softmax_is_the_tensor_code() {
    let Some(gpu) = gpu() else { return };
    for [batch, heads, queries, keys] in
        [[1, 1, 1, 1], [3, 2, 5, 7], [2, 3, 129, 127], [1, 1, 3, 1100], [64, 16, 33, 3]]
    {
        let scores = random([batch, heads, queries, keys]) * 3.0;
        for bias_batch in [1, batch] {
            let bias = bias([bias_batch, 1, queries, keys]);
            same(
                &scores,
                |x| masked_softmax(x, Some(on(&bias, &gpu)), 0.3),
                |x| tensor::masked_softmax(x, Some(bias.clone().autodiff()), 0.3),
                &format!("softmax {batch}x{heads}x{queries}x{keys}, {bias_batch} masks"),
            );
        }
    }
}

#[test]
fn a_mask_a_sequence_is_the_tensor_code() {
    let Some(gpu) = gpu() else { return };
    let (scores, bias) = (random([3, 2, 4, 9]), bias([3, 1, 1, 9]));
    let got = masked_softmax(on(&scores, &gpu), Some(on(&bias, &gpu)), 0.5);
    assert_close(got, tensor::masked_softmax(scores, Some(bias), 0.5), "softmax");
}

#[test]
fn rows_that_see_nothing_are_finite() {
    let Some(gpu) = gpu() else { return };
    let (scores, bias) = (Tensor::<4>::ones([1, 1, 2, 4], &gpu), Tensor::ones([1, 1, 2, 4], &gpu));
    assert_eq!(values(masked_softmax(scores, Some(bias * -1e9), 1.0)), [0.25; 8]);
}

#[test]
fn normalisers_are_the_tensor_code() {
    let Some(gpu) = gpu() else { return };
    for (rows, width) in
        [(1, 1), (3, 7), (129, 127), (2, 1024), (5, 49_152), (1, 49_153), (33_000, 4)]
    {
        // Far from zero, as logits are that a long run has moved.
        let logits = random([rows, width]) * 5.0 + 300.0;
        let Normalisers { log_norm, entropy } = normalisers(on(&logits, &gpu));
        let expected = tensor::normalisers(logits);
        assert_close(log_norm, expected.log_norm, &format!("log norm {rows}x{width}"));
        assert_close(entropy, expected.entropy, &format!("entropy {rows}x{width}"));
    }
}

#[test]
fn normalisers_of_known_rows() {
    let Some(gpu) = gpu() else { return };
    let logits =
        Tensor::<2>::from_data([[7.0, 7.0, 7.0, 7.0], [0.0, -500.0, -500.0, -500.0]], &gpu);
    let Normalisers { log_norm, entropy } = normalisers(logits);
    let near = |got: Vec<f32>, expected: [f32; 2]| {
        assert!(
            got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5),
            "{got:?} {expected:?}"
        );
    };
    near(values(log_norm), [7.0 + 4f32.ln(), 0.0]);
    near(values(entropy), [4f32.ln(), 0.0]);
}
