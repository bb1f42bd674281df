//! Twin of `attention_combine.wgsl`.

use crate::rows::Row;
use crate::shape::{PART, Shape};

/// Puts parts `[rows, heads, most, head_dim + 2]` together into `mixed`, `[rows, stride]`.
pub(crate) fn attention_combine(
    shape: &Shape,
    rows: &[Row],
    most: usize,
    parts: &[f32],
    mixed: &mut [f32],
) {
    let Shape { heads, head_dim: d, .. } = *shape;
    let width = d + 2;
    let row_parts = parts.chunks_exact(heads * most * width);
    let out = mixed.chunks_exact_mut(shape.mixed_stride());
    for ((row, parts), out) in rows.iter().zip(row_parts).zip(out) {
        let count = row.tokens().div_ceil(PART);
        for (parts, out) in parts.chunks_exact(most * width).zip(out.chunks_exact_mut(d)) {
            let parts = || parts.chunks_exact(width).take(count);
            let largest = parts().map(|part| part[d]).fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = parts().map(|part| (part[d] - largest).exp() * part[d + 1]).sum();
            for (i, out) in out.iter_mut().enumerate() {
                let value: f32 = parts().map(|part| (part[d] - largest).exp() * part[i]).sum();
                *out = value / sum;
            }
        }
    }
}
