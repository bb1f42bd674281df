//! What the rules of rewards ask of a completion, counted from its token ids.
//!
//! On the GPU by [`RewardMeter`](crate::RewardMeter), where the sampled ids of a whole batch lie; here
//! by the CPU twin. For a live meter and for a filter over many samples: no text is read back. The rule
//! over the text decides a reward.
//!
//! Equal to the rules over the text: the format, the repetition, the reflective words. Near to it: the
//! language (`shaders/reward_counts/language.wgsl` says what it leaves out).

use crate::EngineError;
use crate::cpu;

/// Layout of the tables that are read here.
const LAYOUT: u32 = 0x5457_0001;
/// Words before a table's parts.
const HEADER: usize = 9;
/// Words of a page of characters.
const PAGE: usize = 128;
/// Names for 256 code points each, up to the last one.
const PAGE_NAMES: usize = 0x1100;
/// The last language of a token: none of those that are counted.
const LAST_LANGUAGE: usize = 14;
/// Bits of a token's entry that are the place of its bytes.
pub(crate) const BYTES: u32 = (1 << 27) - 1;
/// Units that a token makes on average at most; on a GPU what is beyond them is dropped and told.
const UNITS_A_TOKEN: usize = 8;
/// Units of a token that makes more, in a short row.
const UNITS_MORE: usize = 64;
/// Places behind the units that are kept: for the characters of a word that is not at its end.
pub(crate) const MARGIN: usize = 128;
/// Words of [`RewardCounts`].
pub(crate) const COUNTS: usize = size_of::<RewardCounts>() / 4;

/// A vocabulary as the rules see it: `thinkling_text::reward_table` makes the words and says what they
/// mean.
#[derive(Clone, Debug)]
pub struct RewardTable(Vec<u32>);

impl RewardTable {
    /// Takes a table whose every reference lies inside it.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for another layout, and where a part does not hold what refers to it.
    pub fn new(words: Vec<u32>) -> Result<Self, EngineError> {
        let fit = |what, expected: usize, got: usize| match got >= expected {
            true => Ok(()),
            false => Err(EngineError::Shape { what, expected, got }),
        };
        fit("words of a reward table's head", HEADER, words.len())?;
        if words[0] != LAYOUT {
            let (expected, got) = (LAYOUT as usize, words[0] as usize);
            return Err(EngineError::Shape { what: "layout of a reward table", expected, got });
        }
        let [_, vocab, tokens, bytes, names, pages, listed, _, page_count] =
            std::array::from_fn(|i| words[i] as usize);
        fit(
            "words of a reward table",
            tokens.saturating_add(vocab).saturating_add(1),
            words.len(),
        )?;
        let mut before = 0;
        for entry in &words[tokens..tokens + vocab + 1] {
            fit("place of a token's bytes", before, (entry & BYTES) as usize)?;
            before = (entry & BYTES) as usize;
            fit("languages of a token", (entry >> 27 & 15) as usize, LAST_LANGUAGE)?;
        }
        fit("words of a reward table", bytes.saturating_add(before.div_ceil(4)), words.len())?;
        fit("words of a reward table", names.saturating_add(PAGE_NAMES), words.len())?;
        let most = words[names..names + PAGE_NAMES].iter().max().map_or(0, |&page| page as usize);
        fit("pages of a reward table", most + 1, page_count)?;
        let ends = pages.saturating_add(page_count.saturating_mul(PAGE));
        fit("words of a reward table", ends, words.len())?;
        let mut at = listed;
        for width in [2, 4] {
            let count = words.get(at).map_or(usize::MAX, |&count| count as usize);
            at = at.saturating_add(1).saturating_add(count.saturating_mul(width));
            fit("words of a reward table", at, words.len())?;
        }
        Ok(Self(words))
    }

    pub(crate) fn words(&self) -> &[u32] {
        &self.0
    }
}

/// How completions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountRule {
    /// Units of an n-gram; 0 counts as 1.
    pub ngram: u32,
    /// Whether the prompt already ended with `<think>`.
    pub inside_think: bool,
}

/// Counts of one completion.
///
/// Faults are 0 where the format is kept; else the first one: 1, 2, 3 text before `<think>`, between the
/// blocks, after `</answer>`; 4 blank thinking; 5 blank answer; 6 to 9 a tag out of place, 10 to 13 a
/// tag that is missing, tags in the order of [`tags`](Self::tags).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct RewardCounts {
    /// The strict format's first fault.
    pub strict_fault: u32,
    /// The first fault of thinking and a bare answer.
    pub think_only_fault: u32,
    /// Where the completion ends: 0 outside the blocks, 1 inside `<think>`, 2 inside `<answer>`.
    pub region: u32,
    /// How often `<think>`, `</think>`, `<answer>`, `</answer>` stand in it.
    pub tags: [u32; 4],
    /// Words, and visible characters in none.
    pub units: u32,
    /// Those inside an n-gram that was seen before.
    pub repeated_units: u32,
    /// N-grams of units.
    pub ngrams: u32,
    /// N-grams that were seen before.
    pub repeated_ngrams: u32,
    /// Units that were not looked at for repetition: on a GPU those beyond 8 a token of the longest row.
    pub dropped_units: u32,
    /// Reflective words.
    pub reflective_words: u32,
    /// Words outside the answer by language, in the order of the table's maker (`Language::ALL` of
    /// `thinkling-reward`); last those of none.
    pub words: [u32; 13],
}

impl RewardCounts {
    /// Counts on the CPU what a completion holds, and drops nothing. Ids outside the table give nothing.
    pub fn of(table: &RewardTable, ids: &[u32], rule: CountRule) -> Self {
        let (words, vocab) = (table.words(), table.words()[1]);
        let token = |id: u32| (words[words[2] as usize + id as usize] & BYTES) as usize;
        let known = ids.iter().filter(|&&id| id < vocab);
        // A unit has a byte at least, or is a broken end.
        let bytes: usize = known.map(|&id| token(id + 1) - token(id)).sum();
        cpu::reward_counts::reward_counts(words, ids, rule, bytes + 1 + MARGIN)
    }

    /// The strict format: 1 where it is kept, else 0.
    pub fn strict(&self) -> f64 {
        f64::from(u8::from(self.strict_fault == 0))
    }

    /// A quarter for each tag that stands exactly once.
    pub fn tag_count(&self) -> f64 {
        self.tags.iter().filter(|&&count| count == 1).count() as f64 / 4.0
    }

    /// Thinking, then a bare answer: 1 where they are there, else 0.
    pub fn think_only(&self) -> f64 {
        f64::from(u8::from(self.think_only_fault == 0))
    }

    /// Units inside a repeated n-gram over all, in `[0, 1)`; 0 where there are none.
    pub fn repetition(&self) -> f64 {
        ratio(self.repeated_units, self.units)
    }

    /// Words of a language (its place in [`words`](Self::words)) over all, in `[0, 1]`; 0 where there
    /// are none.
    pub fn language(&self, language: usize) -> f64 {
        let words = self.words.get(language).copied().unwrap_or(0);
        ratio(words, self.words.iter().sum())
    }
}

fn ratio(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) }
}

/// Places for the units of a completion of so many tokens on a GPU, [`MARGIN`] included.
pub(crate) fn room(tokens: usize) -> usize {
    UNITS_A_TOKEN * tokens + UNITS_MORE + MARGIN
}
