//! One opened model, whatever its format.

mod expected;
#[cfg(feature = "mmap")]
mod open;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

pub use expected::expected_tensors;

use crate::gguf::GgmlType;
use crate::rope_rows::interleaved_row;
use crate::{
    Architecture, Gguf, ModelConfig, SafetensorsIndex, WeightsError, dequantize, gguf_to_hf,
};

const HEAD: &str = "lm_head.weight";

/// An opened model: its config and its tensors under Hugging Face names, row-major, with query
/// and key rows in Hugging Face's order.
///
/// Opening checks that every tensor the config needs is there, with the right shape and a type
/// that can be read; other tensors are listed but not checked. A tied model's separate head, where
/// a file has one, is ignored. The bytes stay as they are (in a memory map, where the file was
/// opened by path); a tensor is converted when it is read.
#[derive(Debug)]
pub struct Checkpoint {
    config: ModelConfig,
    tensors: BTreeMap<String, Entry>,
    files: Vec<FileBytes>,
    gguf: Option<Gguf>,
    folder: Option<PathBuf>,
}

/// The bytes of one weight file.
enum FileBytes {
    Owned(Vec<u8>),
    #[cfg(feature = "mmap")]
    Mapped(memmap2::Mmap),
}

impl FileBytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            #[cfg(feature = "mmap")]
            Self::Mapped(map) => map,
        }
    }
}

impl std::fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.as_slice().len())
    }
}

/// Where a tensor lies and how it is stored.
#[derive(Debug)]
struct Entry {
    file: usize,
    range: Range<usize>,
    shape: Vec<usize>,
    encoding: Encoding,
    /// Head width, where rows are interleaved and have to be put in order.
    interleaved: Option<usize>,
}

#[derive(Debug)]
enum Encoding {
    Ggml(GgmlType),
    /// A safetensors type that cannot be read, by name.
    Foreign(String),
}

impl Entry {
    fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The type to decode from, or the error that names it.
    fn readable(&self, name: &str) -> Result<GgmlType, WeightsError> {
        match &self.encoding {
            Encoding::Ggml(ty) if ty.is_supported() => Ok(*ty),
            Encoding::Ggml(ty) => Err(crate::gguf::unsupported_type(name, ty)),
            Encoding::Foreign(dtype) => Err(crate::safetensors::unsupported_type(name, dtype)),
        }
    }
}

impl Checkpoint {
    /// Opens a GGUF model from the bytes of its file.
    ///
    /// # Errors
    /// Where the bytes are damaged, ask for something unsupported, or do not hold the tensors
    /// that their own config needs.
    pub fn from_gguf_bytes(bytes: Vec<u8>) -> Result<Self, WeightsError> {
        Self::from_gguf(FileBytes::Owned(bytes))
    }

    /// Opens a model from the text of its `config.json` and the bytes of its safetensors files.
    ///
    /// # Errors
    /// As [`Self::from_gguf_bytes`], and where two files have a tensor of one name.
    pub fn from_safetensors_bytes(
        config_json: &str,
        files: Vec<Vec<u8>>,
    ) -> Result<Self, WeightsError> {
        let config = ModelConfig::from_json(config_json)?;
        let files: Vec<_> = files.into_iter().map(FileBytes::Owned).collect();
        let mut tensors = BTreeMap::new();
        for (number, file) in files.iter().enumerate() {
            add_safetensors(&mut tensors, number, file.as_slice(), |_| true)?;
        }
        Self::finish(config, tensors, files, None)
    }

