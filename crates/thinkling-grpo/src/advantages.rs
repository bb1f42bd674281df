//! Group-relative advantages (DeepSeekMath, arXiv 2402.03300) on plain slices.
//!
//! The group's mean is the baseline in every mode; [`ScaleRewards`] says by which spread the
//! difference is divided. Standard deviations are unbiased (`n - 1`). A completion that no reward
//! function could judge is left out of mean and spread and gets the advantage 0, so that it moves
//! nothing.

use serde::{Deserialize, Serialize};

use crate::GrpoError;

/// Added to the standard deviation before dividing, so that a group without spread gives 0.
pub const STD_EPS: f64 = 1e-4;

/// Below this a spread counts as none: equal rewards may differ in the last bits after weighting.
const ZERO_STD: f64 = 1e-8;

/// What the difference from the group's mean is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleRewards {
    /// The standard deviation of the completion's own group (R1 report).
    #[default]
    Group,
    /// The standard deviation of the whole batch (arXiv 2508.08221).
    Batch,
    /// Nothing (Dr. GRPO, arXiv 2503.20783).
    None,
}

/// Advantages of a batch with the numbers they came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Advantages {
    /// One advantage a completion, in the order of the rewards.
    pub advantages: Vec<f64>,
    /// Mean reward of each group (0 where no completion of the group has a reward).
    pub mean: Vec<f64>,
    /// Unbiased standard deviation of each group (0 for fewer than two rewards).
    pub group_std: Vec<f64>,
    /// Unbiased standard deviation of all rewards of the batch.
    pub batch_std: f64,
    /// Completions of one prompt.
    pub group_size: usize,
    /// The mode that was used.
    pub scale: ScaleRewards,
    reward_mean: f64,
    missing: usize,
}

/// Statistics of a batch's advantages, for the metrics of a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdvantageStats {
    /// Groups in the batch.
    pub groups: usize,
    /// Groups whose rewards are all the same: they teach nothing.
    pub groups_without_variance: usize,
    /// The same as a share of all groups, 0 to 1.
    pub share_without_variance: f64,
    /// Mean reward over all completions that have one.
    pub reward_mean: f64,
    /// Unbiased standard deviation of all rewards.
    pub reward_std: f64,
    /// Mean of the groups' own standard deviations.
    pub group_std_mean: f64,
    /// Largest absolute advantage.
    pub advantage_max_abs: f64,
    /// Completions without any reward.
    pub missing_rewards: usize,
}

/// Weighted sum of several reward functions for each completion.
///
/// `reward_i = sum_k weight_k * reward_ik` over the functions that returned a value; a function
/// that returned nothing for a completion (it does not apply to its kind of problem) adds nothing.
/// A completion that no function judged has no reward.
///
/// # Shapes
/// `rewards_per_func`: `[completions][functions]`; `weights`: `[functions]`.
///
/// # Errors
/// [`GrpoError::Shape`] where a row has another number of functions than `weights`,
/// [`GrpoError::Reward`] for a value that is not finite.
pub fn combine_rewards<R: AsRef<[Option<f64>]>>(
    rewards_per_func: &[R],
    weights: &[f64],
) -> Result<Vec<Option<f64>>, GrpoError> {
    let combine = |(row, rewards): (usize, &R)| {
        let rewards = rewards.as_ref();
        if rewards.len() != weights.len() {
            return Err(GrpoError::Shape {
                what: "rewards of a completion, one a reward function",
                expected: vec![weights.len()],
                got: vec![rewards.len()],
            });
        }
        let mut total = None;
        for (reward, weight) in rewards.iter().zip(weights) {
            if let Some(reward) = reward {
                let term = reward * weight;
                if !term.is_finite() {
                    return Err(GrpoError::Reward { row, got: term });
                }
                *total.get_or_insert(0.0) += term;
            }
        }
        Ok(total)
    };
    rewards_per_func.iter().enumerate().map(combine).collect()
}

