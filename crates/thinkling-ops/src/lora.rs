//! Linear maps with low-rank additions (LoRA, arXiv 2106.09685): fused on the CPU, tensor code
//! elsewhere.

use crate::compute::ComputeType;
use crate::cpu;
use crate::host::{call4, is_host};
use crate::tensor;
use burn::tensor::Tensor;
use std::ops::Range;
use std::sync::Arc;

/// Which rows of a linear map have a low-rank addition, each block of rows one of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraShape {
    /// Rank of each addition.
    pub rank: usize,
    /// Factor on the additions, `alpha / rank`.
    pub scale: f32,
    /// Rows of `W` that a block adds to, ascending and apart from each other.
    pub blocks: Vec<Range<usize>>,
}

impl LoraShape {
    /// Rows of all blocks together: those of `B`.
    pub fn rows(&self) -> usize {
        self.blocks.iter().map(Range::len).sum()
    }
}

/// `x W^T + bias`, and in the rows of block `i` also `scale (x A_i^T) B_i^T` (arXiv 2106.09685,
/// equation 3).
///
/// `W` and the bias are frozen: they get no gradient. Products are in `compute` on devices other
/// than the CPU.
///
/// # Shapes
/// `x` `[tokens, in]`, `weight` `[out, in]`, `bias` `[out]`, `a` `[blocks * rank, in]`, `b`
/// `[rows of all blocks, rank]` -> `[tokens, out]`.
pub fn lora_linear(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    [a, b]: [Tensor<2>; 2],
    shape: &LoraShape,
    compute: ComputeType,
) -> Tensor<2> {
    let y = if is_host(&x.device()) {
        let [output, input] = weight.dims();
        let function = cpu::lora::LoraLinear { input, output, shape: shape.clone() };
        call4(Arc::new(function), [x, weight, a, b])
    } else {
        let [x, weight, a, b] = [x, weight, a, b].map(|t| compute.of(t));
        compute.back(tensor::lora_linear(x, weight, [a, b], shape))
    };
    match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    }
}

/// `W` with the additions inside: rows of block `i` are `W + scale B_i A_i`. `W` stays as it is.
///
/// # Shapes
/// As [`lora_linear`] -> `[out, in]`.
pub fn lora_merge(weight: Tensor<2>, [a, b]: [Tensor<2>; 2], shape: &LoraShape) -> Tensor<2> {
    tensor::lora_merge(weight, [a, b], shape)
}
