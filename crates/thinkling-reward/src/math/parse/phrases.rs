//! A word as an operand: a function, a constant, letters, or a phrase.

use super::super::expr::{Answer, Expr, Function};
use super::atoms::root;
use super::expressions::integer;
use super::lexer::is_spaced;
use super::token::{Delimiter, Kind, TEXT};
use super::words::{Callee, Meaning, in_capitals, is_product, is_roman, meaning};
use super::{Node, Parse, Parser, malformed};

impl Parser<'_, '_, '_> {
    /// A word: a function, a constant, letters, or a phrase.
    pub(super) fn word(&mut self) -> Parse<Node> {
        let token = self.token();
        let word = self.source(token);
        if token.kind == Kind::Foreign {
            return match self.han_number()? {
                Some(node) => Ok(node),
                None => self.phrase(),
            };
        }
        let called = self.ahead(1) == Kind::Open(Delimiter::Round);
        if word.len() == 1 {
            self.advance();
            // The measure of an angle is written as the angle is.
            if word == "m"
                && let Kind::Figure(name) = self.kind()
            {
                return self.figure(name);
            }
            return self.named_letter(word.chars().next().unwrap_or('x'));
        }
        match meaning(word).or_else(|| in_capitals(word).filter(|_| called)) {
            None if word == "Pr" && called => {
                self.advance();
                self.name(word.to_owned())
            }
            Some(Meaning::Callee(callee)) => {
                self.advance();
                if matches!(callee, Callee::Sqrt | Callee::Cbrt) {
                    return self.plain_root(callee);
                }
                self.call(callee, true)
            }
            Some(Meaning::Constant(constant)) => {
                self.advance();
                Ok(Node::value(Expr::Constant(constant)))
            }
            Some(Meaning::Letter(name)) => {
                self.advance();
                self.name(name.to_owned())
            }
            Some(Meaning::Money) if matches!(self.ahead(1), Kind::Digits | Kind::Decimal) => {
                self.money("$")
            }
            Some(_) if word == "US" && matches!(self.ahead(1), Kind::Money(_)) => {
                self.advance();
                self.money("$")
            }
            // `ax + ft`.
            Some(_) if word.len() == 2 && token.flags & TEXT == 0 && self.is_letters(word) => {
                let letter = self.split_letter();
                self.named_letter(letter)
            }
            Some(_) => self.phrase(),
            None if is_roman(word) => self.phrase(),
            None if joined_function(word).is_some() => self.joined(word),
            None if token.flags & TEXT == 0 && is_product(word) && !self.is_code(word) => {
                let letter = self.split_letter();
                self.named_letter(letter)
            }
            None => self.phrase(),
        }
    }

    /// `sqrt(3)`, `sqrt 3`, `sqrt3`.
    fn plain_root(&mut self, callee: Callee) -> Parse<Node> {
        let index = integer(if callee == Callee::Sqrt { 2 } else { 3 });
        let value = self.argument()?;
        Ok(Node::value(root(*value, index)))
    }

    /// `sinx`.
    fn joined(&mut self, word: &str) -> Parse<Node> {
        let (name, callee) = joined_function(word).unwrap_or(("", Callee::Sin));
        if let Some(token) = self.tokens.get_mut(self.at) {
            token.start += u32::try_from(name.len()).unwrap_or(0);
        }
        self.call(callee, true)
    }

    /// Whether the two letters at the current place are two names though they have a meaning: the
    /// rest of a product, a part of one, or usual names where nothing is measured.
    fn is_letters(&self, word: &str) -> bool {
        let names = word.bytes().all(|b| matches!(b, b'm' | b'n' | b's' | b'g'));
        let whole = self.at == 0 && self.ahead(1) == Kind::End;
        self.is_rest(self.token())
            || self.in_argument(word)
            || !self.stands_alone()
            || (whole && names)
    }

    /// Whether three or more capitals stand alone, where they are no product: a code, an order, the
    /// name of a figure by its points.
    fn is_code(&self, word: &str) -> bool {
        word.len() > 2 && word.bytes().all(|b| b.is_ascii_uppercase()) && self.stands_alone()
    }

    /// Whether the word at the current place is a side of its own, or words stand beside it.
    pub(super) fn stands_alone(&self) -> bool {
        let before = self.at.checked_sub(1).map_or(Kind::Comma, |at| self.token_at(at).kind);
        let begins = matches!(
            before,
            Kind::Comma | Kind::Semicolon | Kind::Relation(_) | Kind::Open(_) | Kind::Word
        );
        begins && (self.ends_side(1) || matches!(self.ahead(1), Kind::Word | Kind::Foreign))
    }

    /// The words from the current one on.
    fn phrase(&mut self) -> Parse<Node> {
        let first = self.token();
        let called = first.flags & TEXT != 0
            && self.ahead(1) == Kind::Open(Delimiter::Round)
            && !is_spaced(self.token_at(self.at + 1));
        if called {
            // `\operatorname{Var}(X)`.
            self.advance();
            let name = self.source(first).to_lowercase();
            let arguments = self.arguments()?;
            return Ok(Node::value(Expr::Call(Function::Named(name), arguments)));
        }
        let mut phrase = String::new();
        while matches!(self.kind(), Kind::Word | Kind::Foreign) {
            let word = self.source(self.token());
            if meaning(word) == Some(Meaning::Connective) {
                break;
            }
            if !phrase.is_empty() && is_spaced(self.token()) {
                phrase.push(' ');
            }
            phrase.extend(word.chars().flat_map(char::to_lowercase));
            self.advance();
        }
        if phrase.is_empty() {
            return malformed("operand missing");
        }
        Ok(match phrase.as_str() {
            "all real numbers" | "all reals" => Node::answer(Answer::NumberSet('R')),
            "empty set" | "the empty set" => Node::answer(Answer::EmptySet),
            _ => Node::Phrase(phrase),
        })
    }
}

/// A function with its argument behind it without a space: `sinx`, `tanA`.
pub(super) fn joined_function(word: &str) -> Option<(&str, Callee)> {
    let name = word.strip_suffix(['x', 'z', 'A', 'B', 'C', 'D'])?;
    if name.len() < 2 {
        return None;
    }
    match meaning(name)? {
        Meaning::Callee(callee) if callee.joins() => Some((name, callee)),
        _ => None,
    }
}
