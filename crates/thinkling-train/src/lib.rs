//! Recipes, stages, run folders, checkpoints, metrics, evaluation and benches.

pub mod atomic;
pub mod checkpoint;
pub mod data;
mod error;
pub mod interrupt;
pub mod metrics;
pub mod progress;
pub mod recipe;
pub mod run_dir;
pub mod tfevents;

pub use error::{Place, Result, TrainError};
