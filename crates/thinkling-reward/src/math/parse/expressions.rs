//! Sums, products, quotients, powers: what operators make of operands.

use num_bigint::BigInt;

use super::super::expr::{Expr, Function, SetOp};
use super::super::limits::TooLarge;
use super::lexer::is_spaced;
use super::matrices;
use super::sets::set_operation;
use super::token::{Delimiter, Kind};
use super::words::Meaning;
use super::{Node, Parse, Parser, malformed};

/// Quotients, remainders and factorials of one another; more are refused, since the tree would
/// grow deep.
const CHAIN: u32 = 16;

/// The signs before an operand.
#[derive(Clone, Copy, Default)]
pub(super) struct Signs {
    negative: bool,
    either: bool,
}

impl Parser<'_, '_, '_> {
    /// Terms and the signs between them; behind it `\over`, `\choose`, `\bmod`.
    pub(super) fn sum(&mut self) -> Parse<Node> {
        let first = self.signed()?;
        let node = if self.sign_ahead() {
            self.terms_behind(first)
        } else {
            self.terms = 1;
            Ok(first)
        };
        if self.sum_is_over() { node } else { self.sum_behind(node?) }
    }

    /// Whether neither `\over` nor a modulus stands behind a sum.
    fn sum_is_over(&self) -> bool {
        match self.kind() {
            Kind::Over | Kind::Choose | Kind::Mod | Kind::ParenMod | Kind::Word => false,
            Kind::Open(delimiter) => delimiter != Delimiter::Round,
            _ => true,
        }
    }

    #[inline(never)]
    fn sum_behind(&mut self, mut node: Node) -> Parse<Node> {
        if matches!(self.kind(), Kind::Over | Kind::Choose) {
            let binomial = self.kind() == Kind::Choose;
            self.advance();
            let over = node.into_value()?;
            let under = self.deeper(Self::sum)?.into_value()?;
            node = Node::value(if binomial {
                Expr::Call(Function::Binomial, vec![over, under])
            } else {
                quotient(over, under)
            });
            self.terms = 1;
        }
        let mut chain = 0;
        while let Some(modulus) = self.modulus()? {
            self.chain(&mut chain)?;
            node = Node::value(Expr::Call(Function::Mod, vec![node.into_value()?, modulus]));
            self.terms = 1;
        }
        Ok(node)
    }

    fn sign_ahead(&self) -> bool {
        matches!(self.kind(), Kind::Plus | Kind::Minus | Kind::PlusMinus | Kind::MinusPlus)
    }

    #[inline(never)]
    fn terms_behind(&mut self, first: Node) -> Parse<Node> {
        let mut count = 1;
        let node = match first {
            Node::Value(value) => {
                let mut terms = Vec::with_capacity(4);
                terms.push(*value);
                while self.sign_ahead() {
                    terms.push(self.signed()?.into_value()?);
                    count += 1;
                }
                Node::value(Expr::Sum(terms))
            }
            Node::Matrix(rows) => {
                let mut rows = rows;
                while self.sign_ahead() {
                    let Node::Matrix(more) = self.signed()? else {
                        return malformed("sum of a matrix and something else");
                    };
                    rows = matrices::sum(rows, more)?;
                    count += 1;
                }
                Node::Matrix(rows)
            }
            Node::Answer(set) if self.kind() == Kind::Minus => {
                let mut operands = vec![*set];
                while self.take(Kind::Minus) {
                    let start = self.at;
                    let right = self.product()?;
                    operands.push(self.singleton(start, right));
                }
                set_operation(SetOp::Difference, operands)?
            }
            _ => return malformed("sum of what is no value"),
        };
        self.terms = count;
        Ok(node)
    }

    pub(super) fn signs(&mut self) -> Signs {
        let mut signs = Signs::default();
        loop {
            match self.kind() {
                Kind::Plus => {}
                Kind::Minus => signs.negative = !signs.negative,
                Kind::PlusMinus => signs.either = true,
                Kind::MinusPlus => {
                    signs.either = true;
                    signs.negative = !signs.negative;
                }
                _ => return signs,
            }
            self.advance();
        }
    }

    /// A product with the signs before it.
    fn signed(&mut self) -> Parse<Node> {
        if !self.sign_ahead() {
            return self.product();
        }
        let signs = self.signs();
        with_signs(signs, self.product()?)
    }

    /// Factors and the signs of multiplication and division between them.
    pub(super) fn product(&mut self) -> Parse<Node> {
        let first = self.implicit(false)?;
        match self.kind() {
            Kind::Times | Kind::Slash => self.product_behind(first),
            _ => Ok(first),
        }
    }

    #[inline(never)]
    fn product_behind(&mut self, mut node: Node) -> Parse<Node> {
        let mut chain = 0;
        loop {
            match self.kind() {
                Kind::Times => {
                    self.advance();
                    let right = self.signed_factor(false)?;
                    node = self.multiply(node, right)?;
                }
                Kind::Slash => {
                    self.chain(&mut chain)?;
                    node = self.divide(node)?;
                }
                _ => return Ok(node),
            }
        }
    }

    /// What stands behind a sign of multiplication or division.
    fn signed_factor(&mut self, divisor: bool) -> Parse<Node> {
        if !self.sign_ahead() {
            return self.implicit(divisor);
        }
        let signs = self.signs();
        with_signs(signs, self.implicit(divisor)?)
    }

    /// The quotient by what stands behind the slash at the current place.
    #[inline(never)]
    fn divide(&mut self, node: Node) -> Parse<Node> {
        let over = node.into_value()?;
        let literal = matches!(over, Expr::Integer(_)) && self.behind_literal();
        self.advance();
        if literal && self.kind() == Kind::Digits {
            // `1/2x` is a half of x.
            let under = self.power()?.into_value()?;
            let fraction = Node::value(quotient(over, under));
            return if self.factor_ahead() {
                let rest = self.implicit(false)?;
                self.multiply(fraction, rest)
            } else {
                Ok(fraction)
            };
        }
        let under = self.signed_factor(true)?.into_value()?;
        let node = Node::value(divided(over, under));
        if self.factor_ahead() {
            let rest = self.implicit(false)?;
            return self.multiply(node, rest);
        }
        Ok(node)
    }

    /// Factors without a sign between them. A divisor that is a number ends at a space: `\pi/4 x`
    /// is a quarter of pi times x.
    pub(super) fn implicit(&mut self, divisor: bool) -> Parse<Node> {
        let first = self.power()?;
        if !self.factor_ahead() {
            return Ok(first);
        }
        self.factors_behind(first, divisor)
    }

    #[inline(never)]
    fn factors_behind(&mut self, mut node: Node, divisor: bool) -> Parse<Node> {
        if divisor
            && self.behind_literal()
            && is_spaced(self.token())
            && matches!(node.as_value(), Some(Expr::Integer(_)))
        {
            return Ok(node);
        }
        while matches!(node, Node::Value(_) | Node::Matrix(_)) && self.factor_ahead() {
            if self.kind() == Kind::Open(Delimiter::Group)
                && self.ahead(1) == Kind::Close(Delimiter::Group)
                && !self.chosen_ahead()
            {
                self.at += 2;
                continue;
            }
            let next = self.power()?;
            node = self.multiply(node, next)?;
        }
        Ok(node)
    }

    /// The product of two factors.
    #[inline(never)]
    pub(super) fn multiply(&mut self, left: Node, right: Node) -> Parse<Node> {
        match (left, right) {
            (Node::Value(left), Node::Value(right)) => {
                if let Expr::Power(base, exponent) = &*right
                    && is_ten(base)
                    && let Some(number) = self.scaled(&left, exponent)
                {
                    return Ok(Node::value(number));
                }
                let mut factors = match *left {
                    Expr::Product(factors) => factors,
                    left => vec![left],
                };
                match *right {
                    Expr::Product(more) => factors.extend(more),
                    right => factors.push(right),
                }
                Ok(Node::value(Expr::Product(factors)))
            }
            (Node::Value(scalar), Node::Matrix(rows))
            | (Node::Matrix(rows), Node::Value(scalar)) => {
                let rows = matrices::scaled(&scalar, rows);
                self.check_matrix(rows)
            }
            (Node::Matrix(left), Node::Matrix(right)) => {
                let rows = matrices::product(&left, &right)?;
                self.check_matrix(rows)
            }
            _ => malformed("product of what is no value"),
        }
    }

    fn check_matrix(&mut self, rows: Vec<Vec<Expr>>) -> Parse<Node> {
        self.products += 1;
        if self.products > CHAIN {
            return Err(TooLarge.into());
        }
        let mut nodes = 0;
        let limit = self.budget.limits.nodes;
        let small = rows.iter().flatten().all(|cell| matrices::within(cell, &mut nodes, limit));
        if small { Ok(Node::Matrix(rows)) } else { Err(TooLarge.into()) }
    }

    /// Counts what wraps the node before it without a bracket.
    pub(super) fn chain(&mut self, links: &mut u32) -> Parse<()> {
        *links += 1;
        self.chained |= *links > 1;
        if *links > CHAIN { Err(TooLarge.into()) } else { Ok(()) }
    }

    /// The modulus of `\bmod m`, `\pmod m`, `(mod m)` at the current place.
    #[inline(never)]
    fn modulus(&mut self) -> Parse<Option<Expr>> {
        let word = |places| self.word_ahead(places) == Some(Meaning::Mod);
        let bracketed = self.kind() == Kind::Open(Delimiter::Round);
        let places = usize::from(bracketed);
        if self.ahead(places) == Kind::Mod || word(places) {
            self.at += 1 + places;
            let modulus = self.product()?.into_value()?;
            if bracketed {
                self.expect(Kind::Close(Delimiter::Round))?;
            }
            return Ok(Some(modulus));
        }
        if self.take(Kind::ParenMod) {
            return Ok(Some(*self.argument()?));
        }
        Ok(None)
    }
}

