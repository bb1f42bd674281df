//! `thinkling bench` on a model of a few thousand parameters: the fields of its JSON, and no figure
//! of it asserted.

use std::fs;

use serde_json::{Value, json};
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling};

fn config() -> Value {
    json!({
        "name": "nano",
        "model": {
            "arch": "llama", "hidden_size": 32, "layers": 1, "heads": 2, "kv_heads": 1,
            "head_dim": 16, "intermediate": 48, "vocab_size": 64, "max_position": 64,
            "rope_theta": 10000.0, "rms_eps": 1e-5, "tie_embeddings": true, "init_std": 0.02
        },
        "grpo": {
            "prompts_per_step": 2, "group_size": 4, "prompt_len": 5, "completion_len": 6,
            "steps": 2, "warmup_steps": 1, "lr": 1e-4, "beta": 0.1, "epsilon": 0.2,
            "temperature": 1.0, "micro_batch": 3, "gradient_checkpointing": true,
            "rollout": {"weights": "bf16"}
        },
        "sft": {"batch": 2, "seq_len": 9, "steps": 2, "warmup_steps": 1, "lr": 1e-3},
        "decode": {"batch": 2, "prompt_len": 5, "tokens": 4, "runs": 2, "warmup_runs": 1}
    })
}

#[test]
fn each_kind_gives_its_medians_and_where_the_seconds_go() {
    let dir = tempdir().expect("temporary folder");
    let path = dir.path().join("nano.json");
    fs::write(&path, config().to_string()).expect("written config");
    let path = path.to_str().expect("UTF-8");
    for (kind, piece) in
        [("grpo", "decode: all"), ("sft", "linear backward"), ("decode", "decode: products")]
    {
        let call = ["bench", kind, "--config", path, "--device", "cpu", "--profile", "--json"];
        let run = thinkling(call).ends_with(exit::DONE);
        let result: Value = serde_json::from_str(&run.stdout).expect("one JSON object");
        for field in ["step_s", "tokens_per_s"] {
            assert!(result[field].as_f64().is_some_and(|x| x > 0.0), "{kind}: {field}: {result}");
        }
        let calls = result["profile"][piece]["calls"].as_f64();
        assert!(calls.is_some_and(|calls| calls > 0.0), "{kind}: {piece}: {result}");
    }
    let call = ["bench", "engine", "--config", path, "--device", "cpu", "--json"];
    let run = thinkling(call).ends_with(exit::DONE);
    let result: Value = serde_json::from_str(&run.stdout).expect("one JSON object");
    assert!(result["tokens_per_s"].as_f64().is_some_and(|x| x > 0.0), "{result}");
    assert!(result["usage"].is_null(), "no GPU, no bytes on one: {result}");
    let too_short = json!({"tokens": 2});
    let mut config = config();
    config["decode"] = too_short;
    fs::write(path, config.to_string()).expect("written config");
    let run = thinkling(["bench", "decode", "--config", path, "--device", "cpu"]);
    run.ends_with(exit::FAILED).complains_about(&["decode.tokens", "at least 3"]);
}
