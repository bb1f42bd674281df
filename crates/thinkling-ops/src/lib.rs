//! The decoder's operations with hand-derived backward passes: fused loops over host memory on the
//! CPU, kernels and plain tensor code on GPUs.
//!
//! | operation | CPU | GPU |
//! |---|---|---|
//! | [`linear`] | one matrix product each for `y`, `dx`, `dW`, no transposed copies | tensor code |
//! | [`lora_linear`] | a frozen `W` with low-rank additions; no sum of two outputs, no `dW` | tensor code |
//! | [`rms_norm`] | one pass forward, one backward | a kernel forward, three backward |
//! | [`swiglu`] | one pass forward, one backward | a kernel each way |
//! | [`rotate_qk`] | in place | a kernel each way |
//! | [`packed_attention`] | attention over ragged rows whose completions read a shared prompt in place | gathers, then tensor code |
//! | [`RowMap`] | burn's gather and sum of rows by index | a kernel each way, no atomics |
//! | [`cached_attention`] | (decoding there is `thinkling-cpu`'s) | tensor code; no gradient |
//! | [`HostHead`] | one pass over the logits of each chunk, forward and backward | (tensor code in `thinkling-grpo`) |
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
