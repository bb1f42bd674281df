//! Writes safetensors, tensor by tensor.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::METADATA_KEY;
use crate::float::encode_floats;
use crate::{FloatType, WeightsError};

/// A tensor that is going to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct SafetensorsTensorSpec {
    /// Name in the file.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// How the elements are to be stored.
    pub dtype: FloatType,
}

/// A safetensors file in the making: the header is written at once, then each tensor in the
/// announced order, so that only one tensor is in memory at a time.
#[derive(Debug)]
pub struct SafetensorsWriter<W> {
    writer: W,
    specs: Vec<SafetensorsTensorSpec>,
    next: usize,
}

impl<W: Write> SafetensorsWriter<W> {
    /// Writes the header, with `format: pt` among its metadata, without which `transformers`
    /// refuses the file.
    ///
    /// # Errors
    /// Where a name comes twice, a shape overflows, a tensor would not be aligned to its elements
    /// (announce wider types first), or writing fails.
    pub fn new(mut writer: W, specs: Vec<SafetensorsTensorSpec>) -> Result<Self, WeightsError> {
        let mut table = Map::new();
        table.insert(METADATA_KEY.to_owned(), json!({"format": "pt"}));
        let mut offset = 0usize;
        for spec in &specs {
            let size = spec.dtype.size();
            let end = spec
                .shape
                .iter()
                .try_fold(size, |size, &dimension| size.checked_mul(dimension))
                .and_then(|size| size.checked_add(offset));
            let Some(end) = end.filter(|_| offset.is_multiple_of(size)) else {
                return Err(WeightsError::invalid(
                    format!("shape of tensor `{}`", spec.name),
                    "a size that can be addressed, wider types first",
                    format!("{:?} at byte {offset}", spec.shape),
                ));
            };
            let entry = json!({
                "dtype": spec.dtype.safetensors_name(),
                "shape": spec.shape,
                "data_offsets": [offset, end],
            });
            if table.insert(spec.name.clone(), entry).is_some() {
                return Err(WeightsError::invalid(
                    "list of tensors",
                    "names given once, none of them `__metadata__`",
                    &spec.name,
                ));
            }
            offset = end;
        }
        let mut header = Value::Object(table).to_string().into_bytes();
        // Spaces keep the data aligned to 8 bytes, as the format advises.
        header.resize(header.len().next_multiple_of(8), b' ');
        write(&mut writer, &(header.len() as u64).to_le_bytes())?;
        write(&mut writer, &header)?;
        Ok(Self { writer, specs, next: 0 })
    }

    /// Writes the next tensor, converted to its announced type.
    ///
    /// # Errors
    /// Where it is another tensor's turn, the number of elements is wrong, or writing fails.
    pub fn write_f32(&mut self, name: &str, values: &[f32]) -> Result<(), WeightsError> {
        let spec = match self.specs.get(self.next) {
            Some(spec) if spec.name == name => spec,
            other => {
                return Err(WeightsError::WriteOrder {
                    expected: other.map_or("no more".to_owned(), |spec| spec.name.clone()),
                    got: name.to_owned(),
                });
            }
        };
        let expected = spec.shape.iter().product();
        if values.len() != expected {
            let name = name.to_owned();
            return Err(WeightsError::BufferLength { name, expected, got: values.len() });
        }
        // In pieces, so that no second copy of a large tensor is made.
        let mut bytes = Vec::new();
        for piece in values.chunks(1 << 16) {
            bytes.clear();
            encode_floats(spec.dtype, piece, &mut bytes);
            write(&mut self.writer, &bytes)?;
        }
        self.next += 1;
        Ok(())
    }

    /// Ends the file and gives the writer back, flushed.
    ///
    /// # Errors
    /// Where an announced tensor was not written, or flushing fails.
    pub fn finish(mut self) -> Result<W, WeightsError> {
        if let Some(spec) = self.specs.get(self.next) {
            return Err(WeightsError::WriteOrder {
                expected: spec.name.clone(),
                got: "the end".to_owned(),
            });
        }
        self.writer
            .flush()
            .map_err(|source| WeightsError::Io { action: "write the safetensors file", source })?;
        Ok(self.writer)
    }
}

fn write(writer: &mut impl Write, bytes: &[u8]) -> Result<(), WeightsError> {
    writer
        .write_all(bytes)
        .map_err(|source| WeightsError::Io { action: "write the safetensors file", source })
}
