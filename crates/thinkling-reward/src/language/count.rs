//! Words of a text, each in its language.
//!
//! A piece of prose is cut by UAX #29; a cut is then split where its script changes. What is a name
//! or a part of a formula and no word is listed at [`Counter::latin`].

use super::WordCounts;
use super::latin::{Chain, Gap};
use super::sentence::Sentence;
use crate::problem::Language;
use crate::script::{is_arabic, is_cyrillic, is_han, is_hangul, is_kana, is_latin};
use crate::words::for_each_word;

/// Counts the words of pieces of prose that come in order.
pub(super) struct Counter {
    counts: WordCounts,
    latin: Chain,
    /// What stands between the last Latin word and here.
    gap: Gap,
    /// Whether the word before, in the same clause, was written in capitals.
    shouting: bool,
    sentence: Sentence,
}

/// The script of a letter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Han,
    Kana,
    Hangul,
    Cyrillic,
    Arabic,
    Greek,
    Other,
}

/// What a character inside a word is.
#[derive(Clone, Copy)]
enum Part {
    Letter(Script),
    /// A mark, an apostrophe or a joiner: goes with the letter before it.
    Joined,
    /// A digit, an inner dot, a symbol: ends a run of letters.
    Break,
}

impl Part {
    /// By ranges first: the tables of all letters are slow.
    fn of(c: char) -> Self {
        let script = match c {
            c if is_symbol(c) => return Self::Break,
            c if is_mark(c) => return Self::Joined,
            c if is_latin(c) => Script::Latin,
            '\0'..='\x7F' if c.is_ascii_digit() || matches!(c, '_' | '.' | ':') => {
                return Self::Break;
            }
            '\0'..='\u{BF}' | '\u{2000}'..='\u{206F}' | '\u{FE00}'..='\u{FE2F}' => {
                return Self::Joined;
            }
            c if is_han(c) => Script::Han,
            c if is_kana(c) => Script::Kana,
            c if is_hangul(c) => Script::Hangul,
            c if is_cyrillic(c) => Script::Cyrillic,
            c if is_arabic(c) => Script::Arabic,
            '\u{370}'..='\u{3FF}' | '\u{1F00}'..='\u{1FFF}' => Script::Greek,
            c if c.is_numeric() => return Self::Break,
            // Letters and marks of the scripts from Hebrew to Khmer are not told apart.
            '\u{530}'..='\u{1CFF}' => Script::Other,
            c if c.is_alphabetic() => Script::Other,
            _ => return Self::Joined,
        };
        Self::Letter(script)
    }
}

impl Counter {
    pub(super) fn new() -> Self {
        Self {
            counts: WordCounts::default(),
            latin: Chain::new(),
            gap: Gap::Sentence,
            shouting: false,
            sentence: Sentence::default(),
        }
    }

    /// Takes the next piece of prose.
    pub(super) fn piece(&mut self, piece: &str) {
        self.sentence.end_run();
        let mut at = 0;
        for_each_word(piece, |start, segment| {
            self.between(&piece[at..start]);
            at = start + segment.len();
            match Letters::of(segment) {
                Some(letters) => self.latin(piece, start, segment, &letters),
                None => self.scripts(piece, start, segment),
            }
        });
        self.between(&piece[at..]);
    }

    pub(super) fn finish(mut self) -> WordCounts {
        self.sentence.end(&mut self.counts);
        let (known, all) = self.latin.finish();
        let mut other = all;
        for (language, words) in known {
            self.counts.by_language[language as usize] += words;
            other -= words;
        }
        self.counts.other += other;
        self.counts
    }

    /// Reads what stands between two words.
    fn between(&mut self, gap: &str) {
        // Most words are one blank apart.
        if gap == " " {
            return self.sentence.end_run();
        }
        for c in gap.chars() {
            let gap = match c {
                '.' | '!' | '?' | '\n' | '。' | '！' | '？' | '…' | '؟' | '।' => {
                    Gap::Sentence
                }
                ',' | ';' | ':' | '(' | ')' | '"' | '，' | '；' | '：' | '（' | '）' | '、'
                | '“' | '”' | '«' | '»' | '—' | '،' => Gap::Clause,
                _ => Gap::Blank,
            };
            self.gap = self.gap.max(gap);
            self.shouting &= gap == Gap::Blank;
            if gap == Gap::Sentence {
                self.sentence.end(&mut self.counts);
            }
        }
        if !gap.is_empty() {
            self.sentence.end_run();
        }
    }

