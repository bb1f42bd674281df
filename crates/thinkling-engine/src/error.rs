//! What can go wrong.

use thinkling_sampling::SamplingError;
use thinkling_sampling::generate::GenerateError;
use thinkling_weights::WeightsError;

/// Why the engine cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No device, or one that failed or was lost.
    #[error("the GPU: {0}")]
    Gpu(String),
    /// A GPU whose numbers are wrong.
    #[error(
        "the GPU computes wrongly: one layer differs from the CPU's, expected: by at most {tolerance} of the largest logit, got: {share}"
    )]
    SelfTest {
        /// Largest difference of two logits over the largest logit.
        share: f32,
        /// What is let pass.
        tolerance: f32,
    },
    /// Someone wanted it to end, see [`Engine::with_before_pass`](crate::Engine::with_before_pass).
    #[error("stopped before its end")]
    Stopped,
    /// New weights for an engine whose sequences run.
    #[error("the engine is busy, expected: no running sequences while its weights are replaced")]
    Busy,
    /// A tensor that is not among the model's, or does not fit.
    #[error("new weights: tensor `{name}`, expected: {expected}")]
    Tensor {
        /// Its name.
        name: String,
        /// What was expected of it.
        expected: String,
    },
    /// The adapter lacks what the shaders need.
    #[error("the GPU's {what}, expected: at least {expected}, got: {got}")]
    Limit {
        /// The limit.
        what: &'static str,
        /// What is needed.
        expected: u64,
        /// What the adapter has.
        got: u64,
    },
    /// Weights that cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Sizes that do not fit together.
    #[error("{what}, expected: {expected}, got: {got}")]
    Shape {
        /// Of what.
        what: &'static str,
        /// Size that fits.
        expected: usize,
        /// Size that was given.
        got: usize,
    },
    /// A cache that has no room for another sequence.
    #[error(
        "the cache has no room for {tokens} more tokens; it was made for {cache_tokens} in all"
    )]
    CacheFull {
        /// Tokens of the sequence, one after the other.
        tokens: usize,
        /// Tokens of the cache.
        cache_tokens: usize,
    },
    /// A request that cannot be met.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// A token outside the vocabulary.
    #[error("token id {id}, expected: below the vocabulary's size of {vocab_size}")]
    TokenOutOfRange {
        /// It.
        id: u32,
        /// Size of the vocabulary.
        vocab_size: usize,
    },
    /// A sampling parameter outside its range.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
}
