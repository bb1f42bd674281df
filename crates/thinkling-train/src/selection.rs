//! Which answers of a model are good enough to be learnt from: filters, decontamination,
//! deduplication, and how many of a prompt are kept. `rejection-sampling` and `cold-start` stages
//! choose by it.
//!
//! Everything here is a pure function of the answers and the recipe; the stage samples.

mod choosing;
mod contamination;
mod counts;
mod describe;
mod duplicates;
mod filters;
mod write;

pub use counts::{Dropped, SelectionCounts};
pub(crate) use describe::Planned;

pub(crate) use choosing::{Asked, Choosing, response_of, spaced};
pub(crate) use contamination::Evaluations;
pub(crate) use duplicates::Duplicates;
pub(crate) use filters::{Seen, dropped_by, language_share};
pub(crate) use write::{write_line, write_set};
