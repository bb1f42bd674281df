//! Programs in the real interpreter, honest ones and others.
#![allow(clippy::print_stdout, reason = "cargo shows a test's output when it is asked to")]

mod asserts;
mod forged;
mod hostile;
mod isolation;
mod mbpp;
mod stdio;
mod support;
