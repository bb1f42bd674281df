//! The decoder on a GPU: one submit a forward pass, pipelines and bind groups made once.

mod adapter;
mod build;
mod kernels;
mod matrix;
mod plan;
mod reward_counts;
mod shaders;
mod timer;
mod update;
// They block, which a page must not; `tests/web.rs` runs there.
#[cfg(all(test, not(target_family = "wasm")))]
mod tests;

use crate::EngineError;
use crate::packed::BLOCK;
use crate::rows::{Limits, Row};
use crate::shape::{PART, Shape};
use crate::weights::WeightsReader;
use plan::{Plan, Sizes, Which};
use serde::Serialize;
use thinkling_sampling::SamplingParams;
use thinkling_weights::ModelConfig;
use timer::Timer;
use update::GpuWeights;

pub use adapter::Adapter;
pub use reward_counts::RewardMeter;
pub use timer::DispatchTime;
pub(crate) use update::Staging;

/// Rows from which on products go through `matmul.wgsl`.
const MATMUL_ROWS: usize = 8;

/// Steps that [`GpuDecoder::sample`] takes at once at most.
pub const MAX_STEPS: usize = 8;
/// Ids that it may be told never to draw.
pub const MAX_BANNED: usize = 255;

/// A step of [`GpuDecoder::sample`].
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// What each row sees.
    pub rows: Vec<Row>,
    /// A draw for each, uniform in `[0, 1)`.
    pub draws: Vec<f32>,
}

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
    /// Of steps that are run together.
    next_rows: wgpu::Buffer,
    next_draws: wgpu::Buffer,
    ids: wgpu::Buffer,
    /// [`Sizes::counts`] of the pass.
    counts: wgpu::Buffer,
    /// Most parts of a row.
    attention_counts: wgpu::Buffer,
    /// [`Sizes::counts`] of the rows whose logits are wanted.
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
    banned: wgpu::Buffer,
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

    /// Bytes of the activations of its passes.
    pub(crate) fn pass_bytes(config: &ModelConfig, options: GpuOptions) -> u64 {
        build::pass_bytes(config, options)
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
        queue.write_buffer(&self.buffers.rows, 0, bytemuck::cast_slice(rows));
        let sizes = self.write_sizes(rows, rows.len(), wanted.len());
        let mut encoder = self.encoder();
        self.record(&mut encoder, &sizes, wanted, None);
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

    /// Runs `ids` and draws a token after each row, on the GPU, then runs these and so on: as many
    /// steps as there are `steps`, of which each says what its rows see and gives a draw a row, uniform
    /// in `[0, 1)`. Each row draws by its own `params`. 8 bytes a token are read, all together. Gives
    /// ids and log-probabilities of each step. Ids in `banned` are never drawn.
    ///
    /// # Errors
    /// As [`Self::logits`]; sampling parameters outside their range; more than [`MAX_STEPS`] steps or
    /// [`MAX_BANNED`] banned ids.
    pub async fn sample(
        &self,
        ids: &[u32],
        steps: &[Step],
        params: &[SamplingParams],
        banned: &[u32],
    ) -> Result<Vec<Vec<(u32, f32)>>, EngineError> {
        let count = ids.len();
        let wanted: Vec<usize> = (0..count).collect();
        let at_most = |what, expected: usize, got: usize| match got <= expected {
            true => Ok(()),
            false => Err(EngineError::Shape { what, expected, got }),
        };
        at_most("steps", MAX_STEPS, steps.len())?;
        at_most("banned ids", MAX_BANNED, banned.len())?;
        for step in steps {
            self.limits.check(ids, &step.rows, &wanted)?;
            if step.draws.len() != count {
                let got = step.draws.len();
                return Err(EngineError::Shape { what: "draws, one a row", expected: count, got });
            }
        }
        if let Some(&id) = banned.iter().find(|&&id| id as usize >= self.shape.vocab) {
            let (expected, got) = (self.shape.vocab, id as usize);
            return Err(EngineError::Shape {
                what: "banned id, below the vocabulary",
                expected,
                got,
            });
        }
        if params.len() != count {
            let got = params.len();
            return Err(EngineError::Shape { what: "parameters, one a row", expected: count, got });
        }
        params.iter().try_for_each(SamplingParams::validate)?;
        if steps.is_empty() || count == 0 {
            return Ok(Vec::new());
        }
        let word = |&SamplingParams { temperature, top_k, top_p, min_p }: &SamplingParams| {
            [temperature as f32, top_p as f32, top_k as f32, min_p as f32]
        };
        let params: Vec<[f32; 4]> = params.iter().map(word).collect();
        let (queue, buffers) = (self.adapter.queue(), &self.buffers);
        let banned: Vec<u32> = [&[banned.len() as u32], banned].concat();
        let rows: Vec<Row> = steps.iter().flat_map(|step| &step.rows).copied().collect();
        let draws: Vec<f32> = steps.iter().flat_map(|step| &step.draws).copied().collect();
        queue.write_buffer(&buffers.ids, 0, bytemuck::cast_slice(ids));
        queue.write_buffer(&buffers.sampling, 0, bytemuck::cast_slice(&params));
        queue.write_buffer(&buffers.banned, 0, bytemuck::cast_slice(&banned));
        queue.write_buffer(&buffers.next_rows, 0, bytemuck::cast_slice(&rows));
        queue.write_buffer(&buffers.next_draws, 0, bytemuck::cast_slice(&draws));
        let sizes = self.write_sizes(&rows, count, count);
        let mut encoder = self.encoder();
        let (bytes, row_bytes) = (4 * count as u64, (count * size_of::<Row>()) as u64);
        for step in 0..steps.len() as u64 {
            let mut copy = |from, at, to, to_at, bytes| {
                encoder.copy_buffer_to_buffer(from, at, to, to_at, bytes);
            };
            copy(&buffers.next_rows, step * row_bytes, &buffers.rows, 0, row_bytes);
            copy(&buffers.next_draws, step * bytes, &buffers.draws, 0, bytes);
            if step > 0 {
                copy(&buffers.sampled, 0, &buffers.ids, 0, bytes);
            }
            self.record(&mut encoder, &sizes, &wanted, None);
            self.sample.record(&mut encoder, &sizes[1], None);
            let at = 2 * step * bytes;
            encoder.copy_buffer_to_buffer(&buffers.sampled, 0, &buffers.read, at, bytes);
            encoder.copy_buffer_to_buffer(&buffers.logprobs, 0, &buffers.read, at + bytes, bytes);
        }
        queue.submit([encoder.finish()]);
        let read = self.adapter.read(&buffers.read, 2 * bytes * steps.len() as u64).await?;
        let step = |read: &[u8]| {
            let (ids, logprobs) = read.split_at(bytes as usize);
            let ids: Vec<u32> = bytemuck::pod_collect_to_vec(ids);
            let logprobs: Vec<f32> = bytemuck::pod_collect_to_vec(logprobs);
            ids.into_iter().zip(logprobs).collect()
        };
        Ok(read.chunks_exact(2 * bytes as usize).map(step).collect())
    }

    /// Runs `ids` as [`Self::sample`] does, greedily, and tells how long each dispatch took by the
    /// GPU's clock. Each waits for the one before it, and may cost more than among others.
    ///
    /// # Errors
    /// As [`Self::sample`]; a GPU that does not tell.
    pub async fn times(
        &self,
        ids: &[u32],
        rows: &[Row],
        wanted: &[usize],
    ) -> Result<Vec<DispatchTime>, EngineError> {
        self.limits.check(ids, rows, wanted)?;
        let queue = self.adapter.queue();
        queue.write_buffer(&self.buffers.ids, 0, bytemuck::cast_slice(ids));
        let greedy = vec![[0.0_f32; 4]; wanted.len()];
        queue.write_buffer(&self.buffers.sampling, 0, bytemuck::cast_slice(&greedy));
        queue.write_buffer(&self.buffers.rows, 0, bytemuck::cast_slice(rows));
        queue.write_buffer(&self.buffers.banned, 0, bytemuck::cast_slice(&[0_u32]));
        let sizes = self.write_sizes(rows, rows.len(), wanted.len());
        let mut timer = Timer::new(&self.adapter)?;
        let mut encoder = self.encoder();
        self.record(&mut encoder, &sizes, wanted, Some(&mut timer));
        self.sample.record(&mut encoder, &sizes[1], Some(&mut timer));
        timer.read(&self.adapter, encoder).await
    }

    /// Tells the shaders the sizes of a pass: of its body and of its head.
    fn write_sizes(&self, rows: &[Row], count: usize, wanted: usize) -> [Sizes; 2] {
        let parts = rows.iter().map(Row::tokens).max().unwrap_or(1).div_ceil(PART);
        let sizes = |rows, parts| {
            let mut sizes = Sizes::of(rows, parts);
            for which in Which::ALL.into_iter().filter(|_| !self.adapter.is_software()) {
                let [outputs, columns] = match which {
                    Which::Qkv => [self.shape.qkv(), self.shape.hidden],
                    Which::Output => [self.shape.hidden, self.shape.heads * self.shape.head_dim],
                    Which::GateUp => [self.shape.intermediate, self.shape.hidden],
                    Which::Down => [self.shape.hidden, self.shape.intermediate],
                    Which::Head => [self.shape.vocab, self.shape.hidden],
                };
                let (swiglu, blocks) = (which == Which::GateUp, columns.div_ceil(BLOCK));
                sizes.counts[which as usize] = kernels::sharing(rows, outputs, swiglu, blocks);
            }
            sizes
        };
        let (body, head) = (sizes(count, parts), sizes(wanted, 1));
        let uniform = |buffer, words: [u32; 8]| {
            self.adapter.queue().write_buffer(buffer, 0, bytemuck::cast_slice(&words));
        };
        uniform(&self.buffers.counts, body.counts);
        uniform(&self.buffers.attention_counts, [parts as u32; 8]);
        uniform(&self.buffers.head_counts, head.counts);
        [body, head]
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        let label = Some("thinkling: forward pass");
        let device = self.adapter.device();
        device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label })
    }

    /// Everything up to the logits.
    fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        [body, head]: &[Sizes; 2],
        wanted: &[usize],
        mut timer: Option<&mut Timer>,
    ) {
        let buffers = &self.buffers;
        let many = usize::from(body.rows >= MATMUL_ROWS);
        self.plans[many].record(encoder, body, timer.as_deref_mut());
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
            let many = usize::from(head.rows >= MATMUL_ROWS);
            self.heads[many].record(encoder, head, timer);
        }
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
