//! Why a record may be no good: what a person should look at.

use crate::review::Texts;
use crate::selection::language_share;
use std::collections::BTreeSet;
use thinkling_reward::repetition::{Repetition, tokens};
use thinkling_reward::{Language, Verdict};

/// Words of a passage that stands there twice.
const PASSAGE: usize = 8;
/// Words and signs below which there is hardly any thinking.
const SHORT: usize = 10;

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looked<'a> {
    pub(super) texts: &'a Texts,
    /// What the model wrote, where a teacher rewrote it.
    pub(super) original: Option<&'a Texts>,
    pub(super) language: Option<Language>,
    pub(super) verdict: Verdict,
}

/// Each doubt in words.
pub(super) fn doubts(looked: Looked<'_>) -> Vec<String> {
    let Looked { texts, original, language, verdict } = looked;
    let mut doubts = Vec::new();
    match verdict {
        Verdict::Correct => {}
        Verdict::Wrong => doubts.push("the answer is not right".to_owned()),
        Verdict::Unverifiable { reason } => doubts.push(format!("no answer is read: {reason}")),
    }
    let words = tokens(&texts.thinking).len();
    if words < SHORT {
        doubts.push(format!("hardly any thinking: {words} words and signs"));
    }
    if let Some(share) = language_share(language, &texts.thinking).filter(|share| *share < 1.0) {
        let percent = (100.0 * share).floor();
        doubts.push(format!("mixed languages: {percent} % of the words are in the main one"));
    }
    let repeated = Repetition::of_text(&texts.thinking, PASSAGE).repeated_tokens;
    if repeated > 0 {
        doubts.push(format!("{repeated} words repeat a passage of {PASSAGE} or more"));
    }
    let thought = numbers(&texts.thinking);
    add_numbers(&mut doubts, "only in the summary", &numbers(&texts.summary), &thought);
    if let Some(original) = original {
        let before = numbers(&original.thinking);
        add_numbers(&mut doubts, "lost by the rewriting", &before, &thought);
        add_numbers(&mut doubts, "new in the rewriting", &thought, &before);
    }
    doubts
}

/// Adds a doubt where `some` has numbers that `others` lack.
fn add_numbers(
    doubts: &mut Vec<String>,
    what: &str,
    some: &BTreeSet<String>,
    others: &BTreeSet<String>,
) {
    let missing: Vec<&str> = some.difference(others).map(String::as_str).collect();
    if !missing.is_empty() {
        doubts.push(format!("numbers {what}: {}", missing.join(", ")));
    }
}

/// Runs of digits, with a decimal point inside.
fn numbers(text: &str) -> BTreeSet<String> {
    let parts = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    parts.map(|part| part.trim_matches('.')).filter(|p| !p.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(thinking: &str, summary: &str) -> Texts {
        Texts { thinking: thinking.to_owned(), summary: summary.to_owned() }
    }

    fn of(texts: &Texts, original: Option<&Texts>) -> String {
        doubts(Looked { texts, original, language: None, verdict: Verdict::Correct }).join("; ")
    }

    #[test]
    fn a_clean_record_has_no_doubts_and_each_fault_has_its_own() {
        let fine = texts("First I add 3 and 4.5, which is 7.5, and I check it.", "It is 7.5.");
        assert_eq!(of(&fine, Some(&fine)), "");
        assert!(of(&texts("it is 7", "7"), None).contains("hardly any thinking: 3"));
        let mixed = texts("First we add all of them 然后 and then we look at it.", "7");
        assert!(of(&mixed, None).contains("mixed languages: "), "{}", of(&mixed, None));
        let twice = texts(&"we look at the sum of the two again and ".repeat(3), "so");
        assert!(of(&twice, None).contains("repeat a passage of 8"));
        assert_eq!(
            of(&Texts { summary: "8".into(), ..fine.clone() }, None),
            "numbers only in the summary: 8"
        );
        let other = texts("First I add 3 and 5, which is 7.5, and I check it.", "7.5");
        assert_eq!(
            of(&other, Some(&fine)),
            "numbers lost by the rewriting: 4.5; numbers new in the rewriting: 5"
        );
        let wrong =
            Looked { texts: &fine, original: None, language: None, verdict: Verdict::Wrong };
        assert_eq!(doubts(wrong), ["the answer is not right"]);
    }
}
