//! New weights while it serves.

use crate::client::token_ids;
use crate::served::{Options, Served, model_folder, questions};
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;
use thinkling_weights::{
    Checkpoint, FloatType, SafetensorsTensorSpec, SafetensorsWriter, expected_tensors,
};

const TYPE: &str = "application/octet-stream";

/// The model's weights as a file, each value changed by `change`; tensors for which `keep` does not
/// hold are left out.
fn file(change: impl Fn(f32) -> f32, keep: impl Fn(&str) -> bool) -> Vec<u8> {
    let checkpoint = Checkpoint::open(&model_folder()).expect("a model");
    let tensors = expected_tensors(checkpoint.config()).into_iter();
    let tensors: Vec<_> = tensors.filter(|(name, _)| keep(name)).collect();
    let specs = tensors
        .iter()
        .map(|(name, shape)| SafetensorsTensorSpec {
            name: name.clone(),
            shape: shape.clone(),
            dtype: FloatType::F32,
        })
        .collect();
    let mut writer = SafetensorsWriter::new(Vec::new(), specs).expect("a header");
    for (name, _) in &tensors {
        let values = checkpoint.read_f32(name).expect("a tensor");
        let values: Vec<f32> = values.into_iter().map(&change).collect();
        writer.write_f32(name, &values).expect("written");
    }
    writer.finish().expect("a file")
}

fn served(pause: Duration) -> Served {
    Served::new(Options { allow_updates: true, key: Some("k"), pause, ..Options::default() })
}

fn update(served: &Served, body: &[u8]) -> crate::client::Answer {
    served.post_bytes("/v1/weights", TYPE, body)
}

fn complete(served: &Served) -> Value {
    served.complete(json!({"prompt": questions()[0]})).ok()["choices"][0].clone()
}

#[test]
fn new_weights_change_what_is_generated_and_the_version() {
    let served = served(Duration::ZERO);
    let before = complete(&served);
    assert_eq!(before["weights_version"], 0);
    let other = file(|x| -x, |_| true);
    assert_eq!(update(&served, &other).ok(), json!({"weights_version": 1}));
    let changed = complete(&served);
    assert!(changed["token_ids"] != before["token_ids"]);
    assert_eq!(changed["weights_version"], 1);
    assert_eq!(update(&served, &file(|x| x, |_| true)).ok(), json!({"weights_version": 2}));
    let after = complete(&served);
    assert_eq!(after["token_ids"], before["token_ids"]);
    assert_eq!(
        (&after["weights_version"], served.metric("thinkling_weights_version")),
        (&json!(2), 2.0)
    );
}

#[test]
fn what_runs_goes_on_with_new_weights_between_two_steps() {
    let served = served(Duration::from_millis(10));
    let asked = json!({"prompt": questions()[0], "max_tokens": 100, "ignore_eos": true});
    let alone = served.complete(asked.clone()).ok()["choices"][0].clone();
    thread::scope(|scope| {
        let running = scope.spawn(|| served.complete(asked).ok()["choices"][0].clone());
        served.wait_for("thinkling_completion_tokens_total", |tokens| tokens > 105.0);
        update(&served, &file(|x| -x, |_| true)).ok();
        let choice = running.join().expect("an answer");
        assert_eq!(choice["weights_version"], 1);
        let runs: Vec<[usize; 2]> =
            serde_json::from_value(choice["weights_versions"].clone()).expect("two versions");
        let [[0, old], [1, new]] = runs[..] else { panic!("{runs:?}") };
        assert_eq!(old + new, 100);
        let (mixed, alone) = (token_ids(&choice), token_ids(&alone));
        assert_eq!(mixed[..old], alone[..old]);
        assert!(mixed[old..] != alone[old..]);
    });
}

/// A file of these tensors.
fn tensors(of: &[(&str, Vec<usize>, Vec<f32>)]) -> Vec<u8> {
    let spec = |(name, shape, _): &(&str, Vec<usize>, Vec<f32>)| SafetensorsTensorSpec {
        name: (*name).to_owned(),
        shape: shape.clone(),
        dtype: FloatType::F32,
    };
    let mut writer =
        SafetensorsWriter::new(Vec::new(), of.iter().map(spec).collect()).expect("a header");
    for (name, _, values) in of {
        writer.write_f32(name, values).expect("written");
    }
    writer.finish().expect("a file")
}

const MODULE: &str = "model.layers.1.mlp.down_proj";

