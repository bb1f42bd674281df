//! The decoder on a GPU: one submit a forward pass, pipelines and bind groups made once.

mod adapter;
mod build;
mod kernels;
mod matrix;
mod plan;
mod reward_counts;
mod shaders;
mod update;
// They block, which a page must not; `tests/web.rs` runs there.
#[cfg(all(test, not(target_family = "wasm")))]
mod tests;

use crate::EngineError;
use crate::rows::{Limits, Row};
use crate::shape::{PART, Shape};
use crate::weights::WeightsReader;
use plan::Plan;
use serde::Serialize;
use thinkling_sampling::SamplingParams;
use update::GpuWeights;

pub use adapter::Adapter;
pub use reward_counts::RewardMeter;
pub(crate) use update::Staging;

/// Rows from which on products go through `matmul.wgsl`.
const MATMUL_ROWS: usize = 8;

/// Sizes that a decoder is made for.
#[derive(Clone, Copy, Debug)]
pub struct GpuOptions {
    /// Rows of a forward pass at most.
    pub max_rows: usize,
    /// Rows whose logits are computed in a pass at most.
    pub max_logits: usize,
    /// Tokens whose keys and values are kept.
    pub cache_tokens: usize,
}

/// What a decoder uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Bytes of weights on the GPU.
    pub weight_bytes: u64,
    /// Bytes of all buffers: the most that it comes to, for none is made later.
    pub gpu_bytes: u64,
    /// Dispatches of a pass that draws a token for one row.
    pub dispatches: usize,
    /// Those of a layer.
    pub dispatches_a_layer: usize,
    /// Bytes of weights that such a pass reads; keys and values come on top.
    pub weight_bytes_a_token: u64,
}

/// A decoder whose weights, cache and activations lie on a GPU.
#[derive(Debug)]
pub struct GpuDecoder {
    adapter: Adapter,
    shape: Shape,
    limits: Limits,
    buffers: Buffers,
    /// For few rows and for many.
    plans: [Plan; 2],
    /// From normed rows to logits, for few and for many rows.
    heads: [Plan; 2],
    /// Draws tokens.
    sample: Plan,
    usage: Usage,
    weights: GpuWeights,
}

#[derive(Debug)]
struct Buffers {
    rows: wgpu::Buffer,
    ids: wgpu::Buffer,
    /// Rows of the pass, in the first of four words, as in the next two.
    counts: wgpu::Buffer,
    /// Most parts of a row.
    attention_counts: wgpu::Buffer,
    /// Rows whose logits are wanted.
    head_counts: wgpu::Buffer,
    residual: wgpu::Buffer,
    /// Rows whose logits are wanted.
    head_input: wgpu::Buffer,
    head_normed: wgpu::Buffer,
    logits: wgpu::Buffer,
    draws: wgpu::Buffer,
    sampled: wgpu::Buffer,
    logprobs: wgpu::Buffer,
    sampling: wgpu::Buffer,
    read: wgpu::Buffer,
}

impl GpuDecoder {
    /// Uploads a model layer by layer and plans its passes.
    ///
    /// # Errors
    /// Weights that cannot be read, a device without memory for them or the cache.
    pub async fn new(
        adapter: &Adapter,
        weights: &WeightsReader<'_>,
        options: GpuOptions,
    ) -> Result<Self, EngineError> {
        let scope = adapter.device().push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let made = build::decoder(adapter, weights, options);
        let failed = scope.pop().await;
        let decoder = made?;
        match failed {
            None => Ok(decoder),
            Some(error) => Err(EngineError::Gpu(error.to_string())),
        }
    }

    /// What it uses.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Runs `ids` with what each sees, and gives the logits after the rows in `wanted`, one row of
    /// `[vocab]` after the other.
    ///
    /// # Errors
    /// A device that fails; more rows than it was made for; a row outside the cache or the positions.
    pub async fn logits(
        &self,
        ids: &[u32],
        rows: &[Row],
        wanted: &[usize],
    ) -> Result<Vec<f32>, EngineError> {
        self.limits.check(ids, rows, wanted)?;
        let queue = self.adapter.queue();
        queue.write_buffer(&self.buffers.ids, 0, bytemuck::cast_slice(ids));
        let mut encoder = self.pass(rows, wanted);
        let bytes = (wanted.len() * self.shape.vocab * 4) as u64;
        if bytes > 0 {
            encoder.copy_buffer_to_buffer(&self.buffers.logits, 0, &self.buffers.read, 0, bytes);
        }
        queue.submit([encoder.finish()]);
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let logits = self.adapter.read(&self.buffers.read, bytes).await?;
        Ok(bytemuck::pod_collect_to_vec(&logits))
    }

