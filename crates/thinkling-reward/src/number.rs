//! Exact integers and decimals: reading one, finding them in text, comparing with the gold.
//!
//! The accuracy rule of arXiv 2501.12948v1, section 2.2.2, for problems whose result is one
//! number: the answer must hold exactly one, and it must have the value of the gold. Values are
//! exact rationals, so `3.50` is `3.5` and `0.1` is no binary approximation.
//!
//! What a number is: ASCII digits, thousands commas in proper groups (`1,234`, not `1,23`), a
//! decimal point, a sign (`+`, `-`, U+2212 or U+FF0D). What it is not: part of a word (`42x`,
//! `1e5`), a version (`1.2.3`), a multiple (`42 million`, `42万`), or an operand (`2^3`, `6!`,
//! `√9`): such an answer is unverifiable and earns nothing. Fractions are two numbers. Currency
//! signs, per cent signs and units in words of their own do not count (`$18`, `72 clips`).

mod scan;

use num_bigint::{BigInt, Sign};
use num_rational::BigRational;
use num_traits::Pow;

use crate::record::{Judgement, Reason};
use crate::script::is_bidi_control;
pub(crate) use scan::is_minus;
pub use scan::{NumberSpan, numbers};

/// Digits of a number at most; a longer one is refused before any arithmetic.
pub const MAX_DIGITS: usize = 1000;

/// Why a text is not one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NumberError {
    /// The text is blank.
    #[error("blank number, expected: digits")]
    Blank,
    /// A character that has no place there.
    #[error("unreadable number, expected: sign, digits, thousands commas, point, got: {got:?}")]
    Unexpected {
        /// The character.
        got: char,
    },
    /// The text has no digit, or ends at its point or comma.
    #[error("unreadable number, expected: a digit, got: the end")]
    NoDigit,
    /// Thousands commas not every three digits.
    #[error("improper thousands groups, expected: 1 to 3 digits, then groups of 3")]
    Grouping,
    /// More than [`MAX_DIGITS`] digits.
    #[error("number too long, expected: at most {MAX_DIGITS} digits, got: {digits}")]
    TooLong {
        /// How many there are.
        digits: usize,
    },
}

/// Reads a text that is one number: `-12`, `+3.50`, `1,234`, `.5`; outer white space and one
/// full stop at the end are allowed.
///
/// # Errors
/// See [`NumberError`].
///
/// ```
/// use thinkling_reward::number::parse_number;
///
/// assert_eq!(parse_number(" 1,234.50. ")?, parse_number("+1234.5")?);
/// assert!(parse_number("12,34").is_err());
/// # Ok::<(), thinkling_reward::number::NumberError>(())
/// ```
pub fn parse_number(text: &str) -> Result<BigRational, NumberError> {
    let text = text.trim();
    let text = match text.strip_suffix('.') {
        Some(rest) if rest.ends_with(|c: char| c.is_ascii_digit()) => rest,
        _ => text,
    };
    let first = text.chars().next().ok_or(NumberError::Blank)?;
    let negative = is_minus(first);
    let unsigned = if negative || first == '+' { &text[first.len_utf8()..] } else { text };
    parse_unsigned(unsigned, negative)
}

/// Reads digits with thousands commas and a point.
fn parse_unsigned(text: &str, negative: bool) -> Result<BigRational, NumberError> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return Err(NumberError::NoDigit),
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(NumberError::NoDigit);
    }
    let foreign = |c: &char| !c.is_ascii_digit();
    if let Some(got) = fraction.chars().find(foreign) {
        return Err(NumberError::Unexpected { got });
    }
    if let Some(got) = whole.chars().filter(|&c| c != ',').find(foreign) {
        return Err(NumberError::Unexpected { got });
    }
    if let Some((first, groups)) = whole.split_once(',') {
        let proper = (1..=3).contains(&first.len())
            && !first.starts_with('0')
            && groups.split(',').all(|group| group.len() == 3);
        if !proper {
            return Err(NumberError::Grouping);
        }
    }
    let digits: Vec<u8> =
        whole.bytes().filter(|&b| b != b',').chain(fraction.bytes()).map(|b| b - b'0').collect();
    if digits.len() > MAX_DIGITS {
        return Err(NumberError::TooLong { digits: digits.len() });
    }
    let sign = if negative { Sign::Minus } else { Sign::Plus };
    let numerator = BigInt::from_radix_be(sign, &digits, 10).ok_or(NumberError::NoDigit)?;
    Ok(BigRational::new(numerator, BigInt::from(10).pow(fraction.len())))
}

