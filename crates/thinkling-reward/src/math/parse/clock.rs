//! Times of the day.

use super::super::expr::{Expr, Function};
use super::expressions::integer;
use super::lexer::is_spaced;
use super::token::{Kind, TEXT};
use super::{Node, Parser};

impl Parser<'_, '_, '_> {
    /// Takes a time of the day that could be no ratio: `12:00`, `7:05`, `8:34` with "p.m.", from
    /// the colon on.
    pub(super) fn time(&mut self, hours: &Node) -> Option<Expr> {
        let hour = match hours.as_value() {
            Some(Expr::Integer(hour)) if *hour <= 24.into() => hour,
            _ => return None,
        };
        let mut end = self.at;
        let mut parts = vec![Expr::Integer(hour.clone())];
        while self.token_at(end).kind == Kind::Colon {
            let part = self.token_at(end + 1);
            let digits = self.source(part);
            if part.kind != Kind::Digits || digits.len() != 2 || digits >= "60" {
                return None;
            }
            parts.push(integer(digits.parse().ok()?));
            end += 2;
        }
        let clear = self.source(self.token_at(self.at + 1)).starts_with('0');
        match self.half_of_day(end) {
            Some((half, length)) => {
                parts.push(Expr::Symbol(half.to_owned()));
                end += length;
            }
            None if clear && end == self.at + 2 => {}
            None => return None,
        }
        self.at = end;
        Some(Expr::Call(Function::Named("clock".to_owned()), parts))
    }

    /// Whether "am" or "pm" stands at the current place, behind an hour and before the end.
    pub(super) fn half_of_day_ahead(&self) -> bool {
        let apart = is_spaced(self.token()) || self.token().flags & TEXT != 0;
        let hour = self.at.checked_sub(1).is_some_and(|at| {
            self.token_at(at).kind == Kind::Digits && self.source(self.token_at(at)).len() <= 2
        });
        hour && apart && self.half_of_day(self.at).is_some_and(|(_, length)| self.ends_side(length))
    }

    /// "a.m." or "p.m." at that token in any spelling, and how many tokens it takes.
    pub(super) fn half_of_day(&self, at: usize) -> Option<(&'static str, usize)> {
        let word = self.source(self.token_at(at));
        let dotted = self.token_at(at + 1).kind == Kind::Dot
            && self.source(self.token_at(at + 2)).eq_ignore_ascii_case("m");
        let (half, length) = match (word.as_bytes(), dotted) {
            ([half, b'm' | b'M'], _) => (half, 1),
            // The last full stop may be gone with the end of the sentence.
            ([half], true) => (half, 3 + usize::from(self.token_at(at + 3).kind == Kind::Dot)),
            _ => return None,
        };
        match half.to_ascii_lowercase() {
            b'a' => Some(("am", length)),
            b'p' => Some(("pm", length)),
            _ => None,
        }
    }
}

/// A full hour in a half of the day: "5 pm".
pub(super) fn full_hour(hour: Expr, half: &str) -> Expr {
    let parts = vec![hour, integer(0), Expr::Symbol(half.to_owned())];
    Expr::Call(Function::Named("clock".to_owned()), parts)
}
