//! Cold start (arXiv 2501.12948v1, section 2.3.1): correct and readable trajectories of a model that
//! learnt to reason by reinforcement alone, which a person has seen, become the examples of a
//! supervised stage.
//!
//! Answers are chosen by [`selection`](crate::selection), and a person decides by
//! [`review`](crate::review); how prompts are made few-shot, records laid out and doubts found lies
//! here. The stage samples.
//!
//! Departures from the report, which gives neither numbers nor prompts: all filters and thresholds
//! are the recipe's, and each record has its doubts written beside it.

mod counts;
mod doubts;
mod few_shot;
mod queue;
mod record;
mod rewrite;

pub use counts::{ColdStartCounts, RewriteCounts, WayCounts};

pub(crate) use few_shot::{Room, Shots, seed_of_few_shot};
pub(crate) use queue::{Judge, Record, WAYS, items_of, records_of, write_accepted};
pub(crate) use rewrite::{Rewriting, read_rewrites};
