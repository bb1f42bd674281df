//! Whether a value is asserted where it stands, or denied or asked: `not 6`, `6 is wrong`, `6?`.
//!
//! A few words around the value decide, within its clause. This is no understanding of language:
//! it keeps the plainest denials from being read as answers.

/// Words that deny what follows them in the same clause.
const DENIALS: [&str; 52] = [
    // "less than 6" is no 6.
    "than",
    "not",
    "never",
    "cannot",
    "neither",
    "nor",
    "except",
    "excluding",
    "without",
    "wrong",
    "incorrect",
    "isn't",
    "aren't",
    "wasn't",
    "weren't",
    "can't",
    "couldn't",
    "doesn't",
    "don't",
    "didn't",
    "won't",
    "wouldn't",
    "shouldn't",
    "ain't",
    "isnt",
    "cant",
    "dont",
    "doesnt",
    "nicht",
    "kein",
    "keine",
    "nie",
    "pas",
    "jamais",
    "incorrecte",
    "falsch",
    "no",
    "nunca",
    "incorrecta",
    "não",
    "non",
    "не",
    "нет",
    "ليس",
    "ليست",
    "impossible",
    "false",
    "untrue",
    "doubt",
    "unlikely",
    "different",
    "either",
];

/// Chinese denials, right before the value.
const HAN_DENIALS: [&str; 12] = [
    "不是",
    "并非",
    "不为",
    "不等于",
    "不会是",
    "不可能是",
    "不能是",
    "除了",
    "绝非",
    "不选",
    "排除",
    "如果是",
];

/// Words that deny what stands before them, after "is" or its like.
const DENIED_AFTER: [&str; 14] = [
    "not",
    "wrong",
    "incorrect",
    "false",
    "impossible",
    "n't",
    "no",
    "never",
    "less",
    "more",
    "greater",
    "smaller",
    "larger",
    "different",
];

const HAN_DENIED_AFTER: [&str; 12] = [
    "不是",
    "不对",
    "错",
    "不正确",
    "并不",
    "是错",
    "ではなく",
    "じゃなく",
    "ではありません",
    "가 아니",
    "이 아니",
    "はない",
];

const COPULAS: [&str; 12] =
    ["is", "was", "are", "were", "would", "could", "can", "does", "do", "did", "will", "has"];

/// Words after which nothing is asserted in the same clause.
const SUPPOSITIONS: [&str; 4] = ["if", "whether", "suppose", "assuming"];

/// What a denial is about that reaches across "is": "I do not think it is 6", "the wrong answer
/// is 6".
const STATEMENTS: [&str; 13] = [
    "think", "believe", "say", "sure", "know", "true", "expect", "claim", "answer", "option",
    "choice", "that", "to",
];

/// How far back and forth a denial is looked for.
const REACH: usize = 96;
const WORDS: usize = 8;

/// Whether the text around a value denies or asks it.
pub(crate) fn denied(before: &str, after: &str) -> bool {
    denied_before(before) || denied_after(after)
}

/// Whether the clause that leads to a value denies it.
pub(crate) fn denied_before(before: &str) -> bool {
    let clause = clause_end(tail(before));
    if HAN_DENIALS.iter().any(|denial| clause.trim_end().ends_with(denial)) {
        return true;
    }
    let bare = |word: &'_ str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let words: Vec<String> = clause.split_whitespace().rev().take(WORDS).map(bare).collect();
    let said = words.first().is_some_and(|word| COPULAS.contains(&word.as_str()));
    for (i, word) in words.iter().enumerate() {
        let nearer = i.checked_sub(1).map_or("", |i| words[i].as_str());
        let farther = words.get(i + 1).map_or("", String::as_str);
        // An earlier value is what an earlier denial is about.
        if word.contains(|c: char| c.is_ascii_digit()) {
            return false;
        }
        if SUPPOSITIONS.contains(&word.as_str()) {
            return true;
        }
        // "you may think that it is 6"
        let opinion = matches!(word.as_str(), "think" | "believe" | "say" | "guess" | "expect");
        if opinion && matches!(farther, "may" | "might" | "could" | "would") {
            return true;
        }
        if word == "doubt" && matches!(farther, "no" | "without" | "beyond") {
            return false;
        }
        // "the box is not full is 5": what is denied there is no value.
        let about = !said || STATEMENTS.contains(&nearer);
        if about && is_denial(word, nearer) {
            return true;
        }
    }
    false
}

