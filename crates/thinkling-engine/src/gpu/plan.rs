//! Dispatches of a pass with their bind groups, made once and recorded again and again.

use super::Adapter;

/// A size of a dispatch's grid.
#[derive(Clone, Copy, Debug)]
pub(super) enum Grid {
    /// As it is.
    Of(u32),
    /// Rows of the pass.
    Rows,
    /// Tiles of that many rows.
    Tiles(u32),
    /// Parts of attention.
    Parts,
}

#[derive(Debug)]
struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    grid: [Grid; 3],
}

/// Dispatches in order.
#[derive(Debug, Default)]
pub(super) struct Plan(Vec<Dispatch>);

impl Plan {
    /// Adds a dispatch whose bindings are `buffers`, in order.
    pub(super) fn push(
        &mut self,
        adapter: &Adapter,
        pipeline: &wgpu::ComputePipeline,
        buffers: &[&wgpu::Buffer],
        grid: [Grid; 3],
    ) {
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let bindings = adapter.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("thinkling"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        self.0.push(Dispatch { pipeline: pipeline.clone(), bindings, grid });
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All dispatches for so many rows and parts of attention, in one compute pass.
    pub(super) fn record(&self, encoder: &mut wgpu::CommandEncoder, rows: usize, parts: usize) {
        let descriptor =
            wgpu::ComputePassDescriptor { label: Some("thinkling"), timestamp_writes: None };
        let mut pass = encoder.begin_compute_pass(&descriptor);
        for Dispatch { pipeline, bindings, grid } in &self.0 {
            let [x, y, z] = grid.map(|grid| match grid {
                Grid::Of(count) => count,
                Grid::Rows => rows as u32,
                Grid::Tiles(height) => (rows as u32).div_ceil(height),
                Grid::Parts => parts as u32,
            });
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, bindings, &[]);
            pass.dispatch_workgroups(x, y, z);
        }
    }
}
