//! Pairs of answers of which a judge prefers one (arXiv 2501.12948v2, the data of the reward model for
//! helpfulness): prompts, pairs, what the judge is asked, what it says, and which pairs are kept.
//!
//! The judge reads summaries alone, what stands behind the last `</think>`, and chooses one of five
//! verdicts, as in Arena-Hard (arXiv 2406.11939). Each pair is asked equally often in either order, so
//! that a judge who likes the first place better prefers nothing on average. Everything here is a pure
//! function of the answers, the replies and the recipe; the stage asks.
//!
//! Departures from the report: it draws each order by chance, where here half of the askings have
//! either; it gives no wording, no scale and no rule for lengths, which are the recipe's.

mod balance;
mod choosing;
mod counts;
mod pairs;
mod planned;
mod prompts;
mod request;
mod verdict;

pub use counts::{PairsDropped, PlaceCounts, PreferencePairCounts};

pub(crate) use choosing::Outcome;
pub(crate) use pairs::Pairs;
pub(crate) use planned::PlannedPairs;
pub(crate) use prompts::{Prompt, read_prompts};
pub(crate) use request::conversations;

/// Seed of the judge's random streams: other numbers than those of the answers.
pub(crate) fn seed_of_judge(seed: u64) -> u64 {
    // The fractional part of the square root of 5 in 64 bits.
    seed ^ 0x3C6E_F372_FE94_F82B
}
