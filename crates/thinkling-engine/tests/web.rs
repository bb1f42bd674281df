//! The engine in a browser, on WebGPU and on the CPU: `wasm-pack test --headless --chrome`, which
//! `cargo xtask test` calls as it must be called.
#![cfg(target_family = "wasm")]

use serde::Deserialize;
use std::ops::ControlFlow;
use thinkling_engine::{Adapter, Capacity, Engine, Keep, WeightsReader};
use thinkling_sampling::SamplingParams;
use thinkling_sampling::generate::{GenerateRequest, generate};
use thinkling_weights::{Checkpoint, ModelConfig};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// f32 sums in another order over two small layers.
const TOLERANCE: f64 = 1e-4;

/// A tiny random model and what transformers computes from it (`tests/golden`).
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
    greedy: Greedy,
}

#[derive(Deserialize)]
struct Greedy {
    prompt_ids: Vec<u32>,
    ids: Vec<u32>,
    logprobs: Vec<f64>,
}

async fn check(model: &Model, adapter: Option<&Adapter>) {
    let golden: Golden = serde_json::from_slice(model.golden).expect("a golden");
    let config = ModelConfig::from_json(model.config).expect("a config");
    let checkpoint =
        Checkpoint::from_safetensors_files(config, [model.weights.to_vec()]).expect("a checkpoint");
    let weights = WeightsReader::new(&checkpoint, Keep::Stored);
    let Greedy { prompt_ids, ids, logprobs } = golden.greedy;
    let prompts = [prompt_ids];
    let request = GenerateRequest {
        sampling: SamplingParams::greedy(),
        ..GenerateRequest::new(&prompts, ids.len())
    };
    let capacity = Capacity::of(&request, weights.config().max_position_embeddings);
    let mut engine = match adapter {
        Some(adapter) => Engine::on_gpu(adapter, &weights, capacity).await,
        None => Engine::on_cpu(&weights, capacity),
    }
    .expect("an engine");
    let generated = generate(&mut engine, &request, |_| ControlFlow::Continue(())).await;
    let completion = &generated.expect("a completion").completions[0];
    assert_eq!(completion.ids, ids, "{}", model.name);
    for (got, want) in completion.logprobs.iter().zip(&logprobs) {
        let difference = (f64::from(*got) - want).abs();
        assert!(difference <= TOLERANCE, "{}: {got} for {want}", model.name);
    }
}

#[wasm_bindgen_test]
async fn greedy_ids_and_logprobs_on_webgpu_are_those_of_transformers() {
    let adapter = Adapter::new().await.expect("WebGPU");
    console_log!("adapter: {:?}", adapter.name());
    for model in &MODELS {
        check(model, Some(&adapter)).await;
    }
}

#[wasm_bindgen_test]
async fn greedy_ids_and_logprobs_on_the_cpu_are_those_of_transformers() {
    for model in &MODELS {
        check(model, None).await;
    }
}