    /// Any other segment: runs of one script each.
    fn scripts(&mut self, piece: &str, start: usize, segment: &str) {
        // Most are a Han character.
        if segment.len() <= 4
            && let Some(c) = segment.chars().next()
            && is_han(c)
        {
            self.sentence.han(c);
            self.gap = self.gap.max(Gap::Clause);
            self.shouting = false;
            return;
        }
        let mut run: Option<(usize, Script)> = None;
        for (at, c) in segment.char_indices() {
            let script = match Part::of(c) {
                Part::Letter(script) => Some(script),
                Part::Break => None,
                Part::Joined => continue,
            };
            match (run, script) {
                (Some((_, open)), Some(next)) if open == next => {}
                _ => {
                    if let Some((from, open)) = run.take() {
                        self.run(piece, start + from, &segment[from..at], open);
                    }
                    run = script.map(|script| (at, script));
                }
            }
        }
        if let Some((from, open)) = run {
            self.run(piece, start + from, &segment[from..], open);
        }
    }

    /// A run of letters of one script.
    fn run(&mut self, piece: &str, at: usize, word: &str, script: Script) {
        if !matches!(script, Script::Han | Script::Kana) {
            self.sentence.end_run();
        }
        match script {
            Script::Latin => {
                let end = at + word.len();
                let named = piece[..at].chars().next_back().is_some_and(is_of_names)
                    || piece[end..].chars().next().is_some_and(is_of_names);
                if !named {
                    self.latin(piece, at, word, &Letters::of_any(word));
                }
                return;
            }
            Script::Han => word.chars().for_each(|c| self.sentence.han(c)),
            Script::Kana => self.sentence.kana(word),
            Script::Hangul => self.counts.by_language[Language::Ko as usize] += 1,
            // Single Greek letters are names of variables, as single Latin ones are.
            Script::Greek if word.chars().filter(|&c| !is_mark(c)).nth(1).is_none() => return,
            Script::Cyrillic => self.sentence.cyrillic(word),
            Script::Arabic => self.sentence.arabic(word),
            Script::Greek | Script::Other => self.counts.other += 1,
        }
        self.gap = self.gap.max(Gap::Clause);
        self.shouting = false;
    }

    /// A run of Latin letters and apostrophes. No words are
    ///
    /// - single letters, and letters beside a digit or an underscore (`x1`, `a_b`);
    /// - letters without a vowel: units and products (`cm`, `kg`, `dx`);
    /// - names of functions (`sin`, `log`, `gcd`);
    /// - capitals inside a small word (`getValue`), and up to four capitals, unless they are a
    ///   frequent word behind other capitals (`ABC`, but `IT IS SO` is two words);
    /// - up to three letters beside an operator (`ab = 2`), or behind a number and no frequent word
    ///   (`5 mol`);
    /// - a name that is called with a number, a letter, a string or nothing (`range(10)`, `f(x)`).
    fn latin(&mut self, piece: &str, at: usize, word: &str, seen: &Letters) {
        self.sentence.end_run();
        let end = at + word.len();
        if seen.letters < 2 || !seen.vowel || seen.inner_capital || is_function(word) {
            return;
        }
        let shouting = seen.capitals == seen.letters;
        let shouted_before = std::mem::replace(&mut self.shouting, shouting);
        if seen.letters <= 4 {
            let (before, behind) = (&piece[..at], &piece[end..]);
            let short = seen.letters <= 3;
            let listed = || self.latin.lists(word);
            if shouting && !(shouted_before && listed())
                || short && touches_operator(before, behind)
                || short && follows_number(before) && !listed()
            {
                return;
            }
        }
        if is_call(&piece[end..]) {
            return;
        }
        let gap = std::mem::take(&mut self.gap);
        self.latin.push(word, gap);
    }
}

