//! What `train --dry-run` says of memory and time.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling, workspace_file};

const RECIPE: &str = r#"
name = "plan"
[model]
hidden_size = 32
num_hidden_layers = 2
num_attention_heads = 2
intermediate_size = 64
[[stage]]
name = "base"
kind = "pretrain"
steps = 3
batch = 4
sequence_length = 64
data = { kind = "mini-world" }
[[stage]]
name = "rl"
kind = "rl"
group_size = 4
questions_per_step = 2
max_completion_tokens = 16
steps = 4
kl_coef = 0.01
data = { kind = "mini-world" }
eval = { problems = 5 }
[[stage]]
name = "good"
kind = "rejection-sampling"
problems = 8
max_completion_tokens = 16
data = { kind = "mini-world" }
"#;

/// The plan of [`RECIPE`] as JSON.
fn plan(more: &[&str]) -> Value {
    let dir = tempdir().expect("temporary folder");
    let recipe = dir.path().join("recipe.toml");
    fs::write(&recipe, RECIPE).expect("written recipe");
    let path = recipe.to_str().expect("UTF-8 path");
    let mut call = vec!["train", path, "--dry-run", "--json", "--device", "cpu", "--threads", "1"];
    call.extend(more);
    let run = thinkling(call).ends_with(exit::DONE);
    serde_json::from_str(&run.stdout).expect("one JSON object")
}

#[test]
fn a_dry_run_says_what_each_stage_needs() {
    let plan = plan(&[]);
    let stages = plan["stages"].as_array().expect("stages");
    assert_eq!(stages.len(), 3);
    let number = |stage: usize, pointer: &str| {
        let value = stages[stage].pointer(pointer).and_then(Value::as_f64);
        value.unwrap_or_else(|| panic!("no {pointer} in {:#}", stages[stage]))
    };
    // A stage after another one has the shape of what that one began with.
    let parameters = number(0, "/parameters");
    for stage in 0..3 {
        assert_eq!(number(stage, "/parameters"), parameters);
        assert_eq!(number(stage, "/memory/weights"), 4.0 * parameters);
        assert!(number(stage, "/time/total_s") > 0.0);
        let [low, high] = ["/time/range_s/0", "/time/range_s/1"].map(|end| number(stage, end));
        let total = number(stage, "/time/total_s");
        assert!(low <= total && total <= high, "{low} {total} {high}");
    }
    assert_eq!(number(0, "/memory/reference"), 0.0);
    assert_eq!(number(1, "/memory/reference"), 4.0 * parameters);
    assert_eq!((number(1, "/steps"), number(1, "/rollouts")), (4.0, 4.0));
    assert!(number(1, "/time/rollout_s") > 0.0 && number(1, "/time/evaluations_s") > 0.0);
    // Nothing is trained there.
    assert_eq!(number(2, "/memory/optimizer"), 0.0);
    assert!(stages[2]["time"]["update_s"].is_null());
    let most = (0..3).map(|stage| number(stage, "/peak_bytes")).fold(0.0, f64::max);
    assert_eq!(plan["peak_bytes"].as_f64(), Some(most));
    assert_eq!(plan["recipe"]["name"], "plan");
}

#[test]
fn a_dry_run_without_measuring_tells_no_time() {
    let plan = plan(&["--no-measure"]);
    assert!(plan["total_s"].is_null() && plan["stages"][0].get("time").is_none(), "{plan:#}");
    assert!(plan["peak_bytes"].as_u64() > Some(0));
    let alone = ["train", "recipe.toml", "--no-measure"];
    thinkling(alone).ends_with(exit::WRONG_CALL).complains_about(&["--dry-run"]);
}

#[test]
fn a_runs_peak_is_near_what_was_planned() {
    /// The share that the page of speeds claims; of small runs most is the program itself.
    const TOLERANCE: f64 = 0.3;
    let dir = tempdir().expect("temporary folder");
    let recipe = dir.path().join("recipe.toml");
    fs::write(&recipe, RECIPE).expect("written recipe");
    let out = dir.path().join("run");
    let [path, out] = [&recipe, &out].map(|path| path.to_str().expect("UTF-8 path"));
    let call = ["train", path, "--out", out, "--json", "--device", "cpu", "--threads", "1"];
    let run = thinkling(call).ends_with(exit::DONE);
    let run: Value = serde_json::from_str(&run.stdout).expect("one JSON object");
    let Some(measured) = run["peak_bytes"].as_f64() else { return };
    let planned = plan(&["--no-measure"])["peak_bytes"].as_f64().expect("a number");
    let error = (planned / measured - 1.0).abs();
    assert!(error < TOLERANCE, "planned {planned}, measured {measured}");
}

