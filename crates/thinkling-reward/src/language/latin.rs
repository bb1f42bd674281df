//! Which language words in Latin letters are.
//!
//! The words of a text are a chain of states, one a language ([`model`]); changing the state costs,
//! least between sentences and most inside a clause, and the best chain (Viterbi) decides. So a
//! sentence of five words is decided by its own words, a single foreign word inside a sentence goes
//! with the sentence, and an English clause in a French text is English. Where words say little,
//! English is the guess: in maths and code most words without a context are.
//!
//! Told apart: English, French, German, Spanish, Italian, Portuguese, Dutch, and as others (never
//! English) the Scandinavian languages, Slavic ones, Romanian, Hungarian, Finnish, Turkish,
//! Indonesian, Vietnamese and what fits none of them. Close kin without a lane of its own goes with
//! its kin: Catalan and Galician with Spanish or Portuguese, Afrikaans with Dutch.
//!
//! Measured on the sentences of the tests, five to ten words each, right where every word is: 40 of
//! 40 in English, French, German, Spanish, Italian and Dutch, 39 in Portuguese; 79 of 80 in English,
//! French, German and Spanish that nothing was tuned on; 71 of 72 of other languages are of no
//! target. Of the same 280 sentences the crate whatlang 0.18 gets 264 with the seven languages given,
//! at some fifty times the time.

mod lexicon;
mod model;

use model::{Folded, LANES, MODEL, Model, NAT, Scores};

use crate::problem::Language;

/// The languages of the first lanes.
const LANGUAGES: [Language; 7] = [
    Language::En,
    Language::Fr,
    Language::De,
    Language::Es,
    Language::It,
    Language::Pt,
    Language::Nl,
];

/// What stands between two words; the stronger it is, the cheaper is a change of language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    /// Blanks, maths, nothing.
    #[default]
    Blank,
    /// A comma or its like, or words of another script.
    Clause,
    /// The end of a sentence or of a line.
    Sentence,
}

impl Gap {
    /// What a change of language costs here.
    const fn cost(self) -> i16 {
        (match self {
            Self::Blank => 18,
            Self::Clause => 10,
            Self::Sentence => 7,
        }) * NAT
            / 2
    }
}

/// What any language but English starts behind it.
const HEAD_START: i16 = NAT * 3;

/// A word that was among so many before it tells only this part again.
const RECENT: usize = 16;
const REPEATED: i16 = 4;

/// So many words are decided at once, so that memory stays bounded.
const BLOCK: usize = 1024;

/// The chain of states over the words so far.
pub(super) struct Chain {
    model: &'static Model,
    /// The log-probability of the best chain that ends in each lane.
    scores: [i16; LANES],
    /// The words before, to know repetitions by.
    recent: [u32; RECENT],
    taken: usize,
    /// One a word.
    steps: Vec<Step>,
    words: [usize; LANES],
}

/// How the best chain of each lane came to a word.
struct Step {
    /// The scores before the word.
    before: [i16; LANES],
    /// The score of a chain that changes its lane here; a lane above it stays.
    changed: i16,
    /// The lane that chains change from.
    from: u8,
}

impl Chain {
    pub(super) fn new() -> Self {
        let mut scores = [-HEAD_START; LANES];
        scores[0] = 0;
        Self {
            model: &MODEL,
            scores,
            recent: [0; RECENT],
            taken: 0,
            steps: Vec::new(),
            words: [0; LANES],
        }
    }

    /// Whether the word is frequent in any of the languages.
    pub(super) fn lists(&self, word: &str) -> bool {
        self.model.lists(&Folded::new(word))
    }

    /// Takes the next word; `gap` is what stands before it.
    pub(super) fn push(&mut self, word: &str, gap: Gap) {
        let folded = Folded::new(word);
        let mut scores = self.word(word, &folded);
        // Names and things that are told of again and again are one piece of evidence, not many.
        if self.recent.contains(&folded.short_hash()) {
            scores = scores.map(|score| score / REPEATED);
        }
        self.recent[self.taken % RECENT] = folded.short_hash();
        self.taken = self.taken.wrapping_add(1);
        let (from, best) = best(&self.scores);
        let changed = best - gap.cost();
        self.steps.push(Step { before: self.scores, changed, from: from as u8 });
        for (sum, score) in self.scores.iter_mut().zip(scores) {
            // Kept near zero: between the cost of a change and of a word below it.
            *sum = (*sum).max(changed) - best + score;
        }
        if self.steps.len() == BLOCK {
            self.decide();
        }
    }

    /// The words of each language, and all words.
    pub(super) fn finish(mut self) -> (impl Iterator<Item = (Language, usize)>, usize) {
        self.decide();
        (LANGUAGES.into_iter().zip(self.words), self.words.iter().sum())
    }

    /// The scores of a word; one with an apostrophe counts by its two parts if it is not listed.
    fn word(&self, word: &str, whole: &Folded) -> Scores {
        if !whole.has_apostrophe() || self.model.lists(whole) {
            return self.model.scores(whole);
        }
        let sign = word.char_indices().find(|&(_, c)| model::is_apostrophe(c));
        let (at, behind) = sign.map_or((0, 0), |(at, c)| (at, at + c.len_utf8()));
        if at == 0 || behind == word.len() {
            return self.model.scores(whole);
        }
        // `triangle's` ends with a clitic, `l'angle` begins with one.
        let cut = if word[behind..].chars().count() <= 2 { at } else { behind };
        let first = self.model.scores(&Folded::new(&word[..cut]));
        let second = self.model.scores(&Folded::new(&word[cut..]));
        std::array::from_fn(|lane| first[lane] + second[lane])
    }

    /// Follows the best chain back and counts its words.
    fn decide(&mut self) {
        let (mut lane, _) = best(&self.scores);
        let end = lane;
        for step in self.steps.iter().rev() {
            self.words[lane] += 1;
            if step.before[lane] < step.changed {
                lane = usize::from(step.from);
            }
        }
        if !self.steps.is_empty() {
            self.steps.clear();
            // What was decided stays: the next block goes on from the lane reached.
            let reached = self.scores[end];
            for (lane, score) in self.scores.iter_mut().enumerate() {
                if lane != end {
                    *score = (*score).min(reached - 1);
                }
            }
        }
    }
}

/// The first lane of the highest score.
fn best(scores: &[i16; LANES]) -> (usize, i16) {
    let best = scores.iter().fold(i16::MIN, |best, &score| best.max(score));
    (scores.iter().position(|&score| score == best).unwrap_or(0), best)
}

#[cfg(test)]
mod tests;
