//! A vocabulary as the table that `shaders/reward_counts.wgsl` and its CPU twin read: what a token's
//! bytes are, and what the rules of `thinkling-reward` make of every character.
//!
//! The engine knows nothing of text and this crate nothing of the engine, so the table is plain words
//! of 32 bits that say themselves where their parts lie:
//!
//! | word | holds |
//! |---|---|
//! | 0 | [`LAYOUT`], which names this layout |
//! | 1 | tokens `V` |
//! | 2 | where the tokens begin: `V + 1` words, the place of the first byte in bits 0 to 26, the language that its Latin words tell in bits 27 to 30 (see below), whether a frequent-word list has it in bit 31 |
//! | 3 | where the bytes begin, four a word, the first in the lowest bits |
//! | 4 | where the pages of characters are named: the number of its page for each 256 code points |
//! | 5 | where the pages begin: 128 words each, two characters a word, see below |
//! | 6 | where the reflective words begin: a count and two hashes a word for Latin ones, then a count and four words (up to three characters, then 1: counts, 2: counts unless behind Han, 0: only looks alike) for Chinese ones, in the order in which they are tried |
//! | 7 | what the decoder takes off the front of a text: a character in bits 0 to 20, how often in bits 21 to 31 |
//! | 8 | number of pages |
//!
//! The language of a token: 0 where it holds no whole Latin word or says too little, 1 where it is no
//! word (`sin`, `km`), `2 + i` for language `i` of [`Language::ALL`], 14 for none of them.
//!
//! The class of a character: bits 0 to 3 how words are cut there (0 other, 1 letter, 2 digit, 3 katakana, 4
//! joins words, 5 goes with the character before, 6 and 7 and 8 join letters, digits, both, 9 Han), 4 a cut
//! that holds it is a word, 5 white space, 6 blank, 7 makes one word with a Latin word that it touches, 8 to
//! 11 script (0 none, 1 Latin, 2 Han, 3 kana, 4 Hangul, 5 Cyrillic, 6 Arabic, 7 Greek, 8 other, 9 a number),
//! 12 ends a sentence, 13 an operator, 14 starts a listed Chinese word, 15 a capital.
//!
//! Classes are found out by asking the rules, but for what ends a sentence.
//! Left out: decoders with byte fallback show a broken run of byte tokens as one U+FFFD a
//! byte, the table as one for each broken character.

mod classes;

use thinkling_reward::Language;
use thinkling_reward::language::WordCounts;
use thinkling_reward::reflection::{CHINESE, CHINESE_OTHERS, ENGLISH, TRADITIONAL};

use crate::tokenizer::{DecodePlan, Tokenizer};

/// Names the layout.
pub const LAYOUT: u32 = 0x5457_0001;

/// Words before the parts.
const HEADER: usize = 9;
/// Language of a token: no word.
const NO_WORD: u32 = 1;
/// Language of a token: the first one.
const ENGLISH_LANGUAGE: u32 = 2;
/// Language of a token: none of [`Language::ALL`].
const OTHER: u32 = 2 + Language::ALL.len() as u32;

/// A word tells a language other than English where it keeps it behind this.
const ENGLISH_BEFORE: &str = "So we need the sum of both numbers and then we are done.";
/// A word tells English where it keeps it behind each of these.
const OTHERS_BEFORE: [&str; 3] = [
    "Nous avons donc trouvé la réponse avec les autres.",
    "Wir haben nicht die richtige Lösung und auch keine andere.",
    "Entonces el resultado es para los números que no son primos.",
];

/// The table of a tokenizer. Special tokens give no text where `skip_special` is set, as in
/// [`Tokenizer::decode`], nor do the tokens `silent`: those that end a completion, which are not
/// judged.
pub fn reward_table(tokenizer: &Tokenizer, skip_special: bool, silent: &[u32]) -> Vec<u32> {
    let languages = Languages::new();
    let mut bytes = Vec::new();
    let mut tokens = Vec::with_capacity(tokenizer.vocab_size() + 1);
    for id in 0..tokenizer.vocab_size() as u32 {
        let start = bytes.len();
        if !silent.contains(&id) {
            bytes.extend(tokenizer.token_bytes(id, skip_special));
        }
        let language = std::str::from_utf8(&bytes[start..]).map_or(0, |text| languages.of(text));
        tokens.push(start as u32 | language << 27);
    }
    tokens.push(bytes.len() as u32);
    let (index, pages) = classes::pages();
    let reflective = reflective_words();
    let (mark, count) = match tokenizer.plan() {
        DecodePlan::ByteLevel => ('\0', 0),
        // A word brings the space before it; the first has none.
        DecodePlan::Words => (' ', 1),
        DecodePlan::Pieces(plan) => plan.strip.unwrap_or(('\0', 0)),
    };
    let mut table = vec![LAYOUT, tokenizer.vocab_size() as u32];
    let packed: Vec<u32> = bytes.chunks(4).map(packed).collect();
    let mut place = HEADER;
    for part in [&tokens, &packed, &index, &pages] {
        table.push(place as u32);
        place += part.len();
    }
    table.push(place as u32);
    table.push(u32::from(mark) | (count as u32).min(0x7FF) << 21);
    table.push((pages.len() / 128) as u32);
    [table, tokens, packed, index, pages, reflective].concat()
}