pub(super) fn with_signs(signs: Signs, node: Node) -> Parse<Node> {
    if !signs.negative && !signs.either {
        return Ok(node);
    }
    match node {
        Node::Value(value) => {
            let value = if signs.either {
                match *value {
                    Expr::Product(mut factors) => {
                        factors.insert(0, Expr::PlusMinus);
                        Expr::Product(factors)
                    }
                    value => Expr::Product(vec![Expr::PlusMinus, value]),
                }
            } else {
                return Ok(Node::value(Expr::Negative(value)));
            };
            Ok(Node::value(if signs.negative { negative(value) } else { value }))
        }
        Node::Matrix(rows) if !signs.either => {
            let rows = rows.into_iter().map(|row| row.into_iter().map(negative).collect());
            Ok(Node::Matrix(rows.collect()))
        }
        _ => malformed("sign before what is no value"),
    }
}

pub(super) fn integer(value: i64) -> Expr {
    Expr::Integer(BigInt::from(value))
}

pub(super) fn negative(value: Expr) -> Expr {
    Expr::Negative(Box::new(value))
}

pub(super) fn quotient(over: Expr, under: Expr) -> Expr {
    Expr::Quotient(Box::new(over), Box::new(under))
}

/// A quotient that keeps chains flat: `a/b/c` is `a/(bc)`.
fn divided(over: Expr, under: Expr) -> Expr {
    match over {
        Expr::Quotient(over, first) => {
            let mut factors = match *first {
                Expr::Product(factors) => factors,
                first => vec![first],
            };
            factors.push(under);
            quotient(*over, Expr::Product(factors))
        }
        over => quotient(over, under),
    }
}

fn is_ten(value: &Expr) -> bool {
    matches!(value, Expr::Integer(value) if *value == BigInt::from(10))
}
