//! One random stream a completion.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

/// Random draws of one completion: ChaCha8, keyed by the run's seed, on the completion's own
/// stream number, so that a completion's draws depend on nothing else in its batch.
#[derive(Clone, Debug)]
pub struct Stream {
    seed: u64,
    index: u64,
    rng: ChaCha8Rng,
}

/// Where a [`Stream`] stands, for checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// Seed of the run.
    pub seed: u64,
    /// Number of the stream.
    pub index: u64,
    /// Draws already taken.
    pub draws: u64,
}

impl Stream {
    /// The stream number `index` of `seed`, at its first draw.
    pub fn new(seed: u64, index: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index);
        Self { seed, index, rng }
    }

    /// The next draw, uniform in `[0, 1)` with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Where this stream stands.
    pub fn state(&self) -> StreamState {
        StreamState {
            seed: self.seed,
            index: self.index,
            // A draw takes two 32-bit words.
            draws: (self.rng.get_word_pos() / 2) as u64,
        }
    }

    /// The stream that [`Stream::state`] described.
    pub fn from_state(state: StreamState) -> Self {
        let mut stream = Self::new(state.seed, state.index);
        stream.rng.set_word_pos(u128::from(state.draws) * 2);
        stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let draws = |seed, index| -> Vec<f64> {
            let mut s = Stream::new(seed, index);
            (0..8).map(|_| s.uniform()).collect()
        };
        assert_eq!(draws(1, 2), draws(1, 2));
        assert_ne!(draws(1, 2), draws(1, 3));
        assert_ne!(draws(1, 2), draws(2, 2));
    }

    #[test]
    fn a_restored_stream_goes_on_where_it_stood() {
        let mut a = Stream::new(7, 9);
        (0..37).for_each(|_| {
            a.uniform();
        });
        let mut b = Stream::from_state(a.state());
        assert_eq!(a.state().draws, 37);
        assert_eq!(
            (0..9).map(|_| a.uniform()).collect::<Vec<_>>(),
            (0..9).map(|_| b.uniform()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn draws_fill_the_unit_interval_evenly() {
        let mut s = Stream::new(0, 0);
        let mut bins = [0usize; 10];
        for _ in 0..10_000 {
            bins[(s.uniform() * 10.0) as usize] += 1;
        }
        // 10,000 draws in 10 bins: standard deviation 30, five of them as the bound.
        assert!(bins.iter().all(|&n| (850..=1150).contains(&n)), "{bins:?}");
    }
}
