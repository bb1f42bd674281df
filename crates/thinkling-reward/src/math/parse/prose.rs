//! What is no mathematics: words.

use super::super::expr::Answer;
use super::lexer::tokens;
use super::token::{Kind, SPACED, TEXT, Token};
use super::words::{Meaning, is_product, meaning};

/// The whole text as words, in lower case with single spaces, where it holds at least one word that
/// is no mathematics, and its brackets match.
pub(super) fn prose(text: &str) -> Option<Answer> {
    // Read anew: the descent takes letters from the tokens of words.
    let tokens = tokens(text).ok()?;
    let source =
        |token: &Token| text.get(token.start as usize..token.end as usize).unwrap_or_default();
    if !tokens.iter().any(|token| is_word(token, source(token))) || !is_balanced(&tokens) {
        return None;
    }
    let mut words = String::with_capacity(text.len());
    for token in tokens.iter().take_while(|token| token.kind != Kind::End) {
        if token.flags & SPACED != 0 && !words.is_empty() {
            words.push(' ');
        }
        words.extend(source(token).chars().flat_map(char::to_lowercase));
    }
    let words = words.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
    (!words.is_empty()).then(|| Answer::Words(words.to_owned()))
}

/// Whether a token is a word that no mathematics has.
fn is_word(token: &Token, word: &str) -> bool {
    match (token.kind, meaning(word)) {
        (Kind::Foreign, _) => true,
        (Kind::Word, None) => !is_product(word) || (token.flags & TEXT != 0 && word.len() > 1),
        (Kind::Word, Some(meaning)) => matches!(
            meaning,
            Meaning::Unit
                | Meaning::Stop
                | Meaning::Exponent
                | Meaning::Scale(_)
                | Meaning::Percent
                | Meaning::Degree
                | Meaning::Money
        ),
        _ => false,
    }
}

fn is_balanced(tokens: &[Token]) -> bool {
    let mut open = Vec::new();
    let closed = tokens.iter().all(|token| match token.kind {
        Kind::Open(delimiter) => {
            open.push(delimiter);
            true
        }
        Kind::Close(delimiter) => open.pop() == Some(delimiter),
        _ => true,
    });
    closed && open.is_empty()
}
