//! Learning steps against plain autodiff, split against whole, GPU against CPU.

mod steps;
mod support;
