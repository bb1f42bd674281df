//! What a rollout shows: means over its completions, and whether the policy has collapsed.

use crate::resampling::has_variance;
use crate::rollout::Scored;
use serde::{Deserialize, Serialize};
use thinkling_reward::reflection;
use thinkling_reward::spec::FORMAT;

/// Rollouts in a row after which a collapse is called one.
const COLLAPSE_ROLLOUTS: u32 = 5;

/// Means over the completions of a rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Reward.
    pub reward: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// Value of the format, over the completions where it is rewarded.
    pub format: Option<f64>,
    /// Name and mean of each component, before weighting, over the completions that have it.
    pub components: Vec<(String, f64)>,
    /// Name and share of clipped values of each component with bounds.
    pub clipped: Vec<(String, f64)>,
    /// Tokens of a completion.
    pub length: f64,
    /// Share of completions cut at the token limit.
    pub truncated: f64,
    /// Share of groups whose rewards are all alike, from which nothing is learnt.
    pub zero_variance: f64,
    /// Reflective words of a completion.
    pub reflection: f64,
    /// Share of completions with a reflective word.
    pub reflecting: f64,
    /// Share of completions with a reflective word and a right answer.
    pub reflecting_right: f64,
    /// Share of words in the problem's language, over the completions to problems that name one.
    pub language: Option<f64>,
    /// Tokens of all completions.
    pub tokens: usize,
}

impl Summary {
    /// Over `scored`, in groups of `group`. `bounded` are the names of the components with bounds.
    pub fn of(scored: &[Scored], group: usize, bounded: &[&str]) -> Self {
        Self::of_groups(&scored.chunks(group.max(1)).collect::<Vec<_>>(), bounded)
    }

    /// Over the completions of some groups.
    pub fn of_groups(groups: &[&[Scored]], bounded: &[&str]) -> Self {
        let scored: Vec<&Scored> = groups.iter().copied().flatten().collect();
        let n = scored.len().max(1) as f64;
        let mean = |f: &dyn Fn(&Scored) -> f64| scored.iter().map(|s| f(s)).sum::<f64>() / n;
        // Records of one source have the same components; others may have others.
        let value = |name: &str| {
            let values = || scored.iter().filter_map(|s| s.record.value(name));
            values().sum::<f64>() / values().count().max(1) as f64
        };
        let clipped = |name: &str| {
            let parts = || scored.iter().filter_map(|s| s.record.component(name));
            parts().filter(|c| c.clipped).count() as f64 / parts().count().max(1) as f64
        };
        let mut components: Vec<(String, f64)> = Vec::new();
        for part in scored.iter().flat_map(|s| &s.record.components) {
            if !components.iter().any(|(name, _)| *name == part.name) {
                components.push((part.name.to_string(), value(&part.name)));
            }
        }
        let reflective: Vec<usize> =
            scored.iter().map(|s| reflection::reflection_count(&s.text)).collect();
        let is_right = |s: &Scored| s.record.verdict.is_correct();
        let reflecting = reflective.iter().filter(|words| **words > 0).count();
        let reflecting_right =
            reflective.iter().zip(&scored).filter(|(words, s)| **words > 0 && is_right(s)).count();
        let languages: Vec<f64> = scored.iter().filter_map(|s| s.language).collect();
        let language = languages.iter().sum::<f64>() / languages.len().max(1) as f64;
        let tokens = scored.iter().map(|s| s.completion.ids.len()).sum();
        let without = groups.iter().filter(|group| !has_variance(group)).count();
        let groups = groups.len().max(1) as f64;
        Self {
            reward: mean(&|s| s.reward),
            accuracy: mean(&|s| f64::from(u8::from(is_right(s)))),
            format: components.iter().find(|(name, _)| name == FORMAT).map(|(_, mean)| *mean),
            clipped: bounded.iter().map(|&name| (name.to_owned(), clipped(name))).collect(),
            components,
            length: tokens as f64 / n,
            truncated: mean(&|s| f64::from(u8::from(s.truncated()))),
            zero_variance: without as f64 / groups,
            reflection: reflective.iter().sum::<usize>() as f64 / n,
            reflecting: reflecting as f64 / n,
            reflecting_right: reflecting_right as f64 / n,
            language: (!languages.is_empty()).then_some(language),
            tokens,
        }
    }

    /// Accuracy gone while the format is kept and no group tells completions apart: what a too
    /// large learning rate does.
    fn collapsed(&self) -> bool {
        self.zero_variance > 0.8 && self.accuracy < 0.1 && self.format.is_none_or(|f| f > 0.8)
    }
}

/// Tells when a policy has collapsed: once, at the fifth rollout in a row that looks so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollapseWatch {
    in_a_row: u32,
}

impl CollapseWatch {
    /// Takes the next rollout; whether it is the one that makes it a collapse.
    pub fn sees(&mut self, summary: &Summary) -> bool {
        self.in_a_row = if summary.collapsed() { self.in_a_row.saturating_add(1) } else { 0 };
        self.in_a_row == COLLAPSE_ROLLOUTS
    }

    /// Whether the last rollouts make it a collapse.
    pub fn is_collapsed(&self) -> bool {
        self.in_a_row >= COLLAPSE_ROLLOUTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(accuracy: f64, format: f64, zero_variance: f64) -> Summary {
        Summary {
            reward: accuracy + format,
            accuracy,
            format: Some(format),
            components: Vec::new(),
            clipped: Vec::new(),
            length: 8.0,
            truncated: 0.0,
            zero_variance,
            reflection: 0.0,
            reflecting: 0.0,
            reflecting_right: 0.0,
            language: None,
            tokens: 1024,
        }
    }

    #[test]
    fn a_collapse_is_told_once_and_only_after_five_rollouts_in_a_row() {
        let (sound, gone) = (summary(0.5, 0.9, 0.2), summary(0.01, 1.0, 0.95));
        let mut watch = CollapseWatch::default();
        let rollouts =
            [&gone, &gone, &gone, &gone, &sound, &gone, &gone, &gone, &gone, &gone, &gone];
        let told: Vec<bool> = rollouts.map(|summary| watch.sees(summary)).to_vec();
        assert_eq!(told.iter().position(|told| *told), Some(9));
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
    }

    #[test]
    fn a_policy_that_is_right_or_tells_completions_apart_has_not_collapsed() {
        for sound in [summary(0.9, 1.0, 0.95), summary(0.01, 1.0, 0.5), summary(0.01, 0.1, 1.0)] {
            assert!(!sound.collapsed());
        }
    }
}
