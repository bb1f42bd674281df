//! Reward models: gradients against finite differences, shared beginnings, adapters with a head.

use burn::tensor::{Device, Tensor};
use thinkling_learn::{
    AdamW, AdamWConfig, Branches, LearnError, Learner, PeftAdapter, Preference, reward_loss,
    reward_values, write_adapter,
};
use thinkling_model::{Decoder, LoraConfig, Projection, Recompute, selftest};
use thinkling_sampling::Stream;

use crate::support::gpu;

/// What another order of f32 sums may change.
const SAME: f64 = 2e-5;

fn model() -> Decoder {
    Decoder::init(&selftest::config(), 3, &Device::flex()).with_score(4)
}

fn texts(seed: u64, lens: &[usize]) -> Vec<Vec<u32>> {
    let mut stream = Stream::new(seed, 0);
    let mut id = || (stream.uniform() * 61.0) as u32;
    lens.iter().map(|&len| (0..len).map(|_| id()).collect()).collect()
}

/// Pairs whose prompts are shared, one without, and labels.
fn items() -> Vec<Preference> {
    let mut items: Vec<Preference> = (0..3)
        .map(|seed| {
            let all = texts(seed, &[5, 3, 4 + seed as usize]);
            let after = |rest: &Vec<u32>| [all[0].clone(), rest.clone()].concat();
            Preference::pair(after(&all[1]), after(&all[2])).expect("a pair")
        })
        .collect();
    let [a, b, c] = <[Vec<u32>; 3]>::try_from(texts(9, &[6, 4, 7])).expect("three texts");
    items.push(Preference::pair(vec![1, 2], vec![3]).expect("a pair"));
    items.push(Preference::label(a, true).expect("a label"));
    items.push(Preference::label(b, false).expect("a label"));
    items.push(Preference::label(c, true).expect("a label"));
    items
}

fn loss(model: &Decoder, items: &[&Preference], recompute: Recompute) -> (f64, Vec<f64>) {
    let loss = reward_loss(model, items, items.len(), recompute);
    let loss = pollster::block_on(loss).expect("a loss");
    let flat = |g: &Tensor<1>| g.to_data().convert::<f64>().try_to_vec::<f64>().unwrap();
    (loss.loss, loss.grads.iter().flat_map(flat).collect())
}

/// The model with the trained weights moved by `step` along `direction`.
fn moved(model: &Decoder, direction: &[f64], step: f64) -> Decoder {
    let mut start = 0;
    model.clone().map_params(|_, weight| {
        let device = weight.device();
        let mut values: Vec<f32> = weight.into_data().try_into_vec().unwrap();
        for (value, along) in values.iter_mut().zip(&direction[start..]) {
            *value += (step * along) as f32;
        }
        start += values.len();
        Tensor::from_data(values.as_slice(), &device)
    })
}

#[test]
fn the_gradient_is_that_of_finite_differences_with_and_without_adapters() {
    let lora = LoraConfig { rank: 3, alpha: 6.0, targets: Projection::ALL.to_vec() };
    let adapted = model().with_lora(&lora, 5);
    // New adapters have a half that is zero, and with it a half of the gradient.
    let mut stream = Stream::new(8, 8);
    let noise: Vec<f64> = (0..adapted.trained_count()).map(|_| stream.uniform() - 0.5).collect();
    let adapted = moved(&adapted, &noise, 0.2);
    let owned = items();
    let items: Vec<&Preference> = owned.iter().collect();
    for (what, model) in [("whole", model()), ("adapted", adapted)] {
        assert_eq!(model.param_list().names.last().map(String::as_str), Some("score"), "{what}");
        let (_, grad) = loss(&model, &items, Recompute::None);
        assert_eq!(grad.len(), model.trained_count(), "{what}");
        let head = &grad[grad.len() - 32..];
        assert!(head.iter().all(|g| g.abs() > 1e-6), "{what}: the head learns");
        // Along the gradient the loss changes by its square; along others by the product.
        let norm = grad.iter().map(|g| g * g).sum::<f64>().sqrt();
        let mut stream = Stream::new(1, 7);
        for along_gradient in [true, false, false] {
            let direction: Vec<f64> = match along_gradient {
                true => grad.iter().map(|g| g / norm).collect(),
                // In the gradient's own scale, so that f32 shows it.
                false => grad.iter().map(|g| g / norm * 2.0 * stream.uniform()).collect(),
            };
            let step = 2e-3;
            let at = |step| loss(&moved(&model, &direction, step), &items, Recompute::None).0;
            let slope = (at(step) - at(-step)) / (2.0 * step);
            let expected: f64 = grad.iter().zip(&direction).map(|(g, d)| g * d).sum();
            let off = (slope - expected).abs() / expected.abs();
            assert!(off < 0.01, "{what}: {slope} for {expected}");
        }
        let (_, again) = loss(&model, &items, Recompute::Layer);
        let worst = grad.iter().zip(&again).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < SAME, "{what}: computed again, {worst}");
    }
}

