//! Repetition: how much of a completion is an n-gram that stood there before.
//!
//! Source: the n-gram repetition penalty of *Demystifying Long Chain-of-Thought Reasoning in LLMs*
//! (arXiv 2502.03373, its answer to length rewards being gamed): go through the n-grams of the completion in
//! order; every token of an n-gram that was seen before is penalised. The paper works on the
//! policy's tokens with n = 40 and gives each penalised token -0.05. [`repeated_tokens`] is that
//! mask, for dense rewards; [`Repetition`] is its share over the whole completion:
//!
//! ```text
//! share       = penalised tokens / tokens             in [0, 1)
//! ngram_share = 1 - distinct n-grams / n-grams        in [0, 1)
//! ```
//!
//! `share` is what [`RepetitionRule`] takes: it counts a passage that is written twice by its
//! length, and a text written twice (of n tokens at least) always has a higher share than the
//! text. `ngram_share` is the measure of distinct n-grams, which other projects use.
//!
//! The tokens of a text are its words by Unicode segmentation (UAX #29; a Han character is a word)
//! and every other visible character alone, so that loops of formulas and of signs are seen too. A
//! run of letters or digits longer than any word counts by its characters: a line that repeats
//! without blanks is caught. Words are compared as written.
//!
//! Time is linear: a rolling hash finds candidates and every candidate is compared in full, so
//! nothing is called repeated by a collision. Left out: paraphrase, and what repeats with a
//! counter in it (`step 1`, `step 2`).

mod ngrams;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

pub use ngrams::repeated_tokens;

use crate::words::for_each_word;

/// The paper's n.
pub const DEFAULT_NGRAM: usize = 40;

/// Above this many bytes a run of letters and digits is no word.
const LONGEST_WORD: usize = 64;

/// What repeats in a completion.
///
/// ```
/// use thinkling_reward::repetition::Repetition;
///
/// let repetition = Repetition::of_text("go on and go on and stop", 3);
/// // The second `go on and` repeats: three of the seven words, one of the five trigrams.
/// assert_eq!((repetition.repeated_tokens, repetition.tokens), (3, 7));
/// assert_eq!((repetition.repeated_ngrams, repetition.ngrams), (1, 5));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repetition {
    /// All tokens.
    pub tokens: usize,
    /// Tokens inside an n-gram that was seen before.
    pub repeated_tokens: usize,
    /// All n-grams; none where there are fewer than n tokens.
    pub ngrams: usize,
    /// N-grams that were seen before: all less the distinct ones.
    pub repeated_ngrams: usize,
}

impl Repetition {
    /// Measures a text by its words. `n` of 0 counts as 1.
    pub fn of_text(text: &str, n: usize) -> Self {
        Self::of_tokens(&tokens(text), n)
    }

    /// Measures a sequence of token ids. `n` of 0 counts as 1.
    pub fn of_tokens(ids: &[u32], n: usize) -> Self {
        let n = n.max(1);
        let mut out = Self { tokens: ids.len(), ..Self::default() };
        // The first token that no repeated n-gram covers yet.
        let mut open = 0;
        ngrams::for_each(ids, n, |start, seen_before| {
            out.ngrams += 1;
            if seen_before {
                out.repeated_ngrams += 1;
                let end = start + n;
                out.repeated_tokens += end - open.max(start);
                open = end;
            }
        });
        out
    }

    /// Penalised tokens over all tokens, in [0, 1); 0 where there are none.
    pub fn share(&self) -> f64 {
        ratio(self.repeated_tokens, self.tokens)
    }

    /// Repeated n-grams over all n-grams, in [0, 1); 0 where there are none.
    pub fn ngram_share(&self) -> f64 {
        ratio(self.repeated_ngrams, self.ngrams)
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Repetition as a component: the share of a text, or `max_penalty * share` as a reward.
///
/// ```
/// use thinkling_reward::repetition::RepetitionRule;
///
/// let rule = RepetitionRule { ngram: 3, max_penalty: -1.0 };
/// assert_eq!(rule.share("wait, wait, wait, wait, wait."), 0.7);
/// assert_eq!(rule.reward("wait, wait, wait, wait, wait."), -0.7);
/// assert_eq!(rule.reward("one two three four"), 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RepetitionRule {
    /// Tokens of an n-gram; 0 counts as 1.
    pub ngram: usize,
    /// The reward of a text that is repetition throughout; not above 0 in any sane recipe.
    pub max_penalty: f64,
}

impl Default for RepetitionRule {
    /// The paper's n; a completion that only repeats loses what a right answer earns.
    fn default() -> Self {
        Self { ngram: DEFAULT_NGRAM, max_penalty: -1.0 }
    }
}

impl RepetitionRule {
    /// The [`share`](Repetition::share) of a text, in [0, 1).
    pub fn share(&self, text: &str) -> f64 {
        Repetition::of_text(text, self.ngram).share()
    }

    /// The reward of a text, between `max_penalty` and 0.
    pub fn reward(&self, text: &str) -> f64 {
        self.of(Repetition::of_text(text, self.ngram))
    }

    /// The reward of a sequence of token ids, between `max_penalty` and 0.
    pub fn reward_tokens(&self, ids: &[u32]) -> f64 {
        self.of(Repetition::of_tokens(ids, self.ngram))
    }

    fn of(&self, repetition: Repetition) -> f64 {
        // Not -0 where nothing repeats.
        if repetition.repeated_tokens == 0 { 0.0 } else { self.max_penalty * repetition.share() }
    }
}

/// The tokens of a text (see the [module](self)), equal tokens with equal numbers.
pub fn tokens(text: &str) -> Vec<u32> {
    let mut numbers = HashMap::new();
    let mut out = Vec::with_capacity(text.len() / 4);
    let mut push = |token| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        out.push(*numbers.entry(token).or_insert(next));
    };
    let mut at = 0;
    for_each_word(text, |start, word| {
        characters(&text[at..start]).for_each(&mut push);
        if word.len() <= LONGEST_WORD {
            push(word);
        } else {
            characters(word).for_each(&mut push);
        }
        at = start + word.len();
    });
    characters(&text[at..]).for_each(&mut push);
    out
}

/// The visible characters of `text`, each as its own token.
fn characters(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices()
        .filter(|(_, c)| !crate::script::is_blank(*c))
        .map(|(at, c)| &text[at..at + c.len_utf8()])
}

#[cfg(test)]
mod tests;
