//! Adapters against the model that has their sums for weights.

use crate::devices::{cpu, gpu};
use burn::tensor::{Device, Tensor};
use std::convert::Infallible;
use std::ops::ControlFlow;
use thinkling_model::generate::{GenerateRequest, generate};
use thinkling_model::{
    Decoder, HeadGrads, LoraConfig, ModelError, NamedTensor, PackedBatch, Projection, Recompute,
    Sequence, selftest,
};
use thinkling_sampling::{SamplingParams, Stream};

/// Two layers in f32, along two ways.
const SAME: f32 = 2e-5;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("f32")
}

fn all() -> LoraConfig {
    LoraConfig { rank: 4, alpha: 6.0, targets: Projection::ALL.to_vec() }
}

/// Adapters with gaps between their rows.
fn some() -> LoraConfig {
    let targets = vec![Projection::Q, Projection::V, Projection::Up];
    LoraConfig { rank: 2, alpha: 3.0, targets }
}

fn base(device: &Device) -> Decoder {
    Decoder::init(&selftest::config(), 3, device)
}

/// A model whose adapters change it: with the zeros that `B` begins with they would not.
fn adapted(config: &LoraConfig, device: &Device) -> Decoder {
    let mut stream = Stream::new(9, 0);
    let read = |_: &str, shape: &[usize]| {
        let count = shape.iter().product();
        Ok::<_, Infallible>((0..count).map(|_| 0.4 * stream.uniform() as f32 - 0.2).collect())
    };
    match base(device).with_lora_from(config, read) {
        Ok(model) => model,
    }
}

fn batch(model: &Decoder) -> PackedBatch {
    let prompt = Sequence { ids: &[5, 9, 2, 33], prefix: None };
    let rest = |ids| Sequence { ids, prefix: Some(0) };
    PackedBatch::new(model, &[prompt, rest(&[1, 4, 4]), rest(&[60, 2])])
}

fn hidden(model: &Decoder) -> Vec<f32> {
    values(model.forward(&batch(model)))
}

fn assert_close(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let scale = 1.0 + b.iter().fold(0f32, |m, x| m.max(x.abs()));
    let worst = a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0f32, f32::max);
    assert!(worst <= SAME * scale, "{what}: {worst} at scale {scale}");
}

fn exported(model: &Decoder) -> Vec<NamedTensor> {
    let mut tensors = Vec::new();
    let each = |tensor| {
        tensors.push(tensor);
        Ok::<(), ModelError>(())
    };
    pollster::block_on(model.export(each)).expect("exported");
    tensors
}

#[test]
fn a_fresh_adapter_changes_nothing_and_is_all_that_is_trained() {
    let plain = base(&cpu());
    for config in [all(), some()] {
        let model = base(&cpu()).with_lora(&config, 1);
        assert_eq!(hidden(&plain), hidden(&model), "B begins with zeros");
        let list = model.param_list();
        assert!(list.names.iter().all(|name| name.contains(".lora.")), "{:?}", list.names);
        assert!(model.trained_count() < plain.trained_count() / 2);
        let mut tensors: Vec<NamedTensor> = Vec::new();
        let each = |tensor| {
            tensors.push(tensor);
            Ok::<(), ModelError>(())
        };
        pollster::block_on(model.export_lora(each)).expect("exported");
        assert_eq!(tensors.len(), 2 * 2 * config.targets.len(), "two layers, A and B");
        let count: usize = tensors.iter().map(|t| t.values.len()).sum();
        assert_eq!(count, model.trained_count());
        for pair in tensors.chunks(2) {
            let [a, b] = pair else { panic!("A and B") };
            let bound = 1.0 / (a.shape[1] as f32).sqrt();
            assert!(a.values.iter().all(|x| x.abs() <= bound), "{}", a.name);
            // A tenth of the range is left free by 2 * 24 draws once in 10^2 seeds.
            assert!(a.values.iter().any(|x| x.abs() > 0.9 * bound), "{}", a.name);
            assert!(b.values.iter().all(|x| *x == 0.0), "{}", b.name);
        }
    }
}

fn the_merged_model_computes_what_the_adapted_one_does(device: &Device) {
    for config in [all(), some()] {
        let model = adapted(&config, device);
        let before = hidden(&model.without_lora());
        let merged = model.merged();
        assert!(merged.lora().is_none());
        assert_close(&hidden(&model), &hidden(&merged), "hidden states");
        let moved = hidden(&merged).iter().zip(&before).any(|(a, b)| (a - b).abs() > 0.1);
        assert!(moved, "the adapters should change the model");
        assert_eq!(hidden(&model.without_lora()), before, "the base stays as it is");
        assert_eq!(exported(&merged), exported(&model), "an export is merged");
    }
}

#[test]
fn the_merged_model_computes_what_the_adapted_one_does_on_the_cpu() {
    the_merged_model_computes_what_the_adapted_one_does(&cpu());
}

#[test]
fn the_merged_model_computes_what_the_adapted_one_does_on_the_gpu() {
    let Some(gpu) = gpu() else { return };
    the_merged_model_computes_what_the_adapted_one_does(&gpu);
}