/// `config.json` of the models of the recipes for GPUs, as their publishers have them.
const SHAPES: [(&str, &str, f64); 3] = [
    (
        "qwen2.5-0.5b",
        r#"{"model_type":"qwen2","architectures":["Qwen2ForCausalLM"],"hidden_size":896,
            "intermediate_size":4864,"num_hidden_layers":24,"num_attention_heads":14,
            "num_key_value_heads":2,"vocab_size":151936,"max_position_embeddings":32768,
            "rms_norm_eps":1e-6,"rope_theta":1000000.0,"tie_word_embeddings":true}"#,
        494e6,
    ),
    (
        "qwen2.5-1.5b",
        r#"{"model_type":"qwen2","architectures":["Qwen2ForCausalLM"],"hidden_size":1536,
            "intermediate_size":8960,"num_hidden_layers":28,"num_attention_heads":12,
            "num_key_value_heads":2,"vocab_size":151936,"max_position_embeddings":131072,
            "rms_norm_eps":1e-6,"rope_theta":1000000.0,"tie_word_embeddings":true}"#,
        1.544e9,
    ),
    (
        "llama-3.2-1b",
        r#"{"model_type":"llama","architectures":["LlamaForCausalLM"],"hidden_size":2048,
            "intermediate_size":8192,"num_hidden_layers":16,"num_attention_heads":32,
            "num_key_value_heads":8,"head_dim":64,"vocab_size":128256,
            "max_position_embeddings":131072,"rms_norm_eps":1e-5,"rope_theta":500000.0,
            "rope_scaling":{"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,
            "original_max_position_embeddings":8192,"rope_type":"llama3"},
            "tie_word_embeddings":true}"#,
        1.236e9,
    ),
];

#[test]
fn recipes_for_gpus_are_sound_for_their_models_shapes() {
    for (model, config, parameters) in SHAPES {
        let dir = tempdir().expect("temporary folder");
        fs::write(dir.path().join("config.json"), config).expect("written shape");
        let set = format!("model.path={}", dir.path().display());
        for (work, lr) in [("r1-zero", 3e-6), ("distill", 1e-4)] {
            let recipe = workspace_file(&format!("recipes/gpu-{work}-{model}.toml"));
            let recipe = recipe.to_str().expect("UTF-8 path");
            let call = ["train", recipe, "--dry-run", "--no-measure", "--json", "--set", &set];
            let run = thinkling(call.into_iter().chain(["--device", "cpu"]).collect::<Vec<_>>());
            let plan: Value =
                serde_json::from_str(&run.ends_with(exit::DONE).stdout).expect("one JSON object");
            let stage = &plan["stages"][0];
            let counted = stage["parameters"].as_f64().expect("a number");
            assert!((counted / parameters - 1.0).abs() < 0.005, "{model}: {counted}");
            assert_eq!(plan["recipe"]["stage"][0]["lr"].as_f64(), Some(lr));
            // Weights, gradients and both moments in f32.
            assert!(plan["peak_bytes"].as_f64() > Some(16.0 * counted), "{stage:#}");
        }
    }
}

#[test]
fn a_plan_tells_the_hours_of_a_recipe_on_other_machines() {
    let recipe = workspace_file("recipes/quickstart.toml");
    let recipe = recipe.to_str().expect("UTF-8 path");
    let plan = |more: &[&str]| thinkling(["plan", recipe].iter().chain(more));
    let hours = |more: &[&str]| {
        let json = plan(&[more, &["--json"]].concat()).ends_with(exit::DONE).json();
        json["hours"].as_f64().expect("a number")
    };
    let (slow, fast) = (hours(&["--gpu", "rtx3090"]), hours(&["--gpu", "h100"]));
    assert!(0.0 < fast && fast < slow, "{fast} {slow}");
    let large = hours(&["--params", "671e9", "--active-params", "37e9", "--gpus", "512"]);
    assert!(large > 10.0 * fast, "{large} {fast}");
    let run = plan(&["--gpus", "4"]).ends_with(exit::DONE);
    for word in ["4 x h100", "assumed:", "stage `rl`", "GPU hours"] {
        assert!(run.stdout.contains(word), "no {word}: {run:#?}");
    }
    plan(&["--gpu", "abacus"]).ends_with(exit::WRONG_CALL).complains_about(&["abacus", "rtx4090"]);
    plan(&["--mean-share", "0"]).ends_with(exit::WRONG_CALL).complains_about(&["--mean-share"]);
}
