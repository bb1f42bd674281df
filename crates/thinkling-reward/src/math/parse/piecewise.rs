//! Functions by pieces: rows of a value and the condition under which it holds.
//!
//! They become a call of `piecewise`, with value and condition of each row, in an order of the
//! rows that does not depend on how they are written; "if" and commas are spelling.

use super::super::expr::{Answer, Expr, Function, Quantity, RelationOp, SetOp};
use super::events::sign;
use super::token::{Environment, Kind, Token};
use super::{Node, Parse, Parser, malformed};

/// Words before a condition.
const BEFORE: &[&str] = &["if", "when", "for", "where", "whenever", "as", "当", "若"];
/// Words instead of a condition.
const ELSE: &[&str] = &["otherwise", "else", "elsewhere", "其他", "其它"];

impl Parser<'_, '_, '_> {
    /// `\left\{` with an array behind it.
    pub(super) fn braced_cases_ahead(&self) -> bool {
        self.ahead(1) == Kind::Begin(Environment::Array)
    }

    /// The rows of an environment behind its beginning, as a function by pieces; `None` where
    /// they are no such rows, and nothing is taken.
    pub(super) fn piecewise(&mut self) -> Parse<Option<Node>> {
        let Some(end) = self.end_of_environment() else { return Ok(None) };
        let Some(tokens) = self.split_rows(end) else { return Ok(None) };
        self.tokens.splice(self.at..end, tokens);
        let around = std::mem::replace(&mut self.rows, false);
        let mut rows = Vec::new();
        while !self.take(Kind::Finish) {
            let value = self.sum()?.into_value()?;
            self.expect(Kind::Ampersand)?;
            let condition = self.condition()?;
            rows.push((format!("{condition:?}"), value, condition));
            if !self.take(Kind::RowEnd) && self.kind() != Kind::Finish {
                return malformed("something behind a condition");
            }
        }
        self.rows = around;
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let arguments = rows.into_iter().flat_map(|(_, value, condition)| [value, condition]);
        let name = Function::Named("piecewise".to_owned());
        Ok(Some(Node::value(Expr::Call(name, arguments.collect()))))
    }

    /// The place of the `\end` of the environment that the current place is in.
    fn end_of_environment(&self) -> Option<usize> {
        let mut inner = 0_u32;
        for (place, token) in self.tokens.iter().enumerate().skip(self.at) {
            match token.kind {
                Kind::Begin(_) => inner += 1,
                Kind::Finish if inner == 0 => return Some(place),
                Kind::Finish => inner -= 1,
                _ => {}
            }
        }
        None
    }

    /// The tokens up to `end`, with one `&` in each row before its condition and without what
    /// only ends a cell or introduces it; `None` where a row has no condition.
    fn split_rows(&self, end: usize) -> Option<Vec<Token>> {
        let tokens = self.tokens.get(self.at..end)?;
        let mut out = Vec::with_capacity(tokens.len() + 4);
        let (mut from, mut depth) = (0, 0_u32);
        for at in 0..=tokens.len() {
            let kind = tokens.get(at).map(|token| token.kind);
            match kind {
                Some(Kind::Open(_) | Kind::Begin(_)) => depth += 1,
                Some(Kind::Close(_) | Kind::Finish) => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth > 0 || !matches!(kind, None | Some(Kind::RowEnd)) {
                continue;
            }
            let row = tokens.get(from..at)?;
            from = at + 1;
            if row.is_empty() && kind.is_none() && !out.is_empty() {
                continue;
            }
            self.split_row(row, &mut out)?;
            out.extend(tokens.get(at));
        }
        Some(out)
    }

    /// Adds a row as value, `&`, condition.
    fn split_row(&self, row: &[Token], out: &mut Vec<Token>) -> Option<()> {
        let is = |token: &Token, words: &[&str]| {
            matches!(token.kind, Kind::Word | Kind::Foreign)
                && words.iter().any(|word| self.source(*token).eq_ignore_ascii_case(word))
        };
        let top = |wanted: &dyn Fn(&Token) -> bool| {
            let mut depth = 0_u32;
            row.iter().position(|token| {
                match token.kind {
                    Kind::Open(_) | Kind::Begin(_) => depth += 1,
                    Kind::Close(_) | Kind::Finish => depth = depth.saturating_sub(1),
                    _ => {}
                }
                depth == 0 && wanted(token)
            })
        };
        let separator = top(&|token| token.kind == Kind::Ampersand)
            .or_else(|| top(&|token| token.kind == Kind::Comma))
            .or_else(|| top(&|token| is(token, BEFORE) || is(token, ELSE)))?;
        let (value, condition) = row.split_at_checked(separator)?;
        let skipped = |token: &&Token| {
            matches!(token.kind, Kind::Comma | Kind::Ampersand) || is(token, BEFORE)
        };
        let begin = condition.iter().take_while(skipped).count();
        let ends = |token: &&Token| {
            matches!(token.kind, Kind::Comma | Kind::Semicolon | Kind::Dot)
                || is(token, &["时", "且"])
        };
        let value_end = value.len() - value.iter().rev().take_while(ends).count();
        let condition_end = condition.len() - condition.iter().rev().take_while(ends).count();
        let value = value.get(..value_end)?;
        let condition = condition.get(begin..condition_end)?;
        let relation = |token: &Token| matches!(token.kind, Kind::Relation(_));
        let holds = condition.iter().any(relation) || condition.iter().any(|t| is(t, ELSE));
        let first = condition.first()?;
        if value.is_empty() || value.iter().any(relation) || relation(first) || !holds {
            return None;
        }
        out.extend(value);
        out.push(Token { kind: Kind::Ampersand, start: first.start, end: first.start, flags: 0 });
        out.extend(condition);
        Some(())
    }

    /// A condition up to the end of its row.
    fn condition(&mut self) -> Parse<Expr> {
        if matches!(self.kind(), Kind::Word | Kind::Foreign)
            && ELSE.iter().any(|word| self.source(self.token()).eq_ignore_ascii_case(word))
        {
            self.advance();
            return Ok(Expr::Call(Function::Named("otherwise".to_owned()), Vec::new()));
        }
        let start = self.at;
        let answer = self.list()?;
        let text = || -> String {
            let read = self.tokens.get(start..self.at).unwrap_or_default();
            read.iter().map(|token| self.source(*token)).collect()
        };
        Ok(condition_value(&answer).unwrap_or_else(|| Expr::Symbol(text())))
    }
}

