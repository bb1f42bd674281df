//! RMSNorm: a cube a row; the weight's gradient by two passes of column sums. See `cpu::rms_norm`.

use super::reduce::{cube_sum, sum_rows, units};
use super::{Kernels, cubes, grid, row_shape, unwritten};
use crate::cpu::rms_norm::RmsNorm;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

#[cube(launch_unchecked)]
fn rms_norm_kernel(
    x: &[f32],
    w: &[f32],
    out: &mut [f32],
    rows: usize,
    width: usize,
    eps: f32,
    #[comptime] units: u32,
) {
    let mut shared = Shared::<[f32]>::new_slice(units as usize);
    let row = CUBE_POS;
    // Cubes without a row go through all barriers, as every unit must.
    let columns = select(row < rows, width, 0usize);
    let start = row * width;
    let step = comptime!(units as usize);

    let mut sum = 0.0f32;
    let mut i = UNIT_POS as usize;
    while i < columns {
        let x = x[start + i];
        sum += x * x;
        i += step;
    }
    let sum = cube_sum(sum, &mut shared, units);
    let inverse = 1.0 / f32::sqrt(sum / f32::cast_from(width) + eps);
    let mut i = UNIT_POS as usize;
    while i < columns {
        out[start + i] = x[start + i] * inverse * w[i];
        i += step;
    }
}

#[cube(launch_unchecked)]
fn rms_norm_input_kernel(
    x: &[f32],
    w: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    inverses: &mut [f32],
    rows: usize,
    width: usize,
    eps: f32,
    #[comptime] units: u32,
) {
    let mut squares = Shared::<[f32]>::new_slice(units as usize);
    let mut products = Shared::<[f32]>::new_slice(units as usize);
    let row = CUBE_POS;
    let columns = select(row < rows, width, 0usize);
    let start = row * width;
    let step = comptime!(units as usize);

    let mut square = 0.0f32;
    let mut product = 0.0f32;
    let mut i = UNIT_POS as usize;
    while i < columns {
        let x = x[start + i];
        square += x * x;
        product += x * dy[start + i] * w[i];
        i += step;
    }
    let square = cube_sum(square, &mut squares, units);
    let product = cube_sum(product, &mut products, units);
    let count = f32::cast_from(width);
    let inverse = 1.0 / f32::sqrt(square / count + eps);
    let k = inverse * inverse * product / count;
    let mut i = UNIT_POS as usize;
    while i < columns {
        dx[start + i] = inverse * (dy[start + i] * w[i] - x[start + i] * k);
        i += step;
    }
    if row < rows && UNIT_POS == 0 {
        inverses[row] = inverse;
    }
}

/// `partial[piece, column]`: sum of `dy x / rms` over the rows of a piece.
#[cube(launch_unchecked)]
fn rms_norm_weight_kernel(
    x: &[f32],
    dy: &[f32],
    inverses: &[f32],
    partial: &mut [f32],
    total: usize,
    rows: usize,
    width: usize,
    piece_rows: usize,
) {
    if ABSOLUTE_POS < total {
        let piece = ABSOLUTE_POS / width;
        let column = ABSOLUTE_POS - piece * width;
        let from = piece * piece_rows;
        let past = from + piece_rows;
        let to = select(past < rows, past, rows);
        let mut sum = 0.0f32;
        let mut row = from;
        while row < to {
            let i = row * width + column;
            sum += dy[i] * x[i] * inverses[row];
            row += 1;
        }
        partial[ABSOLUTE_POS] = sum;
    }
}

/// `dw` from the rows' factors `1 / rms`.
fn weight_grad(x: &CubeTensor, grad: CubeTensor, inverses: CubeTensor) -> CubeTensor {
    let (rows, width) = row_shape(x);
    // As many rows a piece as pieces, so that neither pass is long.
    let piece_rows = rows.isqrt().max(1);
    let pieces = rows.div_ceil(piece_rows);
    let partial = unwritten(x, [pieces, width]);
    let total = pieces * width;
    let (count, dim) = grid(total);
    #[allow(unsafe_code, reason = "a launch without checks of indices")]
    // SAFETY: units past `total` do nothing, and no piece goes past `rows`.
    unsafe {
        rms_norm_weight_kernel::launch_unchecked(
            &x.client,
            count,
            dim,
            x.clone().into_buffer_arg(),
            grad.into_buffer_arg(),
            inverses.into_buffer_arg(),
            partial.clone().into_buffer_arg(),
            total,
            rows,
            width,
            piece_rows,
        );
    }
    sum_rows(partial, pieces, [width])
}

impl Kernels for RmsNorm {
    fn forward(&self, inputs: &[CubeTensor]) -> CubeTensor {
        let [x, w] = inputs else { unreachable!("x and w") };
        let (rows, width) = row_shape(x);
        let out = unwritten(x, x.meta.shape().clone());
        let units = units(width);
        #[allow(unsafe_code, reason = "a launch without checks of indices")]
        // SAFETY: a cube reads and writes the `width` values of its row, none past `rows`.
        unsafe {
            rms_norm_kernel::launch_unchecked(
                &x.client,
                cubes(rows),
                CubeDim::new_1d(units),
                x.clone().into_buffer_arg(),
                w.clone().into_buffer_arg(),
                out.clone().into_buffer_arg(),
                rows,
                width,
                self.eps,
                units,
            );
        }
        out
    }

    fn backward(
        &self,
        inputs: &[CubeTensor],
        grad: CubeTensor,
        wanted: &[bool],
    ) -> Vec<CubeTensor> {
        let [x, w] = inputs else { unreachable!("x and w") };
        let (rows, width) = row_shape(x);
        let dx = unwritten(x, x.meta.shape().clone());
        let inverses = unwritten(x, [rows]);
        let units = units(width);
        #[allow(unsafe_code, reason = "a launch without checks of indices")]
        // SAFETY: as in the forward pass.
        unsafe {
            rms_norm_input_kernel::launch_unchecked(
                &x.client,
                cubes(rows),
                CubeDim::new_1d(units),
                x.clone().into_buffer_arg(),
                w.clone().into_buffer_arg(),
                grad.clone().into_buffer_arg(),
                dx.clone().into_buffer_arg(),
                inverses.clone().into_buffer_arg(),
                rows,
                width,
                self.eps,
                units,
            );
        }
        let dw = if wanted[1] { weight_grad(x, grad, inverses) } else { unwritten(x, [width]) };
        vec![dx, dw]
    }
}
