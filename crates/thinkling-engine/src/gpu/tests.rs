//! Each shader against its CPU twin, on odd shapes.

use super::kernels::{Kernels, Mode, Product, SHARED_BYTES};
use super::matrix::GpuMatrix;
use super::plan::{Grid, Plan, Sizes, Which};
use super::{Adapter, MATMUL_ROWS};
use crate::cpu;
use crate::packed::{BLOCK, Format, PackedMatrix};
use crate::rows::Row;
use crate::shape::{PART, Shape, padded};
use thinkling_sampling::{SamplingParams, Stream};
use thinkling_weights::quantize;

/// Sums of a few hundred products of values near 1, in f32 and in another order.
const TOLERANCE: f32 = 2e-4;
/// The same of products in half precision, as a share of the largest.
const HALF_TOLERANCE: f32 = 4e-3;

/// A device, or none where none is required.
pub(super) fn adapter() -> Option<Adapter> {
    match pollster::block_on(Adapter::new()) {
        Ok(adapter) => Some(adapter),
        Err(e) if std::env::var_os("REQUIRE_GPU").is_some() => panic!("{e}"),
        Err(_) => None,
    }
}

/// The device as it is, and without what not every GPU has.
fn adapters() -> Vec<Adapter> {
    adapter().into_iter().flat_map(|a| [a.clone().without_features(), a]).collect()
}

struct Values(Stream);

impl Values {
    fn new(seed: u64) -> Self {
        Self(Stream::new(seed, 7))
    }

    fn take(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.0.uniform() as f32 * 2.0 - 1.0).collect()
    }

    /// Rows whose columns behind `width` are zeros.
    fn rows(&mut self, rows: usize, width: usize) -> Vec<f32> {
        let mut out = vec![0.0; rows * padded(width)];
        for row in out.chunks_exact_mut(padded(width)) {
            row[..width].copy_from_slice(&self.take(width));
        }
        out
    }

    fn matrix(&mut self, format: Format, rows: usize, columns: usize) -> PackedMatrix {
        let bytes = quantize(format.ggml(), &self.take(rows * columns));
        PackedMatrix::new(format, rows, columns, &bytes).expect("a matrix")
    }
}

impl Adapter {
    /// Runs a plan for so many rows and gives what a buffer holds afterwards.
    fn run(&self, plan: &Plan, [rows, parts]: [usize; 2], out: &wgpu::Buffer) -> Vec<f32> {
        self.run_sized(plan, &Sizes::of(rows, parts), out)
    }

    fn run_sized(&self, plan: &Plan, sizes: &Sizes, out: &wgpu::Buffer) -> Vec<f32> {
        let mut encoder = self.device().create_command_encoder(&Default::default());
        plan.record(&mut encoder, sizes, None);
        let read = self.readback(out.size());
        encoder.copy_buffer_to_buffer(out, 0, &read, 0, out.size());
        self.queue().submit([encoder.finish()]);
        let bytes = pollster::block_on(self.read(&read, out.size())).expect("a result");
        bytemuck::pod_collect_to_vec(&bytes)
    }

    fn counts(&self, counts: [u32; 8]) -> wgpu::Buffer {
        let buffer = self.uniform("counts");
        self.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(&counts));
        buffer
    }
}

fn assert_near(got: &[f32], want: &[f32], what: &str) {
    assert_within(TOLERANCE, got, want, what);
}

fn assert_within(tolerance: f32, got: &[f32], want: &[f32], what: &str) {
    assert!(got.len() >= want.len(), "{what}: {} values for {}", got.len(), want.len());
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let near = (got - want).abs() <= tolerance * want.abs().max(1.0);
        assert!(near, "{what}: {got} for {want} at {i}");
    }
}

#[test]
fn products_of_every_format_and_epilogue() {
    let half = adapter().map(Adapter::with_half);
    for adapter in adapters().into_iter().chain(half) {
        products(&adapter);
    }
}

