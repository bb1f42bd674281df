//! Weights out, as one safetensors file.

use std::io::Write;
use thinkling_model::{Decoder, ModelError};
use thinkling_weights::{
    FloatType, SafetensorsTensorSpec, SafetensorsWriter, WeightsError, expected_tensors,
};

/// What can stop an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The model's device.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The writer, or what it writes to.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// Writes the weights of `decoder` into `out` as safetensors, one tensor at a time.
///
/// # Errors
/// What `out` fails with, a device that fails.
pub async fn write_safetensors(
    out: &mut dyn Write,
    decoder: &Decoder,
    dtype: FloatType,
) -> Result<(), ExportError> {
    let specs = expected_tensors(decoder.config())
        .into_iter()
        .map(|(name, shape)| SafetensorsTensorSpec { name, shape, dtype })
        .collect();
    let mut writer = SafetensorsWriter::new(out, specs)?;
    decoder
        .export(|tensor| Ok::<(), ExportError>(writer.write_f32(&tensor.name, &tensor.values)?))
        .await?;
    writer.finish()?;
    Ok(())
}