/// `word` as a denial of what follows, `nearer` being the word behind it.
fn is_denial(word: &str, nearer: &str) -> bool {
    let is = |known: &str| word.eq_ignore_ascii_case(known);
    if is("no") {
        return !["doubt", "more", "matter"].iter().any(|next| nearer.eq_ignore_ascii_case(next));
    }
    if nearer.eq_ignore_ascii_case("but") {
        return ["anything", "all", "everything", "any"].into_iter().any(is);
    }
    let lower = word.to_lowercase().replace('\u{2019}', "'");
    DENIALS.contains(&lower.as_str())
}

/// Whether what follows a value denies or asks it.
pub(crate) fn denied_after(after: &str) -> bool {
    let head = head(after);
    let head = head.trim_start_matches([')', '*', '_', '`', '$', '"', '\'', ' ', '\u{201D}']);
    if head.starts_with(['?', '？']) {
        return true;
    }
    if HAN_DENIED_AFTER.iter().any(|denial| head.starts_with(denial)) {
        return true;
    }
    let clause = head.split(['.', ',', ';', '\n', '!', '?', '。', '，']).next().unwrap_or("");
    let mut words = clause.split_whitespace();
    let Some(first) = words.next() else { return false };
    let first = first.to_ascii_lowercase().replace('\u{2019}', "'");
    if first.ends_with("n't") || first == "cannot" || first == "isnt" {
        return true;
    }
    COPULAS.contains(&first.as_str())
        && words
            .take(2)
            .any(|word| DENIED_AFTER.iter().any(|denial| word.eq_ignore_ascii_case(denial)))
}

/// The part of a text behind the last mark that ends a clause.
fn clause_end(text: &str) -> &str {
    let ends = |(i, c): (usize, char)| match c {
        '\n' | ';' | '!' | '?' | '。' | '，' | '；' | '！' | '？' | '\u{1e}' => true,
        // Not the point of a number.
        '.' | ',' | ':' => !text[i + 1..].starts_with(|c: char| c.is_ascii_digit()),
        _ => false,
    };
    let cut = text.char_indices().rfind(|&at| ends(at));
    cut.map_or(text, |(i, c)| &text[i + c.len_utf8()..])
}

/// The last [`REACH`] bytes or so.
pub(crate) fn tail(text: &str) -> &str {
    let from = text.len().saturating_sub(REACH);
    (from..=text.len()).find_map(|at| text.get(at..)).unwrap_or("")
}

/// The first [`REACH`] bytes or so.
pub(crate) fn head(text: &str) -> &str {
    let to = text.len().min(REACH);
    (0..=to).rev().find_map(|at| text.get(..at)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_denials_are_seen() {
        for before in [
            "The answer is not ",
            "anything but ",
            "it isn't ",
            "it isn\u{2019}t ",
            "It is definitely not equal to ",
            "The answer cannot be ",
            "I do not think it is ",
            "答案不是",
            "Die Antwort ist nicht ",
            "Ответ не ",
            "a wrong answer is ",
            "it is less than ",
            "It is impossible that the answer is ",
            "If the answer was ",
            "it is different from ",
            "It is wrong to say that the answer is ",
            "I doubt that the answer is ",
            "You may think the answer is ",
            "不选",
        ] {
            assert!(denied_before(before), "{before}");
        }
        for after in [
            "? no.",
            " is not the answer",
            " is wrong",
            " isn't it",
            "$?",
            "不对",
            "** ?",
            "ではなく16です",
        ] {
            assert!(denied_after(after), "{after}");
        }
    }

    #[test]
    fn what_is_not_about_the_value_denies_nothing() {
        for before in [
            "The answer is ",
            "not it's not 10 it's ",
            "There are no others, so it is ",
            "x is not 5. It is ",
            "It is not $5$ but $",
            "but ",
            "there is no doubt that it is ",
            "I think the answer is ",
            "the number of orders such that the scoop is not on the bottom is ",
            "",
            "é",
        ] {
            assert!(!denied_before(before), "{before}");
        }
        for after in [" is the answer", ".", "", " and not 5", " apples", ", not 5"] {
            assert!(!denied_after(after), "{after}");
        }
    }
}