fn packed(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}

/// What words are told behind, with the words that it has itself.
struct Before(&'static str, WordCounts);

impl Before {
    fn new(text: &'static str) -> Self {
        Self(text, WordCounts::of(text))
    }

    /// The language of a word behind it; none where it is no word.
    fn language_of(&self, word: &str) -> Option<u32> {
        let Self(before, alone) = self;
        let counts = WordCounts::of(&format!("{before} {word}"));
        if counts.total() == alone.total() {
            return None;
        }
        let grew = |&language: &Language| counts.words(language) > alone.words(language);
        Some(Language::ALL.iter().position(grew).map_or(OTHER, |at| 2 + at as u32))
    }
}

/// Tells the languages of tokens.
struct Languages {
    nothing: Before,
    english: Before,
    others: [Before; 3],
}

impl Languages {
    fn new() -> Self {
        Self {
            nothing: Before::new(""),
            english: Before::new(ENGLISH_BEFORE),
            others: OTHERS_BEFORE.map(Before::new),
        }
    }

    /// The language of a token's text, and in the fifth bit whether a list has the word.
    fn of(&self, text: &str) -> u32 {
        let word = text.trim();
        if word.contains(' ') {
            return language_of_words(word);
        }
        if word.len() < 2 || !word.chars().all(|c| classes::is_latin(c) || c == '\'') {
            return 0;
        }
        // What capitals mean depends on the words around them.
        let word = word.to_lowercase();
        let Some(language) = self.nothing.language_of(&word) else {
            return NO_WORD;
        };
        // Behind a number, short words count only if a list has them.
        let listed = u32::from(WordCounts::of(&format!("5 {word}")).total() == 1) << 4;
        let kept = |before: &Before| before.language_of(&word) == Some(language);
        let tells = match language {
            ENGLISH_LANGUAGE => self.others.iter().all(kept),
            _ => kept(&self.english),
        };
        listed | if tells { language } else { 0 }
    }
}

/// What most words of a text tell, where it is a language in Latin letters.
fn language_of_words(text: &str) -> u32 {
    const LATIN: [Language; 7] = [
        Language::En,
        Language::De,
        Language::Es,
        Language::Fr,
        Language::It,
        Language::Nl,
        Language::Pt,
    ];
    let counts = WordCounts::of(text);
    let most = LATIN.into_iter().find(|&language| 2 * counts.words(language) > counts.total());
    most.map_or(0, |language| 2 + language as u32)
}

fn reflective_words() -> Vec<u32> {
    let mut table = vec![ENGLISH.len() as u32];
    table.extend(ENGLISH.into_iter().flat_map(hash));
    let others = CHINESE_OTHERS.into_iter().map(|word| (word, 0));
    // Behind other characters it is `and so on`.
    let chinese = CHINESE.into_iter().map(|word| (word, if word == "等等" { 2 } else { 1 }));
    let traditional = TRADITIONAL.into_iter().map(|(word, _)| (word, 1));
    let chinese: Vec<_> = others.chain(chinese).chain(traditional).collect();
    table.push(chinese.len() as u32);
    for (word, kind) in chinese {
        let mut characters = word.chars().map(u32::from);
        table.extend([(); 3].map(|()| characters.next().unwrap_or(0)));
        table.push(kind);
    }
    table
}

/// What `reward_counts.wgsl` knows a word by.
fn hash(word: &str) -> [u32; 2] {
    word.chars().map(u32::from).fold([0x811C_9DC5, 0], |[a, b], c| {
        let a = (a ^ c).wrapping_mul(0x0100_0193);
        [a, (b.rotate_left(5) ^ c).wrapping_mul(0x9E37_79B1)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_tokens_have_their_language_or_none() {
        for (text, expected) in [
            (" the", 2 | 16),
            ("therefore ", 2 | 16),
            (" donc", (2 + 5) | 16),
            (" nicht", (2 + 3) | 16),
            // By itself; most words of a sentence decide.
            ("rest", (2 + 9) | 16),
            (" sin", 1),
            (" km", 1),
            (" of the", 2),
            ("x = ", 0),
            (" 先", 0),
            ("x", 0),
            ("123", 0),
        ] {
            assert_eq!(Languages::new().of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn listed_chinese_words_have_three_characters_at_most() {
        let listed = CHINESE.into_iter().chain(CHINESE_OTHERS);
        let listed = listed.chain(TRADITIONAL.map(|(word, _)| word));
        assert!(listed.into_iter().all(|word| word.chars().count() <= 3));
    }
}
