use crate::support::{Batch, batch, gpu, learner, weak_gpu};
use burn::tensor::{Device, Tensor};
use thinkling_grpo::{BatchScale, CorrectionKind, ImportanceCorrection, LossType, ObjectiveConfig};
use thinkling_learn::{
    AdamW, AdamWConfig, Learner, PolicySample, PolicySettings, PolicyStep, completion_logprobs,
    language_model_loss, policy_gradient,
};
use thinkling_model::{
    ComputeType, Decoder, PackedBatch, ParamGrads, Recompute, Sequence, selftest,
};

/// Gradients of a two-layer model in f32, computed along two ways.
const SAME_GRADIENT: f32 = 2e-5;
/// Between the CPU and a GPU, for losses and gradients.
const SAME_ON_GPU: f64 = 1e-3;

fn samples<'a>(batch: &'a Batch, with_reference: bool) -> Vec<PolicySample<'a>> {
    (0..batch.ids.len())
        .map(|i| PolicySample {
            prompt: i / 4,
            ids: &batch.ids[i],
            old_logprobs: Some(&batch.old[i]),
            sampler_logprobs: None,
            ref_logprobs: with_reference.then_some(batch.reference[i].as_slice()),
            advantage: batch.advantages[i],
            trained: true,
        })
        .collect()
}

fn settings(objective: &ObjectiveConfig, chunk_tokens: usize) -> PolicySettings<'_> {
    PolicySettings { objective, temperature: 0.8, chunk_tokens }
}

fn flat(grads: &ParamGrads) -> Vec<f32> {
    grads.iter().flat_map(|g| g.to_data().try_to_vec::<f32>().unwrap()).collect()
}

fn assert_close(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(0f32, |m, x| m.max(x.abs()));
    let worst = a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0f32, f32::max);
    assert!(scale > 1e-4, "{what}: the gradient should not vanish");
    assert!(worst <= SAME_GRADIENT * (1.0 + scale), "{what}: {worst} at scale {scale}");
}

/// Log-probabilities and entropies of one completion by plain tensor code over the whole sequence.
fn plain_logprobs(
    model: &Decoder,
    prompt: &[u32],
    ids: &[u32],
    temperature: f64,
) -> (Tensor<1>, Tensor<1>) {
    let whole = [prompt, ids].concat();
    let sequence = [Sequence { ids: &whole, prefix: None }];
    let hidden = model.forward(&PackedBatch::new(model, &sequence));
    let logits = model.logits(hidden).div_scalar(temperature);
    let logprobs = burn::tensor::activation::log_softmax(logits, 1);
    let rows: Vec<Tensor<1>> = ids
        .iter()
        .enumerate()
        .map(|(t, &id)| {
            let (row, id) = (prompt.len() + t - 1, id as usize);
            logprobs.clone().slice([row..row + 1, id..id + 1]).reshape([1])
        })
        .collect();
    let entropies = -(logprobs.clone().exp() * logprobs).sum_dim(1);
    let first = prompt.len() - 1;
    let entropies = entropies.slice([first..first + ids.len(), 0..1]).reshape([ids.len()]);
    (Tensor::cat(rows, 0), entropies)
}

#[test]
fn the_policy_gradient_is_that_of_plain_autodiff_over_whole_sequences() {
    for kind in [CorrectionKind::None, CorrectionKind::Truncate] {
        for entropy_coef in [0.0, 0.2] {
            the_policy_gradient_is_that_of_plain_autodiff(kind, entropy_coef);
        }
    }
}

