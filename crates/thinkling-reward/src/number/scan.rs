//! Finds the numbers of a text, in one pass.

use num_rational::BigRational;

use super::{NumberError, parse_unsigned};
use crate::script::is_unspaced;

/// A number in a text, or a run of digits that is none by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberSpan {
    /// First byte, the sign included.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
    /// Where the digits (or the leading point) start.
    digits: usize,
    negative: bool,
    well_formed: bool,
}

impl NumberSpan {
    /// The number as written.
    pub fn text<'a>(&self, text: &'a str) -> &'a str {
        &text[self.start..self.end]
    }

    /// Whether the digits are a number by themselves and not part of something else.
    pub fn is_well_formed(&self) -> bool {
        self.well_formed
    }

    /// The exact value, or nothing where the digits belong to something else.
    ///
    /// # Errors
    /// Where there are too many digits.
    pub fn value(&self, text: &str) -> Result<Option<BigRational>, NumberError> {
        if !self.well_formed {
            return Ok(None);
        }
        parse_unsigned(&text[self.digits..self.end], self.negative).map(Some)
    }

    /// Whether the number is no operand: no operator or relation other than `=` or `:` next to it.
    pub fn stands_alone(&self, text: &str) -> bool {
        let before = text[..self.start].trim_end_matches(|c: char| c == ' ' || is_wrapper(c));
        let after = text[self.end..].trim_start_matches(' ');
        let operator_before = match before.chars().next_back() {
            Some('*') => !is_emphasis(before.bytes().rev()),
            Some(c) => is_sign(c) || "–/^×÷·√∛±∓≠≈~∼<>≤≥¬|".contains(c),
            None => false,
        };
        let operator_after = match after.chars().next() {
            Some('*') => !is_emphasis(after.bytes()),
            Some(c) => is_sign(c) || "–/^×÷·!！<>≤≥±|".contains(c),
            None => false,
        };
        !operator_before && !operator_after
    }
}

/// `**` or `***`, as Markdown sets bold text.
fn is_emphasis(bytes: impl Iterator<Item = u8>) -> bool {
    matches!(bytes.take(4).take_while(|&b| b == b'*').count(), 2 | 3)
}

/// Opening marks that may stand between a sign or operator and its number.
fn is_wrapper(c: char) -> bool {
    is_currency(c) || matches!(c, '(' | '[' | '{' | '"' | '\'' | '\u{201C}')
}

fn is_currency(c: char) -> bool {
    matches!(c, '$' | '€' | '£' | '¥' | '￥')
}

/// Minus signs: ASCII, U+2212, and the full-width one.
pub(crate) fn is_minus(c: char) -> bool {
    matches!(c, '-' | '\u{2212}' | '\u{FF0D}')
}

fn is_sign(c: char) -> bool {
    c == '+' || is_minus(c)
}

/// Whether digits touching `c` are part of a longer word.
fn glues(c: char) -> bool {
    c == '_' || (c.is_alphanumeric() && !is_unspaced(c))
}

/// The numbers of `text` from left to right, in time linear in the text.
///
/// Commas join digits only where all groups are proper; otherwise they part a list:
/// `45,45` is two numbers.
pub fn numbers(text: &str) -> impl Iterator<Item = NumberSpan> + '_ {
    Numbers { text, at: 0, listed_until: 0 }
}

struct Numbers<'a> {
    text: &'a str,
    at: usize,
    /// Commas before this byte part a list.
    listed_until: usize,
}

impl Iterator for Numbers<'_> {
    type Item = NumberSpan;

    fn next(&mut self) -> Option<NumberSpan> {
        let bytes = self.text.as_bytes();
        let first = self.at + bytes[self.at..].iter().position(u8::is_ascii_digit)?;
        let follows_comma = self.at > 0 && first == self.at + 1 && bytes[self.at] == b',';
        let whole_end = self.whole_end(first, follows_comma);
        let (mut end, mut well_formed) = (fraction_end(bytes, whole_end), true);
        let mut next_part = fraction_end(bytes, end);
        while end > whole_end && next_part > end {
            (end, well_formed) = (next_part, false);
            next_part = fraction_end(bytes, end);
        }
        self.at = end;
        let after = &self.text[end..];
        well_formed &= !after.starts_with(glues) && !is_multiplied(after);

        let digits = self.leading_point(first, end > whole_end).unwrap_or_else(|| {
            well_formed = false;
            first
        });
        let sign = read_sign(&self.text[..digits]);
        let (start, negative) = match sign {
            Sign::Of { at, negative } => (at, negative),
            Sign::None => (digits, false),
            Sign::Part => {
                well_formed = false;
                (digits, false)
            }
        };
        Some(NumberSpan { start, end, digits, negative, well_formed })
    }
}

