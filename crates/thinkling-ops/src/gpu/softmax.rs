//! Softmax of masked scores and normalisers of logits: a cube a row.

use super::reduce::{cube_max, cube_sum, units};
use super::{cubes, row_shape, rows_of, unwritten};
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
#[cfg(feature = "fusion")]
use burn::tensor::Shape;
use burn::tensor::Tensor;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, cubecl};

/// Below every number that counts; its difference from another one is finite.
const LEAST: f32 = -1e38;

/// `softmax(scale scores + bias)` over the last axis of tensors of f32 on a GPU; the bias has no
/// gradient.
///
/// # Shapes
/// `scores` `[batch, heads, queries, keys]`, `bias` `[batch or 1, 1, queries, keys]` -> as `scores`.
pub(crate) fn masked_softmax(scores: Tensor<4>, bias: Tensor<4>, scale: f32) -> Tensor<4> {
    let (scores, bias) = (scores.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(<Dispatch as SoftmaxCalls>::masked_softmax(scores, bias, scale))
}

/// `ln sum exp z` and the entropy of each row's softmax, of tensors of f32 on a GPU. No gradient.
///
/// # Shapes
/// `[rows, width]` -> `[rows, 2]`.
pub(crate) fn normalisers(logits: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as SoftmaxCalls>::normalisers(logits.into_dispatch()))
}

#[cube(launch_unchecked)]
fn masked_softmax_kernel(
    scores: &[f32],
    bias: &[f32],
    out: &mut [f32],
    rows: usize,
    width: usize,
    queries: usize,
    batch_rows: usize,
    bias_batch: usize,
    scale: f32,
    #[comptime] units: u32,
) {
    let mut maxima = Shared::<[f32]>::new_slice(units as usize);
    let mut sums = Shared::<[f32]>::new_slice(units as usize);
    let row = CUBE_POS;
    // Cubes without a row go through all barriers, as every unit must.
    let columns = select(row < rows, width, 0usize);
    let start = row * width;
    let bias_start = (row / batch_rows * bias_batch + row % queries) * width;
    let step = comptime!(units as usize);

    let mut top = LEAST.runtime();
    let mut i = UNIT_POS as usize;
    while i < columns {
        let z = scores[start + i] * scale + bias[bias_start + i];
        out[start + i] = z;
        top = max(top, z);
        i += step;
    }
    let top = cube_max(top, &mut maxima, units);
    let mut sum = 0.0f32;
    let mut i = UNIT_POS as usize;
    while i < columns {
        let e = f32::exp(out[start + i] - top);
        out[start + i] = e;
        sum += e;
        i += step;
    }
    let factor = 1.0 / cube_sum(sum, &mut sums, units);
    let mut i = UNIT_POS as usize;
    while i < columns {
        out[start + i] *= factor;
        i += step;
    }
}

/// `scale p (dp - sum p dp)`.
#[cube(launch_unchecked)]
fn softmax_backward_kernel(
    probs: &[f32],
    grad: &[f32],
    out: &mut [f32],
    rows: usize,
    width: usize,
    scale: f32,
    #[comptime] units: u32,
) {
    let mut sums = Shared::<[f32]>::new_slice(units as usize);
    let row = CUBE_POS;
    let columns = select(row < rows, width, 0usize);
    let start = row * width;
    let step = comptime!(units as usize);

    let mut sum = 0.0f32;
    let mut i = UNIT_POS as usize;
    while i < columns {
        sum += probs[start + i] * grad[start + i];
        i += step;
    }
    let mean = cube_sum(sum, &mut sums, units);
    let mut i = UNIT_POS as usize;
    while i < columns {
        out[start + i] = scale * probs[start + i] * (grad[start + i] - mean);
        i += step;
    }
}

/// With `m = max z` and `s = sum exp(z - m)`: `ln s + m` and `ln s - sum exp(z - m) (z - m) / s`.
#[cube(launch_unchecked)]
fn normalisers_kernel<N: Size>(
    logits: &[Vector<f32, N>],
    out: &mut [f32],
    rows: usize,
    width: usize,
    #[comptime] lanes: usize,
    #[comptime] units: u32,
) {
    let mut maxima = Shared::<[f32]>::new_slice(units as usize);
    let mut sums = Shared::<[f32]>::new_slice(units as usize);
    let mut products = Shared::<[f32]>::new_slice(units as usize);
    let row = CUBE_POS;
    let columns = select(row < rows, width / lanes, 0usize);
    let start = row * (width / lanes);
    let step = comptime!(units as usize);

    let mut top = LEAST.runtime();
    let mut i = UNIT_POS as usize;
    while i < columns {
        let z = logits[start + i];
        #[unroll]
        for lane in 0..lanes {
            top = max(top, z.extract(lane));
        }
        i += step;
    }
    let top = cube_max(top, &mut maxima, units);
    let mut sum = 0.0f32;
    let mut product = 0.0f32;
    let mut i = UNIT_POS as usize;
    while i < columns {
        let z = logits[start + i];
        #[unroll]
        for lane in 0..lanes {
            let below = z.extract(lane) - top;
            let e = f32::exp(below);
            sum += e;
            product += e * below;
        }
        i += step;
    }
    let sum = cube_sum(sum, &mut sums, units);
    let product = cube_sum(product, &mut products, units);
    if row < rows && UNIT_POS == 0 {
        let log = f32::ln(sum);
        out[2 * row] = log + top;
        out[2 * row + 1] = log - product / sum;
    }
}

