//! GGUF, versions 2 and 3: one file with metadata, a tensor table and aligned tensor data.
//!
//! Layout (little-endian): magic `GGUF`, version `u32`, tensor count `u64`, metadata count `u64`,
//! the metadata pairs, the tensor table, padding to `general.alignment` (32 by default), data.
//! A tensor's dimensions stand fastest first and its offset counts from the start of the data.
//!
//! A model may lie in several such files ([`GgufSplit`]). Big-endian files and version 1 are refused by
//! name.

mod cursor;
mod quant;
mod split;
mod types;
mod value;
mod write;

use std::collections::HashMap;
use std::ops::Range;

pub use quant::{IQ4_NL_VALUES, dequantize, q3_k_as_q6_k, quantize};
pub use split::{GgufSplit, gguf_parts};
pub use types::GgmlType;
pub(crate) use types::unsupported_type;
pub use value::{GgufArray, GgufValue};
pub use write::{GgufTensorSpec, GgufWriter};

use crate::WeightsError;
use crate::read::{ReadAt, bytes};
use cursor::Cursor;

const MAGIC: &[u8; 4] = b"GGUF";
const DEFAULT_ALIGNMENT: u64 = 32;
const ALIGNMENT_KEY: &str = "general.alignment";
/// The format's own limit.
const MAX_DIMENSIONS: u32 = 4;
/// Smallest metadata pair: an empty key (8), a type (4), one byte of value.
const MIN_PAIR_BYTES: u64 = 13;
/// Smallest table entry: an empty name (8), dimension count (4), type (4), offset (8).
const MIN_TENSOR_BYTES: u64 = 24;
/// Bytes that are read first of a file that does not lie in memory.
const FIRST_PIECE: usize = 1 << 20;

/// The header of a GGUF file: metadata and tensor table. It owns no tensor data; reading a tensor
/// takes the file's bytes again.
#[derive(Debug, Clone)]
pub struct Gguf {
    version: u32,
    metadata: HashMap<String, GgufValue>,
    tensors: Vec<GgufTensor>,
    by_name: HashMap<String, usize>,
}

/// One tensor of a GGUF file.
#[derive(Debug, Clone, PartialEq)]
pub struct GgufTensor {
    /// Name in the file, as `blk.0.attn_q.weight`.
    pub name: String,
    /// Row-major shape (the file has it reversed).
    pub shape: Vec<usize>,
    /// How the elements are stored.
    pub ty: GgmlType,
    /// Where the data lies, in bytes from the start of the file; empty for a type whose size is
    /// not known.
    pub range: Range<usize>,
}

impl GgufTensor {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Gguf {
    /// Parses the header of a file. Of a file that does not lie in memory the header alone is read.
    ///
    /// # Errors
    /// Where the bytes are no GGUF file of version 2 or 3, end early, or name sizes, offsets or
    /// shapes that do not fit the file.
    pub fn parse(file: &(impl ReadAt + ?Sized)) -> Result<Self, WeightsError> {
        // Where the header ends stands nowhere: it is read in a longer piece until it fits.
        let mut len = if file.in_memory().is_some() { file.len() } else { FIRST_PIECE };
        loop {
            len = len.min(file.len());
            let piece = bytes(file, 0..len, &|| "the header".to_owned())?;
            match Self::read_header(&piece) {
                Err(WeightsError::Truncated { .. }) if len < file.len() => {
                    len = len.saturating_mul(4);
                }
                read => {
                    let Header { mut gguf, table, data, alignment } = read?;
                    gguf.place(table, data, alignment, file.len() as u64)?;
                    return Ok(gguf);
                }
            }
        }
    }

    /// Reads everything before the data.
    fn read_header(bytes: &[u8]) -> Result<Header, WeightsError> {
        let mut cursor = Cursor::new(bytes);
        let version = read_version(&mut cursor)?;
        let tensor_count = cursor.count("the tensor table", MIN_TENSOR_BYTES)?;
        let pair_count = cursor.count("the metadata", MIN_PAIR_BYTES)?;
        let mut metadata = HashMap::with_capacity(pair_count);
        for _ in 0..pair_count {
            let key = cursor.string("a metadata key")?;
            let value = value::read_value(&mut cursor, &key)?;
            if metadata.contains_key(&key) {
                return Err(WeightsError::invalid("metadata", "keys given once", key));
            }
            metadata.insert(key, value);
        }
        let gguf = Self { version, metadata, tensors: Vec::new(), by_name: HashMap::new() };
        let alignment = gguf.alignment()?;
        // No table can have more entries than bytes were left for, checked by `count` above, but
        // the metadata came in between.
        cursor.require(tensor_count as u64 * MIN_TENSOR_BYTES, "the tensor table")?;
        let mut table = Vec::with_capacity(tensor_count);
        for _ in 0..tensor_count {
            table.push(RawTensor::read(&mut cursor)?);
        }
        let data = cursor.position().checked_next_multiple_of(alignment).ok_or_else(|| {
            WeightsError::invalid(format!("`{ALIGNMENT_KEY}`"), "a small power of two", alignment)
        })?;
        Ok(Header { gguf, table, data, alignment })
    }

    /// Version of the format: 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The tensors in the order of the table.
    pub fn tensors(&self) -> &[GgufTensor] {
        &self.tensors
    }

    /// The tensor of that GGUF name.
    pub fn tensor(&self, name: &str) -> Option<&GgufTensor> {
        self.by_name.get(name).map(|&index| &self.tensors[index])
    }

