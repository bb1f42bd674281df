//! Writes GGUF version 3, tensor by tensor.

use std::io::Write;

use super::{ALIGNMENT_KEY, DEFAULT_ALIGNMENT, GgmlType, GgufArray, GgufValue, MAGIC, quantize};
use crate::WeightsError;

/// A tensor that is going to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct GgufTensorSpec {
    /// GGUF name, as `blk.0.attn_q.weight`.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// How the elements are to be stored.
    pub ty: GgmlType,
}

/// A GGUF file in the making: the header is written at once, then each tensor in the announced
/// order, so that only one tensor is in memory at a time.
#[derive(Debug)]
pub struct GgufWriter<W> {
    writer: W,
    specs: Vec<GgufTensorSpec>,
    next: usize,
}

impl<W: Write> GgufWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// Where a type cannot be written, a row is not a whole number of blocks, a shape overflows,
    /// `general.alignment` is among the metadata (the writer aligns to 32), or writing fails.
    pub fn new(
        mut writer: W,
        metadata: &[(String, GgufValue)],
        specs: Vec<GgufTensorSpec>,
    ) -> Result<Self, WeightsError> {
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&3u32.to_le_bytes());
        header.extend_from_slice(&(specs.len() as u64).to_le_bytes());
        header.extend_from_slice(&(metadata.len() as u64).to_le_bytes());
        for (key, value) in metadata {
            if key == ALIGNMENT_KEY {
                return Err(WeightsError::unsupported(
                    format!("metadata `{key}`"),
                    "none, the alignment is 32",
                    format!("{value:?}"),
                ));
            }
            push_string(&mut header, key);
            header.extend_from_slice(&value.type_id().to_le_bytes());
            push_value(&mut header, value);
        }
        let mut offset = 0u64;
        for spec in &specs {
            push_string(&mut header, &spec.name);
            header.extend_from_slice(&(spec.shape.len() as u32).to_le_bytes());
            for &size in spec.shape.iter().rev() {
                header.extend_from_slice(&(size as u64).to_le_bytes());
            }
            header.extend_from_slice(&spec.ty.id().to_le_bytes());
            header.extend_from_slice(&offset.to_le_bytes());
            let size = stored_size(spec)?;
            offset = offset
                .checked_add(size)
                .and_then(|end| end.checked_next_multiple_of(DEFAULT_ALIGNMENT))
                .ok_or_else(|| overflow(spec))?;
        }
        let padded = header.len().next_multiple_of(DEFAULT_ALIGNMENT as usize);
        header.resize(padded, 0);
        write(&mut writer, &header)?;
        Ok(Self { writer, specs, next: 0 })
    }

    /// Writes the next tensor, converted to its announced type. For Llama-family files query and
    /// key rows are to be interleaved before ([`crate::half_split_to_interleaved`]).
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
        let mut bytes = quantize(spec.ty, values);
        bytes.resize(bytes.len().next_multiple_of(DEFAULT_ALIGNMENT as usize), 0);
        write(&mut self.writer, &bytes)?;
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
            .map_err(|source| WeightsError::Io { action: "write the GGUF file", source })?;
        Ok(self.writer)
    }
}

fn write(writer: &mut impl Write, bytes: &[u8]) -> Result<(), WeightsError> {
    writer
        .write_all(bytes)
        .map_err(|source| WeightsError::Io { action: "write the GGUF file", source })
}

fn overflow(spec: &GgufTensorSpec) -> WeightsError {
    WeightsError::invalid(
        format!("shape of tensor `{}`", spec.name),
        "a size that can be addressed",
        format!("{:?}", spec.shape),
    )
}

fn stored_size(spec: &GgufTensorSpec) -> Result<u64, WeightsError> {
    let Some((block_len, block_bytes)) = spec.ty.block() else {
        return Err(super::types::unsupported_type(&spec.name, spec.ty));
    };
    let row = spec.shape.last().copied().unwrap_or(1);
    if row % block_len != 0 || spec.shape.len() > super::MAX_DIMENSIONS as usize {
        return Err(WeightsError::invalid(
            format!("shape of tensor `{}` of type {}", spec.name, spec.ty),
            format!("at most 4 dimensions, the last a multiple of {block_len}"),
            format!("{:?}", spec.shape),
        ));
    }
    spec.shape
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size))
        .and_then(|elements| (elements / block_len).checked_mul(block_bytes))
        .map(|size| size as u64)
        .ok_or_else(|| overflow(spec))
}

fn push_string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn push_value(out: &mut Vec<u8>, value: &GgufValue) {
    match value {
        GgufValue::U8(value) => out.push(*value),
        GgufValue::I8(value) => out.extend_from_slice(&value.to_le_bytes()),
        GgufValue::U16(value) => out.extend_from_slice(&value.to_le_bytes()),
        GgufValue::I16(value) => out.extend_from_slice(&value.to_le_bytes()),
        GgufValue::U32(value) => out.extend_from_slice(&value.to_le_bytes()),
        GgufValue::I32(value) => out.extend_from_slice(&value.to_le_bytes()),
        GgufValue::F32(value) => out.extend_from_slice(&value.to_le_bytes()),
        GgufValue::Bool(value) => out.push(u8::from(*value)),
        GgufValue::String(text) => push_string(out, text),
        GgufValue::Array(array) => push_array(out, array),
        GgufValue::U64(value) => out.extend_from_slice(&value.to_le_bytes()),
        GgufValue::I64(value) => out.extend_from_slice(&value.to_le_bytes()),
        GgufValue::F64(value) => out.extend_from_slice(&value.to_le_bytes()),
    }
}

fn push_array(out: &mut Vec<u8>, array: &GgufArray) {
    out.extend_from_slice(&array.type_id().to_le_bytes());
    match array {
        GgufArray::U8(items) => push_items(out, items, |out, item| out.push(*item)),
        GgufArray::I8(items) => push_items(out, items, |out, item| out.extend(item.to_le_bytes())),
        GgufArray::U16(items) => push_items(out, items, |out, item| out.extend(item.to_le_bytes())),
        GgufArray::I16(items) => push_items(out, items, |out, item| out.extend(item.to_le_bytes())),
        GgufArray::U32(items) => push_items(out, items, |out, item| out.extend(item.to_le_bytes())),
        GgufArray::I32(items) => push_items(out, items, |out, item| out.extend(item.to_le_bytes())),
        GgufArray::F32(items) => push_items(out, items, |out, item| out.extend(item.to_le_bytes())),
        GgufArray::Bool(items) => push_items(out, items, |out, item| out.push(u8::from(*item))),
        GgufArray::String(items) => push_items(out, items, |out, item| push_string(out, item)),
        GgufArray::Array(items) => push_items(out, items, push_array),
        GgufArray::U64(items) => push_items(out, items, |out, item| out.extend(item.to_le_bytes())),
        GgufArray::I64(items) => push_items(out, items, |out, item| out.extend(item.to_le_bytes())),
        GgufArray::F64(items) => push_items(out, items, |out, item| out.extend(item.to_le_bytes())),
    }
}

fn push_items<T>(out: &mut Vec<u8>, items: &[T], push: impl Fn(&mut Vec<u8>, &T)) {
    out.extend_from_slice(&(items.len() as u64).to_le_bytes());
    for item in items {
        push(out, item);
    }
}
