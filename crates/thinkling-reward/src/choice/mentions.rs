//! The option letters that a text mentions, and whether it asserts them.

use std::ops::Range;

use crate::math::extract::asserted::{denied_after, denied_before, head, tail};
use crate::math::extract::spans::{Span, spans};
use crate::script::{is_latin, is_unspaced};

/// Words after which a letter is an option.
const CUES: [&str; 38] = [
    "es",
    "est",
    "ist",
    "opción",
    "option",
    "options",
    "choice",
    "choices",
    "answer",
    "answers",
    "letter",
    "is",
    "are",
    "be",
    "was",
    "it's",
    "pick",
    "choose",
    "chose",
    "choosing",
    "select",
    "selected",
    "with",
    "for",
    "or",
    "nor",
    "and",
    "either",
    "neither",
    "both",
    "not",
    "so",
    "thus",
    "therefore",
    "hence",
    "than",
    "but",
    "can't",
];

/// What may follow a letter that is named as right or wrong.
const JUDGED: [&str; 8] =
    ["correct", "right", "best", "true", "wrong", "incorrect", "false", "not"];

/// An option letter in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) letter: char,
    /// Where it stands, with its brackets.
    pub(super) at: Range<usize>,
    /// Whether it is neither denied nor asked.
    pub(super) asserted: bool,
}

/// The mentions of a text, in order, in one pass. `announced`: the text is what an announcement
/// leads to, where a letter by itself is an option.
pub(super) fn mentions(text: &str, announced: bool) -> Vec<Mention> {
    let maths = spans(text);
    let mut found = Vec::<Mention>::new();
    let mut previous = None;
    for (at, c) in text.char_indices() {
        let before = previous.replace(c);
        if !c.is_ascii_alphabetic() || !matches!(c.to_ascii_uppercase(), 'A'..='J') {
            continue;
        }
        let rest = &text[at + 1..];
        // Most letters stand inside words.
        if before.is_some_and(|c| c.is_ascii_alphanumeric())
            || rest.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            continue;
        }
        let bracketed = before.is_some_and(|c| matches!(c, '(' | '[' | '（'))
            && rest.starts_with([')', ']', '）']);
        let start = at - before.filter(|_| bracketed).map_or(0, char::len_utf8);
        let closing = rest.chars().next().filter(|_| bracketed);
        let end = at + 1 + closing.map_or(0, char::len_utf8);
        let from = found.last().map_or(0, |last| last.at.end).min(start);
        let listed = !found.is_empty() && joins(&text[from..start]);
        let alone = Letter { text, at: start..end, bracketed, listed, announced }.is_option(&maths);
        if !alone || (!bracketed && c.is_ascii_lowercase()) {
            continue;
        }
        let asserted = match found.last() {
            // "it can't be A or B": what is said of the one is said of the other.
            Some(last) if listed => last.asserted,
            _ => !denied_before(&text[from..start]) && !denied_after(&text[end..]),
        };
        found.push(Mention { letter: c.to_ascii_uppercase(), at: start..end, asserted });
    }
    found
}

/// A letter that may be an option.
struct Letter<'t> {
    text: &'t str,
    at: Range<usize>,
    bracketed: bool,
    /// Whether it stands in a list behind an option.
    listed: bool,
    announced: bool,
}

