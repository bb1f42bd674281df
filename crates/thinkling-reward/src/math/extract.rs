//! Where in a completion the answer stands.
//!
//! Everything here is text work in linear time and knows no mathematics: it finds the places that
//! may hold an answer. Which of them counts is decided by [`judge`](super::judge), which reads
//! them in this order:
//!
//! 1. the whole text, where it is an answer and nothing else;
//! 2. its boxes;
//! 3. its `<answer>` block, in which the same order holds again;
//! 4. what an announcement such as "the answer is" leads to;
//! 5. the last maths between delimiters;
//! 6. the last number, or the one asserted option letter.

pub(crate) mod anchors;
pub(crate) mod asserted;
pub(crate) mod boxes;
pub(crate) mod clean;
pub(crate) mod hidden;
pub(crate) mod numbers;
pub(crate) mod qualified;
pub(crate) mod scope;
pub(crate) mod spans;
pub(crate) mod words;

use std::borrow::Cow;
use std::ops::Range;

use clean::trim;
use spans::Span;
use words::is_text_command;

/// Bytes of an announced place that are read.
const PLACE_BYTES: usize = 4096;

/// The start of an announced place: its first paragraph.
pub(crate) fn place(region: &str) -> &str {
    let cut = (0..=region.len().min(PLACE_BYTES)).rev().find_map(|to| region.get(..to));
    let start = cut.unwrap_or("").trim_start();
    start.find("\n\n").map_or(start, |end| &start[..end])
}

/// The first sentence of a place.
pub(crate) fn first_sentence(place: &str) -> &str {
    let spans = spans::spans(place);
    let ends = |&(at, c): &(usize, char)| {
        let after = place[at + c.len_utf8()..].chars().next();
        let ends = match c {
            '.' if ["i.e", "e.g"].iter().any(|short| place[..at].ends_with(short)) => false,
            '.' | '!' | '?' => after.is_none_or(char::is_whitespace),
            '\n' | '。' | '！' | '？' => true,
            _ => false,
        };
        ends && !spans.iter().any(|span| span.outer.contains(&at))
    };
    place.char_indices().find(ends).map_or(place, |(at, c)| &place[..at + c.len_utf8()])
}

/// The last group of spans that are joined by commas, "and" or "or".
pub(crate) fn last_group(text: &str, spans: &[Span]) -> Option<Range<usize>> {
    let (last, before) = spans.split_last()?;
    let mut start = last.outer.start;
    for span in before.iter().rev() {
        if !joins_spans(&text[span.outer.end..start]) {
            break;
        }
        start = span.outer.start;
    }
    Some(start..last.outer.end)
}

/// The group of spans at the start of a text.
pub(crate) fn first_group(text: &str, spans: &[Span]) -> Option<Range<usize>> {
    let (first, rest) = spans.split_first()?;
    let mut end = first.outer.end;
    for span in rest {
        if !joins_spans(&text[end..span.outer.start]) {
            break;
        }
        end = span.outer.end;
    }
    Some(first.outer.start..end)
}

fn joins_spans(between: &str) -> bool {
    matches!(
        between.trim(),
        "," | ";" | "and" | "or" | ", and" | ", or" | "、" | "和" | "或" | "及"
    ) || (!between.is_empty() && between.trim_matches([' ', '\n']).is_empty())
}

/// A group of spans as one answer, with the per cent sign behind it.
pub(crate) fn group_text(text: &str, group: &Range<usize>) -> String {
    let inner = clean::undelimited(&text[group.clone()]);
    let mut answer = spans::last_row(clean::unwrap(&inner));
    let after = text[group.end..].trim_start_matches(' ');
    if after.starts_with('%') || after.starts_with(r"\%") || after.starts_with("percent") {
        answer.push_str(r"\%");
    }
    answer
}

/// Whether maths is a name and no value: `x`, `f(x)`, `ABCD`, `(x, y)`.
pub(crate) fn is_bare_name(maths: &str) -> bool {
    let values = ["pi", "infty", "emptyset", "varnothing", "mathbb", "frac", "sqrt", "pm"];
    let plain = |c: char| c.is_alphabetic() || matches!(c, '\\' | '_' | '\'' | '{' | '}' | ' ');
    maths.chars().all(|c| plain(c) || matches!(c, '(' | ')' | ','))
        && maths.contains(char::is_alphabetic)
        && !hidden::commands(maths).any(|(_, name)| values.contains(&name) || is_text_command(name))
}

/// The value that a text begins with: what stands before its first word, and where it ends.
pub(crate) fn leading_value(text: &str) -> Option<(Cow<'_, str>, usize)> {
    let spans = spans::spans(text);
    if let Some(group) = first_group(text, &spans)
        && trim(&text[..group.start]).is_empty()
    {
        return Some((Cow::Owned(group_text(text, &group)), group.end));
    }
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let c = rest.chars().next()?;
        if c == '\\' {
            let len = rest[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
            at += (1 + len).max(1 + rest[1..].chars().next().map_or(0, char::len_utf8));
            continue;
        }
        if c == '\n' || c == '?' {
            break;
        }
        if c.is_alphabetic() {
            let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
            let word = &rest[..end];
            let long = word.chars().nth(1).is_some() || !word.is_ascii();
            if long && !matches!(word, "and" | "or" | "sqrt" | "pi" | "sin" | "cos" | "tan") {
                break;
            }
            at += end;
            continue;
        }
        at += c.len_utf8();
    }
    let mut value = &text[..at];
    // A remark in brackets that begins with a number is no part of it.
    if let Some(remark) = value.rfind('(').filter(|open| !value[*open..].contains(')')) {
        value = &value[..remark];
        at = remark;
    }
    let value = clean::unwrap(value).trim_end_matches([' ', ',', '-', '–', '—']);
    (!value.is_empty()).then_some((Cow::Borrowed(value), at))
}

