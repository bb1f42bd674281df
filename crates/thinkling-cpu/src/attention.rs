//! Keys and values of running sequences, and attention of one query over them.
//!
//! Keys lie transposed in blocks of a vector's width of tokens, so that a vector holds the scores of
//! that many tokens and no sum runs across its lanes; values lie row by row.

use crate::decoder::Shape;
use crate::rows::softmax;
use crate::scratch::with_block;
use crate::vector::lanes;
use pulp::{Arch, Simd, WithSimd};

/// Vectors whose sums run side by side: a multiply-add waits about four cycles for the one before
/// it.
const CHAINS: usize = 4;

/// Keys and values of one layer for some tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyValues {
    /// `[blocks, kv_heads * head_dim, lanes]`, zeros behind the last token.
    keys: Vec<f32>,
    /// `[tokens, kv_heads * head_dim]`.
    values: Vec<f32>,
    tokens: usize,
}

impl KeyValues {
    /// Appends the rotated keys and the values of a fused row.
    pub(crate) fn push(&mut self, qkv: &[f32], shape: &Shape) {
        let (keys, values) = qkv[shape.mixed()..].split_at(shape.kv());
        let lanes = lanes();
        let (block, lane) = (self.tokens / lanes, self.tokens % lanes);
        if lane == 0 {
            self.keys.resize((block + 1) * keys.len() * lanes, 0.0);
        }
        let places = self.keys[block * keys.len() * lanes + lane..].iter_mut().step_by(lanes);
        places.zip(keys).for_each(|(place, key)| *place = *key);
        self.values.extend_from_slice(values);
        self.tokens += 1;
    }
}

/// Attention of the query heads `q` `[heads * head_dim]` over the tokens of `parts`, one after the
/// other, into `out` `[heads * head_dim]`: `softmax(q K^T / sqrt(head_dim)) V`.
pub(crate) fn attend(shape: &Shape, q: &[f32], parts: [&KeyValues; 2], out: &mut [f32]) {
    let tokens = parts[0].tokens + parts[1].tokens;
    // The last block of a part is scored whole.
    with_block(tokens + lanes(), |scores| {
        Arch::new().dispatch(Attend { shape, q, parts, out, scores });
    });
}

struct Attend<'a> {
    shape: &'a Shape,
    q: &'a [f32],
    parts: [&'a KeyValues; 2],
    out: &'a mut [f32],
    scores: &'a mut [f32],
}

impl WithSimd for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { shape, q, parts, out, scores } = self;
        let (d, repeat) = (shape.head_dim, shape.heads / shape.kv_heads);
        let tokens = parts[0].tokens + parts[1].tokens;
        let scale = 1.0 / (d as f32).sqrt();
        let heads = q.chunks_exact(d).zip(out.chunks_exact_mut(d)).enumerate();
        for (head, (q, out)) in heads {
            let kv = head / repeat;
            let mut from = 0;
            for part in parts {
                part.score(simd, shape, kv, q, &mut scores[from..]);
                from += part.tokens;
            }
            let scores = &mut scores[..tokens];
            scores.iter_mut().for_each(|x| *x *= scale);
            softmax(scores);
            out.fill(0.0);
            let mut from = 0;
            for part in parts {
                part.mix(simd, shape, kv, &scores[from..from + part.tokens], out);
                from += part.tokens;
            }
        }
    }
}

impl KeyValues {
    /// `scores[t] = q . key(t)`, whole blocks.
    #[inline(always)]
    fn score<S: Simd>(&self, simd: S, shape: &Shape, kv: usize, q: &[f32], scores: &mut [f32]) {
        let (d, width) = (shape.head_dim, shape.kv());
        let (blocks, _) = S::as_simd_f32s(&self.keys);
        let (scores, _) = S::as_mut_simd_f32s(scores);
        let keys = |block: usize| &blocks[block * width + kv * d..][..d];
        let count = self.tokens.div_ceil(S::F32_LANES);
        let scores = &mut scores[..count];
        let (several, rest) = scores.as_chunks_mut::<CHAINS>();
        for (i, scores) in several.iter_mut().enumerate() {
            let keys: [_; CHAINS] = std::array::from_fn(|j| keys(i * CHAINS + j));
            let mut sums = [simd.splat_f32s(0.0); CHAINS];
            for (x, q) in q.iter().enumerate() {
                let q = simd.splat_f32s(*q);
                for (sum, keys) in sums.iter_mut().zip(keys) {
                    *sum = simd.mul_add_e_f32s(q, keys[x], *sum);
                }
            }
            *scores = sums;
        }
        for (i, score) in rest.iter_mut().enumerate() {
            let keys = keys(count / CHAINS * CHAINS + i);
            let mut sum = simd.splat_f32s(0.0);
            for (q, key) in q.iter().zip(keys) {
                sum = simd.mul_add_e_f32s(simd.splat_f32s(*q), *key, sum);
            }
            *score = sum;
        }
    }

