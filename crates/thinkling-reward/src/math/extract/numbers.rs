//! Numbers in sentences, with the arithmetic that they stand in: `3 + 10 = 13只`, `$1,234.50`.

use std::ops::Range;

use super::scope::EDGE;
use crate::script::is_unspaced;

/// How many runs are kept, the last ones.
pub(crate) const KEPT: usize = 32;

/// What may stand between the numbers of one run, blanks around it or not.
const OPERATORS: &str = "+-−*×·⋅/÷^=≈()";
/// What may stand right before a number and belongs to it.
const PREFIXES: &str = "$€£¥￥√±#";
/// What may stand right behind a number and belongs to it.
const SUFFIXES: &str = "%％°²³!½¼¾⅓⅔π€";
/// Fractions of one character.
const VULGAR: &str = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞";

/// The last runs of numbers in a text, in order, in one pass.
///
/// Numbers that are joined by operators, or by a comma, "and" or "or", are one run. Digits behind
/// letters (`H2`, `x6`) are part of a word and no number.
pub(crate) fn runs(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::<Range<usize>>::new();
    let mut at = 0;
    while let Some(number) = number(text, at) {
        at = number.end;
        if let Some(last) = found.last_mut()
            && (joins(&text[last.end..number.start]) || goes_on_with_sign(text, last.end, &number))
        {
            last.end = number.end;
            continue;
        }
        if found.len() == KEPT {
            found.remove(0);
        }
        found.push(number);
    }
    for run in &mut found {
        run.end = closed_end(text, run);
    }
    found
}

/// The next number from `at` on, with sign, currency and what sticks to its end.
fn number(text: &str, mut at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    loop {
        let digits = at + text.get(at..)?.find(|c: char| c.is_ascii_digit() || is_vulgar(c))?;
        let mut end = digits;
        while let Some(byte) = bytes.get(end) {
            let inner =
                matches!(byte, b'.' | b',') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
            if !byte.is_ascii_digit() && !inner {
                break;
            }
            end += 1;
        }
        let before = text[at..digits].chars().next_back();
        if before.is_some_and(|c| c == '_' || (c.is_alphabetic() && !is_unspaced(c))) {
            at = word_end(text, end);
            continue;
        }
        let start = with_prefix(text, at, digits);
        // The argument of a function is none either: f(2), print(42).
        let call = text[start..].starts_with('(')
            && text[..start].ends_with(|c: char| c.is_alphabetic() && !is_unspaced(c));
        if call {
            at = word_end(text, end);
            continue;
        }
        return Some(start..word_end(text, end));
    }
}

fn is_vulgar(c: char) -> bool {
    !c.is_ascii() && VULGAR.contains(c)
}

/// The end of the letters and marks that touch a number.
fn word_end(text: &str, from: usize) -> usize {
    let sticks =
        |c: char| SUFFIXES.contains(c) || ((c.is_alphanumeric() || c == '_') && !is_unspaced(c));
    let rest = &text[from..];
    from + rest.find(|c| !sticks(c)).unwrap_or(rest.len())
}

/// The start of the sign and currency marks before a number, not before `from`.
fn with_prefix(text: &str, from: usize, digits: usize) -> usize {
    let mut start = digits;
    for c in text[from..digits].chars().rev() {
        let point = c == '.' && !text[from..start - 1].ends_with(|c: char| c.is_alphanumeric());
        if !PREFIXES.contains(c) && !matches!(c, '-' | '−' | '+' | '(') && !point {
            break;
        }
        start -= c.len_utf8();
    }
    start
}

/// Whether the text between two numbers makes them one run.
fn joins(between: &str) -> bool {
    let inner = between.trim_matches(' ');
    if inner.is_empty() {
        return between == " ";
    }
    matches!(
        inner,
        "," | ";"
            | "and"
            | "or"
            | ", and"
            | ", or"
            | "、"
            | "和"
            | "或"
            | "または"
            | "或者"
            | "или"
            | "и"
            | "또는"
            | "oder"
            | "und"
            | "ou"
            | "et"
            | "o"
            | "y"
    ) || inner.chars().all(|c| c == ' ' || OPERATORS.contains(c))
        && inner.contains(|c| OPERATORS.contains(c))
}

/// Whether the sign of a number is the operator between it and what it touches: `48+24`.
fn goes_on_with_sign(text: &str, last_end: usize, number: &Range<usize>) -> bool {
    last_end == number.start && text[number.clone()].starts_with(['+', '-', '−'])
}

/// The end of a run with the brackets that it opened.
fn closed_end(text: &str, run: &Range<usize>) -> usize {
    let inside = &text[run.clone()];
    let open = inside.matches('(').count();
    let closed = inside.matches(')').count();
    let after = text[run.end..].bytes().take_while(|&b| b == b')').count();
    run.end + after.min(open.saturating_sub(closed))
}

