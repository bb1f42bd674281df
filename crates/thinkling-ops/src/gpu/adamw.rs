//! AdamW, a unit a value, and sums of squares, a cube some values. See `crate::adamw`.

use super::reduce::cube_sum;
use super::{UNITS, grid, rows_of, unwritten};
use crate::adamw::AdamWFactors;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
#[cfg(feature = "fusion")]
use burn::tensor::Shape;
use burn::tensor::Tensor;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, cubecl};

/// Values of a unit of [`squares`], where not all cubes are taken yet.
const UNIT_VALUES: usize = 8;

/// Sums that [`squares`] makes at most.
const MOST_SUMS: usize = 256;

/// Updated weight and moments of weight, gradient and moments.
pub(crate) fn adamw(tensors: [Tensor<1>; 4], factors: AdamWFactors) -> (Tensor<1>, [Tensor<1>; 2]) {
    let [weight, grad, m, v] = tensors.map(|x| x.inner().into_dispatch());
    let (weight, m, v) = <Dispatch as AdamWCalls>::adamw(weight, grad, m, v, factors);
    let [weight, m, v] = [weight, m, v].map(Tensor::from_dispatch);
    (weight, [m, v])
}

/// Sums of squares of parts of `x`.
pub(crate) fn squares(x: Tensor<1>) -> Tensor<1> {
    Tensor::from_dispatch(<Dispatch as AdamWCalls>::squares(x.inner().into_dispatch()))
}

fn sums(values: usize) -> usize {
    values.div_ceil(UNITS as usize * UNIT_VALUES).clamp(1, MOST_SUMS)
}

#[cube(launch_unchecked)]
fn adamw_kernel(
    weight: &[f32],
    grad: &[f32],
    m: &[f32],
    v: &[f32],
    new_weight: &mut [f32],
    new_m: &mut [f32],
    new_v: &mut [f32],
    total: usize,
    clip: f32,
    beta1: f32,
    beta2: f32,
    keep: f32,
    rate: f32,
    second: f32,
    eps: f32,
) {
    let i = ABSOLUTE_POS;
    if i < total {
        let g = grad[i] * clip;
        let m = beta1 * m[i] + (1.0 - beta1) * g;
        let v = beta2 * v[i] + (1.0 - beta2) * g * g;
        new_m[i] = m;
        new_v[i] = v;
        new_weight[i] = keep * weight[i] - rate * m / (f32::sqrt(v * second) + eps);
    }
}

#[cube(launch_unchecked)]
fn squares_kernel(x: &[f32], out: &mut [f32], total: usize, #[comptime] units: u32) {
    let mut shared = Shared::<[f32]>::new_slice(units as usize);
    let step = CUBE_COUNT * comptime!(units as usize);
    let mut sum = 0.0f32;
    let mut i = ABSOLUTE_POS;
    while i < total {
        let x = x[i];
        sum += x * x;
        i += step;
    }
    let sum = cube_sum(sum, &mut shared, units);
    if UNIT_POS == 0 {
        out[CUBE_POS] = sum;
    }
}

/// Calls of these by a backend.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"), Autodiff)]
trait AdamWCalls: Backend {
    #[fusion(meta = |weight, _, m, v, _| (weight.clone(), m.clone(), v.clone()))]
    fn adamw(
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        m: FloatTensor<Self>,
        v: FloatTensor<Self>,
        factors: AdamWFactors,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    #[fusion(dtype = x, shape = Shape::from([sums(x[0])]))]
    fn squares(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl AdamWCalls for CubeBackend {
    fn adamw(
        weight: CubeTensor,
        grad: CubeTensor,
        m: CubeTensor,
        v: CubeTensor,
        factors: AdamWFactors,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let [weight, grad, m, v] = [weight, grad, m, v].map(rows_of);
        let total = weight.meta.shape().num_elements();
        let [new_weight, new_m, new_v] = [(); 3].map(|()| unwritten(&weight, [total]));
        let (count, dim) = grid(total);
        #[allow(unsafe_code, reason = "a launch without checks of indices")]
        // SAFETY: units past `total`, the length of all tensors, do nothing.
        unsafe {
            adamw_kernel::launch_unchecked(
                &new_m.client,
                count,
                dim,
                weight.into_buffer_arg(),
                grad.into_buffer_arg(),
                m.into_buffer_arg(),
                v.into_buffer_arg(),
                new_weight.clone().into_buffer_arg(),
                new_m.clone().into_buffer_arg(),
                new_v.clone().into_buffer_arg(),
                total,
                factors.clip,
                factors.beta1,
                factors.beta2,
                factors.keep,
                factors.rate,
                factors.second,
                factors.eps,
            );
        }
        (new_weight, new_m, new_v)
    }

    fn squares(x: CubeTensor) -> CubeTensor {
        let x = rows_of(x);
        let total = x.meta.shape().num_elements();
        let sums = sums(total);
        let out = unwritten(&x, [sums]);
        #[allow(unsafe_code, reason = "a launch without checks of indices")]
        // SAFETY: units read below `total`, and each cube writes its sum.
        unsafe {
            squares_kernel::launch_unchecked(
                &out.client,
                CubeCount::Static(sums as u32, 1, 1),
                CubeDim::new_1d(UNITS),
                x.into_buffer_arg(),
                out.clone().into_buffer_arg(),
                total,
                UNITS,
            );
        }
        out
    }
}

impl<B: AdamWCalls, C: CheckpointStrategy> AdamWCalls for Autodiff<B, C> {
    fn adamw(
        _weight: FloatTensor<Self>,
        _grad: FloatTensor<Self>,
        _m: FloatTensor<Self>,
        _v: FloatTensor<Self>,
        _factors: AdamWFactors,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("updates are for tensors without a graph")
    }

    fn squares(_x: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("sums of squares are for tensors without a graph")
    }
}
