//! The countdown task: reach a target with each given number used exactly once.
//!
//! An accuracy rule in the sense of arXiv 2501.12948v1, section 2.2.2: the answer is checked, not
//! compared, for many expressions are right. The answer is one [`Expr`], or `expr = value` where
//! the value is the target too. It must use every given number exactly once (as often as it is
//! given) and nothing else, and have the target as its exact value; intermediate results may be
//! negative or fractions. There is no unary sign, no implicit product, no joining of digits: a
//! literal is compared with the given numbers as a whole.

mod expr;

use num_bigint::BigInt;
use num_rational::BigRational;

pub use expr::{Expr, ExprError, MAX_DEPTH, MAX_LITERALS, Op, parse_expr};

use crate::number::{numbers, parse_number};
use crate::record::{Judgement, Reason};

/// Given numbers of a problem at most.
pub const MAX_NUMBERS: usize = 32;

/// A countdown problem, checked once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// Sorted.
    numbers: Vec<u64>,
    target: BigRational,
}

/// Why numbers and target are no countdown problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GoalError {
    /// No number is given, or more than [`MAX_NUMBERS`].
    #[error("unusable countdown numbers, expected: 1 to {MAX_NUMBERS}, got: {got}")]
    Count {
        /// How many are given.
        got: usize,
    },
    /// A given number is negative: no expression can name it.
    #[error("unusable countdown number, expected: 0 or more, got: {got}")]
    Negative {
        /// The number.
        got: i64,
    },
    /// The target is no number.
    #[error("unreadable countdown target {got:?}")]
    Target {
        /// The target as given.
        got: String,
        /// What is wrong with it.
        source: crate::number::NumberError,
    },
}

impl Goal {
    /// Checks the numbers and reads the target, an integer or decimal.
    ///
    /// # Errors
    /// See [`GoalError`].
    pub fn new(numbers: &[i64], target: &str) -> Result<Self, GoalError> {
        if !(1..=MAX_NUMBERS).contains(&numbers.len()) {
            return Err(GoalError::Count { got: numbers.len() });
        }
        let mut sorted = numbers
            .iter()
            .map(|&n| u64::try_from(n).map_err(|_| GoalError::Negative { got: n }))
            .collect::<Result<Vec<_>, _>>()?;
        sorted.sort_unstable();
        let target = parse_number(target)
            .map_err(|source| GoalError::Target { got: target.to_owned(), source })?;
        Ok(Self { numbers: sorted, target })
    }

    /// Whether `expr` uses each given number exactly once and has the value of the target.
    pub fn check(&self, expr: &Expr) -> Judgement {
        let mut used = expr.literals();
        used.sort_unstable();
        if used != self.numbers {
            return Judgement::wrong("not each given number exactly once");
        }
        match expr.value() {
            Some(value) => Judgement::exact(value == self.target, "another value than the target"),
            None => Judgement::wrong("division by zero"),
        }
    }
}

/// The verdict on an answer block, which must hold one expression, or `expr = target`, and
/// nothing else but outer white space and one full stop at the end.
pub fn judge_block(block: &str, goal: &Goal) -> Judgement {
    let text = block.trim();
    if text.is_empty() {
        return Judgement::unverifiable(Reason::NoExpression);
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    let (left, right) = match text.split_once('=') {
        Some((left, right)) => (left, Some(right)),
        None => (text, None),
    };
    let judgement = match parse_expr(left) {
        Ok(expr) => match right.map(parse_number) {
            Some(Err(_)) => Judgement::unverifiable(Reason::BadExpression)
                .with_note("no number after the equals sign"),
            Some(Ok(value)) if value != goal.target => {
                Judgement::wrong("another value than the target after the equals sign")
            }
            _ => goal.check(&expr),
        },
        Err(error) => unreadable(error),
    };
    judgement.with_extracted(block.trim())
}

fn unreadable(error: ExprError) -> Judgement {
    let reason = match error {
        ExprError::TooDeep | ExprError::TooManyLiterals | ExprError::LiteralTooLarge => {
            Reason::TooLarge
        }
        _ => Reason::BadExpression,
    };
    Judgement::unverifiable(reason).with_note(error.to_string())
}

/// The verdict on the last expression of `text`, wherever it stands.
///
/// A candidate is a longest stretch of digits, operators, parentheses and blanks that parses,
/// once operators and unmatched parentheses at its ends are dropped (or, failing that, the last
/// part of it that parses, parted where a blank stands between two operands). It needs an
/// operator, except where only one number is given. Where an equals sign and a number follow,
/// that number must be the target too.
pub fn judge_last(text: &str, goal: &Goal) -> Judgement {
    let mut rest = text;
    while let Some((before, span, after)) = last_span(rest, text) {
        rest = before;
        if cuts_decimal(before, after) {
            continue;
        }
        let Some((trimmed, expr)) = last_expr(span, goal.numbers.len() == 1) else {
            continue;
        };
        let claimed = after.trim_start().strip_prefix('=').and_then(|claim| {
            let claim = claim.split(['\n', '=']).next().unwrap_or("");
            numbers(claim).next().and_then(|number| number.value(claim).ok().flatten())
        });
        let judgement = match claimed {
            Some(value) if value != goal.target => {
                Judgement::wrong("another value than the target after the equals sign")
            }
            _ => goal.check(&expr),
        };
        return judgement.with_extracted(trimmed);
    }
    Judgement::unverifiable(Reason::NoExpression)
}

fn is_expression_char(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '(' | ')' | ' ') || Op::from_char(c).is_some()
}

