//! Sets of real numbers: intervals, inequalities, unions of them.

use std::cmp::Ordering;

use super::super::expr::{Answer, Bracket, Expr, Function, Quantity, RelationOp, SetOp};
use super::tree::{self, infinite, integer, is_closed, minus, negative};
use super::{Checked, Compare, is_order};
use crate::math::algebra;
use crate::math::limits::TooLarge;

/// Endpoints of one set.
const MAX_CUTS: usize = 256;

/// A set of real numbers that is made of intervals and points.
///
/// The `n` cuts are in order. Of the `2 n + 1` entries of `inside`, entry `2 i + 1` is cut `i`
/// itself and entry `2 i` what lies before it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    cuts: Vec<Expr>,
    inside: Vec<bool>,
    /// What the set is about, where it was a condition.
    variable: Option<Expr>,
}

impl Line {
    fn constant(inside: bool) -> Self {
        Self { cuts: Vec::new(), inside: vec![inside], variable: None }
    }

    fn cut(at: Expr, before: bool, there: bool, behind: bool) -> Self {
        Self { cuts: vec![at], inside: vec![before, there, behind], variable: None }
    }

    fn about(mut self, variable: Option<Expr>) -> Self {
        self.variable = variable;
        self
    }

    /// The set with each cut changed, in the other order where `reversed`.
    fn mapped(mut self, reversed: bool, map: impl Fn(&Expr) -> Expr) -> Self {
        self.cuts = self.cuts.iter().map(map).collect();
        if reversed {
            self.cuts.reverse();
            self.inside.reverse();
        }
        self
    }
}

/// The points that satisfy `x op at`.
fn half_line(op: RelationOp, at: &Expr) -> Option<Line> {
    if let Some(positive) = infinite(at) {
        return match op {
            RelationOp::Less | RelationOp::LessEqual => Some(Line::constant(positive)),
            RelationOp::Greater | RelationOp::GreaterEqual => Some(Line::constant(!positive)),
            RelationOp::NotEqual => Some(Line::constant(true)),
            _ => None,
        };
    }
    let (before, there, behind) = match op {
        RelationOp::Less => (true, false, false),
        RelationOp::LessEqual => (true, true, false),
        RelationOp::Greater => (false, false, true),
        RelationOp::GreaterEqual => (false, true, true),
        RelationOp::NotEqual => (true, false, true),
        _ => return None,
    };
    Some(Line::cut(at.clone(), before, there, behind))
}

pub(super) fn flipped(op: RelationOp) -> RelationOp {
    match op {
        RelationOp::Less => RelationOp::Greater,
        RelationOp::LessEqual => RelationOp::GreaterEqual,
        RelationOp::Greater => RelationOp::Less,
        RelationOp::GreaterEqual => RelationOp::LessEqual,
        other => other,
    }
}