fn the_policy_gradient_is_that_of_plain_autodiff(kind: CorrectionKind, entropy_coef: f64) {
    let (batch, learner) = (batch(), learner(&Device::flex()));
    let importance_correction = ImportanceCorrection { kind, cap: 1.1 };
    let objective = ObjectiveConfig {
        clip_eps_high: 0.28,
        kl_coef: 0.05,
        entropy_coef,
        importance_correction,
        ..ObjectiveConfig::default()
    };
    // The reference's stand for the sampler's too.
    let mut samples = samples(&batch, true);
    samples.iter_mut().for_each(|sample| sample.sampler_logprobs = sample.ref_logprobs);
    // The formulas of the report (equations 1 and 2) with the mean over tokens, then completions.
    let tracked = learner.model().tracked();
    let device = Device::flex();
    let mut loss = Tensor::<1>::zeros([1], &device).autodiff();
    for (i, ids) in batch.ids.iter().enumerate() {
        let (new, entropies) = plain_logprobs(&tracked, &batch.prompts[i / 4], ids, 0.8);
        let constant = |x: &[f32]| Tensor::<1>::from_floats(x, &device).autodiff();
        let ratio = (new.clone() - constant(&batch.old[i])).exp();
        let a = batch.advantages[i];
        let clipped = ratio.clone().clamp(0.8, 1.28).mul_scalar(a);
        let gain = ratio.mul_scalar(a).min_pair(clipped);
        let d = constant(&batch.reference[i]) - new;
        let kl = d.clone().exp() - d - 1.0;
        let weight = match kind {
            CorrectionKind::None => constant(&vec![1.0; ids.len()]),
            _ => {
                let pairs = batch.old[i].iter().zip(&batch.reference[i]);
                let weights: Vec<f32> = pairs.map(|(old, s)| (old - s).exp().min(1.1)).collect();
                constant(&weights)
            }
        };
        let bonus = entropies.mul_scalar(entropy_coef);
        loss = loss + (weight * (kl.mul_scalar(0.05) - gain - bonus)).mean().div_scalar(8.0);
    }
    let value: f32 = loss.clone().inner().into_scalar();
    let mut grads = loss.backward();
    let want = tracked.take_grads(&mut grads);
    for recompute in [Recompute::None, Recompute::Layer] {
        let got = pollster::block_on(policy_gradient(
            learner.model(),
            &batch.prompts,
            &samples,
            settings(&objective, 7),
            BatchScale::default(),
            recompute,
        ))
        .unwrap();
        assert!((got.loss - f64::from(value)).abs() < 1e-5, "{} {value}", got.loss);
        assert_close(&flat(&got.grads), &flat(&want), "policy gradient");
    }
}

#[test]
fn the_language_model_gradient_is_that_of_plain_autodiff() {
    let (batch, learner) = (batch(), learner(&Device::flex()));
    let documents: Vec<&[u32]> =
        batch.ids.iter().map(Vec::as_slice).filter(|d| d.len() > 1).collect();
    let targets: usize = documents.iter().map(|d| d.len() - 1).sum();
    let got = pollster::block_on(language_model_loss(
        learner.model(),
        &documents,
        targets,
        5,
        Recompute::None,
    ))
    .unwrap();
    let tracked = learner.model().tracked();
    let mut loss = Tensor::<1>::zeros([1], &Device::flex()).autodiff();
    for ids in &documents {
        loss = loss - plain_logprobs(&tracked, &ids[..1], &ids[1..], 1.0).0.sum();
    }
    let loss = loss.div_scalar(targets as f64);
    let value: f32 = loss.clone().inner().into_scalar();
    let mut grads = loss.backward();
    let want = tracked.take_grads(&mut grads);
    assert!((got.loss - f64::from(value)).abs() < 1e-5);
    assert_close(&flat(&got.grads), &flat(&want), "language-model gradient");
}

#[test]
fn completion_logprobs_are_those_of_whole_sequences() {
    let (batch, learner) = (batch(), learner(&Device::flex()));
    let completions: Vec<(usize, &[u32])> =
        batch.ids.iter().enumerate().map(|(i, ids)| (i / 4, ids.as_slice())).collect();
    let got = pollster::block_on(completion_logprobs(
        learner.model(),
        &batch.prompts,
        &completions,
        0.8,
        3,
    ))
    .unwrap();
    for (i, ids) in batch.ids.iter().enumerate() {
        let (want, _) = plain_logprobs(learner.model(), &batch.prompts[i / 4], ids, 0.8);
        for (g, w) in got[i].iter().zip(want.into_data().iter::<f32>()) {
            assert!((g - f64::from(w)).abs() < 1e-5);
        }
    }
}

fn step(learner: &mut Learner, batch: &Batch, loss: LossType, micro: usize) -> PolicyStep {
    step_with(learner, batch, ObjectiveConfig { loss, ..ObjectiveConfig::default() }, micro)
}

fn step_with(
    learner: &mut Learner,
    batch: &Batch,
    objective: ObjectiveConfig,
    micro: usize,
) -> PolicyStep {
    let objective = ObjectiveConfig { max_completion_length: Some(12), ..objective };
    pollster::block_on(learner.policy_step(
        &batch.prompts,
        &samples(batch, false),
        settings(&objective, 16),
        1e-2,
        micro,
    ))
    .unwrap()
}

