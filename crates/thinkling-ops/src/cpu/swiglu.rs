//! `y = silu(gate) * up` over rows `[gate | up]` (arXiv 2002.05202).

use crate::host::HostFunction;
use thinkling_cpu::math::sigmoid;
use thinkling_cpu::rows::swiglu_rows;
use thinkling_cpu::threads::{rows2, rows3};
use thinkling_cpu::vectorised;

/// SwiGLU: input `[tokens, 2 * width]`, output `[tokens, width]`.
#[derive(Debug)]
pub(crate) struct SwiGlu {
    pub(crate) width: usize,
}

impl HostFunction for SwiGlu {
    fn names(&self) -> [&'static str; 2] {
        ["swiglu forward", "swiglu backward"]
    }

    #[cfg(feature = "gpu")]
    fn kernels(&self) -> &dyn crate::gpu::Kernels {
        self
    }

    fn shape(&self, inputs: &[&[usize]]) -> Vec<usize> {
        vec![inputs[0][0], self.width]
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32]) {
        let width = self.width;
        rows2(out, width, inputs[0], 2 * width, |out, x| swiglu_rows(x, width, out));
    }

    /// With `s = sigmoid(g)`: `dg = dy u s (1 + g (1 - s))`, `du = dy g s`.
    fn backward(&self, inputs: &[&[f32]], grad: &[f32], grads: &mut [Vec<f32>]) {
        let width = self.width;
        let x = (inputs[0], 2 * width);
        rows3(&mut grads[0], 2 * width, x, (grad, width), |dx, x, dy| {
            backward_rows(x, dy, width, dx);
        });
    }
}

vectorised! {
    fn backward_rows(x: &[f32], dy: &[f32], width: usize, dx: &mut [f32]) {
        let rows = dx.chunks_exact_mut(2 * width).zip(x.chunks_exact(2 * width));
        for ((dx, x), dy) in rows.zip(dy.chunks_exact(width)) {
            let (dgate, dup) = dx.split_at_mut(width);
            let (gate, up) = x.split_at(width);
            for i in 0..width {
                let (g, u, dy) = (gate[i], up[i], dy[i]);
                let s = sigmoid(g);
                dgate[i] = dy * u * s * (1.0 + g * (1.0 - s));
                dup[i] = dy * g * s;
            }
        }
    }
}
