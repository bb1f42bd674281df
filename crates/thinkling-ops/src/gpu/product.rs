//! Matrix products in f32: a cube computes a tile of the product, a unit some rows and columns of it.
//!
//! Tiles of both factors go through shared memory, some terms of the sums at a time, while the next
//! ones are on their way to registers. Long sums over few tiles are cut into pieces that a second pass
//! adds up, in the same order each time. Factors are read where they lie, whichever way they are
//! turned.

mod kernel;

use super::reduce::sum_rows;
use super::unwritten;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::{Shape, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::prelude::{CubeCount, CubeDim};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use kernel::product_kernel;

/// How the units of a cube share a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tile {
    /// Units along the rows and the columns.
    units: [usize; 2],
    /// Quads of rows and of columns of a unit.
    quads: [usize; 2],
}

/// Terms of the sums in shared memory.
const DEPTH: usize = 16;

/// 64 x 64: the fastest one, or nearly so, of sixteen on an H200 from 64 rows and columns up.
const LARGE: Tile = Tile { units: [8, 8], quads: [2, 2] };

/// 32 x 32, for few rows or columns.
const SMALL: Tile = Tile { units: [8, 8], quads: [1, 1] };

/// Cubes that keep a large GPU busy.
const BUSY: usize = 512;

/// Shorter sums are not worth a second pass.
const PIECE_TERMS: usize = 192;

/// Cubes along an axis of the grid in WebGPU.
const GRID_AXIS: usize = 65_535;

impl Tile {
    const fn rows(&self) -> usize {
        4 * self.units[0] * self.quads[0]
    }

    const fn columns(&self) -> usize {
        4 * self.units[1] * self.quads[1]
    }

    /// Cubes along the columns and the rows.
    fn cubes(&self, rows: usize, columns: usize) -> [usize; 2] {
        [columns.div_ceil(self.columns()), rows.div_ceil(self.rows())]
    }

    /// The tile for a product, and in how many pieces its sums are made.
    pub(super) fn choose(
        rows: usize,
        columns: usize,
        terms: usize,
        batches: usize,
    ) -> (Self, usize) {
        let tile = if rows.min(columns) <= SMALL.rows() { SMALL } else { LARGE };
        let [x, y] = tile.cubes(rows, columns);
        let pieces = (BUSY / (x * y * batches).max(1)).min(terms / PIECE_TERMS);
        (tile, pieces.max(1))
    }
}

/// Where the values of a factor lie: those of a line follow each other either along the line, the
/// summed axis, or across the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// Whether neighbours of the summed axis are neighbours in memory.
    along: bool,
    /// Values from one line, or one place of the summed axis, to the next.
    stride: usize,
    /// Values from one batch to the next, of the outer and the inner axis.
    batch: [usize; 2],
    /// Whether quads can be read at once.
    wide: bool,
}

/// A factor of a product: lines of terms.
struct Factor {
    x: CubeTensor,
    lines: usize,
    terms: usize,
    layout: Layout,
}

impl Factor {
    /// `x` `[.., lines, terms]`, or `[.., terms, lines]` where `turned`; read where it lies, unless
    /// neither of its last two axes has its values next to each other.
    fn new(x: CubeTensor, turned: bool) -> Self {
        let layout = Layout::of(&x, turned);
        let (x, layout) = match layout {
            Some(layout) => (x, layout),
            None => {
                let x = into_contiguous(x);
                let layout = Layout::of(&x, turned).expect("values of a line lie together now");
                (x, layout)
            }
        };
        let [lines, terms] = last_axes(x.meta.shape(), turned);
        Self { x, lines, terms, layout }
    }
}

/// Lines and terms among the sizes or strides of a factor.
fn last_axes(values: &[usize], turned: bool) -> [usize; 2] {
    let [.., a, b] = values else { unreachable!("factors have two axes or more") };
    if turned { [*b, *a] } else { [*a, *b] }
}

impl Layout {
    fn of(x: &CubeTensor, turned: bool) -> Option<Self> {
        let (shape, strides) = (x.meta.shape(), x.meta.strides());
        let [lines, terms] = last_axes(shape, turned);
        let (along, stride, together) = match last_axes(strides, turned) {
            [stride, 1] => (true, stride, terms),
            [1, stride] => (false, stride, lines),
            _ => return None,
        };
        let batch = match &strides[..strides.len() - 2] {
            [] => [0, 0],
            [outer] => [*outer, 0],
            [outer, inner] => [*outer, *inner],
            _ => return None,
        };
        let wide = [stride, batch[0], batch[1], together].iter().all(|n| n % 4 == 0);
        Some(Self { along, stride, batch, wide })
    }
}

