//! Recipes, stages, run folders, checkpoints, metrics, evaluation and benches.

mod answers;
mod asking;
pub mod atomic;
pub mod bench;
pub mod checkpoint;
mod conversations;
pub mod data;
pub mod devices;
mod error;
pub mod eval;
pub mod evaluate;
pub mod examples;
pub mod executor;
pub mod export_web;
pub mod external;
pub mod interrupt;
pub mod metrics;
pub mod model_io;
pub mod preferences;
pub mod progress;
pub mod prompts;
mod questions;
pub mod recipe;
pub mod rejection;
pub mod report;
mod reward_model;
mod rollout_executor;
pub mod run_dir;
pub mod runner;
mod stage;
pub mod tfevents;

pub use error::{Place, Result, TrainError};