/// The verdict on an answer block, which must hold exactly one number, of the value `gold`.
pub fn judge_block(block: &str, gold: &BigRational) -> Judgement {
    let mut found = numbers(block);
    let Some(span) = found.next() else {
        return Judgement::unverifiable(Reason::NoNumber);
    };
    if found.next().is_some() {
        return Judgement::unverifiable(Reason::SeveralNumbers).with_extracted(block.trim());
    }
    if !span.is_well_formed() || has_foreign_markup(block) || !span.stands_alone(block) {
        return Judgement::unverifiable(Reason::NotAPlainNumber).with_extracted(block.trim());
    }
    judge_span(block, span, gold)
}

/// The verdict on the last number of `text`. With `alone`, it must not be an operand either.
pub fn judge_last(text: &str, gold: &BigRational, alone: bool) -> Judgement {
    let Some(span) = numbers(text).last() else {
        return Judgement::unverifiable(Reason::NoNumber);
    };
    if alone && !span.stands_alone(text) {
        return Judgement::unverifiable(Reason::NotAPlainNumber).with_extracted(span.text(text));
    }
    judge_span(text, span, gold)
}

fn judge_span(text: &str, span: NumberSpan, gold: &BigRational) -> Judgement {
    let judgement = match span.value(text) {
        Ok(Some(value)) => Judgement::exact(value == *gold, "another value than the gold"),
        Ok(None) => Judgement::unverifiable(Reason::NotAPlainNumber),
        Err(NumberError::TooLong { .. }) => Judgement::unverifiable(Reason::TooLarge),
        Err(_) => Judgement::unverifiable(Reason::NotAPlainNumber),
    };
    judgement.with_extracted(span.text(text))
}

