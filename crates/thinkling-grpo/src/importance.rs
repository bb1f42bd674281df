//! Importance weights against the gap between what samples and what trains.
//!
//! A rollout may be sampled by other code, or by rounded weights, than the trainer differentiates; the
//! policy gradient is then off policy without anyone's wish. Each token's loss is weighted by
//! `w = exp(old_logprob - sampler_logprob)`, both of the same weights: the trainer's own over the
//! sampler's. Source: Yao et al. 2025, "Your Efficient RL Framework Secretly Brings You Off-Policy RL
//! Training" (truncated importance sampling). Left out: one weight a sequence.

use burn::tensor::{Bool, Tensor};
use serde::{Deserialize, Serialize};

use crate::GrpoError;
use crate::objective::LOG_RATIO_MAX;

/// What becomes of importance weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CorrectionKind {
    /// There are none.
    #[default]
    None,
    /// `min(w, cap)`.
    Truncate,
    /// `w` up to `cap`, and 0 above it: such tokens give nothing.
    Mask,
}

/// How the loss makes up for the sampler's other log-probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportanceCorrection {
    /// What becomes of the weights.
    pub kind: CorrectionKind,
    /// Their bound.
    pub cap: f64,
}

impl Default for ImportanceCorrection {
    fn default() -> Self {
        Self { kind: CorrectionKind::None, cap: 2.0 }
    }
}

impl ImportanceCorrection {
    /// Whether there is one.
    pub fn is_on(&self) -> bool {
        self.kind != CorrectionKind::None
    }

    pub(crate) fn validate(&self) -> Result<(), GrpoError> {
        match self.cap {
            cap if cap.is_finite() && cap >= 1.0 => Ok(()),
            got => Err(GrpoError::Range {
                what: "importance_correction.cap",
                // Below 1 it would hold tokens without any gap.
                expected: "at least 1",
                got,
            }),
        }
    }
}

/// Weights of tokens, without gradient.
pub(crate) struct ImportanceWeights {
    /// After the cap, `[rows, tokens]`.
    pub(crate) weights: Tensor<2>,
    /// Where `w` was above the cap.
    pub(crate) above: Tensor<2, Bool>,
}

impl ImportanceWeights {
    /// From the trainer's log-probabilities before any update and the sampler's, `[rows, tokens]`
    /// each; `None` without a correction.
    pub(crate) fn new(
        old: Tensor<2>,
        sampler: Tensor<2>,
        correction: ImportanceCorrection,
    ) -> Option<Self> {
        let cap = correction.cap;
        let ratio = (old - sampler).clamp_max(LOG_RATIO_MAX).exp();
        let above = ratio.clone().greater_scalar(cap);
        let weights = match correction.kind {
            CorrectionKind::None => return None,
            CorrectionKind::Truncate => ratio.clamp_max(cap),
            CorrectionKind::Mask => ratio.mask_fill(above.clone(), 0.0),
        };
        Some(Self { weights, above })
    }
}
