//! Rotary embedding of the query and key heads of fused rows.

use crate::attention::Heads;
use crate::host::HostFunction;
use std::sync::Arc;
use thinkling_cpu::rows::rotate;
use thinkling_cpu::threads::rows3;
use thinkling_cpu::vectorised;

/// Input and output `[tokens, (heads + 2 * kv_heads) * head_dim]`.
#[derive(Debug)]
pub(crate) struct Rotate {
    /// `cos` and `sin`, `[tokens, head_dim / 2]` each.
    pub(crate) factors: Arc<[Vec<f32>; 2]>,
    pub(crate) heads: Heads,
}

impl Rotate {
    /// Turns by the angles, or back by them: the transposed rotation is the backward pass.
    fn turn(&self, x: &[f32], out: &mut [f32], sign: f32) {
        let Heads { heads, kv_heads, head_dim } = self.heads;
        let (width, half) = (self.heads.width(), head_dim / 2);
        let turned = (heads + kv_heads) * head_dim;
        // Cosines and sines side by side would be a third array; they are walked by row instead.
        let tokens = x.len() / width;
        let index: Vec<f32> = (0..tokens).map(|t| t as f32).collect();
        rows3(out, width, (x, width), (&index, 1), |out, x, index| {
            let first = index[0] as usize;
            let factors = [&self.factors[0][first * half..], &self.factors[1][first * half..]];
            turn_rows(x, [width, turned, head_dim], factors, sign, out);
        });
    }
}

impl HostFunction for Rotate {
    fn names(&self) -> [&'static str; 2] {
        ["rotate forward", "rotate backward"]
    }

    fn shape(&self, inputs: &[&[usize]]) -> Vec<usize> {
        inputs[0].to_vec()
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32]) {
        self.turn(inputs[0], out, 1.0);
    }

    fn backward(&self, _inputs: &[&[f32]], grad: &[f32], grads: &mut [Vec<f32>]) {
        self.turn(grad, &mut grads[0], -1.0);
    }
}

vectorised! {
    /// Copies rows of `width` values and turns the heads in the first `turned` of them.
    fn turn_rows(
        x: &[f32],
        [width, turned, head_dim]: [usize; 3],
        [cos, sin]: [&[f32]; 2],
        sign: f32,
        out: &mut [f32],
    ) {
        let half = head_dim / 2;
        let rows = out.chunks_exact_mut(width).zip(x.chunks_exact(width));
        for ((out, x), (cos, sin)) in rows.zip(cos.chunks_exact(half).zip(sin.chunks_exact(half))) {
            out.copy_from_slice(x);
            for head in out[..turned].chunks_exact_mut(head_dim) {
                rotate(head, cos, sin, sign);
            }
        }
    }
}
