//! Equations, inequalities and chains of them.

use std::cmp::Ordering;

use super::super::expr::{Answer, Constant, Expr, Function, Quantity, RelationOp};
use super::lines::flipped;
use super::tree::{self, integer, is_closed, is_name, minus};
use super::{Checked, Compare, is_order};
use crate::math::algebra;
use crate::math::limits::TooLarge;

/// Name and value of an assignment in normal form: `x = 5`.
pub(super) fn assignment(answer: &Answer) -> Option<(&Answer, &Answer)> {
    match answer {
        Answer::Relation { terms, ops } if ops.as_slice() == [RelationOp::Equal] => {
            match terms.as_slice() {
                [name, value] if is_name(name) => Some((name, value)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether an answer gives a name a value without free variables: `x = 3 + 4 = 7`.
pub(crate) fn is_assignment(answer: &Answer) -> bool {
    match answer {
        Answer::Relation { terms, ops } => {
            let equal =
                |op: &RelationOp| matches!(op, RelationOp::Equal | RelationOp::Approximately);
            ops.iter().all(equal)
                && terms.first().is_some_and(is_name)
                && terms.last().and_then(number).is_some_and(is_closed)
        }
        _ => false,
    }
}

/// The value of a term that is one, without regard to its unit.
fn number(term: &Answer) -> Option<&Expr> {
    match term {
        Answer::Value(Quantity { value, .. }) => Some(value),
        _ => None,
    }
}

impl Compare<'_, '_, '_> {
    /// The answer without a name before `=` or `\in`.
    pub(super) fn bare(&self, answer: &Answer) -> Answer {
        if self.policy.left_sides {
            if let Some((_, value)) = assignment(answer) {
                return value.clone();
            }
            if let Answer::Relation { terms, ops } = answer
                && let ([name, set], [RelationOp::In]) = (terms.as_slice(), ops.as_slice())
                && is_name(name)
            {
                return set.clone();
            }
        }
        answer.clone()
    }

    /// A chain reduced to what it says in the end; nothing where one of its links is false.
    pub(super) fn reduced(
        &mut self,
        terms: &[Answer],
        ops: &[RelationOp],
    ) -> Result<Option<Answer>, TooLarge> {
        let arrow = ops.iter().rposition(|&op| op == RelationOp::Arrow);
        let from = arrow.map_or(0, |at| at + 1);
        let (terms, ops) = match (terms.get(from..), ops.get(from..)) {
            (Some([only]), _) => return self.normal(only),
            (Some(terms), Some(ops)) if terms.len() == ops.len() + 1 => (terms, ops),
            _ => return Ok(None),
        };
        let mut members = Vec::with_capacity(terms.len());
        for term in terms {
            let Some(term) = self.normal(term)? else { return Ok(None) };
            members.push(term);
        }
        let equality =
            |op: &RelationOp| matches!(op, RelationOp::Equal | RelationOp::Approximately);
        if ops.iter().all(equality) {
            return self.equality_chain(members, ops);
        }
        Ok(Some(Answer::Relation { terms: members, ops: ops.to_vec() }))
    }

    fn equality_chain(
        &mut self,
        mut terms: Vec<Answer>,
        ops: &[RelationOp],
    ) -> Result<Option<Answer>, TooLarge> {
        // `5 = x` says what `x = 5` says.
        if let [value, name] = terms.as_slice()
            && is_name(name)
            && !is_name(value)
        {
            terms.swap(0, 1);
        }
        let names = terms.iter().take(terms.len() - 1).take_while(|term| is_name(term)).count();
        if !self.policy.false_links && self.has_false_link(&terms, ops)? {
            return Ok(None);
        }
        if ops.contains(&RelationOp::Approximately) && !self.policy.approximations {
            return Ok(Some(Answer::Relation { terms, ops: ops.to_vec() }));
        }
        let long = terms.len() > names.max(1) + 1;
        // Both sides of an identity say the same: `\frac{x^2-9}{x-3} = x+3`.
        let identity = match terms.as_slice() {
            [left, right] if names == 0 => match (number(left), number(right)) {
                (Some(a), Some(b)) => a != b && algebra::equal(a, b, self.budget)?,
                _ => false,
            },
            _ => false,
        };
        let settled =
            identity || terms.iter().skip(names).all(|term| number(term).is_none_or(is_closed));
        if names == 0 && !long && !settled {
            return Ok(Some(Answer::Relation { terms, ops: vec![RelationOp::Equal] }));
        }
        if (long || names == 0) && !self.policy.chains {
            return Ok(Some(Answer::Relation { terms, ops: ops.to_vec() }));
        }
        // What is only rounded by an approximation counts as it was before it.
        let exact = ops.iter().position(|&op| op == RelationOp::Approximately);
        let last = exact.filter(|&at| at >= names).unwrap_or(terms.len() - 1);
        let value = terms.swap_remove(last);
        if names == 0 {
            return Ok(Some(value));
        }
        let name = terms.swap_remove(0);
        Ok(Some(Answer::Relation { terms: vec![name, value], ops: vec![RelationOp::Equal] }))
    }

    /// Whether two neighbours that are both known differ.
    fn has_false_link(&mut self, terms: &[Answer], ops: &[RelationOp]) -> Checked {
        for ((left, right), op) in terms.iter().zip(terms.iter().skip(1)).zip(ops) {
            let (Some(a), Some(b)) = (number(left), number(right)) else { continue };
            if !is_closed(a) || !is_closed(b) {
                continue;
            }
            let holds = match op {
                RelationOp::Approximately => self.is_near(a, b)?,
                _ => self.same(left, right)?,
            };
            if !holds {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether two values are within a hundredth of the first of each other; also where they
    /// cannot be ordered.
    fn is_near(&mut self, a: &Expr, b: &Expr) -> Checked {
        let size = Expr::Call(Function::Abs, vec![a.clone()]);
        let gap = Expr::Call(Function::Abs, vec![minus(a, b)]);
        let gap = Expr::Product(vec![integer(100), gap]);
        let order = algebra::order(&gap, &size, self.budget)?;
        Ok(order.is_none_or(Ordering::is_le))
    }

    /// Two relations in normal form.
    pub(super) fn relations(&mut self, gold: &Answer, given: &Answer) -> Checked {
        if let (Some((name, value)), Some((given_name, given_value))) =
            (assignment(gold), assignment(given))
        {
            // A function or a word may be any name, a variable has its own.
            let called = |name: &Answer| match number(name) {
                Some(Expr::Symbol(name)) => name.len() > 2 && name.chars().all(char::is_alphabetic),
                Some(Expr::Call(function, _)) => matches!(function, Function::Named(_)),
                _ => matches!(name, Answer::Words(_)),
            };
            let alike = name == given_name || called(name) || called(given_name);
            if alike && self.same(value, given_value)? {
                return Ok(true);
            }
        }
        let (
            Answer::Relation { terms, ops },
            Answer::Relation { terms: given_terms, ops: given_ops },
        ) = (gold, given)
        else {
            return Ok(false);
        };
        if self.equivalent(terms, ops, given_terms, given_ops)? {
            return Ok(true);
        }
        if *ops == [RelationOp::Congruent] && *given_ops == [RelationOp::Congruent] {
            return self.congruences(terms, given_terms);
        }
        if ops == given_ops && self.in_order(terms, given_terms)? {
            return Ok(true);
        }
        // `a < b < c` is `c > b > a`.
        let turned: Vec<RelationOp> = given_ops.iter().rev().map(|&op| flipped(op)).collect();
        let backwards: Vec<Answer> = given_terms.iter().rev().cloned().collect();
        if *ops == turned && ops.len() > 1 && self.in_order(terms, &backwards)? {
            return Ok(true);
        }
        if let ([RelationOp::In], [RelationOp::In]) = (ops.as_slice(), given_ops.as_slice()) {
            return Ok(false);
        }
        self.as_sets(gold, given)
    }

    /// A relation against an answer that is none.
    pub(super) fn relation_with(
        &mut self,
        relation: &Answer,
        other: &Answer,
        relation_is_gold: bool,
    ) -> Checked {
        let bare = self.bare(relation);
        if !matches!(&bare, Answer::Relation { .. }) {
            return if relation_is_gold {
                self.same(&bare, other)
            } else {
                self.same(other, &bare)
            };
        }
        let Answer::Relation { ops, .. } = relation else { return Ok(false) };
        let ordered = ops.iter().all(|&op| is_order(op) || op == RelationOp::NotEqual);
        if !ordered || !self.policy.inequality_is_interval {
            return Ok(false);
        }
        match other {
            Answer::Value(_) | Answer::Words(_) => Ok(false),
            Answer::List(list) => self.list_with(list, relation, !relation_is_gold),
            _ if relation_is_gold => self.as_sets(relation, other),
            _ => self.as_sets(other, relation),
        }
    }

    /// `a \equiv b \pmod m`: the same left side and modulus, and residues that are one.
    fn congruences(&mut self, gold: &[Answer], given: &[Answer]) -> Checked {
        fn parts(terms: &[Answer]) -> Option<(&Answer, &Expr, &Expr)> {
            let [left, right] = terms else { return None };
            match number(right)? {
                Expr::Call(Function::Mod, arguments) => match arguments.as_slice() {
                    [value, modulus] => Some((left, value, modulus)),
                    _ => None,
                },
                _ => None,
            }
        }
        let (Some((left, a, m)), Some((other, b, n))) = (parts(gold), parts(given)) else {
            return self.in_order(gold, given);
        };
        let residue = |value: &Expr| Expr::Call(Function::Mod, vec![value.clone(), m.clone()]);
        Ok(algebra::equal(m, n, self.budget)?
            && self.same(left, other)?
            && (algebra::equal(a, b, self.budget)?
                || algebra::equal(&residue(a), &residue(b), self.budget)?))
    }

    /// Whether two relations of two sides are equal up to moving terms and scaling.
    fn equivalent(
        &mut self,
        gold: &[Answer],
        gold_ops: &[RelationOp],
        given: &[Answer],
        given_ops: &[RelationOp],
    ) -> Checked {
        let ([a, b], [c, d]) = (gold, given) else { return Ok(false) };
        let ([gold_op], [given_op]) = (gold_ops, given_ops) else { return Ok(false) };
        let (Some(a), Some(b), Some(c), Some(d)) = (number(a), number(b), number(c), number(d))
        else {
            return Ok(false);
        };
        let infinite = |e: &Expr| tree::any(e, &|p| *p == Expr::Constant(Constant::Infinity));
        if !self.policy.equivalent_equations || [a, b, c, d].into_iter().any(infinite) {
            return Ok(false);
        }
        let (gold_op, gold) = upward(*gold_op, a, b);
        let (given_op, given) = upward(*given_op, c, d);
        if gold_op != given_op {
            return Ok(false);
        }
        let factor = algebra::proportional(&gold, &given, self.budget)?;
        Ok(match gold_op {
            RelationOp::Equal | RelationOp::NotEqual => factor.is_some(),
            RelationOp::Less | RelationOp::LessEqual => factor == Some(Ordering::Greater),
            _ => false,
        })
    }
}

/// A relation as `difference op 0`, with `<` for `>`.
fn upward(op: RelationOp, left: &Expr, right: &Expr) -> (RelationOp, Expr) {
    match op {
        RelationOp::Greater => (RelationOp::Less, minus(right, left)),
        RelationOp::GreaterEqual => (RelationOp::LessEqual, minus(right, left)),
        other => (other, minus(left, right)),
    }
}
