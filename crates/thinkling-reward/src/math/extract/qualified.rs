//! Words around a number that make another value of it: "twice 12", "12 squared", "at least 12".

use super::asserted::{head, tail};

/// Right before a value: something else than it is meant.
const BEFORE: [&str; 22] = [
    "hardly", "barely", "scarcely", "almost", "nearly", "twice", "thrice", "double", "triple",
    "half", "least", "most", "under", "over", "below", "above", "beyond", "within", "plus",
    "times", "minus", "negative",
];

/// Before "of" and a value: something is made of it.
const MADE_OF: [&str; 12] = [
    "half",
    "third",
    "quarter",
    "root",
    "square",
    "cube",
    "double",
    "reciprocal",
    "inverse",
    "factorial",
    "logarithm",
    "log",
];

/// Right behind a value: arithmetic goes on.
const AFTER: [&str; 10] = [
    "minus",
    "plus",
    "times",
    "divided",
    "multiplied",
    "squared",
    "cubed",
    "factorial",
    "raised",
    "modulo",
];

/// Whether the words before a value say that it is negative: "minus 5".
pub(crate) fn is_negative(before: &str) -> bool {
    let mut words = tail(before).split_whitespace().rev();
    let sign = words.next().is_some_and(|word| is_any(word, &["negative", "minus"]));
    // "8 minus 5" is a difference.
    sign && !words.next().is_some_and(|word| word.contains(|c: char| c.is_ascii_digit()))
}

/// Whether the words before a value make another one of it.
pub(crate) fn is_qualified_before(before: &str) -> bool {
    let mut words = tail(before).split_whitespace().rev();
    let Some(last) = words.next() else { return false };
    if is_any(last, &["of"]) {
        return words.next().is_some_and(|word| is_any(word, &MADE_OF));
    }
    is_any(last, &BEFORE) && !is_negative(before)
}

/// Whether a preposition before a value of an announced sentence makes it a part of what is
/// said: "exceeded by 12", "two thirds of 12", "far from 12".
pub(crate) fn is_part(before: &str) -> bool {
    const WHOLES: [&str; 22] = [
        "total",
        "sum",
        "amount",
        "value",
        "cost",
        "price",
        "profit",
        "score",
        "average",
        "area",
        "length",
        "probability",
        "maximum",
        "minimum",
        "distance",
        "number",
        "set",
        "pair",
        "rate",
        "speed",
        "height",
        "weight",
    ];
    let mut words = tail(before).split_whitespace().rev();
    let Some(last) = words.next() else { return false };
    if is_any(last, &["of"]) {
        return !words.next().is_some_and(|word| is_any(word, &WHOLES));
    }
    is_any(last, &["by", "from", "than", "against", "between", "beside", "near"])
}

/// Whether the words behind a value make another one of it.
pub(crate) fn is_qualified_after(after: &str) -> bool {
    let head = head(after).trim_start_matches(['$', '*', ' ', ')']);
    // A condition, and an ordinal number: "12 if x = 3", "the 12th prime".
    let ordinal = ["th ", "st ", "nd ", "rd "].iter().any(|end| head.starts_with(end));
    let power = head.starts_with("to the power") || head.starts_with("out of");
    if ordinal || power || head.starts_with("if ") || head.starts_with("unless ") {
        return true;
    }
    let mut words = head.split_whitespace();
    let (Some(first), second) = (words.next(), words.next().unwrap_or("")) else { return false };
    if is_any(first, &["percent", "%", r"\%"]) {
        return is_any(second, &["of"]);
    }
    if is_any(first, &["more", "less", "fewer", "greater", "smaller", "larger"]) {
        return is_any(second, &["than"]);
    }
    let number = second.starts_with(|c: char| c.is_ascii_digit() || c == '$');
    is_any(first, &AFTER) || (number && is_any(first, &["over", "choose", "by"]))
}

