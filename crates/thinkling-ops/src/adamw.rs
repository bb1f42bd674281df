//! One update of a weight by AdamW (arXiv 1711.05101): a kernel for f32 on a GPU, else tensor code.

use burn::tensor::Tensor;

/// What an update multiplies by; `t` counts updates from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWFactors {
    /// On the gradient, for clipping.
    pub clip: f32,
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
    /// On the weight: `1 - learning rate * weight decay`.
    pub keep: f32,
    /// On the mean of gradients: `learning rate / (1 - beta1^t)`.
    pub rate: f32,
    /// On the mean of squared gradients: `1 / (1 - beta2^t)`.
    pub second: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
}

/// The updated weight and moments: with `g = clip grad`, `m' = beta1 m + (1 - beta1) g`,
/// `v' = beta2 v + (1 - beta2) g^2` and `w' = keep w - rate m' / (sqrt(second v') + eps)`.
///
/// # Shapes
/// `[n]` each. No gradient.
pub fn adamw(
    weight: Tensor<1>,
    grad: Tensor<1>,
    [m, v]: [Tensor<1>; 2],
    factors: AdamWFactors,
) -> (Tensor<1>, [Tensor<1>; 2]) {
    #[cfg(feature = "gpu")]
    if [&weight, &grad, &m, &v].into_iter().all(crate::gpu::is_f32) {
        return crate::gpu::adamw::adamw([weight, grad, m, v], factors);
    }
    let AdamWFactors { clip, beta1, beta2, keep, rate, second, eps } = factors;
    let grad = grad.mul_scalar(clip);
    let m = m.mul_scalar(beta1) + grad.clone().mul_scalar(1.0 - beta1);
    let v = v.mul_scalar(beta2) + (grad.clone() * grad).mul_scalar(1.0 - beta2);
    let root = v.clone().mul_scalar(second).sqrt().add_scalar(eps);
    let weight = weight.mul_scalar(keep) - m.clone().mul_scalar(rate) / root;
    (weight, [m, v])
}

/// A few numbers that add up to the sum of the squares of `x`, so that nothing large is lost where
/// many are added up in f32. No gradient.
///
/// # Shapes
/// `[n]` -> `[some]`.
pub fn squares(x: Tensor<1>) -> Tensor<1> {
    #[cfg(feature = "gpu")]
    if crate::gpu::is_f32(&x) {
        return crate::gpu::adamw::squares(x);
    }
    (x.clone() * x).sum()
}