/// A condition as a call, where its sides are values: `x > 0` is `0 < x`.
fn condition_value(answer: &Answer) -> Option<Expr> {
    let all = |items: &[Answer]| items.iter().map(condition_value).collect::<Option<Vec<_>>>();
    let call = |name: &str, arguments| Expr::Call(Function::Named(name.to_owned()), arguments);
    match answer {
        Answer::Value(Quantity { value, unit: None }) => Some(value.clone()),
        Answer::NumberSet(letter) => Some(Expr::Symbol(format!("set {letter}"))),
        Answer::List(items) => Some(call("and", all(items)?)),
        Answer::SetOperation { op: SetOp::Union, operands } => Some(call("or", all(operands)?)),
        Answer::Relation { terms, ops } => {
            let mut terms = all(terms)?;
            let mut ops = ops.clone();
            let turned =
                ops.iter().all(|op| matches!(op, RelationOp::Greater | RelationOp::GreaterEqual));
            if turned {
                terms.reverse();
                ops.reverse();
            }
            let names: Vec<&str> = ops
                .iter()
                .map(|op| match op {
                    RelationOp::Greater if turned => "<",
                    RelationOp::GreaterEqual if turned => "<=",
                    op => sign(*op),
                })
                .collect();
            Some(call(&names.join(" "), terms))
        }
        _ => None,
    }
}
