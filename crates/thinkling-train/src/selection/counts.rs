//! What became of answers.

use serde::{Deserialize, Serialize};

/// Each answer is counted once: `asked` is the sum of what was dropped, of `decontaminated`,
/// `duplicates` and `surplus`, and of `kept`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectionCounts {
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
    /// Answers that were kept.
    pub kept: usize,
    /// Problems whose prompt has none.
    pub problems_without_kept: usize,
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

    /// Each filter that dropped something with its number, in words.
    pub(crate) fn words(&self) -> String {
        let some = self.named().into_iter().filter(|(count, _)| *count > 0);
        some.map(|(count, what)| format!("; {count} dropped: {what}")).collect()
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.named().into_iter().map(|(count, _)| count).sum()
    }
}

impl SelectionCounts {
    /// It in one sentence.
    pub fn words(&self) -> String {
        let mut text = format!(
            "{} answers to {} prompts, {} of them right{}",
            self.asked,
            self.problems,
            self.correct,
            self.dropped.words()
        );
        for (count, what) in [
            (self.decontaminated, "near an evaluation's problem"),
            (self.duplicates, "there already"),
            (self.surplus, "more than a prompt keeps"),
        ] {
            if count > 0 {
                text += &format!("; {count} dropped: {what}");
            }
        }
        text += &format!("; {} kept", self.kept);
        if self.problems_without_kept > 0 {
            text += &format!("; {} prompts without any", self.problems_without_kept);
        }
        text
    }
}
