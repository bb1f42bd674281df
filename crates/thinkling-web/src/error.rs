//! What can go wrong, as a visitor reads it.

use thinkling_engine::EngineError;
use thinkling_grpo::GrpoError;
use thinkling_reward::RewardError;
use thinkling_text::TextError;
use thinkling_weights::WeightsError;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebError {
    /// A request that cannot be read or met.
    #[error("{0}")]
    Request(String),
    /// Files that are no model.
    #[error("not a model: {0}")]
    NotAModel(String),
    /// Weights that cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A tokenizer or template that cannot be read or used.
    #[error(transparent)]
    Text(#[from] TextError),
    /// What decodes failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A problem whose gold answer cannot be read.
    #[error(transparent)]
    Reward(#[from] RewardError),
    /// Rewards that make no group.
    #[error(transparent)]
    Advantages(#[from] GrpoError),
    /// An address that cannot be fetched.
    #[error("cannot load {url}: {reason}")]
    Download {
        /// The address.
        url: String,
        /// Why, in words.
        reason: String,
    },
    /// What the browser refused.
    #[error("the browser cannot {action}: {reason}")]
    Browser {
        /// What was tried.
        action: &'static str,
        /// Its own words.
        reason: String,
    },
    /// The caller's signal.
    #[error("aborted")]
    Aborted,
}

impl From<serde_json::Error> for WebError {
    fn from(error: serde_json::Error) -> Self {
        Self::Request(error.to_string())
    }
}
