//! The worker's side in a browser: a session on WebGPU and on the CPU, and what JavaScript calls.
#![cfg(target_family = "wasm")]

use std::ops::ControlFlow;
use thinkling_web::{Bundle, BundleFile, LoadOptions, Request, Session, worker};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

macro_rules! base {
    ($name:literal) => {
        BundleFile {
            name: $name.to_owned(),
            file: Box::new(
                include_bytes!(concat!("../../../recipes/mini-world-base/", $name)).to_vec(),
            ),
        }
    };
}

async fn session(device: &str) -> Session {
    let files = vec![
        base!("config.json"),
        base!("generation_config.json"),
        base!("tokenizer.json"),
        base!("model.safetensors"),
    ];
    let bundle = Bundle::open("base".to_owned(), Default::default(), files).expect("a model");
    let options: LoadOptions =
        serde_json::from_value(serde_json::json!({ "device": device })).expect("options");
    let go_on = || -> std::pin::Pin<Box<dyn Future<Output = ControlFlow<()>>>> {
        Box::pin(std::future::ready(ControlFlow::Continue(())))
    };
    Session::open(bundle, options, Box::new(|| 0.0), go_on, &mut |_| {}).await.expect("a session")
}

async fn gives_the_native_tokens(device: &str) {
    let golden: serde_json::Value =
        serde_json::from_slice(include_bytes!("golden.json")).expect("a golden");
    let mut session = session(device).await;
    for (what, n, temperature, top_p, seed) in
        [("greedy", 1, 0.0, 1.0, 0), ("sampled", 4, 1.0, 0.95, 3)]
    {
        let request: Request = serde_json::from_value(serde_json::json!({
            "prompt": golden["question"], "template": "r1-zero", "maxTokens": 40,
            "n": n, "temperature": temperature, "topP": top_p, "seed": seed,
        }))
        .expect("a request");
        let result = session.generate(&request, &mut |_| {}).await.expect("completions");
        let ids: Vec<_> = result.completions.iter().map(|c| c.ids.clone()).collect();
        assert_eq!(serde_json::json!(ids), golden[what], "{device}, {what}");
    }
}

#[wasm_bindgen_test]
async fn the_cpu_gives_the_native_tokens() {
    gives_the_native_tokens("cpu").await;
}

#[wasm_bindgen_test]
async fn webgpu_gives_the_native_tokens() {
    gives_the_native_tokens("gpu").await;
}

#[wasm_bindgen_test]
fn javascript_gets_objects_and_errors() {
    let problem = r#"{"question":"3+4?","task":{"kind":"number","gold":"7"}}"#;
    let text = "<think>a</think><answer>7</answer>";
    let judged = worker::judge(problem, text, "{}").expect("a judgement");
    let field = |name: &str| js_sys::Reflect::get(&judged, &name.into()).expect("a field");
    assert_eq!(field("verdict").as_string().as_deref(), Some("correct"));
    assert_eq!(field("total").as_f64(), Some(2.0));
    assert!(worker::judge("{}", text, "{}").is_err());
    assert!(worker::score("maths", "{}", "{}").is_err());
    assert!(worker::advantages(&[]).is_err());
}

#[wasm_bindgen_test]
async fn nothing_is_kept_at_first() {
    let kept = worker::cached().await.expect("a list");
    assert_eq!(js_sys::Array::from(&kept).length(), 0);
    worker::delete_cached(None).await.expect("nothing to delete");
}
