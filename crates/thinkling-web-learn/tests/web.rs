//! Learning in a browser, on the CPU and on WebGPU: `wasm-pack test --headless --chrome`.
#![cfg(target_family = "wasm")]

#[path = "support/case.rs"]
mod case;
#[path = "support/learning.rs"]
mod learning;

use burn::tensor::Device;
use case::{Outcome, outcome};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// f32 sums in another order, through a step of AdamW.
const TOLERANCE: f64 = 1e-3;

fn native() -> Outcome {
    serde_json::from_str(include_str!("golden/step.json")).expect("a golden")
}

#[wasm_bindgen_test]
async fn forward_logprobs_and_a_step_on_the_cpu_are_those_of_the_host() {
    let difference = outcome(&Device::flex()).await.difference(&native());
    console_log!("largest difference from the host, CPU: {difference:.1e}");
    assert!(difference <= TOLERANCE, "{difference}");
}

#[wasm_bindgen_test]
async fn forward_logprobs_and_a_step_on_webgpu_are_those_of_the_host() {
    let device = Device::wgpu_options().init_async().await.expect("WebGPU");
    let difference = outcome(&device).await.difference(&native());
    console_log!("largest difference from the host, WebGPU: {difference:.1e}");
    assert!(difference <= TOLERANCE, "{difference}");
}

#[wasm_bindgen_test]
async fn ten_steps_are_learnt() {
    let reports = learning::check(learning::session(&Device::flex(), 1), 10).await;
    // Ten steps teach the format: the base keeps it in 0.44 of its answers.
    let format = reports[8..].iter().map(|r| r.format).sum::<f64>() / 2.0;
    assert!(format > reports[0].format, "{format}");
}
