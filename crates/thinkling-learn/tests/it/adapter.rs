//! Adapters against `peft` (`tests/golden/make_lora.py`), and there and back again.

use burn::tensor::Device;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thinkling_learn::{
    ADAPTER_CONFIG, ADAPTER_WEIGHTS, AdapterError, Example, PeftAdapter, supervised_loss,
    write_adapter,
};
use thinkling_model::{
    Decoder, LoraConfig, ModelError, NamedTensor, PackedBatch, Projection, Recompute, Sequence,
};
use thinkling_weights::Checkpoint;

/// f32 sums in another order over two small layers.
const LOGITS: f32 = 1e-4;
/// The same for gradients, of their largest value.
const GRADIENTS: f32 = 1e-4;

#[derive(Deserialize)]
struct Golden {
    base: String,
    ids: Vec<u32>,
    logits: Vec<Vec<f32>>,
    loss: f64,
    gradients: BTreeMap<String, Vec<f32>>,
}

fn folder(name: &str) -> PathBuf {
    // Cargo runs tests in the package's folder.
    Path::new("../../tests/golden").join(name)
}

fn read(name: &str, file: &str) -> Vec<u8> {
    std::fs::read(folder(name).join(file)).expect("a golden")
}

fn open(name: &str) -> (Golden, PeftAdapter, Decoder) {
    let golden: Golden = serde_json::from_slice(&read(name, "golden.json")).expect("a golden");
    let adapter = PeftAdapter::from_json(&read(name, ADAPTER_CONFIG)).expect("a config");
    let base = Checkpoint::open(&folder(&golden.base)).expect("the base");
    let base = Decoder::load(&base, &Device::flex()).expect("the base");
    let model = adapter.load(&read(name, ADAPTER_WEIGHTS), base).expect("the adapter");
    (golden, adapter, model)
}

fn adapters(model: &Decoder) -> Vec<NamedTensor> {
    let mut tensors = Vec::new();
    let each = |tensor| {
        tensors.push(tensor);
        Ok::<(), ModelError>(())
    };
    pollster::block_on(model.export_lora(each)).expect("exported");
    tensors
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

#[test]
fn an_adapter_of_peft_computes_what_it_does_there() {
    for name in ["qwen2_lora", "llama_tied_lora"] {
        let (golden, _, model) = open(name);
        for model in [model.merged(), model] {
            let sequence = [Sequence { ids: &golden.ids, prefix: None }];
            let hidden = model.forward(&PackedBatch::new(&model, &sequence));
            let logits: Vec<f32> = model.logits(hidden).into_data().try_to_vec().expect("f32");
            let off = worst(&logits, &golden.logits.concat());
            assert!(off <= LOGITS, "{name}: logits differ by {off}");
        }
    }
}

#[test]
fn loss_and_gradients_of_an_adapter_are_those_of_peft() {
    for name in ["qwen2_lora", "llama_tied_lora"] {
        let (golden, adapter, model) = open(name);
        let ids = golden.ids.clone();
        let trained = vec![true; ids.len()];
        let example = Example::new(ids, trained).expect("an example");
        let count = example.trained_tokens();
        for recompute in [Recompute::None, Recompute::Layer] {
            let examples = [&example];
            let got = supervised_loss(&model, &examples, count, 5, recompute);
            let got = pollster::block_on(got).expect("a loss");
            assert!((got.loss - golden.loss).abs() < 1e-5, "{name}: {} {}", got.loss, golden.loss);
            // The gradients take the place of the adapters, so that they go out by their names.
            let mut grads = got.grads.into_iter();
            let model = model.clone().map_params(|_, _| grads.next().expect("a gradient"));
            let grads = adapters(&model);
            assert_eq!(grads.len(), golden.gradients.len());
            assert_eq!(grads.len(), 4 * adapter.lora.targets.len());
            for grad in grads {
                let want = &golden.gradients[&grad.name];
                let scale = want.iter().fold(0f32, |m, x| m.max(x.abs()));
                let off = worst(&grad.values, want);
                assert!(scale > 0.0 && off <= GRADIENTS * scale, "{name} {}: {off}", grad.name);
            }
        }
    }
}

#[test]
fn an_adapter_that_was_written_reads_as_the_same_one() {
    for name in ["qwen2_lora", "llama_tied_lora"] {
        let (_, adapter, model) = open(name);
        let mut bytes = Vec::new();
        pollster::block_on(write_adapter(&mut bytes, &model)).expect("written");
        let again = PeftAdapter::from_json(adapter.to_json().as_bytes()).expect("a config");
        assert_eq!(again, adapter);
        let read = again.load(&bytes, model.without_lora()).expect("the adapter");
        assert_eq!(adapters(&read), adapters(&model));
        assert_eq!(read.lora(), model.lora());
    }
}

#[test]
fn what_is_no_plain_adapter_is_refused_with_its_key() {
    let good = read("qwen2_lora", ADAPTER_CONFIG);
    let mut config: serde_json::Value = serde_json::from_slice(&good).expect("JSON");
    let tries = [
        ("peft_type", serde_json::json!("IA3")),
        ("bias", serde_json::json!("all")),
        ("use_dora", serde_json::json!(true)),
        ("rank_pattern", serde_json::json!({"q_proj": 2})),
        ("target_modules", serde_json::json!(["lm_head"])),
        ("target_modules", serde_json::json!([])),
        ("r", serde_json::json!(0)),
    ];
    for (key, value) in tries {
        let kept = std::mem::replace(&mut config[key], value);
        let error = PeftAdapter::from_json(config.to_string().as_bytes()).expect_err(key);
        assert!(error.to_string().starts_with(key), "{error}");
        config[key] = kept;
    }
    config["target_modules"] = "all-linear".into();
    let all = PeftAdapter::from_json(config.to_string().as_bytes()).expect("a config");
    assert_eq!(all.lora.targets, Projection::ALL);
    // Tensors of another rank than the config says.
    let (_, adapter, model) = open("qwen2_lora");
    let lora = LoraConfig { rank: 5, ..adapter.lora.clone() };
    let wrong = PeftAdapter { lora, ..adapter };
    let error = wrong.load(&read("qwen2_lora", ADAPTER_WEIGHTS), model.without_lora());
    assert!(matches!(error, Err(AdapterError::Shape { .. })), "{error:?}");
}
