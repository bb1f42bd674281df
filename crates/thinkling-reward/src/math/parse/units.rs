//! Units behind values and signs of money before them.

use super::super::expr::{Expr, Unit};
use super::degrees::strip_degrees;
use super::expressions::{integer, negative, quotient};
use super::lexer::{is_spaced, is_wide};
use super::token::{Delimiter, Kind, TEXT};
use super::words::{Meaning, han_scale, meaning};
use super::{Node, Parse, ParseError, Parser, malformed};

/// The error of a unit where none may stand.
const MISPLACED_UNIT: ParseError = ParseError::Malformed("words behind what has no unit");

/// Words of a unit; more are prose.
const WORDS: u32 = 5;

impl Parser<'_, '_, '_> {
    /// The node with the unit that stands behind it or was read on the way.
    pub(super) fn with_unit(&mut self, node: Node) -> Parse<Node> {
        let found = self.unit.take();
        let value = match node {
            Node::Value(value) => *value,
            node if found.is_none() && !self.unit_ahead() => return Ok(node),
            _ => return Err(MISPLACED_UNIT),
        };
        if self.kind() == Kind::Word
            && self.half_of_day_ahead()
            && let Some((half, length)) = self.half_of_day(self.at)
            && let Expr::Integer(hour) = &value
        {
            self.at += length;
            return Ok(Node::Phrase(format!("{hour}{half}")));
        }
        let value = self.scale(value);
        let value = match strip_degrees(value) {
            Ok(value) => {
                return match (found, self.unit_ahead()) {
                    (None, false) => Ok(Node::quantity(value, Unit::Degree)),
                    _ => Err(MISPLACED_UNIT),
                };
            }
            Err(value) => value,
        };
        if !self.unit_ahead() {
            return Ok(match found {
                Some(unit) => Node::quantity(value, unit),
                None => Node::value(value),
            });
        }
        if !self.options.units {
            return Err(MISPLACED_UNIT);
        }
        if self.kind() == Kind::Percent && self.terms > 1 {
            self.advance();
            return last_percent(value);
        }
        let unit = self.unit_behind(&value)?;
        match found {
            // "$20 dollars" and "$5 million" say the money twice.
            None | Some(Unit::Money(_)) => Ok(Node::quantity(value, unit)),
            Some(_) => Err(MISPLACED_UNIT),
        }
    }

    /// The value times the power of ten that stands behind it: "2 million", `3万`.
    fn scale(&mut self, value: Expr) -> Expr {
        let token = self.token();
        let exponent = match token.kind {
            Kind::Word => match meaning(self.source(token)) {
                Some(Meaning::Scale(exponent)) => exponent,
                _ => return value,
            },
            Kind::Foreign => {
                let word = self.source(token);
                let mut chars = word.chars();
                let Some(exponent) = chars.next().and_then(han_scale) else { return value };
                let rest = chars.as_str().len();
                if rest > 0 {
                    // What is left is the unit.
                    let start = token.end - u32::try_from(rest).unwrap_or(0);
                    if let Some(token) = self.tokens.get_mut(self.at) {
                        token.start = start;
                    }
                } else {
                    self.advance();
                }
                return scaled(value, exponent);
            }
            _ => return value,
        };
        self.advance();
        scaled(value, exponent)
    }

    /// Whether something stands behind a value that can only be its unit.
    fn unit_ahead(&self) -> bool {
        let token = self.token();
        if is_wide(token) {
            return false;
        }
        match token.kind {
            Kind::Percent | Kind::Money(_) => true,
            Kind::Foreign => !self.connective_ahead(),
            Kind::Word => {
                let connective = meaning(self.source(token));
                !matches!(connective, Some(Meaning::Connective | Meaning::Union))
                    && self.source(token) != "U"
                    && !self.in_ahead()
            }
            Kind::Fraction => true,
            _ => false,
        }
    }

    /// The unit at the current place, which goes up to the end of the side.
    fn unit_behind(&mut self, value: &Expr) -> Parse<Unit> {
        match self.kind() {
            Kind::Percent => {
                self.advance();
                return Ok(Unit::Percent);
            }
            Kind::Money(sign) => {
                self.advance();
                return Ok(Unit::Money(sign.to_owned()));
            }
            _ => {}
        }
        let first = meaning(self.source(self.token()));
        let known = matches!(
            first,
            Some(Meaning::Unit | Meaning::Degree | Meaning::Percent | Meaning::Money)
        ) || self.token().flags & TEXT != 0
            && is_unit_letter(self.source(self.token()));
        if !known && names(value) {
            // `A Peter` is no A in Peters.
            return malformed("prose behind a name");
        }
        let mut unit = String::new();
        let mut words = 0;
        while !self.ends_side(0) {
            let token = self.token();
            match token.kind {
                Kind::Word | Kind::Foreign => {
                    let word = self.source(token);
                    let meaning = meaning(word);
                    let article = words > 0 && word.eq_ignore_ascii_case("the");
                    words += 1;
                    let stop = match meaning {
                        Some(Meaning::Stop) => !article,
                        Some(Meaning::Exponent) => words == 1,
                        Some(Meaning::Callee(_) | Meaning::Mod) => !matches!(word, "min" | "sec"),
                        _ => false,
                    };
                    let letter = words == 1
                        && word.len() == 1
                        && token.flags & TEXT == 0
                        && !matches!(word, "m" | "s" | "g" | "h" | "L");
                    if stop || letter || words > WORDS {
                        return malformed("prose behind a value");
                    }
                    if !unit.is_empty() && !unit.ends_with(['/', '^', '-', '(']) {
                        unit.push(' ');
                    }
                    unit.extend(word.chars().flat_map(char::to_lowercase));
                }
                Kind::Caret => {
                    self.advance();
                    let group = self.take(Kind::Open(Delimiter::Group));
                    unit.push('^');
                    if self.take(Kind::Minus) {
                        unit.push('-');
                    }
                    if self.kind() != Kind::Digits {
                        return malformed("unit with an exponent that is no number");
                    }
                    unit.push_str(self.source(self.token()));
                    self.advance();
                    if group {
                        self.expect(Kind::Close(Delimiter::Group))?;
                    }
                    continue;
                }
                Kind::Slash => unit.push('/'),
                Kind::Times => unit.push('*'),
                Kind::Minus if !is_spaced(token) => unit.push('-'),
                // The full stop of an abbreviation.
                Kind::Dot if self.ahead(1) != Kind::Digits => {}
                Kind::Fraction => {
                    self.advance();
                    self.unit_group(&mut unit)?;
                    unit.push('/');
                    self.unit_group(&mut unit)?;
                    continue;
                }
                _ => return malformed("something behind a unit"),
            }
            self.advance();
        }
        if unit.is_empty() {
            return malformed("something behind a value");
        }
        Ok(match (first, words) {
            (Some(Meaning::Percent), 1) => Unit::Percent,
            (Some(Meaning::Degree), 1) => Unit::Degree,
            (Some(Meaning::Money), _) => Unit::Money(unit),
            _ if unit == "per cent" => Unit::Percent,
            _ if matches!(unit.as_str(), "元" | "美元" | "块" | "角" | "分") => {
                Unit::Money(unit)
            }
            _ if unit == "度" => Unit::Degree,
            _ => Unit::Other(unit),
        })
    }

    fn unit_group(&mut self, unit: &mut String) -> Parse<()> {
        self.expect(Kind::Open(Delimiter::Group))?;
        while matches!(self.kind(), Kind::Word | Kind::Foreign) {
            let word = self.source(self.token());
            unit.extend(word.chars().flat_map(char::to_lowercase));
            self.advance();
        }
        self.expect(Kind::Close(Delimiter::Group))
    }

    /// Whether the single letter at the current place is a unit behind a number: set as text, or
    /// one of the commonest behind a space, with nothing but a unit up to the end.
    pub(super) fn unit_letter_ahead(&self) -> bool {
        let token = self.token();
        let before = self.at.checked_sub(1).map(|at| self.token_at(at).kind);
        let number = matches!(before, Some(Kind::Digits | Kind::Decimal | Kind::Scientific));
        let letter = self.source(token);
        let text = token.flags & TEXT != 0;
        let known = if text {
            is_unit_letter(letter)
        } else {
            is_spaced(token) && matches!(letter, "m" | "s" | "g" | "h" | "L")
        };
        known && (number || text) && self.unit_tail(1)
    }

    /// Whether the tokens from that many places ahead go on with a unit up to the end: `^2`,
    /// `/s`, `/s^2`.
    fn unit_tail(&self, mut places: usize) -> bool {
        for _ in 0..3 {
            if self.ends_side(places) {
                return true;
            }
            match self.ahead(places) {
                Kind::Caret if self.ahead(places + 1) == Kind::Digits => places += 2,
                Kind::Caret
                    if self.ahead(places + 1) == Kind::Open(Delimiter::Group)
                        && self.ahead(places + 2) == Kind::Digits =>
                {
                    places += 4;
                }
                Kind::Slash if self.ahead(places + 1) == Kind::Word => places += 2,
                _ => return false,
            }
        }
        self.ends_side(places)
    }

    /// A value behind a sign of money.
    pub(super) fn money(&mut self, sign: &'static str) -> Parse<Node> {
        self.advance();
        if matches!(self.kind(), Kind::Minus | Kind::Plus) {
            // `$-5`.
            let minus = self.kind() == Kind::Minus;
            self.advance();
            let value = self.amount()?;
            self.unit = Some(Unit::Money(sign.to_owned()));
            return Ok(Node::value(if minus { negative(value) } else { value }));
        }
        let value = self.amount()?;
        self.unit = Some(Unit::Money(sign.to_owned()));
        Ok(Node::value(value))
    }

    fn amount(&mut self) -> Parse<Expr> {
        match self.kind() {
            Kind::Digits | Kind::Decimal | Kind::Vulgar(..) => self.number(),
            Kind::Fraction => self.operand()?.into_value(),
            _ => malformed("sign of money without an amount"),
        }
    }
}

/// Whether a letter set as text is a unit behind a number.
pub(super) fn is_unit_letter(letter: &str) -> bool {
    matches!(letter, "m" | "s" | "g" | "h" | "L" | "l" | "J" | "N" | "W" | "V" | "A" | "K")
}

/// Whether a value ends with a name.
fn names(value: &Expr) -> bool {
    match value {
        Expr::Symbol(_) => true,
        Expr::Product(parts) | Expr::Sum(parts) => parts.last().is_some_and(names),
        Expr::Negative(inner) => names(inner),
        _ => false,
    }
}

fn scaled(value: Expr, exponent: u32) -> Expr {
    let power = Expr::Integer(num_bigint::BigInt::from(10_u64.pow(exponent.min(18))));
    Expr::Product(vec![value, power])
}

/// A sum whose last term has the percent sign behind it.
fn last_percent(value: Expr) -> Parse<Node> {
    let Expr::Sum(mut terms) = value else { return Err(MISPLACED_UNIT) };
    let last = terms.pop().unwrap_or_else(|| integer(0));
    terms.push(quotient(last, integer(100)));
    Ok(Node::value(Expr::Sum(terms)))
}
