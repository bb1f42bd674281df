//! Makes a decoder: buffers, uploaded weights, and the plans of its passes.

use super::kernels::{Kernels, Mode, Product, SHARED_BYTES};
use super::matrix::GpuMatrix;
use super::plan::{Grid, Plan, Which};
use super::update::{GpuLayer, GpuWeights};
use super::{Adapter, Buffers, GpuDecoder, GpuOptions, MAX_BANNED, MAX_STEPS, Usage};
use crate::EngineError;
use crate::rows::{Limits, Row};
use crate::shape::{PART, Shape, angles};
use crate::weights::{LayerWeights, WeightsReader};
use thinkling_weights::ModelConfig;

const ONE: Grid = Grid::Of(1);

/// Activations, which all layers share.
struct Work {
    normed: wgpu::Buffer,
    qkv: wgpu::Buffer,
    mixed: wgpu::Buffer,
    mlp: wgpu::Buffer,
    /// See `attention.wgsl`.
    parts: wgpu::Buffer,
    /// Sums of workgroups that share a tile of a product.
    shared: wgpu::Buffer,
    angles: wgpu::Buffer,
    /// Bound where a shader has nothing to read.
    none: wgpu::Buffer,
}

/// A decoder in the making.
struct Build<'a> {
    adapter: &'a Adapter,
    shape: Shape,
    options: GpuOptions,
    kernels: Kernels<'a>,
    buffers: Buffers,
    work: Work,
    weight_bytes: u64,
}

pub(super) fn decoder(
    adapter: &Adapter,
    weights: &WeightsReader<'_>,
    options: GpuOptions,
) -> Result<GpuDecoder, EngineError> {
    let config = weights.config();
    let shape = Shape::of(config);
    adapter.check_storage("logits", (options.max_logits * shape.vocab * 4) as u64)?;
    adapter.check_storage("cache", (options.cache_tokens * shape.gpu_kv() * 4) as u64)?;
    let positions = config.max_position_embeddings.min(options.cache_tokens);
    let parts = parts_bytes(&shape, options, positions);
    adapter.check_storage("attention parts", parts)?;
    let before = adapter.allocated();
    let work = Work::new(adapter, &shape, options, &angles(config, positions), parts);
    let buffers = Buffers::new(adapter, &shape, options);
    let mut build = Build {
        adapter,
        options,
        kernels: Kernels::new(adapter),
        buffers,
        work,
        weight_bytes: 0,
        shape,
    };
    let mut plans = [Plan::default(), Plan::default()];
    let embedding = build.upload("embedding", &[&weights.embedding()?]);
    build.embed(&mut plans, &embedding);
    let mut layers = Vec::with_capacity(build.shape.layers);
    for index in 0..build.shape.layers {
        layers.push(build.layer(&mut plans, &weights.layer(index)?));
    }
    let head = weights.head()?.map(|head| build.upload("head", &[&head]));
    let norm = adapter.upload("last norm", &weights.norm()?);
    let heads = build.heads(head.as_ref().unwrap_or(&embedding), &norm);
    let sample = build.sample();
    let Build { shape, buffers, weight_bytes, .. } = build;
    let usage = Usage {
        weight_bytes,
        gpu_bytes: adapter.allocated() - before,
        dispatches: plans[0].len() + heads[0].len() + sample.len(),
        dispatches_a_layer: (plans[0].len() - embedding.parts().len()) / shape.layers.max(1),
        // Of a tied embedding the head reads all, and its gather a row; of another one only that.
        weight_bytes_a_token: weight_bytes - if head.is_some() { embedding.bytes() } else { 0 },
    };
    let limits = Limits {
        rows: options.max_rows,
        logits: options.max_logits,
        cache_tokens: options.cache_tokens,
        positions,
        vocab: shape.vocab,
    };
    let adapter = adapter.clone();
    let weights = GpuWeights { embedding, head, norm, layers };
    Ok(GpuDecoder { adapter, shape, limits, buffers, plans, heads, sample, usage, weights })
}

/// Bytes of attention's parts: no row sees more tokens than there are positions.
fn parts_bytes(shape: &Shape, options: GpuOptions, positions: usize) -> u64 {
    let parts = positions.div_ceil(PART);
    (4 * options.max_rows * shape.heads * parts * (shape.head_dim + 2)) as u64
}

pub(super) fn pass_bytes(config: &ModelConfig, options: GpuOptions) -> u64 {
    let shape = &Shape::of(config);
    let positions = config.max_position_embeddings.min(options.cache_tokens);
    let values = 2 * shape.hidden_stride()
        + shape.qkv_stride()
        + shape.mixed_stride()
        + shape.intermediate_stride();
    parts_bytes(shape, options, positions) + (4 * options.max_rows * values) as u64
}

