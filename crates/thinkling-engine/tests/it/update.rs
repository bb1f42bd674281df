//! Weights replaced in an engine that runs: as if it had been made with them.

use crate::adapter;
use crate::tiny_gguf::{mixed, quantised};
use std::ops::ControlFlow;
use std::path::Path;
use thinkling_engine::{Capacity, Engine, EngineError, Format, Keep, WeightsReader};
use thinkling_sampling::generate::{Completion, GenerateRequest, generate};
use thinkling_weights::{Checkpoint, dequantize, expected_tensors, quantize};

/// Of log-probabilities: rounded weights in their format and as floats give the same products but for
/// the order of sums.
const TOLERANCE: f32 = 1e-4;

fn open(golden: &str) -> Checkpoint {
    Checkpoint::open(&Path::new("../../tests/golden").join(golden)).expect("a golden model")
}

/// Tensors by name, each value changed by `change`.
fn tensors(
    checkpoint: &Checkpoint,
    change: impl Fn(&[f32]) -> Vec<f32>,
) -> Vec<(String, Vec<f32>)> {
    let read = |name: &str| checkpoint.read_f32(name).expect("a tensor");
    let config = checkpoint.config();
    let names = expected_tensors(config).into_iter();
    names.map(|(name, _)| (name.clone(), change(&read(&name)))).collect()
}

fn set(engine: &mut Engine, tensors: &[(String, Vec<f32>)]) -> Result<(), EngineError> {
    let mut update = engine.update_weights()?;
    for (name, values) in tensors {
        update.set(name, values)?;
    }
    update.finish()
}

/// Engines for one kind of weights on the CPU, on the GPU, and on the GPU with small buffers.
fn engines(weights: &WeightsReader<'_>) -> Vec<(String, Engine)> {
    let capacity =
        Capacity { rows: 4, cache_tokens: 200, prompt_tokens: 0, conversation_tokens: 40 };
    let mut all = vec![("cpu".to_owned(), Engine::on_cpu(weights, capacity).expect("an engine"))];
    let Some(adapter) = adapter() else { return all };
    for (what, adapter) in
        [("gpu", adapter.clone()), ("gpu with small buffers", adapter.with_max_binding(1 << 17))]
    {
        let engine = pollster::block_on(Engine::on_gpu(&adapter, weights, capacity));
        all.push((what.to_owned(), engine.expect("an engine")));
    }
    all
}

fn run(engine: &mut Engine) -> Vec<Completion> {
    let prompts = [vec![5, 6, 7], vec![1, 2, 3, 4, 5, 6]];
    let request = GenerateRequest { group_size: 2, seed: 3, ..GenerateRequest::new(&prompts, 8) };
    let generated = pollster::block_on(generate(engine, &request, |_| ControlFlow::Continue(())));
    generated.expect("completions").completions
}

#[test]
fn an_engine_with_new_weights_is_as_one_that_was_loaded_with_them() {
    for golden in ["llama3_rope", "llama_tied", "qwen2", "qwen3"] {
        let checkpoint = open(golden);
        let config = checkpoint.config();
        let own = tensors(&checkpoint, <[f32]>::to_vec);
        let other = tensors(&checkpoint, |values| values.iter().map(|x| 1.25 * x).collect());
        let loaded = engines(&WeightsReader::new(&checkpoint, Keep::F32));
        let empty = engines(&WeightsReader::set_later(config, Format::F32));
        for ((device, mut loaded), (_, mut empty)) in loaded.into_iter().zip(empty) {
            let (expected, usage) = (run(&mut loaded), empty.usage());
            set(&mut empty, &own).expect("new weights");
            assert_eq!(run(&mut empty), expected, "{golden} on {device}");
            set(&mut loaded, &other).expect("other weights");
            let changed = run(&mut loaded);
            assert!(changed != expected, "{golden} on {device}");
            // Twice, and in another order.
            let reversed: Vec<_> = other.iter().rev().cloned().collect();
            for _ in 0..2 {
                set(&mut empty, &reversed).expect("other weights");
            }
            assert_eq!(run(&mut empty), changed, "{golden} on {device}");
            set(&mut loaded, &own).expect("the first weights");
            assert_eq!(run(&mut loaded), expected, "{golden} on {device}");
            assert_eq!(empty.usage(), usage, "{golden} on {device}: bytes do not grow");
        }
    }
}

