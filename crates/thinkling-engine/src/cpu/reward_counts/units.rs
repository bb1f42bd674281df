//! Characters to the units that n-grams are made of, and n-grams that repeat.

use super::{Character, HASH, Hash, hashed};
use crate::reward_counts::{MARGIN, RewardCounts};
use std::collections::HashSet;

const OTHER: u32 = 0;
const LETTER: u32 = 1;
const NUMERIC: u32 = 2;
const KATAKANA: u32 = 3;
const JOINER: u32 = 4;
pub(super) const EXTEND: u32 = 5;
const MID_LETTER: u32 = 6;
const MID_NUMBER: u32 = 7;
const MID_BOTH: u32 = 8;
const HAN: u32 = 9;
/// No segment is open.
const CLOSED: u32 = 15;
const WORD: u32 = 1 << 4;
pub(super) const BLANK: u32 = 1 << 6;
pub(super) const WHITE: u32 = 1 << 5;
const LONGEST_WORD: u32 = 64;

/// Bytes, hash and visible characters of a stretch.
#[derive(Clone, Copy)]
struct Stretch {
    bytes: u32,
    hash: Hash,
    seen: usize,
}

const EMPTY: Stretch = Stretch { bytes: 0, hash: HASH, seen: 0 };

pub(super) struct Units {
    /// As many as there is room for; the last [`MARGIN`] of them are never kept.
    units: Vec<Hash>,
    closed: usize,
    /// The open segment: the segment of its last character, [`EXTEND`] apart.
    open: u32,
    is_word: bool,
    sure: Stretch,
    /// What stands behind and joins only if the next character does: with it all bytes and the hash of
    /// the word, but its own characters.
    pending: Option<Stretch>,
}

impl Units {
    pub(super) fn new(room: usize) -> Self {
        let units = vec![[0; 2]; room];
        Self { units, closed: 0, open: CLOSED, is_word: false, sure: EMPTY, pending: None }
    }

    fn set(&mut self, at: usize, hash: Hash) {
        if let Some(unit) = self.units.get_mut(at) {
            *unit = hash;
        }
    }

    /// A word takes the place of its characters; what waited behind it moves up.
    pub(super) fn close(&mut self) {
        let behind = self.pending.map_or(0, |pending| pending.seen);
        if self.is_word && self.sure.bytes <= LONGEST_WORD {
            self.set(self.closed, self.sure.hash);
            for i in 0..behind {
                if let Some(&unit) = self.units.get(self.closed + self.sure.seen + i) {
                    self.set(self.closed + 1 + i, unit);
                }
            }
            self.closed += 1 + behind;
        } else {
            self.closed += self.sure.seen + behind;
        }
        (self.open, self.is_word, self.sure, self.pending) = (CLOSED, false, EMPTY, None);
    }

    fn joins(&self, segment: u32) -> bool {
        match segment {
            LETTER | NUMERIC => matches!(self.open, LETTER | NUMERIC | JOINER),
            KATAKANA => matches!(self.open, KATAKANA | JOINER),
            JOINER => matches!(self.open, LETTER | NUMERIC | KATAKANA | JOINER),
            _ => false,
        }
    }

    pub(super) fn character(&mut self, character: Character) {
        let Character { c, .. } = character;
        let segment = character.segment();
        let between = match self.open {
            LETTER => matches!(segment, MID_LETTER | MID_BOTH),
            NUMERIC => matches!(segment, MID_NUMBER | MID_BOTH),
            _ => false,
        };
        let mut waits = false;
        if segment == EXTEND && !matches!(self.open, CLOSED | HAN) {
            waits = self.pending.is_some();
        } else if self.pending.is_some() {
            if segment != self.open {
                self.close();
            }
        } else if between {
            waits = true;
        } else if !self.joins(segment) {
            self.close();
        }
        let behind = self.pending.map_or(0, |pending| pending.seen);
        let visible = usize::from(!character.is(BLANK));
        if visible == 1 {
            self.set(self.closed + self.sure.seen + behind, hashed(HASH, c));
        }
        let bytes = match c {
            0..0x80 => 1,
            0x80..0x800 => 2,
            0x800..0x1_0000 => 3,
            _ => 4,
        };
        let longer = |stretch: Stretch| Stretch {
            bytes: stretch.bytes + bytes,
            hash: hashed(stretch.hash, c),
            seen: stretch.seen + visible,
        };
        if waits {
            let pending = self.pending.unwrap_or(Stretch { seen: 0, ..self.sure });
            self.pending = Some(longer(pending));
            return;
        }
        if let Some(pending) = self.pending.take() {
            self.sure = Stretch { seen: self.sure.seen + pending.seen, ..pending };
        }
        self.sure = longer(self.sure);
        self.is_word |= character.is(WORD);
        if segment != EXTEND {
            self.open = segment;
        } else if self.open == CLOSED {
            // A mark with nothing before it to go with.
            self.open = OTHER;
        }
        // The rule cuts there, whatever stands around.
        if c < 0x80 && character.is(WHITE) {
            self.close();
        }
    }

    /// Counts units and n-grams.
    pub(super) fn finish(self, n: usize, counts: &mut RewardCounts) {
        let units = &self.units[..self.closed.min(self.units.len() - MARGIN)];
        counts.units = units.len() as u32;
        counts.dropped_units = (self.closed - units.len()) as u32;
        let (mut seen, mut covered) = (HashSet::new(), 0);
        for (start, ngram) in units.windows(n).enumerate() {
            counts.ngrams += 1;
            if !seen.insert(ngram) {
                counts.repeated_ngrams += 1;
                counts.repeated_units += (start + n - covered.max(start)) as u32;
                covered = start + n;
            }
        }
    }
}
