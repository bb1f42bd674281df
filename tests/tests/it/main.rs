//! The command line's contract, tried on the built binary.

mod damaged_models;
mod generate;
mod wrong_calls;
