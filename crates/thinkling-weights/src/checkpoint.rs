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
use crate::read::{ReadAt, bytes};
use crate::rope_rows::interleaved_row;
use crate::{
    Architecture, Gguf, ModelConfig, SafetensorsIndex, WeightsError, dequantize, gguf_to_hf,
};

const HEAD: &str = "lm_head.weight";
/// The head of a reward model, in its place.
const SCORE: &str = "score.weight";

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
    #[cfg(feature = "mmap")]
    Mapped(memmap2::Mmap),
    Other(Box<dyn ReadAt>),
}

impl FileBytes {
    fn as_read(&self) -> &dyn ReadAt {
        match self {
            #[cfg(feature = "mmap")]
            Self::Mapped(map) => map,
            Self::Other(file) => &**file,
        }
    }
}

#[cfg(feature = "mmap")]
impl ReadAt for memmap2::Mmap {
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    fn read_at(&self, offset: usize, out: &mut [u8]) -> std::io::Result<()> {
        <[u8] as ReadAt>::read_at(self, offset, out)
    }

    fn in_memory(&self) -> Option<&[u8]> {
        Some(self)
    }
}

impl std::fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.as_read().len())
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
    /// Opens a GGUF model from its file: bytes in memory, or what is read piece by piece.
    ///
    /// # Errors
    /// Where the file is damaged, asks for something unsupported, does not hold the tensors that its
    /// own config needs, or is one part of several.
    pub fn from_gguf_file(file: impl ReadAt + 'static) -> Result<Self, WeightsError> {
        let gguf = Gguf::parse(&file)?;
        if let Some(split) = gguf.split()? {
            return Err(WeightsError::unsupported(
                "GGUF in parts (`split.count`)",
                "one file; where files have paths, that of the first part with the others beside it",
                split.count,
            ));
        }
        Self::from_gguf(vec![(FileBytes::Other(Box::new(file)), gguf)])
    }

    /// Opens a model from the text of its `config.json` and its safetensors files.
    ///
    /// # Errors
    /// As [`Self::from_gguf_file`], and where two files have a tensor of one name.
    pub fn from_safetensors_files(
        config: ModelConfig,
        files: impl IntoIterator<Item = impl ReadAt + 'static>,
    ) -> Result<Self, WeightsError> {
        let files: Vec<_> =
            files.into_iter().map(|file| FileBytes::Other(Box::new(file))).collect();
        let mut tensors = BTreeMap::new();
        for (number, file) in files.iter().enumerate() {
            add_safetensors(&mut tensors, number, file.as_read(), |_| true)?;
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

    /// A tensor's row-major shape.
    ///
    /// # Errors
    /// Where there is no such tensor.
    pub fn shape(&self, name: &str) -> Result<&[usize], WeightsError> {
        Ok(&self.entry(name)?.shape)
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
        let row_len = entry.shape.last().copied().unwrap_or(1);
        let bytes = self.rows(name, entry, 0..expected / row_len.max(1))?;
        dequantize(ty, &bytes, out);
        Ok(())
    }

    /// How a tensor is stored.
    ///
    /// # Errors
    /// As [`Self::read_f32`].
    pub fn stored_type(&self, name: &str) -> Result<GgmlType, WeightsError> {
        self.entry(name)?.readable(name)
    }

    /// Some rows of a tensor as they are stored, in Hugging Face's order. Of a file that does not
    /// lie in memory only these rows are read.
    ///
    /// # Errors
    /// As [`Self::read_f32`].
    ///
    /// # Panics
    /// Where the tensor has fewer rows.
    pub fn stored_rows(
        &self,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Cow<'_, [u8]>, WeightsError> {
        let entry = self.entry(name)?;
        entry.readable(name)?;
        self.rows(name, entry, rows)
    }

    fn rows(
        &self,
        name: &str,
        entry: &Entry,
        rows: Range<usize>,
    ) -> Result<Cow<'_, [u8]>, WeightsError> {
        let all = entry.elements() / entry.shape.last().copied().unwrap_or(1).max(1);
        assert!(rows.start <= rows.end && rows.end <= all, "rows of `{name}`");
        if all == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        let row_bytes = entry.range.len() / all;
        let read = |rows: Range<usize>| {
            let range = entry.range.start + rows.start * row_bytes;
            let range = range..range + rows.len() * row_bytes;
            bytes(self.files[entry.file].as_read(), range, &|| format!("tensor `{name}`"))
        };
        let Some(head_dim) = entry.interleaved else {
            return read(rows);
        };
        // The rows of whole heads, of which rows in order are picked.
        let first = rows.start / head_dim * head_dim;
        let last = rows.end.next_multiple_of(head_dim).min(all);
        let heads = read(first..last)?;
        let mut ordered = Vec::with_capacity(rows.len() * row_bytes);
        for row in rows {
            let from = (interleaved_row(row, head_dim) - first) * row_bytes;
            ordered.extend_from_slice(&heads[from..from + row_bytes]);
        }
        Ok(Cow::Owned(ordered))
    }

    /// The GGUF header, where the model came from one: its metadata has the tokenizer. Of a model in
    /// parts it is that of the first one, which has all metadata.
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

    /// The first of the parts has the metadata.
    fn from_gguf(parts: Vec<(FileBytes, Gguf)>) -> Result<Self, WeightsError> {
        let readable: Vec<_> = parts.iter().map(|(file, gguf)| (gguf, file.as_read())).collect();
        let config = ModelConfig::from_gguf_parts(&readable)?;
        let mut tensors = BTreeMap::new();
        for (file, (gguf, _)) in readable.iter().enumerate() {
            for tensor in gguf.tensors() {
                let Some(name) = gguf_to_hf(&tensor.name) else {
                    continue;
                };
                let turned = ["self_attn.q_proj.", "self_attn.k_proj."];
                let interleaved = (config.architecture == Architecture::Llama
                    && turned.iter().any(|part| name.contains(part)))
                .then_some(config.head_dim);
                let entry = Entry {
                    file,
                    range: tensor.range.clone(),
                    shape: tensor.shape.clone(),
                    encoding: Encoding::Ggml(tensor.ty),
                    // A shape that is no whole number of heads fails the fit below.
                    interleaved,
                };
                tensors.insert(name, entry);
            }
        }
        let (files, mut ggufs): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let first = ggufs.drain(..).next();
        Self::finish(config, tensors, files, first)
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
    bytes: &dyn ReadAt,
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
