//! The shaders as pipelines, each compiled once for its constants.

use super::Adapter;
use super::matrix::GpuMatrix;
use super::plan::{Grid, Plan, Which};
use super::shaders::{self, Variant};
use crate::packed::Format;
use std::collections::HashMap;

/// Rows, and outputs, of a tile of `matmul.wgsl`.
const TILE: usize = 64;
/// Workgroups that keep a GPU busy. Where a product has fewer tiles, several share one.
const BUSY: usize = 256;
/// Bytes of what they write apart.
pub(super) const SHARED_BYTES: u64 = (BUSY * TILE * TILE * 4) as u64;

/// Workgroups that share a tile of a product with so many rows, outputs and blocks of columns.
pub(super) fn sharing(rows: usize, outputs: usize, swiglu: bool, blocks: usize) -> u32 {
    let tiles = rows.div_ceil(TILE) * outputs.div_ceil(tile_outputs(swiglu));
    (BUSY / tiles.max(1)).min(blocks / 2).clamp(1, 16) as u32
}

/// With SwiGLU a tile has each output twice.
fn tile_outputs(swiglu: bool) -> usize {
    if swiglu { TILE / 2 } else { TILE }
}

/// What follows a product; `MODE` of the shaders.
#[derive(Clone, Copy)]
pub(super) enum Mode<'a> {
    Set,
    Bias(&'a wgpu::Buffer),
    Add,
    SwiGlu,
}

/// `y = W x` and what follows.
pub(super) struct Product<'a> {
    pub(super) which: Which,
    pub(super) weights: &'a GpuMatrix,
    pub(super) x: &'a wgpu::Buffer,
    pub(super) y: &'a wgpu::Buffer,
    /// Distance of the rows of `y`.
    pub(super) stride: usize,
    pub(super) mode: Mode<'a>,
    /// Bound where there is no bias.
    pub(super) none: &'a wgpu::Buffer,
    /// For many rows: their number and how tiles are shared, and where sharing workgroups write.
    pub(super) many: Option<[&'a wgpu::Buffer; 2]>,
}

/// Pipelines by shader and constants.
pub(super) struct Kernels<'a> {
    adapter: &'a Adapter,
    pipelines: HashMap<String, wgpu::ComputePipeline>,
}

impl<'a> Kernels<'a> {
    pub(super) fn new(adapter: &'a Adapter) -> Self {
        Self { adapter, pipelines: HashMap::new() }
    }

    pub(super) fn adapter(&self) -> &'a Adapter {
        self.adapter
    }

    /// The pipeline of `shaders/{name}.wgsl` for weights of a format.
    pub(super) fn get_with(
        &mut self,
        name: &'static str,
        format: Option<Format>,
        sizes: &[(&str, usize)],
        values: &[(&str, f64)],
    ) -> wgpu::ComputePipeline {
        let sizes = sizes.iter().map(|(name, size)| (*name, *size as f64));
        let constants: Vec<(&str, f64)> = sizes.chain(values.iter().copied()).collect();
        let key = format!("{name} {format:?} {constants:?}");
        if let Some(pipeline) = self.pipelines.get(&key) {
            return pipeline.clone();
        }
        let (subgroups, half) = (self.adapter.has_subgroups(), self.adapter.has_half());
        let variant = Variant { format, subgroups, half };
        let source = shaders::source(name, variant);
        // Tables of counts may say anything.
        let trusted = name != "reward_counts";
        let pipeline = self.adapter.pipeline(name, &source, &constants, trusted);
        self.pipelines.insert(key, pipeline.clone());
        pipeline
    }

    /// Adds a dispatch of `shaders/{name}.wgsl` to a plan.
    pub(super) fn push(
        &mut self,
        plan: &mut Plan,
        name: &'static str,
        format: Option<Format>,
        sizes: &[(&str, usize)],
        buffers: &[&wgpu::Buffer],
        grid: [Grid; 3],
    ) {
        let pipeline = self.get_with(name, format, sizes, &[]);
        plan.push(self.adapter, name, &pipeline, buffers, grid);
    }

    /// Adds a product, a dispatch for each buffer of its weights.
    pub(super) fn product(&mut self, plan: &mut Plan, product: Product<'_>) {
        let Product { which, weights, x, y, stride, mode, none, many } = product;
        let (mode, bias) = match mode {
            Mode::Set => (0, None),
            Mode::Bias(bias) => (0, Some(bias)),
            Mode::Add => (1, None),
            Mode::SwiGlu => (2, None),
        };
        for part in weights.parts() {
            let sizes = [
                ("BLOCKS", weights.blocks()),
                ("OUTPUTS", part.rows),
                ("OUTPUT_STRIDE", stride),
                ("FIRST_OUTPUT", part.first_row),
                ("MODE", mode),
                ("HAS_BIAS", usize::from(bias.is_some())),
            ];
            let buffers = [&part.buffer, x, y, bias.unwrap_or(none)];
            let format = Some(part.format);
            match many {
                None => {
                    let slices = self.slices(part.rows);
                    let groups = Grid::Of(part.rows.div_ceil(256 / slices) as u32);
                    let sizes = [&sizes[..], &[("SLICES", slices)]].concat();
                    let grid = [groups, Grid::Rows, Grid::Of(1)];
                    let kernel = self.get_with("matvec", format, &sizes, &[]);
                    plan.push(self.adapter, which.name(), &kernel, &buffers, grid);
                }
                Some(many) => {
                    let buffers = [&buffers[..], &many[..]].concat();
                    let groups = Grid::Of(part.rows.div_ceil(tile_outputs(mode == 2)) as u32);
                    let tiles = Grid::Tiles(TILE as u32);
                    for (sum, depth) in [(0, Grid::Sharing(which)), (1, Grid::IfShared(which))] {
                        let own = [("WHICH", which as usize), ("SUM", sum)];
                        let sizes = [&sizes[..], &own].concat();
                        let kernel = self.get_with("matmul", format, &sizes, &[]);
                        let grid = [groups, tiles, depth];
                        plan.push(self.adapter, which.name(), &kernel, &buffers, grid);
                    }
                }
            }
        }
    }

    /// Slices of the columns that a workgroup of `matvec.wgsl` adds up: so many that a GPU has enough
    /// of them to do, where there are few outputs. A processor in a GPU's place has enough with few.
    fn slices(&self, outputs: usize) -> usize {
        const MANY_OUTPUTS: usize = 1 << 14;
        if self.adapter.is_software() || outputs >= MANY_OUTPUTS { 4 } else { 16 }
    }
}