/// `a b^T`: `a` of lines `[.., m, k]`, `b` of lines `[.., n, k]` -> `shape` `[.., m, n]`, the sums in
/// `pieces`.
fn product(a: &Factor, b: &Factor, shape: Shape, tile: Tile, pieces: usize) -> CubeTensor {
    let (rows, columns, terms) = (a.lines, b.lines, a.terms);
    let total = shape.num_elements();
    let batches = total / (rows * columns);
    let inner = if shape.num_dims() == 4 { shape[1] } else { 1 };
    let piece_terms = terms.div_ceil(pieces).next_multiple_of(DEPTH);
    let pieces = terms.div_ceil(piece_terms);
    let out = match pieces {
        1 => unwritten(&a.x, shape.clone()),
        _ => unwritten(&a.x, [pieces, total]),
    };
    let [x, y] = tile.cubes(rows, columns);
    let [x, y, z] = [x, y, pieces * batches].map(|n| n as u32);
    let wide = columns.is_multiple_of(4);
    let size = |wide| if wide { 4 } else { 1 };
    #[allow(unsafe_code, reason = "a launch without checks of indices")]
    // SAFETY: units read inside the lines and terms of a factor and write inside rows and columns.
    unsafe {
        product_kernel::launch_unchecked(
            &a.x.client,
            CubeCount::Static(x, y, z),
            CubeDim::new_2d(tile.units[1] as u32, tile.units[0] as u32),
            size(a.layout.wide),
            size(b.layout.wide),
            size(wide),
            a.x.clone().into_buffer_arg(),
            b.x.clone().into_buffer_arg(),
            out.clone().into_buffer_arg(),
            rows,
            columns,
            terms,
            piece_terms,
            batches,
            inner,
            a.layout.stride,
            a.layout.batch[0],
            a.layout.batch[1],
            b.layout.stride,
            b.layout.batch[0],
            b.layout.batch[1],
            tile,
            (a.layout.along, a.layout.wide),
            (b.layout.along, b.layout.wide),
            wide,
        );
    }
    if pieces == 1 { out } else { sum_rows(out, pieces, shape) }
}

/// Shape of the product of `a` and `b`, each turned by its last two axes first where it says so.
fn product_shape(a: &Shape, b: &Shape, [turned_a, turned_b]: [bool; 2]) -> Shape {
    let axes = a.num_dims();
    let mut shape = a.clone();
    shape[axes - 2] = last_axes(a, turned_a)[0];
    shape[axes - 1] = last_axes(b, turned_b)[1];
    shape
}

/// `a b` of tensors of f32 on a GPU, each turned by its last two axes first where `turned` says so;
/// differentiable. At most two axes of batches, the same ones in both.
pub(crate) fn matmul<const D: usize>(a: Tensor<D>, b: Tensor<D>, turned: [bool; 2]) -> Tensor<D> {
    let (a, b) = (a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(<Dispatch as ProductCalls>::product(a, b, turned))
}

/// Calls of products by a backend.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"), Autodiff)]
trait ProductCalls: Backend {
    /// `a b`, each turned first where `turned` says so.
    #[fusion(dtype = a, shape = product_shape(a, b, *turned))]
    fn product(a: FloatTensor<Self>, b: FloatTensor<Self>, turned: [bool; 2]) -> FloatTensor<Self>;
}

impl ProductCalls for CubeBackend {
    fn product(a: CubeTensor, b: CubeTensor, turned: [bool; 2]) -> CubeTensor {
        let shape = product_shape(a.meta.shape(), b.meta.shape(), turned);
        let axes = shape.num_dims();
        let batches: usize = shape[..axes - 2].iter().product();
        let [rows, terms] = last_axes(a.meta.shape(), turned[0]);
        let columns = shape[axes - 1];
        let (tile, pieces) = Tile::choose(rows, columns, terms, batches.max(1));
        let [x, y] = tile.cubes(rows, columns);
        // Nothing to add up, or more than the grid has room for.
        if shape.num_elements() == 0 || terms == 0 || x.max(y).max(batches) > GRID_AXIS {
            let turn = |x, turned| match turned {
                true => CubeBackend::float_swap_dims(x, axes - 2, axes - 1),
                false => x,
            };
            return CubeBackend::float_matmul(turn(a, turned[0]), turn(b, turned[1]));
        }
        let (a, b) = (Factor::new(a, turned[0]), Factor::new(b, !turned[1]));
        product(&a, &b, shape, tile, pieces)
    }
}

/// Backward pass of [`ProductCalls::product`].
#[derive(Debug)]
struct Back;

impl<B: ProductCalls> Backward<B, 2> for Back {
    type State = (FloatTensor<B>, FloatTensor<B>, [bool; 2]);

    /// With `A` and `B` as they are multiplied: `dA = dy B^T`, `dB = A^T dy`, each made the way its
    /// tensor is turned.
    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [a_node, b_node] = ops.parents;
        let dy = grads.consume::<B>(&ops.node);
        let (a, b, [turned_a, turned_b]) = ops.state;
        if let Some(node) = a_node {
            let (dy, b) = (dy.clone(), b);
            let da = match turned_a {
                false => B::product(dy, b, [false, !turned_b]),
                true => B::product(b, dy, [turned_b, true]),
            };
            grads.register::<B>(node.id, da);
        }
        if let Some(node) = b_node {
            let db = match turned_b {
                false => B::product(a, dy, [!turned_a, false]),
                true => B::product(dy, a, [true, turned_a]),
            };
            grads.register::<B>(node.id, db);
        }
    }
}

impl<B: ProductCalls, C: CheckpointStrategy> ProductCalls for Autodiff<B, C> {
    fn product(a: FloatTensor<Self>, b: FloatTensor<Self>, turned: [bool; 2]) -> FloatTensor<Self> {
        let prep = Back.prepare::<C>([a.node(), b.node()]).compute_bound().stateful();
        let (a, b) = (a.into_primitive(), b.into_primitive());
        match prep {
            OpsKind::Tracked(prep) => {
                let out = B::product(a.clone(), b.clone(), turned);
                prep.finish((a, b, turned), out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::product(a, b, turned)),
        }
    }
}
