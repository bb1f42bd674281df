//! A frozen linear map with low-rank additions as matrix products on strided views.

use crate::cpu::linear::{FEW_TOKENS, few_tokens, multiply, multiply_large, parallelism};
use crate::host::HostFunction;
use crate::lora::LoraShape;
use std::ops::Range;
use thinkling_cpu::matmul::View;

/// Inputs `x` `[tokens, input]`, `W` `[output, input]`, `A` `[blocks * rank, input]` and `B`
/// `[rows of all blocks, rank]`; the gradient of `W` is never made.
#[derive(Debug)]
pub(crate) struct LoraLinear {
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) shape: LoraShape,
}

impl LoraLinear {
    /// Calls `each(index, rows of the output, rows of B)` block by block.
    fn blocks(&self, mut each: impl FnMut(usize, Range<usize>, Range<usize>)) {
        let mut start = 0;
        for (i, rows) in self.shape.blocks.iter().enumerate() {
            let end = start + rows.len();
            each(i, rows.clone(), start..end);
            start = end;
        }
    }

    fn width(&self) -> usize {
        self.shape.blocks.len() * self.shape.rank
    }

    /// `x A^T`, `[tokens, blocks * rank]`.
    fn down(&self, x: &[f32], a: &[f32]) -> Vec<f32> {
        let tokens = x.len() / self.input;
        let mut u = vec![0f32; tokens * self.width()];
        let (x, a) = (View::rows(x, self.input), View::rows(a, self.input));
        multiply_large([tokens, self.input, self.width()], x, a.t(), &mut u, false);
        u
    }

    /// Columns `from..` of rows that are `row` apart.
    fn columns(data: &[f32], row: usize, from: usize) -> View<'_> {
        View { data: data.get(from..).unwrap_or_default(), row, column: 1 }
    }
}

impl HostFunction for LoraLinear {
    fn names(&self) -> [&'static str; 2] {
        ["lora forward", "lora backward"]
    }

    fn shape(&self, inputs: &[&[usize]]) -> Vec<usize> {
        vec![inputs[0][0], self.output]
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32]) {
        let Self { input, output, ref shape } = *self;
        let [x, w, a, b] = [inputs[0], inputs[1], inputs[2], inputs[3]];
        let tokens = x.len() / input;
        if tokens <= FEW_TOKENS {
            few_tokens(x, w, input, out);
        } else {
            let (x, w) = (View::rows(x, input), View::rows(w, input));
            multiply_large([tokens, input, output], x, w.t(), out, false);
        }
        let (u, rank, width) = (self.down(x, a), shape.rank, self.width());
        self.blocks(|i, rows, b_rows| {
            let u = Self::columns(&u, width, i * rank);
            let b = View::rows(&b[b_rows.start * rank..b_rows.end * rank], rank);
            let sizes = [tokens, rank, rows.len()];
            let threads = parallelism(sizes.iter().product());
            multiply(sizes, u, b.t(), &mut out[rows.start..], output, (shape.scale, true), threads);
        });
    }

    /// With `v = s dy B`: `dx = dy W + v A`, `dA = v^T x`, `dB = s dy^T (x A^T)`, block by block.
    fn backward(&self, inputs: &[&[f32]], grad: &[f32], grads: &mut [Vec<f32>]) {
        let Self { input, output, ref shape } = *self;
        let [x, w, a, b] = [inputs[0], inputs[1], inputs[2], inputs[3]];
        let (tokens, rank, width) = (x.len() / input, shape.rank, self.width());
        let (mut v, u) = (vec![0f32; tokens * width], self.down(x, a));
        self.blocks(|i, rows, b_rows| {
            let dy = Self::columns(grad, output, rows.start);
            let (count, b_values) = (rows.len(), b_rows.start * rank..b_rows.end * rank);
            let threads = parallelism(tokens * rank * count);
            let b = View::rows(&b[b_values.clone()], rank);
            let (sizes, v) = ([tokens, count, rank], &mut v[i * rank..]);
            multiply(sizes, dy, b, v, width, (shape.scale, false), threads);
            if let Some(db) = grads[3].get_mut(b_values) {
                let u = Self::columns(&u, width, i * rank);
                let sizes = [count, tokens, rank];
                multiply(sizes, dy.t(), u, db, rank, (shape.scale, false), threads);
            }
        });
        let v = View::rows(&v, width);
        if !grads[2].is_empty() {
            let x = View::rows(x, input);
            multiply_large([width, tokens, input], v.t(), x, &mut grads[2], false);
        }
        if !grads[0].is_empty() {
            let (dy, w, a) = (View::rows(grad, output), View::rows(w, input), View::rows(a, input));
            multiply_large([tokens, output, input], dy, w, &mut grads[0], false);
            multiply_large([tokens, width, input], v, a, &mut grads[0], true);
        }
    }

    fn skips_unwanted(&self) -> bool {
        true
    }
}
