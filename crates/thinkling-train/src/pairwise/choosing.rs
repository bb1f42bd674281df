//! Which pairs are kept.

use super::balance::{Lengths, balanced};
use super::counts::PreferencePairCounts;
use super::pairs::{Pair, Pairs};
use super::verdict::read_verdict;
use crate::error::{Result, TrainError};
use crate::lines::json_line;
use crate::recipe::PreferencesStage;
use crate::sampling::Reply;
use serde::Serialize;
use std::io::Write;
use thinkling_text::Message;

/// What becomes of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fate {
    /// It becomes a preference.
    Kept,
    /// Too few replies can be read.
    Unreadable,
    /// The responses differ too little.
    BelowMargin,
    /// It goes so that lengths are comparable.
    Length,
}

/// What a judge said of a pair, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// How much better the response at place A was each time, from -2 to 2; `None` of what cannot be
    /// read. First those with the pair's first response at place A, then the others.
    verdicts: [Vec<Option<i8>>; 2],
    /// How much better the first response is on average; `None` where too little can be read.
    difference: Option<f64>,
    fate: Fate,
}

/// A line of the file of pairs.
#[derive(Serialize)]
struct PairLine<'a> {
    /// Name of the prompt in its data.
    id: &'a str,
    /// Which prompt, counted from 0.
    prompt: usize,
    /// Which of its answers.
    samples: [usize; 2],
    verdicts: &'a [Vec<Option<i8>>; 2],
    difference: Option<f64>,
    outcome: Fate,
}

/// A line of the set.
#[derive(Serialize)]
struct PreferenceLine<'a> {
    id: &'a str,
    prompt: PromptText<'a>,
    chosen: &'a str,
    rejected: &'a str,
    /// How much better the chosen response is on average.
    difference: f64,
}

/// A prompt of one message as its text, another one as its messages.
#[derive(Serialize)]
#[serde(untagged)]
enum PromptText<'a> {
    Text(&'a str),
    Messages(&'a [Message]),
}

impl Outcome {
    /// Reads what a judge said of all pairs, two conversations each, and decides on them; counts
    /// everything.
    pub(crate) fn of_all(
        stage: &PreferencesStage,
        pairs: &Pairs<'_>,
        replies: &[Vec<Reply>],
        counts: &mut PreferencePairCounts,
    ) -> Vec<Self> {
        let read = |replies: &Vec<Reply>| replies.iter().map(read_verdict).collect();
        let mut all: Vec<Self> = replies
            .chunks_exact(2)
            .map(|orders| Self::of([read(&orders[0]), read(&orders[1])], stage))
            .collect();
        let kept: Vec<usize> = (0..all.len()).filter(|&at| all[at].is_kept()).collect();
        let lengths: Vec<Lengths> =
            kept.iter().map(|&at| all[at].lengths(pairs, &pairs.all()[at])).collect();
        let stays = balanced(&lengths, stage.max_length_ratio);
        for (&at, _) in kept.iter().zip(&stays).filter(|(_, stays)| !**stays) {
            all[at].fate = Fate::Length;
        }
        let lengths = lengths.into_iter().zip(stays).filter(|(_, stays)| *stays);
        counts.set_lengths(lengths.map(|(lengths, _)| lengths));
        all.iter().for_each(|outcome| outcome.count(counts));
        all
    }

    /// The outcome of a pair before lengths are looked at. Its difference is the mean of the means of
    /// both orders: what a judge adds for a place cancels out also where some replies cannot be read.
    fn of(verdicts: [Vec<Option<i8>>; 2], stage: &PreferencesStage) -> Self {
        let [first, second] = &verdicts;
        let readable = first.iter().chain(second).flatten().count();
        let difference = match (mean(first), mean(second)) {
            (Some(first), Some(second)) if readable >= stage.min_readable => {
                Some((first - second) / 2.0)
            }
            _ => None,
        };
        let fate = match difference {
            None => Fate::Unreadable,
            Some(difference) if difference.abs() > stage.margin => Fate::Kept,
            Some(_) => Fate::BelowMargin,
        };
        Self { verdicts, difference, fate }
    }

    fn is_kept(&self) -> bool {
        self.fate == Fate::Kept
    }

    /// Two texts of the pair, the chosen response's first.
    fn ordered<'t>(&self, [first, second]: [&'t str; 2]) -> [&'t str; 2] {
        match self.difference {
            Some(difference) if difference < 0.0 => [second, first],
            _ => [first, second],
        }
    }

    fn lengths(&self, pairs: &Pairs<'_>, pair: &Pair) -> Lengths {
        let [chosen, rejected] = self.ordered(pairs.summaries(pair));
        (chosen.chars().count(), rejected.chars().count())
    }

    fn count(&self, counts: &mut PreferencePairCounts) {
        for verdict in self.verdicts.iter().flatten() {
            counts.judgements += 1;
            match verdict {
                None => counts.unreadable += 1,
                Some(better) => counts.places.add(*better),
            }
        }
        match self.fate {
            Fate::Kept => counts.kept += 1,
            Fate::Unreadable => counts.dropped.unreadable += 1,
            Fate::BelowMargin => counts.dropped.below_margin += 1,
            Fate::Length => counts.dropped.length += 1,
        }
    }

    /// Writes the preference, where the pair is kept.
    ///
    /// # Errors
    /// What `out` fails with.
    pub(crate) fn write_preference(
        &self,
        pairs: &Pairs<'_>,
        pair: &Pair,
        out: &mut dyn Write,
        failed: &dyn Fn(std::io::Error) -> TrainError,
    ) -> Result<()> {
        let Some(difference) = self.difference.filter(|_| self.is_kept()) else { return Ok(()) };
        let prompt = &pairs.prompts()[pair.prompt];
        let [chosen, rejected] = self.ordered(pairs.responses(pair));
        let line = PreferenceLine {
            id: &prompt.id,
            prompt: match prompt.messages.as_slice() {
                [only] => PromptText::Text(&only.content),
                all => PromptText::Messages(all),
            },
            chosen,
            rejected,
            difference: difference.abs(),
        };
        write(&line, out, failed)
    }

    /// Writes what was said of the pair and what became of it.
    ///
    /// # Errors
    /// What `out` fails with.
    pub(crate) fn write_pair(
        &self,
        pairs: &Pairs<'_>,
        pair: &Pair,
        out: &mut dyn Write,
        failed: &dyn Fn(std::io::Error) -> TrainError,
    ) -> Result<()> {
        let line = PairLine {
            id: &pairs.prompts()[pair.prompt].id,
            prompt: pair.prompt,
            samples: pair.samples,
            verdicts: &self.verdicts,
            difference: self.difference,
            outcome: self.fate,
        };
        write(&line, out, failed)
    }
}

/// Mean of what can be read.
fn mean(verdicts: &[Option<i8>]) -> Option<f64> {
    let read: Vec<f64> = verdicts.iter().flatten().map(|better| f64::from(*better)).collect();
    (!read.is_empty()).then(|| read.iter().sum::<f64>() / read.len() as f64)
}

fn write(
    line: &impl Serialize,
    out: &mut dyn Write,
    failed: &dyn Fn(std::io::Error) -> TrainError,
) -> Result<()> {
    out.write_all(&json_line("a pair", line)?).map_err(failed)
}

#[cfg(test)]
mod tests;