impl Numbers<'_> {
    /// The end of the integer part: one run of digits, or properly grouped runs.
    fn whole_end(&mut self, first: usize, follows_comma: bool) -> usize {
        let bytes = self.text.as_bytes();
        let run = digits_end(bytes, first);
        if first < self.listed_until {
            return run;
        }
        let mut proper = run - first <= 3 && bytes[first] != b'0' && !follows_comma;
        let mut end = run;
        while bytes.get(end) == Some(&b',') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            let group = digits_end(bytes, end + 1);
            proper &= group - end == 4;
            end = group;
        }
        if proper {
            return end;
        }
        self.listed_until = end;
        run
    }

    /// Where the number starts with its leading point, if it has one. Nothing where the point
    /// before the digits is neither a decimal point nor an ellipsis.
    fn leading_point(&self, first: usize, has_fraction: bool) -> Option<usize> {
        let Some(before) = self.text[..first].strip_suffix('.') else {
            return Some(first);
        };
        match before.chars().next_back() {
            Some('.') => Some(first),
            Some(c)
                if !(c.is_whitespace() || is_sign(c) || is_wrapper(c) || "=:：".contains(c)) =>
            {
                None
            }
            _ if has_fraction => None,
            _ => Some(first - 1),
        }
    }
}

fn digits_end(bytes: &[u8], start: usize) -> usize {
    start + bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count()
}

/// The end of `.digits` at `at`, or `at` where there is none.
fn fraction_end(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at) == Some(&b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
        digits_end(bytes, at + 1)
    } else {
        at
    }
}

/// Whether the number is followed by a word that multiplies it.
fn is_multiplied(after: &str) -> bool {
    const WORDS: [&str; 6] = ["hundred", "thousand", "million", "billion", "trillion", "dozen"];
    let after = after.trim_start_matches(' ');
    if after.starts_with(['十', '百', '千', '万', '萬', '亿', '億', '兆']) {
        return true;
    }
    let len = after.bytes().take(9).take_while(u8::is_ascii_alphabetic).count();
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(&after[..len]))
}

/// What stands before the digits.
enum Sign {
    None,
    Of {
        at: usize,
        negative: bool,
    },
    /// The digits end a word, or follow a run of operators.
    Part,
}

/// Reads the sign at the end of `before`: attached (`-6`), before a currency sign (`-$6`), or
/// parted by blanks where nothing can stand left of it (`= - 6`).
fn read_sign(before: &str) -> Sign {
    let (inner, mark) = match before.chars().next_back() {
        Some(c) if is_currency(c) => (&before[..before.len() - c.len_utf8()], true),
        _ => (before, false),
    };
    let parted = inner.trim_end_matches([' ', '\t']);
    let Some(c) = parted.chars().next_back() else {
        return Sign::None;
    };
    let attached = parted.len() == inner.len();
    if !is_sign(c) {
        return if attached && !mark && glues(c) { Sign::Part } else { Sign::None };
    }
    let at = parted.len() - c.len_utf8();
    let left = &parted[..at];
    let sign = Sign::Of { at, negative: is_minus(c) };
    let Some(operand) = left.trim_end_matches([' ', '\t']).chars().next_back() else {
        return sign;
    };
    if operand.is_ascii_digit() || ")]}".contains(operand) {
        return Sign::None;
    }
    if !attached {
        return if "\n\r=:：".contains(operand) { sign } else { Sign::None };
    }
    match left.chars().next_back() {
        Some(c) if glues(c) || is_sign(c) || "*/^×÷·√±".contains(c) => Sign::Part,
        _ => sign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each number as written, with `?` after those that are none by themselves.
    fn found(text: &str) -> Vec<String> {
        numbers(text)
            .map(|span| match span.value(text) {
                Ok(Some(_)) => span.text(text).to_owned(),
                _ => format!("{}?", span.text(text)),
            })
            .collect()
    }

    #[test]
    fn commas_join_proper_groups_and_part_lists() {
        assert_eq!(found("1,234,567.8"), ["1,234,567.8"]);
        assert_eq!(found("37,45,100"), ["37", "45", "100"]);
        assert_eq!(found("1,23,456"), ["1", "23", "456"]);
        assert_eq!(found("1.5,300,400"), ["1.5", "300", "400"]);
        assert_eq!(found("1234,567"), ["1234", "567"]);
        assert_eq!(found("5, 1,000"), ["5", "1,000"]);
        assert_eq!(found("5,100"), ["5,100"]);
    }

    #[test]
    fn a_minus_between_operands_is_no_sign() {
        assert_eq!(found("5-6"), ["5", "6"]);
        assert_eq!(found("5 -6"), ["5", "6"]);
        assert_eq!(found("(5)-6"), ["5", "6"]);
        assert_eq!(found("=-6 and (-7), +8"), ["-6", "-7", "+8"]);
        assert_eq!(found("is - 6"), ["6"]);
        assert_eq!(found("= - 6"), ["- 6"]);
        assert_eq!(found("-$6.50"), ["-$6.50"]);
        assert_eq!(found("--6"), ["6?"]);
        assert_eq!(found("top-6"), ["6?"]);
    }

    #[test]
    fn digits_in_words_are_no_numbers() {
        assert_eq!(found("a1 2b 3_ 4.5.6 v1.2"), ["1?", "2?", "3?", "4.5.6?", "1.2?"]);
        assert_eq!(found("½ ２ 7½"), ["7?"]);
    }

    #[test]
    fn points_end_sentences_and_start_fractions() {
        assert_eq!(found("is 5. And .5, ...7, -.25"), ["5", ".5", "7", "-.25"]);
        assert_eq!(found("end.5"), ["5?"]);
    }
}
