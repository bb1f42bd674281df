//! Dispatches of a pass with their bind groups, made once and recorded again and again.

use super::Adapter;
use super::timer::Timer;

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
    /// One where attention has several parts, else none: the dispatch is left out.
    IfSeveralParts,
}

#[derive(Debug)]
struct Dispatch {
    name: &'static str,
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
        name: &'static str,
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
        self.0.push(Dispatch { name, pipeline: pipeline.clone(), bindings, grid });
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All dispatches for so many rows and parts of attention, in one compute pass; with a timer, in
    /// one each.
    pub(super) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        rows: usize,
        parts: usize,
        timer: Option<&mut Timer>,
    ) {
        let size = |grid| match grid {
            Grid::Of(count) => count,
            Grid::Rows => rows as u32,
            Grid::Tiles(height) => (rows as u32).div_ceil(height),
            Grid::Parts => parts as u32,
            Grid::IfSeveralParts => u32::from(parts > 1),
        };
        let sized = self.0.iter().map(|dispatch| (dispatch, dispatch.grid.map(size)));
        let sized = sized.filter(|(_, grid)| !grid.contains(&0));
        let Some(timer) = timer else {
            let mut pass = encoder.begin_compute_pass(&described(None));
            sized.for_each(|(dispatch, grid)| dispatch.record(&mut pass, grid));
            return;
        };
        for (dispatch, grid) in sized {
            let writes = timer.next(dispatch.name);
            let mut pass = encoder.begin_compute_pass(&described(writes));
            dispatch.record(&mut pass, grid);
        }
    }
}

fn described(
    timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
) -> wgpu::ComputePassDescriptor<'_> {
    wgpu::ComputePassDescriptor { label: Some("thinkling"), timestamp_writes }
}

impl Dispatch {
    fn record(&self, pass: &mut wgpu::ComputePass<'_>, [x, y, z]: [u32; 3]) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}
