//! A tiny random Qwen3 model as a GGUF file whose matrices have any types: rows are whole blocks of 256.
//! Test crates include this file.

use thinkling_weights::{
    Architecture, Checkpoint, GgmlType, GgufTensorSpec, GgufWriter, ModelConfig, expected_tensors,
    hf_to_gguf,
};

/// What llama.cpp's `Q4_K_M` comes to: Q4_K, with Q6_K where more bits pay.
pub(crate) fn mixed(name: &str) -> GgmlType {
    let more = ["embed_tokens", "lm_head", "layers.1.self_attn.v_proj", "layers.1.mlp.down_proj"];
    if more.iter().any(|part| name.contains(part)) { GgmlType::Q6K } else { GgmlType::Q4K }
}

fn config() -> ModelConfig {
    ModelConfig {
        architecture: Architecture::Qwen3,
        vocab_size: 80,
        hidden_size: 256,
        intermediate_size: 512,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 64,
        rms_norm_eps: 1e-6,
        rope_theta: 10_000.0,
        rope_scaling: None,
        rope_freq_factors: None,
        max_position_embeddings: 128,
        tie_word_embeddings: false,
        attention_bias: false,
        bos_token_id: Some(0),
        eos_token_ids: vec![1],
        pad_token_id: None,
        initializer_range: 0.02,
        score: false,
    }
}

/// Random values of a tensor by its name, about the size that keeps activations near 1.
fn random(name: &str, shape: &[usize]) -> Vec<f32> {
    let mut state =
        name.bytes().fold(0x9e37_79b9_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(31) | 1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (f64::from(state) / f64::from(u32::MAX) * 2.0 - 1.0) as f32
    };
    let (middle, spread) = if shape.len() == 1 { (1.0, 0.3) } else { (0.0, 0.15) };
    (0..shape.iter().product()).map(|_| middle + spread * next()).collect()
}

fn write(
    type_of: impl Fn(&str) -> GgmlType,
    values: impl Fn(&str, &[usize]) -> Vec<f32>,
) -> Vec<u8> {
    let config = config();
    let tensors = expected_tensors(&config);
    let spec = |(name, shape): &(String, Vec<usize>)| GgufTensorSpec {
        name: hf_to_gguf(name).expect("every tensor has a GGUF name"),
        shape: shape.clone(),
        ty: if shape.len() == 2 { type_of(name) } else { GgmlType::F32 },
    };
    let specs = tensors.iter().map(spec).collect();
    let metadata = config.to_gguf_metadata();
    let mut writer = GgufWriter::new(Vec::new(), &metadata, specs).expect("a valid list");
    for (name, shape) in &tensors {
        let gguf = hf_to_gguf(name).expect("mapped");
        writer.write_f32(&gguf, &values(name, shape)).expect("in order");
    }
    writer.finish().expect("complete")
}

/// The model with matrices of the types that their Hugging Face names get.
pub(crate) fn quantised(type_of: impl Fn(&str) -> GgmlType) -> Checkpoint {
    Checkpoint::from_gguf_file(write(type_of, random)).expect("a model")
}

/// The same values, stored as F32.
pub(crate) fn as_f32(model: &Checkpoint) -> Checkpoint {
    let values = |name: &str, _: &[usize]| model.read_f32(name).expect("readable");
    Checkpoint::from_gguf_file(write(|_| GgmlType::F32, values)).expect("a model")
}