impl Letter<'_> {
    fn is_option(&self, maths: &[Span]) -> bool {
        let (before, after) = (&self.text[..self.at.start], &self.text[self.at.end..]);
        if let Some(span) = maths.iter().find(|span| span.outer.contains(&self.at.start)) {
            // In maths a letter is a quantity, unless it is all there is.
            let inner = self.text[span.inner.clone()].trim();
            return inner.len() <= 16
                && crate::math::extract::words::plain_words(inner, false)
                    .trim_matches(['(', ')', '.', ' '])
                    .chars()
                    .nth(1)
                    .is_none();
        }
        if self.bracketed {
            // The argument of a function is none: f(A), P(B).
            return !before.ends_with(is_latin);
        }
        let part = |c: char| c.is_ascii_alphanumeric() || "_'\u{2019}\\".contains(c) || is_latin(c);
        if before.ends_with(part) || after.starts_with(part) {
            return false;
        }
        let next = after.trim_start_matches(' ');
        if next.starts_with(['=', '+', '<', '>', '^', '$']) {
            return false;
        }
        self.listed || self.is_marked(before, after) || self.is_named(before, after)
    }

    /// Whether marks set the letter apart: `**B**`, `B. Red` at the start of a line, `, B.`
    fn is_marked(&self, before: &str, after: &str) -> bool {
        let ahead = before.trim_end_matches([' ', '*', '"']);
        let starts = ahead.is_empty() || ahead.ends_with(|c: char| "\n.:,;!?，。：、".contains(c));
        let behind = after.trim_start_matches(['*', '"']);
        let ends = behind.trim_start().is_empty()
            || behind.starts_with(|c: char| ".),:;!?/，。：、？".contains(c))
            || behind.starts_with(|c: char| c == '\n' || is_unspaced(c));
        // "A B C D" and "A or B" begin a list.
        let list = behind.trim_start().chars().next().is_some_and(|c| matches!(c, 'A'..='J'))
            || behind.trim_start().starts_with("or ")
            || behind.trim_start().starts_with("and ");
        (starts && (ends || list)) || before.ends_with("**") || (ahead.is_empty() && list)
    }

    /// Whether the words around name it as an option: "option B", "it is B", "B is correct".
    fn is_named(&self, before: &str, after: &str) -> bool {
        let word = tail(before).trim_end().rsplit(char::is_whitespace).next().unwrap_or("");
        let word = word.trim_matches(|c: char| "*:,.(".contains(c)).replace('\u{2019}', "'");
        let cued = CUES.iter().any(|cue| word.eq_ignore_ascii_case(cue))
            || word.ends_with("n't")
            || before
                .trim_end()
                .ends_with(['选', '项', '是', '为', '案', '与', '和', '或', '非', 'は']);
        let mut following = head(after).split_whitespace();
        let judged = following.next().is_some_and(|verb| matches!(verb, "is" | "isn't" | "was"))
            && following.take(3).any(|word| {
                let word = word.trim_matches(|c: char| !c.is_alphabetic());
                JUDGED.iter().any(|known| word.eq_ignore_ascii_case(known)) || word == "answer"
            });
        // "it is a cat": an article goes on with a word of its own.
        let article = self.text[self.at.clone()].eq_ignore_ascii_case("a")
            && after.trim_start_matches(' ').starts_with(char::is_lowercase)
            && !["or ", "and ", "is "].iter().any(|on| after.trim_start().starts_with(on));
        judged || ((cued || self.announced) && !article)
    }
}

/// Whether the text between two mentions lists them together.
fn joins(between: &str) -> bool {
    matches!(
        between.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '(' | ')')),
        "" | "," | "/" | "or" | "nor" | "and" | "&" | ", or" | ", and" | "、" | "和" | "或"
    )
}

/// The first asserted letter, and the asserted ones that are listed together with it.
pub(super) fn joined_to_first(text: &str, mentions: &[Mention]) -> Vec<char> {
    let mut asserted = mentions.iter().skip_while(|mention| !mention.asserted);
    let Some(first) = asserted.next() else { return Vec::new() };
    let (mut letters, mut end) = (vec![first.letter], first.at.end);
    for mention in asserted {
        if !joins(&text[end..mention.at.start]) {
            break;
        }
        letters.push(mention.letter);
        end = mention.at.end;
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asserted(text: &str) -> String {
        mentions(text, false).into_iter().filter(|m| m.asserted).map(|m| m.letter).collect()
    }

    #[test]
    fn asserted_letters_are_told_from_others() {
        for (text, expected) in [
            ("it is D, not A", "D"),
            ("it can't be A or B", ""),
            ("(A) (B) (C)", "ABC"),
            ("A/B", "AB"),
            ("A B C", "ABC"),
            ("A. Because B is not valid", "A"),
            ("I think a cat is (c)", "C"),
            ("A cat", ""),
            ("it is a cat", ""),
            ("A or B", "AB"),
            ("**A**", "A"),
            ("A = 5", ""),
            ("$A$ is it", "A"),
            (r"$A \cap B$", ""),
            (r"$\{A,B\}$", ""),
            ("ABC CAB", ""),
            ("D?", ""),
            ("neither A nor B", ""),
            ("选B。", "B"),
            ("选项C正确", "C"),
            ("Bです。", "B"),
            ("A或B。", "AB"),
            ("不选B。", ""),
            ("Vitamin C is needed.", ""),
            ("C major is a key", ""),
            ("C. No wait, D.", "CD"),
            ("Therefore C is the correct answer", "C"),
            ("A is right, B is wrong", "A"),
            ("I'd go with D.", "D"),
            ("P(A) and f(b)", ""),
            ("(A) is false.", ""),
        ] {
            assert_eq!(asserted(text), expected, "{text}");
        }
        let announced = |text| mentions(text, true).into_iter().filter(|m| m.asserted).count();
        assert_eq!(announced("for sure D, it can't be A or B"), 1);
        assert_eq!(announced("a cat, A cat"), 0);
    }
}
