//! `y = x W^T` and its gradients as matrix products on strided views.

use crate::cpu::threads::parallelism;
use crate::host::HostFunction;

/// Linear map: inputs `x` `[tokens, input]` and `W` `[output, input]`.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) input: usize,
    pub(crate) output: usize,
}

/// A matrix in a slice: element `(i, j)` lies at `i * row + j * column`.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) row: usize,
    pub(crate) column: usize,
}

impl<'a> View<'a> {
    /// Rows of `width` values one after the other.
    pub(crate) fn rows(data: &'a [f32], width: usize) -> Self {
        Self { data, row: width, column: 1 }
    }

    /// The transposed matrix.
    pub(crate) fn t(self) -> Self {
        Self { row: self.column, column: self.row, ..self }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }
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

impl HostFunction for Linear {
    fn shape(&self, inputs: &[&[usize]]) -> Vec<usize> {
        vec![inputs[0][0], self.output]
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32]) {
        let Self { input, output } = *self;
        let tokens = inputs[0].len() / input;
        let (x, w) = (View::rows(inputs[0], input), View::rows(inputs[1], input));
        let threads = parallelism(tokens * input * output);
        multiply([tokens, input, output], x, w.t(), out, output, (1.0, false), threads);
    }

    /// `dx = dy W`, `dW = dy^T x`.
    fn backward(&self, inputs: &[&[f32]], grad: &[f32], grads: &mut [Vec<f32>]) {
        let Self { input, output } = *self;
        let tokens = inputs[0].len() / input;
        let (x, w) = (View::rows(inputs[0], input), View::rows(inputs[1], input));
        let dy = View::rows(grad, output);
        let threads = parallelism(tokens * input * output);
        let (dx, dw) = grads.split_at_mut(1);
        multiply([tokens, output, input], dy, w, &mut dx[0], input, (1.0, false), threads);
        multiply([output, tokens, input], dy.t(), x, &mut dw[0], input, (1.0, false), threads);
    }
}
