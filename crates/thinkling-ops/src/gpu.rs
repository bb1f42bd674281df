//! Kernels for GPUs, in CubeCL: one file an operation. No atomic sums and no subgroups, so that a
//! result is the same in each run and browsers run them too.

pub(crate) mod adamw;
#[cfg(test)]
mod checks;
pub(crate) mod product;
mod reduce;
pub(crate) mod rms_norm;
pub(crate) mod rotate;
pub(crate) mod rows;
pub(crate) mod softmax;
pub(crate) mod swiglu;

use crate::host::{Function, HostCalls};
use burn::backend::DispatchDevice;
use burn::tensor::{DType, Device, Shape, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::prelude::{CubeCount, CubeDim};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

/// Whether tensors of `device` have kernels.
pub(crate) fn runs_on(device: &Device) -> bool {
    matches!(device.clone().inner().as_dispatch(), DispatchDevice::Cube(_))
}

/// Whether the kernels apply to `x`.
pub(crate) fn is_f32<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && runs_on(&x.device())
}

/// Passes of a function on tensors of f32 that lie in rows.
pub(crate) trait Kernels {
    /// The output.
    fn forward(&self, inputs: &[CubeTensor]) -> CubeTensor;
    /// Gradients of the inputs that are wanted; of another one, anything of its shape.
    fn backward(&self, inputs: &[CubeTensor], grad: CubeTensor, wanted: &[bool])
    -> Vec<CubeTensor>;
}

/// Units of a cube of kernels whose units do not depend on each other.
const UNITS: u32 = 256;

/// Cubes a row of the grid; WebGPU allows 65,535.
const GRID_ROW: u32 = 32_768;

/// Cubes for `units` units that do not depend on each other, and their dimension.
fn grid(units: usize) -> (CubeCount, CubeDim) {
    (cubes(units.div_ceil(UNITS as usize)), CubeDim::new_1d(UNITS))
}

/// A grid of at least `count` cubes: kernels look whether theirs is one of them.
fn cubes(count: usize) -> CubeCount {
    let count = u32::try_from(count).expect("a tensor's rows fit into 32 bits");
    let rows = count.div_ceil(GRID_ROW);
    CubeCount::Static(count.div_ceil(rows.max(1)), rows, 1)
}

/// `x` in rows.
///
/// # Panics
/// Where it is not of f32.
pub(crate) fn rows_of(x: CubeTensor) -> CubeTensor {
    assert_eq!(x.dtype, DType::F32, "the kernels work on f32");
    into_contiguous(x)
}

/// A tensor of f32 on the device of `like` whose values are still to be written.
pub(crate) fn unwritten(like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    empty_device_contiguous_dtype(client, device, shape.into(), DType::F32)
}

/// Size of the last axis and the number of rows over it.
fn row_shape(x: &CubeTensor) -> (usize, usize) {
    let shape = x.meta.shape();
    let width = shape[shape.num_dims() - 1];
    (shape.num_elements() / width.max(1), width)
}

fn backward<const N: usize>(
    function: &Function,
    inputs: [CubeTensor; N],
    grad: CubeTensor,
    wanted: &[bool],
) -> [CubeTensor; N] {
    let grads = function.kernels().backward(&inputs.map(rows_of), rows_of(grad), wanted);
    grads.try_into().expect("a gradient for each input")
}

impl HostCalls for CubeBackend {
    fn host_call1(x: CubeTensor, function: Function) -> CubeTensor {
        function.kernels().forward(&[rows_of(x)])
    }

    fn host_call2(x: CubeTensor, w: CubeTensor, function: Function) -> CubeTensor {
        function.kernels().forward(&[x, w].map(rows_of))
    }

    fn host_call4(
        x: CubeTensor,
        w: CubeTensor,
        a: CubeTensor,
        b: CubeTensor,
        function: Function,
    ) -> CubeTensor {
        function.kernels().forward(&[x, w, a, b].map(rows_of))
    }

    fn host_grad1(x: CubeTensor, grad: CubeTensor, function: Function) -> CubeTensor {
        let [dx] = backward(&function, [x], grad, &[true]);
        dx
    }

    fn host_grad2(
        x: CubeTensor,
        w: CubeTensor,
        grad: CubeTensor,
        function: Function,
        wanted: [bool; 2],
    ) -> (CubeTensor, CubeTensor) {
        let [dx, dw] = backward(&function, [x, w], grad, &wanted);
        (dx, dw)
    }

    fn host_grad4(
        x: CubeTensor,
        w: CubeTensor,
        a: CubeTensor,
        b: CubeTensor,
        grad: CubeTensor,
        function: Function,
        [dx, da, db]: [bool; 3],
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let [dx, _, da, db] = backward(&function, [x, w, a, b], grad, &[dx, false, da, db]);
        (dx, da, db)
    }
}
