//! What stands between brackets: values, points, intervals, sets, boxes.

use super::super::expr::{Answer, Bracket, Quantity, RelationOp};
use super::merge::joined;
use super::token::{Delimiter, Kind, LOOSE};
use super::{Context, Node, Parse, Parser, malformed};

impl Parser<'_, '_, '_> {
    /// What stands between brackets, from the opening one on: a value in brackets, or a group.
    pub(super) fn bracket(&mut self, delimiter: Delimiter) -> Parse<Node> {
        let loose = self.token().flags & LOOSE != 0;
        let context = Context {
            builder: matches!(delimiter, Delimiter::Brace | Delimiter::Group),
            french: delimiter == Delimiter::Square,
            members: !loose,
            ..Context::default()
        };
        self.inside(context, |parser| parser.bracketed(delimiter))
    }

    pub(super) fn bracketed(&mut self, delimiter: Delimiter) -> Parse<Node> {
        let start = self.at;
        let node = self.members(delimiter)?;
        if delimiter == Delimiter::Group {
            self.group = (start, self.at);
        }
        Ok(node)
    }

    /// An item, where `{2}` is the set of one rather than the grouping of TeX.
    pub(super) fn member(&mut self, sets: bool) -> Parse<Answer> {
        let start = self.at;
        let node = self.item()?;
        Ok(if sets { self.singleton(start, node) } else { node.into_answer() })
    }

    pub(super) fn members(&mut self, delimiter: Delimiter) -> Parse<Node> {
        self.advance();
        if self.kind() == Kind::Close(delimiter) {
            self.advance();
            return match delimiter {
                Delimiter::Brace => Ok(Node::answer(Answer::EmptySet)),
                _ => malformed("empty brackets"),
            };
        }
        let start = self.at;
        let first = self.item()?;
        if self.kind() == Kind::Close(delimiter) && delimiter != Delimiter::Brace {
            self.advance();
            return Ok(first);
        }
        self.members_behind(start, first, delimiter)
    }

    #[inline(never)]
    fn members_behind(&mut self, start: usize, first: Node, delimiter: Delimiter) -> Parse<Node> {
        if self.context.builder && matches!(self.kind(), Kind::Bar | Kind::Mid | Kind::Colon) {
            return self.builder(first, delimiter);
        }
        if self.take(Kind::Close(delimiter)) {
            let items = vec![first.into_answer()];
            let (open, close) = (Bracket::Brace, Bracket::Brace);
            return Ok(Node::answer(Answer::Group { open, close, items }));
        }
        let mut rows = Vec::new();
        let sets = delimiter == Delimiter::Group;
        let mut items = vec![if sets { self.singleton(start, first) } else { first.into_answer() }];
        while self.separator_ahead() {
            let semicolon = self.kind() == Kind::Semicolon;
            self.separator();
            if semicolon {
                rows.push(std::mem::take(&mut items));
            }
            items.push(self.member(sets)?);
        }
        if !rows.is_empty() {
            rows.push(items);
            items = if rows.iter().all(|row| row.len() == 1) {
                rows.into_iter().flatten().collect()
            } else {
                rows.into_iter().map(joined).collect()
            };
        }
        let open = bracket_of(delimiter)?;
        let close = self.closing(delimiter)?;
        if items.len() < 2 {
            return malformed("brackets of two kinds around one value");
        }
        Ok(Node::answer(Answer::Group { open, close, items }))
    }

    /// Takes the closing bracket of a group: round and square ones may close each other.
    pub(super) fn closing(&mut self, open: Delimiter) -> Parse<Bracket> {
        let kind = self.kind();
        self.advance();
        match (open, kind) {
            (Delimiter::Round | Delimiter::Square, Kind::Close(Delimiter::Round)) => {
                Ok(Bracket::Round)
            }
            (Delimiter::Round | Delimiter::Square, Kind::Close(Delimiter::Square)) => {
                Ok(Bracket::Square)
            }
            // `[0, 1[`.
            (Delimiter::Square, Kind::Open(Delimiter::Square)) => Ok(Bracket::Round),
            (open, Kind::Close(close)) if open == close => bracket_of(open),
            _ => malformed("unbalanced brackets"),
        }
    }

    /// `]0, 1[`, from its first bracket on.
    pub(super) fn outward(&mut self) -> Parse<Node> {
        let context = Context { french: true, members: true, ..Context::default() };
        self.inside(context, |parser| {
            parser.advance();
            let first = parser.item()?.into_answer();
            if !parser.separator_ahead() {
                return malformed("unbalanced brackets");
            }
            parser.separator();
            let items = vec![first, parser.item()?.into_answer()];
            let close = match parser.kind() {
                Kind::Open(Delimiter::Square) => Bracket::Round,
                Kind::Close(Delimiter::Square) => Bracket::Square,
                Kind::Close(Delimiter::Round) => Bracket::Round,
                _ => return malformed("unbalanced brackets"),
            };
            parser.advance();
            Ok(Node::answer(Answer::Group { open: Bracket::Round, close, items }))
        })
    }

    /// `<1, 2>`, from the first sign on.
    pub(super) fn angled(&mut self) -> Parse<Node> {
        let context = Context { angle: true, members: true, ..Context::default() };
        self.inside(context, |parser| {
            parser.advance();
            let mut items = vec![parser.item()?.into_answer()];
            while parser.separator_ahead() {
                parser.separator();
                items.push(parser.item()?.into_answer());
            }
            parser.expect(Kind::Relation(RelationOp::Greater))?;
            if items.len() < 2 {
                return malformed("a relation without its left side");
            }
            let (open, close) = (Bracket::Angle, Bracket::Angle);
            Ok(Node::answer(Answer::Group { open, close, items }))
        })
    }

    /// A box: what stands in it is an answer of its own.
    pub(super) fn boxed(&mut self) -> Parse<Node> {
        self.inside(Context::default(), |parser| {
            parser.advance();
            let answer = parser.list()?;
            if matches!(parser.kind(), Kind::Dot | Kind::Comma) {
                parser.advance();
            }
            parser.expect(Kind::Close(Delimiter::Boxed))?;
            Ok(match answer {
                Answer::Value(Quantity { value, unit: None }) => Node::value(value),
                Answer::Value(Quantity { value, unit: Some(unit) }) => Node::quantity(value, unit),
                Answer::Matrix(rows) => Node::Matrix(rows),
                Answer::Words(words) => Node::Phrase(words),
                answer => Node::answer(answer),
            })
        })
    }
}

pub(super) fn bracket_of(delimiter: Delimiter) -> Parse<Bracket> {
    match delimiter {
        Delimiter::Round => Ok(Bracket::Round),
        Delimiter::Square => Ok(Bracket::Square),
        Delimiter::Brace | Delimiter::Group => Ok(Bracket::Brace),
        Delimiter::Angle => Ok(Bracket::Angle),
        _ => malformed("several values between bars"),
    }
}
