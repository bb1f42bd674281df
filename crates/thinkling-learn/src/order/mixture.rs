//! Which questions a stage of reinforcement learning asks next: of one source or of several with
//! weights, from easy to hard, or by how often they were answered rightly.
//!
//! Each source has an [`EpochSampler`] of its own. The source of a question is the one that is
//! furthest below its share of what was drawn, so that shares hold in every batch as far as whole
//! questions allow. A curriculum passes questions over, which then come in a later epoch.

use super::EpochSampler;
use serde::{Deserialize, Serialize};

/// What a stage draws from; it follows from the recipe and the data.
#[derive(Clone, Debug)]
pub struct Mixture {
    sources: Vec<Part>,
    curriculum: Curriculum,
    seed: u64,
}

/// What a [`Mixture`] is told of a source.
#[derive(Clone, Debug)]
pub struct SourceQuestions<'a> {
    /// Its share beside those of the others, above 0.
    pub weight: f64,
    /// The level of each question, where it has one.
    pub levels: Vec<Option<&'a str>>,
}

#[derive(Clone, Debug)]
struct Part {
    /// Of the weights' sum.
    share: f64,
    /// Where its questions begin among those of all sources.
    first: usize,
    /// Place of each question's level among the source's, from 0; a question without a level has 0.
    ranks: Vec<usize>,
    /// Levels of the source, at least 1.
    levels: usize,
}

/// Which questions are passed over.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Curriculum {
    /// None.
    #[default]
    None,
    /// Those whose level has not come yet: of a source with `L` levels the n-th, from 0, joins after
    /// `n / L` of `steps`.
    Level {
        /// Optimiser steps.
        steps: u64,
        /// Order of the levels.
        order: LevelOrder,
    },
    /// Those whose pass rate so far is outside of `low..=high`, but for a share `outside` of them,
    /// drawn anew in each epoch. What was not asked yet is asked.
    PassRate {
        /// Lowest pass rate.
        low: f64,
        /// Highest one.
        high: f64,
        /// Share of the others that is asked nevertheless.
        outside: f64,
    },
}

/// From easy to hard.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum LevelOrder {
    /// Numbers by value, then other names; numbers within names by value too.
    #[default]
    Natural,
    /// As listed.
    Listed(Vec<String>),
}

/// Where a stage stands in its questions, for checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct QuestionOrder {
    sources: Vec<SourceOrder>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SourceOrder {
    sampler: EpochSampler,
    /// Questions drawn.
    drawn: u64,
    /// Right answers and answers of each question so far, each time halved before the new ones; only
    /// where the curriculum looks at them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Vec<[u32; 2]>,
}

/// A state as written by any version: once there was one source alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Several { sources: Vec<SourceOrder> },
    One(EpochSampler),
}

impl From<Stored> for QuestionOrder {
    fn from(stored: Stored) -> Self {
        let sources = match stored {
            Stored::Several { sources } => sources,
            Stored::One(sampler) => vec![SourceOrder { sampler, drawn: 0, seen: Vec::new() }],
        };
        Self { sources }
    }
}

impl QuestionOrder {
    /// Number of questions of each source; a resumed run compares them with its data.
    pub fn item_counts(&self) -> Vec<usize> {
        self.sources.iter().map(|source| source.sampler.item_count()).collect()
    }
}

/// Seed of what is drawn of a source; the first one's is the stage's.
pub fn source_seed(seed: u64, index: usize) -> u64 {
    // Another odd constant than the one that tells stages apart.
    seed ^ (index as u64).wrapping_mul(0xD1B5_4A32_D192_ED03)
}

