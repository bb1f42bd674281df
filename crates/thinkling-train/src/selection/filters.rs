//! Filters over one answer.

use super::counts::Dropped;
use crate::recipe::Filters;
use thinkling_reward::answer::{outside_answer, thinking};
use thinkling_reward::language::WordCounts;
use thinkling_reward::repetition::{Repetition, tokens};
use thinkling_reward::{Language, Problem};

/// What a filter sees of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// The answer as an example has it: with the tag that its prompt opened.
    pub(crate) text: &'a str,
    pub(crate) truncated: bool,
    pub(crate) correct: bool,
}

/// The count of the first filter that drops the answer; `None` where it passes all of them.
pub(crate) fn dropped_by<'c>(
    filters: &Filters,
    problem: &Problem,
    seen: Seen<'_>,
    counts: &'c mut Dropped,
) -> Option<&'c mut usize> {
    let Seen { text, truncated, correct } = seen;
    if filters.truncated && truncated {
        return Some(&mut counts.truncated);
    }
    if filters.correct && !correct {
        return Some(&mut counts.incorrect);
    }
    if filters.format.rule().is_some_and(|rule| rule.score(text) < 1.0) {
        return Some(&mut counts.format);
    }
    // Nothing repeats throughout: a limit of 1 needs no reading.
    if filters.max_repetition < 1.0
        && Repetition::of_text(text, filters.repetition_ngram).share() > filters.max_repetition
    {
        return Some(&mut counts.repetition);
    }
    let chain = outside_answer(text);
    if language_share(filters.language.or(problem.language), &chain)
        .is_some_and(|share| share < filters.min_language)
    {
        return Some(&mut counts.language);
    }
    if filters.max_paragraph > 0 && longest_paragraph(&chain) > filters.max_paragraph {
        return Some(&mut counts.paragraph);
    }
    if filters.code_blocks && has_code_block(&thinking(text)) {
        return Some(&mut counts.code_block);
    }
    None
}

/// Share of the words that are of the language, or of the one with the most words; `None` where there
/// are no words.
pub(crate) fn language_share(language: Option<Language>, text: &str) -> Option<f64> {
    let counts = WordCounts::of(text);
    let share = match language {
        Some(language) => counts.share(language),
        None => Language::ALL.iter().map(|&l| counts.share(l)).fold(0.0, f64::max),
    };
    (counts.total() > 0).then_some(share)
}

/// Words and visible signs of the longest stretch of lines that are not blank.
fn longest_paragraph(text: &str) -> usize {
    let mut paragraphs = vec![String::new()];
    for line in text.lines() {
        match (line.trim().is_empty(), paragraphs.last_mut()) {
            (false, Some(paragraph)) => {
                paragraph.push_str(line);
                paragraph.push('\n');
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs.iter().map(|paragraph| tokens(paragraph).len()).max().unwrap_or(0)
}

/// Whether a line begins a fenced code block (CommonMark 0.31, section 4.5; any indentation).
fn has_code_block(text: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| line.starts_with("```") || line.starts_with("~~~"))
}

#[cfg(test)]
mod tests;
