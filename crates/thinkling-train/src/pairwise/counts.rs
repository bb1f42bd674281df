//! What became of answers and pairs.

use super::balance::Lengths;
use serde::{Deserialize, Serialize};

/// Numbers of a `preferences` stage; its `STAGE-counts.json`. `pairs` is the sum of `dropped` and of
/// `kept`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PreferencePairCounts {
    /// Prompts that were asked.
    pub prompts: usize,
    /// Answers of each.
    pub samples: usize,
    /// Answers in all.
    pub answers: usize,
    /// Those of them that were cut at the token limit.
    pub truncated: usize,
    /// Those without anything behind their thoughts.
    pub without_summary: usize,
    /// Those with the summary of another answer to the same prompt.
    pub duplicates: usize,
    /// Prompts without two different answers.
    pub prompts_without_pair: usize,
    /// Pairs that are there already, where a prompt stands twice.
    pub duplicate_pairs: usize,
    /// Lines of the data that hold no prompt and were passed over.
    pub skipped: usize,
    /// The first of them and what it lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_skipped: Option<String>,
    /// Pairs that were judged.
    pub pairs: usize,
    /// Replies of the judge.
    pub judgements: usize,
    /// Those of them that cannot be read.
    pub unreadable: usize,
    /// Which place the others preferred.
    pub places: PlaceCounts,
    /// Pairs that are not kept, by the first reason.
    pub dropped: PairsDropped,
    /// Pairs that are kept.
    pub kept: usize,
    /// Mean characters of a chosen summary.
    pub chosen_length: f64,
    /// Mean characters of a rejected summary.
    pub rejected_length: f64,
}

/// What a judge preferred by its place. Every pair is shown in both orders equally often: a judge who
/// goes by the content prefers both places alike.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlaceCounts {
    /// The response at place A, shown first.
    pub first: usize,
    /// The response at place B.
    pub second: usize,
    /// Neither.
    pub equal: usize,
    /// Share of the first place among the preferences; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_share: Option<f64>,
}

/// Pairs that are not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairsDropped {
    /// With too few replies that can be read.
    pub unreadable: usize,
    /// With a mean difference that is not above the margin.
    pub below_margin: usize,
    /// So that chosen and rejected responses have comparable lengths.
    pub length: usize,
}

impl PlaceCounts {
    /// Counts a judgement by how much better place A is.
    pub(super) fn add(&mut self, better: i8) {
        match better.signum() {
            1 => self.first += 1,
            -1 => self.second += 1,
            _ => self.equal += 1,
        }
        let preferences = self.first + self.second;
        self.first_share = (preferences > 0).then(|| self.first as f64 / preferences as f64);
    }
}

impl PreferencePairCounts {
    /// Takes the mean lengths of the pairs that are kept.
    pub(super) fn set_lengths(&mut self, kept: impl Iterator<Item = Lengths>) {
        let (mut count, mut sums) = (0, (0, 0));
        for (chosen, rejected) in kept {
            count += 1;
            sums = (sums.0 + chosen, sums.1 + rejected);
        }
        let mean = |sum: usize| sum as f64 / f64::from(count.max(1));
        (self.chosen_length, self.rejected_length) = (mean(sums.0), mean(sums.1));
    }

    /// The answers and the pairs that were formed of them, in one sentence.
    pub fn formed_words(&self) -> String {
        let mut text = format!("{} answers to {} prompts", self.answers, self.prompts);
        for (count, what) in [
            (self.truncated, "cut at the limit"),
            (self.without_summary, "without a summary"),
            (self.duplicates, "there already"),
        ] {
            if count > 0 {
                text += &format!("; {count} left out: {what}");
            }
        }
        if self.prompts_without_pair > 0 {
            text += &format!("; {} prompts without two answers", self.prompts_without_pair);
        }
        if self.duplicate_pairs > 0 {
            text += &format!("; {} pairs there already", self.duplicate_pairs);
        }
        text + &format!("; {} pairs", self.pairs)
    }

    /// What the judge made of them, in one sentence.
    pub fn words(&self) -> String {
        let mut text = format!(
            "{} judgements of {} pairs, {} unreadable",
            self.judgements, self.pairs, self.unreadable
        );
        if let Some(share) = self.places.first_share {
            text += &format!("; the first place won {:.1} % of the preferences", 100.0 * share);
        }
        let PairsDropped { unreadable, below_margin, length } = self.dropped;
        for (count, what) in [
            (unreadable, "too little readable"),
            (below_margin, "not above the margin"),
            (length, "for its length"),
        ] {
            if count > 0 {
                text += &format!("; {count} dropped: {what}");
            }
        }
        text += &format!("; {} kept", self.kept);
        if self.kept > 0 {
            text += &format!(
                ", chosen {:.1} and rejected {:.1} characters in the mean",
                self.chosen_length, self.rejected_length
            );
        }
        text
    }
}