impl Work {
    fn new(
        adapter: &Adapter,
        shape: &Shape,
        options: GpuOptions,
        angles: &[[f32; 2]],
        parts: u64,
    ) -> Self {
        let rows =
            |label, stride: usize| adapter.storage(label, (4 * options.max_rows * stride) as u64);
        Self {
            normed: rows("normed", shape.hidden_stride()),
            qkv: rows("queries, keys and values", shape.qkv_stride()),
            mixed: rows("mixed", shape.mixed_stride()),
            mlp: rows("mlp", shape.intermediate_stride()),
            parts: adapter.storage("attention parts", parts),
            shared: adapter.storage("sums of shared tiles", SHARED_BYTES),
            angles: adapter.upload("angles", angles),
            none: adapter.storage("none", 16),
        }
    }
}

impl Buffers {
    fn new(adapter: &Adapter, shape: &Shape, options: GpuOptions) -> Self {
        let GpuOptions { max_rows, max_logits, .. } = options;
        let storage = |label, values: usize| adapter.storage(label, 4 * values as u64);
        Self {
            rows: storage("rows", max_rows * size_of::<Row>() / 4),
            next_rows: storage("rows of steps", MAX_STEPS * max_rows * size_of::<Row>() / 4),
            next_draws: storage("draws of steps", MAX_STEPS * max_rows),
            ids: storage("ids", max_rows),
            counts: adapter.uniform("rows of a pass"),
            attention_counts: adapter.uniform("parts of attention"),
            head_counts: adapter.uniform("rows with logits"),
            residual: storage("residual", max_rows * shape.hidden_stride()),
            head_input: storage("head's input", max_logits * shape.hidden_stride()),
            head_normed: storage("head's normed input", max_logits * shape.hidden_stride()),
            logits: storage("logits", max_logits * shape.vocab),
            draws: storage("draws", max_logits),
            sampled: storage("sampled ids", max_logits),
            logprobs: storage("log-probabilities", max_logits),
            sampling: storage("sampling", 4 * max_logits),
            banned: storage("banned ids", MAX_BANNED + 1),
            read: adapter.readback((4 * max_logits * shape.vocab.max(2 * MAX_STEPS)) as u64),
        }
    }
}

