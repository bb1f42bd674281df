//! What can go wrong in the model crate.

use thinkling_sampling::SamplingError;
use thinkling_weights::WeightsError;

/// An error of loading, running or saving a model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Weights or config that cannot be read or do not fit together.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Sampling parameters outside their range.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// A prompt that leaves no room for a completion.
    #[error(
        "prompt {index} is too long, expected: at most {} tokens, got: {len} (the model's context is {context} tokens)",
        context - 1
    )]
    PromptTooLong {
        /// Which prompt, from 0.
        index: usize,
        /// Its length in tokens.
        len: usize,
        /// `max_position_embeddings` of the model.
        context: usize,
    },
    /// A prompt without tokens.
    #[error("prompt {index} is empty, expected: at least one token")]
    EmptyPrompt {
        /// Which prompt, from 0.
        index: usize,
    },
    /// A token id outside the vocabulary.
    #[error("token id out of range, expected: below {vocab_size}, got: {id} (prompt {index})")]
    TokenOutOfRange {
        /// Which prompt, from 0.
        index: usize,
        /// The id.
        id: u32,
        /// Size of the model's vocabulary.
        vocab_size: usize,
    },
    /// The device failed or gave numbers that cannot be.
    #[error("the device failed: {0}")]
    Device(String),
}
