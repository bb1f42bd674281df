//! safetensors: an 8-byte length, a JSON header of that length, then the tensors' bytes.
//!
//! Only F32, F16 and BF16 tensors can be read; others may be in the file and are named when asked
//! for.

mod write;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Error as _, MapAccess, Visitor};

pub use write::{SafetensorsTensorSpec, SafetensorsWriter};

use crate::float::decode_floats;
use crate::read::{ReadAt, bytes};
use crate::{FloatType, WeightsError};

/// The format's own limit on its header.
const MAX_HEADER_BYTES: u64 = 100_000_000;
const METADATA_KEY: &str = "__metadata__";
/// The types that can be read, for messages.
const SUPPORTED: &str = "F32, F16 or BF16";

/// The header of a safetensors file. It owns no tensor data; reading a tensor takes the file's
/// bytes again.
#[derive(Debug, Clone)]
pub struct SafetensorsIndex {
    metadata: HashMap<String, String>,
    tensors: Vec<SafetensorsTensor>,
    by_name: HashMap<String, usize>,
}

/// One tensor of a safetensors file.
#[derive(Debug, Clone, PartialEq)]
pub struct SafetensorsTensor {
    /// Name in the file.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// Number format as the file names it: `F32`, `BF16`, `I64`, ...
    pub dtype: String,
    /// Where the data lies, in bytes from the start of the file.
    pub range: Range<usize>,
}

impl SafetensorsTensor {
    /// The number format, where it can be read.
    pub fn float(&self) -> Option<FloatType> {
        match self.dtype.as_str() {
            "F32" => Some(FloatType::F32),
            "F16" => Some(FloatType::F16),
            "BF16" => Some(FloatType::Bf16),
            _ => None,
        }
    }
}

impl SafetensorsIndex {
    /// Parses the header of a file. Of a file that does not lie in memory the header alone is read.
    ///
    /// # Errors
    /// Where the file ends early, the header is no JSON object of the format's form, or a
    /// tensor's bytes lie outside the file, overlap another's, or do not match its shape.
    pub fn parse(file: &(impl ReadAt + ?Sized)) -> Result<Self, WeightsError> {
        let length = bytes(file, 0..8, &|| "the header's length".to_owned())?;
        let mut eight = [0; 8];
        eight.copy_from_slice(&length);
        let length = u64::from_le_bytes(eight);
        if length > MAX_HEADER_BYTES {
            return Err(WeightsError::invalid(
                "header length of safetensors",
                format!("at most {MAX_HEADER_BYTES} bytes"),
                length,
            ));
        }
        // At most 10^8, so a `usize` everywhere.
        let data_start = 8 + length as usize;
        let header = bytes(file, 8..data_start, &|| "the header".to_owned())?;
        let header: Header = serde_json::from_slice(&header)
            .map_err(|source| WeightsError::Json { what: "the safetensors header", source })?;
        let data_len = file.len() - data_start;
        let mut tensors = Vec::with_capacity(header.tensors.len());
        let mut by_name = HashMap::with_capacity(header.tensors.len());
        for (name, raw) in header.tensors {
            let tensor = raw.place(name, data_start, data_len)?;
            if by_name.insert(tensor.name.clone(), tensors.len()).is_some() {
                return Err(WeightsError::invalid(
                    "safetensors header",
                    "names given once",
                    tensor.name,
                ));
            }
            tensors.push(tensor);
        }
        refuse_overlaps(&tensors)?;
        Ok(Self { metadata: header.metadata, tensors, by_name })
    }

    /// The free-form texts of the header, as `format`.
    pub fn metadata(&self) -> &HashMap<String, String> {
        &self.metadata
    }

    /// The tensors in the order of the header.
    pub fn tensors(&self) -> &[SafetensorsTensor] {
        &self.tensors
    }

    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<&SafetensorsTensor> {
        self.by_name.get(name).map(|&index| &self.tensors[index])
    }