fn weights(model: &Decoder) -> Vec<f32> {
    flat(&model.flat_params())
}

#[test]
fn micro_batches_make_the_same_step_as_the_whole() {
    for loss in [LossType::Grpo, LossType::DrGrpo, LossType::Dapo] {
        let batch = batch();
        let (mut whole, mut split) = (learner(&Device::flex()), learner(&Device::flex()));
        let a = step(&mut whole, &batch, loss, 64);
        let b = step(&mut split, &batch, loss, 3);
        assert!((a.loss - b.loss).abs() < 1e-6, "{loss:?}: {} {}", a.loss, b.loss);
        assert!((a.grad_norm - b.grad_norm).abs() < 1e-5 * a.grad_norm, "{loss:?}");
        // Six completions have an advantage; the two without are not run.
        assert_eq!((a.logprobs.len(), b.logprobs.len()), (6, 6));
        let moved = weights(whole.model())
            .iter()
            .zip(weights(learner(&Device::flex()).model()))
            .any(|(x, y)| (x - y).abs() > 1e-3);
        assert!(moved, "a step at this rate moves weights");
    }
}

/// Without advantages nothing but the bonus moves the policy: its entropy rises, also that of
/// completions that would be left out without it, alike in micro-batches and in one.
#[test]
fn an_entropy_bonus_trains_completions_without_an_advantage_too() {
    for loss in [LossType::Grpo, LossType::DrGrpo, LossType::Dapo] {
        let batch = Batch { advantages: vec![0.0; 8], ..batch() };
        let run = |entropy_coef: f64, micro: usize| {
            let mut learner = learner(&Device::flex());
            let objective = ObjectiveConfig { loss, entropy_coef, ..ObjectiveConfig::default() };
            let steps: Vec<PolicyStep> =
                (0..4).map(|_| step_with(&mut learner, &batch, objective.clone(), micro)).collect();
            (steps, weights(learner.model()))
        };
        let (steps, moved) = run(0.1, 64);
        assert!(steps.iter().all(|step| step.logprobs.len() == 8), "{loss:?}");
        assert!(steps[3].entropy > steps[0].entropy + 1e-3, "{loss:?}: {steps:?}");
        let (split, split_moved) = run(0.1, 3);
        assert!((steps[0].loss - split[0].loss).abs() < 1e-6, "{loss:?}");
        let worst = moved.iter().zip(&split_moved).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "{loss:?}: weights differ by {worst}");
        let (idle, unmoved) = run(0.0, 64);
        assert!(idle.iter().all(|step| step.logprobs.is_empty()), "{loss:?}");
        assert_eq!(unmoved, weights(learner(&Device::flex()).model()), "{loss:?}");
    }
}

/// A rollout of two minibatches, used twice: each step's ratios are those of the policy as it is to
/// the one that sampled, the first step's alone are 1.
#[test]
fn later_minibatches_and_epochs_take_their_ratios_to_the_policy_that_sampled() {
    let batch = batch();
    let mut learner = learner(&Device::flex());
    let rows: Vec<(usize, &[u32])> =
        batch.ids.iter().enumerate().map(|(i, ids)| (i / 4, ids.as_slice())).collect();
    let now = |learner: &Learner| -> Vec<Vec<f64>> {
        let model = learner.model();
        pollster::block_on(completion_logprobs(model, &batch.prompts, &rows, 0.8, 16)).unwrap()
    };
    let narrow = |rows: Vec<Vec<f64>>| -> Vec<Vec<f32>> {
        rows.into_iter().map(|row| row.into_iter().map(|x| x as f32).collect()).collect()
    };
    let sampled = narrow(now(&learner));
    let objective = ObjectiveConfig { kl_coef: 0.01, ..ObjectiveConfig::default() };
    let all: Vec<PolicySample<'_>> = samples(&batch, true)
        .into_iter()
        .zip(&sampled)
        .map(|(sample, old)| PolicySample { old_logprobs: Some(old), ..sample })
        .collect();
    let mut largest = Vec::new();
    for minibatch in [0..4, 4..8, 0..4, 4..8] {
        let policy = now(&learner);
        let (mut ratio_max, mut low, mut high, mut tokens) = (0.0, 0.0, 0.0, 0.0);
        for i in minibatch.clone() {
            for (new, old) in policy[i].iter().zip(&sampled[i]) {
                let (ratio, a) = ((new - f64::from(*old)).exp(), batch.advantages[i]);
                ratio_max = f64::max(ratio_max, ratio);
                low += f64::from(u8::from(a < 0.0 && ratio < 0.8));
                high += f64::from(u8::from(a > 0.0 && ratio > 1.2));
                tokens += 1.0;
            }
        }
        let step = pollster::block_on(learner.policy_step(
            &batch.prompts,
            &all[minibatch],
            settings(&objective, 16),
            1e-2,
            64,
        ))
        .unwrap();
        assert!((step.ratio_max - ratio_max).abs() < 1e-4 * ratio_max, "{ratio_max} {step:?}");
        assert!((step.clip_fraction_low - low / tokens).abs() < 1e-6, "{low} {step:?}");
        assert!((step.clip_fraction_high - high / tokens).abs() < 1e-6, "{high} {step:?}");
        largest.push(step.ratio_max);
    }
    assert!((largest[0] - 1.0).abs() < 1e-5, "{largest:?}");
    assert!(largest[1..].iter().all(|ratio| *ratio > 1.05), "{largest:?}");
}

