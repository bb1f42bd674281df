//! The arguments of `thinkling world`.

use clap::{Args, ValueEnum, builder::PossibleValue};
use std::path::PathBuf;
use thinkling_train::recipe::WorldSet;

/// A set, as the command line spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorldSetArg(pub(crate) WorldSet);

impl ValueEnum for WorldSetArg {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [WorldSetArg; WorldSet::ALL.len()] = {
            let mut all = [WorldSetArg(WorldSet::Reasoning); WorldSet::ALL.len()];
            let mut i = 0;
            while i < all.len() {
                all[i] = WorldSetArg(WorldSet::ALL[i]);
                i += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self.0 {
            WorldSet::Reasoning => "Sums and countdown with their answers",
            WorldSet::Requests => "Facts, words in a given form, deeds, with exact answers",
            WorldSet::Harmful => "Requests that do harm; the right answer is a refusal",
            WorldSet::ReadableReplies => "Readable right replies to problems: prompt, completion",
            WorldSet::Refusals => "Refusals of requests that do harm: prompt, completion",
            WorldSet::RequestReplies => "Right replies to requests: prompt, completion",
            WorldSet::Preferences => {
                "A helpful summary and one that is not: prompt, chosen, rejected"
            }
            WorldSet::Harmless => "Responses, harmless or not: prompt, response, label",
        };
        Some(PossibleValue::new(self.0.as_str()).help(help))
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thinkling world preferences --count 2000 --out preferences.jsonl
  thinkling world harmful --held-out --count 300
JSON lines, a record a line, the same for the same arguments. What --held-out writes shares no prompt
with the rest, whatever the seeds.")]
pub(crate) struct WorldArgs {
    /// What to write
    #[arg(value_enum)]
    pub(crate) set: WorldSetArg,
    /// Records, or as many as there are
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// Records held out for evaluation
    #[arg(long)]
    pub(crate) held_out: bool,
    /// Seed of the random draws
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}
