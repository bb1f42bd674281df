//! Whole models in both formats.

use std::cell::Cell;
use std::rc::Rc;

use thinkling_weights::{
    Architecture, Checkpoint, FloatType, GgmlType, GgufTensorSpec, GgufWriter, Llama3RopeScaling,
    ModelConfig, ReadAt, WeightsError, expected_tensors,
};

use crate::support::{
    config_of, gguf_bytes, gguf_bytes_with, safetensors_bytes, set_gguf_type, tiny, values_of,
};

const ALL: [Architecture; 3] = [Architecture::Llama, Architecture::Qwen2, Architecture::Qwen3];

fn assert_holds_the_model(checkpoint: &Checkpoint, config: &ModelConfig) {
    assert_eq!(checkpoint.config(), config);
    for (name, shape) in expected_tensors(config) {
        let expected = values_of(&name, shape.iter().product());
        assert_eq!(checkpoint.read_f32(&name).expect("readable"), expected, "{name}");
        assert!(checkpoint.contains(&name));
        assert!(checkpoint.tensors().any(|(n, s)| n == name && s == shape));
    }
}

#[test]
fn gguf_gives_hugging_face_names_and_row_order() {
    for architecture in ALL {
        let config = tiny(architecture);
        for matrix_type in [GgmlType::F32, GgmlType::F16, GgmlType::Bf16, GgmlType::Q8_0] {
            let bytes = gguf_bytes(&config, matrix_type);
            let checkpoint = Checkpoint::from_gguf_file(bytes).expect("valid");
            assert_holds_the_model(&checkpoint, &config);
            let gguf = checkpoint.gguf().expect("from a GGUF");
            let tokens = gguf.get_strings("tokenizer.ggml.tokens").expect("text").expect("there");
            assert_eq!(tokens[39], "t39");
        }
    }
}