    /// `out += sum of p(t) value(t)`.
    #[inline(always)]
    fn mix<S: Simd>(&self, simd: S, shape: &Shape, kv: usize, p: &[f32], out: &mut [f32]) {
        let (d, width, lanes) = (shape.head_dim, shape.kv(), S::F32_LANES);
        let rows = || p.iter().zip(self.values.chunks_exact(width));
        let from = kv * d;
        let (vectors, tail) = S::as_mut_simd_f32s(out);
        let tail_from = from + d - tail.len();
        let (several, rest) = vectors.as_chunks_mut::<CHAINS>();
        let rest_from = from + several.len() * CHAINS * lanes;
        for (i, out) in several.iter_mut().enumerate() {
            let from = from + i * CHAINS * lanes;
            for (p, row) in rows() {
                let p = simd.splat_f32s(*p);
                let (values, _) = S::as_simd_f32s(&row[from..from + CHAINS * lanes]);
                for (out, value) in out.iter_mut().zip(values) {
                    *out = simd.mul_add_e_f32s(p, *value, *out);
                }
            }
        }
        for (i, out) in rest.iter_mut().enumerate() {
            let from = rest_from + i * lanes;
            let mut sums = [*out, simd.splat_f32s(0.0)];
            for (t, (p, row)) in rows().enumerate() {
                let (values, _) = S::as_simd_f32s(&row[from..from + lanes]);
                sums[t % 2] = simd.mul_add_e_f32s(simd.splat_f32s(*p), values[0], sums[t % 2]);
            }
            *out = simd.add_f32s(sums[0], sums[1]);
        }
        for (p, row) in rows() {
            tail.iter_mut().zip(&row[tail_from..]).for_each(|(out, v)| *out += p * v);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..count)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state % 2_001) as f32 / 1_000.0 - 1.0
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn attention_of_any_shape(
            prompt in 0usize..80, own in 1usize..80, kv_heads in 1usize..4, repeat in 1usize..4,
            half in 1usize..20, seed in 1u64..999,
        ) {
            let (heads, d) = (kv_heads * repeat, 2 * half);
            let shape = Shape {
                hidden: 1, intermediate: 1, heads, kv_heads, head_dim: d, vocab: 1, eps: 1e-6,
            };
            let width = shape.qkv();
            let rows = values((prompt + own) * width, seed);
            let mut parts = [KeyValues::default(), KeyValues::default()];
            for (t, row) in rows.chunks_exact(width).enumerate() {
                parts[usize::from(t >= prompt)].push(row, &shape);
            }
            let q = values(heads * d, seed + 1);
            let mut out = vec![7.0; heads * d];
            attend(&shape, &q, [&parts[0], &parts[1]], &mut out);
            for head in 0..heads {
                let q = &q[head * d..(head + 1) * d];
                let part = |row: &[f32], which: usize| {
                    let from = (heads + which * kv_heads + head / repeat) * d;
                    row[from..from + d].iter().map(|x| f64::from(*x)).collect::<Vec<f64>>()
                };
                let weights: Vec<f64> = rows
                    .chunks_exact(width)
                    .map(|row| part(row, 0).iter().zip(q).map(|(k, q)| k * f64::from(*q)).sum())
                    .map(|score: f64| (score / (d as f64).sqrt()).exp())
                    .collect();
                let total: f64 = weights.iter().sum();
                for i in 0..d {
                    let mixed = rows.chunks_exact(width).zip(&weights);
                    let want: f64 = mixed.map(|(row, w)| w / total * part(row, 1)[i]).sum();
                    let got = f64::from(out[head * d + i]);
                    // Sums of at most 160 products of values below 1, in f32.
                    prop_assert!((got - want).abs() < 1e-5, "{got} for {want}");
                }
            }
        }
    }
}