impl Mixture {
    /// Of sources in their order, whose questions are counted on from one to the next.
    ///
    /// # Errors
    /// The name of a level that a [`LevelOrder::Listed`] lacks.
    pub fn new(
        sources: &[SourceQuestions<'_>],
        curriculum: Curriculum,
        seed: u64,
    ) -> Result<Self, String> {
        let sum: f64 = sources.iter().map(|source| source.weight).sum();
        let mut first = 0;
        let mut parts = Vec::with_capacity(sources.len());
        for source in sources {
            let order = match &curriculum {
                Curriculum::Level { order, .. } => order,
                _ => &LevelOrder::Natural,
            };
            let (ranks, levels) = ranks(&source.levels, order)?;
            let share = source.weight / sum;
            parts.push(Part { share, first, ranks, levels });
            first += source.levels.len();
        }
        Ok(Self { sources: parts, curriculum, seed })
    }

    /// The order before anything is drawn.
    pub fn start(&self) -> QuestionOrder {
        let by_rate = matches!(self.curriculum, Curriculum::PassRate { .. });
        let start = |(index, part): (usize, &Part)| {
            let count = part.ranks.len();
            SourceOrder {
                sampler: EpochSampler::new(source_seed(self.seed, index), count),
                drawn: 0,
                seen: if by_rate { vec![[0; 2]; count] } else { Vec::new() },
            }
        };
        QuestionOrder { sources: self.sources.iter().enumerate().map(start).collect() }
    }

    /// Number of questions of each source.
    pub fn item_counts(&self) -> Vec<usize> {
        self.sources.iter().map(|part| part.ranks.len()).collect()
    }

    /// The source of a question.
    pub fn source_of(&self, question: usize) -> usize {
        self.sources.partition_point(|part| part.first <= question).saturating_sub(1)
    }

    /// The next `count` questions of a stage that has done so many optimiser steps, counted over all
    /// sources.
    pub fn next_batch(&self, order: &mut QuestionOrder, count: usize, step: u64) -> Vec<usize> {
        (0..count).filter_map(|_| self.next(order, step)).collect()
    }

    fn next(&self, order: &mut QuestionOrder, step: u64) -> Option<usize> {
        let index = self.furthest_below(order)?;
        let part = &self.sources[index];
        let SourceOrder { sampler, drawn, seen } = &mut order.sources[index];
        let seed = source_seed(self.seed, index);
        let question = sampler.next_where(|epoch, question| match self.curriculum {
            Curriculum::PassRate { outside, .. } => {
                self.is_open(part, seen, question, step)
                    || unit(seed, epoch, question as u64) < outside
            }
            _ => self.is_open(part, seen, question, step),
        })?;
        *drawn += 1;
        Some(part.first + question)
    }

    /// The source that lacks most of its share, were one more question drawn; the first of equals.
    fn furthest_below(&self, order: &QuestionOrder) -> Option<usize> {
        let total: u64 = order.sources.iter().map(|source| source.drawn).sum();
        let lack = |index: usize| {
            self.sources[index].share * (total + 1) as f64 - order.sources[index].drawn as f64
        };
        let with_questions =
            (0..self.sources.len()).filter(|&i| order.sources[i].sampler.item_count() > 0);
        with_questions.reduce(|best, i| if lack(i) > lack(best) { i } else { best })
    }

    fn is_open(&self, part: &Part, seen: &[[u32; 2]], question: usize, step: u64) -> bool {
        match &self.curriculum {
            Curriculum::None => true,
            Curriculum::Level { steps, .. } => {
                part.ranks[question] as u64 * steps <= step.saturating_mul(part.levels as u64)
            }
            Curriculum::PassRate { low, high, .. } => match seen.get(question) {
                None | Some([_, 0]) => true,
                Some([right, all]) => {
                    let rate = f64::from(*right) / f64::from(*all);
                    (*low..=*high).contains(&rate)
                }
            },
        }
    }

    /// Share of all questions that the curriculum does not pass over.
    pub fn open_share(&self, order: &QuestionOrder, step: u64) -> f64 {
        let (mut open, mut all) = (0_usize, 0_usize);
        for (part, source) in self.sources.iter().zip(&order.sources) {
            let count = part.ranks.len();
            open += (0..count).filter(|&q| self.is_open(part, &source.seen, q, step)).count();
            all += count;
        }
        open as f64 / all.max(1) as f64
    }

    /// Tells that `right` of `all` new answers to a question are right. What was seen of it before
    /// counts half from then on.
    pub fn saw(&self, order: &mut QuestionOrder, question: usize, right: u32, all: u32) {
        let index = self.source_of(question);
        let place = question - self.sources[index].first;
        if let Some(seen) = order.sources[index].seen.get_mut(place) {
            *seen = [seen[0] / 2 + right, seen[1] / 2 + all];
        }
    }
}

/// Place of each level among those that occur, and how many there are.
fn ranks(levels: &[Option<&str>], order: &LevelOrder) -> Result<(Vec<usize>, usize), String> {
    let mut names: Vec<&str> = levels.iter().copied().flatten().collect();
    match order {
        LevelOrder::Natural => names.sort_by_key(|name| natural(name)),
        LevelOrder::Listed(listed) => {
            let place = |name: &str| listed.iter().position(|listed| listed == name);
            if let Some(unknown) = names.iter().find(|name| place(name).is_none()) {
                return Err((*unknown).to_owned());
            }
            names.sort_by_key(|name| place(name));
        }
    }
    names.dedup();
    let rank = |level: &Option<&str>| {
        level.and_then(|level| names.iter().position(|name| *name == level)).unwrap_or(0)
    };
    Ok((levels.iter().map(rank).collect(), names.len().max(1)))
}

/// Pieces of a name by which names sort: a number by its value, before other pieces.
fn natural(name: &str) -> Vec<(bool, u64, &str)> {
    let mut pieces = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (piece, tail) = rest.split_at(end);
        pieces.push(match piece.parse() {
            Ok(number) => (false, number, ""),
            Err(_) => (true, 0, piece),
        });
        rest = tail;
    }
    pieces
}

/// A number in 0..1 of an item in an epoch (SplitMix64, Steele, Lea and Flood 2014).
fn unit(seed: u64, epoch: u64, item: u64) -> f64 {
    let mixed = |z: u64| {
        let z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    (mixed(mixed(mixed(seed) ^ epoch) ^ item) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests;
