//! Words: of answers that are words, and of sentences around an answer.

use super::clean::unwrap;
use crate::script::is_blank;

/// Commands whose argument is words.
const TEXT_COMMANDS: [&str; 15] = [
    "text",
    "textbf",
    "textit",
    "textrm",
    "textsf",
    "texttt",
    "textnormal",
    "mbox",
    "hbox",
    "mathrm",
    "mathbf",
    "mathit",
    "mathsf",
    "operatorname",
    "emph",
];

/// Whether the command holds words.
pub(crate) fn is_text_command(name: &str) -> bool {
    TEXT_COMMANDS.contains(&name)
}

/// Words as they are compared: without wrappers, brackets of grouping, repeated and outer space,
/// punctuation at the end; in lower case where `any_case`.
pub(crate) fn plain_words(text: &str, any_case: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let single = super::clean::single_backslashes(text);
    let mut rest = unwrap(&single);
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == '\\' {
            let len = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let name = &rest[..len];
            if is_text_command(name) || matches!(name, "quad" | "qquad" | "rm" | "bf") {
                rest = &rest[len..];
            } else if len == 0 {
                let skip = rest.chars().next().filter(|c| " ,;:!\\".contains(*c));
                rest = &rest[skip.map_or(0, char::len_utf8)..];
            } else {
                out.push('\\');
                continue;
            }
            out.push(' ');
        } else if matches!(c, '{' | '}' | '$' | '~') || is_blank(c) {
            out.push(' ');
        } else if any_case {
            out.extend(c.to_lowercase());
        } else {
            out.push(c);
        }
    }
    let words: Vec<&str> = out.split_whitespace().collect();
    unwrap(&words.join(" ")).to_owned()
}

/// Words that stand in sentences and never in an answer that is mathematics.
const SENTENCE_WORDS: [&str; 53] = [
    "the",
    "is",
    "are",
    "was",
    "were",
    "be",
    "been",
    "so",
    "that",
    "this",
    "these",
    "then",
    "therefore",
    "thus",
    "hence",
    "because",
    "since",
    "which",
    "we",
    "you",
    "he",
    "she",
    "it",
    "they",
    "his",
    "her",
    "their",
    "our",
    "my",
    "get",
    "gets",
    "have",
    "has",
    "had",
    "find",
    "answer",
    "answers",
    "when",
    "from",
    "with",
    "there",
    "let",
    "would",
    "will",
    "could",
    "must",
    "what",
    "how",
    "not",
    "but",
    "isn",
    "as",
    "ans",
];

/// Whether the text is a sentence rather than an answer.
pub(crate) fn is_sentence(text: &str) -> bool {
    // Han words are written together; these stand in sentences and never in units.
    let han = |c: char| "因此所故则得是为有共解即由综".contains(c);
    words(text).any(|word| {
        if !word.is_ascii() {
            return word.contains(han);
        }
        word.len() <= 9 && SENTENCE_WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
    })
}

/// Whether there are words at all: letters that are no command, two of them together, or letters
/// of a script that writes whole words with single ones.
pub(crate) fn has_words(text: &str) -> bool {
    words(text).any(|word| word.chars().nth(1).is_some() || !word.is_ascii())
}

/// The runs of letters outside commands and their wrapped words.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(|c: char| c == '\\' || c.is_alphabetic())?;
            rest = &rest[start..];
            if let Some(command) = rest.strip_prefix('\\') {
                let len = command.bytes().take_while(u8::is_ascii_alphabetic).count();
                let name = &command[..len];
                rest = &command[len..];
                if is_text_command(name) && rest.starts_with('{') {
                    rest = rest.find('}').map_or("", |end| &rest[end..]);
                }
                continue;
            }
            let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
            let word = &rest[..end];
            rest = &rest[end..];
            return Some(word);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_without_wrappers() {
        for (text, expected) in [
            (r"\text{Friday}", "friday"),
            (r"\mbox{ no   solution }", "no solution"),
            (r"\textbf{Even}.", "even"),
            ("$Even$", "even"),
            (r"\text{yes}\text{ no}", "yes no"),
            (r"a\,b", "a b"),
            (r"\pi", r"\pi"),
            (r"\\text{Yes}", "yes"),
        ] {
            assert_eq!(plain_words(text, true), expected, "{text}");
        }
        assert_eq!(plain_words(r"\text{Friday}", false), "Friday");
    }

    #[test]
    fn sentences_are_told_from_answers() {
        for text in ["so P = 3/7.", "It is 5", "the answer", "5 because of 3", "因此，x=12"] {
            assert!(is_sentence(text), "{text}");
        }
        for text in [
            "x = 5",
            r"\text{the set}",
            r"12\text{ is}",
            "12平方厘米",
            "45 miles per hour",
            "1 and 2",
        ] {
            assert!(!is_sentence(text), "{text}");
        }
        assert!(has_words("go 5") && has_words("共5") && !has_words(r"\frac{x}{2}"));
    }
}
