//! A model as one GGUF file, as llama.cpp and the programs around it read them.

use crate::atomic;
use crate::error::{Result, TrainError};
use crate::model_io::{StoredModel, required};
use std::io::{self, Write};
use std::path::Path;
use thinkling_text::GgufVocabulary;
use thinkling_weights::{
    Architecture, Checkpoint, GgmlType, GgufTensorSpec, GgufValue, GgufWriter, WeightsError,
    expected_tensors, half_split_to_interleaved, hf_to_gguf,
};

/// Divisors of the rotary frequencies, beside the tensors of the model.
const ROPE_FREQS: &str = "rope_freqs.weight";
/// Of ggml's quantised types as they are by now.
const QUANTIZATION_VERSION: u32 = 2;

/// What is written.
#[derive(Clone, Debug)]
pub struct GgufExport {
    /// The model's name, for people.
    pub name: String,
    /// How matrices are stored. Vectors stay f32, and matrices whose rows are no whole blocks are stored
    /// as f16.
    pub matrices: GgmlType,
}

/// Writes a model with its tokenizer and its chat template, whole or not at all. Gives whether
/// llama.cpp cuts text by the file's rules; otherwise it takes token ids alone.
///
/// # Errors
/// A model without a tokenizer or with one that does not fit, weights that cannot be read, a disk that
/// is full or cannot be written.
pub fn write_gguf(path: &Path, model: &StoredModel, export: &GgufExport) -> Result<bool> {
    let tokenizer = required(model.tokenizer.as_ref(), &model.path)?;
    let vocabulary = GgufVocabulary::of(tokenizer, model.checkpoint.config(), model.chat.as_ref())
        .map_err(|e| TrainError::damaged(&model.path, e.to_string()))?;
    let text = |text: &str| GgufValue::String(text.to_owned());
    let mut metadata = vec![
        ("general.type".to_owned(), text("model")),
        ("general.name".to_owned(), text(&export.name)),
    ];
    if let Some(number) = file_type(export.matrices) {
        metadata.push(("general.file_type".to_owned(), GgufValue::U32(number)));
    }
    if GgmlType::QUANTISED.contains(&export.matrices) {
        let version = GgufValue::U32(QUANTIZATION_VERSION);
        metadata.push(("general.quantization_version".to_owned(), version));
    }
    metadata.extend(vocabulary.to_metadata());
    atomic::write_with(path, |out| {
        write_tensors(out, &model.checkpoint, export.matrices, &metadata).map_err(io::Error::other)
    })?;
    Ok(vocabulary.is_for_llama_cpp())
}

/// llama.cpp's number (`LLAMA_FTYPE`) of files whose matrices are mostly of this type.
fn file_type(matrices: GgmlType) -> Option<u32> {
    Some(match matrices {
        GgmlType::F32 => 0,
        GgmlType::F16 => 1,
        GgmlType::Q4_0 => 2,
        GgmlType::Q4_1 => 3,
        GgmlType::Q8_0 => 7,
        GgmlType::Q5_0 => 8,
        GgmlType::Q5_1 => 9,
        GgmlType::Bf16 => 32,
        _ => return None,
    })
}

/// Writes a GGUF of a model's config, of `metadata` and of the tensors with matrices of this type.
pub(crate) fn write_tensors(
    out: &mut dyn Write,
    checkpoint: &Checkpoint,
    matrices: GgmlType,
    metadata: &[(String, GgufValue)],
) -> std::result::Result<(), WeightsError> {
    let config = checkpoint.config();
    let tensors = expected_tensors(config);
    let rope_freqs = config.gguf_rope_freqs();
    let mut specs = Vec::new();
    for (name, shape) in &tensors {
        let Some(name) = hf_to_gguf(name) else {
            return Err(WeightsError::UnknownTensor { name: name.clone() });
        };
        let ty = match (shape.as_slice(), matrices.block()) {
            ([_, columns], Some((block, _))) if columns.is_multiple_of(block) => matrices,
            ([_, _], _) => GgmlType::F16,
            _ => GgmlType::F32,
        };
        specs.push(GgufTensorSpec { name, shape: shape.clone(), ty });
    }
    let names: Vec<String> = specs.iter().map(|spec| spec.name.clone()).collect();
    if let Some(freqs) = &rope_freqs {
        let shape = vec![freqs.len()];
        specs.push(GgufTensorSpec { name: ROPE_FREQS.to_owned(), shape, ty: GgmlType::F32 });
    }
    let metadata = [&config.to_gguf_metadata(), metadata].concat();
    let mut writer = GgufWriter::new(out, &metadata, specs)?;
    for ((hf, shape), gguf) in tensors.iter().zip(&names) {
        let mut values = checkpoint.read_f32(hf)?;
        let turned = hf.contains("self_attn.q_proj.") || hf.contains("self_attn.k_proj.");
        if turned && config.architecture == Architecture::Llama {
            let row_len = if shape.len() > 1 { shape[1] } else { 1 };
            values = half_split_to_interleaved(&values, row_len, config.head_dim);
        }
        writer.write_f32(gguf, &values)?;
    }
    if let Some(freqs) = rope_freqs {
        writer.write_f32(ROPE_FREQS, &freqs)?;
    }
    writer.finish().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_opens_as_the_same_model_with_the_same_tokenizer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("base.gguf");
        let model = StoredModel::open(Path::new("../../recipes/mini-world-base")).unwrap();
        let export = GgufExport { name: "base".to_owned(), matrices: GgmlType::F32 };
        // Its tokenizer takes whole words by rules of its own.
        assert!(!write_gguf(&path, &model, &export).unwrap());
        let again = StoredModel::open(&path).unwrap();
        let gguf = again.checkpoint.gguf().unwrap();
        assert_eq!(gguf.get_str("general.name").unwrap(), Some("base"));
        assert_eq!(gguf.get_u32("general.file_type").unwrap(), Some(0));
        assert_eq!(gguf.get_str("tokenizer.ggml.model").unwrap(), Some("none"));
        let text = "Compute 12+34. <think>First 46.</think>";
        let ids = |model: &StoredModel| model.tokenizer.as_ref().unwrap().encode(text).unwrap();
        assert_eq!(ids(&again), ids(&model));
        let (got, want) = (&again.checkpoint, &model.checkpoint);
        assert_eq!(got.config().eos_token_ids, want.config().eos_token_ids);
        for (name, _) in expected_tensors(want.config()) {
            assert_eq!(got.read_f32(&name).unwrap(), want.read_f32(&name).unwrap(), "{name}");
        }
    }
}
