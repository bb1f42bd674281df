//! Weights in a browser: both formats, read whole and by rows.
#![cfg(target_family = "wasm")]

use thinkling_weights::{
    Checkpoint, GgmlType, GgufTensorSpec, GgufWriter, ModelConfig, expected_tensors,
    half_split_to_interleaved, hf_to_gguf,
};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn base() -> Checkpoint {
    let config = include_str!("../../../recipes/mini-world-base/config.json");
    let file = include_bytes!("../../../recipes/mini-world-base/model.safetensors");
    let config = ModelConfig::from_json(config).expect("a config");
    Checkpoint::from_safetensors_files(config, [file.to_vec()]).expect("a model")
}

#[wasm_bindgen_test]
fn a_model_survives_the_way_through_a_gguf_file() {
    let base = base();
    let config = base.config().clone();
    let tensors = expected_tensors(&config);
    let spec = |(name, shape): &(String, Vec<usize>)| GgufTensorSpec {
        name: hf_to_gguf(name).expect("a name"),
        shape: shape.clone(),
        ty: GgmlType::F32,
    };
    let specs: Vec<_> = tensors.iter().map(spec).collect();
    let names: Vec<String> = specs.iter().map(|spec| spec.name.clone()).collect();
    let mut writer =
        GgufWriter::new(Vec::new(), &config.to_gguf_metadata(), specs).expect("a header");
    for ((name, shape), gguf) in tensors.iter().zip(&names) {
        let mut values = base.read_f32(name).expect("values");
        if name.contains("q_proj") || name.contains("k_proj") {
            values = half_split_to_interleaved(&values, shape[1], config.head_dim);
        }
        writer.write_f32(gguf, &values).expect("written");
    }
    let gguf = Checkpoint::from_gguf_file(writer.finish().expect("whole")).expect("a model");
    for (name, shape) in &tensors {
        let values = base.read_f32(name).expect("values");
        assert_eq!(gguf.read_f32(name).expect("values"), values, "{name}");
        let row = values.len() / shape[0];
        let bytes = gguf.stored_rows(name, if shape.len() > 1 { 1..2 } else { 0..1 });
        let bytes = bytes.expect("a row");
        let first = if shape.len() > 1 { row } else { 0 };
        let len = if shape.len() > 1 { row } else { values.len() };
        let want: Vec<u8> =
            values[first..first + len].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(*bytes, want, "{name}");
    }
}

#[wasm_bindgen_test]
fn damaged_files_are_refused() {
    let file = include_bytes!("../../../recipes/mini-world-base/model.safetensors");
    let config = base().config().clone();
    let cut = file[..file.len() - 1].to_vec();
    assert!(Checkpoint::from_safetensors_files(config, [cut]).is_err());
    assert!(Checkpoint::from_gguf_file(file.to_vec()).is_err());
}
