//! Functions of rows; those of one row are to be called inside [`vectorised!`](crate::vectorised)
//! functions, so that they become vector code.

use crate::math::{dot, exp, largest, sigmoid, sum_lanes};
use crate::vectorised;

/// `1 / sqrt(mean(x^2) + eps)`.
#[inline(always)]
pub fn inverse_rms(x: &[f32], eps: f32) -> f32 {
    1.0 / (dot(x, x) / x.len() as f32 + eps).sqrt()
}

/// `out = x / sqrt(mean(x^2) + eps) * w` (arXiv 1910.07467).
#[inline(always)]
pub fn rms_norm(x: &[f32], w: &[f32], eps: f32, out: &mut [f32]) {
    let inverse = inverse_rms(x, eps);
    for ((y, x), w) in out.iter_mut().zip(x).zip(w) {
        *y = x * inverse * w;
    }
}

vectorised! {
    /// [`rms_norm`] of rows as long as `w`.
    pub fn rms_norm_rows(x: &[f32], w: &[f32], eps: f32, out: &mut [f32]) {
        for (out, x) in out.chunks_exact_mut(w.len()).zip(x.chunks_exact(w.len())) {
            rms_norm(x, w, eps, out);
        }
    }
}

vectorised! {
    /// [`swiglu`] of rows that give `width` values each.
    pub fn swiglu_rows(gate_up: &[f32], width: usize, out: &mut [f32]) {
        for (out, x) in out.chunks_exact_mut(width).zip(gate_up.chunks_exact(2 * width)) {
            swiglu(x, out);
        }
    }
}

/// `out = silu(gate) * up` of `[gate | up]` (arXiv 2002.05202).
#[inline(always)]
pub fn swiglu(gate_up: &[f32], out: &mut [f32]) {
    let (gate, up) = gate_up.split_at(out.len());
    for ((y, g), u) in out.iter_mut().zip(gate).zip(up) {
        *y = g * sigmoid(*g) * u;
    }
}

/// Cosines and sines of `position * frequency` for each of `positions` and `frequencies` (radians a
/// token), `[positions, frequencies]` each.
pub fn rope(positions: impl Iterator<Item = usize>, frequencies: &[f64]) -> [Vec<f32>; 2] {
    let (mut cosines, mut sines) = (Vec::new(), Vec::new());
    for position in positions {
        for frequency in frequencies {
            let (sin, cos) = (position as f64 * frequency).sin_cos();
            cosines.push(cos as f32);
            sines.push(sin as f32);
        }
    }
    [cosines, sines]
}

/// Turns the halves of a head by the angles: `(x1 cos - x2 sin, x2 cos + x1 sin)`; `sign` -1 turns
/// back.
#[inline(always)]
pub fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32], sign: f32) {
    let half = cos.len();
    let (x1, x2) = head.split_at_mut(half);
    for (((x1, x2), c), s) in x1.iter_mut().zip(x2).zip(cos).zip(sin) {
        let (a, b, s) = (*x1, *x2, sign * s);
        *x1 = a * c - b * s;
        *x2 = b * c + a * s;
    }
}

/// Turns scores into probabilities.
#[inline(always)]
pub fn softmax(row: &mut [f32]) {
    let max = largest(row);
    let mut sums = [0f32; 16];
    for chunk in row.chunks_mut(16) {
        for (x, sum) in chunk.iter_mut().zip(&mut sums) {
            *x = exp(*x - max);
            *sum += *x;
        }
    }
    let inverse = 1.0 / sum_lanes(sums);
    row.iter_mut().for_each(|x| *x *= inverse);
}