/// Advantages of groups of completions: `A_i = (r_i - mean(group)) / (std + 1e-4)`, with the
/// standard deviation of `scale`, or undivided.
///
/// `rewards` may be `f64` or `Option<f64>`; a missing reward is left out of mean and spread and
/// its completion's advantage is 0.
///
/// # Shapes
/// `rewards`: `[prompts * group_size]`, the completions of one prompt next to each other.
///
/// # Errors
/// [`GrpoError::Groups`] where the rewards do not fill whole groups, [`GrpoError::Reward`] for a
/// reward that is not finite.
pub fn group_advantages<R: Copy + Into<Option<f64>>>(
    rewards: &[R],
    group_size: usize,
    scale: ScaleRewards,
) -> Result<Advantages, GrpoError> {
    if group_size == 0 || rewards.is_empty() || !rewards.len().is_multiple_of(group_size) {
        return Err(GrpoError::Groups { group_size, got: rewards.len() });
    }
    let rewards: Vec<Option<f64>> = rewards.iter().map(|&reward| reward.into()).collect();
    for (row, reward) in rewards.iter().enumerate() {
        if let Some(got) = reward.filter(|value| !value.is_finite()) {
            return Err(GrpoError::Reward { row, got });
        }
    }
    let (reward_mean, batch_std) = mean_and_std(&rewards);
    let spreads: Vec<(f64, f64)> = rewards.chunks(group_size).map(mean_and_std).collect();
    let mut advantages = Vec::with_capacity(rewards.len());
    for (group, &(mean, std)) in rewards.chunks(group_size).zip(&spreads) {
        let divisor = match scale {
            ScaleRewards::Group => std + STD_EPS,
            ScaleRewards::Batch => batch_std + STD_EPS,
            ScaleRewards::None => 1.0,
        };
        let advantage = |reward: &Option<f64>| reward.map_or(0.0, |value| (value - mean) / divisor);
        advantages.extend(group.iter().map(advantage));
    }
    Ok(Advantages {
        advantages,
        mean: spreads.iter().map(|spread| spread.0).collect(),
        group_std: spreads.iter().map(|spread| spread.1).collect(),
        batch_std,
        group_size,
        scale,
        reward_mean,
        missing: rewards.iter().filter(|reward| reward.is_none()).count(),
    })
}

impl Advantages {
    /// For each group, whether all its rewards are the same (or fewer than two are known).
    pub fn groups_without_variance(&self) -> Vec<bool> {
        self.group_std.iter().map(|&std| std <= ZERO_STD).collect()
    }

    /// The spread that belongs to a completion's advantage: the batch's for
    /// [`ScaleRewards::Batch`], else its group's.
    pub fn std_of(&self, completion: usize) -> Option<f64> {
        let group_std = *self.group_std.get(completion.checked_div(self.group_size)?)?;
        Some(if self.scale == ScaleRewards::Batch { self.batch_std } else { group_std })
    }

    /// Statistics for a step's metrics.
    pub fn stats(&self) -> AdvantageStats {
        let groups = self.group_std.len();
        let flat = self.groups_without_variance().into_iter().filter(|&flat| flat).count();
        AdvantageStats {
            groups,
            groups_without_variance: flat,
            share_without_variance: flat as f64 / groups as f64,
            reward_mean: self.reward_mean,
            reward_std: self.batch_std,
            group_std_mean: self.group_std.iter().sum::<f64>() / groups as f64,
            advantage_max_abs: self.advantages.iter().fold(0.0, |max, a| max.max(a.abs())),
            missing_rewards: self.missing,
        }
    }
}

