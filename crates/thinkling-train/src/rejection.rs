//! Rejection sampling (arXiv 2501.12948, section 2.3.3): of a model's answers to a prompt the good
//! ones become the examples of a supervised stage. The report keeps right answers alone, drops chains
//! of thought with mixed languages, long paragraphs or code blocks, and adds non-reasoning data.
//!
//! Answers are chosen by [`selection`](crate::selection); what is added to them lies here. Everything
//! is a pure function of the answers and the recipe; the stage samples.
//!
//! Departures from the report, which gives no numbers: the thresholds are the recipe's; prompts near
//! those of an evaluation and equal examples are dropped too. Left out: judging answers by a model.

mod counts;
mod mixing;

pub use counts::{MixCounts, RejectionCounts};

pub(crate) use mixing::{check_mix, mix_in};
