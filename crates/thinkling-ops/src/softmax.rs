//! Softmax of masked scores and normalisers of logits: kernels for f32 on a GPU, else tensor code.

use crate::tensor;
use burn::tensor::Tensor;

/// What normalises each row of logits, nats, `[rows, 1]` each.
#[derive(Clone, Debug)]
pub struct Normalisers {
    /// `ln sum exp z`.
    pub log_norm: Tensor<2>,
    /// `-sum p ln p` with `p = exp(z - ln sum exp z)`.
    pub entropy: Tensor<2>,
}

/// The normaliser and the entropy of each row's softmax, in one pass over logits on a GPU. No
/// gradient.
///
/// # Shapes
/// `[rows, width]`.
pub fn normalisers(logits: Tensor<2>) -> Normalisers {
    #[cfg(feature = "gpu")]
    if crate::gpu::is_f32(&logits) {
        let both = crate::gpu::softmax::normalisers(logits.inner());
        let column = |i| both.clone().narrow(1, i, 1);
        return Normalisers { log_norm: column(0), entropy: column(1) };
    }
    tensor::normalisers(logits)
}

/// `softmax(scale scores + bias)` over the last axis; the bias has no gradient.
///
/// # Shapes
/// `scores` `[batch, heads, queries, keys]`, `bias` `[batch or 1, 1, queries or 1, keys]` -> as
/// `scores`.
pub(crate) fn masked_softmax(scores: Tensor<4>, bias: Option<Tensor<4>>, scale: f64) -> Tensor<4> {
    #[cfg(feature = "gpu")]
    if let Some(bias) = &bias
        && bias.dims()[2] == scores.dims()[2]
        && crate::gpu::is_f32(&scores)
    {
        return crate::gpu::softmax::masked_softmax(scores, bias.clone(), scale as f32);
    }
    tensor::masked_softmax(scores, bias, scale)
}