fn products(adapter: &Adapter) {
    let mut kernels = Kernels::new(adapter);
    let mut values = Values::new(1);
    for format in Format::ALL {
        for (outputs, columns) in [(1, 32), (3, 64), (127, 96), (129, 160_usize)] {
            let columns = match format {
                // Whole blocks are for quantised rows alone.
                Format::F32 | Format::F16 | Format::Bf16 => columns - 5,
                _ => columns.next_multiple_of(BLOCK * format.unit_blocks()),
            };
            let matrices = [0, 1].map(|_| values.matrix(format, outputs, columns));
            let weights = GpuMatrix::new(adapter, "weights", &[&matrices[0]]);
            let stacked = GpuMatrix::new(adapter, "stacked", &[&matrices[0], &matrices[1]]);
            for (rows, sharing) in [(1, 1), (3, 1), (MATMUL_ROWS, 1), (33, 2), (65, 3), (65, 1)] {
                let (x, stride) = (values.rows(rows, columns), padded(outputs) + 32);
                let (bias, y) = (values.take(outputs), values.take(rows * stride));
                let x_buffer = adapter.upload("x", &x);
                let bias_buffer = adapter.upload("bias", &bias);
                let mut sizes = Sizes::of(rows, 1);
                sizes.counts[Which::Down as usize] = sharing;
                let counts = adapter.counts(sizes.counts);
                let shared = adapter.storage("shared", SHARED_BYTES);
                let none = adapter.storage("none", 16);
                for mode in 0..4 {
                    let y_buffer = adapter.upload("y", &y);
                    let mut plan = Plan::default();
                    let (gpu_mode, weights) = match mode {
                        0 => (Mode::Set, &weights),
                        1 => (Mode::Bias(&bias_buffer), &weights),
                        2 => (Mode::Add, &weights),
                        _ => (Mode::SwiGlu, &stacked),
                    };
                    let many = (rows >= MATMUL_ROWS).then_some([&counts, &shared]);
                    kernels.product(
                        &mut plan,
                        Product {
                            which: Which::Down,
                            weights,
                            x: &x_buffer,
                            y: &y_buffer,
                            stride,
                            mode: gpu_mode,
                            none: &none,
                            many,
                        },
                    );
                    let got = adapter.run_sized(&plan, &sizes, &y_buffer);
                    let mut want = y.clone();
                    let then = match mode {
                        0 => cpu::matmul::Then::Set,
                        1 => cpu::matmul::Then::Bias(&bias),
                        _ => cpu::matmul::Then::Add,
                    };
                    match mode {
                        3 => {
                            cpu::matmul::swiglu([&matrices[0], &matrices[1]], &x, &mut want, stride)
                        }
                        _ => cpu::matmul::matmul(&matrices[0], &x, &mut want, stride, then),
                    }
                    let what = format!("{format:?} {outputs}x{columns}, {rows} rows, mode {mode}");
                    let half = adapter.has_half() && many.is_some() && format != Format::F32;
                    let largest = want.iter().fold(1.0_f32, |m, x| m.max(x.abs()));
                    let tolerance = if half { HALF_TOLERANCE * largest } else { TOLERANCE };
                    assert_within(tolerance, &got, &want, &what);
                }
            }
        }
    }
}

#[test]
fn a_matrix_in_several_buffers_gives_the_same() {
    let Some(adapter) = adapter() else { return };
    let mut values = Values::new(2);
    let matrix = values.matrix(Format::Q8_0, 300, 64);
    let x = values.rows(2, 64);
    let mut want = vec![0.0; 2 * 300];
    cpu::matmul::matmul(&matrix, &x, &mut want, 300, cpu::matmul::Then::Set);
    // Two panels a buffer.
    let small = adapter.clone().with_max_binding(2 * 2 * 544 * 4);
    let weights = GpuMatrix::new(&small, "weights", &[&matrix]);
    assert_eq!(weights.parts().len(), 3);
    let y = adapter.storage("y", 4 * 600);
    let (x, none) = (adapter.upload("x", &x), adapter.storage("none", 16));
    let mut plan = Plan::default();
    Kernels::new(&adapter).product(
        &mut plan,
        Product {
            which: Which::Down,
            weights: &weights,
            x: &x,
            y: &y,
            stride: 300,
            mode: Mode::Set,
            none: &none,
            many: None,
        },
    );
    assert_near(&adapter.run(&plan, [2, 1], &y), &want, "three buffers");
}

