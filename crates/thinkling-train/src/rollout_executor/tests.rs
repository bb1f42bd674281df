use super::*;
use crate::model_io::LoadedModel;
use crate::recipe::RolloutDevice;
use crate::stage::model_logprobs;
use burn::tensor::Device;
use std::path::Path;
use thinkling_model::Precision;
use thinkling_sampling::SamplingParams;
use thinkling_text::r1_zero_prompt;

/// Of log-probabilities: the same f32 weights by other code.
const SAME_WEIGHTS: f32 = 1e-3;
/// A draw may lie so near a boundary that another order of sums leads elsewhere.
const SAME_COMPLETIONS: f64 = 0.99;

fn base() -> LoadedModel {
    // Cargo runs tests in the package's folder.
    let path = Path::new("../../recipes/mini-world-base");
    LoadedModel::open(path, &Device::flex()).expect("the mini world's base model")
}

/// Prompts of many lengths.
fn prompts(model: &LoadedModel) -> Vec<Vec<u32>> {
    let tokenizer = model.tokenizer().expect("its tokenizer");
    let question = |i: u64| {
        let terms: Vec<String> = (0..=i % 5).map(|k| (i * 7 + k * 13).to_string()).collect();
        format!("{} = ?", terms.join(" + "))
    };
    let encode = |i| tokenizer.encode(&r1_zero_prompt(&question(i))).expect("known text");
    (0..24).map(encode).collect()
}

fn config(model: &LoadedModel) -> RolloutConfig {
    RolloutConfig {
        group_size: 8,
        sampling: SamplingParams::default(),
        max_tokens: 72,
        stop_ids: model.decoder.config().eos_token_ids.clone(),
        banned: Vec::new(),
        // Groups come and go while others run.
        max_rows: 40,
        seed: 5,
        precision: Precision::F32,
    }
}

fn engine(model: &Decoder, weights: RolloutWeights, prompts: &[Vec<u32>]) -> RolloutExecutor {
    let keys = RolloutKeys { kind: RolloutKind::Engine, weights, ..RolloutKeys::default() };
    let groups = Groups {
        prompts: prompts.len(),
        group_size: 8,
        prompt_tokens: prompts.iter().map(Vec::len).max().unwrap_or(0),
        max_tokens: 72,
        max_rows: 40,
    };
    let device = Device::flex();
    let devices = Devices::from(&device);
    let note = |text: &str| panic!("all rows fit: {text}");
    RolloutExecutor::open(&keys, devices, model.config(), groups, note).expect("an engine")
}

fn assert_alike(ours: &[Completion], theirs: &[Completion]) {
    assert_eq!(ours.len(), theirs.len());
    let alike: Vec<_> = ours.iter().zip(theirs).filter(|(a, b)| a.ids == b.ids).collect();
    let share = alike.len() as f64 / ours.len() as f64;
    assert!(share >= SAME_COMPLETIONS, "only {share} of the completions are the same");
    for (ours, theirs) in alike {
        assert_eq!((ours.prompt, ours.finish), (theirs.prompt, theirs.finish));
        for (a, b) in ours.logprobs.iter().zip(&theirs.logprobs) {
            assert!((a - b).abs() <= SAME_WEIGHTS, "log-probabilities {a} and {b}");
        }
    }
}

#[test]
fn the_engine_draws_what_the_model_draws_also_after_its_weights_changed() {
    let loaded = base();
    let (prompts, config) = (prompts(&loaded), config(&loaded));
    let first = &loaded.decoder;
    let other = Decoder::init(first.config(), 9, &Device::flex());
    let mut engine = engine(first, RolloutWeights::F32, &prompts);
    for (model, stream) in [(first, 0), (&other, 1_000), (first, 2_000)] {
        let mut ended = vec![false; prompts.len() * config.group_size];
        let wanted =
            Wanted { model, prompts: &prompts, config: &config, first_stream: stream, step: 0 };
        let ours =
            engine.complete(&wanted, |i, _| ended[i] = true, &mut |_| ()).expect("completions");
        assert!(ended.into_iter().all(|ended| ended), "each is seen as it ends");
        let theirs = RolloutExecutor::Burn.complete(&wanted, |_, _| (), &mut |_| ());
        assert_alike(&ours, &theirs.expect("completions"));
        assert!(engine.weights_s().is_some_and(|s| s > 0.0));
    }
}

#[test]
fn rounded_weights_leave_a_small_gap_and_exact_ones_none() {
    let loaded = base();
    let (prompts, config) = (prompts(&loaded), config(&loaded));
    let model = &loaded.decoder;
    // Between these the mean gap lies, in nats.
    for (weights, low, high) in [
        (RolloutWeights::F32, 0.0, 1e-4),
        (RolloutWeights::F16, 1e-6, 2e-3),
        (RolloutWeights::Bf16, 1e-5, 2e-2),
        (RolloutWeights::Q8_0, 1e-5, 5e-2),
    ] {
        let mut engine = engine(model, weights, &prompts);
        let wanted = Wanted { model, prompts: &prompts, config: &config, first_stream: 0, step: 0 };
        let completions = engine.complete(&wanted, |_, _| (), &mut |_| ()).expect("some");
        let own = model_logprobs(model, &prompts, completions.iter(), 1.0, 64).expect("passes");
        let pairs = completions.iter().zip(&own);
        let gaps: Vec<f32> = pairs
            .flat_map(|(c, own)| c.logprobs.iter().zip(own).map(|(a, b)| (a - b).abs()))
            .collect();
        let mean = gaps.iter().map(|&x| f64::from(x)).sum::<f64>() / gaps.len() as f64;
        assert!((low..high).contains(&mean), "{weights}: mean gap {mean}");
    }
}

#[test]
fn a_gpu_that_is_not_there_is_named() {
    let device = Device::flex();
    let keys = RolloutKeys {
        kind: RolloutKind::Engine,
        device: RolloutDevice::Gpu,
        ..RolloutKeys::default()
    };
    let groups = Groups { prompts: 1, group_size: 2, prompt_tokens: 4, max_tokens: 4, max_rows: 8 };
    let loaded = base();
    let devices = Devices::from(&device);
    let opened = RolloutExecutor::open(&keys, devices, loaded.decoder.config(), groups, |_| ());
    let error = opened.expect_err("no way to a GPU was given").to_string();
    assert!(error.contains("GPU for rollouts"), "{error}");
}
