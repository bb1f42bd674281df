//! The rewards of `thinkling-reward` as functions for Python's trainers: TRL's `reward_funcs` and
//! verl's `compute_score`.
//!
//! A [`Reward`] is a name and what is measured; [`Reward::score`] scores a batch of [`Sample`]s.
//! [`source`] says which rule verl's `data_source` asks for. All of that is plain Rust. The Python
//! module around it is the feature `python`, which maturin turns on, so that this crate compiles and
//! its tests run on machines without Python.
//!
//! Left out: programs as answers, which need the sandbox.

pub mod judge;
pub mod reward;
pub mod source;

#[cfg(feature = "python")]
mod python;

pub use judge::{Judge, Kind};
pub use reward::{GoldErrors, Measure, Reward, RewardsError, Sample};
