//! Group advantages, policy objectives, KL estimators and loss aggregation for GRPO and its kin.
//!
//! Two layers:
//! - Without features: [`group_advantages`], [`combine_rewards`] and [`AdvantageStats`] on plain
//!   slices, so that a page can show them without burn.
//! - Feature `burn`: [`policy_loss`] and [`loss_and_grad`] on tensors of log-probabilities, and the
//!   chunked language-model head ([`token_logprobs`], [`head_backward`], [`cross_entropy`]) that
//!   never holds a `[tokens, vocab]` tensor.
//!
//! The crate knows nothing of models, prompts or rewards' meaning; it is wasm-clean and reads
//! tensors back only where a function says so.

mod advantages;
mod error;

#[cfg(feature = "burn")]
mod aggregate;
#[cfg(feature = "burn")]
mod head;
#[cfg(feature = "burn")]
mod importance;
#[cfg(feature = "burn")]
mod kl;
#[cfg(feature = "burn")]
mod objective;
#[cfg(feature = "burn")]
mod stats;

pub use advantages::{
    AdvantageStats, Advantages, STD_EPS, ScaleRewards, combine_rewards, group_advantages,
};
pub use error::GrpoError;

#[cfg(feature = "burn")]
pub use aggregate::{BatchScale, LossType};
#[cfg(feature = "burn")]
pub use head::{
    CrossEntropy, HeadGrads, HeadOutput, HeadWeight, RowMap, TokenGrads, cross_entropy,
    head_backward, head_forward_backward, token_logprobs, token_logprobs_and_entropy,
};
#[cfg(feature = "burn")]
pub use importance::{CorrectionKind, ImportanceCorrection};
#[cfg(feature = "burn")]
pub use kl::KlEstimator;
#[cfg(feature = "burn")]
pub use objective::{
    LossAndGrad, ObjectiveConfig, ObjectiveInputs, PolicyLoss, RatioLevel, loss_and_grad,
    loss_and_grad_async, policy_loss,
};
#[cfg(feature = "burn")]
pub use stats::ObjectiveStats;
