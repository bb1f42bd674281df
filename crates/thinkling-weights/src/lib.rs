//! Model configs and weights in and out: config.json, safetensors, GGUF.
//!
//! [`Checkpoint`] is one opened model whatever its format: it gives a [`ModelConfig`] and the
//! tensors under their Hugging Face names, row-major, as `f32`. Below it lie the two formats
//! ([`SafetensorsIndex`], [`Gguf`]) with a reader and a streaming writer each.
//!
//! Every file is untrusted: sizes, offsets and counts are checked with overflow-safe arithmetic
//! before anything is allocated, and a fault is a [`WeightsError`], never a panic.
//!
//! Left out: Q2_K and the i-quants of GGUF but IQ4_NL, and pickled PyTorch files.

mod checkpoint;
mod config;
mod error;
mod float;
mod gguf;
mod manifest;
mod names;
mod read;
mod rope_rows;
mod safetensors;

pub use checkpoint::{Checkpoint, expected_tensors};
pub use config::{Architecture, Llama3RopeScaling, ModelConfig};
pub use error::WeightsError;
pub use float::FloatType;
pub use gguf::{
    GgmlType, Gguf, GgufArray, GgufSplit, GgufTensor, GgufTensorSpec, GgufValue, GgufWriter,
    IQ4_NL_VALUES, dequantize, gguf_parts, q3_k_as_q6_k, quantize,
};
pub use manifest::{Manifest, ManifestFile, Shard, Training};
pub use names::{gguf_to_hf, hf_to_gguf};
pub use read::ReadAt;
pub use rope_rows::{half_split_to_interleaved, interleaved_to_half_split};
pub use safetensors::{
    SafetensorsIndex, SafetensorsTensor, SafetensorsTensorSpec, SafetensorsWriter,
};
