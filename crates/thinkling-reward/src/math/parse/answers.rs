//! Lists, relations, ratios, groups, intervals and sets: what stands around values.

use super::super::expr::{Answer, Bracket, Expr, Quantity, RelationOp, SetOp};
use super::lexer::is_wide;
use super::merge::{is_assignment, joined, merged};
use super::token::{Delimiter, Kind};
use super::words::{Meaning, meaning};
use super::{Node, Parse, Parser, malformed};

impl Parser<'_, '_, '_> {
    /// Items by commas, semicolons, "and", "or", up to what no item begins with. Semicolons part
    /// lists of items by commas.
    pub(super) fn list(&mut self) -> Parse<Answer> {
        let first = self.item()?;
        if !self.separator_ahead() {
            return Ok(first.into_answer());
        }
        let mut outer = Vec::new();
        let mut items = vec![first.into_answer()];
        let (mut either, mut both) = (false, false);
        while self.separator_ahead() {
            let semicolon = self.kind() == Kind::Semicolon;
            let connective = self.separator();
            either |= connective == Some(Connective::Or);
            both |= semicolon || connective == Some(Connective::And);
            if semicolon {
                outer.push(merged(std::mem::take(&mut items)));
            }
            items.push(self.item()?.into_answer());
        }
        if outer.is_empty() {
            if either && !both {
                items = match alternatives(items) {
                    Ok(answer) => return Ok(answer),
                    Err(items) => items,
                };
            }
            return Ok(joined(merged(items)));
        }
        outer.push(merged(items));
        if outer.iter().all(|items| items.len() == 1) {
            return Ok(joined(merged(outer.into_iter().flatten().collect())));
        }
        Ok(Answer::List(outer.into_iter().map(joined).collect()))
    }

    pub(super) fn separator_ahead(&self) -> bool {
        let token = self.token();
        match token.kind {
            Kind::Comma | Kind::Semicolon => true,
            Kind::RowEnd => self.rows,
            Kind::End | Kind::Close(_) | Kind::Relation(_) => false,
            Kind::Open(Delimiter::Round) => self.membership_ahead() || is_wide(token),
            _ => self.connective_ahead() || is_wide(token),
        }
    }

    /// Whether "and", "or" or their like stands here.
    pub(super) fn connective_ahead(&self) -> bool {
        self.connective().is_some()
    }

    /// The connective at the current place.
    fn connective(&self) -> Option<Connective> {
        let token = self.token();
        let either = match token.kind {
            Kind::Or => true,
            Kind::And => false,
            Kind::Word if meaning(self.source(token)) == Some(Meaning::Connective) => {
                self.source(token).eq_ignore_ascii_case("or")
            }
            Kind::Foreign => match self.source(token) {
                "或" | "或者" => true,
                "和" | "与" | "且" => false,
                _ => return None,
            },
            _ => return None,
        };
        Some(if either { Connective::Or } else { Connective::And })
    }

    /// Takes a separator: a comma with "and" behind it is one, a wide space takes no token.
    pub(super) fn separator(&mut self) -> Option<Connective> {
        if matches!(self.kind(), Kind::Comma | Kind::Semicolon | Kind::RowEnd) {
            self.advance();
        }
        let connective = self.connective();
        self.at += usize::from(connective.is_some());
        connective
    }

    /// Whether brackets stand here that say where a name is from: `(k \in \mathbb{Z})`.
    pub(super) fn membership_ahead(&self) -> bool {
        const LONGEST: usize = 16;
        if self.kind() != Kind::Open(Delimiter::Round)
            || !matches!(self.ahead(1), Kind::Word | Kind::Letter(_))
        {
            return false;
        }
        if self.ahead(2) != Kind::Relation(RelationOp::In) {
            return false;
        }
        let close =
            (3..LONGEST).find(|&places| self.ahead(places) == Kind::Close(Delimiter::Round));
        close.is_some_and(|close| self.ends_side(close + 1))
    }

    /// A term or a chain of relations between terms.
    pub(super) fn item(&mut self) -> Parse<Node> {
        self.count()?;
        let first = self.side()?;
        match self.kind() {
            Kind::Relation(_) | Kind::Not => self.chain_behind(first),
            Kind::Word if self.in_ahead() => self.chain_behind(first),
            _ => Ok(first),
        }
    }

    /// The chain of relations that begins with that term.
    #[inline(never)]
    fn chain_behind(&mut self, first: Node) -> Parse<Node> {
        let Some(op) = self.relation()? else {
            return Ok(first);
        };
        let mut terms = Vec::with_capacity(2);
        let mut ops = vec![op];
        terms.push(named_term(first)?);
        loop {
            self.count()?;
            terms.push(self.side()?.into_answer());
            match self.relation()? {
                Some(op) => ops.push(op),
                None => break,
            }
        }
        Ok(Node::answer(Answer::Relation { terms, ops }))
    }

    /// "in" before what can only be a set.
    pub(super) fn in_ahead(&self) -> bool {
        self.kind() == Kind::Word
            && self.source(self.token()) == "in"
            && matches!(
                self.ahead(1),
                Kind::Open(_) | Kind::Blackboard | Kind::NumberSet(_) | Kind::EmptySet
            )
    }

    /// Takes a relation.
    fn relation(&mut self) -> Parse<Option<RelationOp>> {
        let negated = self.take(Kind::Not);
        if self.in_ahead() {
            self.advance();
            self.bare_set_ahead();
            return Ok(Some(RelationOp::In));
        }
        let Kind::Relation(op) = self.kind() else {
            return if negated { malformed("negation without a relation") } else { Ok(None) };
        };
        if self.context.angle && op == RelationOp::Greater {
            return Ok(None);
        }
        self.advance();
        // An aligned relation: `&=`, and a line that goes on with one.
        self.take(Kind::Ampersand);
        if matches!(op, RelationOp::In | RelationOp::NotIn) {
            self.bare_set_ahead();
        }
        if !negated {
            return Ok(Some(op));
        }
        Ok(Some(match op {
            RelationOp::Equal => RelationOp::NotEqual,
            RelationOp::In => RelationOp::NotIn,
            RelationOp::Less => RelationOp::GreaterEqual,
            RelationOp::Greater => RelationOp::LessEqual,
            RelationOp::LessEqual => RelationOp::Greater,
            RelationOp::GreaterEqual => RelationOp::Less,
            _ => return malformed("negation of a relation that has none"),
        }))
    }

    /// A side of a relation: a value with its unit, a set expression, a ratio.
    fn side(&mut self) -> Parse<Node> {
        let around = self.unit.take();
        let node = self.union()?;
        let node = self.with_unit(node);
        self.unit = around;
        if self.rows && self.kind() == Kind::Ampersand {
            self.advance();
        }
        match self.kind() {
            Kind::Colon if !self.context.builder => self.ratio_behind(node?),
            Kind::Word | Kind::Foreign if self.to_ahead() => self.ratio_behind(node?),
            _ => node,
        }
    }

    /// Whether "to" stands between whole numbers here: "3 to 4".
    pub(super) fn to_ahead(&self) -> bool {
        let sign = match self.kind() {
            Kind::Word => self.source(self.token()) == "to",
            Kind::Foreign => self.source(self.token()) == "比",
            _ => false,
        };
        let next = self.token_at(self.at + 2);
        let goes_on = matches!(next.kind, Kind::Word | Kind::Foreign)
            && matches!(self.source(next), "to" | "比");
        sign && self.behind_literal()
            && self.ahead(1) == Kind::Digits
            && (self.ends_side(2) || goes_on)
    }

    fn take_to(&mut self) -> bool {
        let taken = self.to_ahead();
        self.at += usize::from(taken);
        taken
    }

    /// The ratio or the time that begins with that term.
    #[inline(never)]
    fn ratio_behind(&mut self, node: Node) -> Parse<Node> {
        if let Some(time) = self.time(&node) {
            return Ok(Node::value(time));
        }
        let mut terms = vec![ratio_term(node)?];
        while self.take(Kind::Colon) || self.take_to() {
            let node = self.union()?;
            let node = self.with_unit(node)?;
            terms.push(ratio_term(node)?);
        }
        Ok(Node::answer(Answer::Ratio(terms)))
    }
}

