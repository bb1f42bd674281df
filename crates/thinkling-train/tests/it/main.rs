//! Crates that only this one brings together.

mod data_sets;
mod reward_counts;