#[test]
fn embedding_rows_of_every_format() {
    let Some(adapter) = adapter() else { return };
    let mut values = Values::new(3);
    for format in Format::ALL {
        let blocks = 2.max(format.unit_blocks());
        let columns = BLOCK * blocks;
        let matrix = values.matrix(format, 129, columns);
        let weights = GpuMatrix::new(&adapter, "embedding", &[&matrix]);
        let ids = [0u32, 63, 64, 128, 5];
        let (id_buffer, x) =
            (adapter.upload("ids", &ids), adapter.storage("x", (4 * 5 * columns) as u64));
        let mut plan = Plan::default();
        let sizes = [("BLOCKS", blocks), ("FIRST_OUTPUT", 0), ("OUTPUTS", 129)];
        let buffers = [&weights.parts()[0].buffer, &id_buffer, &x];
        let grid = [Grid::Rows, Grid::Of(1), Grid::Of(1)];
        Kernels::new(&adapter).push(&mut plan, "embed", Some(format), &sizes, &buffers, grid);
        let mut want = vec![0.0; 5 * columns];
        cpu::embed::embed(&matrix, &ids, &mut want);
        assert_near(&adapter.run(&plan, [5, 1], &x), &want, "embedding");
    }
}

#[test]
fn norms_of_odd_widths() {
    for adapter in adapters() {
        let mut values = Values::new(4);
        let mut kernels = Kernels::new(&adapter);
        for width in [1, 3, 127, 129] {
            let (x, w) = (values.rows(3, width), values.take(width));
            let buffers = [adapter.upload("x", &x), adapter.upload("w", &w)];
            let y = adapter.storage("y", size_of_val(&x[..]) as u64);
            let sizes = [("WIDTH", width), ("STRIDE", padded(width))];
            let kernel = kernels.get_with("rms_norm", None, &sizes, &[("EPS", 1e-5)]);
            let mut plan = Plan::default();
            let grid = [Grid::Rows, Grid::Of(1), Grid::Of(1)];
            plan.push(&adapter, "kernel", &kernel, &[&buffers[0], &buffers[1], &y], grid);
            let mut want = vec![0.0; x.len()];
            cpu::rms_norm::rms_norm(&x, &w, 1e-5, padded(width), &mut want);
            assert_near(&adapter.run(&plan, [3, 1], &y), &want, "norm");
        }
    }
}

fn shape(heads: usize, kv_heads: usize, head_dim: usize) -> Shape {
    let (hidden, intermediate, vocab, layers) = (32, 32, 32, 1);
    Shape { hidden, intermediate, heads, kv_heads, head_dim, vocab, layers, eps: 1e-6 }
}

/// Heads as a GPU's cache has them, in whole quads.
fn in_quads(values: &[f32], head_dim: usize) -> Vec<f32> {
    let head = |head: &[f32]| {
        let mut quads = head.to_vec();
        quads.resize(head_dim.next_multiple_of(4), 0.0);
        quads
    };
    values.chunks_exact(head_dim).flat_map(head).collect()
}

