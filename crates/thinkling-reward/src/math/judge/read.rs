//! A text as an answer, with what the parser leaves to the text around.

use std::borrow::Cow;

use super::super::expr::{Answer, RelationOp, SetOp};
use super::super::extract::clean;
use super::super::limits::Budget;
use super::super::parse::{ParseError, parse};

/// Reads an answer between or without delimiters.
///
/// Conditions that are joined by "or" are a union; those that are joined otherwise stay a list.
pub(in crate::math) fn read(text: &str, budget: &mut Budget<'_>) -> Result<Answer, ParseError> {
    let text = clean::single_backslashes(text);
    let text = clean::undelimited(&text);
    let text = without_emphasis(&text);
    let answer = parse(&with_condition(&text), budget)?;
    match answer {
        Answer::List(items) if is_disjunction(&text) && items.iter().all(is_condition) => {
            Ok(Answer::SetOperation { op: SetOp::Union, operands: items })
        }
        answer => Ok(answer),
    }
}

/// Whether "or" joins parts of a text.
pub(super) fn is_disjunction(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphabetic());
    text.contains(['∨', '或'])
        || words.any(|word| matches!(word, "or" | "OR" | "Or" | "lor" | "vee"))
}

fn is_condition(answer: &Answer) -> bool {
    let ordered = |op: &RelationOp| {
        matches!(
            op,
            RelationOp::Less
                | RelationOp::LessEqual
                | RelationOp::Greater
                | RelationOp::GreaterEqual
        )
    };
    matches!(answer, Answer::Relation { ops, .. } if ops.iter().any(ordered))
}

/// Maths without the emphasis on parts of it: `3 × 4 = **12**`. Two stars between operands are a
/// power.
fn without_emphasis(text: &str) -> Cow<'_, str> {
    let pieces: Vec<&str> = text.split("**").collect();
    if pieces.len() < 3 || pieces.len().is_multiple_of(2) {
        return Cow::Borrowed(text);
    }
    let glued = |c: char| c.is_alphanumeric() || c == ')';
    // Outside stand the pieces at even places.
    let outside = pieces.iter().step_by(2);
    let last = pieces.len() / 2;
    let emphasis = outside.enumerate().all(|(i, piece)| {
        (i == last || !piece.ends_with(glued))
            && (i == 0 || !piece.starts_with(|c: char| c.is_alphanumeric() || c == '('))
    });
    if emphasis { Cow::Owned(pieces.concat()) } else { Cow::Borrowed(text) }
}

/// A condition in brackets at the end as one behind a comma: `2k\pi (k \in \mathbb{Z})`.
fn with_condition(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.trim_end().strip_suffix([')', '）']) else { return text.into() };
    let inner = inner.strip_suffix(r"\right").unwrap_or(inner);
    let Some((value, condition)) = inner.rsplit_once(['(', '（']) else { return text.into() };
    let is_condition =
        condition.contains(r"\in ") || condition.contains(r"\in\") || condition.contains('∈');
    // An open bracket more, and this one was part of the value.
    if !is_condition
        || value.trim().is_empty()
        || value.matches('(').count() != value.matches(')').count()
    {
        return text.into();
    }
    let value = value.trim_end();
    let value = value.strip_suffix(r"\left").unwrap_or(value).trim_end();
    format!("{}, {condition}", value.trim_end_matches([',', '，'])).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emphasis_on_parts_is_dropped_and_powers_are_kept() {
        for (text, expected) in [
            ("3 × 4 = **12**", "3 × 4 = 12"),
            ("**1**, **2**", "1, 2"),
            ("x**2 + y**2", "x**2 + y**2"),
            ("2**3", "2**3"),
            ("", ""),
        ] {
            assert_eq!(without_emphasis(text), expected);
        }
    }

    #[test]
    fn a_condition_in_brackets_stands_behind_a_comma() {
        for (text, expected) in [
            (r"2k\pi (k\in\mathbb{Z})", r"2k\pi, k\in\mathbb{Z}"),
            (r"x, (x \in A)", r"x, x \in A"),
            (r"x \left(x\in A\right)", r"x, x\in A"),
            ("(1,2)", "(1,2)"),
            (r"(x \in A)", r"(x \in A)"),
        ] {
            assert_eq!(with_condition(text), expected);
        }
        assert!(is_disjunction(r"x<1 \text{ or } x>2") && is_disjunction("x<1 或 x>2"));
        assert!(!is_disjunction("for x<1"));
    }
}
