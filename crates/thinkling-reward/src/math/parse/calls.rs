//! Functions with a rule, and sums, integrals and limits.

use super::super::expr::{Constant, Expr, Function, RelationOp};
use super::expressions::{integer, negative, quotient};
use super::lexer::is_spaced;
use super::matrices;
use super::token::{Delimiter, Kind};
use super::words::Callee;
use super::{Context, Node, Parse, Parser, malformed};

impl Parser<'_, '_, '_> {
    /// Values by commas in brackets of any kind, from the opening one on.
    pub(super) fn arguments(&mut self) -> Parse<Vec<Expr>> {
        let Kind::Open(delimiter) = self.kind() else { return malformed("arguments missing") };
        let context = Context { members: true, ..Context::default() };
        self.inside(context, |parser| {
            parser.advance();
            let mut arguments = vec![parser.sum()?.into_value()?];
            while matches!(parser.kind(), Kind::Comma | Kind::Semicolon) {
                parser.advance();
                arguments.push(parser.sum()?.into_value()?);
            }
            parser.expect(Kind::Close(delimiter))?;
            Ok(arguments)
        })
    }

    /// A call, from behind the name on; `plain` where the name had no backslash.
    pub(super) fn call(&mut self, callee: Callee, plain: bool) -> Parse<Node> {
        self.deeper(|parser| parser.called(callee, plain))
    }

    fn called(&mut self, callee: Callee, plain: bool) -> Parse<Node> {
        let (mut base, mut exponent) = (None, None);
        if plain && callee == Callee::Log && self.digits_as_base() {
            let digits = self.source(self.token());
            self.advance();
            base = Some(Expr::Integer(self.integer(digits)?));
        }
        loop {
            match self.kind() {
                Kind::Underscore if base.is_none() && callee == Callee::Log => {
                    self.advance();
                    base = Some(*self.base()?);
                }
                Kind::Caret if exponent.is_none() => {
                    self.advance();
                    exponent = Some(self.exponent()?);
                }
                _ => break,
            }
        }
        let inverted = exponent.as_deref().is_some_and(is_minus_one).then(|| callee.inverse());
        let (callee, exponent) = match inverted.flatten() {
            Some(inverse) => (inverse, None),
            None => (callee, exponent),
        };
        let value = if callee.takes_list() {
            self.list_call(callee)?
        } else if callee == Callee::Det {
            let node = self.deeper(Self::operand)?;
            let Node::Matrix(rows) = node else { return malformed("determinant of no matrix") };
            matrices::determinant(&rows)?
        } else {
            let argument = self.call_argument()?;
            applied(callee, argument, base)
        };
        Ok(Node::value(match exponent {
            Some(exponent) => Expr::Power(Box::new(value), exponent),
            None => value,
        }))
    }

    /// `log2(8)`.
    fn digits_as_base(&self) -> bool {
        self.kind() == Kind::Digits
            && !is_spaced(self.token())
            && self.ahead(1) == Kind::Open(Delimiter::Round)
    }

    /// The base of a logarithm: digits are one number where an argument stands behind them, else
    /// the first is the base and the others are the argument.
    fn base(&mut self) -> Parse<Box<Expr>> {
        if self.kind() == Kind::Digits {
            self.count()?;
            let all = self.source(self.token());
            if all.len() > 1 && self.ends_side(1) {
                let digit = self.split_digit().unwrap_or("0");
                return Ok(Box::new(Expr::Integer(self.integer(digit)?)));
            }
            self.advance();
            return Ok(Box::new(Expr::Integer(self.integer(all)?)));
        }
        self.argument()
    }

    fn list_call(&mut self, callee: Callee) -> Parse<Expr> {
        let function = callee.function().unwrap_or(Function::Max);
        let arguments = self.arguments()?;
        if callee == Callee::Binomial && arguments.len() != 2 {
            return malformed("binomial without two arguments");
        }
        Ok(Expr::Call(function, arguments))
    }

    /// The argument of a function: what stands in brackets, or a product of what no bracket and no
    /// other function begins.
    fn call_argument(&mut self) -> Parse<Vec<Expr>> {
        if let Kind::Open(
            Delimiter::Round | Delimiter::Square | Delimiter::Brace | Delimiter::Group,
        ) = self.kind()
        {
            return self.arguments();
        }
        let minus = self.take(Kind::Minus);
        let mut node = self.power()?;
        let mut angle = self.behind_angle();
        let mut numbers = matches!(node.as_value(), Some(Expr::Integer(_) | Expr::Decimal(_)));
        while self.factor_ahead() && !self.ends_argument(numbers) {
            let next = self.power()?;
            angle |= self.behind_angle();
            numbers = false;
            node = self.multiply(node, next)?;
        }
        let mut value = node.into_value()?;
        // `\sin\pi/6` is the sine of a sixth of pi.
        if angle && self.kind() == Kind::Slash && self.ahead(1) == Kind::Digits {
            self.advance();
            let under = self.power()?.into_value()?;
            value = quotient(value, under);
        }
        Ok(vec![if minus { negative(value) } else { value }])
    }

    /// Whether the token before is one that only angles have.
    fn behind_angle(&self) -> bool {
        let before = self.at.checked_sub(1).map(|at| self.token_at(at));
        before.is_some_and(|token| {
            matches!(token.kind, Kind::Constant(Constant::Pi))
                || (token.kind == Kind::Word && self.source(token) == "pi")
        })
    }

    /// Whether a factor is none of the argument: another function, or brackets behind more than a
    /// number.
    fn ends_argument(&self, numbers: bool) -> bool {
        match self.kind() {
            Kind::Function(_) | Kind::Big(_) | Kind::Bar => true,
            Kind::Open(_) => !numbers,
            Kind::Word => {
                matches!(self.word_meaning(), Some(super::words::Meaning::Callee(_)))
            }
            _ => false,
        }
    }

    fn word_meaning(&self) -> Option<super::words::Meaning> {
        super::words::meaning(self.source(self.token()))
    }

    /// A sum, a product, an integral or a limit, from behind its sign on.
    pub(super) fn big(&mut self, name: &'static str) -> Parse<Node> {
        let (mut lower, mut upper) = (None, None);
        let mut variable = None;
        loop {
            match self.kind() {
                Kind::Underscore if lower.is_none() => {
                    self.advance();
                    let (bound, value) = self.lower_bound(name)?;
                    variable = bound;
                    lower = Some(value);
                }
                Kind::Caret if upper.is_none() && name != "limit" => {
                    self.advance();
                    upper = Some(*self.exponent()?);
                }
                _ => break,
            }
        }
        if name == "integral" {
            return self.integral(lower, upper);
        }
        let index = matches!(&variable, Some(Expr::Symbol(i)) if i == "i");
        let around = self.index_i;
        self.index_i = index || around;
        let body = self.product();
        self.index_i = around;
        let mut arguments = vec![body?.into_value()?];
        let name = match (name, self.side_of_limit.take()) {
            ("limit", Some(side)) => side,
            (name, _) => name,
        };
        arguments.extend([variable, lower, upper].into_iter().flatten());
        let whole = if name.starts_with("limit") { 3 } else { 4 };
        let bare = arguments.len() == 1 && whole == 4;
        if arguments.len() != whole && !bare {
            return malformed("sum or limit without its bounds");
        }
        Ok(Node::value(Expr::Call(Function::Named(name.to_owned()), arguments)))
    }

    /// `k=0` of a sum, `x\to 0` of a limit: the variable and where it begins or goes to. Of an
    /// integral a value alone.
    fn lower_bound(&mut self, name: &'static str) -> Parse<(Option<Expr>, Expr)> {
        if name == "integral" {
            return Ok((None, *self.argument()?));
        }
        if self.kind() != Kind::Open(Delimiter::Group) {
            return malformed("sum or limit without its bounds");
        }
        self.inside(Context::default(), |parser| {
            parser.advance();
            let around = std::mem::replace(&mut parser.index_i, true);
            let variable = parser.operand();
            parser.index_i = around;
            let variable = variable?.into_value()?;
            let sign = if name == "limit" { RelationOp::Arrow } else { RelationOp::Equal };
            parser.expect(Kind::Relation(sign))?;
            let value = parser.sum_before_side()?;
            parser.expect(Kind::Close(Delimiter::Group))?;
            match variable {
                Expr::Symbol(_) => Ok((Some(variable), value)),
                _ => malformed("bound of what is no name"),
            }
        })
    }

    /// The target of a limit, with the side from which it is reached: `0^+`.
    fn sum_before_side(&mut self) -> Parse<Expr> {
        let negative_target = self.take(Kind::Minus);
        let plain = matches!(self.kind(), Kind::Digits | Kind::Word)
            && self.ahead(1) == Kind::Caret
            && matches!(self.ahead(2), Kind::Plus | Kind::Minus)
            && self.ahead(3) == Kind::Close(Delimiter::Group);
        let value = if plain {
            let value = self.operand()?.into_value()?;
            self.side_of_limit =
                Some(if self.ahead(1) == Kind::Plus { "limit+" } else { "limit-" });
            self.at += 2;
            value
        } else {
            self.sum()?.into_value()?
        };
        Ok(if negative_target { negative(value) } else { value })
    }

    fn integral(&mut self, lower: Option<Expr>, upper: Option<Expr>) -> Parse<Node> {
        let context = Context { integral: true, ..Context::default() };
        let (body, variable) = self.inside(context, |parser| {
            let body = if parser.differential(0).is_some() {
                integer(1)
            } else {
                parser.sum()?.into_value()?
            };
            let Some(length) = parser.differential(0) else {
                return malformed("integral without its variable");
            };
            let variable = parser.differential_name();
            parser.at += length;
            Ok((body, variable))
        })?;
        let mut arguments = vec![body, Expr::Symbol(variable)];
        match (lower, upper) {
            (Some(lower), Some(upper)) => arguments.extend([lower, upper]),
            (None, None) => {}
            _ => return malformed("integral with one bound"),
        }
        Ok(Node::value(Expr::Call(Function::Named("integral".to_owned()), arguments)))
    }

    /// How many tokens `dx` takes that many places ahead, where it stands there.
    pub(super) fn differential(&self, places: usize) -> Option<usize> {
        let token = self.token_at(self.at + places);
        let word = self.source(token);
        match (token.kind, word.len()) {
            (Kind::Word, 2) if word.starts_with('d') => Some(1),
            (Kind::Word, 1) if word == "d" => {
                let next = self.token_at(self.at + places + 1);
                let name = next.kind == Kind::Word && next.end - next.start == 1;
                (name || matches!(next.kind, Kind::Letter(_))).then_some(2)
            }
            _ => None,
        }
    }

    /// The variable of the differential at the current place.
    fn differential_name(&self) -> String {
        let word = self.source(self.token());
        match (word.get(1..), self.ahead(1)) {
            (Some(name), _) if !name.is_empty() => name.to_owned(),
            (_, Kind::Letter(name)) => name.to_owned(),
            _ => self.source(self.token_at(self.at + 1)).to_owned(),
        }
    }
}

