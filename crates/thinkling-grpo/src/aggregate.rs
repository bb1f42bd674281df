//! From per-token losses to one number.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::GrpoError;

/// Which policy loss, named after the method that brought its aggregation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossType {
    /// Mean over a completion's tokens, then over completions (DeepSeekMath, arXiv 2402.03300).
    #[default]
    Grpo,
    /// Sum over tokens by `rows * max_completion_length`: no bias towards short completions
    /// (arXiv 2503.20783).
    DrGrpo,
    /// Mean over the tokens of this micro-batch.
    Bnpo,
    /// Mean over the tokens of the whole batch (DAPO, arXiv 2503.14476).
    Dapo,
    /// Truncated importance weights without gradient times the log-probability, so that no token
    /// loses its gradient (MiniMax-M1, arXiv 2506.13585); aggregated as [`Self::Dapo`].
    Cispo,
}

/// How large the batch is of which the inputs are one micro-batch.
///
/// The default says that the inputs are a whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BatchScale {
    /// Trained tokens of the whole generation batch, for `dapo` and `cispo`; the mask's own sum
    /// where absent.
    pub num_items_in_batch: Option<f64>,
    /// Micro-batches of one optimiser step.
    pub gradient_accumulation_steps: usize,
    /// Micro-batches that one generation batch is cut into.
    pub steps_per_generation: usize,
    /// Completions of the whole optimiser step, where micro-batches have unequal numbers of rows:
    /// `grpo`, `dr_grpo` and `bnpo` then weigh this one by `rows / step_rows` and not by
    /// `1 / gradient_accumulation_steps`.
    pub step_rows: Option<usize>,
}

impl Default for BatchScale {
    fn default() -> Self {
        Self {
            num_items_in_batch: None,
            gradient_accumulation_steps: 1,
            steps_per_generation: 1,
            step_rows: None,
        }
    }
}

impl BatchScale {
    pub(crate) fn validate(&self) -> Result<(), GrpoError> {
        let counts = [
            ("gradient_accumulation_steps", self.gradient_accumulation_steps),
            ("steps_per_generation", self.steps_per_generation),
            ("step_rows", self.step_rows.unwrap_or(1)),
        ];
        for (what, count) in counts {
            if count == 0 {
                return Err(GrpoError::Range { what, expected: "at least 1", got: 0.0 });
            }
        }
        match self.num_items_in_batch {
            Some(got) if !(got.is_finite() && got > 0.0) => Err(GrpoError::Range {
                what: "num_items_in_batch",
                expected: "a positive number of tokens",
                got,
            }),
            _ => Ok(()),
        }
    }

    /// Weight of this micro-batch's mean in the optimiser step.
    fn share(&self, rows: usize) -> f64 {
        match self.step_rows {
            Some(step_rows) => rows as f64 / step_rows as f64,
            None => 1.0 / self.gradient_accumulation_steps as f64,
        }
    }
}

/// Sums `losses` (already 0 where the mask is) and divides as `loss` says.
///
/// # Shapes
/// `losses`, `mask`: `[rows, tokens]`; the mask is 0 or 1 and carries no gradient.
pub(crate) fn aggregate(
    losses: Tensor<2>,
    mask: Tensor<2>,
    loss: LossType,
    max_completion_length: f64,
    scale: &BatchScale,
) -> Tensor<1> {
    let [rows, _] = losses.dims();
    let share = scale.share(rows);
    match loss {
        LossType::Grpo => {
            let lengths = mask.sum_dim(1).clamp_min(1.0);
            (losses.sum_dim(1) / lengths).sum().mul_scalar(share / rows as f64)
        }
        LossType::DrGrpo => losses.sum().mul_scalar(share / (rows as f64 * max_completion_length)),
        LossType::Bnpo => (losses.sum() / mask.sum().clamp_min(1.0)).mul_scalar(share),
        LossType::Dapo | LossType::Cispo => {
            let steps =
                scale.steps_per_generation as f64 / scale.gradient_accumulation_steps as f64;
            match scale.num_items_in_batch {
                Some(tokens) => losses.sum().mul_scalar(steps / tokens),
                None => (losses.sum() / mask.sum().clamp_min(1.0)).mul_scalar(steps),
            }
        }
    }
}
