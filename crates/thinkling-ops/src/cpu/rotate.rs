//! Rotary embedding of the query and key heads of fused rows.

use crate::attention::Heads;
use crate::in_place::InPlace;
use std::sync::Arc;
use thinkling_cpu::rows::rotate;
use thinkling_cpu::threads::rows2;
use thinkling_cpu::vectorised;

/// Of rows `[tokens, (heads + 2 * kv_heads) * head_dim]`.
#[derive(Debug)]
pub(crate) struct Rotate {
    /// `cos` and `sin`, `[tokens, head_dim / 2]` each.
    pub(crate) factors: Arc<[Vec<f32>; 2]>,
    pub(crate) heads: Heads,
}

impl Rotate {
    /// Turns by the angles, or back by them: the transposed rotation is the backward pass.
    fn turn(&self, x: &mut [f32], sign: f32) {
        let Heads { heads, kv_heads, head_dim } = self.heads;
        let (width, half) = (self.heads.width(), head_dim / 2);
        let turned = (heads + kv_heads) * head_dim;
        let tokens = x.len() / width;
        let index: Vec<f32> = (0..tokens).map(|t| t as f32).collect();
        rows2(x, width, &index, 1, |x, index| {
            let first = index[0] as usize;
            let factors = [&self.factors[0][first * half..], &self.factors[1][first * half..]];
            turn_rows(x, [width, turned, head_dim], factors, sign);
        });
    }
}

impl InPlace for Rotate {
    fn names(&self) -> [&'static str; 2] {
        ["rotate forward", "rotate backward"]
    }

    fn forward(&self, x: &mut [f32]) {
        self.turn(x, 1.0);
    }

    fn backward(&self, grad: &mut [f32]) {
        self.turn(grad, -1.0);
    }
}

vectorised! {
    /// Turns the heads in the first `turned` of the `width` values of each row.
    fn turn_rows(
        x: &mut [f32],
        [width, turned, head_dim]: [usize; 3],
        [cos, sin]: [&[f32]; 2],
        sign: f32,
    ) {
        let half = head_dim / 2;
        let factors = cos.chunks_exact(half).zip(sin.chunks_exact(half));
        for (x, (cos, sin)) in x.chunks_exact_mut(width).zip(factors) {
            for head in x[..turned].chunks_exact_mut(head_dim) {
                rotate(head, cos, sin, sign);
            }
        }
    }
}
