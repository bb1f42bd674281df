//! Integration tests: goldens, behaviour of the objectives, the chunked head.
#![cfg(not(target_family = "wasm"))]

mod cases;
mod golden;
mod head;
mod importance;
mod objective;
mod support;
