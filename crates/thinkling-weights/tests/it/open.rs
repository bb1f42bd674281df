//! Models opened by path.

use std::fs;
use std::path::Path;

use thinkling_weights::{Architecture, Checkpoint, FloatType, GgmlType, expected_tensors};

use crate::support::{gguf_bytes, safetensors_bytes, tiny, values_of};

fn folder_with_config() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let json = tiny(Architecture::Qwen3).to_json().expect("writable");
    fs::write(folder.path().join("config.json"), json).expect("written");
    folder
}

fn write_shards(folder: &Path, second_name: &str) {
    let tensors = expected_tensors(&tiny(Architecture::Qwen3));
    let (one, two) = tensors.split_at(9);
    let names = ["model-00001-of-00002.safetensors", second_name];
    let mut map = serde_json::Map::new();
    for (name, part) in names.iter().zip([one, two]) {
        for (tensor, _) in part {
            map.insert(tensor.clone(), (*name).into());
        }
        let bytes = safetensors_bytes(part, FloatType::Bf16);
        fs::write(folder.join(name), bytes).expect("written");
    }
    let index = serde_json::json!({"metadata": {"total_size": 1}, "weight_map": map});
    fs::write(folder.join("model.safetensors.index.json"), index.to_string()).expect("written");
}

fn assert_all_tensors(checkpoint: &Checkpoint) {
    for (name, shape) in expected_tensors(checkpoint.config()) {
        let expected = values_of(&name, shape.iter().product());
        assert_eq!(checkpoint.read_f32(&name).expect("readable"), expected, "{name}");
    }
}

#[test]
fn a_gguf_file_opens_by_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    let config = tiny(Architecture::Llama);
    fs::write(&path, gguf_bytes(&config, GgmlType::Q8_0)).expect("written");
    let checkpoint = Checkpoint::open(&path).expect("valid");
    assert_eq!(checkpoint.config(), &config);
    assert!(checkpoint.gguf().is_some() && checkpoint.folder().is_none());
    assert_all_tensors(&checkpoint);
}

#[test]
fn a_folder_opens_whole_and_sharded() {
    let folder = folder_with_config();
    let tensors = expected_tensors(&tiny(Architecture::Qwen3));
    let single = folder.path().join("model.safetensors");
    fs::write(&single, safetensors_bytes(&tensors, FloatType::F32)).expect("written");
    let generation = r#"{"eos_token_id": [3, 9]}"#;
    fs::write(folder.path().join("generation_config.json"), generation).expect("written");
    let checkpoint = Checkpoint::open(folder.path()).expect("valid");
    assert_eq!(checkpoint.folder(), Some(folder.path()));
    assert_eq!(checkpoint.config().eos_token_ids, [2, 3, 9]);
    assert_all_tensors(&checkpoint);

    fs::remove_file(&single).expect("removed");
    write_shards(folder.path(), "model-00002-of-00002.safetensors");
    assert_all_tensors(&Checkpoint::open(folder.path()).expect("valid"));
}

#[test]
fn what_is_missing_is_named_and_is_no_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = |part: &str| {
        let fault = Checkpoint::open(&folder.path().join(part)).expect_err("nothing there");
        assert!(!fault.is_damaged_or_unsupported(), "{fault}");
        fault.to_string()
    };
    assert!(missing("no.gguf").contains("no.gguf"));
    assert!(missing("").contains("config.json"));
    let json = tiny(Architecture::Qwen3).to_json().expect("writable");
    fs::write(folder.path().join("config.json"), json).expect("written");
    assert!(missing("").contains("model.safetensors"));
    write_shards(folder.path(), "second.safetensors");
    fs::remove_file(folder.path().join("second.safetensors")).expect("removed");
    assert!(missing("").contains("second.safetensors"));
}

#[test]
fn half_written_files_are_damage_and_named() {
    let folder = folder_with_config();
    let damaged = |path: &Path, word: &str| {
        let fault = Checkpoint::open(path).expect_err("damaged");
        assert!(fault.is_damaged_or_unsupported(), "{fault}");
        assert!(fault.to_string().contains(word), "{fault}");
    };
    let gguf = folder.path().join("half.gguf");
    let bytes = gguf_bytes(&tiny(Architecture::Llama), GgmlType::F32);
    for len in [0, 3, 100, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&gguf, &bytes[..len]).expect("written");
        damaged(&gguf, "half.gguf");
    }
    let tensors = expected_tensors(&tiny(Architecture::Qwen3));
    let bytes = safetensors_bytes(&tensors, FloatType::F32);
    fs::write(folder.path().join("model.safetensors"), &bytes[..bytes.len() - 1]).expect("written");
    damaged(folder.path(), "model.safetensors");
    fs::write(folder.path().join("config.json"), "{\"model_type\": ").expect("written");
    damaged(folder.path(), "config.json");
}

#[test]
fn an_index_cannot_lead_out_of_its_folder() {
    let outer = tempfile::tempdir().expect("a folder");
    let inner = outer.path().join("model");
    fs::create_dir(&inner).expect("created");
    let json = tiny(Architecture::Qwen3).to_json().expect("writable");
    fs::write(inner.join("config.json"), json).expect("written");
    write_shards(&inner, "../outside.safetensors");
    let fault = Checkpoint::open(&inner).expect_err("outside");
    assert!(fault.is_damaged_or_unsupported());
    assert!(fault.to_string().contains("weight_map"), "{fault}");
}
