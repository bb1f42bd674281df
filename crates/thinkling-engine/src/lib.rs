//! Decoding of Llama, Qwen2 and Qwen3 models over token ids, by the WGSL of `shaders/` on plain wgpu,
//! natively and in the browser; with a CPU twin of every shader.
//!
//! Token ids in, token ids and log-probabilities out; text is others' business. Quantised weights
//! stay quantised. Left out: training, text, tensors on several GPUs.

mod cpu;
mod cpu_decoder;
mod engine;
mod error;
mod gpu;
mod packed;
mod rows;
mod segments;
mod shape;
mod weights;

pub use cpu_decoder::CpuDecoder;
pub use engine::{Capacity, Engine};
pub use error::EngineError;
pub use gpu::{Adapter, GpuDecoder, GpuOptions, Usage};
pub use packed::{Format, PackedMatrix};
pub use rows::Row;
pub use weights::{Keep, WeightsReader};
