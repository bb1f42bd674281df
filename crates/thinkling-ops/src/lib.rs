//! The decoder's operations with hand-derived backward passes: fused loops over host memory on the
//! CPU, plain tensor code on every other device.
//!
//! | operation | CPU | elsewhere |
//! |---|---|---|
//! | [`linear`] | one matrix product each for `y`, `dx`, `dW`, no transposed copies | tensor code |
//! | [`lora_linear`] | a frozen `W` with low-rank additions; no sum of two outputs, no `dW` | tensor code |
//! | [`rms_norm`] | one pass forward, one backward | tensor code |
//! | [`swiglu`] | one pass forward, one backward | tensor code |
//! | [`packed_attention`] | rotary embedding and attention over ragged rows whose completions read a shared prompt in place | gathers, then tensor code |
//! | [`cached_attention`] | (decoding there is `thinkling-cpu`'s) | tensor code; no gradient |
//! | [`HostHead`] | one pass over the logits of each chunk, forward and backward | (tensor code in `thinkling-grpo`) |
//!
//! Both sides compute the same formulas; tests compare value and gradient on odd shapes. Sums run
//! in an order that does not depend on the number of threads.

mod attention;
#[cfg(test)]
mod checks;
mod compute;
mod cpu;
mod head;
mod host;
mod in_place;
mod lora;
mod norm;
mod tensor;

pub use attention::{
    AttentionLayout, Heads, PackedSequence, RopeFactors, cached_attention, packed_attention,
    rotate_qk,
};
pub use compute::ComputeType;
pub use head::{HeadGrads, HeadStats, HostHead};
pub use host::{is_host, read_host};
pub use lora::{LoraShape, lora_linear, lora_merge};
pub use norm::{linear, rms_norm, swiglu};
