//! Rejection sampling (arXiv 2501.12948, section 2.3.3): of a model's answers to a prompt the good
//! ones become the examples of a supervised stage. The report keeps right answers alone, drops chains
//! of thought with mixed languages, long paragraphs or code blocks, and adds non-reasoning data.
//!
//! Everything here is a pure function of the answers and the recipe; the stage samples.
//!
//! Departures from the report, which gives no numbers: the thresholds are the recipe's; prompts near
//! those of an evaluation and equal examples are dropped too. Left out: judging answers by a model.

mod contamination;
mod counts;
mod describe;
mod duplicates;
mod filters;
mod mixing;
mod selection;

pub use counts::{Dropped, MixCounts, RejectionCounts};
pub use describe::{Planned, describe};

pub(crate) use contamination::Evaluations;
pub(crate) use mixing::{check_mix, mix_in};
pub(crate) use selection::{Asked, Choosing};
