//! Reflective words.

use super::{Character, HASH, Hash, Table, hashed};

const OF_WORDS: u32 = 1 << 7;
const LISTED: u32 = 1 << 14;
const HAN: u32 = 9;

pub(super) struct Reflection {
    pub(super) count: u32,
    /// The hash of the Latin word that may be open here.
    latin: Option<Hash>,
    /// The two characters that wait for the ones behind.
    window: [Character; 2],
    /// Characters of a listed word still to pass.
    passed: u32,
    /// Whether the last one was Han and not listed.
    after_han: bool,
}

const NONE: Character = Character { c: 0, class: 0 };

impl Default for Reflection {
    fn default() -> Self {
        Self { count: 0, latin: Some(HASH), window: [NONE; 2], passed: 0, after_han: false }
    }
}

impl Reflection {
    pub(super) fn character(&mut self, character: Character, table: Table<'_>) {
        let [first, second] = self.window;
        if first.c != 0 || first.class != 0 {
            self.chinese(first, [second.c, character.c], table);
        }
        self.window = [second, character];
        let lower = character.c | 32;
        if (97..=122).contains(&lower) {
            self.latin = self.latin.map(|hash| hashed(hash, lower));
            return;
        }
        let of_words = character.is(OF_WORDS);
        if let Some([x, y]) = self.latin.filter(|_| !of_words) {
            for i in 0..table.at(6, 0) {
                let found = table.at(6, 1 + 2 * i) == x && table.at(6, 2 + 2 * i) == y;
                self.count += u32::from(found);
            }
        }
        self.latin = (!of_words).then_some(HASH);
    }

    fn chinese(&mut self, first: Character, behind: [u32; 2], table: Table<'_>) {
        if self.passed > 0 {
            self.passed -= 1;
            return;
        }
        if first.is(LISTED) {
            let start = 1 + 2 * table.at(6, 0);
            for i in 0..table.at(6, start) {
                let [word, second, third, when] =
                    std::array::from_fn(|k| table.at(6, start + 1 + 4 * i + k as u32));
                let fits = |listed, c| listed == 0 || listed == c;
                if word == first.c && fits(second, behind[0]) && fits(third, behind[1]) {
                    let counts = when == 1 || when == 2 && !self.after_han;
                    self.count += u32::from(counts);
                    self.passed = u32::from(second != 0) + u32::from(third != 0);
                    self.after_han = !counts;
                    return;
                }
            }
        }
        self.after_han = first.segment() == HAN;
    }
}
