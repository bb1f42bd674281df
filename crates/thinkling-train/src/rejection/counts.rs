//! What became of all answers, and of what is mixed in.

use crate::selection::SelectionCounts;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Numbers of a `rejection-sampling` stage; its `STAGE-counts.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectionCounts {
    /// The answers; those that were kept became examples.
    #[serde(flatten)]
    pub answers: SelectionCounts,
    /// Conversations of other files that were added.
    pub mixed_in: usize,
    /// The same by file.
    pub mix: Vec<MixCounts>,
    /// Examples in all: `kept` and `mixed_in`.
    pub written: usize,
}

/// What became of a file that is mixed in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MixCounts {
    /// The file.
    pub path: PathBuf,
    /// Conversations that it holds.
    pub read: usize,
    /// Those near an evaluation's problem.
    pub decontaminated: usize,
    /// Those that are there already.
    pub duplicates: usize,
    /// Conversations that the recipe asks for.
    pub wanted: usize,
    /// Conversations that were added.
    pub taken: usize,
}

impl RejectionCounts {
    /// It in one sentence.
    pub fn words(&self) -> String {
        let mut text = self.answers.words();
        for mix in &self.mix {
            text += &format!("; {} mixed in from {}", mix.taken, mix.path.display());
            if mix.taken < mix.wanted {
                text += &format!(" ({} wanted, it has no more)", mix.wanted);
            }
        }
        text + &format!("; {} examples written", self.written)
    }
}
