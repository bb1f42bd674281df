//! `y = x W^T` and its gradients as matrix products on strided views.

use crate::host::HostFunction;
use thinkling_cpu::math::{dot, sum_lanes};
use thinkling_cpu::matmul::View;
use thinkling_cpu::threads::chunks_mut;
use thinkling_cpu::vectorised;

/// At most this many tokens go through [`few_tokens`]: packing `W` for a product costs more than
/// the product there, and reading `W` once is the floor.
pub(crate) const FEW_TOKENS: usize = 16;
/// Outputs of one task of [`few_tokens`].
const OUTPUTS: usize = 64;
/// Values that one step of a dot product takes.
const LANES: usize = 16;

/// Linear map: inputs `x` `[tokens, input]` and `W` `[output, input]`.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) input: usize,
    pub(crate) output: usize,
}

/// Parallelism of one large matrix product.
pub(crate) fn parallelism(multiplications: usize) -> gemm::Parallelism {
    // Below, a hand-over costs more than it saves.
    #[cfg(feature = "threads")]
    if multiplications > 1 << 20 {
        return gemm::Parallelism::Rayon(0);
    }
    let _ = multiplications;
    gemm::Parallelism::None
}

/// `out = beta out + alpha a b` for `a` `[m, k]`, `b` `[k, n]`; `out` has rows `out_row` apart.
pub(crate) fn multiply(
    [m, k, n]: [usize; 3],
    a: View<'_>,
    b: View<'_>,
    out: &mut [f32],
    out_row: usize,
    (alpha, accumulate): (f32, bool),
    parallelism: gemm::Parallelism,
) {
    assert!(a.holds(m, k) && b.holds(k, n), "operands of a product lie inside their slices");
    assert!(m == 0 || n == 0 || (m - 1) * out_row + n <= out.len(), "so does the product");
    if m == 0 || n == 0 {
        return;
    }
    // SAFETY: the asserts above keep every index inside its slice, `out` is borrowed mutably and
    // so overlaps neither operand.
    #[allow(unsafe_code, reason = "the gemm crate takes raw pointers and strides")]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            out_row as isize,
            accumulate,
            a.data.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.column as isize,
            b.row as isize,
            1.0f32,
            alpha,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// `out = a b` or `out += a b` on all threads where that pays, rows of `out` one after the other.
pub(crate) fn multiply_large(
    [m, k, n]: [usize; 3],
    a: View<'_>,
    b: View<'_>,
    out: &mut [f32],
    accumulate: bool,
) {
    multiply([m, k, n], a, b, out, n, (1.0, accumulate), parallelism(m * k * n));
}

/// `out = x W^T` for a few tokens (a decoding step): every row of `W` is read once, from memory to
/// registers, without packing.
pub(crate) fn few_tokens(x: &[f32], w: &[f32], input: usize, out: &mut [f32]) {
    let (tokens, output) = (x.len() / input, w.len() / input);
    // Outputs first, so that tasks write apart from each other; turned round at the end.
    let mut turned = vec![0f32; tokens * output];
    chunks_mut(&mut turned, OUTPUTS * tokens, |task, turned| {
        dots(x, &w[task * OUTPUTS * input..], input, tokens, turned);
    });
    for (token, out) in out.chunks_exact_mut(output).enumerate() {
        for (o, turned) in out.iter_mut().zip(turned.chunks_exact(tokens)) {
            *o = turned[token];
        }
    }
}

vectorised! {
    /// `out[o, token] = w[o] . x[token]`.
    fn dots(x: &[f32], w: &[f32], input: usize, tokens: usize, out: &mut [f32]) {
        for (w, out) in w.chunks_exact(input).zip(out.chunks_exact_mut(tokens)) {
            let mut quads = x.chunks_exact(4 * input);
            let mut outs = out.chunks_exact_mut(4);
            for (x, out) in (&mut quads).zip(&mut outs) {
                out.copy_from_slice(&dot4(x, w));
            }
            let rest = quads.remainder().chunks_exact(input);
            for (x, out) in rest.zip(outs.into_remainder()) {
                *out = dot(x, w);
            }
        }
    }
}

/// Dot products of `w` with four rows of `x`, so that each value of `w` is loaded once.
#[inline(always)]
fn dot4(x: &[f32], w: &[f32]) -> [f32; 4] {
    let n = w.len();
    let (x0, x) = x.split_at(n);
    let (x1, x) = x.split_at(n);
    let (x2, x3) = x.split_at(n);
    let (mut s0, mut s1) = ([0f32; LANES], [0f32; LANES]);
    let (mut s2, mut s3) = ([0f32; LANES], [0f32; LANES]);
    let (w, w_tail) = w.as_chunks::<LANES>();
    let (x0, t0) = x0.as_chunks::<LANES>();
    let (x1, t1) = x1.as_chunks::<LANES>();
    let (x2, t2) = x2.as_chunks::<LANES>();
    let (x3, t3) = x3.as_chunks::<LANES>();
    for ((((w, x0), x1), x2), x3) in w.iter().zip(x0).zip(x1).zip(x2).zip(x3) {
        for l in 0..LANES {
            s0[l] += x0[l] * w[l];
            s1[l] += x1[l] * w[l];
            s2[l] += x2[l] * w[l];
            s3[l] += x3[l] * w[l];
        }
    }
    let tail = |t: &[f32]| t.iter().zip(w_tail).map(|(x, w)| x * w).sum::<f32>();
    let sum = |s: [f32; LANES], t| sum_lanes(s) + tail(t);
    [sum(s0, t0), sum(s1, t1), sum(s2, t2), sum(s3, t3)]
}

impl HostFunction for Linear {
    fn names(&self) -> [&'static str; 2] {
        ["linear forward", "linear backward"]
    }

    fn shape(&self, inputs: &[&[usize]]) -> Vec<usize> {
        vec![inputs[0][0], self.output]
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32]) {
        let Self { input, output } = *self;
        let tokens = inputs[0].len() / input;
        if tokens <= FEW_TOKENS {
            return few_tokens(inputs[0], inputs[1], input, out);
        }
        let (x, w) = (View::rows(inputs[0], input), View::rows(inputs[1], input));
        multiply_large([tokens, input, output], x, w.t(), out, false);
    }

    /// `dx = dy W`, `dW = dy^T x`.
    fn backward(&self, inputs: &[&[f32]], grad: &[f32], grads: &mut [Vec<f32>]) {
        let Self { input, output } = *self;
        let tokens = inputs[0].len() / input;
        let (x, w) = (View::rows(inputs[0], input), View::rows(inputs[1], input));
        let dy = View::rows(grad, output);
        let (dx, dw) = grads.split_at_mut(1);
        if !dx[0].is_empty() {
            multiply_large([tokens, output, input], dy, w, &mut dx[0], false);
        }
        if !dw[0].is_empty() {
            multiply_large([output, tokens, input], dy.t(), x, &mut dw[0], false);
        }
    }

    fn skips_unwanted(&self) -> bool {
        true
    }
}
