//! Twin of `matvec.wgsl` and `matmul.wgsl`: a vector holds as many rows of a panel, whose values are
//! decoded on their way into the sums.

mod formats;
#[cfg(target_family = "wasm")]
mod wasm;

use crate::packed::{BLOCK, Format, PANEL, PackedMatrix};
use formats::{Bf16, Decode, F16, F32, Iq4Nl, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
use pulp::{Arch, Simd, WithSimd};
use thinkling_cpu::math::exp;
use thinkling_cpu::threads;

/// Rows of `x` that share a decoded value.
const TILE: usize = 8;
/// From so many rows on each has one sum a value, and a row's products are the same bit for bit
/// whatever the others are, where their number is a multiple of this.
pub(crate) const ONE_CHAIN: usize = 4;
/// Below this many multiplications a product stays on one thread.
const MIN_PARALLEL: usize = 1 << 18;

/// What happens to a product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Then<'a> {
    /// It is written.
    Set,
    /// It is written with a bias added.
    Bias(&'a [f32]),
    /// It is added to what is there.
    Add,
}

/// `y = x W^T`: `x` `[rows, columns to whole blocks]`, `y` `[rows, stride]`.
pub(crate) fn matmul(
    weights: &PackedMatrix,
    x: &[f32],
    y: &mut [f32],
    stride: usize,
    then: Then<'_>,
) {
    products(weights, x, |row, first, values| {
        let y = &mut y[row * stride + first..][..values.len()];
        match then {
            Then::Set => y.copy_from_slice(values),
            Then::Bias(bias) => {
                let bias = &bias[first..];
                y.iter_mut().zip(values).zip(bias).for_each(|((y, x), b)| *y = x + b);
            }
            Then::Add => y.iter_mut().zip(values).for_each(|(y, x)| *y += x),
        }
    });
}

/// `y = silu(G x) * (U x)`.
pub(crate) fn swiglu([gate, up]: [&PackedMatrix; 2], x: &[f32], y: &mut [f32], stride: usize) {
    products(gate, x, |row, first, values| {
        y[row * stride + first..][..values.len()].copy_from_slice(values);
    });
    products(up, x, |row, first, values| {
        let y = &mut y[row * stride + first..][..values.len()];
        y.iter_mut().zip(values).for_each(|(y, up)| *y = *y / (1.0 + exp(-*y)) * up);
    });
}

/// Calls `write(row of x, first output, products)` for runs of outputs.
fn products(weights: &PackedMatrix, x: &[f32], mut write: impl FnMut(usize, usize, &[f32])) {
    let width = weights.blocks() * BLOCK;
    let rows = x.len() / width.max(1);
    let panel_words = weights.blocks() * weights.format.block_words();
    if rows == 0 || panel_words == 0 {
        return;
    }
    let mut out = vec![0.0; weights.panels() * rows * PANEL];
    // In WebAssembly they come with the rounded inputs.
    let sums: Vec<f32> = match weights.format.has_minimum() && !cfg!(target_family = "wasm") {
        true => x.chunks_exact(BLOCK).map(|x| x.iter().sum()).collect(),
        false => Vec::new(),
    };
    #[cfg(target_family = "wasm")]
    let rounded = wasm::is_for(weights.format).then(|| wasm::Rounded::new(x, weights.blocks()));
    let panel = |index: usize, out: &mut [f32]| {
        let words = &weights.words[index * panel_words..(index + 1) * panel_words];
        #[cfg(target_family = "wasm")]
        if let Some(x) = &rounded {
            return wasm::panel(weights.format, words, x, out);
        }
        Arch::new().dispatch(Panel { format: weights.format, words, x, sums: &sums, width, out });
    };
    if rows * width * weights.rows() < MIN_PARALLEL {
        out.chunks_mut(rows * PANEL).enumerate().for_each(|(i, out)| panel(i, out));
    } else {
        threads::chunks_mut(&mut out, rows * PANEL, panel);
    }
    for (index, out) in out.chunks(rows * PANEL).enumerate() {
        let first = index * PANEL;
        let outputs = PANEL.min(weights.rows() - first);
        for (row, values) in out.chunks(PANEL).enumerate() {
            write(row, first, &values[..outputs]);
        }
    }
}

/// Products of a panel with rows of `x` into `out`, `[rows, 64]`.
struct Panel<'a> {
    format: Format,
    words: &'a [u32],
    x: &'a [f32],
    /// Of each 32 columns of `x`, where the format has minima.
    sums: &'a [f32],
    width: usize,
    out: &'a mut [f32],
}

