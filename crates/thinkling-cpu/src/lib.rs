//! Kernels over host memory, without burn and without a device: what the decoder's operations on
//! the CPU are made of.
//!
//! Vector code is chosen for the machine at run time. Sums run in an order that depends neither on
//! the number of threads nor on what is computed beside them.

mod attention;
pub mod decoder;
pub mod math;
pub mod matmul;
pub mod profile;
pub mod rows;
mod scratch;
pub mod threads;
mod vector;

pub use vector::instructions;

#[doc(hidden)]
pub use multiversion;