    /// The model's config.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Names and row-major shapes of all tensors, by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.tensors.iter().map(|(name, entry)| (name.as_str(), entry.shape.as_slice()))
    }

    /// Whether there is a tensor of that Hugging Face name.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor's elements, row-major.
    ///
    /// # Errors
    /// Where there is no such tensor or its type cannot be read.
    pub fn read_f32(&self, name: &str) -> Result<Vec<f32>, WeightsError> {
        let entry = self.entry(name)?;
        // The type is checked first: an unreadable one may claim any shape.
        entry.readable(name)?;
        let mut out = vec![0.0; entry.elements()];
        self.read_f32_into(name, &mut out)?;
        Ok(out)
    }

    /// Reads a tensor's elements, row-major, into `out`.
    ///
    /// # Errors
    /// As [`Self::read_f32`], and where `out` has another number of elements than the tensor.
    pub fn read_f32_into(&self, name: &str, out: &mut [f32]) -> Result<(), WeightsError> {
        let entry = self.entry(name)?;
        let ty = entry.readable(name)?;
        let expected = entry.elements();
        if out.len() != expected {
            let name = name.to_owned();
            return Err(WeightsError::BufferLength { name, expected, got: out.len() });
        }
        let bytes = &self.files[entry.file].as_slice()[entry.range.clone()];
        let row_len = entry.shape.last().copied().unwrap_or(1);
        match entry.interleaved {
            Some(head_dim) if !out.is_empty() => {
                let row_bytes = bytes.len() / (out.len() / row_len);
                for (row, out) in out.chunks_exact_mut(row_len).enumerate() {
                    let from = interleaved_row(row, head_dim) * row_bytes;
                    dequantize(ty, &bytes[from..from + row_bytes], out);
                }
            }
            _ => dequantize(ty, bytes, out),
        }
        Ok(())
    }

    /// A tensor's rows as they are stored, row-major in Hugging Face's order, with their type.
    ///
    /// # Errors
    /// As [`Self::read_f32`].
    pub fn stored(&self, name: &str) -> Result<(GgmlType, Cow<'_, [u8]>), WeightsError> {
        let entry = self.entry(name)?;
        let ty = entry.readable(name)?;
        let bytes = &self.files[entry.file].as_slice()[entry.range.clone()];
        let rows = entry.elements() / entry.shape.last().copied().unwrap_or(1).max(1);
        let Some(head_dim) = entry.interleaved.filter(|_| rows > 0) else {
            return Ok((ty, Cow::Borrowed(bytes)));
        };
        let row_bytes = bytes.len() / rows;
        let mut ordered = Vec::with_capacity(bytes.len());
        for row in 0..rows {
            let from = interleaved_row(row, head_dim) * row_bytes;
            ordered.extend_from_slice(&bytes[from..from + row_bytes]);
        }
        Ok((ty, Cow::Owned(ordered)))
    }

    /// The GGUF header, where the model came from one: its metadata has the tokenizer.
    pub fn gguf(&self) -> Option<&Gguf> {
        self.gguf.as_ref()
    }

    /// The folder of a Hugging Face model opened by path: tokenizer.json lies there.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    fn entry(&self, name: &str) -> Result<&Entry, WeightsError> {
        self.tensors.get(name).ok_or_else(|| WeightsError::UnknownTensor { name: name.to_owned() })
    }

    fn from_gguf(file: FileBytes) -> Result<Self, WeightsError> {
        let gguf = Gguf::parse(file.as_slice())?;
        let config = ModelConfig::from_gguf(&gguf, file.as_slice())?;
        let mut tensors = BTreeMap::new();
        for tensor in gguf.tensors() {
            let Some(name) = gguf_to_hf(&tensor.name) else {
                continue;
            };
            let turned = ["self_attn.q_proj.", "self_attn.k_proj."];
            let interleaved = (config.architecture == Architecture::Llama
                && turned.iter().any(|part| name.contains(part)))
            .then_some(config.head_dim);
            let entry = Entry {
                file: 0,
                range: tensor.range.clone(),
                shape: tensor.shape.clone(),
                encoding: Encoding::Ggml(tensor.ty),
                // A shape that is no whole number of heads fails the fit below.
                interleaved,
            };
            tensors.insert(name, entry);
        }
        Self::finish(config, tensors, vec![file], Some(gguf))
    }

    fn finish(
        config: ModelConfig,
        mut tensors: BTreeMap<String, Entry>,
        files: Vec<FileBytes>,
        gguf: Option<Gguf>,
    ) -> Result<Self, WeightsError> {
        if config.tie_word_embeddings {
            tensors.remove(HEAD);
        }
        let checkpoint = Self { config, tensors, files, gguf, folder: None };
        checkpoint.check_fits_config()?;
        Ok(checkpoint)
    }

    fn check_fits_config(&self) -> Result<(), WeightsError> {
        for (name, expected) in expected_tensors(&self.config) {
            let Some(entry) = self.tensors.get(&name) else {
                return Err(WeightsError::MissingTensor { name, expected });
            };
            if entry.shape != expected {
                let got = entry.shape.clone();
                return Err(WeightsError::TensorShape { name, expected, got });
            }
            entry.readable(&name)?;
        }
        Ok(())
    }
}

/// Adds the tensors of one safetensors file that `wanted` names.
fn add_safetensors(
    tensors: &mut BTreeMap<String, Entry>,
    file: usize,
    bytes: &[u8],
    wanted: impl Fn(&str) -> bool,
) -> Result<(), WeightsError> {
    for tensor in SafetensorsIndex::parse(bytes)?.tensors() {
        if !wanted(&tensor.name) {
            continue;
        }
        let encoding = match tensor.float() {
            Some(float) => Encoding::Ggml(float.into()),
            None => Encoding::Foreign(tensor.dtype.clone()),
        };
        let entry = Entry {
            file,
            range: tensor.range.clone(),
            shape: tensor.shape.clone(),
            encoding,
            interleaved: None,
        };
        if tensors.insert(tensor.name.clone(), entry).is_some() {
            return Err(WeightsError::invalid(
                "safetensors files",
                "each tensor in one file",
                format!("`{}` in two", tensor.name),
            ));
        }
    }
    Ok(())
}
