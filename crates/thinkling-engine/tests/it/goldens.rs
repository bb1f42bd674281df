//! Logits of tiny random models against transformers (`tests/golden/make_tiny_models.py`).

use crate::{decoders, sequence};
use serde::Deserialize;
use std::path::Path;
use thinkling_engine::{Keep, Row};
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

#[track_caller]
fn assert_near(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let worst = got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
    assert!(worst <= TOLERANCE, "{what}: logits differ by {worst}");
}

#[test]
fn logits_of_prompts_and_of_cached_steps_are_those_of_transformers() {
    for name in ["llama3_rope", "llama_tied", "qwen2", "qwen3", "llama_bf16_sharded"] {
        // Cargo runs tests in the package's folder.
        let folder = Path::new("../../tests/golden").join(name);
        let golden = std::fs::read(folder.join("golden.json")).unwrap();
        let golden: Golden = serde_json::from_slice(&golden).unwrap();
        let checkpoint = Checkpoint::open(&folder).unwrap();
        for (device, mut decoder) in decoders(&checkpoint, Keep::Stored, 256) {
            for case in &golden.cases {
                let len = case.ids.len();
                let all: Vec<usize> = (0..len).collect();
                let got = decoder.logits(&case.ids, &sequence(3, 0, len), &all).unwrap();
                assert_near(&got, &case.logits.concat(), &format!("{name} on {device}"));
                // The same in a prompt, shared by two rows, and steps of one token.
                let prompt = len / 2;
                decoder.logits(&case.ids[..prompt], &sequence(1, 0, prompt), &[]).unwrap();
                for i in prompt..len {
                    let row = |start: u32| Row {
                        prompt_start: 1,
                        prompt_len: prompt as u32,
                        own_start: start,
                        own_len: (i - prompt) as u32 + 1,
                        position: i as u32,
                    };
                    let ids = [case.ids[i]; 2];
                    let got = decoder.logits(&ids, &[row(100), row(180)], &[1, 0]).unwrap();
                    let want = [&case.logits[i][..], &case.logits[i][..]].concat();
                    assert_near(&got, &want, &format!("{name} on {device}, step {i}"));
                }
            }
        }
    }
}

#[test]
fn wrong_calls_are_refused() {
    let checkpoint = Checkpoint::open(Path::new("../../tests/golden/qwen3")).unwrap();
    for (device, mut decoder) in decoders(&checkpoint, Keep::F32, 8) {
        let mut fails = |ids: &[u32], rows: &[Row], wanted: &[usize], words: &str| {
            let error = decoder.logits(ids, rows, wanted).expect_err(words).to_string();
            assert!(error.contains(words), "{device}: {error}");
        };
        let rows = sequence(0, 0, 1);
        fails(&[1 << 30], &rows, &[0], "vocabulary");
        fails(&[1, 2], &rows, &[0], "ids, one a row");
        fails(&[], &[], &[], "ids, one a row");
        fails(&[1], &rows, &[1], "wanted row");
        fails(&[1], &sequence(8, 0, 1), &[0], "cache");
        fails(&[1], &[Row { position: 1 << 20, ..rows[0] }], &[0], "positions");
        fails(&[1], &[Row { own_len: 0, ..rows[0] }], &[0], "own tokens");
    }
}
