//! Twin of `embed.wgsl`.

use crate::packed::{BLOCK, PackedMatrix};

/// Rows `ids` of `weights` into `x`, `[ids, columns to whole blocks]`.
pub(crate) fn embed(weights: &PackedMatrix, ids: &[u32], x: &mut [f32]) {
    let blocks = weights.blocks();
    for (id, x) in ids.iter().zip(x.chunks_exact_mut(blocks * BLOCK)) {
        for (block, x) in x.chunks_exact_mut(BLOCK).enumerate() {
            x.copy_from_slice(&weights.block_values(*id as usize, block));
        }
    }
}
