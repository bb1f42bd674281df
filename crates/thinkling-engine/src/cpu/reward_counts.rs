//! Twin of `reward_counts.wgsl`, in parts of the same names.

mod format;
mod language;
mod reflection;
mod units;

use crate::reward_counts::{BYTES, CountRule, RewardCounts};
use format::Format;
use language::{Language, Place};
use reflection::Reflection;
use units::Units;

/// Counts of a completion with room for so many units.
pub(crate) fn reward_counts(
    table: &[u32],
    ids: &[u32],
    rule: CountRule,
    room: usize,
) -> RewardCounts {
    let mut reader = Reader {
        table: Table(table),
        units: Units::new(room),
        reflection: Reflection::default(),
        format: Format::new(rule.inside_think),
        language: Language::default(),
        code: Code::default(),
        to_strip: table[7] >> 21,
        place: Place::default(),
    };
    reader.read(ids);
    let mut counts = RewardCounts { words: reader.language.words, ..RewardCounts::default() };
    reader.format.finish(&mut counts);
    reader.units.finish(rule.ngram.max(1) as usize, &mut counts);
    counts.reflective_words = reader.reflection.count;
    counts
}

/// A table's words.
#[derive(Clone, Copy)]
struct Table<'a>(&'a [u32]);

/// A character with its class.
#[derive(Clone, Copy)]
struct Character {
    c: u32,
    class: u32,
}

impl Character {
    fn segment(self) -> u32 {
        self.class & 15
    }

    fn script(self) -> u32 {
        self.class >> 8 & 15
    }

    fn is(self, flag: u32) -> bool {
        self.class & flag != 0
    }
}

impl Table<'_> {
    fn at(self, part: usize, place: u32) -> u32 {
        self.0[(self.0[part] + place) as usize]
    }

    fn character(self, c: u32) -> Character {
        let page = self.at(4, c >> 8);
        let pair = self.at(5, page * 128 + ((c & 255) >> 1));
        Character { c, class: pair >> (16 * (c & 1)) & 0xFFFF }
    }
}

type Hash = [u32; 2];
const HASH: Hash = [0x811C_9DC5, 0];

fn hashed([x, y]: Hash, c: u32) -> Hash {
    let x = (x ^ c).wrapping_mul(0x0100_0193);
    [x, (y.rotate_left(5) ^ c).wrapping_mul(0x9E37_79B1)]
}

struct Reader<'a> {
    table: Table<'a>,
    units: Units,
    reflection: Reflection,
    format: Format,
    language: Language,
    code: Code,
    /// How often the decoder takes its character off the front yet.
    to_strip: u32,
    place: Place,
}

/// A character of several bytes that is not whole yet.
#[derive(Default)]
struct Code {
    missing: u32,
    bits: u32,
    /// Of the next byte.
    low: u32,
    high: u32,
}

const BROKEN: u32 = 0xFFFD;
const LINE_BREAK: u32 = 10;

impl Reader<'_> {
    fn read(&mut self, ids: &[u32]) {
        let vocab = self.table.0[1];
        for (place, &id) in ids.iter().enumerate().filter(|&(_, &id)| id < vocab) {
            let entry = self.table.at(2, id);
            self.place = Place { token: place as u32, entry };
            for i in entry & BYTES..self.table.at(2, id + 1) & BYTES {
                let word = self.table.at(3, i / 4);
                self.byte(word >> (8 * (i & 3)) & 255);
            }
        }
        if self.code.missing > 0 {
            self.character(BROKEN);
        }
        self.format.release(self.table, &mut self.language, self.place);
        self.units.close();
        // Line breaks end the last word; two characters free those that wait for what stands behind.
        let line_break = self.table.character(LINE_BREAK);
        for _ in 0..2 {
            self.language.character(line_break, self.place);
            self.reflection.character(line_break, self.table);
        }
    }

    fn byte(&mut self, b: u32) {
        let code = &mut self.code;
        if code.missing > 0 {
            if (code.low..=code.high).contains(&b) {
                *code = Code {
                    missing: code.missing - 1,
                    bits: code.bits << 6 | b & 63,
                    low: 0x80,
                    high: 0xBF,
                };
                if code.missing == 0 {
                    let c = code.bits;
                    self.character(c);
                }
                return;
            }
            code.missing = 0;
            self.character(BROKEN);
        }
        let (missing, bits) = match b {
            0..=0x7F => return self.character(b),
            0xC2..=0xDF => (1, b & 31),
            0xE0..=0xEF => (2, b & 15),
            0xF0..=0xF4 => (3, b & 7),
            _ => return self.character(BROKEN),
        };
        let low = match b {
            0xE0 => 0xA0,
            0xF0 => 0x90,
            _ => 0x80,
        };
        let high = match b {
            0xED => 0x9F,
            0xF4 => 0x8F,
            _ => 0xBF,
        };
        self.code = Code { missing, bits, low, high };
    }

    fn character(&mut self, c: u32) {
        if self.to_strip > 0 && c == self.table.0[7] & 0x1F_FFFF {
            self.to_strip -= 1;
            return;
        }
        self.to_strip = 0;
        let character = self.table.character(c);
        self.units.character(character);
        self.reflection.character(character, self.table);
        self.format.character(character, self.table, &mut self.language, self.place);
    }
}
