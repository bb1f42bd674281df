//! Matrix products in half precision against those in single precision.

use crate::backprop::{configs, values};
use crate::devices::{cpu, gpu};
use burn::tensor::Device;
use thinkling_model::{
    ComputeType, Decoder, HeadGrads, LoraConfig, ModelConfig, PackedBatch, ParamGrads, Projection,
    Recompute, Sequence,
};

/// Largest share by which hidden states and gradients may differ, by their Euclidean norm: a few
/// roundings of half a unit in the last of 11 (8) bits.
const HALF: f64 = 3e-3;
const BFLOAT: f64 = 2.4e-2;

/// Hidden states and gradients, under gradients of hidden states of about `size`.
fn pass(model: &Decoder, recompute: Recompute, size: f32) -> (Vec<f32>, ParamGrads) {
    let prompt = [5u32, 9, 2, 33];
    let rests = [vec![1u32, 4, 4], vec![60, 2]];
    let mut sequences = vec![Sequence { ids: &prompt, prefix: None }];
    sequences.extend(rests.iter().map(|ids| Sequence { ids, prefix: Some(0) }));
    let batch = PackedBatch::new(model, &sequences);
    let pass = model.begin_backprop(&batch, recompute);
    let hidden = pass.hidden();
    let output = HeadGrads { hidden: (hidden.clone() * 0.3 + 0.1) * size, weight: None };
    (values(hidden.reshape([-1])), pass.finish(output))
}

/// Euclidean norm of the difference over that of `b`.
fn difference(a: &[f32], b: &[f32]) -> f64 {
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f(f64::from(a), f64::from(b)).powi(2)).sum()
    };
    (sum(&|a, b| a - b) / sum(&|_, b| b)).sqrt()
}

fn models(config: &ModelConfig, device: &Device) -> [Decoder; 2] {
    let lora = LoraConfig { rank: 4, alpha: 8.0, targets: vec![Projection::Q, Projection::Up] };
    let model = Decoder::init(config, 3, device);
    [model.clone(), model.with_lora(&lora, 1)]
}

fn stays_close(device: &Device, compute: ComputeType, tolerance: f64) {
    for model in configs().iter().flat_map(|config| models(config, device)) {
        let half = model.clone().with_compute(compute);
        assert_eq!(half.compute(), compute);
        for recompute in [Recompute::None, Recompute::Layer] {
            let (hidden, grads) = pass(&model, recompute, 1.0);
            let (rounded, half_grads) = pass(&half, recompute, 1.0);
            let share = difference(&rounded, &hidden);
            assert!(share > 1e-6, "the products are in half precision: {share}");
            assert!(share < tolerance, "hidden states: {share}");
            for ((name, a), b) in model.param_list().names.iter().zip(half_grads).zip(grads) {
                let (a, b) = (values(a), values(b));
                if b.iter().any(|&x| x != 0.0) {
                    let share = difference(&a, &b);
                    assert!(share < 4.0 * tolerance, "{name}, {recompute:?}: {share}");
                } else {
                    assert!(a.iter().all(|&x| x == 0.0), "{name} has no gradient");
                }
            }
        }
    }
}

#[test]
fn half_precision_stays_close_to_single_precision() {
    let Some(gpu) = gpu() else { return };
    for (compute, tolerance) in [(ComputeType::F16, HALF), (ComputeType::BF16, BFLOAT)] {
        if compute.is_supported(&gpu) {
            stays_close(&gpu, compute, tolerance);
        } else {
            println!("figure: the GPU has no products in {compute:?}");
        }
    }
}

#[test]
fn gradients_too_small_for_half_precision_are_scaled() {
    let Some(gpu) = gpu().filter(|gpu| ComputeType::F16.is_supported(gpu)) else { return };
    let model = Decoder::init(&configs()[0], 3, &gpu).with_compute(ComputeType::F16);
    let [(_, one), (_, small)] = [1.0, 1e-10].map(|size| pass(&model, Recompute::None, size));
    for ((name, a), b) in model.param_list().names.iter().zip(small).zip(one) {
        let share = difference(&values(a * 1e10), &values(b));
        assert!(share < 1e-3, "{name}: {share}");
    }
    let (_, none) = pass(&model, Recompute::Layer, 0.0);
    assert!(
        none.into_iter().all(|grad| values(grad).iter().all(|&x| x == 0.0)),
        "zeros stay zeros"
    );
}

#[test]
fn the_cpu_multiplies_in_single_precision_alone() {
    assert!(ComputeType::F32.is_supported(&cpu()));
    assert!(!ComputeType::F16.is_supported(&cpu()) && !ComputeType::BF16.is_supported(&cpu()));
}