/// Calls of these by a backend.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"), Autodiff)]
trait SoftmaxCalls: Backend {
    #[fusion(dtype = scores, shape = scores)]
    fn masked_softmax(
        scores: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        scale: f32,
    ) -> FloatTensor<Self>;
    /// Gradient of the scores from the probabilities and their gradient.
    #[fusion(dtype = probs, shape = probs)]
    fn softmax_backward(
        probs: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        scale: f32,
    ) -> FloatTensor<Self>;
    #[fusion(dtype = logits, shape = Shape::from([logits[0], 2]))]
    fn normalisers(logits: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl SoftmaxCalls for CubeBackend {
    fn masked_softmax(scores: CubeTensor, bias: CubeTensor, scale: f32) -> CubeTensor {
        let (scores, bias) = (rows_of(scores), rows_of(bias));
        let (shape, (rows, width)) = (scores.meta.shape().clone(), row_shape(&scores));
        let queries = shape[2];
        let bias_batch = if bias.meta.shape()[0] == 1 { 0 } else { queries };
        let out = unwritten(&scores, shape.clone());
        let units = units(width);
        #[allow(unsafe_code, reason = "a launch without checks of indices")]
        // SAFETY: a cube reads and writes the values of its row and reads those of its bias, none
        // past `rows`.
        unsafe {
            masked_softmax_kernel::launch_unchecked(
                &out.client,
                cubes(rows),
                CubeDim::new_1d(units),
                scores.into_buffer_arg(),
                bias.into_buffer_arg(),
                out.clone().into_buffer_arg(),
                rows,
                width,
                queries,
                shape[1] * queries,
                bias_batch,
                scale,
                units,
            );
        }
        out
    }

    fn softmax_backward(probs: CubeTensor, grad: CubeTensor, scale: f32) -> CubeTensor {
        let (probs, grad) = (rows_of(probs), rows_of(grad));
        let (rows, width) = row_shape(&probs);
        let out = unwritten(&probs, probs.meta.shape().clone());
        let units = units(width);
        #[allow(unsafe_code, reason = "a launch without checks of indices")]
        // SAFETY: as above.
        unsafe {
            softmax_backward_kernel::launch_unchecked(
                &out.client,
                cubes(rows),
                CubeDim::new_1d(units),
                probs.into_buffer_arg(),
                grad.into_buffer_arg(),
                out.clone().into_buffer_arg(),
                rows,
                width,
                scale,
                units,
            );
        }
        out
    }

    fn normalisers(logits: CubeTensor) -> CubeTensor {
        let logits = rows_of(logits);
        let (rows, width) = row_shape(&logits);
        let out = unwritten(&logits, [rows, 2]);
        let lanes = if width.is_multiple_of(4) { 4 } else { 1 };
        let units = units(width);
        #[allow(unsafe_code, reason = "a launch without checks of indices")]
        // SAFETY: a cube reads the values of its row and writes two, none past `rows`.
        unsafe {
            normalisers_kernel::launch_unchecked(
                &out.client,
                cubes(rows),
                CubeDim::new_1d(units),
                lanes,
                logits.into_buffer_arg(),
                out.clone().into_buffer_arg(),
                rows,
                width,
                lanes,
                units,
            );
        }
        out
    }
}

/// Backward pass of [`SoftmaxCalls::masked_softmax`].
#[derive(Debug)]
struct Back;

impl<B: SoftmaxCalls> Backward<B, 1> for Back {
    type State = (FloatTensor<B>, f32);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [node] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (probs, scale) = ops.state;
        if let Some(node) = node {
            grads.register::<B>(node.id, B::softmax_backward(probs, grad, scale));
        }
    }
}

impl<B: SoftmaxCalls, C: CheckpointStrategy> SoftmaxCalls for Autodiff<B, C> {
    fn masked_softmax(
        scores: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        scale: f32,
    ) -> FloatTensor<Self> {
        let prep = Back.prepare::<C>([scores.node()]).compute_bound().stateful();
        let out = B::masked_softmax(scores.into_primitive(), bias.into_primitive(), scale);
        match prep {
            OpsKind::Tracked(prep) => prep.finish((out.clone(), scale), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn softmax_backward(
        _probs: FloatTensor<Self>,
        _grad: FloatTensor<Self>,
        _scale: f32,
    ) -> FloatTensor<Self> {
        unreachable!("a gradient of a gradient was asked for, which has none")
    }

    fn normalisers(_logits: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("normalisers are for tensors without a graph")
    }
}
