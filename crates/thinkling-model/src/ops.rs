//! The decoder's operations as plain tensor code, each differentiable on every device.

use crate::rope::RopeFactors;
use burn::tensor::{Tensor, activation};

/// `x W^T + b`: `x` `[tokens, in]`, `weight` `[out, in]`, `bias` `[out]` -> `[tokens, out]`.
pub(crate) fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let y = x.matmul(weight.transpose());
    match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    }
}

/// `x / sqrt(mean(x^2) + eps) * weight` over the last axis (arXiv 1910.07467).
pub(crate) fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, eps: f64) -> Tensor<D> {
    let inverse = x
        .clone()
        .powi_scalar(2)
        .mean_dim(D - 1)
        .add_scalar(eps)
        .sqrt()
        .recip();
    x * inverse * weight.unsqueeze()
}

/// Rotates `[tokens, heads, head_dim]` by each token's angles; halves `(x1, x2)` become
/// `(x1 cos - x2 sin, x2 cos + x1 sin)`.
pub(crate) fn rotate(x: Tensor<3>, rope: &RopeFactors) -> Tensor<3> {
    let [tokens, heads, dim] = x.dims();
    let half = dim / 2;
    let x1 = x.clone().slice([0..tokens, 0..heads, 0..half]);
    let x2 = x.slice([0..tokens, 0..heads, half..dim]);
    let (cos, sin) = (rope.cos.clone(), rope.sin.clone());
    let y1 = x1.clone() * cos.clone() - x2.clone() * sin.clone();
    let y2 = x2 * cos + x1 * sin;
    Tensor::cat(vec![y1, y2], 2)
}

/// `silu(gate) * up` of a fused `[tokens, 2 * intermediate]` (arXiv 2002.05202).
pub(crate) fn swiglu(gate_up: Tensor<2>) -> Tensor<2> {
    let [tokens, both] = gate_up.dims();
    let gate = gate_up.clone().slice([0..tokens, 0..both / 2]);
    let up = gate_up.slice([0..tokens, both / 2..both]);
    activation::silu(gate) * up
}

/// Grouped-query attention (arXiv 2305.13245): `softmax(q k^T / sqrt(head_dim) + bias) v`.
///
/// # Shapes
/// `q` `[batch, queries, heads, head_dim]`, `k` and `v` `[batch, kv_heads, keys, head_dim]`,
/// `bias` `[batch or 1, 1, heads / kv_heads * queries, keys]` -> `[batch * queries, heads * head_dim]`.
pub(crate) fn attention(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    bias: Option<Tensor<4>>,
) -> Tensor<2> {
    let [batch, queries, heads, dim] = q.dims();
    let kv_heads = k.dims()[1];
    let repeat = heads / kv_heads;
    let scale = 1.0 / (dim as f64).sqrt();
    // The query heads of one key head become rows of one product, so keys are never repeated.
    let q = q
        .mul_scalar(scale)
        .reshape([batch, queries, kv_heads, repeat, dim])
        .permute([0, 2, 3, 1, 4])
        .reshape([batch, kv_heads, repeat * queries, dim]);
    let mut scores = q.matmul(k.swap_dims(2, 3));
    if let Some(bias) = bias {
        scores = scores + bias;
    }
    activation::softmax(scores, 3)
        .matmul(v)
        .reshape([batch, kv_heads, repeat, queries, dim])
        .permute([0, 3, 1, 2, 4])
        .reshape([batch * queries, heads * dim])
}
