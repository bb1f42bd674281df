//! Answers of several members: lists, sets, tuples, ratios, matrices.

use std::collections::BTreeSet;

use num_rational::BigRational;

use super::super::expr::{Answer, Bracket, Expr, Quantity, SetOp};
use super::tree::{self, GroupKind, rational};
use super::{Checked, Compare};
use crate::math::algebra;
use crate::math::limits::TooLarge;

/// Members that are matched with each other in any order; more must be literals.
const MATCHED: usize = 64;

impl Compare<'_, '_, '_> {
    /// Lists without brackets.
    pub(super) fn lists(&mut self, gold: &[Answer], given: &[Answer]) -> Checked {
        if let Some(same) = self.assignments(gold, given)? {
            return Ok(same);
        }
        let regions = gold.iter().chain(given).any(tree::is_region);
        if gold.len() != given.len() {
            return Ok(regions && self.list_as_line(gold, &Answer::List(given.to_vec()))?);
        }
        let gold_values: Vec<Answer> = gold.iter().map(|item| self.bare(item)).collect();
        let given_values: Vec<Answer> = given.iter().map(|item| self.bare(item)).collect();
        if self.in_order(&gold_values, &given_values)? {
            return Ok(true);
        }
        if self.policy.list_any_order && self.in_any_order(&gold_values, &given_values)? {
            return Ok(true);
        }
        Ok(regions && self.list_as_line(gold, &Answer::List(given.to_vec()))?)
    }

    /// Systems of assignments, `k = 45, n = 2`, by their names; nothing where they have none.
    ///
    /// An index is no name of its own: `x_1 = 2, x_2 = 3` says what `x = 2, x = 3` says.
    fn assignments(&mut self, gold: &[Answer], given: &[Answer]) -> Result<Option<bool>, TooLarge> {
        fn named(items: &[Answer]) -> Option<Vec<(&str, &Answer)>> {
            let pair = |item| match super::relations::assignment(item)? {
                (Answer::Value(Quantity { value: Expr::Symbol(name), .. }), value) => {
                    Some((name.as_str(), value))
                }
                _ => None,
            };
            items.iter().map(pair).collect()
        }
        let (Some(gold), Some(given)) = (named(gold), named(given)) else { return Ok(None) };
        if gold.len() != given.len() || !(2..=MATCHED).contains(&gold.len()) {
            return Ok(None);
        }
        let known = given.iter().all(|(name, _)| gold.iter().any(|(other, _)| other == name));
        let base = |name: &'_ str| name.split('_').next().unwrap_or_default().to_owned();
        let mut free: Vec<(&str, &Answer)> = given;
        for (name, value) in gold {
            let mut found = None;
            for (i, (other, given)) in free.iter().enumerate() {
                let same_name = if known { name == *other } else { base(name) == base(other) };
                if same_name && self.same(value, given)? {
                    found = Some(i);
                    break;
                }
            }
            match found {
                Some(i) => free.swap_remove(i),
                None => return Ok(Some(false)),
            };
        }
        Ok(Some(true))
    }

    /// A list against an answer that is none.
    pub(super) fn list_with(&mut self, list: &[Answer], other: &Answer, gold: bool) -> Checked {
        let values: Vec<Answer> = list.iter().map(|item| self.bare(item)).collect();
        match other {
            Answer::Group { open: Bracket::Brace, items, .. } => {
                // The members of a set may be assignments themselves.
                let (items, list) = if items.iter().any(|i| matches!(i, Answer::Relation { .. })) {
                    (items.clone(), list.to_vec())
                } else {
                    (items.clone(), values)
                };
                let set =
                    |item: &Answer| matches!(item, Answer::Group { open: Bracket::Brace, .. });
                // Sets beside each other are no set of their members.
                let nested = list.iter().any(set) && !items.iter().any(set);
                if !self.policy.list_is_set || nested {
                    return Ok(false);
                }
                if let Some(same) = self.assignments(&items, &list)? {
                    return Ok(same);
                }
                if gold { self.sets(&list, &items) } else { self.sets(&items, &list) }
            }
            Answer::Group { open, close, items }
                if self.policy.list_is_tuple
                    && *open != Bracket::Square
                    && tree::bracket_kind(*open, *close, items.len()) == GroupKind::Tuple =>
            {
                if gold { self.in_order(&values, items) } else { self.in_order(items, &values) }
            }
            Answer::Matrix(rows) if self.policy.list_is_tuple => {
                self.matrix_with_group(rows, Bracket::Round, &values, !gold)
            }
            _ if tree::is_region(other) || list.iter().any(tree::is_region) => {
                self.list_as_line(list, other)
            }
            _ => Ok(false),
        }
    }

    /// A list of intervals or conditions as their union.
    fn list_as_line(&mut self, list: &[Answer], other: &Answer) -> Checked {
        let list = Answer::List(list.to_vec());
        if !tree::is_set(&list) || !tree::is_set(other) {
            return Ok(false);
        }
        match (self.line(&list)?, self.line(other)?) {
            (Some(list), Some(other)) => self.same_line(list, other),
            _ => Ok(false),
        }
    }

    pub(super) fn in_order(&mut self, gold: &[Answer], given: &[Answer]) -> Checked {
        if gold.len() != given.len() {
            return Ok(false);
        }
        for (gold, given) in gold.iter().zip(given) {
            if !self.same(gold, given)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the members can be paired off.
    pub(super) fn in_any_order(&mut self, gold: &[Answer], given: &[Answer]) -> Checked {
        if gold.len() != given.len() {
            return Ok(false);
        }
        if let (Some(mut gold), Some(mut given)) = (literals(gold), literals(given)) {
            gold.sort();
            given.sort();
            return Ok(gold == given);
        }
        if gold.len() > MATCHED {
            return Err(TooLarge);
        }
        let mut free: Vec<&Answer> = given.iter().collect();
        for gold in gold {
            let mut found = None;
            for (i, given) in free.iter().enumerate() {
                if self.same(gold, given)? {
                    found = Some(i);
                    break;
                }
            }
            match found {
                Some(i) => free.swap_remove(i),
                None => return Ok(false),
            };
        }
        Ok(true)
    }

    /// Sets: each member is in the other one.
    pub(super) fn sets(&mut self, gold: &[Answer], given: &[Answer]) -> Checked {
        if let (Some(gold), Some(given)) = (literals(gold), literals(given)) {
            return Ok(BTreeSet::from_iter(gold) == BTreeSet::from_iter(given));
        }
        if gold.len().max(given.len()) > MATCHED {
            return Err(TooLarge);
        }
        for member in gold {
            if !self.holds(given, member, false)? {
                return Ok(false);
            }
        }
        for member in given {
            if !self.holds(gold, member, true)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn holds(&mut self, set: &[Answer], member: &Answer, set_is_gold: bool) -> Checked {
        for other in set {
            let same =
                if set_is_gold { self.same(other, member)? } else { self.same(member, other)? };
            if same {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The members of a finite set, computed where it is made of others.
    pub(super) fn members(&mut self, set: &Answer) -> Result<Option<Vec<Answer>>, TooLarge> {
        match set {
            Answer::EmptySet => Ok(Some(Vec::new())),
            Answer::Group { open: Bracket::Brace, items, .. } => Ok(Some(items.clone())),
            Answer::SetOperation { op, operands } => {
                let mut sets = Vec::new();
                for operand in operands {
                    let Some(members) = self.members(operand)? else { return Ok(None) };
                    if members.len() > MATCHED {
                        return Err(TooLarge);
                    }
                    sets.push(members);
                }
                let mut sets = sets.into_iter();
                let mut all = sets.next().unwrap_or_default();
                for set in sets {
                    all = self.combined(*op, all, set)?;
                }
                Ok(Some(all))
            }
            _ => Ok(None),
        }
    }

    fn combined(
        &mut self,
        op: SetOp,
        mut left: Vec<Answer>,
        right: Vec<Answer>,
    ) -> Result<Vec<Answer>, TooLarge> {
        if op == SetOp::Union {
            left.extend(right);
            return Ok(left);
        }
        let mut kept = Vec::new();
        for member in left {
            if self.holds(&right, &member, true)? == (op == SetOp::Intersection) {
                kept.push(member);
            }
        }
        Ok(kept)
    }

    pub(super) fn ratios(&mut self, gold: &[Answer], given: &[Answer]) -> Checked {
        if gold.len() != given.len() {
            return Ok(false);
        }
        if self.in_order(gold, given)? {
            return Ok(true);
        }
        let (Some(gold), Some(given)) = (values(gold), values(given)) else { return Ok(false) };
        if !self.policy.proportional_ratios {
            return Ok(false);
        }
        // A clock shows noughts; a ratio of quantities has none.
        for part in gold.iter().chain(&given) {
            if algebra::equal(part, &tree::integer(0), self.budget)? {
                return Ok(false);
            }
        }
        let product = |a: &Expr, b: &Expr| Expr::Product(vec![a.clone(), b.clone()]);
        let (Some(gold_first), Some(given_first)) = (gold.first(), given.first()) else {
            return Ok(false);
        };
        for (gold, given) in gold.iter().zip(&given).skip(1) {
            if !self.values(&product(gold, given_first), &product(given, gold_first))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A ratio of two against a value.
    pub(super) fn ratio_with(&mut self, parts: &[Answer], value: &Expr) -> Checked {
        if !self.policy.ratio_is_fraction {
            return Ok(false);
        }
        match values(parts).as_deref() {
            Some([over, under]) => {
                let fraction = Expr::Quotient(Box::new(over.clone()), Box::new(under.clone()));
                algebra::equal(&fraction, value, self.budget)
            }
            _ => Ok(false),
        }
    }

    pub(super) fn matrices(&mut self, gold: &[Vec<Expr>], given: &[Vec<Expr>]) -> Checked {
        if gold.len() != given.len() {
            return Ok(false);
        }
        for (gold, given) in gold.iter().zip(given) {
            if gold.len() != given.len() {
                return Ok(false);
            }
            for (gold, given) in gold.iter().zip(given) {
                if !self.values(gold, given)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// A matrix against a tuple, or against rows between brackets: `[[1,2],[3,4]]`.
    pub(super) fn matrix_with_group(
        &mut self,
        rows: &[Vec<Expr>],
        open: Bracket,
        items: &[Answer],
        matrix_is_gold: bool,
    ) -> Checked {
        if !self.policy.vector_is_tuple || open == Bracket::Brace {
            return Ok(false);
        }
        let entries: Vec<Answer> = if rows.len() == items.len() && rows.len() > 1 {
            let row = |row: &Vec<Expr>| match row.as_slice() {
                [only] => tree::value(only.clone()),
                all => Answer::Group {
                    open,
                    close: open,
                    items: all.iter().cloned().map(tree::value).collect(),
                },
            };
            rows.iter().map(row).collect()
        } else {
            match rows {
                [row] => row.iter().cloned().map(tree::value).collect(),
                _ => return Ok(false),
            }
        };
        if matrix_is_gold { self.in_order(&entries, items) } else { self.in_order(items, &entries) }
    }
}

/// The values of members that are all literals without units.
fn literals(items: &[Answer]) -> Option<Vec<BigRational>> {
    items
        .iter()
        .map(|item| match item {
            Answer::Value(Quantity { value, unit: None }) => rational(value),
            _ => None,
        })
        .collect()
}

fn values(items: &[Answer]) -> Option<Vec<Expr>> {
    items
        .iter()
        .map(|item| match item {
            Answer::Value(quantity) => Some(quantity.value.clone()),
            _ => None,
        })
        .collect()
}
