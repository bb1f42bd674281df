//! What the rules make of each character, found out by asking them, which takes a second.

use std::collections::HashMap;

use thinkling_reward::Language;
use thinkling_reward::language::WordCounts;
use thinkling_reward::reflection::{CHINESE, CHINESE_OTHERS, TRADITIONAL, reflection_count};
use thinkling_reward::repetition::tokens;

use super::{Script, script};

/// Characters of a page.
const PAGE: usize = 256;
/// Code points from here on are private use, unassigned or variation selectors.
const END: u32 = 0x3_2400;

/// How a character takes part in words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Segment {
    Other,
    Letter,
    Numeric,
    Katakana,
    /// The underscore and its like.
    Joiner,
    /// Goes with the character before it.
    Extend,
    /// Inside a word between letters.
    MidLetter,
    /// Inside a number between digits.
    MidNumber,
    /// Both.
    MidBoth,
    /// A word, whatever stands around it.
    Han,
}

/// The number of its page for each 256 code points, and the pages, two classes a word.
pub(super) fn pages() -> (Vec<u32>, Vec<u32>) {
    let (mut index, mut pages) = (Vec::new(), Vec::new());
    let mut known: HashMap<Vec<u32>, u32> = HashMap::new();
    for first in (0..0x11_0000).step_by(PAGE) {
        let class = |at: u32| char::from_u32(first + at).map_or(0, class);
        let page: Vec<u32> =
            (0..PAGE as u32).step_by(2).map(|at| class(at) | class(at + 1) << 16).collect();
        let next = known.len() as u32;
        index.push(*known.entry(page).or_insert_with_key(|page| {
            pages.extend_from_slice(page);
            next
        }));
    }
    (index, pages)
}

fn class(c: char) -> u32 {
    if u32::from(c) >= END {
        let selector = matches!(u32::from(c), 0xE0000..=0xE0FFF);
        return if selector { Segment::Extend as u32 } else { Segment::Other as u32 };
    }
    let mut buffer = [0; 4];
    let text = &*c.encode_utf8(&mut buffer);
    let segment = segment(text);
    let script = match segment {
        Segment::Extend => Script::None,
        _ => script(c),
    };
    let flags = [
        is_word(text, segment),
        c.is_whitespace(),
        tokens(text).is_empty(),
        reflection_count(&format!("check{c}")) == 0,
        // Where the language of a sentence ends.
        matches!(c, '.' | '!' | '?' | '\n' | '。' | '！' | '？' | '…' | '؟' | '।'),
        is_operator(c),
        starts_listed(c),
        c.is_uppercase(),
    ];
    let places = [4, 5, 6, 7, 12, 13, 14, 15];
    let flags = flags.into_iter().zip(places).map(|(flag, place)| u32::from(flag) << place);
    segment as u32 | (script as u32) << 8 | flags.sum::<u32>()
}

/// Whether the rules see one token.
fn joined(pieces: [&str; 3]) -> bool {
    tokens(&pieces.concat()).len() == 1
}

fn segment(c: &str) -> Segment {
    if is_han(c) {
        return Segment::Han;
    }
    // Most signs join nothing and are seen, which one question tells.
    if tokens(&format!("a{c}a1{c}1カ{c}カ")).len() == 8 {
        return Segment::Other;
    }
    if joined(["a", c, "a"]) {
        if joined(["a", c, ""]) {
            return match () {
                () if joined(["の", c, ""]) => Segment::Extend,
                () if joined(["カ", c, ""]) => Segment::Joiner,
                () if joined([c, ",", "1"]) => Segment::Numeric,
                () => Segment::Letter,
            };
        }
        return if joined(["1", c, "1"]) { Segment::MidBoth } else { Segment::MidLetter };
    }
    match () {
        () if joined(["1", c, "1"]) => Segment::MidNumber,
        () if joined(["カ", c, "カ"]) => Segment::Katakana,
        () => Segment::Other,
    }
}

/// A word alone, and no mark joins it.
fn is_han(c: &str) -> bool {
    WordCounts::of(c).words(Language::Zh) == 1 && !joined([c, "\u{301}", ""])
}

fn is_word(c: &str, segment: Segment) -> bool {
    match segment {
        // Vowel signs are letters, accents are none.
        Segment::Extend => joined(["(", c, ""]) && !tokens(c).is_empty(),
        Segment::Han => true,
        Segment::Other => joined([c, "\u{301}", ""]) && !tokens(c).is_empty(),
        _ => joined([c, c, ""]),
    }
}

fn is_operator(c: char) -> bool {
    // `so` is a word, and a name beside an operator.
    let beside = |c: char| WordCounts::of(&format!("so {c}")).total() == 0;
    !c.is_alphanumeric() && !c.is_whitespace() && beside(c)
}

fn starts_listed(c: char) -> bool {
    let listed = CHINESE.into_iter().chain(CHINESE_OTHERS);
    listed.chain(TRADITIONAL.map(|(word, _)| word)).any(|word| word.starts_with(c))
}
