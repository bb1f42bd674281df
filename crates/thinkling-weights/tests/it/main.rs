//! Integration tests of the weight formats, on files made in memory.

mod checkpoint;
mod gguf;
mod gguf_types;
mod hostile;
#[cfg(feature = "mmap")]
mod open;
#[cfg(feature = "mmap")]
mod parts;
#[cfg(feature = "mmap")]
mod real;
mod safetensors;
mod support;