/// Whether a block holds commands that may hide or change a number, or marks that show text in
/// another order than it is held. A box and wrappers of plain text are let through.
fn has_foreign_markup(block: &str) -> bool {
    const PLAIN: [&str; 6] = ["boxed", "fbox", "text", "textbf", "mathbf", "mathrm"];
    if block.chars().any(is_bidi_control) {
        return true;
    }
    block.match_indices('\\').any(|(at, _)| {
        let rest = &block[at + 1..];
        let name = rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or("");
        match rest.chars().next() {
            Some('$' | '(' | ')' | '[' | ']' | ',' | ' ' | '%') => false,
            _ => !PLAIN.contains(&name),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Verdict;

    fn ratio(numerator: i64, denominator: i64) -> BigRational {
        BigRational::new(numerator.into(), denominator.into())
    }

    fn verdict(block: &str, gold: &str) -> Verdict {
        judge_block(block, &parse_number(gold).unwrap()).verdict
    }

    #[test]
    fn plain_numbers_have_their_exact_value() {
        for (text, value) in [
            ("-12", ratio(-12, 1)),
            ("+3.50", ratio(7, 2)),
            ("1,234", ratio(1234, 1)),
            ("12,345,678.25.", ratio(49_382_713, 4)),
            (" \n42. ", ratio(42, 1)),
            ("\u{2212}0.125", ratio(-1, 8)),
            (".5", ratio(1, 2)),
            ("007", ratio(7, 1)),
            ("-0", ratio(0, 1)),
        ] {
            assert_eq!(parse_number(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_number_is_refused_with_the_reason() {
        use NumberError::*;
        for (text, error) in [
            ("", Blank),
            (" \t", Blank),
            ("-", NoDigit),
            (".", NoDigit),
            ("-.", NoDigit),
            ("5..", Unexpected { got: '.' }),
            ("12,34", Grouping),
            ("1234,567", Grouping),
            ("0,123", Grouping),
            (",123", Grouping),
            ("1,,234", Grouping),
            ("1.234,5", Unexpected { got: ',' }),
            ("1.2.3", Unexpected { got: '.' }),
            ("--5", Unexpected { got: '-' }),
            ("$5", Unexpected { got: '$' }),
            ("5 6", Unexpected { got: ' ' }),
            ("1/2", Unexpected { got: '/' }),
            ("１２", Unexpected { got: '１' }),
            ("1e5", Unexpected { got: 'e' }),
        ] {
            assert_eq!(parse_number(text), Err(error), "{text:?}");
        }
        let long = "1".repeat(MAX_DIGITS + 1);
        assert_eq!(parse_number(&long), Err(TooLong { digits: MAX_DIGITS + 1 }));
        assert!(parse_number(&long[1..]).is_ok());
    }

    #[test]
    fn one_number_in_the_block_is_compared_by_value() {
        for (block, gold) in [
            ("42", "42"),
            (" The answer is 42. ", "42"),
            ("x = 42", "42.0"),
            ("$1,250.00", "1250"),
            ("-$18", "-18"),
            ("$-18", "-18"),
            ("\\boxed{42}", "42"),
            ("**42 clips**", "42"),
            ("**42**.", "42"),
            ("答案是42。", "42"),
            ("共42个", "42"),
            ("\u{2212}7", "-7"),
            ("- 7", "-7"),
            ("answer: -7", "-7"),
            ("60%", "60"),
            ("(42)", "42"),
            ("0.50", ".5"),
        ] {
            assert_eq!(verdict(block, gold), Verdict::Correct, "{block}");
        }
    }

    #[test]
    fn another_value_is_wrong() {
        for (block, gold) in [
            ("42", "43"),
            ("9007199254740992", "9007199254740993"),
            ("3.1", "3.14"),
            ("500", "5"),
            ("-6", "6"),
            ("112", "12"),
        ] {
            assert_eq!(verdict(block, gold), Verdict::Wrong, "{block}");
        }
    }

    #[test]
    fn a_block_without_exactly_one_plain_number_is_unverifiable() {
        for (block, reason) in [
            ("", Reason::NoNumber),
            ("see above", Reason::NoNumber),
            ("\u{FF14}\u{FF12}", Reason::NoNumber),
            ("1/2", Reason::SeveralNumbers),
            ("5 or 42", Reason::SeveralNumbers),
            ("1,2,42", Reason::SeveralNumbers),
            ("19 + 23 = 42", Reason::SeveralNumbers),
            ("42 42", Reason::SeveralNumbers),
            ("4\u{200B}2", Reason::SeveralNumbers),
            ("42x", Reason::NotAPlainNumber),
            ("x42", Reason::NotAPlainNumber),
            ("1e5", Reason::SeveralNumbers),
            ("5e", Reason::NotAPlainNumber),
            ("1.2.3", Reason::NotAPlainNumber),
            ("42!", Reason::NotAPlainNumber),
            ("42 !", Reason::NotAPlainNumber),
            ("√42", Reason::NotAPlainNumber),
            ("≠ 42", Reason::NotAPlainNumber),
            ("±42", Reason::NotAPlainNumber),
            ("--42", Reason::NotAPlainNumber),
            ("x - 42", Reason::NotAPlainNumber),
            ("42^x", Reason::NotAPlainNumber),
            ("42²", Reason::NotAPlainNumber),
            ("42 million", Reason::NotAPlainNumber),
            ("42万", Reason::NotAPlainNumber),
            ("42 万", Reason::NotAPlainNumber),
            ("\\sqrt{42}", Reason::NotAPlainNumber),
            ("\\label{42}", Reason::NotAPlainNumber),
            ("\u{202E}42\u{202C}", Reason::NotAPlainNumber),
        ] {
            assert_eq!(verdict(block, "42"), Verdict::Unverifiable { reason }, "{block}");
        }
        let long = "9".repeat(MAX_DIGITS + 1);
        let expected = Verdict::Unverifiable { reason: Reason::TooLarge };
        assert_eq!(verdict(&long, "42"), expected);
    }

    #[test]
    fn the_last_number_counts_wherever_it_stands() {
        let gold = ratio(45, 1);
        for text in ["37+8=45", "37+8=45, so 45.", "1,2,45", "12,345,45", "6-2=4 -> 45!"] {
            assert_eq!(judge_last(text, &gold, false).verdict, Verdict::Correct, "{text}");
        }
        for text in ["45-8=37", "-45", "45, 45x", "145", "so 0.45"] {
            assert_ne!(judge_last(text, &gold, false).verdict, Verdict::Correct, "{text}");
        }
        assert_ne!(judge_last("37+45", &gold, true).verdict, Verdict::Correct);
        assert_eq!(judge_last("90-45", &gold, false).verdict, Verdict::Correct);
    }

    #[test]
    fn a_megabyte_of_anything_is_answered() {
        let gold = ratio(42, 1);
        for unit in ["1", "1,", "1 ", "1.", ",", "-", "- ", "$", "1,111,", " ", "*", "1*"] {
            let text = unit.repeat(1_000_000 / unit.len());
            assert_ne!(judge_block(&text, &gold).verdict, Verdict::Correct);
            assert_ne!(judge_last(&text, &gold, true).verdict, Verdict::Correct);
        }
    }
}
