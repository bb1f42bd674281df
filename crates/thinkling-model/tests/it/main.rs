//! The model against transformers, and each device against itself and the CPU.

mod devices;
mod generation;
mod goldens;
mod smollm2;