/// What the last sentence of a text states, and where that begins: the part behind its last "is",
/// "are", "equals" or colon, or behind a "therefore" that leads it.
pub(crate) fn last_statement(text: &str) -> Option<(&str, usize)> {
    const STATES: [&str; 9] =
        [" is ", " are ", " equals ", " becomes ", " get ", " gives ", " be ", ": ", "："];
    const LEADS: [&str; 11] = [
        "therefore,",
        "therefore",
        "thus,",
        "thus",
        "hence,",
        "hence",
        "so,",
        "so",
        "then",
        "因此，",
        "所以，",
    ];
    let end = text.trim_end().len();
    let from = end.saturating_sub(PLACE_BYTES);
    let from = (from..=end).find(|&at| text.is_char_boundary(at))?;
    let tail = text[from..end].trim_end_matches(['.', '。', '!']);
    let start = tail
        .match_indices(['.', '!', '?', '\n', '。', '！', '？', '\u{1e}'])
        .rfind(|(at, mark)| *mark != "." || tail[at + 1..].starts_with(char::is_whitespace))
        .map_or(0, |(at, mark)| at + mark.len());
    let sentence = &tail[start..];
    let stated = STATES.iter().filter_map(|s| Some(sentence.rfind(s)? + s.len())).max();
    let statement = match stated {
        Some(at) => &sentence[at..],
        None => LEADS.iter().find_map(|lead| without_word(sentence.trim_start(), lead))?,
    };
    let statement = without_fillers(statement);
    let word: String = statement.chars().take_while(char::is_ascii_lowercase).collect();
    let prose = word.len() > 1
        && !["sin", "cos", "tan", "log", "ln", "exp", "sqrt", "pi"].contains(&word.as_str());
    (!prose).then(|| (statement, from + start + sentence.len() - statement.len()))
}

/// A statement without words that add nothing to its value: "at (3, 4)", "exactly 5".
fn without_fillers(statement: &str) -> &str {
    const FILLERS: [&str; 13] = [
        "at",
        "exactly",
        "only",
        "just",
        "precisely",
        "simply",
        "equal to",
        "given by",
        "thus",
        "therefore",
        "then",
        "also",
        "now",
    ];
    let mut statement = statement.trim_start();
    while let Some(rest) = FILLERS.iter().find_map(|filler| without_word(statement, filler)) {
        statement = rest;
    }
    statement
}

/// The text behind a word that it begins with.
fn without_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let head = text.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word))?;
    let rest = &text[head.len()..];
    (!rest.starts_with(char::is_alphanumeric)).then(|| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_ends_at_its_full_stop() {
        for (text, expected) in [
            ("24. I hope", "24."),
            ("\n\n$1.5$ is it\n\nand", "$1.5$ is it"),
            ("3.5 cm.", "3.5 cm."),
            ("two, i.e. 2. So", "two, i.e. 2."),
            ("42\nmore", "42\n"),
            ("$5. I hope", "$5."),
            ("$x. y$ is", "$x. y$ is"),
            ("是42。因为", "是42。"),
            ("", ""),
        ] {
            assert_eq!(first_sentence(place(text)), expected, "{text}");
        }
        assert_eq!(place(&"é".repeat(5000)).len(), PLACE_BYTES);
    }

    #[test]
    fn a_text_may_begin_with_its_value() {
        for (text, expected) in [
            ("42, since 6*7=42", Some("42")),
            ("12 apples", Some("12")),
            ("12 (3 groups of 4)", Some("12")),
            ("5 or 6", Some("5 or 6")),
            ("$x=5$ and so on", Some("x=5")),
            ("$1$ and $2$.", Some("1  and  2")),
            ("$28$% of all", Some(r"28\%")),
            (r"\frac12 of it", Some(r"\frac12")),
            ("not 6", None),
            ("", None),
        ] {
            let value = leading_value(text).map(|(value, _)| value.trim().to_owned());
            assert_eq!(value.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_sentence_states_what_something_is() {
        for (text, expected) in [
            ("The distance is 3√2.", Some("3√2")),
            ("It is 5. The point is (2, 3).", Some("(2, 3)")),
            ("So x: 3.5", Some("3.5")),
            ("The sum of it is what is 5 + 6.\n", Some("5 + 6")),
            ("no statement", None),
            ("The vertex is at (3, 4).", Some("(3, 4)")),
            ("Therefore x = 2 and y = -3.", Some("x = 2 and y = -3")),
            ("so it is in the box", None),
            ("", None),
        ] {
            assert_eq!(last_statement(text).map(|(text, _)| text), expected, "{text}");
        }
    }

    #[test]
    fn names_are_no_values() {
        for name in ["x", "f(x)", "ABCD", r"\theta", "(x, y)", "a_n"] {
            assert!(is_bare_name(name), "{name}");
        }
        for value in ["5", "x=5", r"\pi", r"\text{Friday}", r"\frac{a}{b}", "x+1", ""] {
            assert!(!is_bare_name(value), "{value}");
        }
    }
}