/// Whether the words before a value make it a bound: "up to 6".
pub(crate) fn is_bound(before: &str) -> bool {
    let last = tail(before).split_whitespace().next_back().unwrap_or("");
    is_any(last, &["least", "most", "under", "over", "below", "above", "beyond", "to", "between"])
        || is_any(last, &["within"])
}

/// Whether what follows a value offers another one: "or 6", "but maybe 6", "or something else".
pub(crate) fn hedges(after: &str) -> bool {
    const HEDGES: [&str; 14] = [
        "or",
        "maybe",
        "perhaps",
        "possibly",
        "either",
        "alternatively",
        "might",
        "else",
        "oder",
        "ou",
        "или",
        "또는",
        "или,",
        "mogelijk",
    ];
    const OPEN: [&str; 7] = ["something", "else", "other", "another", "more", "less", "fewer"];
    // The same value again, rounded or in other words.
    const SAME: [&str; 8] =
        ["approximately", "about", "roughly", "around", "nearly", "equivalently", "simply", "just"];
    if ["または", "或者", "或"].iter().any(|or| after.trim_start().starts_with(or)) {
        return true;
    }
    // "18 for Monday, 26 for Tuesday"
    let mut each = after.split_whitespace();
    if each.next() == Some("for") && each.any(|word| word.starts_with(|c: char| c.is_ascii_digit()))
    {
        return true;
    }
    let mut hedged = false;
    let words = after.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ','));
    for word in words.filter(|word| !word.is_empty()) {
        if hedged && is_any(word, &SAME) {
            return false;
        }
        if hedged && (word.contains(|c: char| c.is_ascii_digit()) || is_any(word, &OPEN)) {
            return true;
        }
        hedged |= is_any(word, &HEDGES);
    }
    false
}

fn is_any(word: &str, known: &[&str]) -> bool {
    let bare = word.trim_matches(|c: char| matches!(c, '*' | '.' | ',' | ';' | ':' | '$' | '('));
    known.iter().any(|known| bare.eq_ignore_ascii_case(known))
        || (!bare.is_ascii() && known.contains(&bare.to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_before_a_value_may_change_it() {
        for before in [
            "it is twice ",
            "half of ",
            "the square root of ",
            "the cube of ",
            "it is at least ",
            "8 minus ",
            "under ",
        ] {
            assert!(is_qualified_before(before), "{before}");
        }
        for before in ["it is ", "the number of ", "a total of ", "negative ", "it is minus ", ""] {
            assert!(!is_qualified_before(before), "{before}");
        }
        assert!(is_part("exceeded by ") && is_part("two thirds of ") && is_part("far from "));
        assert!(!is_part("a total of ") && !is_part("she has ") && !is_part(""));
        assert!(is_negative("it is negative ") && is_negative("minus "));
        assert!(!is_negative("8 minus ") && !is_negative("it is "));
        assert!(is_bound("it is at least ") && is_bound("up to ") && is_bound("between "));
        assert!(!is_bound("it is ") && !is_bound("") && !is_bound("at least 5, so "));
    }

    #[test]
    fn words_behind_a_value_may_change_it() {
        for after in [
            " squared",
            " minus 3",
            " percent of 50",
            "% of 50",
            " more than 3",
            "$ times",
            " over 5",
            " if x = 3",
        ] {
            assert!(is_qualified_after(after), "{after}");
        }
        for after in [" apples", " more apples", " percent", ".", "", " of them", " over it"] {
            assert!(!is_qualified_after(after), "{after}");
        }
    }

    #[test]
    fn a_second_offer_is_a_hedge() {
        for after in [
            " but maybe 6",
            " (or 6)",
            " or something else",
            " for one, 26 for two",
            " или 16",
            "または16",
        ] {
            assert!(hedges(after), "{after}");
        }
        for after in [" or so", " because there are 3", "", ", or approximately 0.67"] {
            assert!(!hedges(after), "{after}");
        }
    }
}
