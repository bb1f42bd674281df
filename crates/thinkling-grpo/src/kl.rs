//! Per-token estimators of the divergence from the reference policy.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// How `KL(policy || reference)` is estimated from the chosen token alone, with
/// `d = ref_logprob - logprob` (J. Schulman, "Approximating KL divergence", 2020).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlEstimator {
    /// `-d`: unbiased, noisy. In the loss its gradient is on average zero: a metric, not a penalty.
    K1,
    /// `d^2 / 2`: biased and quiet; its gradient is that of the true divergence on policy.
    K2,
    /// `exp(d) - d - 1`: unbiased, never negative (R1 report, equation 2).
    #[default]
    K3,
}

impl KlEstimator {
    /// The estimate of each token, in nats; differentiable in `logprobs`.
    ///
    /// # Shapes
    /// All `[rows, tokens]`.
    pub(crate) fn per_token(self, logprobs: Tensor<2>, ref_logprobs: Tensor<2>) -> Tensor<2> {
        let difference = ref_logprobs - logprobs;
        match self {
            KlEstimator::K1 => -difference,
            KlEstimator::K2 => (difference.clone() * difference).mul_scalar(0.5),
            KlEstimator::K3 => {
                let ratio = difference.clone().clamp_max(crate::objective::LOG_RATIO_MAX).exp();
                (ratio - difference).sub_scalar(1.0)
            }
        }
    }
}