/// Whether what touches or follows a run makes it part of something else: an operator, a multiple
/// such as `million` or `万`.
pub(crate) fn goes_on(after: &str) -> bool {
    if after.starts_with(char::from(EDGE)) {
        return false;
    }
    const HAN_MULTIPLES: [&str; 5] = ["万", "亿", "萬", "億", "百万"];
    const HAN_UNITS: [char; 6] = ['克', '米', '瓦', '卡', '帕', '赫'];
    if HAN_MULTIPLES.iter().any(|multiple| after.starts_with(multiple)) {
        return true;
    }
    if let Some(rest) = after.strip_prefix(['千', '百']) {
        return !rest.starts_with(HAN_UNITS);
    }
    let rest = after.trim_start_matches(' ');
    if rest.starts_with("**") {
        return false;
    }
    if rest
        .starts_with(['*', '/', '^', '×', '·', '÷', '=', '√', 'π', '\\', '+', '<', '>', '≤', '≥'])
    {
        return true;
    }
    let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    let word = &rest[..end];
    ["million", "billion", "trillion", "thousand", "hundred", "dozen"]
        .iter()
        .any(|multiple| word.eq_ignore_ascii_case(multiple))
}

/// Whether a text goes on with a conclusion that has a number: "Therefore, it is 5."
pub(crate) fn concludes(after: &str) -> bool {
    const OPENINGS: [&str; 22] = [
        "therefore",
        "thus",
        "hence",
        "so",
        "consequently",
        "finally",
        "altogether",
        "in total",
        "in conclusion",
        "overall",
        "donc",
        "ainsi",
        "also",
        "daher",
        "somit",
        "entonces",
        "por lo tanto",
        "следовательно",
        "因此",
        "所以",
        "故",
        "综上",
    ];
    let Some(last) = number_starts(after).last() else { return false };
    let ends = |(_, c): &(usize, char)| matches!(c, '.' | '!' | '?' | '\n' | '。' | '！' | '？');
    let before = &after[..last];
    let start = before.char_indices().rfind(ends).map_or(0, |(at, c)| at + c.len_utf8());
    let sentence = before[start..].trim_start_matches(|c: char| !c.is_alphanumeric());
    OPENINGS.iter().any(|opening| {
        sentence.get(..opening.len()).is_some_and(|head| {
            head.eq_ignore_ascii_case(opening) || head.to_lowercase() == *opening
        })
    })
}

fn number_starts(text: &str) -> impl Iterator<Item = usize> {
    let found = runs(text);
    found.into_iter().map(|run| run.start)
}

/// A run as an answer: without the operators that lead to it and brackets that do not pair.
pub(crate) fn tidy(run: &str) -> &str {
    let mut run = run.trim_start_matches(['=', '+', '*', '#', ' ', '≈']);
    if run.matches('(').count() > run.matches(')').count() {
        run = run.trim_start_matches('(');
    }
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        runs(text).into_iter().map(|run| &text[run]).collect()
    }

    #[test]
    fn numbers_come_with_their_arithmetic() {
        for (text, expected) in [
            ("She has 18 dollars.", vec!["18"]),
            ("it costs $1,234.50.", vec!["$1,234.50"]),
            ("5 * 8=40", vec!["5 * 8=40"]),
            ("所以一共有3 + 10 = 13只鸟", vec!["3 + 10 = 13"]),
            ("so P = 3/7.", vec!["3/7"]),
            ("at -5 degrees", vec!["-5"]),
            ("5 or 6", vec!["5 or 6"]),
            ("5, 6 and 7", vec!["5, 6 and 7"]),
            ("5 apples and 6 pears", vec!["5", "6"]),
            ("1 000", vec!["1 000"]),
            ("H2 and x6", vec![]),
            ("so f(2) = 5", vec!["5"]),
            ("print(42)", vec![]),
            ("42x", vec!["42x"]),
            ("1,000.99m²", vec!["1,000.99m²"]),
            ("(3 + 4) * 2", vec!["(3 + 4) * 2"]),
            ("2 * (3 + 4)", vec!["2 * (3 + 4)"]),
            ("100%.", vec!["100%"]),
            ("is .5 or so", vec![".5"]),
            ("is ½ or 1½.", vec!["½ or 1½"]),
            ("", vec![]),
            ("é", vec![]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn a_number_that_goes_on_is_seen() {
        for after in [" * x", "万", " million", "千块", " = x", "\\pi"] {
            assert!(goes_on(after), "{after}");
        }
        for after in ["", " apples", "千克", "只", "**", ".", " - that's it"] {
            assert!(!goes_on(after), "{after}");
        }
    }
}
