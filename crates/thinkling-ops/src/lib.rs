//! The decoder's operations with hand-derived backward passes: fused loops over host memory on the
//! CPU, kernels and plain tensor code on GPUs.
//!
//! | operation | CPU | GPU |
//! |---|---|---|
//! | [`matmul`], [`matmul_nt`], [`matmul_tn`] | burn's | a kernel; its gradients by the same kernel |
//! | [`linear`] | one matrix product each for `y`, `dx`, `dW`, no transposed copies | the same by the kernel |
//! | [`lora_linear`] | a frozen `W` with low-rank additions; no sum of two outputs, no `dW` | tensor code on those products |
//! | [`rms_norm`] | one pass forward, one backward | a kernel forward, three backward |
//! | [`swiglu`] | one pass forward, one backward | a kernel each way |
//! | [`rotate_qk`] | in place | a kernel each way |
//! | [`packed_attention`] | attention over ragged rows whose completions read a shared prompt in place | gathers, products, a kernel each way for the softmax |
//! | [`RowMap`] | burn's gather and sum of rows by index | a kernel each way, no atomics |
//! | [`cached_attention`] | (decoding there is `thinkling-cpu`'s) | the same without gradient |
//! | [`HostHead`], [`normalisers`] | one pass over the logits of each chunk, forward and backward | a kernel for a row's normaliser and entropy; the rest in `thinkling-grpo` |
//! | [`adamw`], [`squares`] | (in `thinkling-learn`, on threads) | a kernel a weight |
//!
//! Kernels need the feature `gpu` and f32; without them tensor code does the same. All sides compute
//! the same formulas; tests compare value and gradient on odd shapes. Sums run in an order that does
//! not depend on the number of threads, nor on the device's scheduling.

mod adamw;
mod attention;
#[cfg(test)]
mod checks;
mod compute;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod head;
mod host;
mod in_place;
mod lora;
mod matmul;
mod norm;
mod rows;
mod softmax;
mod tensor;

pub use adamw::{AdamWFactors, adamw, squares};
pub use attention::{
    AttentionLayout, Heads, PackedSequence, RopeFactors, cached_attention, packed_attention,
    rotate_qk,
};
pub use compute::ComputeType;
pub use head::{HeadGrads, HeadStats, HostHead};
pub use host::{is_host, read_host};
pub use lora::{LoraShape, lora_linear, lora_merge};
pub use matmul::{matmul, matmul_nt, matmul_tn};
pub use norm::{linear, rms_norm, swiglu};
pub use rows::RowMap;
pub use softmax::{Normalisers, normalisers};
