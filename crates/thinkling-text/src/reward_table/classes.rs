//! What the rules make of each character: found out once by asking them (`rules`), and committed as
//! `classes.bin`, since a page has no second to spare for it.
//!
//! The bits of a class are listed at [`super`]. The file is the number of its page for each 256 code
//! points, a byte each, then the pages, two bytes a character, low byte first.
//!
//! Left out of the cuts: quotation marks of Hebrew, and emoji behind a joiner.

#[cfg(test)]
mod rules;

use thinkling_reward::Language;
use thinkling_reward::language::WordCounts;

/// Pages that have a name.
const NAMES: usize = 0x1100;

const CLASSES: &[u8] = include_bytes!("classes.bin");

/// Whose letter it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    None,
    Latin,
    Han,
    Kana,
    Hangul,
    Cyrillic,
    Arabic,
    Greek,
    Other,
    Number,
}

/// The number of its page for each 256 code points, and the pages, two classes a word.
pub(super) fn pages() -> (Vec<u32>, Vec<u32>) {
    let (names, pages) = CLASSES.split_at(NAMES);
    let word = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
    (
        names.iter().map(|&name| name.into()).collect(),
        pages.as_chunks().0.iter().map(word).collect(),
    )
}

/// Whether a letter is of the Latin script.
pub(super) fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic() || !c.is_ascii() && c.is_alphabetic() && script(c) == Script::Latin
}

fn script(c: char) -> Script {
    if c.is_ascii_alphabetic() {
        return Script::Latin;
    }
    if c.is_numeric() && WordCounts::of(&c.to_string()).total() == 0 {
        return Script::Number;
    }
    if !c.is_alphabetic() {
        return Script::None;
    }
    let counts = WordCounts::of(&c.to_string());
    let of = |language| counts.words(language) == 1;
    match () {
        () if of(Language::Zh) => Script::Han,
        () if of(Language::Ja) => Script::Kana,
        () if of(Language::Ko) => Script::Hangul,
        () if of(Language::Ru) => Script::Cyrillic,
        () if of(Language::Ar) => Script::Arabic,
        () if counts.total() == 1 => Script::Other,
        // A single letter is no word in these two.
        () if WordCounts::of(&format!("a{}", c.to_lowercase())).total() == 1 => Script::Latin,
        () if WordCounts::of(&format!("{c}{c}")).total() == 1 => Script::Greek,
        () => Script::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_committed_classes_are_what_the_rules_say() {
        let (names, pages) = rules::pages();
        let names = names.into_iter().map(|name| u8::try_from(name).expect("few pages"));
        let bytes: Vec<u8> =
            names.chain(pages.iter().flat_map(|word| word.to_le_bytes())).collect();
        assert_eq!(pages.len() % 128, 0);
        if std::env::var_os("WRITE_GOLDENS").is_some() {
            let path = Path::new("src/reward_table/classes.bin");
            std::fs::write(path, &bytes).expect("written");
        } else {
            assert!(CLASSES == bytes, "WRITE_GOLDENS=1 makes classes.bin again");
        }
    }
}
