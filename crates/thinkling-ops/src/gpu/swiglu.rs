//! SwiGLU: a unit a value, see `cpu::swiglu`.

use super::{Kernels, grid, row_shape, unwritten};
use crate::cpu::swiglu::SwiGlu;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

#[cube(launch_unchecked)]
fn swiglu_kernel(x: &[f32], out: &mut [f32], total: usize, width: usize) {
    if ABSOLUTE_POS < total {
        let row = ABSOLUTE_POS / width;
        // `2 * row * width + column`.
        let gate = ABSOLUTE_POS + row * width;
        let (g, u) = (x[gate], x[gate + width]);
        out[ABSOLUTE_POS] = g / (1.0 + f32::exp(-g)) * u;
    }
}

#[cube(launch_unchecked)]
fn swiglu_backward_kernel(x: &[f32], dy: &[f32], dx: &mut [f32], total: usize, width: usize) {
    if ABSOLUTE_POS < total {
        let row = ABSOLUTE_POS / width;
        let gate = ABSOLUTE_POS + row * width;
        let (g, u, dy) = (x[gate], x[gate + width], dy[ABSOLUTE_POS]);
        let s = 1.0 / (1.0 + f32::exp(-g));
        dx[gate] = dy * u * s * (1.0 + g * (1.0 - s));
        dx[gate + width] = dy * g * s;
    }
}

impl Kernels for SwiGlu {
    fn forward(&self, inputs: &[CubeTensor]) -> CubeTensor {
        let x = &inputs[0];
        let rows = row_shape(x).0;
        let out = unwritten(x, [rows, self.width]);
        let total = rows * self.width;
        let (count, dim) = grid(total);
        #[allow(unsafe_code, reason = "a launch without checks of indices")]
        // SAFETY: units past `total` do nothing; `x` has two values for each of the others.
        unsafe {
            swiglu_kernel::launch_unchecked(
                &x.client,
                count,
                dim,
                x.clone().into_buffer_arg(),
                out.clone().into_buffer_arg(),
                total,
                self.width,
            );
        }
        out
    }

    fn backward(
        &self,
        inputs: &[CubeTensor],
        grad: CubeTensor,
        _wanted: &[bool],
    ) -> Vec<CubeTensor> {
        let x = &inputs[0];
        let rows = row_shape(x).0;
        let dx = unwritten(x, [rows, 2 * self.width]);
        let total = rows * self.width;
        let (count, dim) = grid(total);
        #[allow(unsafe_code, reason = "a launch without checks of indices")]
        // SAFETY: units past `total` do nothing; `x` and `dx` have two values for each other one.
        unsafe {
            swiglu_backward_kernel::launch_unchecked(
                &x.client,
                count,
                dim,
                x.clone().into_buffer_arg(),
                grad.into_buffer_arg(),
                dx.clone().into_buffer_arg(),
                total,
                self.width,
            );
        }
        vec![dx]
    }
}
