//! The order in which training sees its items.

mod mixture;

pub use mixture::{Curriculum, LevelOrder, Mixture, QuestionOrder, SourceQuestions, source_seed};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The order in which training sees `len` items: every epoch is a fresh permutation that depends
/// on seed and epoch alone, so that (seed, epoch, position) is all a checkpoint needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EpochSampler {
    seed: u64,
    epoch: u64,
    position: usize,
    len: usize,
    /// The epoch's permutation, made when it is first asked for.
    #[serde(skip)]
    order: Vec<usize>,
}

/// The cached permutation follows from the rest.
impl PartialEq for EpochSampler {
    fn eq(&self, other: &Self) -> bool {
        let key = |s: &Self| (s.seed, s.epoch, s.position, s.len);
        key(self) == key(other)
    }
}

impl EpochSampler {
    /// Starts the first epoch over `len` items.
    pub fn new(seed: u64, len: usize) -> Self {
        Self { seed, epoch: 0, position: 0, len, order: Vec::new() }
    }

    /// Number of epochs that are complete.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Items of the current epoch that were given.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Number of items; a resumed run compares it with its data.
    pub fn item_count(&self) -> usize {
        self.len
    }

    /// The next `count` items. A batch may run over the end of an epoch and may hold an item of
    /// the next one again. Without items it gives none.
    pub fn next_batch(&mut self, count: usize) -> Vec<usize> {
        let mut batch = Vec::new();
        while batch.len() < count && self.len > 0 {
            if self.position >= self.len {
                self.epoch += 1;
                self.position = 0;
                self.order.clear();
            }
            if self.order.is_empty() {
                self.order = permutation(self.seed, self.epoch, self.len);
            }
            let end = self.len.min(self.position + (count - batch.len()));
            batch.extend(&self.order[self.position..end]);
            self.position = end;
        }
        batch
    }

    /// The next item that `accepts`, which is told the epoch too; others are passed over. Where none
    /// is found in a whole epoch, whichever comes next.
    pub fn next_where(&mut self, mut accepts: impl FnMut(u64, usize) -> bool) -> Option<usize> {
        // Two lengths hold a whole epoch, wherever they begin.
        for _ in 0..2 * self.len {
            let item = self.next_batch(1).pop()?;
            if accepts(self.epoch, item) {
                return Some(item);
            }
        }
        self.next_batch(1).pop()
    }
}

/// A uniformly random permutation (Fisher-Yates) from the random stream of an epoch.
fn permutation(seed: u64, epoch: u64, len: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch);
    let mut order: Vec<usize> = (0..len).collect();
    for i in (1..len).rev() {
        // Drawn with 64 bits on every platform, so that the order is the same everywhere.
        order.swap(i, rng.random_range(0..=i as u64) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_epoch_gives_every_item_once_in_an_order_of_its_own() {
        let mut sampler = EpochSampler::new(7, 50);
        let epochs = [sampler.next_batch(50), sampler.next_batch(50)];
        for epoch in &epochs {
            assert_eq!(epoch.iter().collect::<BTreeSet<_>>().len(), 50);
        }
        assert_ne!(epochs[0], epochs[1]);
        assert_eq!(EpochSampler::new(7, 50).next_batch(50), epochs[0]);
        assert_ne!(EpochSampler::new(8, 50).next_batch(50), epochs[0]);
    }

    /// With 6 permutations of 3 items and 6,000 epochs, a count is 1,000 +- 29; 5 deviations.
    #[test]
    fn orders_are_uniform() {
        let mut counts = std::collections::BTreeMap::new();
        for epoch in 0..6_000 {
            *counts.entry(permutation(1, epoch, 3)).or_insert(0_i32) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|n| (n - 1_000).abs() < 145), "{counts:?}");
    }

    #[test]
    fn items_that_are_not_accepted_are_passed_over_in_the_same_order() {
        let (mut all, mut even) = (EpochSampler::new(5, 20), EpochSampler::new(5, 20));
        let expected: Vec<usize> =
            all.next_batch(60).into_iter().filter(|item| item % 2 == 0).collect();
        let got: Vec<usize> =
            (0..30).filter_map(|_| even.next_where(|_, item| item % 2 == 0)).collect();
        assert_eq!(got, expected);
        // Wherever an epoch begins, an item is found that only it has.
        let mut one = EpochSampler::new(5, 20);
        assert!((0..40).all(|_| one.next_where(|_, item| item == 3) == Some(3)));
        assert!(EpochSampler::new(1, 4).next_where(|_, _| false).is_some_and(|item| item < 4));
        assert_eq!(EpochSampler::new(1, 0).next_where(|_, _| true), None);
    }

    #[test]
    fn a_stored_position_goes_on_where_it_was() {
        let mut whole = EpochSampler::new(3, 7);
        let batches: Vec<_> = (0..10).map(|_| whole.next_batch(4)).collect();
        for cut in 0..10 {
            let mut first = EpochSampler::new(3, 7);
            for batch in &batches[..cut] {
                assert_eq!(&first.next_batch(4), batch);
            }
            let text = serde_json::to_string(&first).expect("has a JSON form");
            let mut second: EpochSampler = serde_json::from_str(&text).expect("reads again");
            assert_eq!(second, first);
            for batch in &batches[cut..] {
                assert_eq!(&second.next_batch(4), batch);
            }
        }
        assert!(EpochSampler::new(1, 0).next_batch(3).is_empty());
    }
}
