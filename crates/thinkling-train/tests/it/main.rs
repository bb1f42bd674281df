//! Crates that only this one brings together.

mod reward_counts;
