//! The arguments of `thinkling review`.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thinkling review runs/cold-start-1/cold.review.jsonl
  thinkling review runs/cold-start-1/cold.review.jsonl --accept-all
Each decision is on disk at once, in FILE.decisions.jsonl; the next call goes on behind the last.
Once nothing is open, go on with the run by `thinkling train --resume`. Exit status 4: items are
still open. The editor is $VISUAL or $EDITOR. NO_COLOR switches colours off. docs/review.md says more.")]
pub(crate) struct ReviewArgs {
    /// The queue, NAME.review.jsonl in a run folder
    #[arg(value_name = "FILE")]
    pub(crate) queue: PathBuf,
    /// Accept all that is open without showing it, which the decisions record
    #[arg(long, conflicts_with = "summary")]
    pub(crate) accept_all: bool,
    /// Decide nothing, only print how far the review is
    #[arg(long)]
    pub(crate) summary: bool,
    /// Print one JSON object with the counts at the end
    #[arg(long)]
    pub(crate) json: bool,
}