    /// Runs `ids` and draws a token after each of the rows in `wanted`, on the GPU: 8 bytes a row are
    /// read. `draws` are uniform in `[0, 1)`, one a wanted row. Gives ids and log-probabilities.
    ///
    /// # Errors
    /// As [`Self::logits`], and sampling parameters outside their range.
    pub async fn sample(
        &self,
        ids: &[u32],
        rows: &[Row],
        wanted: &[usize],
        params: &SamplingParams,
        draws: &[f32],
    ) -> Result<Vec<(u32, f32)>, EngineError> {
        self.limits.check(ids, rows, wanted)?;
        params.validate()?;
        if draws.len() != wanted.len() {
            let (expected, got) = (wanted.len(), draws.len());
            return Err(EngineError::Shape { what: "draws, one a wanted row", expected, got });
        }
        let SamplingParams { temperature, top_k, top_p, min_p } = *params;
        let params = [temperature as f32, top_p as f32, top_k as f32, min_p as f32];
        let queue = self.adapter.queue();
        queue.write_buffer(&self.buffers.ids, 0, bytemuck::cast_slice(ids));
        queue.write_buffer(&self.buffers.draws, 0, bytemuck::cast_slice(draws));
        queue.write_buffer(&self.buffers.sampling, 0, bytemuck::cast_slice(&params));
        let mut encoder = self.pass(rows, wanted);
        self.sample.record(&mut encoder, wanted.len(), 1);
        let bytes = 4 * wanted.len() as u64;
        encoder.copy_buffer_to_buffer(&self.buffers.sampled, 0, &self.buffers.read, 0, bytes);
        encoder.copy_buffer_to_buffer(&self.buffers.logprobs, 0, &self.buffers.read, bytes, bytes);
        queue.submit([encoder.finish()]);
        let read = self.adapter.read(&self.buffers.read, 2 * bytes).await?;
        let (ids, logprobs) = read.split_at(bytes as usize);
        let ids: Vec<u32> = bytemuck::pod_collect_to_vec(ids);
        let logprobs: Vec<f32> = bytemuck::pod_collect_to_vec(logprobs);
        Ok(ids.into_iter().zip(logprobs).collect())
    }

    /// Everything up to the logits.
    fn pass(&self, rows: &[Row], wanted: &[usize]) -> wgpu::CommandEncoder {
        let queue = self.adapter.queue();
        let buffers = &self.buffers;
        let parts = rows.iter().map(Row::tokens).max().unwrap_or(1).div_ceil(PART);
        let uniform = |buffer, x: usize| {
            queue.write_buffer(buffer, 0, bytemuck::cast_slice(&[x as u32, 0, 0, 0]));
        };
        queue.write_buffer(&buffers.rows, 0, bytemuck::cast_slice(rows));
        uniform(&buffers.counts, rows.len());
        uniform(&buffers.attention_counts, parts);
        uniform(&buffers.head_counts, wanted.len());
        let label = Some("thinkling: forward pass");
        let device = self.adapter.device();
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label });
        let many = usize::from(rows.len() >= MATMUL_ROWS);
        self.plans[many].record(&mut encoder, rows.len(), parts);
        if !wanted.is_empty() {
            let bytes = (self.shape.hidden_stride() * 4) as u64;
            for (to, from, len) in runs(wanted) {
                encoder.copy_buffer_to_buffer(
                    &buffers.residual,
                    from as u64 * bytes,
                    &buffers.head_input,
                    to as u64 * bytes,
                    len as u64 * bytes,
                );
            }
            let many = usize::from(wanted.len() >= MATMUL_ROWS);
            self.heads[many].record(&mut encoder, wanted.len(), 1);
        }
        encoder
    }
}

/// Neighbouring indices together: `(place in wanted, first index, how many)`.
fn runs(wanted: &[usize]) -> Vec<(usize, usize, usize)> {
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    for (place, &index) in wanted.iter().enumerate() {
        match runs.last_mut() {
            Some((_, first, len)) if *first + *len == index => *len += 1,
            _ => runs.push((place, index, 1)),
        }
    }
    runs
}
