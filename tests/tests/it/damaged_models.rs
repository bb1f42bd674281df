//! A model that is missing, half-written or does not fit itself: one message, no panic.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use thinkling_e2e::{Run, copy_files, exit, golden, thinkling};

/// A copy of a tiny model that a test may damage.
fn copy_of(name: &str) -> TempDir {
    let dir = tempdir().expect("temporary folder");
    copy_files(&golden(name), dir.path());
    dir
}

fn generate(model: &Path) -> Run {
    let model = model.to_str().expect("UTF-8 path");
    let tail = ["--prompt-ids", "5,6", "--max-tokens", "1", "--device", "cpu"];
    thinkling(["generate", "--model", model].iter().chain(&tail))
}

fn edit_config(model: &Path, edit: impl FnOnce(&mut Value)) {
    let path = model.join("config.json");
    let mut config =
        serde_json::from_str(&fs::read_to_string(&path).expect("config")).expect("JSON");
    edit(&mut config);
    fs::write(&path, config.to_string()).expect("written config");
}

fn cut_in_half(path: &Path) {
    let bytes = fs::read(path).expect("file to cut");
    fs::write(path, &bytes[..bytes.len() / 2]).expect("written file");
}

#[test]
fn the_undamaged_copy_runs() {
    // Without this the tests below could pass for a reason of their own.
    let dir = copy_of("llama_tied");
    let run = generate(dir.path()).ends_with(exit::DONE);
    assert!(!run.stdout.is_empty());
}

#[test]
fn a_missing_model_is_named() {
    let dir = tempdir().expect("temporary folder");
    for missing in [PathBuf::from("absent"), PathBuf::from("absent.gguf")] {
        let path = dir.path().join(missing);
        generate(&path)
            .ends_with(exit::WRONG_CALL)
            .complains_about(&[path.to_str().expect("UTF-8 path")]);
    }
}

#[test]
fn an_empty_folder_is_told_what_it_lacks() {
    let dir = tempdir().expect("temporary folder");
    generate(dir.path())
        .ends_with_one_of(&[exit::FAILED, exit::BAD_INPUT])
        .complains_about(&["config.json"]);
}

#[test]
fn half_a_safetensors_file_is_named() {
    let dir = copy_of("llama_tied");
    cut_in_half(&dir.path().join("model.safetensors"));
    generate(dir.path()).ends_with(exit::BAD_INPUT).complains_about(&["model.safetensors"]);
}

#[test]
fn a_safetensors_header_of_hostile_length_is_refused() {
    let dir = copy_of("llama_tied");
    let path = dir.path().join("model.safetensors");
    let mut bytes = fs::read(&path).expect("weights");
    bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    fs::write(&path, bytes).expect("written weights");
    generate(dir.path()).ends_with(exit::BAD_INPUT).complains_about(&["model.safetensors"]);
}

#[test]
fn half_a_config_is_named() {
    let dir = copy_of("llama_tied");
    cut_in_half(&dir.path().join("config.json"));
    generate(dir.path()).ends_with(exit::BAD_INPUT).complains_about(&["config.json"]);
}

#[test]
fn an_unsupported_architecture_is_named() {
    let dir = copy_of("llama_tied");
    edit_config(dir.path(), |config| {
        config["model_type"] = json!("mamba");
        config["architectures"] = json!(["MambaForCausalLM"]);
    });
    generate(dir.path()).ends_with(exit::BAD_INPUT).complains_about(&["mamba"]);
}

#[test]
fn a_config_that_does_not_fit_its_weights_names_the_tensor() {
    let dir = copy_of("llama_tied");
    edit_config(dir.path(), |config| config["intermediate_size"] = json!(81));
    generate(dir.path()).ends_with(exit::BAD_INPUT).complains_about(&["mlp.", "81", "80"]);
}

#[test]
fn a_layer_without_weights_names_the_missing_tensor() {
    let dir = copy_of("llama_tied");
    edit_config(dir.path(), |config| config["num_hidden_layers"] = json!(3));
    generate(dir.path()).ends_with(exit::BAD_INPUT).complains_about(&["layers.2."]);
}

#[test]
fn a_missing_shard_is_named() {
    let dir = copy_of("llama_bf16_sharded");
    let shard = "model-00002-of-00002.safetensors";
    fs::remove_file(dir.path().join(shard)).expect("removed shard");
    generate(dir.path())
        .ends_with_one_of(&[exit::FAILED, exit::BAD_INPUT])
        .complains_about(&[shard]);
}

#[test]
fn half_a_gguf_file_is_named() {
    let dir = tempdir().expect("temporary folder");
    let path = dir.path().join("model.gguf");
    // Magic, version 3, then counts of tensors and metadata that no file of this size can hold.
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(u64::MAX.to_le_bytes());
    bytes.extend(u64::MAX.to_le_bytes());
    fs::write(&path, bytes).expect("written file");
    generate(&path).ends_with(exit::BAD_INPUT).complains_about(&["model.gguf"]);
}

#[test]
fn a_text_prompt_without_a_tokenizer_says_which_file_is_missing() {
    let dir = copy_of("llama_tied");
    fs::remove_file(dir.path().join("tokenizer.json")).expect("removed tokenizer");
    let model = dir.path().to_str().expect("UTF-8 path");
    thinkling(["generate", "--model", model, "--prompt", "two plus three", "--device", "cpu"])
        .ends_with_one_of(&[exit::FAILED, exit::BAD_INPUT])
        .complains_about(&["tokenizer.json"]);
}