impl Build<'_> {
    fn upload(&mut self, label: &str, parts: &[&crate::PackedMatrix]) -> GpuMatrix {
        let matrix = GpuMatrix::new(self.adapter, label, parts);
        self.weight_bytes += matrix.bytes();
        matrix
    }

    fn embed(&mut self, plans: &mut [Plan; 2], embedding: &GpuMatrix) {
        for plan in plans {
            for part in embedding.parts() {
                let constants = [
                    ("BLOCKS", embedding.blocks()),
                    ("FIRST_OUTPUT", part.first_row),
                    ("OUTPUTS", part.rows),
                ];
                let inputs = [&part.buffer, &self.buffers.ids, &self.buffers.residual];
                let groups = Grid::Of(embedding.blocks().div_ceil(64) as u32);
                let grid = [Grid::Rows, groups, ONE];
                self.kernels.push(plan, "embed", Some(part.format), &constants, &inputs, grid);
            }
        }
    }

    fn layer(&mut self, plans: &mut [Plan; 2], layer: &LayerWeights) -> GpuLayer {
        let qkv = GpuMatrix::stacked(self.adapter, "query, key and value", &layer.qkv);
        self.weight_bytes += qkv.bytes();
        let output = self.upload("output", &[&layer.output]);
        let gate_up = self.upload("gate and up", &[&layer.gate, &layer.up]);
        let down = self.upload("down", &[&layer.down]);
        let adapter = self.adapter;
        let input_norm = adapter.upload("input norm", &layer.input_norm);
        let mlp_norm = adapter.upload("mlp norm", &layer.mlp_norm);
        let qkv_bias = layer.qkv_bias.as_ref().map(|bias| adapter.upload("bias", bias));
        let qk_norms = layer.qk_norms.as_ref().map(|norms| adapter.upload("qk norms", norms));
        let cache = (4 * self.options.cache_tokens * self.shape.gpu_kv()) as u64;
        let cache = [adapter.storage("keys", cache), adapter.storage("values", cache)];
        let shape = self.shape.clone();
        for (many, plan) in plans.iter_mut().enumerate() {
            let many = many == 1;
            self.norm(plan, &input_norm);
            let mode = qkv_bias.as_ref().map_or(Mode::Set, Mode::Bias);
            self.product(plan, many, &qkv, Which::Qkv, mode, shape.qkv_stride());
            self.attention(plan, &cache, qk_norms.as_ref());
            self.product(plan, many, &output, Which::Output, Mode::Add, shape.hidden_stride());
            self.norm(plan, &mlp_norm);
            let stride = shape.intermediate_stride();
            self.product(plan, many, &gate_up, Which::GateUp, Mode::SwiGlu, stride);
            self.product(plan, many, &down, Which::Down, Mode::Add, shape.hidden_stride());
        }
        GpuLayer { input_norm, qkv, qkv_bias, qk_norms, output, mlp_norm, gate_up, down }
    }

    fn norm(&mut self, plan: &mut Plan, weight: &wgpu::Buffer) {
        let inputs = [&self.buffers.residual, weight, &self.work.normed];
        rms_norm(&mut self.kernels, &self.shape, plan, inputs);
    }

    fn product(
        &mut self,
        plan: &mut Plan,
        many: bool,
        weights: &GpuMatrix,
        which: Which,
        mode: Mode<'_>,
        stride: usize,
    ) {
        let (work, buffers) = (&self.work, &self.buffers);
        let (x, y) = match which {
            Which::Qkv => (&work.normed, &work.qkv),
            Which::Output => (&work.mixed, &buffers.residual),
            Which::GateUp => (&work.normed, &work.mlp),
            Which::Down => (&work.mlp, &buffers.residual),
            Which::Head => (&buffers.head_normed, &buffers.logits),
        };
        let counts = match which {
            Which::Head => &buffers.head_counts,
            _ => &buffers.counts,
        };
        let many = many.then_some([counts, &work.shared]);
        let product = Product { which, weights, x, y, stride, mode, none: &work.none, many };
        self.kernels.product(plan, product);
    }

    fn attention(
        &mut self,
        plan: &mut Plan,
        [keys, values]: &[wgpu::Buffer; 2],
        norms: Option<&wgpu::Buffer>,
    ) {
        let Shape { heads, kv_heads, head_dim, eps, .. } = self.shape;
        let (work, rows) = (&self.work, &self.buffers.rows);
        let counts = &self.buffers.attention_counts;
        let stride = self.shape.qkv_stride();
        let sizes = [
            ("HEADS", heads),
            ("KV_HEADS", kv_heads),
            ("HEAD_DIM", head_dim),
            ("HEAD_QUADS", self.shape.head_quads()),
            ("QKV_STRIDE", stride),
        ];
        let has_norms = f64::from(u8::from(norms.is_some()));
        let turned = self.kernels.get_with(
            "rope_kv",
            None,
            &sizes,
            &[("HAS_NORMS", has_norms), ("EPS", f64::from(eps))],
        );
        let norms = norms.unwrap_or(&work.none);
        let inputs = [&work.qkv, keys, values, rows, &work.angles, norms];
        let all = Grid::Of((heads + 2 * kv_heads) as u32);
        plan.push(self.adapter, "rope_kv", &turned, &inputs, [Grid::Rows, all, ONE]);

        let heads_grid = Grid::Of(heads as u32);
        let inputs = [&work.qkv, keys, values, rows, &work.parts, counts, &work.mixed];
        let grid = [Grid::Rows, heads_grid, Grid::Parts];
        let constants = [&sizes[..], &[("OUTPUT_STRIDE", self.shape.mixed_stride())]].concat();
        self.kernels.push(plan, "attention", None, &constants, &inputs, grid);

        let constants = [
            ("HEADS", heads),
            ("HEAD_DIM", head_dim),
            ("OUTPUT_STRIDE", self.shape.mixed_stride()),
            ("PART", PART),
        ];
        let inputs = [&work.parts, rows, &work.mixed, counts];
        let grid = [Grid::Rows, heads_grid, Grid::IfSeveralParts];
        self.kernels.push(plan, "attention_combine", None, &constants, &inputs, grid);
    }

    fn heads(&mut self, head: &GpuMatrix, norm: &wgpu::Buffer) -> [Plan; 2] {
        [false, true].map(|many| {
            let mut plan = Plan::default();
            let buffers = &self.buffers;
            let inputs = [&buffers.head_input, norm, &buffers.head_normed];
            rms_norm(&mut self.kernels, &self.shape, &mut plan, inputs);
            self.product(&mut plan, many, head, Which::Head, Mode::Set, self.shape.vocab);
            plan
        })
    }

    fn sample(&mut self) -> Plan {
        let (mut plan, buffers) = (Plan::default(), &self.buffers);
        let constants = [("VOCAB", self.shape.vocab), ("VOCAB_STRIDE", self.shape.vocab)];
        let inputs = [
            &buffers.logits,
            &buffers.draws,
            &buffers.sampled,
            &buffers.logprobs,
            &buffers.sampling,
            &buffers.banned,
        ];
        let grid = [Grid::Rows, ONE, ONE];
        self.kernels.push(&mut plan, "sample", None, &constants, &inputs, grid);
        plan
    }
}

fn rms_norm(kernels: &mut Kernels<'_>, shape: &Shape, plan: &mut Plan, inputs: [&wgpu::Buffer; 3]) {
    let sizes = [("WIDTH", shape.hidden), ("STRIDE", shape.hidden_stride())];
    let kernel = kernels.get_with("rms_norm", None, &sizes, &[("EPS", f64::from(shape.eps))]);
    plan.push(kernels.adapter(), "rms_norm", &kernel, &inputs, [Grid::Rows, ONE, ONE]);
}