/// The last stretch of expression characters that holds a digit, in `rest`, which starts `text`:
/// what is before it, itself, and what follows it in `text`.
fn last_span<'a>(rest: &'a str, text: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let digit = rest.rfind(|c: char| c.is_ascii_digit())?;
    let end = rest[digit..]
        .find(|c: char| !is_expression_char(c))
        .map_or(rest.len(), |offset| digit + offset);
    let start = rest[..digit]
        .char_indices()
        .rev()
        .find(|&(_, c)| !is_expression_char(c))
        .map_or(0, |(at, c)| at + c.len_utf8());
    Some((&rest[..start], &rest[start..end], &text[end..]))
}

/// Whether a stretch between `before` and `after` starts or ends inside a decimal.
fn cuts_decimal(before: &str, after: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    before.strip_suffix('.').is_some_and(|whole| whole.ends_with(is_digit))
        || after.strip_prefix('.').is_some_and(|fraction| fraction.starts_with(is_digit))
}

/// The last expression of a stretch, and its text. With `bare`, a single number is one too.
fn last_expr(span: &str, bare: bool) -> Option<(&str, Expr)> {
    let parse =
        |part| parse_trimmed(part).filter(|(_, expr)| bare || matches!(expr, Expr::Binary(..)));
    if let Some(found) = parse(span) {
        return Some(found);
    }
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut last, mut blank) = (' ', false);
    for (at, c) in span.char_indices() {
        if c == ' ' {
            blank = true;
            continue;
        }
        if blank && (last.is_ascii_digit() || last == ')') && (c.is_ascii_digit() || c == '(') {
            parts.push(&span[start..at]);
            start = at;
        }
        (last, blank) = (c, false);
    }
    parts.push(&span[start..]);
    parts.into_iter().rev().find_map(parse)
}

/// Drops what cannot start or end an expression, then parses.
fn parse_trimmed(span: &str) -> Option<(&str, Expr)> {
    let loose = |c: char| c == ' ' || Op::from_char(c).is_some();
    let mut span = span
        .trim_start_matches(|c: char| loose(c) || c == ')')
        .trim_end_matches(|c: char| loose(c) || c == '(');
    let open = span.bytes().filter(|&b| b == b'(').count();
    let close = span.bytes().filter(|&b| b == b')').count();
    for _ in close..open {
        span = span.strip_prefix('(')?.trim_start_matches(' ');
    }
    for _ in open..close {
        span = span.strip_suffix(')')?.trim_end_matches(' ');
    }
    parse_expr(span).ok().map(|expr| (span, expr))
}