#[test]
fn parts_of_a_step_add_up_and_shared_beginnings_change_no_number() {
    let model = model();
    let owned = items();
    let all: Vec<&Preference> = owned.iter().collect();
    let (whole, grad) = loss(&model, &all, Recompute::None);
    let (mut sum, mut grads) = (0.0, vec![0.0; grad.len()]);
    for item in &all {
        let (part, own) = loss(&model, &[item], Recompute::None);
        sum += part / all.len() as f64;
        grads.iter_mut().zip(own).for_each(|(s, g)| *s += g / all.len() as f64);
    }
    assert!((whole - sum).abs() < SAME, "{whole} {sum}");
    let worst = grad.iter().zip(&grads).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < SAME, "{worst}");

    let [start, a, b] = <[Vec<u32>; 3]>::try_from(texts(2, &[7, 3, 5])).expect("three texts");
    let texts = [[start.clone(), a].concat(), [start, b].concat()];
    let together = Branches::new(&texts);
    assert_eq!(together.tokens(), 7 + 3 + 5, "the beginning is run once");
    let values = |texts: &[&Branches]| {
        pollster::block_on(reward_values(&model, texts)).expect("values").concat()
    };
    let alone = texts.map(|text| Branches::new(&[text]));
    let (shared, alone) = (values(&[&together]), values(&[&alone[0], &alone[1]]));
    assert!(shared.iter().zip(&alone).all(|(a, b)| (a - b).abs() < SAME), "{shared:?} {alone:?}");
    assert!((shared[0] - shared[1]).abs() > 1e-3, "texts have values of their own");
}

#[test]
fn steps_learn_pairs_and_labels_on_every_device() {
    for device in [Some(Device::flex()), gpu()].into_iter().flatten() {
        let model = Decoder::init(&selftest::config(), 3, &device).with_score(4);
        let optimizer = AdamW::new(AdamWConfig::default(), &model.param_list(), &device);
        let mut learner = Learner::new(model, optimizer);
        let owned = items();
        let items: Vec<&Preference> = owned.iter().collect();
        let mut step = || pollster::block_on(learner.reward_step(&items, 3e-3, 3)).expect("a step");
        let first = step();
        assert_eq!(first.predicted.len(), items.len());
        let last = (0..20).map(|_| step()).last().expect("steps");
        assert!(last.loss < 0.3 * first.loss, "{} to {}", first.loss, last.loss);
        assert!(last.predicted.iter().all(|p| p.right() == 1.0), "{:?}", last.predicted);
    }
}

#[test]
fn an_adapter_keeps_the_head_for_peft_and_reads_it_again() {
    let lora = LoraConfig { rank: 2, alpha: 4.0, targets: vec![Projection::Q, Projection::Down] };
    let model = model().with_lora(&lora, 5);
    let adapter = PeftAdapter::of(&lora, "base", &model);
    let json = adapter.to_json();
    assert!(json.contains("SEQ_CLS") && json.contains("\"score\""), "{json}");
    assert_eq!(PeftAdapter::from_json(json.as_bytes()).expect("readable"), adapter);
    let mut bytes = Vec::new();
    pollster::block_on(write_adapter(&mut bytes, &model)).expect("written");
    let base = Decoder::init(&selftest::config(), 3, &Device::flex());
    let again = adapter.load(&bytes, base.clone()).expect("fits");
    let text = Branches::new(&texts(1, &[9]));
    let value = |model: &Decoder| pollster::block_on(reward_values(model, &[&text]));
    assert_eq!(value(&again).expect("a value"), value(&model).expect("a value"));
    assert!(matches!(value(&base), Err(LearnError::NoScore)));
}
