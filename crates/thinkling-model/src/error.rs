//! What can go wrong in the model crate.

use thinkling_sampling::generate::GenerateError;
use thinkling_weights::WeightsError;

/// An error of loading, running or saving a model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Weights or config that cannot be read or do not fit together.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A request that cannot be met.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The device failed or gave numbers that cannot be.
    #[error("the device failed: {0}")]
    Device(String),
}
