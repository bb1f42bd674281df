//! Operands: literals, names, fractions, roots, what stands between brackets.

use super::super::expr::{Answer, Expr, Function};
use super::bases::base_of;
use super::expressions::{integer, quotient};
use super::token::{Delimiter, Environment, Kind, LEFT, TEXT};
use super::words::{Meaning, meaning};
use super::{Context, Node, Parse, Parser, malformed, matrices};

impl Parser<'_, '_, '_> {
    /// An operand without what stands behind it.
    pub(super) fn operand(&mut self) -> Parse<Node> {
        self.count()?;
        let token = self.token();
        if token.flags & TEXT != 0
            && matches!(token.kind, Kind::Digits | Kind::Word)
            && let Some((digits, base)) = self.based_text()
        {
            return Ok(Node::value(self.based(digits, base)?));
        }
        match token.kind {
            Kind::Digits
            | Kind::Decimal
            | Kind::Scientific
            | Kind::Based(_)
            | Kind::Vulgar(..)
            | Kind::Dot => Ok(Node::value(self.number()?)),
            Kind::Word | Kind::Foreign => self.word(),
            Kind::Letter(name) => {
                self.advance();
                self.name(name.to_owned())
            }
            Kind::Constant(constant) => {
                self.advance();
                Ok(Node::value(Expr::Constant(constant)))
            }
            Kind::Function(callee) => {
                self.advance();
                self.call(callee, false)
            }
            Kind::Big(name) => {
                self.advance();
                self.deeper(|parser| parser.big(name))
            }
            Kind::Open(delimiter) => self.opened(delimiter),
            Kind::Close(Delimiter::Square) => self.outward(),
            Kind::Bar => self.absolute(Kind::Bar),
            Kind::DoubleBar => self.norm(),
            Kind::Fraction => self.fraction(),
            Kind::Binomial => {
                self.advance();
                let over = *self.short_argument()?;
                let under = *self.short_argument()?;
                Ok(Node::value(Expr::Call(Function::Binomial, vec![over, under])))
            }
            Kind::Root => self.root(),
            Kind::RootSign(index) => {
                self.advance();
                let value = self.deeper(Self::operand)?.into_value()?;
                Ok(Node::value(root(value, integer(index.into()))))
            }
            Kind::Overline => self.overline(),
            Kind::DotAccent => {
                self.advance();
                self.accented("dot")
            }
            Kind::Accent(name) => {
                self.advance();
                self.accented(name)
            }
            Kind::Figure(name) => self.figure(name),
            Kind::Blackboard => self.blackboard(),
            Kind::BoldSet(letter) => self.bold_set(letter),
            Kind::Underscore | Kind::Caret => self.chosen(),
            Kind::NumberSet(letter) => {
                self.advance();
                self.number_set(letter)
            }
            Kind::EmptySet => {
                self.advance();
                Ok(Node::answer(Answer::EmptySet))
            }
            Kind::Money(sign) => self.money(sign),
            Kind::Begin(environment) => self.environment(environment),
            Kind::Ellipsis => {
                self.advance();
                Ok(Node::value(Expr::Symbol("...".to_owned())))
            }
            Kind::Relation(super::super::expr::RelationOp::Less) => self.angled(),
            _ => malformed("operand missing"),
        }
    }

    fn opened(&mut self, delimiter: Delimiter) -> Parse<Node> {
        let function = match delimiter {
            Delimiter::Boxed => return self.boxed(),
            Delimiter::Floor => Function::Floor,
            Delimiter::Ceil => Function::Ceil,
            Delimiter::Vert => return self.absolute(Kind::Close(Delimiter::Vert)),
            Delimiter::DoubleVert => Function::Named("norm".to_owned()),
            Delimiter::Group if self.chosen_ahead() => {
                self.at += 2;
                return self.chosen();
            }
            Delimiter::Brace if self.braced_cases_ahead() => {
                self.advance();
                return self.environment(Environment::Cases);
            }
            Delimiter::Round => {
                let node = self.bracket(delimiter)?;
                return self.based_bracket(node);
            }
            delimiter => return self.bracket(delimiter),
        };
        self.inside(Context::default(), |parser| {
            parser.advance();
            let value = parser.sum()?.into_value()?;
            parser.expect(Kind::Close(delimiter))?;
            Ok(Node::value(Expr::Call(function, vec![value])))
        })
    }

    /// `(1011)_2`.
    fn based_bracket(&mut self, node: Node) -> Parse<Node> {
        if self.kind() != Kind::Underscore {
            return Ok(node);
        }
        let Some(Expr::Integer(_)) = node.as_value() else {
            return malformed("subscript of brackets");
        };
        let Some(digits) = self.at.checked_sub(2).map(|at| self.source(self.token_at(at))) else {
            return malformed("subscript of brackets");
        };
        self.advance();
        let group = self.take(Kind::Open(Delimiter::Group));
        let base = base_of(self.source(self.token())).unwrap_or(0);
        self.advance();
        if group {
            self.expect(Kind::Close(Delimiter::Group))?;
        }
        let fits = base > 0 && digits.chars().all(|c| c.is_digit(base));
        if !fits {
            return malformed("digits that the base does not have");
        }
        Ok(Node::value(self.based(digits, base)?))
    }

    /// Between bars: an absolute value, or a determinant.
    fn absolute(&mut self, close: Kind) -> Parse<Node> {
        let explicit = self.token().flags & LEFT != 0;
        let length = self.length_ahead(close);
        let context = Context { bar: close == Kind::Bar, ..Context::default() };
        self.inside(context, |parser| {
            parser.advance();
            let node = parser.sum()?;
            let determinant = matches!(node, Node::Matrix(_));
            let value = matrices::in_bars(node)?;
            if parser.kind() != close && !(explicit && parser.kind() == Kind::Mid) {
                return malformed("unbalanced bars");
            }
            parser.advance();
            let function = match length {
                _ if determinant => return Ok(Node::value(value)),
                true => Function::Named("length".to_owned()),
                false => Function::Abs,
            };
            Ok(Node::value(Expr::Call(function, vec![value])))
        })
    }

    fn norm(&mut self) -> Parse<Node> {
        self.inside(Context::default(), |parser| {
            parser.advance();
            let value = parser.sum()?.into_value()?;
            parser.expect(Kind::DoubleBar)?;
            Ok(Node::value(Expr::Call(Function::Named("norm".to_owned()), vec![value])))
        })
    }

    fn fraction(&mut self) -> Parse<Node> {
        self.advance();
        let over = self.short_argument()?;
        let under = self.short_argument()?;
        if is_differential(&under) {
            return self.derivative(*over, *under);
        }
        Ok(Node::value(Expr::Quotient(over, under)))
    }

    /// A fraction with `dx` below: a derivative, where `dy` or `d` stands above.
    #[inline(never)]
    fn derivative(&mut self, over: Expr, under: Expr) -> Parse<Node> {
        let function = match &over {
            Expr::Product(parts) => match parts.as_slice() {
                [d, function] if is_d(d) => function.clone(),
                _ => return Ok(Node::value(quotient(over, under))),
            },
            // The operator before its function.
            d if is_d(d) => self.implicit(false)?.into_value()?,
            _ => return Ok(Node::value(quotient(over, under))),
        };
        let Expr::Product(mut variable) = under else { return malformed("operand missing") };
        let variable = variable.pop().unwrap_or_else(|| integer(1));
        let name = Function::Named("derivative".to_owned());
        Ok(Node::value(Expr::Call(name, vec![function, variable])))
    }

    fn root(&mut self) -> Parse<Node> {
        self.advance();
        let index = if self.kind() == Kind::Open(Delimiter::Square) {
            self.inside(Context::default(), |parser| {
                parser.advance();
                let index = parser.sum()?.into_value()?;
                parser.expect(Kind::Close(Delimiter::Square))?;
                Ok(index)
            })?
        } else {
            integer(2)
        };
        let value = self.argument()?;
        Ok(Node::value(root(*value, index)))
    }

    /// The argument of a command: a group, or the next operand; digits are one number.
    pub(super) fn argument(&mut self) -> Parse<Box<Expr>> {
        match self.kind() {
            Kind::Open(Delimiter::Group) => self.group_value(),
            Kind::Word => self.short_word()?.into_boxed(),
            _ => self.deeper(Self::operand)?.into_boxed(),
        }
    }

    /// The argument of a command with several, which is one digit where braces are left out.
    fn short_argument(&mut self) -> Parse<Box<Expr>> {
        if self.kind() == Kind::Digits {
            self.count()?;
            let digit = self.split_digit().unwrap_or("0");
            return Ok(Box::new(Expr::Integer(self.integer(digit)?)));
        }
        self.argument()
    }

    /// A word where TeX takes one letter: a word with a meaning is taken whole all the same, as
    /// plain text means it.
    pub(super) fn short_word(&mut self) -> Parse<Node> {
        let token = self.token();
        let word = self.source(token);
        let known = matches!(
            meaning(word),
            Some(Meaning::Callee(_) | Meaning::Constant(_) | Meaning::Letter(_))
        );
        if known || word.len() == 1 || token.flags & TEXT != 0 {
            return self.deeper(Self::word);
        }
        self.count()?;
        let letter = self.split_letter();
        Ok(Node::value(self.letter(letter)))
    }

    /// The value in a group of TeX, from its brace on.
    pub(super) fn group_value(&mut self) -> Parse<Box<Expr>> {
        let context = Context { argument: true, ..Context::default() };
        self.inside(context, |parser| {
            parser.advance();
            let mut value = parser.sum()?.into_boxed()?;
            if parser.take(Kind::Percent) {
                value = Box::new(Expr::Quotient(value, Box::new(integer(100))));
            }
            parser.expect(Kind::Close(Delimiter::Group))?;
            Ok(value)
        })
    }

    /// Takes one letter from the word at the current place.
    pub(super) fn split_letter(&mut self) -> char {
        let token = self.token();
        let letter = self.source(token).chars().next().unwrap_or('\0');
        if token.end - token.start > 1
            && let Some(token) = self.tokens.get_mut(self.at)
        {
            token.start += 1;
            token.flags &= TEXT;
        } else {
            self.advance();
        }
        letter
    }
}

pub(super) fn root(value: Expr, index: Expr) -> Expr {
    Expr::Call(Function::Root, vec![value, index])
}

fn is_d(value: &Expr) -> bool {
    match value {
        Expr::Symbol(d) => d == "d" || d == "partial",
        // `d^2`.
        Expr::Power(base, _) => is_d(base),
        _ => false,
    }
}

/// Whether it is `dx` or `dx^2`: such a fraction is no quotient in which `d` cancels.
fn is_differential(under: &Expr) -> bool {
    let Expr::Product(under) = under else { return false };
    matches!(under.as_slice(), [d, _] if is_d(d))
}
