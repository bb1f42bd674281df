//! Twin of `attention.wgsl`.

use crate::rows::Row;
use crate::shape::{PART, Shape};

/// Parts of attention into `parts`, `[rows, heads, most, head_dim + 2]`.
pub(crate) fn attention(
    shape: &Shape,
    rows: &[Row],
    qkv: &[f32],
    [keys, values]: [&[f32]; 2],
    most: usize,
    parts: &mut [f32],
) {
    let Shape { heads, kv_heads, head_dim: d, .. } = *shape;
    let width = d + 2;
    let scale = 1.0 / (d as f32).sqrt();
    let out_rows = parts.chunks_exact_mut(heads * most * width);
    for ((row, qkv), out) in rows.iter().zip(qkv.chunks_exact(shape.qkv_stride())).zip(out_rows) {
        let place = |t: usize| {
            let prompt = row.prompt_len as usize;
            let at = match t < prompt {
                true => row.prompt_start as usize + t,
                false => row.own_start as usize + t - prompt,
            };
            at * kv_heads * d
        };
        for (head, out) in out.chunks_exact_mut(most * width).enumerate() {
            let q = &qkv[head * d..(head + 1) * d];
            let kv = head / (heads / kv_heads) * d;
            for (part, out) in out.chunks_exact_mut(width).enumerate() {
                let tokens = part * PART..row.tokens().min((part + 1) * PART);
                if tokens.is_empty() {
                    continue;
                }
                let mut scores: Vec<f32> = tokens
                    .clone()
                    .map(|t| {
                        let key = &keys[place(t) + kv..][..d];
                        thinkling_cpu::math::dot(q, key) * scale
                    })
                    .collect();
                let largest = thinkling_cpu::math::largest(&scores);
                scores.iter_mut().for_each(|s| *s = (*s - largest).exp());
                let (mixed, stats) = out.split_at_mut(d);
                mixed.fill(0.0);
                for (t, p) in tokens.zip(&scores) {
                    let value = &values[place(t) + kv..][..d];
                    mixed.iter_mut().zip(value).for_each(|(out, v)| *out += p * v);
                }
                stats.copy_from_slice(&[largest, scores.iter().sum()]);
            }
        }
    }
}
