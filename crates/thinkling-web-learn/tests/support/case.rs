//! One forward pass, log-probabilities and one GRPO step of a tiny model, on whatever device; what
//! the browser must compute as the host does.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use thinkling_grpo::{BatchScale, ScaleRewards, group_advantages};
use thinkling_learn::{
    AdamW, AdamWConfig, Learner, PolicySample, PolicySettings, RlNumbers, completion_logprobs,
    policy_gradient,
};
use thinkling_model::{Decoder, PackedBatch, Recompute, Sequence};
use thinkling_weights::{Checkpoint, ModelConfig};

/// The tiny model that transformers made (`tests/golden/make_tiny_models.py`).
const CONFIG: &str = include_str!("../../../../tests/golden/llama_tied/config.json");
const WEIGHTS: &[u8] = include_bytes!("../../../../tests/golden/llama_tied/model.safetensors");

/// Large enough that one step moves log-probabilities far beyond the tolerance.
const LR: f64 = 3e-3;
const GROUP: usize = 4;
/// Of a list of gradients or logits one value in so many is kept.
const STRIDE: usize = 23;

/// What a device computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Every 23rd logit of the first prompt.
    pub(crate) logits: Vec<f64>,
    /// Log-probabilities of all completions' tokens, nats.
    pub(crate) logprobs: Vec<f64>,
    pub(crate) loss: f64,
    pub(crate) grad_norm: f64,
    pub(crate) kl: f64,
    pub(crate) entropy: f64,
    /// Every 23rd value of the gradient.
    pub(crate) gradient: Vec<f64>,
    /// Log-probabilities after the step.
    pub(crate) logprobs_after: Vec<f64>,
}

/// Ids that repeat no pattern of the model's.
fn ids(count: usize, salt: usize) -> Vec<u32> {
    (0..count).map(|i| ((i * 17 + salt * 29 + i * i * salt) % 62 + 2) as u32).collect()
}

async fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let data = tensor.into_data_async().await.expect("a device that works");
    data.iter::<f64>().collect()
}

async fn logprobs(model: &Decoder, prompts: &[Vec<u32>], texts: &[Vec<u32>]) -> Vec<Vec<f64>> {
    let completions: Vec<(usize, &[u32])> =
        texts.iter().enumerate().map(|(i, ids)| (i / GROUP, ids.as_slice())).collect();
    completion_logprobs(model, prompts, &completions, 1.0, 16).await.expect("log-probabilities")
}

/// Computes everything on `device`.
pub(crate) async fn outcome(device: &Device) -> Outcome {
    let config = ModelConfig::from_json(CONFIG).expect("a config");
    let checkpoint = Checkpoint::from_safetensors_files(config, [WEIGHTS.to_vec()]);
    let model = Decoder::load(&checkpoint.expect("weights"), device).expect("a model");
    let prompts = vec![ids(7, 1), ids(4, 2)];
    let texts: Vec<Vec<u32>> = (0..2 * GROUP).map(|i| ids(3 + 2 * i % 9, 3 + i)).collect();
    let batch = PackedBatch::new(&model, &[Sequence { ids: &prompts[0], prefix: None }]);
    let logits = read(model.logits(model.forward(&batch))).await;
    let before = logprobs(&model, &prompts, &texts).await;

    // The policy that sampled and the reference are near, not equal: ratios and divergence count.
    let near = |shift: f64| -> Vec<Vec<f32>> {
        let moved = |(t, x): (usize, &f64)| (x + shift * ((t % 3) as f64 - 1.0)) as f32;
        before.iter().map(|row| row.iter().enumerate().map(moved).collect()).collect()
    };
    let (old, reference) = (near(0.05), near(-0.2));
    let rewards = [2.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 2.0];
    let advantages = group_advantages(&rewards, GROUP, ScaleRewards::Group).expect("whole groups");
    let samples: Vec<PolicySample<'_>> = (0..texts.len())
        .map(|i| PolicySample {
            prompt: i / GROUP,
            ids: &texts[i],
            old_logprobs: Some(&old[i]),
            sampler_logprobs: None,
            ref_logprobs: Some(&reference[i]),
            advantage: advantages.advantages[i],
            trained: true,
        })
        .collect();
    let numbers = RlNumbers::r1_zero();
    let settings =
        PolicySettings { objective: &numbers.objective, temperature: 1.0, chunk_tokens: 16 };
    let (scale, recompute) = (BatchScale::default(), Recompute::None);
    let gradient = policy_gradient(&model, &prompts, &samples, settings, scale, recompute).await;
    let mut flat = Vec::new();
    for grad in gradient.expect("a gradient").grads {
        flat.extend(read(grad).await);
    }
    let optimizer = AdamW::new(AdamWConfig::default(), &model.param_list(), device);
    let mut learner = Learner::new(model, optimizer);
    let step = learner.policy_step(&prompts, &samples, settings, LR, texts.len()).await;
    let step = step.expect("a step");
    Outcome {
        logits: logits.into_iter().step_by(STRIDE).collect(),
        logprobs: before.concat(),
        loss: step.loss,
        grad_norm: step.grad_norm,
        kl: step.kl.expect("a divergence"),
        entropy: step.entropy,
        gradient: flat.into_iter().step_by(STRIDE).collect(),
        logprobs_after: logprobs(learner.model(), &prompts, &texts).await.concat(),
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, x| most.max(x.abs()))
}

fn apart(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let differences = got.iter().zip(want).map(|(g, w)| (g - w).abs());
    differences.fold(0.0, |most, d| if d > most || d.is_nan() { d } else { most })
}

impl Outcome {
    /// Largest difference from `want`: of the gradient in units of its largest value, of the rest
    /// as it is.
    pub(crate) fn difference(&self, want: &Self) -> f64 {
        let scale = largest(&want.gradient);
        assert!(scale > 1e-3, "the gradient should not vanish");
        let moved = apart(&want.logprobs, &want.logprobs_after);
        assert!(moved > 0.05, "the step should move log-probabilities, got: {moved}");
        let scalars = |o: &Self| [o.loss, o.grad_norm, o.kl, o.entropy];
        let all = [
            apart(&self.logits, &want.logits),
            apart(&self.logprobs, &want.logprobs),
            apart(&scalars(self), &scalars(want)),
            apart(&self.gradient, &want.gradient) / scale,
            apart(&self.logprobs_after, &want.logprobs_after),
        ];
        apart(&all, &[0.0; 5])
    }
}
