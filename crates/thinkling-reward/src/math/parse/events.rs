//! What no value is in the brackets behind a name: events, as in `P(X = 1)` and `P(A | B)`.
//!
//! Such a call is a name with its argument as text, in which signs have one spelling.

use super::super::expr::{Expr, Function, RelationOp, SetOp};
use super::token::{Delimiter, Kind, TEXT, Token};
use super::words::{Meaning, is_product, meaning};
use super::{Node, Parser};

/// Names of what events and sets have: probabilities, means, numbers of members.
const NAMES: &[&str] = &["P", "p", "Pr", "E", "N", "n"];

impl Parser<'_, '_, '_> {
    /// Takes the brackets at the current place with the event in them, where the name before
    /// them is one that events have.
    pub(super) fn event(&mut self, name: &str) -> Option<Node> {
        let length = self.event_length().filter(|_| NAMES.contains(&name))?;
        let event: String =
            (1..length).map(|place| self.spelled(self.token_at(self.at + place))).collect();
        self.at += length + 1;
        let name = Function::Named(name.to_owned());
        Some(Node::value(Expr::Call(name, vec![Expr::Symbol(event)])))
    }

    /// How many tokens ahead the bracket closes that is open at the current place, where it holds
    /// an event.
    fn event_length(&self) -> Option<usize> {
        const LONGEST: usize = 48;
        if self.kind() != Kind::Open(Delimiter::Round) {
            return None;
        }
        let (mut depth, mut bars, mut event) = (1_u32, 0_u32, false);
        for places in 1..LONGEST {
            let token = self.token_at(self.at + places);
            match token.kind {
                Kind::Open(Delimiter::Round) => depth += 1,
                Kind::Close(Delimiter::Round) if depth == 1 => {
                    return (event || bars % 2 == 1).then_some(places);
                }
                Kind::Close(Delimiter::Round) => depth -= 1,
                Kind::Bar if depth == 1 => bars += 1,
                Kind::Relation(_) | Kind::Set(_) | Kind::Mid | Kind::Not | Kind::Or | Kind::And => {
                    event = true;
                }
                Kind::Word => event |= self.is_spoken(token),
                Kind::Foreign => event = true,
                Kind::End | Kind::RowEnd | Kind::Ampersand | Kind::Begin(_) | Kind::Finish => {
                    return None;
                }
                _ => {}
            }
        }
        None
    }

    /// Whether a word is prose: "heads", "A or B".
    fn is_spoken(&self, token: Token) -> bool {
        let word = self.source(token);
        match meaning(word) {
            None => word.len() > 1 && (token.flags & TEXT != 0 || !is_product(word)),
            Some(meaning) => {
                !matches!(meaning, Meaning::Callee(_) | Meaning::Constant(_) | Meaning::Letter(_))
            }
        }
    }

    /// A token in the one spelling that it has in names.
    fn spelled(&self, token: Token) -> &str {
        match token.kind {
            Kind::Relation(op) => sign(op),
            Kind::Set(SetOp::Union) => "\\cup",
            Kind::Set(SetOp::Intersection) => "\\cap",
            Kind::Set(SetOp::Difference) => "\\setminus",
            Kind::Bar | Kind::Mid => "|",
            Kind::Or => "or",
            Kind::And => "and",
            Kind::Letter(name) => name,
            Kind::Open(Delimiter::Group) | Kind::Close(Delimiter::Group) => "",
            _ => self.source(token),
        }
    }
}

/// A relation as it is written in plain text.
pub(super) fn sign(op: RelationOp) -> &'static str {
    match op {
        RelationOp::Equal => "=",
        RelationOp::NotEqual => "!=",
        RelationOp::Less => "<",
        RelationOp::LessEqual => "<=",
        RelationOp::Greater => ">",
        RelationOp::GreaterEqual => ">=",
        RelationOp::Approximately => "~",
        RelationOp::In => "in",
        RelationOp::NotIn => "not in",
        RelationOp::Subset => "subset",
        RelationOp::Congruent => "==",
        RelationOp::Arrow => "->",
    }
}
