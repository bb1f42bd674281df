//! Whether a device computes what it should: cached against full forward, a ragged batch against
//! each sequence alone, a device against the CPU.
//!
//! Faults of GPU stacks are often silent (burn#5257: wrong cached forwards with fusion and
//! autotune), so programs run this before they trust a device.

use crate::generate::{Logits, read_logits};
use crate::steps::{Prefill, Steps};
use crate::{Decoder, ModelConfig, ModelError, PackedBatch, Sequence};
use burn::tensor::Device;
use thinkling_cpu::matmul::Precision;
use thinkling_weights::Architecture;

/// Largest difference of logits that passes: f32 rounding over two small layers stays near 1e-6.
pub const TOLERANCE: f64 = 1e-4;

/// Largest absolute differences between logits that should be equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SelfTest {
    /// With the key-value cache against the whole sequence at once.
    pub cached_vs_full: f64,
    /// In a ragged batch with shared prompts against alone.
    pub batch_vs_alone: f64,
    /// On the device against the reference device, where one was given.
    pub device_vs_reference: Option<f64>,
}

impl SelfTest {
    /// The largest of the differences, NaN where one is.
    pub fn worst(&self) -> f64 {
        [self.cached_vs_full, self.batch_vs_alone, self.device_vs_reference.unwrap_or(0.0)]
            .into_iter()
            .fold(0.0, |worst, d| if d > worst || d.is_nan() { d } else { worst })
    }

    /// Whether every difference is within [`TOLERANCE`] (NaN is not).
    pub fn passed(&self) -> bool {
        self.worst() <= TOLERANCE
    }
}

/// A two-layer Qwen3 with grouped queries, biases off, q/k norms on: every operation there is.
pub fn config() -> ModelConfig {
    ModelConfig {
        architecture: Architecture::Qwen3,
        vocab_size: 61,
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 16,
        rms_norm_eps: 1e-6,
        rope_theta: 10_000.0,
        rope_scaling: None,
        rope_freq_factors: None,
        max_position_embeddings: 64,
        tie_word_embeddings: true,
        attention_bias: false,
        bos_token_id: None,
        eos_token_ids: vec![0],
        pad_token_id: None,
        initializer_range: 0.3,
        score: false,
    }
}

/// Runs the test on `device`, comparing with `reference` where given.
///
/// # Errors
/// A device that fails or gives NaN.
pub async fn run(device: &Device, reference: Option<&Device>) -> Result<SelfTest, ModelError> {
    let model = Decoder::init(&config(), 17, device);
    let prompts = [ids(7, 1), ids(3, 2), ids(11, 3)];
    let rests = [ids(5, 4), ids(5, 5), ids(5, 6)];
    let full = full_logits(&model, &prompts, &rests).await?;
    let cached = cached_logits(&model, &prompts, &rests).await?;
    let batch = batch_logits(&model, &prompts, &rests).await?;
    let device_vs_reference = match reference {
        Some(reference) => {
            let model = Decoder::init(&config(), 17, reference);
            let expected = full_logits(&model, &prompts, &rests).await?;
            Some(largest_difference(&full, &expected))
        }
        None => None,
    };
    Ok(SelfTest {
        cached_vs_full: largest_difference(&cached, &full),
        batch_vs_alone: largest_difference(&batch, &full),
        device_vs_reference,
    })
}

fn ids(len: u32, salt: u32) -> Vec<u32> {
    (0..len).map(|i| (i * 17 + salt * 29 + i * i * salt) % 61).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "the self-test compares as many logits on both sides");
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from((a - b).abs()))
        .fold(0.0, |m, d| if d > m || d.is_nan() { d } else { m })
}

/// Logits at each token of `rests`, every sequence alone and whole.
async fn full_logits(
    model: &Decoder,
    prompts: &[Vec<u32>],
    rests: &[Vec<u32>],
) -> Result<Vec<f32>, ModelError> {
    let mut out = Vec::new();
    for (prompt, rest) in prompts.iter().zip(rests) {
        let whole = [prompt.as_slice(), rest].concat();
        let sequence = [Sequence { ids: &whole, prefix: None }];
        let batch = PackedBatch::new(model, &sequence);
        let logits = read_logits(model, model.forward(&batch)).await?;
        (prompt.len()..whole.len()).for_each(|t| out.extend_from_slice(logits.row(t)));
    }
    Ok(out)
}

/// The same through a ragged prefill and one cached step a token.
async fn cached_logits(
    model: &Decoder,
    prompts: &[Vec<u32>],
    rests: &[Vec<u32>],
) -> Result<Vec<f32>, ModelError> {
    let sequences: Vec<Sequence<'_>> =
        prompts.iter().map(|ids| Sequence { ids, prefix: None }).collect();
    let batch = PackedBatch::new(model, &sequences);
    let mut layers = Vec::new();
    model.forward_with(&batch, |qkv| layers.push(qkv.clone()));
    let lens: Vec<usize> = prompts.iter().map(Vec::len).collect();
    let rows: Vec<usize> = (0..prompts.len()).collect();
    // Room for two tokens only, so that the cache has to grow on the way.
    let mut steps = Steps::new(model, model.config().max_position_embeddings, Precision::F32);
    let prefill = Prefill { batch: &batch, layers, lens: &lens };
    steps.add_rows(model, prefill, &rows, 2);
    let mut logits = Logits::default();
    let mut out = vec![Vec::new(); prompts.len()];
    for t in 0..rests[0].len() {
        let ids: Vec<u32> = rests.iter().map(|r| r[t]).collect();
        steps.step(model, &ids, &mut logits).await?;
        out.iter_mut().enumerate().for_each(|(r, out)| out.extend_from_slice(logits.row(r)));
    }
    Ok(out.concat())
}

/// The same in one forward pass with each prompt shared by its rest and a second, other rest.
async fn batch_logits(
    model: &Decoder,
    prompts: &[Vec<u32>],
    rests: &[Vec<u32>],
) -> Result<Vec<f32>, ModelError> {
    let others: Vec<Vec<u32>> = (0..prompts.len() as u32).map(|i| ids(2 + 3 * i, 7 + i)).collect();
    let mut sequences: Vec<Sequence<'_>> =
        prompts.iter().map(|ids| Sequence { ids, prefix: None }).collect();
    for (i, (rest, other)) in rests.iter().zip(&others).enumerate() {
        sequences.push(Sequence { ids: other, prefix: Some(i) });
        sequences.push(Sequence { ids: rest, prefix: Some(i) });
    }
    let batch = PackedBatch::new(model, &sequences);
    let logits = read_logits(model, model.forward(&batch)).await?;
    let mut out = Vec::new();
    for (i, rest) in rests.iter().enumerate() {
        let start = batch.start(prompts.len() + 2 * i + 1);
        (start..start + rest.len()).for_each(|t| out.extend_from_slice(logits.row(t)));
    }
    Ok(out)
}