impl WithSimd for Panel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.format {
            Format::F32 => self.tiles::<S, F32>(simd),
            Format::F16 => self.tiles::<S, F16>(simd),
            Format::Bf16 => self.tiles::<S, Bf16>(simd),
            Format::Q8_0 => self.tiles::<S, Q8_0>(simd),
            Format::Q4_0 => self.tiles::<S, Q4_0>(simd),
            Format::Q4_1 => self.tiles::<S, Q4_1>(simd),
            Format::Q5_0 => self.tiles::<S, Q5_0>(simd),
            Format::Q5_1 => self.tiles::<S, Q5_1>(simd),
            Format::Q4K => self.tiles::<S, Q4K>(simd),
            Format::Q5K => self.tiles::<S, Q5K>(simd),
            Format::Q6K => self.tiles::<S, Q6K>(simd),
            Format::Iq4Nl => self.tiles::<S, Iq4Nl>(simd),
        }
    }
}

impl Panel<'_> {
    #[inline(always)]
    fn tiles<S: Simd, D: Decode>(self, simd: S) {
        let Self { words, x, sums, width, out, .. } = self;
        let mut rest = Tile { x, sums, width };
        let mut out = out;
        while !rest.x.is_empty() {
            let rows = match rest.x.len() / width {
                TILE.. => TILE,
                ONE_CHAIN.. => ONE_CHAIN,
                2.. => 2,
                _ => 1,
            };
            let tile = rest.take_rows(rows);
            let (tile_out, out_rest) = out.split_at_mut(rows * PANEL);
            match rows {
                TILE => tile_products::<S, D, TILE, 1>(simd, words, tile, tile_out),
                ONE_CHAIN => tile_products::<S, D, ONE_CHAIN, 1>(simd, words, tile, tile_out),
                2 => tile_products::<S, D, 2, 2>(simd, words, tile, tile_out),
                _ => tile_products::<S, D, 1, 4>(simd, words, tile, tile_out),
            }
            out = out_rest;
        }
    }
}

/// Rows of `x` and, where they are used, the sums of each 32 columns.
struct Tile<'a> {
    x: &'a [f32],
    sums: &'a [f32],
    width: usize,
}

impl<'a> Tile<'a> {
    /// Takes the first rows off.
    #[inline(always)]
    fn take_rows(&mut self, rows: usize) -> Tile<'a> {
        let sums = (rows * self.width / BLOCK).min(self.sums.len());
        let (x, x_rest) = self.x.split_at(rows * self.width);
        let (sums, sums_rest) = self.sums.split_at(sums);
        (self.x, self.sums) = (x_rest, sums_rest);
        Self { x, sums, width: self.width }
    }
}