#[test]
fn weights_are_rounded_to_the_formats_that_the_engine_has() {
    let checkpoint = open("qwen3");
    for format in [Format::F16, Format::Bf16, Format::Q8_0] {
        let round = |values: &[f32]| {
            let mut rounded = vec![0.0; values.len()];
            let bytes = quantize(format.ggml(), values);
            dequantize(format.ggml(), &bytes, &mut rounded);
            rounded
        };
        let own = tensors(&checkpoint, <[f32]>::to_vec);
        // Vectors stay as they are, and so do rows that are no whole number of blocks.
        let whole = |columns: usize| format != Format::Q8_0 || columns.is_multiple_of(32);
        let shapes = expected_tensors(checkpoint.config());
        let rounded: Vec<(String, Vec<f32>)> = own
            .iter()
            .zip(&shapes)
            .map(|((name, values), (_, shape))| match shape[..] {
                [_, columns] if whole(columns) => (name.clone(), round(values)),
                _ => (name.clone(), values.clone()),
            })
            .collect();
        let config = checkpoint.config();
        let wide = engines(&WeightsReader::set_later(config, Format::F32));
        let narrow = engines(&WeightsReader::set_later(config, format));
        for ((device, mut wide), (_, mut narrow)) in wide.into_iter().zip(narrow) {
            set(&mut wide, &rounded).expect("rounded weights");
            set(&mut narrow, &own).expect("new weights");
            for (narrow, wide) in run(&mut narrow).iter().zip(run(&mut wide)) {
                assert_eq!(narrow.ids, wide.ids, "{format:?} on {device}");
                for (a, b) in narrow.logprobs.iter().zip(&wide.logprobs) {
                    assert!((a - b).abs() <= TOLERANCE, "{format:?} on {device}: {a} for {b}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_update_is_refused_by_name() {
    let checkpoint = open("llama_tied");
    let own = tensors(&checkpoint, <[f32]>::to_vec);
    let weights = WeightsReader::set_later(checkpoint.config(), Format::F32);
    for (device, mut engine) in engines(&weights) {
        let fails = |engine: &mut Engine, tensors: &[(String, Vec<f32>)], words: &[&str]| {
            let error = set(engine, tensors).expect_err("no update").to_string();
            for word in words {
                assert!(error.contains(word), "{device}: no `{word}` in: {error}");
            }
        };
        let norm = "model.norm.weight".to_owned();
        fails(&mut engine, &own[1..], &["model.embed_tokens.weight", "among the new weights"]);
        fails(&mut engine, &[own[0].clone(), own[0].clone()], &["embed_tokens", "once"]);
        fails(&mut engine, &[("lm_head.weight".into(), vec![0.0])], &["lm_head.weight"]);
        fails(&mut engine, &[(norm, vec![0.0; 3])], &["model.norm.weight", "instead of 3"]);
        set(&mut engine, &own).expect("whole weights mend it");
    }
}

#[test]
fn a_conversation_does_not_outlive_the_weights_that_it_was_computed_with() {
    let checkpoint = open("qwen3");
    let other = tensors(&checkpoint, |values| values.iter().map(|x| 0.5 * x).collect());
    let weights = WeightsReader::new(&checkpoint, Keep::F32);
    let prompts = [vec![5, 6, 7, 8]];
    let request = GenerateRequest::new(&prompts, 4);
    let turn = |engine: &mut Engine| {
        let generated =
            pollster::block_on(generate(engine, &request, |_| ControlFlow::Continue(())));
        generated.expect("a turn").completions
    };
    for ((device, mut engine), (_, mut fresh)) in
        engines(&weights).into_iter().zip(engines(&weights))
    {
        turn(&mut engine);
        for engine in [&mut engine, &mut fresh] {
            set(engine, &other).expect("other weights");
        }
        assert_eq!(turn(&mut engine), turn(&mut fresh), "{device}");
    }
}

#[test]
fn matrices_of_several_types_are_replaced_each_in_its_own() {
    let model = quantised(mixed);
    let own = tensors(&model, <[f32]>::to_vec);
    let other = tensors(&model, |values| values.iter().map(|x| 2.0 * x).collect());
    let weights = WeightsReader::new(&model, Keep::Stored);
    for ((device, mut engine), (_, mut fresh)) in
        engines(&weights).into_iter().zip(engines(&weights))
    {
        set(&mut engine, &own).expect("the same values, rounded again");
        let usage = engine.usage();
        let once = run(&mut engine);
        set(&mut fresh, &other).expect("other weights");
        assert!(run(&mut fresh) != once, "{device}");
        set(&mut fresh, &own).expect("the first ones");
        assert_eq!(run(&mut fresh), once, "{device}");
        assert_eq!(fresh.usage(), usage, "{device}: bytes do not grow");
    }
}