/// The exact value of an integer.
fn integer(value: u64) -> BigRational {
    BigRational::from_integer(BigInt::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Verdict;

    fn goal(numbers: &[i64], target: &str) -> Goal {
        Goal::new(numbers, target).unwrap()
    }

    fn block(text: &str) -> Verdict {
        judge_block(text, &goal(&[3, 8, 8, 3], "24")).verdict
    }

    fn last(text: &str) -> Verdict {
        judge_last(text, &goal(&[16, 15, 1], "30")).verdict
    }

    #[test]
    fn any_expression_that_reaches_the_target_is_correct() {
        for text in ["8/(3-8/3)", " 8 ÷ ( 3 − 8 / 3 ) = 24. ", "(8/(3-(8)/(3)))", "8/(3-8/3)=24.0"]
        {
            assert_eq!(block(text), Verdict::Correct, "{text}");
        }
        assert_eq!(judge_block("7", &goal(&[7], "7")).verdict, Verdict::Correct);
        assert_eq!(judge_block("3-5", &goal(&[3, 5], "-2")).verdict, Verdict::Correct);
        assert_eq!(judge_block("1÷8", &goal(&[8, 1], "0.125")).verdict, Verdict::Correct);
        assert_eq!(judge_block("2×3", &goal(&[2, 3], "6")).verdict, Verdict::Correct);
    }

    #[test]
    fn numbers_must_be_used_exactly_once() {
        for text in ["8*3", "3*8+(8-8)*3", "24", "8*3+8-8+3-3", "88-38-33", "38-8-3-3"] {
            assert_eq!(block(text), Verdict::Wrong, "{text}");
        }
    }

    #[test]
    fn value_is_exact_and_division_by_zero_is_wrong() {
        assert_eq!(block("8+8+3+3"), Verdict::Wrong);
        assert_eq!(block("3/(8-8)+3"), Verdict::Wrong);
        let third = goal(&[1, 3], "0.333333333333333333");
        assert_eq!(judge_block("1/3", &third).verdict, Verdict::Wrong);
    }

    #[test]
    fn a_false_claim_after_the_equals_sign_is_wrong() {
        assert_eq!(block("8/(3-8/3)=25"), Verdict::Wrong);
        assert_eq!(block("8+8+3+3=24"), Verdict::Wrong);
    }

    #[test]
    fn what_is_no_expression_is_unverifiable() {
        for text in
            ["so 8*3", "8/(3-8/3)=24=24", "24=8/(3-8/3)", "-8+3", "8(3)", "8**3", "8^3", "=24"]
        {
            let reason = Reason::BadExpression;
            assert_eq!(block(text), Verdict::Unverifiable { reason }, "{text}");
        }
        assert_eq!(block(" \n"), Verdict::Unverifiable { reason: Reason::NoExpression });
        let deep = format!("{}8{}", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(block(&deep), Verdict::Unverifiable { reason: Reason::TooLarge });
        let long = "8+".repeat(100_000);
        assert_eq!(block(&long), Verdict::Unverifiable { reason: Reason::TooLarge });
    }

    #[test]
    fn the_last_expression_counts_wherever_it_stands() {
        for text in [
            "Try 16+1=17, no. Try 16+15=31, 31-1=30. <answer> 16+15-1 </answer>",
            "so (16+15-1) = 30.",
            "(it is 16+15-1)",
            "- 16 + 15 - 1 = 30",
            "16+15-1, goal 30, yes",
            "第一：16+15-1=30。",
            "16+15-1 and (",
            "goal 30 16+15-1",
            "16+15-1 30",
        ] {
            assert_eq!(last(text), Verdict::Correct, "{text}");
        }
        for text in [
            "16+15-1=31",
            "16+15-1, check 31-1=30",
            "16+15=31",
            "16+15-1-0",
            "16+15+1/(1-1)",
            "16+15=30 16+15-1=31",
            "16+15-1 1+15",
        ] {
            assert_eq!(last(text), Verdict::Wrong, "{text}");
        }
        for text in ["", "30", "16 15 1", "x+y", "0.16+15-1", "16+15-1.5", "16+15-1 0.5"] {
            assert_eq!(
                last(text),
                Verdict::Unverifiable { reason: Reason::NoExpression },
                "{text}"
            );
        }
    }

    #[test]
    fn unusable_problems_are_told() {
        assert_eq!(Goal::new(&[], "3"), Err(GoalError::Count { got: 0 }));
        assert_eq!(Goal::new(&[1; 33], "3"), Err(GoalError::Count { got: 33 }));
        assert_eq!(Goal::new(&[1, -2], "3"), Err(GoalError::Negative { got: -2 }));
        assert!(matches!(Goal::new(&[1], "three"), Err(GoalError::Target { .. })));
    }

    #[test]
    fn a_megabyte_of_anything_is_answered() {
        let goal = goal(&[16, 15, 1], "30");
        for unit in ["1+", "(1", "1)", "1 ", "1+1a", "((1+1)", "=", "1/0,", "a", " ", "1=", "+"] {
            let text = unit.repeat(1_000_000 / unit.len());
            assert_ne!(judge_block(&text, &goal).verdict, Verdict::Correct);
            assert_ne!(judge_last(&text, &goal).verdict, Verdict::Correct);
        }
    }
}