    /// A tensor's elements, row-major.
    ///
    /// # Errors
    /// Where there is no such tensor, its type is not supported, or `file` is shorter than the
    /// file that was parsed.
    pub fn read_f32(
        &self,
        file: &(impl ReadAt + ?Sized),
        name: &str,
    ) -> Result<Vec<f32>, WeightsError> {
        let tensor = self
            .tensor(name)
            .ok_or_else(|| WeightsError::UnknownTensor { name: name.to_owned() })?;
        let float = tensor.float().ok_or_else(|| unsupported_type(name, &tensor.dtype))?;
        let bytes = bytes(file, tensor.range.clone(), &|| format!("tensor `{name}`"))?;
        let mut out = vec![0.0; bytes.len() / float.size()];
        decode_floats(float, &bytes, &mut out);
        Ok(out)
    }
}

pub(crate) fn unsupported_type(name: &str, got: &str) -> WeightsError {
    WeightsError::TensorType {
        name: name.to_owned(),
        supported: SUPPORTED,
        got: got.chars().take(40).collect(),
    }
}

fn refuse_overlaps(tensors: &[SafetensorsTensor]) -> Result<(), WeightsError> {
    let mut places: Vec<_> = tensors.iter().filter(|tensor| !tensor.range.is_empty()).collect();
    places.sort_by_key(|tensor| tensor.range.start);
    for pair in places.windows(2) {
        if pair[1].range.start < pair[0].range.end {
            return Err(WeightsError::invalid(
                format!("data_offsets of tensor `{}`", pair[1].name),
                format!("bytes after those of `{}`", pair[0].name),
                "an overlap",
            ));
        }
    }
    Ok(())
}

/// A table entry as it stands in the header.
#[derive(Deserialize)]
struct RawTensor {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

impl RawTensor {
    fn place(
        self,
        name: String,
        data_start: usize,
        data_len: usize,
    ) -> Result<SafetensorsTensor, WeightsError> {
        let (begin, end) = self.data_offsets;
        if begin > end {
            return Err(WeightsError::invalid(
                format!("data_offsets of tensor `{name}`"),
                "a start not after the end",
                format!("{begin}, {end}"),
            ));
        }
        if end > data_len as u64 {
            return Err(WeightsError::Truncated {
                what: format!("tensor `{name}`"),
                needed: end,
                available: data_len as u64,
            });
        }
        if let Some(element) = element_size(&self.dtype) {
            let size = self
                .shape
                .iter()
                .try_fold(element, |size: u64, &dimension| size.checked_mul(dimension as u64));
            if size != Some(end - begin) {
                return Err(WeightsError::invalid(
                    format!("size of tensor `{name}`"),
                    format!("shape {:?} of {}", self.shape, self.dtype),
                    format!("{} bytes", end - begin),
                ));
            }
        }
        // Both are at most the file's length.
        let range = data_start + begin as usize..data_start + end as usize;
        Ok(SafetensorsTensor { name, shape: self.shape, dtype: self.dtype, range })
    }
}

/// Bytes of one element of the types whose size is whole and known.
fn element_size(dtype: &str) -> Option<u64> {
    match dtype {
        "BOOL" | "U8" | "I8" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => Some(1),
        "F16" | "BF16" | "I16" | "U16" => Some(2),
        "F32" | "I32" | "U32" => Some(4),
        "F64" | "I64" | "U64" | "C64" => Some(8),
        _ => None,
    }
}

/// The header's pairs in file order, with names kept even where they come twice.
struct Header {
    metadata: HashMap<String, String>,
    tensors: Vec<(String, RawTensor)>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;
        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut header = Header { metadata: HashMap::new(), tensors: Vec::new() };
                while let Some(name) = map.next_key::<String>()? {
                    if name == METADATA_KEY {
                        header.metadata = map.next_value()?;
                    } else {
                        let tensor = map
                            .next_value()
                            .map_err(|fault| A::Error::custom(format!("`{name}`: {fault}")))?;
                        header.tensors.push((name, tensor));
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(HeaderVisitor)
    }
}