#[test]
fn steps_are_the_same_bit_for_bit_when_repeated() {
    let batch = batch();
    let run = || {
        let mut learner = learner(&Device::flex());
        let losses: Vec<u64> =
            (0..3).map(|_| step(&mut learner, &batch, LossType::Grpo, 3).loss.to_bits()).collect();
        (losses, weights(learner.model()).iter().map(|x| x.to_bits()).collect::<Vec<_>>())
    };
    assert_eq!(run(), run());
}

#[test]
fn three_steps_on_the_gpu_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    three_steps_are_those_of_the_cpu(&gpu);
}

#[test]
fn three_steps_within_the_limits_of_webgpu_are_those_of_the_cpu() {
    let Some(gpu) = weak_gpu() else { return };
    three_steps_are_those_of_the_cpu(&gpu);
}

fn three_steps_are_those_of_the_cpu(gpu: &Device) {
    let batch = batch();
    let (mut a, mut b) = (learner(&Device::flex()), learner(gpu));
    let objective =
        ObjectiveConfig { kl_coef: 0.05, entropy_coef: 0.2, ..ObjectiveConfig::default() };
    for _ in 0..3 {
        let gradient = |learner: &Learner| {
            pollster::block_on(policy_gradient(
                learner.model(),
                &batch.prompts,
                &samples(&batch, true),
                settings(&objective, 16),
                BatchScale::default(),
                Recompute::None,
            ))
            .unwrap()
        };
        let (on_cpu, on_gpu) = (gradient(&a), gradient(&b));
        assert!((on_cpu.loss - on_gpu.loss).abs() < SAME_ON_GPU);
        let (x, y) = (flat(&on_cpu.grads), flat(&on_gpu.grads));
        let worst = x.iter().zip(&y).map(|(x, y)| f64::from((x - y).abs())).fold(0.0, f64::max);
        assert!(worst < SAME_ON_GPU, "gradients differ by {worst}");
        let losses = [&mut a, &mut b].map(|learner| step(learner, &batch, LossType::Grpo, 64).loss);
        assert!((losses[0] - losses[1]).abs() < SAME_ON_GPU, "{losses:?}");
    }
}

#[test]
fn half_precision_learns_what_single_precision_does_on_the_gpu() {
    let Some(gpu) = gpu().filter(|gpu| ComputeType::F16.is_supported(gpu)) else { return };
    let documents: Vec<Vec<u32>> = batch().ids.into_iter().filter(|ids| ids.len() > 2).collect();
    let losses = [ComputeType::F32, ComputeType::F16].map(|compute| {
        let model = Decoder::init(&selftest::config(), 3, &gpu).with_compute(compute);
        let optimizer = AdamW::new(AdamWConfig::default(), &model.param_list(), &gpu);
        let mut learner = Learner::new(model, optimizer);
        let mut step = |_| {
            let step = learner.language_model_step(&documents, 1e-2, usize::MAX, 64);
            pollster::block_on(step).unwrap().0
        };
        (0..12).map(&mut step).collect::<Vec<f64>>()
    });
    let [single, half] = &losses;
    assert!(single[11] < 0.5 * single[0], "it learns: {single:?}");
    for (a, b) in single.iter().zip(half) {
        assert!((a - b).abs() < 0.01 * single[0], "{losses:?}");
    }
    assert_ne!(single[0], half[0], "the products are in half precision");
}