fn is_minus_one(value: &Expr) -> bool {
    matches!(value, Expr::Negative(inner) if **inner == integer(1))
}

/// A function of its argument. Functions that the tree does not have become those that it has.
fn applied(callee: Callee, mut arguments: Vec<Expr>, base: Option<Expr>) -> Expr {
    if let Some(function) = callee.function() {
        arguments.extend(base);
        return Expr::Call(function, arguments);
    }
    let argument = arguments.pop().unwrap_or_else(|| integer(0));
    let reciprocal = |function| quotient(integer(1), Expr::Call(function, vec![argument.clone()]));
    match callee {
        Callee::Coth => reciprocal(Function::Tanh),
        Callee::Sech => reciprocal(Function::Cosh),
        Callee::Csch => reciprocal(Function::Sinh),
        Callee::Lg => Expr::Call(Function::Log, vec![argument, integer(10)]),
        Callee::Sqrt => Expr::Call(Function::Root, vec![argument, integer(2)]),
        Callee::Cbrt => Expr::Call(Function::Root, vec![argument, integer(3)]),
        // cos x + i sin x is e to ix.
        _ => {
            let exponent = Expr::Product(vec![Expr::Constant(Constant::I), argument]);
            Expr::Power(Box::new(Expr::Constant(Constant::E)), Box::new(exponent))
        }
    }
}
