//! Language consistency: how much of a chain of thought is in the target language.
//!
//! `share = words of the target language / all words of the chain of thought` (arXiv
//! 2501.12948v1, section 2.3.2). A Han character is a word. Elsewhere a word is a longest run of
//! letters of one script; single letters are names of variables and do not count, nor do runs
//! with digits or underscores in them (`x1`) and LaTeX commands (`\frac`). Scripts decide: Latin
//! words are English, Han characters are Chinese, all others count against both.
//!
//! Left out: telling English from other languages in Latin letters, and Chinese from Japanese.

use crate::problem::Language;
use crate::script::{is_han, is_latin};

/// Words of a text by script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WordCounts {
    /// Words in Latin letters.
    pub latin: usize,
    /// Han characters.
    pub han: usize,
    /// Words in other letters.
    pub other: usize,
}

impl WordCounts {
    /// Counts the words of `text`.
    pub fn of(text: &str) -> Self {
        let mut counts = Self::default();
        let mut run = Run::default();
        for c in text.chars() {
            if is_han(c) {
                run.end(&mut counts);
                counts.han += 1;
            } else if c == '\\' {
                run.end(&mut counts);
                run.spoilt = true;
            } else if c.is_alphabetic() {
                if run.letters > 0 && run.latin != is_latin(c) {
                    run.end(&mut counts);
                }
                run.latin = is_latin(c);
                run.letters += 1;
            } else if c == '_' || c.is_numeric() {
                run.spoilt = true;
            } else if c != '\'' && c != '’' {
                run.end(&mut counts);
            }
        }
        run.end(&mut counts);
        counts
    }

    /// All words.
    pub const fn total(&self) -> usize {
        self.latin + self.han + self.other
    }

    /// Words of the language.
    pub const fn words(&self, language: Language) -> usize {
        match language {
            Language::En => self.latin,
            Language::Zh => self.han,
        }
    }
}

/// A run of letters of one script that is being read.
#[derive(Default)]
struct Run {
    letters: usize,
    latin: bool,
    /// Part of a name or command, no word.
    spoilt: bool,
}

impl Run {
    fn end(&mut self, counts: &mut WordCounts) {
        if self.letters > 1 && !self.spoilt {
            if self.latin {
                counts.latin += 1;
            } else {
                counts.other += 1;
            }
        }
        *self = Self::default();
    }
}

/// The share of words of `text` that are of the target language, in [0, 1]; 0 where there are no
/// words, so that saying nothing earns nothing.
///
/// ```
/// use thinkling_reward::{Language, language::language_share};
///
/// assert_eq!(language_share("so 先加", Language::Zh), 2.0 / 3.0);
/// assert_eq!(language_share("3 + 4 = x", Language::En), 0.0);
/// ```
pub fn language_share(text: &str, target: Language) -> f64 {
    let counts = WordCounts::of(text);
    match counts.total() {
        0 => 0.0,
        total => counts.words(target) as f64 / total as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_by_script() {
        let counts = WordCounts::of("First add 先加 19, don't x1 \\frac{ab}{c} привет a_b été");
        assert_eq!(counts, WordCounts { latin: 5, han: 2, other: 1 });
    }

    #[test]
    fn shares_are_of_all_words() {
        assert_eq!(language_share("one two three 四", Language::En), 0.75);
        assert_eq!(language_share("one two three 四", Language::Zh), 0.25);
        assert_eq!(language_share("мир", Language::En), 0.0);
        assert_eq!(language_share("", Language::Zh), 0.0);
    }
}
