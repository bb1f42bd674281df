//! The rotary embedding: a unit a pair of values, see `cpu::rotate`.

use super::{grid, row_shape, rows_of, unwritten};
use crate::attention::Heads;
use crate::in_place::Pass;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, cubecl};

/// Rotates the query and key heads of `[tokens, width]`; `cos`, `sin` are `[tokens, 1, half]`.
pub(crate) fn rotate_qk(qkv: Tensor<2>, cos: Tensor<3>, sin: Tensor<3>, heads: Heads) -> Tensor<2> {
    let (qkv, cos, sin) = (qkv.into_dispatch(), cos.into_dispatch(), sin.into_dispatch());
    let out = <Dispatch as RotateCalls>::rotate(qkv, cos, sin, heads, Pass::Forward);
    Tensor::from_dispatch(out)
}

#[cube(launch_unchecked)]
fn rotate_kernel(
    x: &[f32],
    cos: &[f32],
    sin: &[f32],
    out: &mut [f32],
    total: usize,
    sign: f32,
    #[comptime] heads: usize,
    #[comptime] turned: usize,
    #[comptime] half: usize,
) {
    if ABSOLUTE_POS < total {
        let head = ABSOLUTE_POS / half;
        let pair = ABSOLUTE_POS - head * half;
        let first = ABSOLUTE_POS + head * half;
        let (x1, x2) = (x[first], x[first + half]);
        let token = head / heads;
        if head - token * heads < turned {
            let factor = token * half + pair;
            let (c, s) = (cos[factor], sign * sin[factor]);
            out[first] = x1 * c - x2 * s;
            out[first + half] = x2 * c + x1 * s;
        } else {
            out[first] = x1;
            out[first + half] = x2;
        }
    }
}

/// Calls of the rotation and of its backward pass, the rotation the other way, by a backend.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"), Autodiff)]
trait RotateCalls: Backend {
    #[fusion(dtype = x, shape = x)]
    fn rotate(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        heads: Heads,
        pass: Pass,
    ) -> FloatTensor<Self>;
}

impl RotateCalls for CubeBackend {
    fn rotate(
        x: CubeTensor,
        cos: CubeTensor,
        sin: CubeTensor,
        heads: Heads,
        pass: Pass,
    ) -> CubeTensor {
        let [x, cos, sin] = [x, cos, sin].map(rows_of);
        let Heads { heads: h, kv_heads, head_dim } = heads;
        let (tokens, width) = row_shape(&x);
        let out = unwritten(&x, [tokens, width]);
        let total = tokens * width / 2;
        let (count, dim) = grid(total);
        let sign = match pass {
            Pass::Forward => 1.0,
            Pass::Backward => -1.0,
        };
        #[allow(unsafe_code, reason = "a launch without checks of indices")]
        // SAFETY: units past `total` do nothing; the others have a pair of values each.
        unsafe {
            rotate_kernel::launch_unchecked(
                &out.client,
                count,
                dim,
                x.into_buffer_arg(),
                cos.into_buffer_arg(),
                sin.into_buffer_arg(),
                out.clone().into_buffer_arg(),
                total,
                sign,
                h + 2 * kv_heads,
                h + kv_heads,
                head_dim / 2,
            );
        }
        out
    }
}

/// Backward pass of [`RotateCalls::rotate`].
#[derive(Debug)]
struct Back;

impl<B: RotateCalls> Backward<B, 1> for Back {
    type State = (FloatTensor<B>, FloatTensor<B>, Heads);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [node] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (cos, sin, heads) = ops.state;
        if let Some(node) = node {
            grads.register::<B>(node.id, B::rotate(grad, cos, sin, heads, Pass::Backward));
        }
    }
}

impl<B: RotateCalls, C: CheckpointStrategy> RotateCalls for Autodiff<B, C> {
    fn rotate(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        heads: Heads,
        pass: Pass,
    ) -> FloatTensor<Self> {
        let prep = Back.prepare::<C>([x.node()]).compute_bound().stateful();
        let [x, cos, sin] = [x, cos, sin].map(|tensor| tensor.into_primitive());
        let out = B::rotate(x, cos.clone(), sin.clone(), heads, pass);
        match prep {
            OpsKind::Tracked(prep) => prep.finish((cos, sin, heads), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }
}