#[test]
fn rotation_and_cache_of_odd_heads() {
    for adapter in adapters() {
        let mut values = Values::new(5);
        let mut kernels = Kernels::new(&adapter);
        for (heads, kv_heads, head_dim) in [(1, 1, 2), (3, 1, 6), (4, 2, 64), (2, 2, 130)] {
            let shape = shape(heads, kv_heads, head_dim);
            let rows = [
                Row { prompt_start: 0, prompt_len: 2, own_start: 5, own_len: 3, position: 4 },
                Row { own_start: 3, own_len: 1, ..Row::default() },
            ];
            let angles: Vec<[f32; 2]> =
                values.take(5 * head_dim / 2).iter().map(|x| [x.cos(), x.sin()]).collect();
            let norms = values.take(2 * head_dim);
            let cache = values.take(9 * shape.kv());
            for with_norms in [false, true] {
                let qkv = values.rows(2, shape.qkv());
                let buffers = [
                    adapter.upload("qkv", &qkv),
                    adapter.upload("keys", &in_quads(&cache, head_dim)),
                    adapter.upload("values", &in_quads(&cache, head_dim)),
                    adapter.upload("rows", &rows),
                    adapter.upload("angles", &angles),
                    adapter.upload("norms", &norms),
                ];
                let sizes = [
                    ("HEADS", heads),
                    ("KV_HEADS", kv_heads),
                    ("HEAD_DIM", head_dim),
                    ("HEAD_QUADS", shape.head_quads()),
                    ("QKV_STRIDE", shape.qkv_stride()),
                    ("HAS_NORMS", usize::from(with_norms)),
                ];
                let kernel = kernels.get_with("rope_kv", None, &sizes, &[("EPS", 1e-6)]);
                let mut plan = Plan::default();
                let grid = [Grid::Rows, Grid::Of((heads + 2 * kv_heads) as u32), Grid::Of(1)];
                plan.push(&adapter, "kernel", &kernel, &buffers.each_ref(), grid);
                let (mut want, mut keys, mut vals) = (qkv.clone(), cache.clone(), cache.clone());
                let norms = with_norms.then_some(&norms[..]);
                cpu::rope_kv::rope_kv(
                    &shape,
                    &rows,
                    &angles,
                    norms,
                    &mut want,
                    [&mut keys, &mut vals],
                );
                let got = adapter.run(&plan, [2, 1], &buffers[0]);
                for (got, want) in
                    got.chunks(shape.qkv_stride()).zip(want.chunks(shape.qkv_stride()))
                {
                    // Rotated keys go to the cache alone.
                    assert_near(&got[..heads * head_dim], &want[..heads * head_dim], "queries");
                }
                let empty = Plan::default();
                assert_near(
                    &adapter.run(&empty, [0, 0], &buffers[1]),
                    &in_quads(&keys, head_dim),
                    "keys",
                );
                assert_near(
                    &adapter.run(&empty, [0, 0], &buffers[2]),
                    &in_quads(&vals, head_dim),
                    "values",
                );
            }
        }
    }
}

#[test]
fn attention_in_one_part_and_in_several() {
    for adapter in adapters() {
        let mut values = Values::new(6);
        let mut kernels = Kernels::new(&adapter);
        let tokens = 2 * PART + 200;
        for (heads, kv_heads, head_dim) in [(1, 1, 2), (3, 1, 6), (4, 2, 64), (2, 2, 130)] {
            let shape = shape(heads, kv_heads, head_dim);
            let row = |prompt_len, own_start, own_len| Row {
                prompt_start: 1,
                prompt_len,
                own_start,
                own_len,
                position: 0,
            };
            let rows = [
                row(0, 0, 1),
                row(127, 130, 3),
                row(1, 2, 64),
                row(PART as u32, 300, PART as u32 + 5),
            ];
            for rows in [&rows[..], &rows[..3]] {
                let most = rows.iter().map(Row::tokens).max().unwrap().div_ceil(PART);
                let qkv = values.rows(rows.len(), shape.qkv());
                let (keys, vals) =
                    (values.take(tokens * shape.kv()), values.take(tokens * shape.kv()));
                let parts_len = rows.len() * heads * most * (head_dim + 2);
                let parts = adapter.storage("parts", 4 * parts_len as u64);
                let mixed =
                    adapter.storage("mixed", (4 * rows.len() * shape.mixed_stride()) as u64);
                let buffers = [
                    adapter.upload("qkv", &qkv),
                    adapter.upload("keys", &in_quads(&keys, head_dim)),
                    adapter.upload("values", &in_quads(&vals, head_dim)),
                    adapter.upload("rows", rows),
                ];
                let counts = adapter.counts([most as u32; 8]);
                let sizes = [
                    ("HEADS", heads),
                    ("KV_HEADS", kv_heads),
                    ("HEAD_DIM", head_dim),
                    ("HEAD_QUADS", shape.head_quads()),
                    ("QKV_STRIDE", shape.qkv_stride()),
                    ("OUTPUT_STRIDE", shape.mixed_stride()),
                    ("PART", PART),
                ];
                let mut plan = Plan::default();
                let head_grid = Grid::Of(heads as u32);
                let inputs =
                    [&buffers[0], &buffers[1], &buffers[2], &buffers[3], &parts, &counts, &mixed];
                let grid = [Grid::Rows, head_grid, Grid::Parts];
                kernels.push(&mut plan, "attention", None, &sizes, &inputs, grid);
                let inputs = [&parts, &buffers[3], &mixed, &counts];
                let grid = [Grid::Rows, head_grid, Grid::IfSeveralParts];
                kernels.push(&mut plan, "attention_combine", None, &sizes, &inputs, grid);
                let got = adapter.run(&plan, [rows.len(), most], &mixed);
                let mut want_parts = vec![0.0; parts_len];
                cpu::attention::attention(
                    &shape,
                    rows,
                    &qkv,
                    [&keys, &vals],
                    most,
                    &mut want_parts,
                );
                let mut want = vec![0.0; rows.len() * shape.mixed_stride()];
                cpu::attention_combine::attention_combine(
                    &shape,
                    rows,
                    most,
                    &want_parts,
                    &mut want,
                );
                assert_near(&got, &want, "attention");
            }
        }
    }
}

