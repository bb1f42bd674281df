//! `y = x / sqrt(mean(x^2) + eps) * w` by rows (arXiv 1910.07467).

use crate::host::HostFunction;
use thinkling_cpu::math::dot;
use thinkling_cpu::rows::{inverse_rms, rms_norm_rows};
use thinkling_cpu::threads::{ROWS, chunks_mut, rows2, rows3};
use thinkling_cpu::vectorised;

/// RMSNorm over the last axis: inputs `x` `[.., width]` and `w` `[width]`.
#[derive(Debug)]
pub(crate) struct RmsNorm {
    pub(crate) eps: f32,
}

impl HostFunction for RmsNorm {
    fn names(&self) -> [&'static str; 2] {
        ["rms_norm forward", "rms_norm backward"]
    }

    #[cfg(feature = "gpu")]
    fn kernels(&self) -> &dyn crate::gpu::Kernels {
        self
    }

    fn shape(&self, inputs: &[&[usize]]) -> Vec<usize> {
        inputs[0].to_vec()
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32]) {
        let (x, w) = (inputs[0], inputs[1]);
        let width = w.len();
        rows2(out, width, x, width, |out, x| rms_norm_rows(x, w, self.eps, out));
    }

    /// With `s = 1 / sqrt(mean(x^2) + eps)`: `dx = s (w dy - x s^2 mean(w dy x))`,
    /// `dw = sum over rows of dy x s`.
    fn backward(&self, inputs: &[&[f32]], grad: &[f32], grads: &mut [Vec<f32>]) {
        let (x, w) = (inputs[0], inputs[1]);
        let width = w.len();
        let (dx, dw) = grads.split_at_mut(1);
        rows3(&mut dx[0], width, (x, width), (grad, width), |dx, x, dy| {
            input_grads(x, w, dy, self.eps, dx);
        });
        let pieces = x.len().div_ceil((ROWS * width).max(1));
        let mut partial = vec![0f32; pieces * width];
        // One partial sum a piece of rows, added in order afterwards.
        let piece = |partial: &mut [f32], i: usize| {
            let from = i * ROWS * width;
            let to = (from + ROWS * width).min(x.len());
            add_weight_grads(&x[from..to], &grad[from..to], self.eps, partial);
        };
        chunks_mut(&mut partial, width, |i, partial| piece(partial, i));
        dw[0].fill(0.0);
        for p in partial.chunks_exact(width) {
            for (dw, p) in dw[0].iter_mut().zip(p) {
                *dw += p;
            }
        }
    }
}

vectorised! {
    fn input_grads(x: &[f32], w: &[f32], dy: &[f32], eps: f32, dx: &mut [f32]) {
        let width = w.len();
        let rows = dx.chunks_exact_mut(width).zip(x.chunks_exact(width));
        for ((dx, x), dy) in rows.zip(dy.chunks_exact(width)) {
            let s = inverse_rms(x, eps);
            for ((dx, dy), w) in dx.iter_mut().zip(dy).zip(w) {
                *dx = dy * w;
            }
            let mean = dot(dx, x) / width as f32;
            let k = s * s * mean;
            for (dx, x) in dx.iter_mut().zip(x) {
                *dx = s * (*dx - x * k);
            }
        }
    }
}

vectorised! {
    fn add_weight_grads(x: &[f32], dy: &[f32], eps: f32, dw: &mut [f32]) {
        let width = dw.len();
        for (x, dy) in x.chunks_exact(width).zip(dy.chunks_exact(width)) {
            let s = inverse_rms(x, eps);
            for ((dw, x), dy) in dw.iter_mut().zip(x).zip(dy) {
                *dw += dy * x * s;
            }
        }
    }
}
