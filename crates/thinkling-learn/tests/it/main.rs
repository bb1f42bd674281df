//! Learning steps against plain autodiff, split against whole, GPU against CPU.
#![allow(clippy::print_stdout, reason = "a test that is left out says so")]

mod adapter;
mod page_problems;
mod reward_model;
mod steps;
mod supervised;
mod support;