#[test]
fn draws_are_those_of_the_sampler() {
    for adapter in adapters() {
        let mut values = Values::new(8);
        let mut kernels = Kernels::new(&adapter);
        for vocab in [1, 3, 127, 1009] {
            let rows = 6;
            let logits: Vec<f32> = values.take(rows * vocab).iter().map(|x| x * 5.0).collect();
            for (temperature, top_k, top_p, min_p) in [
                (0.0, 0, 1.0, 0.0),
                (1.0, 0, 1.0, 0.0),
                (0.7, 5, 1.0, 0.0),
                (1.3, 0, 0.8, 0.0),
                (0.6, 20, 0.95, 0.1),
            ] {
                let params = SamplingParams { temperature, top_k, top_p, min_p };
                let draws: Vec<f32> =
                    (0..rows).map(|row| Stream::new(9, row as u64).uniform() as f32).collect();
                // Every other row draws by them, the rest greedily.
                let given: Vec<[f32; 4]> = (0..rows)
                    .map(|row| match row % 2 {
                        0 => [temperature as f32, top_p as f32, top_k as f32, min_p as f32],
                        _ => [0.0, 1.0, 0.0, 0.0],
                    })
                    .collect();
                let buffers = [
                    adapter.upload("logits", &logits),
                    adapter.upload("draws", &draws),
                    adapter.storage("ids", 4 * rows as u64),
                    adapter.storage("logprobs", 4 * rows as u64),
                    adapter.upload("params", &given),
                    adapter.storage("banned", 16),
                ];
                let sizes = [("VOCAB", vocab), ("VOCAB_STRIDE", vocab)];
                let mut plan = Plan::default();
                let grid = [Grid::Rows, Grid::Of(1), Grid::Of(1)];
                kernels.push(&mut plan, "sample", None, &sizes, &buffers.each_ref(), grid);
                let logprobs = adapter.run(&plan, [rows, 1], &buffers[3]);
                let ids = adapter.run(&Plan::default(), [0, 0], &buffers[2]);
                let sampler =
                    |params| thinkling_sampling::Sampler::new(params).expect("parameters");
                let mut samplers = [sampler(params), sampler(SamplingParams::greedy())];
                for row in 0..rows {
                    let logits = &logits[row * vocab..(row + 1) * vocab];
                    let want = samplers[row % 2].sample(logits, &mut Stream::new(9, row as u64));
                    // A border as near as rounding would be chance; these seeds have none.
                    assert_eq!(
                        ids[row].to_bits(),
                        want.id,
                        "{params:?}, {vocab} tokens, row {row}"
                    );
                    assert!((f64::from(logprobs[row]) - want.logprob).abs() < 1e-4);
                }
            }
        }
    }
}

#[test]
fn logits_that_are_not_numbers_have_no_logprob() {
    let Some(adapter) = adapter() else { return };
    for temperature in [0.0_f32, 1.0] {
        let logits = [f32::NAN; 300];
        let buffers = [
            adapter.upload("logits", &logits),
            adapter.upload("draws", &[0.5_f32]),
            adapter.upload("ids", &[7_u32]),
            adapter.upload("logprobs", &[-1.0_f32]),
            adapter.upload("params", &[temperature, 1.0, 0.0, 0.0]),
            adapter.storage("banned", 16),
        ];
        let mut plan = Plan::default();
        let (sizes, one) = ([("VOCAB", 300), ("VOCAB_STRIDE", 300)], Grid::Of(1));
        let grid = [Grid::Rows, one, one];
        Kernels::new(&adapter).push(&mut plan, "sample", None, &sizes, &buffers.each_ref(), grid);
        let logprobs = adapter.run(&plan, [1, 1], &buffers[3]);
        assert!(logprobs[0].is_nan(), "temperature {temperature}: {}", logprobs[0]);
    }
}
