//! Units behind values and signs of money before them.

use super::super::expr::{Expr, Unit};
use super::clock::full_hour;
use super::degrees::strip_degrees;
use super::expressions::{integer, negative, quotient};
use super::lexer::is_wide;
use super::token::Kind;
use super::unit_names::begins_with_unit;
use super::words::{Meaning, han_scale, meaning};
use super::{Node, Parse, ParseError, Parser, malformed};

/// The error of a unit where none may stand.
const MISPLACED_UNIT: ParseError = ParseError::Malformed("words behind what has no unit");

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
            && *hour <= 12.into()
        {
            self.at += length;
            return Ok(Node::value(full_hour(Expr::Integer(hour.clone()), half)));
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
            Some(Unit::Money(sign)) if is_rate(&unit) => {
                Ok(Node::quantity(value, Unit::Money(with_rate(&sign, &unit))))
            }
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
                if let Some(fraction) = self.han_fraction_behind(&value, word) {
                    return fraction;
                }
                if begins_with_unit(word) {
                    return value;
                }
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
            Kind::Foreign => !self.connective_ahead() && !self.to_ahead(),
            Kind::Word if self.to_ahead() => false,
            Kind::Letter(_) => self.greek_unit_ahead(),
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

/// Whether a unit begins with what something is divided by: "per hour", "/h".
fn is_rate(unit: &Unit) -> bool {
    matches!(unit, Unit::Other(text) if text.starts_with("per ") || text.starts_with('/'))
}

fn with_rate(sign: &str, unit: &Unit) -> String {
    match unit {
        Unit::Other(rate) => format!("{sign} {rate}"),
        _ => sign.to_owned(),
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
