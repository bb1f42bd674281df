//! Scores completions as they end, each by the rewards of its source.

use super::super::learn_error;
use crate::error::Result;
use crate::external::Externals;
use std::sync::mpsc::Receiver;
use thinkling_learn::{Question, Scored, Scorer};
use thinkling_model::generate::Completion;

/// What judges a round of completions.
pub(super) struct Judge<'a> {
    /// By place of the rewards, as `externals`.
    pub(super) scorers: Vec<Scorer<'a>>,
    /// Of each completion, as [`places`] has them.
    pub(super) places: Vec<(usize, usize)>,
    pub(super) questions: &'a [Question],
    pub(super) externals: &'a mut [Externals],
}

/// Place of the rewards of each completion, and its own among those with the same, of questions with
/// the given rewards.
pub(super) fn places(
    rewards: impl Iterator<Item = usize>,
    group_size: usize,
) -> Vec<(usize, usize)> {
    let mut counts: Vec<usize> = Vec::new();
    let each = rewards.flat_map(|rewards| std::iter::repeat_n(rewards, group_size));
    each.map(|rewards| {
        counts.resize(counts.len().max(rewards + 1), 0);
        counts[rewards] += 1;
        (rewards, counts[rewards] - 1)
    })
    .collect()
}

impl Judge<'_> {
    /// Scores completions in whatever order they end, and gives them in theirs.
    pub(super) fn all(self, ended: &Receiver<(usize, Completion)>) -> Result<Vec<Scored>> {
        let mut scored: Vec<Option<Scored>> = vec![None; self.places.len()];
        for (index, completion) in ended {
            let (rewards, place) = self.places[index];
            let scorer = &self.scorers[rewards];
            let one = scorer.score(completion, self.questions).map_err(learn_error)?;
            self.externals[rewards].offer(place, &one, self.questions)?;
            scored[index] = Some(one);
        }
        for (rewards, externals) in self.externals.iter_mut().enumerate() {
            let of = |index: &usize| self.places[*index].0 == rewards;
            let own: Vec<usize> =
                (0..scored.len()).filter(of).filter(|&i| scored[i].is_some()).collect();
            if own.is_empty() {
                continue;
            }
            let mut parts: Vec<Scored> = own.iter().filter_map(|&i| scored[i].take()).collect();
            let nothing = self.scorers[rewards].rewards.truncated_earns_nothing;
            externals.score(&mut parts, nothing)?;
            for (index, part) in own.into_iter().zip(parts) {
                scored[index] = Some(part);
            }
        }
        Ok(scored.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_are_counted_by_their_rewards() {
        let places = places([1, 0, 1].into_iter(), 2);
        assert_eq!(places, [(1, 0), (1, 1), (0, 0), (0, 1), (1, 2), (1, 3)]);
    }
}
