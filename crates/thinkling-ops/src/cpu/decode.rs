//! One decoding step's attention: a query a row over its cached keys and values.

use crate::attention::Heads;
use crate::cpu::math::{dot, exp};
use crate::cpu::threads;
use crate::host::HostFunction;
use pulp::Arch;

/// Inputs `qkv` `[rows, width]` and the cache `[rows, 2 * kv_heads, capacity, head_dim]`.
#[derive(Debug)]
pub(crate) struct CachedAttention {
    /// Columns that are filled.
    pub(crate) len: usize,
    /// Hidden columns at the front of each row.
    pub(crate) pads: Vec<usize>,
    pub(crate) heads: Heads,
}

impl HostFunction for CachedAttention {
    fn shape(&self, inputs: &[&[usize]]) -> Vec<usize> {
        vec![inputs[0][0], self.heads.heads * self.heads.head_dim]
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32]) {
        let Heads { heads, kv_heads, head_dim } = self.heads;
        let (width, repeat) = (self.heads.width(), self.heads.repeat());
        let (qkv, cache) = (inputs[0], inputs[1]);
        let rows = self.pads.len();
        let row_cache = cache.len() / rows;
        let head_cache = row_cache / (2 * kv_heads);
        let scale = 1.0 / (head_dim as f32).sqrt();
        let arch = Arch::new();
        let task = |row: usize, out: &mut [f32]| {
            let mut scores = vec![0f32; self.len];
            let from = self.pads[row];
            let cache = &cache[row * row_cache..(row + 1) * row_cache];
            arch.dispatch(|| {
                for h in 0..heads {
                    let q = &qkv[row * width + h * head_dim..][..head_dim];
                    let kv = h / repeat;
                    let k = &cache[kv * head_cache..][..self.len * head_dim];
                    let v = &cache[(kv_heads + kv) * head_cache..][..self.len * head_dim];
                    let scores = &mut scores[from..];
                    let mut max = f32::NEG_INFINITY;
                    for (s, k) in scores.iter_mut().zip(k[from * head_dim..].chunks_exact(head_dim))
                    {
                        *s = dot(q, k) * scale;
                        max = max.max(*s);
                    }
                    let mut sum = 0f32;
                    for s in scores.iter_mut() {
                        *s = exp(*s - max);
                        sum += *s;
                    }
                    let inverse = 1.0 / sum;
                    let out = &mut out[h * head_dim..(h + 1) * head_dim];
                    for (s, v) in scores.iter().zip(v[from * head_dim..].chunks_exact(head_dim)) {
                        let p = s * inverse;
                        for (o, v) in out.iter_mut().zip(v) {
                            *o += p * v;
                        }
                    }
                }
            });
        };
        threads::chunks_mut(out, heads * head_dim, task);
    }

    fn backward(&self, _inputs: &[&[f32]], _grad: &[f32], _grads: &mut [Vec<f32>]) {
        unreachable!("decoding has no gradient")
    }
}
