//! Language consistency: how much of a chain of thought is in the target language.
//!
//! `share = words of the target language / all words of the chain of thought` (arXiv
//! 2501.12948v1, section 2.3.2).
//!
//! Words are those of Unicode segmentation (UAX #29), so a Han character is a word, as is a kana of
//! hiragana or a letter of Thai with its marks, which are written without blanks. Maths, code,
//! tags and addresses are not prose; single letters, numbers, units, names with digits
//! and the like are not words.
//!
//! The language of a word is that of its script where the script tells: Han, kana,
//! Hangul, Cyrillic, Arabic. Words in Latin letters are told apart by frequent words and letter
//! pairs over the sentence. Whatever is in no [`Language`] counts against all of them.
//!
//! A text without words has the share 0: saying nothing earns nothing.
//!
//! Left out: dialects, romanised Chinese or Japanese (mostly other), and prose that hides between
//! signs of code.

mod count;
mod latin;
mod prose;
mod sentence;

use crate::problem::Language;

/// Words of a text by language.
///
/// ```
/// use thinkling_reward::{Language, language::WordCounts};
///
/// let counts = WordCounts::of("Donc 17 + 25 = 42, la réponse est juste. 所以 $x = 42$。");
/// assert_eq!(counts.words(Language::Fr), 5);
/// assert_eq!(counts.words(Language::Zh), 2);
/// assert_eq!(counts.total(), 7);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WordCounts {
    /// By the discriminant of the language.
    by_language: [usize; Language::ALL.len()],
    other: usize,
}

impl WordCounts {
    /// Counts the words of `text`.
    pub fn of(text: &str) -> Self {
        let mut counter = count::Counter::new();
        prose::Prose::new(text).for_each(|piece| counter.piece(piece));
        counter.finish()
    }

    /// All words.
    pub fn total(&self) -> usize {
        self.by_language.iter().sum::<usize>() + self.other
    }

    /// Words of the language.
    pub const fn words(&self, language: Language) -> usize {
        self.by_language[language as usize]
    }

    /// Words of no [`Language`].
    pub const fn other(&self) -> usize {
        self.other
    }

    /// Words of the language over all words, in [0, 1]; 0 where there are none.
    pub fn share(&self, language: Language) -> f64 {
        match self.total() {
            0 => 0.0,
            total => self.words(language) as f64 / total as f64,
        }
    }
}

/// The share of words of `text` that are of the target language, in [0, 1]; 0 where there are no
/// words.
///
/// ```
/// use thinkling_reward::{Language, language::language_share};
///
/// assert_eq!(language_share("so 先加", Language::Zh), 2.0 / 3.0);
/// assert_eq!(language_share("Wir addieren zuerst die beiden Zahlen.", Language::En), 0.0);
/// assert_eq!(language_share("3 + 4 = x", Language::En), 0.0);
/// ```
pub fn language_share(text: &str, target: Language) -> f64 {
    WordCounts::of(text).share(target)
}

#[cfg(test)]
mod tests;