/// `ROWS` rows of `x` with `CHAINS` sums each, so that additions do not wait for each other.
#[inline(always)]
fn tile_products<S: Simd, D: Decode, const ROWS: usize, const CHAINS: usize>(
    simd: S,
    words: &[u32],
    Tile { x, sums: x_sums, width }: Tile<'_>,
    out: &mut [f32],
) {
    let zero = simd.splat_f32s(0.0);
    for lane in (0..PANEL).step_by(S::F32_LANES) {
        let mut totals = [zero; ROWS];
        for (unit, words) in words.chunks_exact(D::WORDS).enumerate() {
            for part in 0..D::PARTS {
                let start = (unit * D::PARTS + part) * D::COLUMNS;
                let x: [&[f32]; ROWS] =
                    std::array::from_fn(|row| &x[row * width + start..][..D::COLUMNS]);
                let own = D::part(words, part);
                let mut sums = [[zero; CHAINS]; ROWS];
                for i in 0..D::COLUMNS / 4 {
                    let w = D::quad(simd, own, lane, part, i);
                    add_column::<S, ROWS, CHAINS, 0>(simd, w, x, i, &mut sums);
                    add_column::<S, ROWS, CHAINS, 1>(simd, w, x, i, &mut sums);
                    add_column::<S, ROWS, CHAINS, 2>(simd, w, x, i, &mut sums);
                    add_column::<S, ROWS, CHAINS, 3>(simd, w, x, i, &mut sums);
                }
                if D::HAS_MINIMUM {
                    let minimum = D::minimum(simd, words, lane, part);
                    for (row, total) in totals.iter_mut().enumerate() {
                        let x = simd.splat_f32s(x_sums[(row * width + start) / BLOCK]);
                        *total = simd.mul_add_e_f32s(minimum, x, *total);
                    }
                }
                let scale = D::scale(simd, words, lane, part);
                for (total, sums) in totals.iter_mut().zip(sums) {
                    let sum = sums.into_iter().reduce(|a, b| simd.add_f32s(a, b)).unwrap_or(zero);
                    *total = simd.mul_add_e_f32s(scale, sum, *total);
                }
            }
        }
        for (out, total) in out.chunks_exact_mut(PANEL).zip(totals) {
            let (vectors, _) = S::as_mut_simd_f32s(&mut out[lane..lane + S::F32_LANES]);
            vectors[0] = total;
        }
    }
}

/// Adds column `J` of the quad `i`, a constant, so that sums stay in registers.
#[inline(always)]
fn add_column<S: Simd, const ROWS: usize, const CHAINS: usize, const J: usize>(
    simd: S,
    w: [S::f32s; 4],
    x: [&[f32]; ROWS],
    i: usize,
    sums: &mut [[S::f32s; CHAINS]; ROWS],
) {
    for (sums, x) in sums.iter_mut().zip(x) {
        let sum = &mut sums[J % CHAINS];
        *sum = simd.mul_add_e_f32s(simd.splat_f32s(x[4 * i + J]), w[J], *sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thinkling_weights::quantize;

    #[cfg_attr(not(target_family = "wasm"), test)]
    #[cfg_attr(target_family = "wasm", wasm_bindgen_test::wasm_bindgen_test)]
    fn products_are_those_of_the_values() {
        for format in Format::ALL {
            let (outputs, rows) = (131, 11);
            let columns = if format.unit_blocks() > 1 { 512 } else { 96 };
            let values = |count: usize, step: usize| -> Vec<f32> {
                (0..count).map(|i| ((i * step % 1009) as f32 - 500.0) / 500.0).collect()
            };
            let bytes = quantize(format.ggml(), &values(outputs * columns, 37));
            let weights = PackedMatrix::new(format, outputs, columns, &bytes).unwrap();
            let x = values(rows * columns, 53);
            let mut y = vec![1.0; rows * outputs];
            matmul(&weights, &x, &mut y, outputs, Then::Add);
            for row in 0..rows {
                for output in 0..outputs {
                    let x = &x[row * columns..(row + 1) * columns];
                    let want: f64 = (0..columns / BLOCK)
                        .flat_map(|block| weights.block_values(output, block))
                        .zip(x)
                        .map(|(w, x)| f64::from(w) * f64::from(*x))
                        .sum();
                    let got = f64::from(y[row * outputs + output]) - 1.0;
                    // In WebAssembly inputs of quantised weights have 16 bits.
                    let tolerance = if cfg!(target_family = "wasm") { 5e-4 } else { 1e-4 };
                    assert!((got - want).abs() < tolerance, "{format:?}: {got} for {want}");
                }
            }
        }
    }
}