/// Mean and unbiased standard deviation of the known values; 0 where too few are known.
fn mean_and_std(values: &[Option<f64>]) -> (f64, f64) {
    let count = values.iter().flatten().count();
    if count == 0 {
        return (0.0, 0.0);
    }
    let mean = values.iter().flatten().sum::<f64>() / count as f64;
    if count == 1 {
        return (mean, 0.0);
    }
    let squares: f64 = values.iter().flatten().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounding of a few f64 operations.
    const TOLERANCE: f64 = 1e-12;

    fn assert_close(got: &[f64], expected: &[f64]) {
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() <= TOLERANCE, "expected: {expected}, got: {got}");
        }
    }

    #[test]
    fn a_group_is_centred_and_divided_by_its_unbiased_spread() {
        let got = group_advantages(&[1.0, 0.0, 0.0, 1.0], 4, ScaleRewards::Group).unwrap();
        let unit = 0.5 / ((1.0_f64 / 3.0).sqrt() + 1e-4);
        assert_close(&got.advantages, &[unit, -unit, -unit, unit]);
        assert_close(&got.mean, &[0.5]);
    }

    #[test]
    fn batch_scaling_keeps_the_groups_mean_as_baseline() {
        let got = group_advantages(&[1.0, 0.0, 3.0, 3.0], 2, ScaleRewards::Batch).unwrap();
        // Deviations from 1.75: -0.75, -1.75, 1.25, 1.25; squares sum to 6.75.
        let unit = 0.5 / (2.25_f64.sqrt() + 1e-4);
        assert_close(&got.advantages, &[unit, -unit, 0.0, 0.0]);
        assert_eq!(got.groups_without_variance(), [false, true]);
        assert_eq!(got.std_of(3), Some(1.5));
        assert_eq!(got.std_of(4), None);
    }

    #[test]
    fn no_scaling_leaves_the_difference() {
        let got = group_advantages(&[2.0, 0.0], 2, ScaleRewards::None).unwrap();
        assert_close(&got.advantages, &[1.0, -1.0]);
    }

    #[test]
    fn equal_rewards_teach_nothing_and_are_counted() {
        let got =
            group_advantages(&[0.1, 0.1, 0.1, 1.0, 0.0, 0.5], 3, ScaleRewards::Group).unwrap();
        assert_close(&got.advantages[..3], &[0.0; 3]);
        let stats = got.stats();
        assert_eq!((stats.groups, stats.groups_without_variance), (2, 1));
        assert_close(&[stats.share_without_variance, stats.group_std_mean], &[0.5, 0.25]);
    }

    #[test]
    fn a_missing_reward_is_left_out_and_moves_nothing() {
        let rewards = [Some(1.0), None, Some(3.0), None, None, Some(7.0)];
        let got = group_advantages(&rewards, 3, ScaleRewards::None).unwrap();
        assert_close(&got.advantages, &[-1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_close(&got.mean, &[2.0, 7.0]);
        assert_eq!(got.stats().missing_rewards, 3);
        let empty = group_advantages(&[None, None], 2, ScaleRewards::Group).unwrap();
        assert_close(&empty.advantages, &[0.0, 0.0]);
    }

    #[test]
    fn reward_functions_are_weighted_and_absent_ones_add_nothing() {
        let rows = [vec![Some(1.0), Some(0.5)], vec![None, Some(0.5)], vec![None, None]];
        let got = combine_rewards(&rows, &[1.0, -2.0]).unwrap();
        assert_eq!(got, [Some(0.0), Some(-1.0), None]);
    }

    #[test]
    fn wrong_input_is_an_error_that_says_where() {
        let groups = group_advantages(&[1.0, 2.0, 3.0], 2, ScaleRewards::Group);
        assert_eq!(groups, Err(GrpoError::Groups { group_size: 2, got: 3 }));
        let empty = group_advantages::<f64>(&[], 0, ScaleRewards::Group);
        assert_eq!(empty, Err(GrpoError::Groups { group_size: 0, got: 0 }));
        let infinite = group_advantages(&[1.0, f64::INFINITY], 2, ScaleRewards::Group);
        assert_eq!(infinite, Err(GrpoError::Reward { row: 1, got: f64::INFINITY }));
        let short = combine_rewards(&[vec![Some(1.0)]], &[1.0, 2.0]);
        assert!(matches!(short, Err(GrpoError::Shape { .. })));
        let nan = combine_rewards(&[[Some(1.0)], [Some(f64::NAN)]], &[1.0]);
        assert!(matches!(nan, Err(GrpoError::Reward { row: 1, .. })));
    }
}
