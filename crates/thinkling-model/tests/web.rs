//! The decoder in a browser, on burn's CPU backend and on WebGPU, against transformers:
//! `wasm-pack test --headless --chrome`, which `cargo xtask test` calls as it must be called.
#![cfg(target_family = "wasm")]

use burn::tensor::{Device, Tensor};
use serde::Deserialize;
use std::ops::ControlFlow;
use thinkling_model::generate::{GenerateRequest, generate};
use thinkling_model::{Decoder, PackedBatch, Sequence, selftest};
use thinkling_sampling::{LogSoftmax, SamplingParams};
use thinkling_weights::{Checkpoint, ModelConfig};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// f32 sums in another order over two small layers.
const TOLERANCE: f64 = 1e-4;

/// A tiny random model and what transformers computes from it (`tests/golden/make_tiny_models.py`).
struct Model {
    name: &'static str,
    config: &'static str,
    weights: &'static [u8],
    golden: &'static [u8],
}

macro_rules! model {
    ($name:literal) => {
        Model {
            name: $name,
            config: include_str!(concat!("../../../tests/golden/", $name, "/config.json")),
            weights: include_bytes!(concat!("../../../tests/golden/", $name, "/model.safetensors")),
            golden: include_bytes!(concat!("../../../tests/golden/", $name, "/golden.json")),
        }
    };
}

const MODELS: [Model; 3] = [model!("llama3_rope"), model!("qwen2"), model!("qwen3")];

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
    greedy: Greedy,
}

#[derive(Deserialize)]
struct Case {
    ids: Vec<u32>,
    logits: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Greedy {
    prompt_ids: Vec<u32>,
    ids: Vec<u32>,
    logprobs: Vec<f64>,
}

async fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data_async().await.expect("a device that works").iter::<f32>().collect()
}

/// Logits after each of `ids`, by a forward pass over all of them.
async fn full(model: &Decoder, ids: &[u32]) -> Vec<f32> {
    let batch = PackedBatch::new(model, &[Sequence { ids, prefix: None }]);
    read(model.logits(model.forward(&batch))).await
}

fn apart(got: impl IntoIterator<Item = f64>, want: &[f64]) -> f64 {
    let got: Vec<f64> = got.into_iter().collect();
    assert_eq!(got.len(), want.len());
    let differences = got.iter().zip(want).map(|(g, w)| (g - w).abs());
    differences.fold(0.0, |most, d| if d > most || d.is_nan() { d } else { most })
}

/// Log-probability of each of `ids` behind the prompt, from the logits of a forward pass.
async fn full_logprobs(model: &Decoder, prompt: &[u32], ids: &[u32]) -> Vec<f64> {
    let logits = full(model, &[prompt, ids].concat()).await;
    let rows = logits.chunks_exact(model.config().vocab_size).skip(prompt.len() - 1);
    rows.zip(ids).map(|(row, &id)| LogSoftmax::new(row, 1.0).logprob(row[id as usize])).collect()
}

async fn check(golden: &Model, device: &Device, on: &str) {
    let name = golden.name;
    let config = ModelConfig::from_json(golden.config).expect("a config");
    let checkpoint = Checkpoint::from_safetensors_files(config, [golden.weights.to_vec()]);
    let model = Decoder::load(&checkpoint.expect("a checkpoint"), device).expect("a model");
    let golden: Golden = serde_json::from_slice(golden.golden).expect("a golden");

    assert!(!golden.cases.is_empty());
    let mut logits = 0.0;
    for case in &golden.cases {
        let got = full(&model, &case.ids).await;
        logits = f64::max(logits, apart(got.into_iter().map(f64::from), &case.logits.concat()));
    }
    assert!(logits <= TOLERANCE, "{name}, {on}: logits differ by {logits}");

    // Token by token over the cache: the ids and log-probabilities of transformers, and those of a
    // forward pass over the whole.
    let Greedy { prompt_ids, ids, logprobs } = golden.greedy;
    let prompts = [prompt_ids];
    let request = GenerateRequest {
        sampling: SamplingParams::greedy(),
        ..GenerateRequest::new(&prompts, ids.len())
    };
    let generated = generate(&model, &request, |_| ControlFlow::Continue(())).await;
    let completion = generated.expect("a completion").completions.swap_remove(0);
    assert_eq!(completion.ids, ids, "{name}, {on}");
    let got: Vec<f64> = completion.logprobs.iter().map(|&x| f64::from(x)).collect();
    let cached = apart(got.iter().copied(), &logprobs);
    assert!(cached <= TOLERANCE, "{name}, {on}: log-probabilities differ by {cached}");
    let whole = apart(full_logprobs(&model, &prompts[0], &ids).await, &got);
    assert!(whole <= TOLERANCE, "{name}, {on}: cached and full forward differ by {whole}");
    console_log!(
        "{name}, {on}: logits {logits:.1e}, cached {cached:.1e}, against full {whole:.1e}"
    );
}

#[wasm_bindgen_test]
async fn the_cpu_computes_what_transformers_computes() {
    for model in &MODELS {
        check(model, &Device::flex(), "CPU").await;
    }
}

#[wasm_bindgen_test]
async fn webgpu_computes_what_transformers_and_the_cpu_compute() {
    // A page opens it once.
    let device = Device::wgpu_options().init_async().await.expect("WebGPU");
    for model in &MODELS {
        check(model, &device, "WebGPU").await;
    }
    let result = selftest::run(&device, Some(&Device::flex())).await.expect("a device that works");
    assert!(result.passed(), "{result:?}");
}