/// What the letters of a Latin word are like.
#[derive(Default)]
struct Letters {
    letters: usize,
    capitals: usize,
    vowel: bool,
    inner_capital: bool,
}

impl Letters {
    /// Of a word of ASCII letters and apostrophes only.
    fn of(word: &str) -> Option<Self> {
        let mut seen = Self::default();
        for &byte in word.as_bytes() {
            if byte.is_ascii_alphabetic() {
                seen.add(byte.is_ascii_uppercase(), is_vowel(byte));
            } else if byte != b'\'' {
                return None;
            }
        }
        Some(seen)
    }

    /// Of any word; letters with marks count as vowels.
    fn of_any(word: &str) -> Self {
        let mut seen = Self::default();
        for c in word.chars().filter(|&c| is_latin(c)) {
            seen.add(c.is_uppercase(), !c.is_ascii() || is_vowel(c as u8));
        }
        seen
    }

    fn add(&mut self, capital: bool, vowel: bool) {
        self.inner_capital |= capital && self.letters > self.capitals;
        self.capitals += usize::from(capital);
        self.letters += 1;
        self.vowel |= vowel;
    }
}

/// Whether an ASCII letter is a vowel, `y` among them.
fn is_vowel(letter: u8) -> bool {
    const VOWELS: u32 = 1 << 1 | 1 << 5 | 1 << 9 | 1 << 15 | 1 << 21 | 1 << 25;
    VOWELS >> (letter & 31) & 1 == 1
}

/// Whether `c` makes the letters beside it a name.
fn is_of_names(c: char) -> bool {
    c == '_' || if c.is_ascii() { c.is_ascii_digit() } else { c.is_numeric() }
}

/// Whether `c` is a letter that stands for itself in formulas: raised, circled, double-struck.
fn is_symbol(c: char) -> bool {
    matches!(u32::from(c), 0xAA | 0xBA | 0x1D2C..=0x1D6A | 0x2071..=0x209C | 0x2100..=0x214F
        | 0x24B6..=0x24E9 | 0x1D400..=0x1D7FF)
}

/// Whether `c` is a combining mark of the Latin, Arabic or Hebrew scripts, or a kana sound mark.
fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36F | 0x591..=0x5C7 | 0x610..=0x61A | 0x64B..=0x65F | 0x670
        | 0x6D6..=0x6DC | 0x3099 | 0x309A)
}

fn is_function(word: &str) -> bool {
    matches!(
        word,
        "sin"
            | "cos"
            | "tan"
            | "sec"
            | "cot"
            | "sinh"
            | "cosh"
            | "tanh"
            | "arcsin"
            | "arccos"
            | "arctan"
            | "log"
            | "lim"
            | "mod"
            | "exp"
            | "det"
            | "max"
            | "min"
            | "arg"
    )
}

/// Whether an operator stands before or behind, blanks aside.
fn touches_operator(before: &str, behind: &str) -> bool {
    before.trim_end_matches(' ').chars().next_back().is_some_and(is_operator)
        || behind.trim_start_matches(' ').chars().next().is_some_and(is_operator)
}

/// Whether a number stands before, blanks aside.
fn follows_number(before: &str) -> bool {
    before.trim_end_matches(' ').chars().next_back().is_some_and(char::is_numeric)
}

fn is_operator(c: char) -> bool {
    matches!(c, '=' | '+' | '*' | '/' | '^' | '<' | '>' | '|' | '×' | '÷' | '·' | '±' | '∓')
        || matches!(u32::from(c), 0x2190..=0x22FF)
}

/// Whether the arguments of a call follow.
fn is_call(behind: &str) -> bool {
    let Some(arguments) = behind.strip_prefix('(') else {
        return false;
    };
    let mut arguments = arguments.chars();
    match arguments.next() {
        Some(c) if c.is_numeric() || matches!(c, ')' | '"' | '\'') => true,
        // A letter alone, but not the ending in `number(s)`.
        Some(c) if c.is_alphabetic() => {
            c != 's' && arguments.next().is_none_or(|next| !next.is_alphabetic())
        }
        _ => false,
    }
}
