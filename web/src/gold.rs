//! The gold answer of a question that a visitor types: the value of the one sum in it.

/// The value of the only chain of `+` and `-` in a question; none where there is no such chain or
/// more than one, or where another operation stands beside it.
pub(crate) fn of_question(question: &str) -> Option<i64> {
    let spaceless: Vec<char> = question.chars().filter(|c| !c.is_whitespace()).collect();
    if holds_other_operation(&spaceless) {
        return None;
    }
    let mut found = None;
    let mut at = 0;
    while at < spaceless.len() {
        if !spaceless[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        // None for numbers beyond what is worked out here.
        let (value, terms, end) = chain(&spaceless, at)?;
        if terms > 1 && found.replace(value).is_some() {
            return None;
        }
        at = end;
    }
    found
}

/// Whether anything but `+` and `-` is done with a number: a product, brackets, a decimal.
fn holds_other_operation(chars: &[char]) -> bool {
    let digit = |i: Option<usize>| i.and_then(|i| chars.get(i)).is_some_and(char::is_ascii_digit);
    chars.iter().enumerate().any(|(i, c)| {
        let (before, after) = (digit(i.checked_sub(1)), digit(Some(i + 1)));
        match c {
            '.' | ',' => before && after,
            '*' | '/' | '^' | '×' | '÷' | '(' | ')' | '（' | '）' => before || after,
            _ => false,
        }
    })
}

/// A chain that begins at `at`: its value, its terms, and where it ends.
fn chain(chars: &[char], at: usize) -> Option<(i64, usize, usize)> {
    let (first, mut end) = number(chars, at)?;
    let leading = at.checked_sub(1).and_then(|before| sign(chars[before])).unwrap_or(1);
    let mut value = leading * first;
    let mut terms = 1;
    while let Some(sign) = chars.get(end).and_then(|c| sign(*c)) {
        let Some((term, after)) = number(chars, end + 1) else { break };
        value = value.checked_add(sign * term)?;
        (terms, end) = (terms + 1, after);
    }
    Some((value, terms, end))
}

fn number(chars: &[char], at: usize) -> Option<(i64, usize)> {
    let digits: String =
        chars[at.min(chars.len())..].iter().take_while(|c| c.is_ascii_digit()).collect();
    // Longer numbers are beyond what any model here adds, and beyond an i64.
    (1..=15).contains(&digits.len()).then(|| digits.parse().ok().map(|n| (n, at + digits.len())))?
}

fn sign(c: char) -> Option<i64> {
    match c {
        '+' | '＋' => Some(1),
        '-' | '−' | '－' | '–' => Some(-1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_sum_of_a_question_is_worked_out() {
        for (question, gold) in [
            ("What is 19-15+15+18-3+11?", Some(45)),
            ("计算 7 + 8 − 20", Some(-5)),
            ("9+8=？", Some(17)),
            ("3 apples and 4 pears", None),
            ("2+3*4", None),
            ("Compute (2+3)-1", None),
            ("What is -5+3?", Some(-2)),
            ("1.5+2", None),
            ("Is 1+1 more than 2+2?", None),
            ("What is 5 + 6. Think.", Some(11)),
            ("9999999999999999999+1", None),
            ("", None),
        ] {
            assert_eq!(of_question(question), gold, "{question}");
        }
    }
}
