//! Linear maps, RMSNorm and SwiGLU: fused on the CPU, by kernels on GPUs, else tensor code.

use crate::compute::ComputeType;
use crate::cpu;
use crate::host::{call1, call2, is_fused, is_host};
use crate::tensor;
use burn::tensor::Tensor;
use std::sync::Arc;

/// `x W^T + b`; the product in `compute` on devices other than the CPU.
///
/// # Shapes
/// `x` `[tokens, in]`, `weight` `[out, in]`, `bias` `[out]` -> `[tokens, out]`.
pub fn linear(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    compute: ComputeType,
) -> Tensor<2> {
    let y = if is_host(&x.device()) {
        let [output, input] = weight.dims();
        call2(Arc::new(cpu::linear::Linear { input, output }), x, weight)
    } else {
        compute.back(tensor::linear(compute.of(x), compute.of(weight)))
    };
    match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    }
}

/// `x / sqrt(mean(x^2) + eps) * w` over the last axis (arXiv 1910.07467).
///
/// # Shapes
/// `x` `[.., width]`, `weight` `[width]` -> as `x`.
pub fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, eps: f64) -> Tensor<D> {
    if is_fused(&x) {
        return call2(Arc::new(cpu::rms_norm::RmsNorm { eps: eps as f32 }), x, weight);
    }
    tensor::rms_norm(x, weight, eps)
}

/// `silu(gate) * up` of rows `[gate | up]` (arXiv 2002.05202).
///
/// # Shapes
/// `[tokens, 2 * width]` -> `[tokens, width]`.
pub fn swiglu(gate_up: Tensor<2>) -> Tensor<2> {
    if is_fused(&gate_up) {
        let width = gate_up.dims()[1] / 2;
        return call1(Arc::new(cpu::swiglu::SwiGlu { width }), gate_up);
    }
    tensor::swiglu(gate_up)
}
