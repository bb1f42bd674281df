//! Fractions of literals, and mixed numbers.

use num_bigint::BigInt;

use super::super::expr::Expr;
use super::Parser;
use super::lexer::is_spaced;
use super::token::{Delimiter, Kind, SPACED, Token};

impl<'t> Parser<'t, '_, '_> {
    /// Takes a proper fraction of small integers that makes the integer before it a mixed number.
    pub(super) fn proper_fraction(&mut self) -> Option<(u64, u64)> {
        let (over, under, length) = match self.kind() {
            Kind::Vulgar(over, under) => {
                self.advance();
                return Some((over.into(), under.into()));
            }
            Kind::Digits if is_spaced(self.token()) && self.ahead(1) == Kind::Slash => {
                if self.ahead(2) != Kind::Digits {
                    return None;
                }
                (self.small(self.token())?, self.small(self.token_at(self.at + 2))?, 3)
            }
            Kind::Fraction => self.literal_fraction()?,
            _ => return None,
        };
        if over == 0 || over >= under {
            return None;
        }
        self.at += length;
        Some((over, under))
    }

    /// Numerator, denominator and number of tokens of `\frac12`, `\frac{1}{2}` and their mixtures.
    pub(super) fn literal_fraction(&self) -> Option<(u64, u64, usize)> {
        let group = Kind::Open(Delimiter::Group);
        let close = Kind::Close(Delimiter::Group);
        let grouped = |at: usize| {
            (self.token_at(at).kind == group
                && self.token_at(at + 1).kind == Kind::Digits
                && self.token_at(at + 2).kind == close)
                .then(|| self.small(self.token_at(at + 1)))
                .flatten()
        };
        let from = self.at + 1;
        let first = self.token_at(from);
        if first.kind == Kind::Digits {
            let digits = self.source(first).as_bytes();
            return match digits {
                [over, under] => Some((digit(*over), digit(*under), 2)),
                [over] => {
                    let second = self.token_at(from + 1);
                    if second.kind == Kind::Digits && second.end - second.start == 1 {
                        Some((digit(*over), self.small(second)?, 3))
                    } else {
                        Some((digit(*over), grouped(from + 1)?, 5))
                    }
                }
                _ => None,
            };
        }
        let over = grouped(from)?;
        let second = self.token_at(from + 3);
        if second.kind == Kind::Digits && second.end - second.start == 1 {
            return Some((over, self.small(second)?, 5));
        }
        Some((over, grouped(from + 3)?, 7))
    }

    pub(super) fn small(&self, token: Token) -> Option<u64> {
        self.source(token).parse().ok()
    }

    /// Takes one digit from the digits at the current place, as TeX does where braces are left
    /// out.
    pub(super) fn split_digit(&mut self) -> Option<&'t str> {
        let token = self.tokens.get_mut(self.at).filter(|token| token.kind == Kind::Digits)?;
        let start = token.start as usize;
        if token.end - token.start > 1 {
            token.start += 1;
            token.flags &= !SPACED;
        } else {
            self.at += 1;
        }
        self.text.get(start..start + 1)
    }
}

pub(super) fn digit(byte: u8) -> u64 {
    u64::from(byte & 15)
}

/// A quotient of two integers.
pub(super) fn ratio(over: u64, under: u64) -> Expr {
    let integer = |value: u64| Box::new(Expr::Integer(BigInt::from(value)));
    Expr::Quotient(integer(over), integer(under))
}
