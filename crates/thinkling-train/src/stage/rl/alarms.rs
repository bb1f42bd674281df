//! What a recipe's `alarms` watch for, rollout by rollout.

use crate::recipe::Alarms;
use serde::{Deserialize, Serialize};
use thinkling_learn::{CollapseWatch, Summary};

/// What the watch has seen; a part of checkpoints, so that a resumed run rings when the uninterrupted
/// one does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Watch {
    collapse: CollapseWatch,
    /// Rollouts in a row with too large a share of cut completions.
    truncated: u32,
}

/// What the watch says of a rollout and its updates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watched {
    /// The rollout makes it a collapse.
    pub(super) collapsed: bool,
    /// What ends the stage.
    pub(super) alarm: Option<String>,
}

impl Watch {
    /// Takes the next rollout: its summary, the mean divergence from the reference and the largest
    /// gradient norm of its updates.
    pub(super) fn sees(
        &mut self,
        alarms: &Alarms,
        summary: &Summary,
        kl: Option<f64>,
        grad_norm: f64,
    ) -> Watched {
        let collapsed = self.collapse.sees(summary);
        let truncated = alarms.max_truncated_share.filter(|&most| summary.truncated > most);
        self.truncated = if truncated.is_some() { self.truncated.saturating_add(1) } else { 0 };
        let long = truncated.filter(|_| self.truncated as usize >= alarms.truncated_rollouts);
        let far = alarms.max_kl.zip(kl).filter(|&(most, kl)| kl > most);
        let steep = alarms.max_grad_norm.filter(|&most| grad_norm > most);
        let alarm = if let Some((most, kl)) = far {
            Some(format!(
                "the policy is {kl:.4} nats a token from its reference, above `alarms.max_kl` = \
                 {most}; a smaller `lr` or a larger `kl_coef` usually helps"
            ))
        } else if let Some(most) = steep {
            Some(format!(
                "the gradient's norm is {grad_norm:.4}, above `alarms.max_grad_norm` = {most}; a \
                 smaller `lr` or a longer warm-up usually helps"
            ))
        } else if alarms.collapse && self.collapse.is_collapsed() {
            Some(
                "the policy has collapsed: nearly no group has any variance and accuracy is near \
                 zero while the format is kept (`alarms.collapse`); a smaller `lr` usually helps"
                    .to_owned(),
            )
        } else {
            long.map(|most| {
                format!(
                    "in {} rollouts in a row more than `alarms.max_truncated_share` = {most} of the \
                     completions were cut, {:.4} of the last; a larger `max_completion_tokens` or \
                     the reward `overlong` usually helps",
                    self.truncated, summary.truncated
                )
            })
        };
        Watched { collapsed, alarm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(truncated: f64, accuracy: f64, zero_variance: f64) -> Summary {
        Summary {
            reward: accuracy,
            accuracy,
            format: Some(1.0),
            components: Vec::new(),
            clipped: Vec::new(),
            length: 8.0,
            truncated,
            zero_variance,
            reflection: 0.0,
            reflecting: 0.0,
            reflecting_right: 0.0,
            language: None,
            tokens: 64,
        }
    }

    fn sound() -> Summary {
        summary(0.1, 0.5, 0.1)
    }

    #[test]
    fn without_keys_nothing_rings_and_a_collapse_is_told_once() {
        let (mut watch, alarms) = (Watch::default(), Alarms::default());
        let gone = summary(1.0, 0.0, 1.0);
        let seen: Vec<Watched> =
            (0..8).map(|_| watch.sees(&alarms, &gone, Some(1e9), f64::INFINITY)).collect();
        assert!(seen.iter().all(|watched| watched.alarm.is_none()));
        assert_eq!(seen.iter().position(|watched| watched.collapsed), Some(4));
        assert_eq!(seen.iter().filter(|watched| watched.collapsed).count(), 1);
    }

    #[test]
    fn each_key_rings_above_its_limit_and_names_itself() {
        let kl = Alarms { max_kl: Some(0.5), ..Alarms::default() };
        let rings = |alarms: &Alarms, kl, norm| {
            Watch::default().sees(alarms, &sound(), kl, norm).alarm.unwrap_or_default()
        };
        assert!(rings(&kl, Some(0.51), 1.0).contains("alarms.max_kl"));
        assert_eq!(rings(&kl, Some(0.5), 1.0), "");
        assert_eq!(rings(&kl, None, 1.0), "");
        let norm = Alarms { max_grad_norm: Some(10.0), ..Alarms::default() };
        assert!(rings(&norm, None, 10.1).contains("alarms.max_grad_norm"));
        assert!(rings(&norm, None, f64::INFINITY).contains("alarms.max_grad_norm"));
        assert_eq!(rings(&norm, None, 9.9), "");
        let collapse = Alarms { collapse: true, ..Alarms::default() };
        let (mut watch, gone) = (Watch::default(), summary(0.0, 0.0, 1.0));
        let mut after = || watch.sees(&collapse, &gone, None, 0.0).alarm;
        assert!((0..4).all(|_| after().is_none()));
        assert!(after().is_some_and(|text| text.contains("alarms.collapse")));
    }

    #[test]
    fn cut_completions_ring_after_so_many_rollouts_in_a_row_also_across_a_checkpoint() {
        let alarms =
            Alarms { max_truncated_share: Some(0.5), truncated_rollouts: 3, ..Alarms::default() };
        let long = summary(0.6, 0.5, 0.1);
        let mut watch = Watch::default();
        let rollouts = [&long, &long, &sound(), &long, &long];
        assert!(rollouts.iter().all(|s| watch.sees(&alarms, s, None, 1.0).alarm.is_none()));
        let kept = serde_json::to_string(&watch).expect("has a JSON form");
        let mut watch: Watch = serde_json::from_str(&kept).expect("reads again");
        let alarm = watch.sees(&alarms, &long, None, 1.0).alarm.expect("it rings");
        assert!(alarm.contains("in 3 rollouts in a row"), "{alarm}");
    }
}
