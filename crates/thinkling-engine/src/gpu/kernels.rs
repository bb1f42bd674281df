//! The shaders as pipelines, each compiled once for its constants.

use super::matrix::GpuMatrix;
use super::plan::{Grid, Plan};
use super::{Adapter, shaders};
use crate::packed::Format;
use std::collections::HashMap;

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
    pub(super) weights: &'a GpuMatrix,
    pub(super) x: &'a wgpu::Buffer,
    pub(super) y: &'a wgpu::Buffer,
    /// Distance of the rows of `y`.
    pub(super) stride: usize,
    pub(super) mode: Mode<'a>,
    /// Bound where there is no bias.
    pub(super) none: &'a wgpu::Buffer,
    /// Number of rows, for many of them.
    pub(super) counts: Option<&'a wgpu::Buffer>,
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
        let pipeline = self.adapter.pipeline(name, &shaders::source(name, format), &constants);
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
        plan.push(self.adapter, &pipeline, buffers, grid);
    }

    /// Adds a product, a dispatch for each buffer of its weights.
    pub(super) fn product(&mut self, plan: &mut Plan, product: Product<'_>) {
        /// Rows of a tile of `matmul.wgsl`.
        const TILE: u32 = 32;
        let Product { weights, x, y, stride, mode, none, counts } = product;
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
            let panels = Grid::Of(part.rows.div_ceil(64) as u32);
            let buffers = [&part.buffer, x, y, bias.unwrap_or(none)];
            let format = Some(weights.format());
            match counts {
                None => {
                    let grid = [panels, Grid::Rows, Grid::Of(1)];
                    self.push(plan, "matvec", format, &sizes, &buffers, grid);
                }
                Some(counts) => {
                    let buffers = [&buffers[..], &[counts]].concat();
                    let grid = [panels, Grid::Tiles(TILE), Grid::Of(1)];
                    self.push(plan, "matmul", format, &sizes, &buffers, grid);
                }
            }
        }
    }
}
