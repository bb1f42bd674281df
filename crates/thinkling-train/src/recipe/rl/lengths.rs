//! The key `length_schedule` of an `rl` stage.

use serde::Serialize;
use thinkling_reward::{RewardSpec, Rule};

use super::RlStage;
use crate::error::Result;
use crate::recipe::rewards::Rewards;
use crate::recipe::section::Section;
use crate::recipe::tree::Value;

/// From when on completions may be longer. The report raised its limit from 32,768 to 65,536 tokens
/// at step 8,200 of R1-Zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LengthChange {
    /// Optimiser steps of the stage that are done; the first rollout from there on has the limit.
    pub step: usize,
    /// Longest completion in tokens, above the limit before.
    pub max_completion_tokens: usize,
}

impl LengthChange {
    /// Reads the list of a stage of `steps`, whose limit is `first` before.
    pub(super) fn read_all(s: &mut Section<'_>, first: usize, steps: usize) -> Result<Vec<Self>> {
        const KEY: &str = "length_schedule";
        let Some(node) = s.node(KEY) else { return Ok(Vec::new()) };
        let Value::Array(items) = &node.value else {
            let expected = "an array of tables { step = .., max_completion_tokens = .. }";
            return Err(s.conflict(KEY, expected));
        };
        let mut last = Self { step: 0, max_completion_tokens: first };
        let mut changes = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let mut inner = s.inner(item, &format!("{KEY}.{index}"))?;
            let mut change = last;
            inner.required_count("step", &mut change.step, 1)?;
            inner.required_count("max_completion_tokens", &mut change.max_completion_tokens, 1)?;
            if inner.has("step") && (change.step <= last.step || change.step >= steps) {
                let expected = format!("a step above {} and below `steps` = {steps}", last.step);
                return Err(inner.conflict("step", expected));
            }
            let limit = last.max_completion_tokens;
            if inner.has("max_completion_tokens") && change.max_completion_tokens <= limit {
                let expected = format!("more than the {limit} tokens before");
                return Err(inner.conflict("max_completion_tokens", expected));
            }
            inner.finish()?;
            changes.push(change);
            last = change;
        }
        Ok(changes)
    }
}

impl RlStage {
    /// Longest completion of a rollout that begins after so many steps, tokens.
    pub fn completion_limit(&self, step: u64) -> usize {
        let last = self.length_schedule.iter().rfind(|change| change.step as u64 <= step);
        last.map_or(self.max_completion_tokens, |change| change.max_completion_tokens)
    }

    /// Longest completion of the whole stage, tokens.
    pub fn longest_completion(&self) -> usize {
        self.completion_limit(u64::MAX)
    }

    /// The rules of `rewards` in a rollout whose completions have at most `limit` tokens: those of
    /// length whose `max_tokens` is the stage's `max_completion_tokens` rise with it.
    pub fn reward_spec(&self, rewards: &Rewards, limit: usize) -> RewardSpec {
        let mut spec = rewards.spec();
        for component in &mut spec.components {
            let max_tokens = match &mut component.rule {
                Rule::Length(rule) => &mut rule.max_tokens,
                Rule::Overlong(rule) => &mut rule.max_tokens,
                _ => continue,
            };
            if *max_tokens == self.max_completion_tokens {
                *max_tokens = limit;
            }
        }
        spec
    }
}
