//! What the next tokens are to the product before them: another factor, a unit, an end.

use super::Parser;
use super::lexer::{is_right, is_spaced, is_wide};
use super::phrases::joined_function;
use super::token::{Delimiter, Kind, LEFT, SPACED, TEXT, Token};
use super::unit_names::is_unit_letter;
use super::words::{Meaning, is_product, meaning};

impl Parser<'_, '_, '_> {
    /// Whether the current token begins a factor of the product before it.
    pub(super) fn factor_ahead(&self) -> bool {
        let token = self.token();
        if is_wide(token) || is_right(token) {
            return false;
        }
        match token.kind {
            Kind::Word => self.word_is_factor(),
            Kind::Digits => (!is_spaced(token) || self.behind_bang()) && !self.behind_number(),
            Kind::Vulgar(..) | Kind::Based(_) => !self.behind_number(),
            Kind::Open(Delimiter::Round) => {
                self.ahead(1) != Kind::Mod
                    && self.word_ahead(1) != Some(Meaning::Mod)
                    && !self.membership_ahead()
            }
            Kind::Open(Delimiter::Square) => !(self.context.french && self.closes_french()),
            Kind::Open(Delimiter::Group) => {
                self.chosen_ahead()
                    || self.token_at(self.at + 1).flags & TEXT == 0 && !self.group_goes_on_number()
            }
            Kind::Open(
                Delimiter::Floor | Delimiter::Ceil | Delimiter::Vert | Delimiter::DoubleVert,
            ) => true,
            Kind::Bar => token.flags & LEFT != 0 || !(self.context.bar || self.context.builder),
            Kind::Fraction => !self.unit_fraction(),
            Kind::Letter(_) => !self.greek_unit_ahead(),
            Kind::Constant(_)
            | Kind::Function(_)
            | Kind::Big(_)
            | Kind::Binomial
            | Kind::Root
            | Kind::RootSign(_)
            | Kind::Overline
            | Kind::DotAccent
            | Kind::Accent(_)
            | Kind::Figure(_)
            | Kind::BoldSet(_)
            | Kind::Begin(_) => true,
            Kind::Ellipsis => !self.ends_side(1),
            _ => false,
        }
    }

    /// Whether the braces at the current place hold digits that stand directly behind others:
    /// `6{7}` looks like 67 and is no product.
    fn group_goes_on_number(&self) -> bool {
        let before = self.at.checked_sub(1).map(|at| self.token_at(at).kind);
        let number = self.behind_number() || before == Some(Kind::Close(Delimiter::Group));
        let inner = (1..4).map(|places| self.ahead(places));
        let first = inner.into_iter().find(|kind| *kind != Kind::Open(Delimiter::Group));
        number && matches!(first, Some(Kind::Digits | Kind::Decimal | Kind::Close(_)))
    }

    /// Whether a factorial sign stands before the current token.
    fn behind_bang(&self) -> bool {
        self.at.checked_sub(1).is_some_and(|at| self.token_at(at).kind == Kind::Bang)
    }

    /// Whether letters were taken from the word before those of a token: "mg" of `hmg`.
    pub(super) fn is_rest(&self, token: Token) -> bool {
        let before = (token.start as usize).checked_sub(1);
        before.and_then(|at| self.text.as_bytes().get(at)).is_some_and(u8::is_ascii_alphabetic)
    }

    /// Whether two letters stand in the argument of a command, where nothing has a unit.
    pub(super) fn in_argument(&self, word: &str) -> bool {
        self.context.argument && !word.contains(['a', 'e', 'i', 'o', 'u', 'I', 'O'])
    }

    /// Whether the token before the current one ends a literal.
    pub(super) fn behind_literal(&self) -> bool {
        let before = self.at.checked_sub(1).map(|at| self.token_at(at).kind);
        before == Some(Kind::Digits)
    }

    /// Whether the token before the current one is a number, which another number cannot follow.
    pub(super) fn behind_number(&self) -> bool {
        let before = self.at.checked_sub(1).map(|at| self.token_at(at).kind);
        matches!(
            before,
            Some(
                Kind::Digits | Kind::Decimal | Kind::Scientific | Kind::Based(_) | Kind::Vulgar(..)
            )
        )
    }

    /// `\frac{\text{m}}{\text{s}}`, which is a unit.
    pub(super) fn unit_fraction(&self) -> bool {
        let word = self.token_at(self.at + 2);
        self.ahead(1) == Kind::Open(Delimiter::Group)
            && word.kind == Kind::Word
            && word.flags & TEXT != 0
            && meaning(self.source(word)).is_none_or(|found| found == Meaning::Unit)
            && (word.end - word.start > 1 || is_unit_letter(self.source(word)))
    }

    /// What the word some tokens ahead means, if it is one.
    pub(super) fn word_ahead(&self, places: usize) -> Option<Meaning> {
        let token = self.token_at(self.at + places);
        if token.kind == Kind::Word { meaning(self.source(token)) } else { None }
    }

    /// Whether the word at the current place is a factor rather than a unit or prose.
    pub(super) fn word_is_factor(&self) -> bool {
        let token = self.token();
        let word = self.source(token);
        if self.context.integral && self.differential(0).is_some() || self.half_of_day_ahead() {
            return false;
        }
        match meaning(word) {
            Some(Meaning::Callee(_)) => !self.unit_like_callee(word),
            Some(Meaning::Constant(_) | Meaning::Letter(_)) => true,
            Some(Meaning::Ordinal) => !self.ordinal_ahead(),
            Some(Meaning::Unit) if word.len() == 2 => {
                token.flags & TEXT == 0 && (self.is_rest(token) || self.in_argument(word))
            }
            Some(_) => false,
            None if word.len() == 1 => !self.unit_letter_ahead(),
            None => {
                token.flags & TEXT == 0
                    && (is_product(word) || joined_function(word).is_some())
                    && !self.prefixed_unit_ahead()
            }
        }
    }

    /// Whether the ending at the current place is that of the number before it: `5th`, `22nd`.
    fn ordinal_ahead(&self) -> bool {
        let token = self.token();
        let number = self.at.checked_sub(1).map_or("", |at| self.source(self.token_at(at)));
        let ending = match number.as_bytes() {
            [.., b'1', _] => "th",
            [.., b'1'] => "st",
            [.., b'2'] => "nd",
            [.., b'3'] => "rd",
            _ => "th",
        };
        token.flags & TEXT != 0 || (self.behind_number() && self.source(token) == ending)
    }

    /// "5 min" is a time, "min(5, 6)" a function.
    pub(super) fn unit_like_callee(&self, word: &str) -> bool {
        matches!(word, "min" | "sec") && !matches!(self.ahead(1), Kind::Open(_))
    }

    /// Whether the tokens from that many places ahead end a value with its unit.
    pub(super) fn ends_side(&self, places: usize) -> bool {
        match self.ahead(places) {
            Kind::End
            | Kind::Close(_)
            | Kind::Comma
            | Kind::Semicolon
            | Kind::Colon
            | Kind::Relation(_)
            | Kind::Not
            | Kind::Ampersand
            | Kind::RowEnd
            | Kind::Finish
            | Kind::Mid
            | Kind::Set(_)
            | Kind::Or
            | Kind::And
            | Kind::Bar => true,
            Kind::Word => self.word_ahead(places) == Some(Meaning::Connective),
            _ => is_wide(self.token_at(self.at + places)),
        }
    }

    /// `[` that closes an interval whose end is open: `[0, 1[`.
    pub(super) fn closes_french(&self) -> bool {
        match self.ahead(1) {
            Kind::Word => self.token_at(self.at + 1).flags & SPACED != 0,
            _ => self.ends_side(1),
        }
    }
}
