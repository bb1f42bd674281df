//! Prompts that share words with problems of an evaluation.
//!
//! The words of a text are its runs of letters and digits (Unicode; each Han character and kana alone),
//! in lower case; signs between them do not count. A text shares with the evaluation what has `ngram`
//! words in a row in common with one of its problems. A problem with fewer words is compared whole, in
//! lower case and without white space, signs included: `2 + 2` is `2+2` and not `2-2`.

use crate::data::read_file;
use crate::error::Result;
use crate::recipe::{Decontaminate, FileSource};
use std::collections::HashSet;

/// What evaluations ask.
#[derive(Debug, Default)]
pub(crate) struct Evaluations {
    ngram: usize,
    ngrams: HashSet<String>,
    /// Problems with fewer words than an n-gram.
    short: HashSet<String>,
}

impl Evaluations {
    /// Reads the files that `keys` name.
    ///
    /// # Errors
    /// As [`read_file`].
    pub(crate) fn read(keys: &Decontaminate) -> Result<Self> {
        let mut all = Self { ngram: keys.ngram, ..Self::default() };
        for path in &keys.files {
            let source = FileSource { path: path.clone(), skip_bad: false };
            let rows = read_file(&source, &|_| Ok(Ok(())))?.rows;
            rows.iter().for_each(|row| all.add(&row.problem.question));
        }
        Ok(all)
    }

    fn add(&mut self, question: &str) {
        let words = words(question);
        if words.len() < self.ngram {
            self.short.insert(whole(question));
        }
        self.ngrams.extend(words.windows(self.ngram).map(|ngram| ngram.join(" ")));
    }

    /// Whether a prompt shares words with one of them.
    pub(crate) fn share_with(&self, prompt: &str) -> bool {
        if self.short.contains(&whole(prompt)) {
            return true;
        }
        let words = words(prompt);
        // No n-grams were read where nothing is compared.
        !self.ngrams.is_empty()
            && words.windows(self.ngram).any(|ngram| self.ngrams.contains(&ngram.join(" ")))
    }
}

fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for c in text.chars() {
        if !c.is_alphanumeric() {
            open = false;
            continue;
        }
        let alone = is_alone(c);
        match words.last_mut() {
            Some(word) if open && !alone => word.push(c),
            _ => words.push(c.to_string()),
        }
        open = !alone;
    }
    words
}

/// Whether a character is a word: scripts that are written without blanks.
fn is_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

fn whole(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluations(ngram: usize, questions: &[&str]) -> Evaluations {
        let mut all = Evaluations { ngram, ..Evaluations::default() };
        questions.iter().for_each(|question| all.add(question));
        all
    }

    #[test]
    fn words_in_a_row_are_shared_whatever_case_and_signs() {
        let all = evaluations(4, &["Tom has 3 apples and 4 pears. How many fruits?"]);
        assert!(all.share_with("Once TOM -- has: 3 (apples)."));
        assert!(all.share_with("say how many fruits: pears how many fruits"));
        assert!(!all.share_with("Tom has 3 pears and apples"));
        assert!(!all.share_with("Tom has 3"), "fewer words than an n-gram");
    }

    #[test]
    fn short_problems_are_compared_whole_with_their_signs() {
        let all = evaluations(13, &["What is 2 + 2?"]);
        assert!(all.share_with("what is\n2+2?"));
        for other in ["What is 2 - 2?", "What is 2 + 2? Think.", "2 + 2"] {
            assert!(!all.share_with(other), "{other}");
        }
    }

    #[test]
    fn characters_without_blanks_are_words() {
        let all = evaluations(5, &["小明有三个苹果和四个梨"]);
        assert!(all.share_with("如果小明有三个橘子"));
        assert!(!all.share_with("小明没有三个橘子"));
        assert_eq!(words("第2題 kana かな"), ["第", "2", "題", "kana", "か", "な"]);
    }

    #[test]
    fn nothing_is_shared_with_nothing() {
        assert!(!Evaluations::default().share_with("What is 2 + 2?"));
    }
}
