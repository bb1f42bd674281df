//! Objectives and their gradients in a browser, on burn's CPU backend and on WebGPU, against the cases
//! of `tests/golden/make_grpo_small.py`: `wasm-pack test --headless --chrome`, which `cargo xtask test`
//! calls as it must be called.
#![cfg(target_family = "wasm")]

#[path = "it/cases.rs"]
#[allow(dead_code, reason = "tests on the host use more of it")]
mod cases;
#[path = "it/support.rs"]
#[allow(dead_code, reason = "tests on the host use more of it")]
mod support;

use burn::tensor::{DType, Device};
use cases::{F32, Options, array, check, is_other_method};
use thinkling_grpo::loss_and_grad_async;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// Demanded of f64.
const F64: (f64, f64) = (1e-6, 1e-5);

async fn hold(device: &Device, dtype: DType, tolerance: (f64, f64)) {
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("golden/grpo_small.json")).expect("a golden");
    let cases: Vec<_> = array(&golden["cases"]).iter().collect();
    for case in &cases {
        assert!(!is_other_method(&case["config"]), "our own cases are of our own methods");
        let options = Options::new(&golden, case);
        let (inputs, config) = (options.inputs(device, dtype), options.objective());
        let got = loss_and_grad_async(&inputs, &config).await;
        let got = got.unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
        let gradient = got.grad.into_data_async().await.expect("a device that works");
        let gradient: Vec<f64> = gradient.iter::<f64>().collect();
        check(case, &config, (got.loss, &gradient, &got.stats), tolerance);
    }
    assert_eq!(cases.len(), 39);
    console_log!("{} losses with their gradients hold on {device:?} in {dtype:?}", cases.len());
}

#[wasm_bindgen_test]
async fn cases_hold_on_the_cpu_in_f64() {
    hold(&Device::flex(), DType::F64, F64).await;
}

#[wasm_bindgen_test]
async fn cases_hold_on_the_cpu_in_f32() {
    hold(&Device::flex(), DType::F32, F32).await;
}

#[wasm_bindgen_test]
async fn cases_hold_on_webgpu() {
    let device = Device::wgpu_options().init_async().await.expect("WebGPU");
    hold(&device, DType::F32, F32).await;
}
