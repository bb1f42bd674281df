//! The decoder that Thinkling trains: Llama, Qwen2 and Qwen3 in one module, on any burn device.
//!
//! [`Decoder`] holds the weights, [`PackedBatch`] lays ragged sequences (and completions that share
//! a prompt) out for one forward pass without padding in the dense layers, and
//! [`generate`](generate::generate) decodes: by `thinkling-cpu` where the weights lie in host
//! memory, else by tensor code over a key-value cache. The same code runs natively and on wasm32;
//! the device is a runtime value.
//!
//! Left out: sliding-window attention, mixture of experts, encoder models. Projections that read
//! the same input are stored fused (`qkv_proj`, `gate_up_proj`), which changes no number; they are
//! split again when weights are exported.

mod adapters;
mod backprop;
mod batch;
mod cache;
mod decoder;
mod error;
pub mod generate;
mod layer;
mod load;
mod params;
pub mod selftest;
mod steps;

pub use adapters::{LoraConfig, Projection};
pub use backprop::{Backprop, Recompute};
pub use batch::{PackedBatch, Sequence};
pub use decoder::Decoder;
pub use error::ModelError;
pub use load::NamedTensor;
pub use params::{ParamGrads, ParamList};
pub use thinkling_cpu::matmul::Precision;
pub use thinkling_ops::{AdamWFactors, ComputeType, HeadGrads, adamw, is_host, squares};
pub use thinkling_weights::ModelConfig;
