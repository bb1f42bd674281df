//! Logits of tiny random models against transformers (`tests/golden/make_tiny_models.py`).

use crate::devices::{cpu, gpu};
use burn::tensor::Device;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use thinkling_model::{Decoder, PackedBatch, Sequence};
use thinkling_weights::Checkpoint;

/// What parity asks: f32 sums in another order over two small layers.
const TOLERANCE: f32 = 1e-4;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    ids: Vec<u32>,
    logits: Vec<Vec<f32>>,
}

fn folder(name: &str) -> PathBuf {
    // Cargo runs tests in the package's folder.
    Path::new("../../tests/golden").join(name)
}

fn logits(model: &Decoder, ids: &[u32]) -> Vec<f32> {
    let sequence = [Sequence { ids, prefix: None }];
    let batch = PackedBatch::new(model, &sequence);
    model.logits(model.forward(&batch)).into_data().try_to_vec().unwrap()
}

fn check(name: &str, device: &Device) {
    let folder = folder(name);
    let golden = std::fs::read(folder.join("golden.json")).unwrap();
    let golden: Golden = serde_json::from_slice(&golden).unwrap();
    let model = Decoder::load(&Checkpoint::open(&folder).unwrap(), device).unwrap();
    assert!(!golden.cases.is_empty());
    for case in &golden.cases {
        let got = logits(&model, &case.ids);
        let want = case.logits.concat();
        assert_eq!(got.len(), want.len());
        let worst = got.iter().zip(&want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
        assert!(worst <= TOLERANCE, "{name}: logits differ by {worst}");
    }
}

macro_rules! golden {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            check(stringify!($name), &cpu());
        }
    )*};
}

golden!(llama3_rope, llama_tied, qwen2, qwen3, llama_bf16_sharded);

#[test]
fn goldens_hold_on_the_gpu() {
    let Some(gpu) = gpu() else { return };
    for name in ["llama3_rope", "qwen2", "qwen3"] {
        check(name, &gpu);
    }
}

#[test]
fn exported_weights_are_those_that_were_loaded() {
    for name in ["llama3_rope", "qwen2", "qwen3"] {
        let checkpoint = Checkpoint::open(&folder(name)).unwrap();
        let model = Decoder::load(&checkpoint, &cpu()).unwrap();
        let expected = thinkling_weights::expected_tensors(checkpoint.config());
        let mut seen = Vec::new();
        let exported: Result<(), thinkling_model::ModelError> =
            pollster::block_on(model.export(|t| {
                assert_eq!(t.values, checkpoint.read_f32(&t.name).unwrap(), "{name} {}", t.name);
                seen.push((t.name, t.shape));
                Ok(())
            }));
        exported.unwrap();
        assert_eq!(seen, expected, "{name}: order, names and shapes");
    }
}
