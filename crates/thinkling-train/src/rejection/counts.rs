//! What became of all answers.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Numbers of a `rejection-sampling` stage; its `STAGE-counts.json`. Each answer is counted once:
/// `asked` is the sum of what was dropped, of `decontaminated`, `duplicates` and `surplus`, and of
/// `kept`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectionCounts {
    /// Problems that were asked.
    pub problems: usize,
    /// Answers of each.
    pub samples: usize,
    /// Answers in all.
    pub asked: usize,
    /// Those of them that are right.
    pub correct: usize,
    /// Answers that a filter dropped, by the first filter that did.
    pub dropped: Dropped,
    /// Answers that passed the filters, to prompts that share words with an evaluation's.
    pub decontaminated: usize,
    /// Answers that are there already, to the same prompt.
    pub duplicates: usize,
    /// Good answers beyond `keep_per_prompt`.
    pub surplus: usize,
    /// Answers that became examples.
    pub kept: usize,
    /// Problems whose prompt has no example.
    pub problems_without_kept: usize,
    /// Conversations of other files that were added.
    pub mixed_in: usize,
    /// The same by file.
    pub mix: Vec<MixCounts>,
    /// Examples in all: `kept` and `mixed_in`.
    pub written: usize,
}

/// Answers that the filters dropped, in the order in which these are applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Cut at the token limit.
    pub truncated: usize,
    /// Not right.
    pub incorrect: usize,
    /// Not in the format.
    pub format: usize,
    /// Repeating themselves.
    pub repetition: usize,
    /// Of mixed languages.
    pub language: usize,
    /// With a long paragraph.
    pub paragraph: usize,
    /// With a code block in the thinking.
    pub code_block: usize,
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

impl Dropped {
    /// Each filter with its number, in words.
    fn named(&self) -> [(usize, &'static str); 7] {
        [
            (self.truncated, "cut at the limit"),
            (self.incorrect, "not right"),
            (self.format, "not in the format"),
            (self.repetition, "repeating themselves"),
            (self.language, "of mixed languages"),
            (self.paragraph, "with a long paragraph"),
            (self.code_block, "with code in the thinking"),
        ]
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.named().into_iter().map(|(count, _)| count).sum()
    }
}

impl RejectionCounts {
    /// It in one sentence.
    pub fn words(&self) -> String {
        let mut text = format!(
            "{} answers to {} prompts, {} of them right",
            self.asked, self.problems, self.correct
        );
        let others = [
            (self.decontaminated, "near an evaluation's problem"),
            (self.duplicates, "there already"),
            (self.surplus, "more than a prompt keeps"),
        ];
        for (count, what) in self.dropped.named().into_iter().chain(others) {
            if count > 0 {
                text += &format!("; {count} dropped: {what}");
            }
        }
        text += &format!("; {} kept", self.kept);
        if self.problems_without_kept > 0 {
            text += &format!("; {} prompts without any", self.problems_without_kept);
        }
        for mix in &self.mix {
            text += &format!("; {} mixed in from {}", mix.taken, mix.path.display());
            if mix.taken < mix.wanted {
                text += &format!(" ({} wanted, it has no more)", mix.wanted);
            }
        }
        text + &format!("; {} examples written", self.written)
    }
}
