//! Tiny models as files.

use thinkling_weights::{
    Architecture, FloatType, GgmlType, GgufTensorSpec, GgufValue, GgufWriter, ModelConfig,
    SafetensorsTensorSpec, SafetensorsWriter, expected_tensors, half_split_to_interleaved,
    hf_to_gguf,
};

pub(crate) fn tiny(architecture: Architecture) -> ModelConfig {
    ModelConfig {
        architecture,
        vocab_size: 40,
        hidden_size: 32,
        intermediate_size: 64,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 8,
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: None,
        rope_freq_factors: None,
        max_position_embeddings: 128,
        tie_word_embeddings: false,
        attention_bias: architecture == Architecture::Qwen2,
        bos_token_id: Some(1),
        eos_token_ids: vec![2, 3],
        pad_token_id: Some(0),
        initializer_range: 0.02,
        score: false,
    }
}

/// Whole numbers that differ between tensors and within a row, exact in every plain format, and in
/// Q8_0 too: each block of 32 has a largest value of 127.
pub(crate) fn values_of(name: &str, len: usize) -> Vec<f32> {
    let seed: usize = name.bytes().map(usize::from).sum();
    (0..len)
        .map(|i| if i % 32 == 0 { 127.0 } else { ((seed + i * 7 + i / 32) % 101) as f32 - 50.0 })
        .collect()
}

/// A GGUF of a tiny model, its matrices stored as `matrix_type`.
pub(crate) fn gguf_bytes(config: &ModelConfig, matrix_type: GgmlType) -> Vec<u8> {
    gguf_bytes_with(config, matrix_type, &[])
}

/// The same with more tensors, by GGUF name, all F32.
pub(crate) fn gguf_bytes_with(
    config: &ModelConfig,
    matrix_type: GgmlType,
    extra: &[(&str, Vec<f32>)],
) -> Vec<u8> {
    let tensors = expected_tensors(config);
    let mut specs: Vec<_> = tensors
        .iter()
        .map(|(name, shape)| GgufTensorSpec {
            name: hf_to_gguf(name).expect("every tensor has a GGUF name"),
            shape: shape.clone(),
            ty: if shape.len() == 2 { matrix_type } else { GgmlType::F32 },
        })
        .collect();
    for (name, values) in extra {
        let (name, shape) = ((*name).to_owned(), vec![values.len()]);
        specs.push(GgufTensorSpec { name, shape, ty: GgmlType::F32 });
    }
    let names: Vec<String> = specs.iter().map(|spec| spec.name.clone()).collect();
    let mut metadata = config.to_gguf_metadata();
    let tokens = (0..config.vocab_size).map(|id| format!("t{id}")).collect();
    let tokens = GgufValue::Array(thinkling_weights::GgufArray::String(tokens));
    metadata.push(("tokenizer.ggml.tokens".to_owned(), tokens));
    let mut writer = GgufWriter::new(Vec::new(), &metadata, specs).expect("a valid list");
    for ((hf, shape), gguf) in tensors.iter().zip(&names) {
        let mut values = values_of(hf, shape.iter().product());
        let turned = hf.contains("q_proj") || hf.contains("k_proj");
        if turned && config.architecture == Architecture::Llama {
            values = half_split_to_interleaved(&values, shape[1], config.head_dim);
        }
        writer.write_f32(gguf, &values).expect("in order");
    }
    for (name, values) in extra {
        writer.write_f32(name, values).expect("in order");
    }
    writer.finish().expect("complete")
}

pub(crate) type Shapes = [(String, Vec<usize>)];

pub(crate) fn safetensors_bytes(tensors: &Shapes, dtype: FloatType) -> Vec<u8> {
    let specs = tensors
        .iter()
        .map(|(name, shape)| SafetensorsTensorSpec {
            name: name.clone(),
            shape: shape.clone(),
            dtype,
        })
        .collect();
    let mut writer = SafetensorsWriter::new(Vec::new(), specs).expect("a valid list");
    for (name, shape) in tensors {
        writer.write_f32(name, &values_of(name, shape.iter().product())).expect("in order");
    }
    writer.finish().expect("complete")
}

/// A safetensors file with that header and that much data.
pub(crate) fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// Changes the stored type of a tensor inside GGUF bytes.
pub(crate) fn set_gguf_type(bytes: &mut [u8], name: &str, id: u32) {
    let at = bytes
        .windows(name.len())
        .position(|window| window == name.as_bytes())
        .expect("the name stands in the table")
        + name.len();
    let dimensions = u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let ty = at + 4 + 8 * dimensions as usize;
    bytes[ty..ty + 4].copy_from_slice(&id.to_le_bytes());
}

/// A config from its JSON.
pub(crate) fn config_of(json: &str) -> ModelConfig {
    ModelConfig::from_json(json).expect("a config")
}
