//! Whether a GPU computes what it should: one layer of the model at hand against its CPU twin.

use crate::rows::Row;
use crate::{Adapter, CpuDecoder, EngineError, GpuDecoder, GpuOptions, WeightsReader};

/// Tokens of the vocabulary that take part.
const VOCABULARY: usize = 256;
/// Tokens that are run at once, then those that are run one by one over the cache.
const PROMPT: usize = 21;
const STEPS: usize = 3;
/// Largest difference of two logits, as a share of the largest logit: sums in another order, and a
/// GPU's own exponential and sine, come to some 1e-5.
const TOLERANCE: f32 = 1e-2;

/// Runs the first layer with the head's first rows on the GPU and on the CPU, a prompt and steps over
/// the cache, and compares the logits; gives the largest difference as a share of the largest logit.
///
/// # Errors
/// [`EngineError::SelfTest`] where they differ; what reading weights and running them fail with.
pub async fn self_test(adapter: &Adapter, weights: &WeightsReader<'_>) -> Result<f32, EngineError> {
    let weights = weights.clone().beginning(1, VOCABULARY);
    let vocab = weights.config().vocab_size;
    let tokens = (PROMPT + STEPS).min(weights.config().max_position_embeddings);
    let prompt = PROMPT.min(tokens);
    let options = GpuOptions { max_rows: prompt, max_logits: prompt, cache_tokens: tokens };
    let gpu = GpuDecoder::new(adapter, &weights, options).await?;
    let mut cpu = CpuDecoder::new(&weights, tokens)?;
    let ids: Vec<u32> = (0..tokens).map(|i| (i * 37 % vocab) as u32).collect();
    let rows: Vec<Row> = (0..tokens).map(|i| Row::alone(0, i)).collect();
    let (mut worst, mut largest) = (0f32, f32::MIN_POSITIVE);
    for part in std::iter::once(0..prompt).chain((prompt..tokens).map(|i| i..i + 1)) {
        let wanted: Vec<usize> = (0..part.len()).collect();
        let (ids, rows) = (&ids[part.clone()], &rows[part]);
        let expected = cpu.logits(ids, rows, &wanted)?;
        let got = gpu.logits(ids, rows, &wanted).await?;
        for (expected, got) in expected.iter().zip(&got) {
            // A NaN is the largest difference there is.
            let difference = (expected - got).abs();
            worst = if difference.is_nan() { f32::INFINITY } else { worst.max(difference) };
            largest = largest.max(expected.abs());
        }
    }
    match worst / largest {
        share if share <= TOLERANCE => Ok(share),
        share => Err(EngineError::SelfTest { share, tolerance: TOLERANCE }),
    }
}