/// An adapter of rank 2 of one weight, and the whole model with it.
fn adapter(alpha: f32) -> (Vec<u8>, Vec<u8>) {
    let checkpoint = Checkpoint::open(&model_folder()).expect("a model");
    let name = format!("{MODULE}.weight");
    let [outputs, inputs] = checkpoint.shape(&name).expect("a weight")[..] else { panic!() };
    let a: Vec<f32> = (0..2 * inputs).map(|i| ((i * 37 % 101) as f32 - 50.0) / 100.0).collect();
    let b: Vec<f32> = (0..outputs * 2).map(|i| ((i * 53 % 89) as f32 - 44.0) / 50.0).collect();
    let added = |i: usize| {
        let (row, column) = (i / inputs, i % inputs);
        let product = b[2 * row] * a[column] + b[2 * row + 1] * a[inputs + column];
        alpha / 2.0 * product
    };
    let all = expected_tensors(checkpoint.config()).into_iter();
    let all: Vec<(String, Vec<usize>, Vec<f32>)> = all
        .map(|(tensor, shape)| {
            let mut values = checkpoint.read_f32(&tensor).expect("a tensor");
            if tensor == name {
                values.iter_mut().enumerate().for_each(|(i, value)| *value += added(i));
            }
            (tensor, shape, values)
        })
        .collect();
    let whole: Vec<(&str, Vec<usize>, Vec<f32>)> =
        all.iter().map(|(n, s, v)| (n.as_str(), s.clone(), v.clone())).collect();
    let (name_a, name_b) = (
        format!("base_model.model.{MODULE}.lora_A.weight"),
        format!("base_model.model.{MODULE}.lora_B.weight"),
    );
    let parts = [(name_a.as_str(), vec![2, inputs], a), (name_b.as_str(), vec![outputs, 2], b)];
    (tensors(&parts), tensors(&whole))
}

#[test]
fn an_adapter_is_the_merged_model_whatever_was_there_before() {
    let served = served(Duration::ZERO);
    let before = complete(&served);
    let (adapter, whole) = adapter(3.0);
    update(&served, &whole).ok();
    let merged = complete(&served);
    assert!(merged["token_ids"] != before["token_ids"]);
    // Over the weights that were loaded, not over those that came since.
    update(&served, &file(|x| -x, |_| true)).ok();
    let path = "/v1/weights?lora_alpha=3";
    assert_eq!(served.post_bytes(path, TYPE, &adapter).ok(), json!({"weights_version": 3}));
    let adapted = complete(&served);
    assert_eq!(adapted["token_ids"], merged["token_ids"]);
    assert_eq!(adapted["weights_version"], 3);
}

#[test]
fn an_adapter_that_does_not_fit_says_why() {
    let served = served(Duration::ZERO);
    let (adapter, whole) = adapter(3.0);
    let refused = |query: &str, body: &[u8], words: &str| {
        let path = format!("/v1/weights{query}");
        let message = served.post_bytes(&path, TYPE, body).error(400);
        assert!(message.contains(words), "no `{words}`: {message}");
    };
    refused("", &adapter, "lora_alpha=NUMBER");
    refused("?lora_alpha=much", &adapter, "lora_alpha=NUMBER");
    refused("?lora_alpha=3", &whole, "no tensor of one");
    let name = |module: &str, half: &str| format!("base_model.model.{module}.lora_{half}.weight");
    let pair = |module: &str, a: Vec<usize>, b: Vec<usize>| {
        let values = |shape: &[usize]| vec![0.5; shape.iter().product()];
        let (name_a, name_b) = (name(module, "A"), name(module, "B"));
        let (of_a, of_b) = (values(&a), values(&b));
        tensors(&[(name_a.as_str(), a, of_a), (name_b.as_str(), b, of_b)])
    };
    refused(
        "?lora_alpha=3",
        &pair("model.layers.9.mlp.up_proj", vec![2, 4], vec![4, 2]),
        "layers.9",
    );
    refused("?lora_alpha=3", &pair(MODULE, vec![2, 4], vec![4, 2]), "lora_A.weight`, expected");
    let half = tensors(&[(name(MODULE, "A").as_str(), vec![2, 4], vec![0.5; 8])]);
    refused("?lora_alpha=3", &half, "lora_B.weight` is missing");
    assert_eq!(complete(&served)["weights_version"], 0);
}

#[test]
fn a_file_that_is_not_the_whole_model_changes_nothing() {
    let served = served(Duration::ZERO);
    let before = complete(&served);
    let whole = file(|x| -x, |_| true);
    let refused = |body: &[u8], words: &str| {
        let message = update(&served, body).error(400);
        assert!(message.contains(words), "no `{words}`: {message}");
    };
    refused(&whole[..whole.len() / 2], "the weights were refused");
    refused(b"", "the weights were refused");
    refused(&file(|x| x, |name| name != "model.norm.weight"), "model.norm.weight");
    let mut writer = SafetensorsWriter::new(
        Vec::new(),
        vec![SafetensorsTensorSpec {
            name: "model.embed_tokens.weight".into(),
            shape: vec![3, 2],
            dtype: FloatType::F32,
        }],
    )
    .expect("a header");
    writer.write_f32("model.embed_tokens.weight", &[0.0; 6]).expect("written");
    refused(&writer.finish().expect("a file"), "expected: shape [137, 128]");
    let too_large = vec![0; whole.len() + (18 << 20)];
    update(&served, &too_large).error(413);
    served.post_bytes("/v1/weights", "application/json", &whole).error(415);
    assert_eq!(complete(&served), before);
    let off = Served::new(Options::default());
    assert!(update(&off, &whole).error(403).contains("--allow-updates"));
}
