//! The model against transformers, and each device against itself and the CPU.
#![allow(clippy::print_stdout, reason = "a test that is left out says so")]

mod backprop;
mod devices;
mod generation;
mod goldens;
mod lora;
mod smollm2;
