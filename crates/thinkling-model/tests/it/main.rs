//! The model against transformers, and each device against itself and the CPU.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::print_stdout, reason = "a test that is left out says so")]

mod backprop;
mod compute;
mod devices;
mod generation;
mod gguf_types;
mod goldens;
mod lora;
mod smollm2;
#[path = "../../../../tests/support/tiny_gguf.rs"]
mod tiny_gguf;
