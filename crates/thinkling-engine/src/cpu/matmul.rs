//! Twin of `matvec.wgsl` and `matmul.wgsl`: vector code over 16 rows of a panel, which are decoded a
//! block of columns at a time.

use crate::packed::{BLOCK, Format, PANEL, PackedMatrix};
use thinkling_cpu::math::exp;
use thinkling_cpu::{threads, vectorised};

/// Rows of a panel that are decoded together.
const LANES: usize = 16;
/// Rows of `x` that share a decoded block.
const TILE: usize = 8;
/// Below this many multiplications a product stays on one thread.
const MIN_PARALLEL: usize = 1 << 18;

/// Values of a block, `[32 columns][16 rows]`.
type Decoded = [[f32; LANES]; BLOCK];

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
    let panel = |index: usize, out: &mut [f32]| {
        let words = &weights.words[index * panel_words..(index + 1) * panel_words];
        for (x, out) in x.chunks(TILE * width).zip(out.chunks_mut(TILE * PANEL)) {
            for lane in (0..PANEL).step_by(LANES) {
                panel_products(weights.format, words, lane, x, width, out);
            }
        }
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

vectorised! {
    /// Products of 16 rows of a panel with up to 8 rows of `x`, into `out` `[rows, 64]`.
    fn panel_products(
        format: Format,
        words: &[u32],
        lane: usize,
        x: &[f32],
        width: usize,
        out: &mut [f32],
    ) {
        let rows = x.len() / width;
        let mut sums = [[0f32; LANES]; TILE];
        let mut decoded: Decoded = [[0.0; LANES]; BLOCK];
        for (block, words) in words.chunks_exact(format.block_words()).enumerate() {
            decode(format, words, lane, &mut decoded);
            for (row, sums) in sums.iter_mut().enumerate().take(rows) {
                let x = &x[row * width + block * BLOCK..][..BLOCK];
                // Four sums, so that additions do not wait for each other.
                let mut four = [[0f32; LANES]; 4];
                for (x, w) in x.chunks_exact(4).zip(decoded.chunks_exact(4)) {
                    for (sum, (x, w)) in four.iter_mut().zip(x.iter().zip(w)) {
                        for l in 0..LANES {
                            sum[l] += x * w[l];
                        }
                    }
                }
                for l in 0..LANES {
                    sums[l] += (four[0][l] + four[1][l]) + (four[2][l] + four[3][l]);
                }
            }
        }
        for (out, sums) in out.chunks_exact_mut(PANEL).zip(sums) {
            out[lane..lane + LANES].copy_from_slice(&sums);
        }
    }
}

/// Decodes rows `lane ..` of a panel's block.
#[inline(always)]
fn decode(format: Format, words: &[u32], lane: usize, out: &mut Decoded) {
    match format {
        Format::F32 => {
            for (out, words) in out.iter_mut().zip(words.chunks_exact(PANEL)) {
                let words = &words[lane..lane + LANES];
                for l in 0..LANES {
                    out[l] = f32::from_bits(words[l]);
                }
            }
        }
        Format::F16 => {
            for (out, words) in out.chunks_exact_mut(2).zip(words.chunks_exact(PANEL)) {
                let words = &words[lane..lane + LANES];
                for l in 0..LANES {
                    out[0][l] = half(words[l] as u16);
                    out[1][l] = half((words[l] >> 16) as u16);
                }
            }
        }
        Format::Bf16 => {
            for (out, words) in out.chunks_exact_mut(2).zip(words.chunks_exact(PANEL)) {
                let words = &words[lane..lane + LANES];
                for l in 0..LANES {
                    out[0][l] = f32::from_bits(words[l] << 16);
                    out[1][l] = f32::from_bits(words[l] & 0xffff_0000);
                }
            }
        }
        Format::Q8_0 => {
            let d = pair_scales(words, lane);
            for (out, words) in out.chunks_exact_mut(4).zip(words[32..].chunks_exact(PANEL)) {
                let words = &words[lane..lane + LANES];
                for (j, out) in out.iter_mut().enumerate() {
                    for l in 0..LANES {
                        let byte = (words[l] << (24 - 8 * j)) as i32 >> 24;
                        out[l] = d[l] * byte as f32;
                    }
                }
            }
        }
        Format::Q4_0 => {
            let d = pair_scales(words, lane);
            nibbles(&words[32..], lane, out, |l, q| d[l] * (q - 8.0));
        }
        Format::Q4_1 => {
            let scales = &words[lane..lane + LANES];
            let (mut d, mut m) = ([0f32; LANES], [0f32; LANES]);
            for l in 0..LANES {
                d[l] = half(scales[l] as u16);
                m[l] = half((scales[l] >> 16) as u16);
            }
            nibbles(&words[64..], lane, out, |l, q| d[l] * q + m[l]);
        }
    }
}

#[inline(always)]
fn nibbles(words: &[u32], lane: usize, out: &mut Decoded, value: impl Fn(usize, f32) -> f32) {
    let (low, high) = out.split_at_mut(BLOCK / 2);
    let halves = low.chunks_exact_mut(4).zip(high.chunks_exact_mut(4));
    for ((low, high), words) in halves.zip(words.chunks_exact(PANEL)) {
        let words = &words[lane..lane + LANES];
        for j in 0..4 {
            for l in 0..LANES {
                low[j][l] = value(l, ((words[l] >> (8 * j)) & 15) as i32 as f32);
                high[j][l] = value(l, ((words[l] >> (8 * j + 4)) & 15) as i32 as f32);
            }
        }
    }
}

#[inline(always)]
fn pair_scales(words: &[u32], lane: usize) -> [f32; LANES] {
    let shift = 16 * (lane / 32);
    let words = &words[lane % 32..][..LANES];
    std::array::from_fn(|l| half((words[l] >> shift) as u16))
}

/// A half without branches: subnormal ones by the float that they scale.
#[inline(always)]
fn half(bits: u16) -> f32 {
    let magnitude = u32::from(bits & 0x7fff) << 13;
    // Moves the exponent's bias from 15 to 127; halves that are no numbers stay large, no more.
    let value = f32::from_bits(magnitude) * f32::from_bits(0x7780_0000);
    f32::from_bits(value.to_bits() | u32::from(bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;
    use thinkling_weights::quantize;

    #[test]
    fn halves_are_those_of_the_library() {
        for bits in 0..=u16::MAX {
            let want = f16::from_bits(bits);
            if want.is_finite() {
                assert_eq!(half(bits).to_bits(), want.to_f32().to_bits(), "{bits:#x}");
            }
        }
    }

    #[test]
    fn products_are_those_of_the_values() {
        for format in Format::ALL {
            let (outputs, columns, rows) = (131, 96, 11);
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
                    assert!((got - want).abs() < 1e-4, "{format:?}: {got} for {want}");
                }
            }
        }
    }
}
