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
