//! Numbers that look random and are the same in every run.

use std::fmt::{Debug, Write};

/// A hash in the making.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(u64);

impl Seed {
    pub(super) fn new(purpose: &str) -> Self {
        Self(0x9e37_79b9_7f4a_7c15).text(purpose)
    }

    pub(super) fn number(self, n: u64) -> Self {
        Self(mix(self.0 ^ mix(n.wrapping_add(0x2545_f491_4f6c_dd1d))))
    }

    /// A text and its end.
    pub(super) fn text(self, text: &str) -> Self {
        let mut state = self;
        for chunk in text.as_bytes().chunks(8) {
            let word = chunk.iter().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
            state = state.number(word);
        }
        state.number(u64::try_from(text.len()).unwrap_or(u64::MAX))
    }

    /// A value by its debug form.
    pub(super) fn debug(self, value: &impl Debug) -> Self {
        let mut sink = Sink(self);
        // The sink takes everything.
        let _ = write!(sink, "{value:?}");
        sink.0.number(0)
    }

    pub(super) fn finish(self) -> u64 {
        mix(self.0)
    }

    /// A multiple of 2^-40 from 0 up to, but not with, 1.
    pub(super) fn fraction(self) -> f64 {
        const STEPS: f64 = (1u64 << 40) as f64;
        #[expect(clippy::cast_precision_loss, reason = "40 bits are exact")]
        let top = (self.finish() >> 24) as f64;
        top / STEPS
    }
}

struct Sink(Seed);

impl Write for Sink {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 = self.0.text(text);
        Ok(())
    }
}

/// The finaliser of splitmix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
