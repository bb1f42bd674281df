//! Twin of `rms_norm.wgsl`.

/// `y = x / sqrt(mean(x^2) + eps) * w` of rows `stride` apart.
pub(crate) fn rms_norm(x: &[f32], w: &[f32], eps: f32, stride: usize, y: &mut [f32]) {
    for (x, y) in x.chunks_exact(stride).zip(y.chunks_exact_mut(stride)) {
        thinkling_cpu::rows::rms_norm_rows(&x[..w.len()], w, eps, &mut y[..w.len()]);
    }
}
