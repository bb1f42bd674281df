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
    /// Workgroups that share a tile of a product; see [`Sizes::sharing`].
    Sharing(Which),
    /// One where several share a tile, else none: the dispatch is left out.
    IfShared(Which),
    /// Parts of attention.
    Parts,
    /// One where attention has several parts, else none: the dispatch is left out.
    IfSeveralParts,
}

/// Which product of a pass; its word in the counts that shaders read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Which {
    Qkv = 1,
    Output,
    GateUp,
    Down,
    Head,
}

impl Which {
    pub(super) const ALL: [Self; 5] =
        [Self::Qkv, Self::Output, Self::GateUp, Self::Down, Self::Head];

    /// For tables of times.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Qkv => "query, key and value",
            Self::Output => "output",
            Self::GateUp => "gate and up",
            Self::Down => "down",
            Self::Head => "head",
        }
    }
}

/// Sizes of a pass, which the grids of its dispatches follow from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizes {
    pub(super) rows: usize,
    /// Most parts of a row's attention.
    pub(super) parts: usize,
    /// Workgroups that share a tile, by product; word 0 is the number of rows, as shaders read it.
    pub(super) counts: [u32; 8],
}

impl Sizes {
    /// For so many rows, where no tile is shared.
    pub(super) fn of(rows: usize, parts: usize) -> Self {
        let mut counts = [1; 8];
        counts[0] = rows as u32;
        Self { rows, parts, counts }
    }

    fn sharing(&self, which: Which) -> u32 {
        self.counts[which as usize]
    }
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

    /// All dispatches for a pass of these sizes, in one compute pass; with a timer, in
    /// one each.
    pub(super) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        sizes: &Sizes,
        timer: Option<&mut Timer>,
    ) {
        let (rows, parts) = (sizes.rows as u32, sizes.parts as u32);
        let size = |grid| match grid {
            Grid::Of(count) => count,
            Grid::Rows => rows,
            Grid::Tiles(height) => rows.div_ceil(height),
            Grid::Sharing(which) => sizes.sharing(which),
            Grid::IfShared(which) => u32::from(sizes.sharing(which) > 1),
            Grid::Parts => parts,
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
