//! The two orders of the rows of a query or key projection.
//!
//! Rotary embedding turns pairs of a head's values. Hugging Face pairs value `i` with value
//! `i + head_dim/2` ("half-split"); Llama-family GGUF files pair neighbours `2i` and `2i + 1`
//! ("interleaved") and store the projection's rows in the order that makes the result the same.
//! Within one head, with `half = head_dim/2`, pair `i` and side `j` (0 or 1):
//!
//! `half_split[j*half + i] = interleaved[2*i + j]`

/// The row of the interleaved order that holds row `row` of the half-split order. `head_dim`
/// must be even and not zero.
pub(crate) fn interleaved_row(row: usize, head_dim: usize) -> usize {
    let (head, within) = (row / head_dim, row % head_dim);
    let half = head_dim / 2;
    let (side, pair) = (within / half, within % half);
    head * head_dim + 2 * pair + side
}

/// Reorders rows from the GGUF order of Llama-family files to Hugging Face's.
///
/// # Shapes
/// `rows`: `[heads * head_dim, row_len]`, and so is the result.
///
/// # Panics
/// Where `head_dim` is odd or zero, `row_len` is zero, or `rows` is not a whole number of heads.
pub fn interleaved_to_half_split(rows: &[f32], row_len: usize, head_dim: usize) -> Vec<f32> {
    let count = checked_rows(rows, row_len, head_dim);
    let mut out = Vec::with_capacity(rows.len());
    for row in 0..count {
        let from = interleaved_row(row, head_dim) * row_len;
        out.extend_from_slice(&rows[from..from + row_len]);
    }
    out
}

/// Reorders rows from Hugging Face's order to that of Llama-family GGUF files; the inverse of
/// [`interleaved_to_half_split`], with the same shapes and panics.
pub fn half_split_to_interleaved(rows: &[f32], row_len: usize, head_dim: usize) -> Vec<f32> {
    let count = checked_rows(rows, row_len, head_dim);
    let mut out = vec![0.0; rows.len()];
    for (row, values) in rows.chunks_exact(row_len).enumerate().take(count) {
        let to = interleaved_row(row, head_dim) * row_len;
        out[to..to + row_len].copy_from_slice(values);
    }
    out
}

fn checked_rows(rows: &[f32], row_len: usize, head_dim: usize) -> usize {
    assert!(
        row_len > 0 && head_dim > 0 && head_dim.is_multiple_of(2),
        "head_dim must be even, rows longer"
    );
    assert!(rows.len().is_multiple_of(row_len * head_dim), "rows must be a whole number of heads");
    rows.len() / row_len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_heads_of_six_rows_by_hand() {
        // Each row is named after head, pair and side, as head*100 + pair*10 + side, and has two
        // columns, the second 0.5 larger.
        let interleaved = [0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121];
        let half_split = [0, 10, 20, 1, 11, 21, 100, 110, 120, 101, 111, 121];
        let rows = |names: &[i32]| -> Vec<f32> {
            names.iter().flat_map(|&n| [n as f32, n as f32 + 0.5]).collect()
        };
        assert_eq!(interleaved_to_half_split(&rows(&interleaved), 2, 6), rows(&half_split));
        assert_eq!(half_split_to_interleaved(&rows(&half_split), 2, 6), rows(&interleaved));
    }

    #[test]
    fn both_orders_give_the_same_rotated_scores() {
        // A head of four: query and key turned by their positions must have the same dot product
        // in both conventions; this is what the permutation is for.
        let (q, k) = ([0.3, -1.2, 0.7, 2.0], [1.1, 0.4, -0.6, 0.9]);
        let angles = |position: f32| [position, position * 0.01];
        let turn = |v: [f32; 4], position: f32, pairs: [(usize, usize); 2]| {
            let mut out = v;
            for ((a, b), angle) in pairs.into_iter().zip(angles(position)) {
                out[a] = v[a] * angle.cos() - v[b] * angle.sin();
                out[b] = v[b] * angle.cos() + v[a] * angle.sin();
            }
            out
        };
        let dot = |a: [f32; 4], b: [f32; 4]| -> f32 { a.iter().zip(b).map(|(x, y)| x * y).sum() };
        let neighbours = [(0, 1), (2, 3)];
        let halves = [(0, 2), (1, 3)];
        let reorder =
            |v: [f32; 4]| <[f32; 4]>::try_from(interleaved_to_half_split(&v, 1, 4)).unwrap();
        let interleaved = dot(turn(q, 5.0, neighbours), turn(k, 2.0, neighbours));
        let half_split = dot(turn(reorder(q), 5.0, halves), turn(reorder(k), 2.0, halves));
        assert!((interleaved - half_split).abs() < 1e-6);
    }
}
