//! Whether two answers say the same.
//!
//! Values are compared by [`algebra`](super::algebra); here stands what is around them: units,
//! names on left sides, chains, lists, sets, intervals, ratios, matrices, each by the
//! [`Policy`]. Left out: inequalities that are not linear in their variable are compared with
//! each other only, not with intervals.

mod lines;
mod lists;
mod relations;
mod tree;
mod units;
mod values;

use super::expr::{Answer, Bracket, RelationOp, SetOp};
use super::limits::{Budget, TooLarge};
use super::policy::Policy;

pub(crate) use relations::is_assignment;
pub(crate) use units::without_unit;

type Checked = Result<bool, TooLarge>;

/// Whether `given` is the answer `gold`.
///
/// # Errors
/// Where that cannot be told within the budget.
pub(crate) fn same(
    gold: &Answer,
    given: &Answer,
    policy: &Policy,
    budget: &mut Budget<'_>,
) -> Result<bool, TooLarge> {
    let mut compare = Compare { policy, budget };
    let Some(given) = compare.normal(given)? else {
        return Ok(false);
    };
    // A gold is taken as it stands, whatever its links say.
    let gold = compare.normal(gold)?.unwrap_or_else(|| gold.clone());
    compare.same(&gold, &given)
}

/// Compares normal forms ([`Compare::normal`]).
struct Compare<'p, 'b, 'l> {
    policy: &'p Policy,
    budget: &'b mut Budget<'l>,
}

impl Compare<'_, '_, '_> {
    /// The answer with plus-minus expanded, chains reduced to their last link, and what follows
    /// from arrows dropped; nothing where a link is false.
    fn normal(&mut self, answer: &Answer) -> Result<Option<Answer>, TooLarge> {
        self.budget.spend(1)?;
        if self.policy.plus_minus && tree::has_plus_minus(answer) {
            return self.normal_members(&tree::both_signs(answer));
        }
        match answer {
            Answer::Relation { terms, ops } => self.reduced(terms, ops),
            Answer::Value(_) | Answer::Words(_) | Answer::Matrix(_) => Ok(Some(answer.clone())),
            _ => self.normal_members(answer),
        }
    }

    fn normal_members(&mut self, answer: &Answer) -> Result<Option<Answer>, TooLarge> {
        let mut all = |items: &[Answer]| -> Result<Option<Vec<Answer>>, TooLarge> {
            items.iter().map(|item| self.normal(item)).collect()
        };
        Ok(match answer {
            Answer::List(items) => all(items)?.map(tree::list),
            Answer::Group { open, close, items } => all(items)?.map(|items| Answer::Group {
                open: *open,
                close: *close,
                items: if *open == Bracket::Brace { tree::flat(items) } else { items },
            }),
            Answer::SetOperation { op, operands } => {
                all(operands)?.map(|operands| Answer::SetOperation { op: *op, operands })
            }
            other => Some(other.clone()),
        })
    }

    fn same(&mut self, gold: &Answer, given: &Answer) -> Checked {
        self.budget.spend(1)?;
        if gold == given {
            return Ok(true);
        }
        match (gold, given) {
            (Answer::Value(gold), Answer::Value(given)) => self.quantities(gold, given),
            (Answer::Relation { .. }, Answer::Relation { .. }) => self.relations(gold, given),
            (Answer::List(gold), Answer::List(given)) => self.lists(gold, given),
            (Answer::Relation { .. }, _) => self.relation_with(gold, given, true),
            (_, Answer::Relation { .. }) => self.relation_with(given, gold, false),
            (Answer::List(list), other) => self.list_with(list, other, true),
            (other, Answer::List(list)) => self.list_with(list, other, false),
            (Answer::Ratio(gold), Answer::Ratio(given)) => self.ratios(gold, given),
            (Answer::Ratio(parts), Answer::Value(value)) => self.ratio_with(parts, &value.value),
            (Answer::Value(value), Answer::Ratio(parts)) => self.ratio_with(parts, &value.value),
            (Answer::Matrix(gold), Answer::Matrix(given)) => self.matrices(gold, given),
            (Answer::Matrix(rows), Answer::Group { open, items, .. }) => {
                self.matrix_with_group(rows, *open, items, true)
            }
            (Answer::Group { open, items, .. }, Answer::Matrix(rows)) => {
                self.matrix_with_group(rows, *open, items, false)
            }
            (
                Answer::Group { open: go, close: gc, items: gold_items },
                Answer::Group { open, close, items },
            ) => {
                if *go == Bracket::Brace && *open == Bracket::Brace {
                    return self.sets(gold_items, items);
                }
                let brackets = tree::bracket_kind(*go, *gc, gold_items.len())
                    == tree::bracket_kind(*open, *close, items.len());
                if brackets { self.in_order(gold_items, items) } else { self.as_sets(gold, given) }
            }
            _ => self.as_sets(gold, given),
        }
    }

    /// Compares as sets of points of the line, or as finite sets.
    fn as_sets(&mut self, gold: &Answer, given: &Answer) -> Checked {
        for (one, other, order) in [(gold, given, true), (given, gold, false)] {
            let Answer::Value(_) = other else { continue };
            if !self.policy.singleton_is_member {
                return Ok(false);
            }
            if let Answer::Group { open: Bracket::Brace, items, .. } = one {
                return match items.as_slice() {
                    [item] if order => self.same(item, other),
                    [item] => self.same(other, item),
                    _ => Ok(false),
                };
            }
        }
        if !tree::is_set(gold) || !tree::is_set(given) {
            return Ok(false);
        }
        if let (Some(gold), Some(given)) = (self.members(gold)?, self.members(given)?) {
            return self.sets(&gold, &given);
        }
        if let (Some(gold), Some(given)) = (self.line(gold)?, self.line(given)?) {
            return self.same_line(gold, given);
        }
        self.set_shapes(gold, given)
    }

    /// Compares sets that cannot be computed by their operands.
    fn set_shapes(&mut self, gold: &Answer, given: &Answer) -> Checked {
        match (gold, given) {
            (
                Answer::SetOperation { op, operands },
                Answer::SetOperation { op: given_op, operands: given },
            ) if op == given_op && operands.len() == given.len() => match op {
                SetOp::Difference => self.in_order(operands, given),
                SetOp::Union | SetOp::Intersection => self.in_any_order(operands, given),
            },
            (
                Answer::SetBuilder { member, condition },
                Answer::SetBuilder { member: given_member, condition: given_condition },
            ) => Ok(self.same(member, given_member)? && self.same(condition, given_condition)?),
            _ => Ok(false),
        }
    }
}

/// Whether an operator orders its sides.
fn is_order(op: RelationOp) -> bool {
    matches!(
        op,
        RelationOp::Less | RelationOp::LessEqual | RelationOp::Greater | RelationOp::GreaterEqual
    )
}

#[cfg(test)]
mod tests;