impl Compare<'_, '_, '_> {
    /// Whether two sets have the same points and are about the same.
    pub(super) fn same_line(&mut self, gold: Line, given: Line) -> Checked {
        let plain = |v: &Expr| matches!(v, Expr::Symbol(_) | Expr::Call(Function::Named(_), _));
        let about_the_same = match (&gold.variable, &given.variable) {
            (Some(gold), Some(given)) => gold == given,
            (Some(only), None) | (None, Some(only)) => plain(only),
            (None, None) => true,
        };
        if !about_the_same {
            return Ok(false);
        }
        let differing = self.merged(gold, given, |a, b| a != b)?;
        Ok(differing.is_some_and(|line| !line.inside.contains(&true)))
    }

    /// The set of real numbers that an answer describes; nothing where it is none, or where its
    /// endpoints have no order.
    pub(super) fn line(&mut self, answer: &Answer) -> Result<Option<Line>, TooLarge> {
        self.budget.spend(1)?;
        match answer {
            Answer::Value(Quantity { value, .. }) => {
                let point = is_closed(value) && infinite(value).is_none();
                Ok(point.then(|| Line::cut(value.clone(), false, true, false)))
            }
            Answer::EmptySet => Ok(Some(Line::constant(false))),
            Answer::NumberSet('R') => Ok(Some(Line::constant(true))),
            Answer::Group { open: Bracket::Brace, items, .. } => self.all(items, |a, b| a || b),
            Answer::Group { open, close, items } => self.interval(*open, *close, items),
            Answer::SetOperation { op, operands } => match op {
                SetOp::Union => self.all(operands, |a, b| a || b),
                SetOp::Intersection => self.all(operands, |a, b| a && b),
                SetOp::Difference => self.all(operands, |a, b| a && !b),
            },
            Answer::Relation { terms, ops } => match (terms.as_slice(), ops.as_slice()) {
                ([Answer::Value(member), set], [RelationOp::In]) => {
                    let line = self.line(set)?;
                    Ok(line.map(|line| line.about(Some(member.value.clone()))))
                }
                _ => self.condition(terms, ops),
            },
            Answer::SetBuilder { member, condition } => self.built(member, condition),
            Answer::List(items) => self.listed(items),
            _ => Ok(None),
        }
    }

    fn all(
        &mut self,
        operands: &[Answer],
        keep: fn(bool, bool) -> bool,
    ) -> Result<Option<Line>, TooLarge> {
        let mut result: Option<Line> = None;
        for operand in operands {
            let Some(line) = self.line(operand)? else { return Ok(None) };
            result = match result {
                None => Some(line),
                Some(so_far) => match self.merged(so_far, line, keep)? {
                    None => return Ok(None),
                    merged => merged,
                },
            };
        }
        Ok(result)
    }

    /// A list of conditions: all of them where they overlap, either where they do not.
    fn listed(&mut self, items: &[Answer]) -> Result<Option<Line>, TooLarge> {
        if items.iter().any(|item| matches!(item, Answer::Relation { .. }))
            && let Some(both) = self.all(items, |a, b| a && b)?
        {
            let bounded = both.inside.contains(&true);
            let either = self.all(items, |a, b| a || b)?;
            return Ok(match either {
                Some(either) if bounded && either.inside.iter().all(|&x| x) => Some(both),
                either => either,
            });
        }
        self.all(items, |a, b| a || b)
    }

    fn interval(
        &mut self,
        open: Bracket,
        close: Bracket,
        items: &[Answer],
    ) -> Result<Option<Line>, TooLarge> {
        let [Answer::Value(low), Answer::Value(high)] = items else { return Ok(None) };
        let above =
            if open == Bracket::Square { RelationOp::GreaterEqual } else { RelationOp::Greater };
        let below = if close == Bracket::Square { RelationOp::LessEqual } else { RelationOp::Less };
        if !is_closed(&low.value) || !is_closed(&high.value) {
            return Ok(None);
        }
        let (Some(low), Some(high)) = (half_line(above, &low.value), half_line(below, &high.value))
        else {
            return Ok(None);
        };
        let both = self.merged(low, high, |a, b| a && b)?;
        // A pair that falls is a point, no empty interval.
        Ok(both.filter(|line| line.inside.contains(&true)))
    }

    fn built(&mut self, member: &Answer, condition: &Answer) -> Result<Option<Line>, TooLarge> {
        // `\{x \in \mathbb{R} : x > 2\}` names where its members come from.
        let (member, domain) = match member {
            Answer::Relation { terms, ops } => match (terms.as_slice(), ops.as_slice()) {
                ([member, domain], [RelationOp::In]) => (member, self.line(domain)?),
                _ => return Ok(None),
            },
            other => (other, Some(Line::constant(true))),
        };
        let (Some(line), Some(domain)) = (self.line(condition)?, domain) else { return Ok(None) };
        let Answer::Value(member) = member else { return Ok(None) };
        if line.variable.as_ref() != Some(&member.value) {
            return Ok(None);
        }
        self.merged(line.about(None), domain, |a, b| a && b)
    }

    /// A condition on one variable: `0 < x \le 3`, `2x > 6`, `|x| < 1`, `x \ne 3`.
    fn condition(
        &mut self,
        terms: &[Answer],
        ops: &[RelationOp],
    ) -> Result<Option<Line>, TooLarge> {
        let sides: Option<Vec<&Expr>> = terms
            .iter()
            .map(|term| match term {
                Answer::Value(quantity) => Some(&quantity.value),
                _ => None,
            })
            .collect();
        let known = ops.iter().all(|&op| is_order(op) || op == RelationOp::NotEqual);
        let Some(sides) = sides.filter(|_| known) else { return Ok(None) };
        let open: Vec<usize> = (0..sides.len()).filter(|&i| !is_closed(sides[i])).collect();
        let zero = integer(0);
        match (open.as_slice(), sides.as_slice(), ops) {
            (&[at], _, _) => {
                let mut all = Line::constant(true);
                let before = at.checked_sub(1).map(|i| (flipped(ops[i]), sides[i]));
                let behind = ops.get(at).map(|&op| (op, sides[at + 1]));
                for (op, bound) in before.into_iter().chain(behind) {
                    let Some(half) = half_line(op, bound) else { return Ok(None) };
                    let Some(merged) = self.merged(all, half, |a, b| a && b)? else {
                        return Ok(None);
                    };
                    all = merged;
                }
                self.solved(sides[at], all)
            }
            ([_, _], [left, right], [op]) => match half_line(*op, &zero) {
                Some(half) => self.solved(&minus(left, right), half),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// The variable and its values, where the values of `expr` are known.
    fn solved(&mut self, expr: &Expr, values: Line) -> Result<Option<Line>, TooLarge> {
        if let Expr::Call(Function::Abs, inner) = expr {
            let [inner] = inner.as_slice() else { return Ok(None) };
            let Some(right) = half_line(RelationOp::GreaterEqual, &integer(0)) else {
                return Ok(None);
            };
            let Some(right) = self.merged(values, right, |a, b| a && b)? else { return Ok(None) };
            let left = right.clone().mapped(true, negative);
            return match self.merged(left, right, |a, b| a || b)? {
                Some(both) => self.solved(inner, both),
                None => Ok(None),
            };
        }
        let names = tree::symbols(expr);
        let mut names = names.into_iter();
        let (Some(name), None) = (names.next(), names.next()) else {
            return Ok(Some(values.about(Some(expr.clone()))));
        };
        let variable = Expr::Symbol(name.to_owned());
        if *expr == variable {
            return Ok(Some(values.about(Some(variable))));
        }
        let at = |x: Expr| tree::replaced(expr, &|part| (*part == variable).then(|| x.clone()));
        let unknown = tree::any(expr, &|part| matches!(part, Expr::Call(Function::Named(_), _)));
        let constant = at(integer(0));
        let slope = minus(&at(integer(1)), &constant);
        let again =
            Expr::Sum(vec![Expr::Product(vec![slope.clone(), variable.clone()]), constant.clone()]);
        if unknown || !algebra::equal(expr, &again, self.budget)? {
            return Ok(Some(values.about(Some(expr.clone()))));
        }
        let rising = match algebra::order(&slope, &integer(0), self.budget)? {
            Some(Ordering::Greater) => true,
            Some(Ordering::Less) => false,
            _ => return Ok(None),
        };
        let line = values.mapped(!rising, |cut| {
            Expr::Quotient(Box::new(minus(cut, &constant)), Box::new(slope.clone()))
        });
        Ok(Some(line.about(Some(variable))))
    }

    /// Both sets on common cuts, combined point by point; nothing where cuts have no order.
    fn merged(
        &mut self,
        a: Line,
        b: Line,
        keep: impl Fn(bool, bool) -> bool,
    ) -> Result<Option<Line>, TooLarge> {
        if a.cuts.len() + b.cuts.len() > MAX_CUTS {
            return Err(TooLarge);
        }
        let variable = match (a.variable, b.variable) {
            (Some(a), Some(b)) if a != b => return Ok(None),
            (a, b) => a.or(b),
        };
        let (mut i, mut j) = (0, 0);
        let mut cuts = Vec::with_capacity(a.cuts.len() + b.cuts.len());
        let mut inside = vec![keep(a.inside[0], b.inside[0])];
        loop {
            let order = match (a.cuts.get(i), b.cuts.get(j)) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) if a == b => Ordering::Equal,
                (Some(a), Some(b)) => match algebra::order(a, b, self.budget)? {
                    Some(order) => order,
                    None => return Ok(None),
                },
            };
            let (mut a_there, mut b_there) = (a.inside[2 * i], b.inside[2 * j]);
            if order != Ordering::Greater {
                cuts.push(a.cuts[i].clone());
                a_there = a.inside[2 * i + 1];
                i += 1;
            }
            if order != Ordering::Less {
                if order == Ordering::Greater {
                    cuts.push(b.cuts[j].clone());
                }
                b_there = b.inside[2 * j + 1];
                j += 1;
            }
            inside.push(keep(a_there, b_there));
            inside.push(keep(a.inside[2 * i], b.inside[2 * j]));
        }
        Ok(Some(Line { cuts, inside, variable }))
    }
}
