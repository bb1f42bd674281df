//! Programs in the real interpreter, honest ones and others.

mod asserts;
mod forged;
mod hostile;
mod isolation;
mod stdio;
mod support;