    /// A tensor's elements, row-major, in the order of the file (query and key rows of
    /// Llama-family files stay interleaved).
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
        if !tensor.ty.is_supported() {
            return Err(unsupported_type(name, tensor.ty));
        }
        let bytes = bytes(file, tensor.range.clone(), &|| format!("tensor `{name}`"))?;
        let mut out = vec![0.0; tensor.elements()];
        dequantize(tensor.ty, &bytes, &mut out);
        Ok(out)
    }

    fn alignment(&self) -> Result<u64, WeightsError> {
        let alignment = self.get_u64(ALIGNMENT_KEY)?.unwrap_or(DEFAULT_ALIGNMENT);
        if alignment.is_power_of_two() && u32::try_from(alignment).is_ok() {
            Ok(alignment)
        } else {
            Err(WeightsError::invalid(
                format!("`{ALIGNMENT_KEY}`"),
                "a power of two below 2^32",
                alignment,
            ))
        }
    }

    /// Turns the raw table into tensors with checked places.
    fn place(
        &mut self,
        table: Vec<RawTensor>,
        data: u64,
        alignment: u64,
        file_len: u64,
    ) -> Result<(), WeightsError> {
        for raw in table {
            let tensor = raw.place(data, alignment, file_len)?;
            if self.by_name.insert(tensor.name.clone(), self.tensors.len()).is_some() {
                return Err(WeightsError::invalid("tensor table", "names given once", tensor.name));
            }
            self.tensors.push(tensor);
        }
        let mut places: Vec<_> =
            self.tensors.iter().filter(|tensor| !tensor.range.is_empty()).collect();
        places.sort_by_key(|tensor| tensor.range.start);
        for pair in places.windows(2) {
            if pair[1].range.start < pair[0].range.end {
                return Err(WeightsError::invalid(
                    format!("offset of tensor `{}`", pair[1].name),
                    format!("at least {}, the end of `{}`", pair[0].range.end, pair[0].name),
                    pair[1].range.start,
                ));
            }
        }
        Ok(())
    }
}

fn read_version(cursor: &mut Cursor<'_>) -> Result<u32, WeightsError> {
    let magic = cursor.take(4, "the magic number")?;
    if magic != MAGIC {
        return Err(WeightsError::invalid("magic number", "`GGUF`", magic.escape_ascii()));
    }
    let version = cursor.u32("the version")?;
    match version {
        2 | 3 => Ok(version),
        // A small number with its bytes the other way round.
        _ if version.swap_bytes() <= 3 => {
            Err(WeightsError::unsupported("byte order of GGUF", "little-endian", "big-endian"))
        }
        _ => Err(WeightsError::unsupported("version of GGUF", "2 or 3", version)),
    }
}

/// What stands before the data; the tensors have no checked places yet.
struct Header {
    gguf: Gguf,
    table: Vec<RawTensor>,
    /// Start of the data, in bytes from the start of the file.
    data: u64,
    alignment: u64,
}

/// A table entry as it stands in the file.
struct RawTensor {
    name: String,
    shape: Vec<usize>,
    ty: GgmlType,
    offset: u64,
}

impl RawTensor {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, WeightsError> {
        let name = cursor.string("a tensor name")?;
        let dimensions = cursor.u32("a dimension count")?;
        if dimensions > MAX_DIMENSIONS {
            return Err(WeightsError::invalid(
                format!("dimension count of tensor `{name}`"),
                format!("at most {MAX_DIMENSIONS}"),
                dimensions,
            ));
        }
        let mut shape = Vec::with_capacity(dimensions as usize);
        for _ in 0..dimensions {
            let size = cursor.u64("a dimension")?;
            let size = usize::try_from(size).map_err(|_| {
                WeightsError::invalid(format!("dimension of tensor `{name}`"), "a size", size)
            })?;
            shape.push(size);
        }
        shape.reverse();
        let ty = GgmlType::from_id(cursor.u32("a tensor type")?);
        let offset = cursor.u64("a tensor offset")?;
        Ok(Self { name, shape, ty, offset })
    }

    fn place(self, data: u64, alignment: u64, file_len: u64) -> Result<GgufTensor, WeightsError> {
        let Self { name, shape, ty, offset } = self;
        if !offset.is_multiple_of(alignment) {
            return Err(WeightsError::invalid(
                format!("offset of tensor `{name}`"),
                format!("a multiple of {alignment}"),
                offset,
            ));
        }
        let elements = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let too_large = || {
            WeightsError::invalid(
                format!("shape of tensor `{name}`"),
                format!("a size within the file's {file_len} bytes"),
                format!("{shape:?}"),
            )
        };
        let elements = elements.ok_or_else(too_large)?;
        let size = match ty.block() {
            None => 0,
            Some((block_len, block_bytes)) => {
                let row = shape.last().copied().unwrap_or(1);
                if row % block_len != 0 {
                    return Err(WeightsError::invalid(
                        format!("row length of tensor `{name}` of type {ty}"),
                        format!("a multiple of {block_len}"),
                        row,
                    ));
                }
                (elements / block_len).checked_mul(block_bytes).ok_or_else(too_large)?
            }
        };
        let begin = data.checked_add(offset);
        let end = begin.and_then(|begin| begin.checked_add(size as u64));
        match (begin, end) {
            (Some(begin), Some(end)) if end <= file_len || size == 0 => {
                // Within the file, so within a `usize`; an empty tensor may lie anywhere.
                let range = if size == 0 { 0..0 } else { begin as usize..end as usize };
                Ok(GgufTensor { name, shape, ty, range })
            }
            _ => Err(WeightsError::Truncated {
                what: format!("tensor `{name}` at offset {offset}"),
                needed: size as u64,
                available: file_len.saturating_sub(begin.unwrap_or(u64::MAX)),
            }),
        }
    }
}
