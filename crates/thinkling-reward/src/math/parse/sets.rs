//! Operations on sets, and sets by a condition.

use super::super::expr::{Answer, Bracket, Expr, Quantity, SetOp};
use super::token::{Delimiter, Kind};
use super::words::{Meaning, meaning};
use super::{Node, Parse, Parser, malformed};

impl Parser<'_, '_, '_> {
    /// Unions of intersections and differences.
    pub(super) fn union(&mut self) -> Parse<Node> {
        let start = self.at;
        let first = self.intersection()?;
        if self.union_ahead(&first) { self.union_behind(start, first) } else { Ok(first) }
    }

    #[inline(never)]
    fn union_behind(&mut self, start: usize, first: Node) -> Parse<Node> {
        let mut operands = vec![self.singleton(start, first)];
        while self.kind() == Kind::Set(SetOp::Union) || self.kind() == Kind::Word {
            if self.kind() == Kind::Word && !self.union_word() {
                break;
            }
            self.advance();
            let start = self.at;
            let operand = self.intersection()?;
            operands.push(self.singleton(start, operand));
        }
        set_operation(SetOp::Union, operands).map(|node| flat(node.into_answer()))
    }

    pub(super) fn union_ahead(&self, node: &Node) -> bool {
        match self.kind() {
            Kind::Set(SetOp::Union) => true,
            Kind::Word => matches!(node, Node::Answer(_)) && self.union_word(),
            _ => false,
        }
    }

    /// `U` or "union" between sets.
    pub(super) fn union_word(&self) -> bool {
        let word = self.source(self.token());
        (word == "U" || meaning(word) == Some(Meaning::Union))
            && matches!(self.ahead(1), Kind::Open(_))
    }

    pub(super) fn intersection(&mut self) -> Parse<Node> {
        let start = self.at;
        let first = self.sum()?;
        match self.kind() {
            Kind::Set(SetOp::Intersection | SetOp::Difference) => {
                self.intersection_behind(start, first)
            }
            _ => Ok(first),
        }
    }

    #[inline(never)]
    fn intersection_behind(&mut self, start: usize, first: Node) -> Parse<Node> {
        let mut node = Node::answer(self.singleton(start, first));
        let mut changes = 0;
        let mut last = None;
        while let Kind::Set(op @ (SetOp::Intersection | SetOp::Difference)) = self.kind() {
            self.advance();
            let start = self.at;
            let right = self.sum()?;
            let right = self.singleton(start, right);
            let operands = match node.into_answer() {
                Answer::SetOperation { op: same, mut operands }
                    if last == Some(op) && same == op && may_be_set(&right) =>
                {
                    operands.push(right);
                    node = Node::answer(Answer::SetOperation { op, operands });
                    continue;
                }
                left => {
                    self.chain(&mut changes)?;
                    vec![left, right]
                }
            };
            last = Some(op);
            node = set_operation(op, operands)?;
        }
        Ok(node)
    }

    /// The set of one that a value in braces of TeX is among sets, if the tokens from `start` on
    /// are such braces.
    pub(super) fn singleton(&self, start: usize, node: Node) -> Answer {
        let answer = node.into_answer();
        match answer {
            Answer::Value(_) if self.group == (start, self.at) => {
                Answer::Group { open: Bracket::Brace, close: Bracket::Brace, items: vec![answer] }
            }
            answer => answer,
        }
    }

    /// The condition of a set, from the bar or colon on.
    pub(super) fn builder(&mut self, member: Node, delimiter: Delimiter) -> Parse<Node> {
        self.advance();
        self.context.builder = false;
        self.context.members = false;
        let condition = Box::new(self.list()?);
        self.expect(Kind::Close(delimiter))?;
        let member = Box::new(member.into_answer());
        Ok(Node::answer(Answer::SetBuilder { member, condition }))
    }
}

/// An operation on what may be sets.
pub(super) fn set_operation(op: SetOp, operands: Vec<Answer>) -> Parse<Node> {
    if !operands.iter().all(may_be_set) {
        return malformed("operation on what is no set");
    }
    Ok(Node::answer(Answer::SetOperation { op, operands }))
}

pub(super) fn may_be_set(answer: &Answer) -> bool {
    match answer {
        Answer::Group { .. }
        | Answer::SetOperation { .. }
        | Answer::EmptySet
        | Answer::NumberSet(_)
        | Answer::SetBuilder { .. }
        // `x < 1 \cup x > 2`.
        | Answer::Relation { .. } => true,
        // `A \cup B`.
        Answer::Value(Quantity { value, unit: None }) => {
            matches!(value, Expr::Symbol(_) | Expr::Call(..) | Expr::Power(..))
        }
        _ => false,
    }
}

/// A union whose operands are no unions themselves.
pub(super) fn flat(answer: Answer) -> Node {
    let Answer::SetOperation { op, operands } = answer else { return Node::answer(answer) };
    let operands = operands
        .into_iter()
        .flat_map(|operand| match operand {
            Answer::SetOperation { op: inner, operands } if inner == op => operands,
            operand => vec![operand],
        })
        .collect();
    Node::answer(Answer::SetOperation { op, operands })
}
