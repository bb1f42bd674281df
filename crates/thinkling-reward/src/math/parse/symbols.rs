//! Letters with accents, figures by their points, sets of numbers.

use super::super::expr::{Answer, Constant, Expr, Function, RelationOp};
use super::token::{Delimiter, Kind, Token};
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
        let mut name = match token.kind {
            Kind::Word | Kind::Digits => self.source(token).to_owned(),
            Kind::Letter(name) => name.to_owned(),
            _ => return malformed("figure without points"),
        };
        self.advance();
        // Points with space between them.
        let is_point = |name: &str| name.len() == 1 && name.bytes().all(|b| b.is_ascii_uppercase());
        if is_point(&name) {
            while self.kind() == Kind::Word && is_point(self.source(self.token())) {
                name.push_str(self.source(self.token()));
                self.advance();
            }
        }
        if group {
            self.expect(Kind::Close(Delimiter::Group))?;
        }
        Ok(Node::value(Expr::Symbol(format!("{figure} {name}"))))
    }

    /// `\mathbf{R}`: a set of numbers where nothing stands beside it or it is a side of a relation
    /// of sets, a vector elsewhere.
    pub(super) fn bold_set(&mut self, letter: char) -> Parse<Node> {
        let before = self.at.checked_sub(1).map(|at| self.token_at(at).kind);
        self.advance();
        let among_sets = match before {
            None => matches!(self.kind(), Kind::End | Kind::Set(_)),
            Some(Kind::Relation(RelationOp::In | RelationOp::NotIn | RelationOp::Subset)) => {
                self.ends_side(0) || matches!(self.kind(), Kind::Caret | Kind::Underscore)
            }
            Some(Kind::Set(_)) => self.ends_side(0),
            _ => false,
        };
        if among_sets { self.number_set(letter) } else { self.named_letter(letter) }
    }

    /// Makes a bare `Z` behind a sign of membership the set of numbers.
    pub(super) fn bare_set_ahead(&mut self) {
        let token = self.token();
        let letter = match (token.kind, self.source(token)) {
            (Kind::Word, "R") => 'R',
            (Kind::Word, "Z") => 'Z',
            (Kind::Word, "N") => 'N',
            (Kind::Word, "Q") => 'Q',
            _ => return,
        };
        let restricted = matches!(self.ahead(1), Kind::Caret | Kind::Underscore);
        if (self.ends_side(1) || restricted)
            && let Some(token) = self.tokens.get_mut(self.at)
        {
            token.kind = Kind::NumberSet(letter);
        }
    }

    /// Whether the bars from the current one on hold two points or a vector, and an equals sign and
    /// no other bars stand behind them: `|AB| = 5` names a length.
    pub(super) fn length_ahead(&self, close: Kind) -> bool {
        let before = self.at.checked_sub(1).map(|at| self.token_at(at).kind);
        let begins = matches!(before, None | Some(Kind::Comma | Kind::Semicolon | Kind::RowEnd));
        let points = |places: usize| {
            let word = self.source(self.token_at(self.at + places));
            self.ahead(places) == Kind::Word
                && (word.len() == 2 && word.bytes().all(|b| b.is_ascii_uppercase()))
        };
        let group = self.ahead(2) == Kind::Open(Delimiter::Group)
            && self.ahead(4) == Kind::Close(Delimiter::Group);
        let length = match self.ahead(1) {
            Kind::Word if points(1) => 2,
            Kind::Accent("vec") if group && self.ahead(3) == Kind::Word => 5,
            Kind::Overline if group && points(3) => 5,
            _ => return false,
        };
        let bars = |token: &Token| matches!(token.kind, Kind::Bar | Kind::Open(Delimiter::Vert));
        let rest = self.tokens.get(self.at + length + 2..).unwrap_or_default();
        begins
            && self.ahead(length) == close
            && self.ahead(length + 1) == Kind::Relation(RelationOp::Equal)
            && !rest.iter().any(bars)
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
            // The probability and the mean.
            'P' | 'E' if self.kind() == Kind::Open(Delimiter::Round) => {
                self.name(letter.to_string())
            }
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
