//! Decoding of Llama, Qwen2 and Qwen3 models over token ids, by the WGSL of `shaders/` on plain wgpu,
//! natively and in the browser; with a CPU twin of every shader.
//!
//! Token ids in, token ids and log-probabilities out; text is others' business. Quantised weights
//! stay quantised. Left out: training, text, tensors on several GPUs.

mod capacity;
mod conversation;
mod cpu;
mod cpu_decoder;
mod engine;
mod error;
mod gpu;
mod live_counts;
mod packed;
mod reward_counts;
mod rows;
mod segments;
mod self_test;
mod shape;
mod update;
mod weights;

pub use capacity::{Capacity, Groups};
pub use cpu_decoder::CpuDecoder;
pub use engine::{BeforePass, Engine};
pub use error::EngineError;
pub use gpu::{
    Adapter, DispatchTime, GpuDecoder, GpuOptions, MAX_BANNED, MAX_STEPS, RewardMeter, Step, Usage,
};
pub use live_counts::{Due, LiveCounts};
pub use packed::{Format, PackedMatrix};
pub use reward_counts::{CountRule, RewardCounts, RewardTable};
pub use rows::Row;
pub use self_test::self_test;
pub use update::WeightsUpdate;
pub use weights::{Keep, WeightsReader};

#[cfg(all(test, target_family = "wasm"))]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