#[test]
fn only_llama_rows_are_interleaved_in_gguf() {
    // A file laid out without the library's own reordering: q_proj has row numbers as values.
    let rows: Vec<f32> = (0..32 * 32).map(|i| (i / 32) as f32).collect();
    for (architecture, first_head) in [
        // Row 1 of the file is the partner of row 0 and comes after the head's first half.
        (Architecture::Llama, [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]),
        (Architecture::Qwen3, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
    ] {
        let config = tiny(architecture);
        let specs: Vec<_> = expected_tensors(&config)
            .into_iter()
            .map(|(name, shape)| GgufTensorSpec {
                name: thinkling_weights::hf_to_gguf(&name).expect("mapped"),
                shape,
                ty: GgmlType::F32,
            })
            .collect();
        let metadata = config.to_gguf_metadata();
        let mut writer = GgufWriter::new(Vec::new(), &metadata, specs.clone()).expect("a list");
        for spec in &specs {
            let len: usize = spec.shape.iter().product();
            let values = if spec.name == "blk.1.attn_q.weight" { &rows } else { &vec![0.0; len] };
            writer.write_f32(&spec.name, values).expect("in order");
        }
        let bytes = writer.finish().expect("complete");
        let checkpoint = Checkpoint::from_gguf_file(bytes).expect("valid");
        let q = checkpoint.read_f32("model.layers.1.self_attn.q_proj.weight").expect("there");
        let heads: Vec<f32> = q.chunks(32).map(|row| row[0]).collect();
        assert_eq!(heads[..8], first_head);
        assert_eq!(heads[8], 8.0, "heads do not mix");
    }
}

#[test]
fn safetensors_give_the_same_model() {
    for architecture in ALL {
        let config = tiny(architecture);
        let json = config.to_json().expect("writable");
        let tensors = expected_tensors(&config);
        for dtype in [FloatType::F32, FloatType::F16, FloatType::Bf16] {
            let whole = vec![safetensors_bytes(&tensors, dtype)];
            let (one, two) = tensors.split_at(7);
            let shards = vec![safetensors_bytes(one, dtype), safetensors_bytes(two, dtype)];
            for files in [whole, shards] {
                let checkpoint =
                    Checkpoint::from_safetensors_files(config_of(&json), files).expect("valid");
                assert_holds_the_model(&checkpoint, &config);
                assert!(checkpoint.gguf().is_none() && checkpoint.folder().is_none());
            }
        }
    }
}

#[test]
fn a_tied_head_is_ignored_and_a_missing_one_named() {
    let mut config = tiny(Architecture::Llama);
    let with_head = safetensors_bytes(&expected_tensors(&config), FloatType::F32);
    config.tie_word_embeddings = true;
    let without = safetensors_bytes(&expected_tensors(&config), FloatType::F32);
    let json = config.to_json().expect("writable");
    let checkpoint =
        Checkpoint::from_safetensors_files(config_of(&json), vec![with_head]).expect("valid");
    assert!(!checkpoint.contains("lm_head.weight"));

    let json = tiny(Architecture::Llama).to_json().expect("writable");
    let fault = Checkpoint::from_safetensors_files(config_of(&json), vec![without.clone()])
        .expect_err("no head");
    assert_eq!(
        fault.to_string(),
        "missing tensor `lm_head.weight`, expected: shape [40, 32], got: none"
    );
    // In a GGUF the absence itself says that the head is tied.
    let gguf = Checkpoint::from_gguf_file(gguf_bytes(&config, GgmlType::F32)).expect("valid");
    assert!(gguf.config().tie_word_embeddings);
}

#[test]
fn weights_that_do_not_fit_the_config_are_named_with_both_shapes() {
    let config = tiny(Architecture::Qwen2);
    let file = safetensors_bytes(&expected_tensors(&config), FloatType::F32);
    let mut other = config.clone();
    other.intermediate_size = 96;
    let fault = Checkpoint::from_safetensors_files(other, vec![file]).expect_err("another width");
    assert_eq!(
        fault.to_string(),
        "shape of tensor `model.layers.0.mlp.gate_proj.weight` does not fit the config, \
         expected: [96, 32], got: [64, 32]"
    );
    assert!(fault.is_damaged_or_unsupported());
}

#[test]
fn a_tensor_in_two_files_is_refused() {
    let config = tiny(Architecture::Llama);
    let file = safetensors_bytes(&expected_tensors(&config), FloatType::F32);
    let json = config.to_json().expect("writable");
    assert!(
        Checkpoint::from_safetensors_files(config_of(&json), vec![file.clone(), file]).is_err()
    );
}

#[test]
fn an_unsupported_type_is_named_on_opening() {
    let config = tiny(Architecture::Llama);
    let mut bytes = gguf_bytes(&config, GgmlType::F32);
    set_gguf_type(&mut bytes, "blk.1.ffn_up.weight", 23);
    let fault = Checkpoint::from_gguf_file(bytes).expect_err("cannot be read");
    assert_eq!(
        fault.to_string(),
        "unsupported type of tensor `model.layers.1.mlp.up_proj.weight`, \
         expected: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q3_K, Q4_K, Q5_K, Q6_K or IQ4_NL, \
         got: IQ4_XS"
    );
}

#[test]
fn divisors_of_the_rotary_frequencies_are_read() {
    let config = tiny(Architecture::Llama);
    let factors = vec![1.0, 1.5, 2.5, 7.0];
    let extra = [("rope_freqs.weight", factors.clone())];
    let bytes = gguf_bytes_with(&config, GgmlType::F32, &extra);
    let checkpoint = Checkpoint::from_gguf_file(bytes).expect("valid");
    assert_eq!(checkpoint.config().rope_freq_factors.as_deref(), Some(&factors[..]));
    assert!(!checkpoint.contains("rope_freqs.weight"));

    let mut scaled = config.clone();
    scaled.rope_scaling = Some(Llama3RopeScaling {
        factor: 32.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 8192,
    });
    let extra = [("rope_freqs.weight", scaled.gguf_rope_freqs().expect("scaled"))];
    let bytes = gguf_bytes_with(&scaled, GgmlType::F32, &extra);
    assert_eq!(Checkpoint::from_gguf_file(bytes).expect("valid").config(), &scaled);

    let bytes = gguf_bytes_with(&config, GgmlType::F32, &[("rope_freqs.weight", vec![1.0; 9])]);
    let fault = Checkpoint::from_gguf_file(bytes).expect_err("nine divisors for four");
    assert!(fault.to_string().contains("rope_freq_factors"), "{fault}");
}

#[test]
fn metadata_that_asks_for_more_is_refused_by_name() {
    use thinkling_weights::GgufValue::{F32, String, U32};
    let config = tiny(Architecture::Qwen2);
    for (key, value) in [
        ("general.architecture", String("gemma3".to_owned())),
        ("general.architecture", U32(1)),
        ("qwen2.expert_count", U32(8)),
        ("qwen2.rope.scaling.type", String("yarn".to_owned())),
        ("qwen2.attention.sliding_window", U32(64)),
        ("qwen2.rope.dimension_count", U32(4)),
        ("qwen2.attention.head_count", U32(0)),
        ("qwen2.attention.head_count", F32(4.0)),
        ("qwen2.block_count", U32(u32::MAX)),
        ("qwen2.attention.layer_norm_rms_epsilon", F32(f32::NAN)),
    ] {
        let mut metadata = config.to_gguf_metadata();
        metadata.retain(|(existing, _)| existing != key);
        metadata.push((key.to_owned(), value.clone()));
        let name = "token_embd.weight".to_owned();
        let specs = vec![GgufTensorSpec { name, shape: vec![40, 32], ty: GgmlType::F32 }];
        let mut writer = GgufWriter::new(Vec::new(), &metadata, specs).expect("a valid list");
        writer.write_f32("token_embd.weight", &[0.0; 40 * 32]).expect("in order");
        let bytes = writer.finish().expect("complete");
        let fault = Checkpoint::from_gguf_file(bytes).expect_err(key);
        assert!(
            !matches!(fault, WeightsError::MissingTensor { .. }),
            "{key} = {value:?} passed: {fault}"
        );
        assert!(fault.is_damaged_or_unsupported(), "{fault}");
    }
}

#[test]
fn buffers_of_another_length_are_refused() {
    let config = tiny(Architecture::Llama);
    let checkpoint = Checkpoint::from_gguf_file(gguf_bytes(&config, GgmlType::F32)).expect("valid");
    let fault = checkpoint.read_f32_into("model.norm.weight", &mut [0.0; 31]).expect_err("short");
    assert!(matches!(fault, WeightsError::BufferLength { expected: 32, got: 31, .. }));
    let fault = checkpoint.read_f32("model.norm.bias").expect_err("not there");
    assert!(matches!(fault, WeightsError::UnknownTensor { .. }));
}

/// A file that lies elsewhere: says how many bytes were read of it.
struct Counted {
    bytes: Vec<u8>,
    read: Rc<Cell<usize>>,
}

impl ReadAt for Counted {
    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn read_at(&self, offset: usize, out: &mut [u8]) -> std::io::Result<()> {
        self.read.set(self.read.get() + out.len());
        self.bytes.read_at(offset, out)
    }
}

#[test]
fn of_a_file_that_lies_elsewhere_only_what_is_asked_for_is_read() {
    let config = ModelConfig { intermediate_size: 8192, ..tiny(Architecture::Llama) };
    let down = "model.layers.0.mlp.down_proj.weight";
    let gguf = gguf_bytes(&config, GgmlType::F32);
    let safetensors = safetensors_bytes(&expected_tensors(&config), FloatType::F32);
    assert!(gguf.len() > 3 << 20, "longer than what is read first");
    let read = Rc::new(Cell::new(0));
    let counted = |bytes: Vec<u8>| Counted { bytes, read: read.clone() };
    for (most, open) in [
        // The first piece, and the divisors of the rotary frequencies.
        ((1 << 20) + 4096, Checkpoint::from_gguf_file(counted(gguf))),
        (1 << 14, Checkpoint::from_safetensors_files(config.clone(), [counted(safetensors)])),
    ] {
        let checkpoint = open.expect("valid");
        assert!(read.get() <= most, "expected: at most {most}, got: {}", read.get());
        read.set(0);
        let rows = checkpoint.stored_rows(down, 3..5).expect("two rows");
        assert_eq!(read.get(), 2 * 4 * 8192);
        let all = values_of(down, 32 * 8192);
        let want: Vec<u8> = all[3 * 8192..5 * 8192].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(*rows, want);
        assert_holds_the_model(&checkpoint, &config);
        let name = "model.layers.0.self_attn.q_proj.weight";
        let q: Vec<u8> =
            checkpoint.read_f32(name).unwrap().iter().flat_map(|x| x.to_le_bytes()).collect();
        let row_bytes = q.len() / 32;
        let rows = checkpoint.stored_rows(name, 5..19).unwrap();
        assert_eq!(*rows, q[5 * row_bytes..19 * row_bytes], "also where rows are interleaved");
        read.set(0);
    }
}
