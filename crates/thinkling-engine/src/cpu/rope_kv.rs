//! Twin of `rope_kv.wgsl`.

use crate::rows::Row;
use crate::shape::Shape;

/// Norms and rotates the queries and keys of `qkv` (`[rows, stride]`), and writes keys and values
/// into the cache.
pub(crate) fn rope_kv(
    shape: &Shape,
    rows: &[Row],
    angles: &[[f32; 2]],
    norms: Option<&[f32]>,
    qkv: &mut [f32],
    [keys, values]: [&mut [f32]; 2],
) {
    let Shape { heads, kv_heads, head_dim, eps, .. } = *shape;
    let half = head_dim / 2;
    for (row, qkv) in rows.iter().zip(qkv.chunks_exact_mut(shape.qkv_stride())) {
        let angles = &angles[row.position as usize * half..][..half];
        let (turned, rest) = qkv.split_at_mut((heads + kv_heads) * head_dim);
        for (i, head) in turned.chunks_exact_mut(head_dim).enumerate() {
            if let Some(norms) = norms {
                let norm = &norms[if i < heads { 0 } else { head_dim }..][..head_dim];
                let mean = head.iter().map(|x| x * x).sum::<f32>() / head_dim as f32;
                let inverse = 1.0 / (mean + eps).sqrt();
                head.iter_mut().zip(norm).for_each(|(x, w)| *x = *x * inverse * w);
            }
            let (a, b) = head.split_at_mut(half);
            for ((a, b), [cos, sin]) in a.iter_mut().zip(b).zip(angles) {
                (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
            }
        }
        let width = kv_heads * head_dim;
        let at = (row.own_start + row.own_len - 1) as usize * width;
        keys[at..at + width].copy_from_slice(&turned[heads * head_dim..]);
        values[at..at + width].copy_from_slice(&rest[..width]);
    }
}
