//! The table `alarms` of an `rl` stage.

use serde::Serialize;

use crate::error::Result;
use crate::recipe::range::{POSITIVE, Range};
use crate::recipe::section::Section;

/// Keys of the table `alarms`: what ends the stage with an error that names the last good checkpoint.
/// A loss or gradient norm that is no number always does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Alarms {
    /// Whether a collapse ends the stage: five rollouts in a row in which more than 0.8 of the groups
    /// have no variance and accuracy is below 0.1, while the format, where it is rewarded, is above
    /// 0.8. Without it a note says so. Default false.
    pub collapse: bool,
    /// Divergence from the reference, nats a token, that ends the stage where the mean over a
    /// rollout's steps is above it; needs `kl_coef`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_kl: Option<f64>,
    /// Share of completions cut at the token limit that ends the stage where
    /// `truncated_rollouts` in a row are above it. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_truncated_share: Option<f64>,
    /// Rollouts in a row. Default 5.
    pub truncated_rollouts: usize,
    /// Norm of the gradient before clipping that ends the stage where any step of a rollout is above
    /// it. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_grad_norm: Option<f64>,
}

impl Default for Alarms {
    fn default() -> Self {
        Self {
            collapse: false,
            max_kl: None,
            max_truncated_share: None,
            truncated_rollouts: 5,
            max_grad_norm: None,
        }
    }
}

impl Alarms {
    pub(super) fn read_from(&mut self, stage: &mut Section<'_>, kl_coef: f64) -> Result<()> {
        let Some(mut s) = stage.section("alarms")? else { return Ok(()) };
        s.flag("collapse", &mut self.collapse)?;
        s.optional_float("max_kl", &mut self.max_kl, POSITIVE)?;
        if self.max_kl.is_some() && kl_coef == 0.0 {
            return Err(s.conflict("max_kl", "a `kl_coef` above 0 in the stage"));
        }
        // 1 could never be passed.
        let share = Range::BELOW_ONE;
        s.optional_float("max_truncated_share", &mut self.max_truncated_share, share)?;
        s.count("truncated_rollouts", &mut self.truncated_rollouts, 1)?;
        s.optional_float("max_grad_norm", &mut self.max_grad_norm, POSITIVE)?;
        s.finish()
    }
}
