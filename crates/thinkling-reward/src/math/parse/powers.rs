//! Operands with what stands behind them: powers, factorials, degree and percent signs.

use super::super::expr::{Constant, Expr, Function, Unit};
use super::choose::{choices, double_factorial};
use super::expressions::{integer, with_signs};
use super::lexer::{is_spaced, is_wide};
use super::token::{Delimiter, Kind};
use super::{Node, Parse, Parser, malformed};

impl Parser<'_, '_, '_> {
    /// An operand with what stands behind it: powers, factorials, degree and percent signs.
    pub(super) fn power(&mut self) -> Parse<Node> {
        let node = self.operand()?;
        match self.kind() {
            Kind::Caret | Kind::DegreeSign | Kind::Underscore | Kind::Bang | Kind::Percent => {
                self.marks_behind(node)
            }
            _ => Ok(node),
        }
    }

    #[inline(never)]
    fn marks_behind(&mut self, mut node: Node) -> Parse<Node> {
        let mut chain = 0;
        loop {
            if is_wide(self.token()) {
                return Ok(node);
            }
            node = match self.kind() {
                Kind::Caret if self.degree_ahead().is_some() => {
                    self.at += self.degree_ahead().unwrap_or(1);
                    self.degrees(node)?
                }
                Kind::DegreeSign => {
                    self.advance();
                    self.degrees(node)?
                }
                Kind::Caret => {
                    if let Some(ordinal) = self.ordinal() {
                        self.unit = Some(ordinal);
                        return Ok(node);
                    }
                    self.advance();
                    self.powered(node)?
                }
                Kind::Underscore => self.subscripted(node)?,
                Kind::Bang => {
                    self.advance();
                    let value = node.into_value()?;
                    if self.kind() == Kind::Bang && !is_spaced(self.token()) {
                        self.advance();
                        Node::value(double_factorial(value))
                    } else {
                        Node::value(Expr::Call(Function::Factorial, vec![value]))
                    }
                }
                Kind::Percent if !self.ends_side(1) => {
                    if !matches!(self.ahead(1), Kind::Plus | Kind::Minus | Kind::Times) {
                        return malformed("percent sign inside an expression");
                    }
                    self.advance();
                    Node::value(Expr::Quotient(node.into_boxed()?, Box::new(integer(100))))
                }
                _ => return Ok(node),
            };
            self.chain(&mut chain)?;
        }
    }

    /// The tokens of `^\circ` or `^{\circ}`, or of an `o` that stands for it behind a number.
    pub(super) fn degree_ahead(&self) -> Option<usize> {
        let small_o = |places: usize| {
            let token = self.token_at(self.at + places);
            token.kind == Kind::Word && self.source(token) == "o" && self.behind_number()
        };
        let circle = |places: usize| {
            matches!(self.ahead(places), Kind::Circle | Kind::DegreeSign) || small_o(places)
        };
        if circle(1) {
            return Some(2);
        }
        let grouped = self.ahead(1) == Kind::Open(Delimiter::Group)
            && circle(2)
            && self.ahead(3) == Kind::Close(Delimiter::Group);
        grouped.then_some(4)
    }

    /// A value with a degree sign behind it: an angle, or a temperature where a scale follows.
    pub(super) fn degrees(&mut self, node: Node) -> Parse<Node> {
        let value = node.into_value()?;
        let token = self.token();
        if token.kind == Kind::Word && self.ends_side(1) {
            let scale = self.source(token);
            if matches!(scale, "C" | "F") {
                self.unit = Some(Unit::Other(format!("°{}", scale.to_ascii_lowercase())));
                self.advance();
                return Ok(Node::value(value));
            }
        }
        let value = self.with_minutes(value)?;
        let degree = Expr::Constant(Constant::Degree);
        Ok(Node::value(Expr::Product(vec![value, degree])))
    }

    /// `^{th}` and `^\text{nd}` behind a number.
    pub(super) fn ordinal(&mut self) -> Option<Unit> {
        let group = usize::from(self.ahead(1) == Kind::Open(Delimiter::Group));
        let token = self.token_at(self.at + 1 + group);
        let word = self.source(token);
        if token.kind != Kind::Word || !matches!(word, "st" | "nd" | "rd" | "th") {
            return None;
        }
        if group == 1 && self.ahead(3) != Kind::Close(Delimiter::Group) {
            return None;
        }
        self.at += 2 + 2 * group;
        Some(Unit::Other(word.to_owned()))
    }

    /// The power of a base whose exponent is at the current place.
    pub(super) fn powered(&mut self, base: Node) -> Parse<Node> {
        let base = base.into_boxed()?;
        let exponent = self.exponent()?;
        // `x^2_1` is the square of `x_1`.
        let base = if self.kind() == Kind::Underscore && matches!(*base, Expr::Symbol(_)) {
            self.subscripted(Node::Value(base))?.into_boxed()?
        } else {
            base
        };
        Ok(Node::value(match choices(&base, &exponent) {
            Some(choices) => choices,
            None => Expr::Power(base, exponent),
        }))
    }

    /// An exponent: a group of TeX, or a number, a letter, a bracket with the signs before it.
    /// Digits are one number, as plain text means them.
    pub(super) fn exponent(&mut self) -> Parse<Box<Expr>> {
        if self.kind() == Kind::Open(Delimiter::Group) {
            let exponent = self.group_value()?;
            return self.tower(exponent);
        }
        let signs = self.signs();
        let node = self.deeper(|parser| match parser.kind() {
            Kind::Digits => {
                let digits = parser.source(parser.token());
                parser.count()?;
                parser.advance();
                Ok(Node::value(Expr::Integer(parser.integer(digits)?)))
            }
            Kind::Word => parser.short_word(),
            _ => parser.operand(),
        })?;
        let value = with_signs(signs, node)?.into_boxed()?;
        self.tower(value)
    }

    /// An exponent with its own exponent behind it: `2^3^4` is 2 to 3^4.
    pub(super) fn tower(&mut self, base: Box<Expr>) -> Parse<Box<Expr>> {
        if self.kind() != Kind::Caret || self.degree_ahead().is_some() {
            return Ok(base);
        }
        self.advance();
        let exponent = self.deeper(Self::exponent)?;
        Ok(Box::new(match *base {
            Expr::Negative(base) => Expr::Negative(Box::new(Expr::Power(base, exponent))),
            base => Expr::Power(Box::new(base), exponent),
        }))
    }
}
