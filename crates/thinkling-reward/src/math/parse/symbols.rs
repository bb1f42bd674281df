//! Letters with accents, figures by their points, sets of numbers.

use super::super::expr::{Answer, Constant, Expr, Function};
use super::token::{Delimiter, Kind};
use super::{Node, Parse, Parser, malformed};

impl Parser<'_, '_, '_> {
    pub(super) fn overline(&mut self) -> Parse<Node> {
        self.advance();
        let word = self.token_at(self.at + 1);
        let points = self.kind() == Kind::Open(Delimiter::Group)
            && word.kind == Kind::Word
            && word.end - word.start > 1
            && self.source(word).bytes().all(|b| b.is_ascii_uppercase());
        let value = *self.argument()?;
        // A bar over two points is the segment between them, as is its name alone.
        Ok(Node::value(if points { value } else { Expr::Call(Function::Conjugate, vec![value]) }))
    }

    /// A name with an accent, or a call where more than a name stands below it.
    pub(super) fn accented(&mut self, accent: &str) -> Parse<Node> {
        match *self.argument()? {
            Expr::Symbol(name) => self.name(format!("{accent} {name}")),
            value => {
                let value = match value {
                    Expr::Constant(Constant::I) => Expr::Symbol("i".to_owned()),
                    value => value,
                };
                Ok(Node::value(Expr::Call(Function::Named(accent.to_owned()), vec![value])))
            }
        }
    }

    /// `\angle ABC`: a name of its own, in which the order of the points counts.
    pub(super) fn figure(&mut self, figure: &str) -> Parse<Node> {
        self.advance();
        let group = self.take(Kind::Open(Delimiter::Group));
        let token = self.token();
        let name = match token.kind {
            Kind::Word | Kind::Digits => self.source(token),
            Kind::Letter(name) => name,
            _ => return malformed("figure without points"),
        };
        self.advance();
        if group {
            self.expect(Kind::Close(Delimiter::Group))?;
        }
        Ok(Node::value(Expr::Symbol(format!("{figure} {name}"))))
    }

    /// `\mathbb{R}`.
    pub(super) fn blackboard(&mut self) -> Parse<Node> {
        self.advance();
        let group = self.take(Kind::Open(Delimiter::Group));
        let letter = if self.kind() == Kind::Word { self.split_letter() } else { '\0' };
        if group {
            self.expect(Kind::Close(Delimiter::Group))?;
        }
        match letter {
            '\0' => malformed("set of numbers without a letter"),
            letter => self.number_set(letter),
        }
    }

    /// A set of numbers with what restricts it: `\mathbb{Z}^+` is a name of its own.
    pub(super) fn number_set(&mut self, letter: char) -> Parse<Node> {
        let mark = self.kind();
        if !matches!(mark, Kind::Caret | Kind::Underscore) {
            return Ok(Node::answer(Answer::NumberSet(letter)));
        }
        let mut name = format!("set {letter}");
        while matches!(self.kind(), Kind::Caret | Kind::Underscore) {
            name.push_str(self.source(self.token()));
            self.advance();
            let group = self.take(Kind::Open(Delimiter::Group));
            loop {
                let token = self.token();
                match token.kind {
                    Kind::Plus
                    | Kind::Minus
                    | Kind::Times
                    | Kind::Digits
                    | Kind::Word
                    | Kind::Relation(_) => name.push_str(self.source(token)),
                    _ => break,
                }
                self.advance();
                if !group {
                    break;
                }
            }
            if group {
                self.expect(Kind::Close(Delimiter::Group))?;
            }
        }
        Ok(Node::value(Expr::Symbol(name)))
    }
}