/// Gradients of a functional of the hidden states, by the names of parameters.
fn gradients(model: &Decoder, recompute: Recompute) -> Vec<(String, Vec<f32>)> {
    let batch = batch(model);
    let pass = model.begin_backprop(&batch, recompute);
    let hidden = pass.hidden();
    let weight = model.lora().is_none().then(|| model.head().zeros_like());
    let grads = pass.finish(HeadGrads { hidden: hidden * 0.3 + 0.1, weight });
    let names = model.param_list().names;
    assert_eq!(names.len(), grads.len());
    names.into_iter().zip(grads.into_iter().map(values)).collect()
}

/// With `G` the gradient of `W + s B A` from the model that has it as a weight:
/// `dA = s B^T G`, `dB = s G A^T`, in f64.
#[test]
fn gradients_of_adapters_follow_from_the_dense_gradient() {
    for config in [all(), some()] {
        let model = adapted(&config, &cpu());
        let dense = gradients(&model.merged(), Recompute::None);
        let got = gradients(&model, Recompute::None);
        let recomputed = gradients(&model, Recompute::Layer);
        for ((name, a), (_, b)) in got.iter().zip(&recomputed) {
            assert_close(a, b, &format!("{name} by layers"));
        }
        let mut adapters: Vec<NamedTensor> = Vec::new();
        let each = |tensor| {
            adapters.push(tensor);
            Ok::<(), ModelError>(())
        };
        pollster::block_on(model.export_lora(each)).expect("exported");
        let c = model.config();
        let (q, kv, mlp) = (c.q_size(), c.kv_size(), c.intermediate_size);
        let scale = config.alpha / config.rank as f64;
        let (mut a_of, mut b_of) = (Vec::new(), Vec::new());
        for pair in adapters.chunks(2) {
            let [a, b] = pair else { panic!("A and B") };
            let layer: usize = a.name.split('.').nth(2).unwrap().parse().unwrap();
            let (matrix, first) = match a.name.split('.').nth(4).unwrap() {
                "q_proj" => ("qkv_proj", 0),
                "k_proj" => ("qkv_proj", q),
                "v_proj" => ("qkv_proj", q + kv),
                "o_proj" => ("o_proj", 0),
                "gate_proj" => ("gate_up_proj", 0),
                "up_proj" => ("gate_up_proj", mlp),
                "down_proj" => ("down_proj", 0),
                other => panic!("{other}"),
            };
            let name = format!("layers.{layer}.{matrix}");
            let g = &dense.iter().find(|(n, _)| *n == name).expect("a dense gradient").1;
            let ([rank, input], rows) = ([a.shape[0], a.shape[1]], b.shape[0]);
            let g = |row: usize, column: usize| f64::from(g[(first + row) * input + column]);
            let (av, bv) = (
                |k, c| f64::from(a.values[k * input + c]),
                |r, k| f64::from(b.values[r * rank + k]),
            );
            let key = format!("layers.{layer}.lora.{}", matrix.trim_end_matches("_proj"));
            let da: Vec<f32> = (0..rank)
                .flat_map(|k| (0..input).map(move |c| (k, c)))
                .map(|(k, c)| (scale * (0..rows).map(|r| bv(r, k) * g(r, c)).sum::<f64>()) as f32)
                .collect();
            let db: Vec<f32> = (0..rows)
                .flat_map(|r| (0..rank).map(move |k| (r, k)))
                .map(|(r, k)| (scale * (0..input).map(|c| g(r, c) * av(k, c)).sum::<f64>()) as f32)
                .collect();
            a_of.push((format!("{key}.a"), da));
            b_of.push((format!("{key}.b"), db));
        }
        for (name, got) in &got {
            // Fused projections lie one below the other.
            let parts = a_of.iter().chain(&b_of).filter(|(key, _)| key == name);
            let want: Vec<f32> = parts.flat_map(|(_, values)| values.clone()).collect();
            assert!(got.iter().any(|x| *x != 0.0), "{name} has no gradient");
            assert_close(got, &want, name);
        }
    }
}

#[test]
fn rollouts_read_the_merged_weights_and_leave_the_base_bit_for_bit() {
    let model = adapted(&all(), &cpu());
    let before = exported(&model.without_lora());
    let prompts = vec![vec![5, 9, 2, 33], vec![7, 1]];
    let run = |model: &Decoder| {
        let request = GenerateRequest {
            sampling: SamplingParams::greedy(),
            ..GenerateRequest::new(&prompts, 12)
        };
        let each = |_: thinkling_model::generate::TokenEvent<'_>| ControlFlow::Continue(());
        pollster::block_on(generate(model, &request, each)).expect("generated").completions
    };
    let (adapted, merged, base) = (run(&model), run(&model.merged()), run(&model.without_lora()));
    for (a, m) in adapted.iter().zip(&merged) {
        assert_eq!(a.ids, m.ids);
        assert_close(&a.logprobs, &m.logprobs, "log-probabilities");
    }
    assert!(adapted.iter().zip(&base).any(|(a, b)| a.ids != b.ids), "the base says something else");
    assert_eq!(exported(&model.without_lora()), before);
}
