//! Sums and maxima of rows and columns.

use super::{UNITS, cubes, unwritten};
use burn::tensor::Shape;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

/// Units that share a row.
pub(super) fn units(width: usize) -> u32 {
    (width.div_ceil(4).next_power_of_two() as u32).clamp(32, 256)
}

/// The sum of one value of each unit of the cube.
#[cube]
pub(super) fn cube_sum(value: f32, shared: &mut Shared<[f32]>, #[comptime] units: u32) -> f32 {
    by_halves(value, shared, units, false)
}

/// The largest of one value of each unit of the cube.
#[cube]
pub(super) fn cube_max(value: f32, shared: &mut Shared<[f32]>, #[comptime] units: u32) -> f32 {
    by_halves(value, shared, units, true)
}

/// Sum or largest of one value of each unit: each half takes up the other one's.
#[cube]
fn by_halves(
    value: f32,
    shared: &mut Shared<[f32]>,
    #[comptime] units: u32,
    #[comptime] largest: bool,
) -> f32 {
    let unit = UNIT_POS as usize;
    shared[unit] = value;
    sync_cube();
    let mut half = comptime!(units as usize / 2).runtime();
    while half > 0 {
        if unit < half {
            let other = shared[unit + half];
            if comptime!(largest) {
                shared[unit] = max(shared[unit], other);
            } else {
                shared[unit] += other;
            }
        }
        sync_cube();
        half /= 2;
    }
    shared[0]
}

#[cube(launch_unchecked)]
fn column_sum_kernel(x: &[f32], out: &mut [f32], rows: usize, width: usize) {
    if ABSOLUTE_POS < width {
        let mut sum = 0.0f32;
        for row in 0..rows {
            sum += x[row * width + ABSOLUTE_POS];
        }
        out[ABSOLUTE_POS] = sum;
    }
}

/// The sum of `rows` tensors of `shape` that follow each other in `x`.
pub(super) fn sum_rows(x: CubeTensor, rows: usize, shape: impl Into<Shape>) -> CubeTensor {
    let out = unwritten(&x, shape);
    let width = out.meta.shape().num_elements();
    // Few values take small cubes, so that there are more of them.
    let units = if width < 1 << 14 { 32 } else { UNITS };
    #[allow(unsafe_code, reason = "a launch without checks of indices")]
    // SAFETY: units past `width` do nothing; `x` has `rows` values for each other one.
    unsafe {
        column_sum_kernel::launch_unchecked(
            &x.client,
            cubes(width.div_ceil(units as usize)),
            CubeDim::new_1d(units),
            x.clone().into_buffer_arg(),
            out.clone().into_buffer_arg(),
            rows,
            width,
        );
    }
    out
}
