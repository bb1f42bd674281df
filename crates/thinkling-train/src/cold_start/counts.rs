//! What became of all trajectories.

use crate::review::ReviewCounts;
use crate::selection::{Dropped, SelectionCounts};
use serde::{Deserialize, Serialize};

/// Numbers of a `cold-start` stage; its `STAGE-counts.json`. `kept` of the answers is the sum of
/// `without_thinking` and `queued`, and of what rewriting dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColdStartCounts {
    /// The answers of both ways.
    #[serde(flatten)]
    pub answers: SelectionCounts,
    /// Those that were asked for by the template alone.
    pub plain: WayCounts,
    /// Those that were asked for behind examples.
    pub few_shot: WayCounts,
    /// Good answers that are not thinking and then a summary.
    pub without_thinking: usize,
    /// What became of the others by a teacher; absent where nothing is rewritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewriting: Option<RewriteCounts>,
    /// Records that a person was to see.
    pub queued: usize,
    /// What became of these.
    pub review: ReviewCounts,
    /// Edited ones that were dropped, because their answer is not right any more.
    pub edited_wrong: usize,
    /// Records that became examples.
    pub written: usize,
}

/// What became of what was rewritten: `asked` is the sum of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewriteCounts {
    /// Trajectories that a teacher was asked to rewrite.
    pub asked: usize,
    /// Rewritings that are not thinking in its tags and then a summary.
    pub unreadable: usize,
    /// Those whose summary does not state an answer.
    pub unstated: usize,
    /// Those that the stage's filters drop: cut at the limit, not right any more, repeating
    /// themselves, and so on.
    pub dropped: Dropped,
    /// Those that are kept.
    pub kept: usize,
}

/// Answers of one way of asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayCounts {
    /// All of them.
    pub asked: usize,
    /// Those that are right.
    pub correct: usize,
    /// Those that were kept.
    pub kept: usize,
}

impl ColdStartCounts {
    /// What was asked and kept, in one sentence.
    pub fn words(&self) -> String {
        let mut text = self.answers.words();
        for (way, what) in [(self.plain, "plain"), (self.few_shot, "few-shot")] {
            if way.asked > 0 {
                let WayCounts { asked, correct, kept } = way;
                text += &format!("; {what}: {kept} kept of {correct} right of {asked}");
            }
        }
        if self.without_thinking > 0 {
            text += &format!("; {} dropped: without thinking and summary", self.without_thinking);
        }
        if let Some(rewriting) = &self.rewriting {
            text += &format!("; {} of {} rewritten", rewriting.kept, rewriting.asked);
            for (count, what) in [
                (rewriting.unreadable, "without thinking and summary"),
                (rewriting.unstated, "the summary states no answer"),
            ] {
                if count > 0 {
                    text += &format!("; {count} dropped: {what}");
                }
            }
            text += &rewriting.dropped.words();
        }
        text + &format!("; {} queued", self.queued)
    }

    /// What the review came to, in one sentence.
    pub fn reviewed_words(&self) -> String {
        let mut text = self.review.words();
        if self.edited_wrong > 0 {
            text += &format!("; {} edited ones dropped: not right any more", self.edited_wrong);
        }
        text + &format!("; {} examples written", self.written)
    }
}
