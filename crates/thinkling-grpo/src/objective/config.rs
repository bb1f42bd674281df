//! Which objective, in numbers.

use serde::{Deserialize, Serialize};

use crate::{GrpoError, ImportanceCorrection, KlEstimator, LossType};

/// On which level the ratio of policy and sampling policy is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RatioLevel {
    /// One ratio a token.
    #[default]
    Token,
    /// One ratio a completion, the geometric mean of its tokens' (GSPO, arXiv 2507.18071). Clip
    /// widths are then orders of magnitude smaller (3e-4 and 4e-4 there).
    Sequence,
}

/// Which objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectiveConfig {
    /// Loss and its aggregation.
    pub loss: LossType,
    /// Level of the ratio.
    pub ratio: RatioLevel,
    /// The ratio is clipped below at `1 - clip_eps_low`. Unused by `cispo`.
    pub clip_eps_low: f64,
    /// The ratio is clipped above at `1 + clip_eps_high`. Unused by `cispo`.
    pub clip_eps_high: f64,
    /// Cap of the ratio where the advantage is negative, which clipping leaves unbounded
    /// (INTELLECT-2, arXiv 2505.07291). Meant above `1 + clip_eps_high`. Unused by
    /// `cispo`.
    pub delta: Option<f64>,
    /// Cap of the importance weight of `cispo`: the weight itself, not its distance from 1.
    pub cispo_max_ratio: f64,
    /// Weight of the divergence from the reference (beta).
    pub kl_coef: f64,
    /// Estimator of that divergence.
    pub kl: KlEstimator,
    /// Weight of the policy's entropy, which is added to what is maximised.
    pub entropy_coef: f64,
    /// Whether and how tokens are weighted for what the sampler's log-probabilities lack.
    pub importance_correction: ImportanceCorrection,
    /// Longest completion that sampling allows, tokens: the constant of `dr_grpo`.
    pub max_completion_length: Option<usize>,
}

impl Default for ObjectiveConfig {
    fn default() -> Self {
        Self {
            loss: LossType::Grpo,
            ratio: RatioLevel::Token,
            clip_eps_low: 0.2,
            clip_eps_high: 0.2,
            delta: None,
            cispo_max_ratio: 5.0,
            kl_coef: 0.0,
            kl: KlEstimator::K3,
            entropy_coef: 0.0,
            importance_correction: ImportanceCorrection::default(),
            max_completion_length: None,
        }
    }
}

impl ObjectiveConfig {
    /// What the R1 report trained with: beta 0.001 and the clip width 10 of its first RL stage
    /// (that of R1-Zero is not published).
    pub fn r1_zero() -> Self {
        Self { clip_eps_low: 10.0, clip_eps_high: 10.0, kl_coef: 0.001, ..Self::default() }
    }

    /// Checks every number.
    ///
    /// # Errors
    /// [`GrpoError::Range`] and [`GrpoError::Missing`] name the field.
    pub fn validate(&self) -> Result<(), GrpoError> {
        let at_least = |what, got: f64, least: f64, expected| {
            let fits = got.is_finite() && got >= least;
            if fits { Ok(()) } else { Err(GrpoError::Range { what, expected, got }) }
        };
        at_least("clip_eps_low", self.clip_eps_low, 0.0, "at least 0")?;
        at_least("clip_eps_high", self.clip_eps_high, 0.0, "at least 0")?;
        at_least("kl_coef", self.kl_coef, 0.0, "at least 0")?;
        at_least("entropy_coef", self.entropy_coef, 0.0, "at least 0")?;
        at_least("cispo_max_ratio", self.cispo_max_ratio, f64::MIN_POSITIVE, "above 0")?;
        self.importance_correction.validate()?;
        at_least("delta", self.delta.unwrap_or(1.0), 1.0, "at least 1")?;
        match (self.loss, self.max_completion_length) {
            (LossType::DrGrpo, None) => Err(GrpoError::Missing {
                what: "max_completion_length",
                because: "loss dr_grpo divides by it",
            }),
            (_, Some(0)) => Err(GrpoError::Range {
                what: "max_completion_length",
                expected: "at least 1",
                got: 0.0,
            }),
            _ => Ok(()),
        }
    }
}
