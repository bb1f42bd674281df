//! `y = x / sqrt(mean(x^2) + eps) * w` by rows (arXiv 1910.07467).

use crate::host::HostFunction;
use pulp::Arch;
use thinkling_cpu::math::dot;
use thinkling_cpu::rows::{inverse_rms, rms_norm};
use thinkling_cpu::threads::{ROWS, chunks_mut, rows2, rows3};

/// RMSNorm over the last axis: inputs `x` `[.., width]` and `w` `[width]`.
#[derive(Debug)]
pub(crate) struct RmsNorm {
    pub(crate) eps: f32,
}

impl HostFunction for RmsNorm {
    fn names(&self) -> [&'static str; 2] {
        ["rms_norm forward", "rms_norm backward"]
    }

    fn shape(&self, inputs: &[&[usize]]) -> Vec<usize> {
        inputs[0].to_vec()
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32]) {
        let (x, w) = (inputs[0], inputs[1]);
        let width = w.len();
        let arch = Arch::new();
        rows2(out, width, x, width, |out, x| {
            arch.dispatch(|| {
                for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                    rms_norm(x, w, self.eps, out);
                }
            });
        });
    }

    /// With `s = 1 / sqrt(mean(x^2) + eps)`: `dx = s (w dy - x s^2 mean(w dy x))`,
    /// `dw = sum over rows of dy x s`.
    fn backward(&self, inputs: &[&[f32]], grad: &[f32], grads: &mut [Vec<f32>]) {
        let (x, w) = (inputs[0], inputs[1]);
        let width = w.len();
        let arch = Arch::new();
        let (dx, dw) = grads.split_at_mut(1);
        rows3(&mut dx[0], width, (x, width), (grad, width), |dx, x, dy| {
            arch.dispatch(|| {
                let rows = dx.chunks_exact_mut(width).zip(x.chunks_exact(width));
                for ((dx, x), dy) in rows.zip(dy.chunks_exact(width)) {
                    let s = inverse_rms(x, self.eps);
                    for ((dx, dy), w) in dx.iter_mut().zip(dy).zip(w) {
                        *dx = dy * w;
                    }
                    let mean = dot(dx, x) / width as f32;
                    let k = s * s * mean;
                    for (dx, x) in dx.iter_mut().zip(x) {
                        *dx = s * (*dx - x * k);
                    }
                }
            });
        });
        let pieces = x.len().div_ceil((ROWS * width).max(1));
        let mut partial = vec![0f32; pieces * width];
        // One partial sum a piece of rows, added in order afterwards.
        let piece = |partial: &mut [f32], i: usize| {
            let from = i * ROWS * width;
            let to = (from + ROWS * width).min(x.len());
            arch.dispatch(|| {
                let rows = x[from..to].chunks_exact(width).zip(grad[from..to].chunks_exact(width));
                for (x, dy) in rows {
                    let s = inverse_rms(x, self.eps);
                    for ((p, x), dy) in partial.iter_mut().zip(x).zip(dy) {
                        *p += dy * x * s;
                    }
                }
            });
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
