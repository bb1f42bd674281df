//! Lists, relations, ratios, groups, intervals and sets: what stands around values.

use super::super::expr::{Answer, Expr, Quantity, RelationOp};
use super::lexer::is_wide;
use super::merge::{joined, merged};
use super::token::Kind;
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
        while self.separator_ahead() {
            let semicolon = self.kind() == Kind::Semicolon;
            self.separator();
            if semicolon {
                outer.push(merged(std::mem::take(&mut items)));
            }
            items.push(self.item()?.into_answer());
        }
        if outer.is_empty() {
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
            _ => self.connective_ahead() || is_wide(token),
        }
    }

    /// "and", "or" and their like.
    pub(super) fn connective_ahead(&self) -> bool {
        let token = self.token();
        match token.kind {
            Kind::Word => meaning(self.source(token)) == Some(Meaning::Connective),
            Kind::Foreign => matches!(self.source(token), "和" | "或" | "与" | "或者"),
            _ => false,
        }
    }

    /// Takes a separator: a comma with "and" behind it is one, a wide space takes no token.
    pub(super) fn separator(&mut self) {
        if matches!(self.kind(), Kind::Comma | Kind::Semicolon | Kind::RowEnd) {
            self.advance();
        }
        if self.connective_ahead() {
            self.advance();
        }
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
            _ => node,
        }
    }

    /// The ratio or the time that begins with that term.
    #[inline(never)]
    fn ratio_behind(&mut self, node: Node) -> Parse<Node> {
        if let Some(time) = self.time(&node) {
            return Ok(Node::Phrase(time));
        }
        let mut terms = vec![ratio_term(node)?];
        while self.take(Kind::Colon) {
            let node = self.union()?;
            let node = self.with_unit(node)?;
            terms.push(ratio_term(node)?);
        }
        Ok(Node::answer(Answer::Ratio(terms)))
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