/// What parts the members of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connective {
    And,
    Or,
}

/// Conditions joined by "or" as a union, words so joined as words; any others are given back.
fn alternatives(items: Vec<Answer>) -> Result<Answer, Vec<Answer>> {
    let is_condition = |item: &Answer| match item {
        Answer::Relation { ops, .. } => ops.iter().all(|op| {
            matches!(
                op,
                RelationOp::Less
                    | RelationOp::LessEqual
                    | RelationOp::Greater
                    | RelationOp::GreaterEqual
                    | RelationOp::NotEqual
                    | RelationOp::In
            )
        }),
        _ => false,
    };
    if items.iter().any(is_condition)
        && items.iter().all(|item| is_condition(item) || is_assignment(item))
    {
        let items = items.into_iter().map(as_membership).collect();
        return Ok(Answer::SetOperation { op: SetOp::Union, operands: items });
    }
    let words: Option<Vec<&str>> = items
        .iter()
        .map(|item| match item {
            Answer::Words(words) => Some(words.as_str()),
            _ => None,
        })
        .collect();
    match words {
        Some(words) => Ok(Answer::Words(words.join(" or "))),
        None => Err(items),
    }
}

/// `x = 2` as membership in the set of that value; other conditions as they are.
fn as_membership(item: Answer) -> Answer {
    match item {
        Answer::Relation { mut terms, ops }
            if ops.as_slice() == [RelationOp::Equal] && terms.len() == 2 =>
        {
            let items = terms.pop().into_iter().collect();
            terms.push(Answer::Group { open: Bracket::Brace, close: Bracket::Brace, items });
            Answer::Relation { terms, ops: vec![RelationOp::In] }
        }
        item => item,
    }
}

/// The left side of a relation, where words are a name.
fn named_term(node: Node) -> Parse<Answer> {
    let Node::Phrase(name) = node else { return Ok(node.into_answer()) };
    // "not x = 6" names nothing.
    let prose = name.split(' ').any(|word| meaning(word) == Some(Meaning::Stop) && word != "the");
    if prose {
        return malformed("prose before a relation");
    }
    Ok(Answer::Value(Quantity { value: Expr::Symbol(name), unit: None }))
}

fn ratio_term(node: Node) -> Parse<Answer> {
    match node {
        Node::Value(_) => Ok(node.into_answer()),
        Node::Answer(answer) if matches!(*answer, Answer::Value(_)) => Ok(*answer),
        _ => malformed("ratio of what is no value"),
    }
}
