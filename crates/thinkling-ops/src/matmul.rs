//! Matrix products: kernels for f32 on a GPU, else burn's.

use burn::tensor::Tensor;

/// `a b`.
///
/// # Shapes
/// `a` `[.., m, k]`, `b` `[.., k, n]`, the same axes before -> `[.., m, n]`.
pub fn matmul<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    multiply(a, b, [false, false])
}

/// `a b^T`, without a transposed copy.
///
/// # Shapes
/// `a` `[.., m, k]`, `b` `[.., n, k]`, the same axes before -> `[.., m, n]`.
pub fn matmul_nt<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    multiply(a, b, [false, true])
}

/// `a^T b`, without a transposed copy.
///
/// # Shapes
/// `a` `[.., k, m]`, `b` `[.., k, n]`, the same axes before -> `[.., m, n]`.
pub fn matmul_tn<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    multiply(a, b, [true, false])
}

/// `a b`, each turned by its last two axes first where `turned` says so.
fn multiply<const D: usize>(a: Tensor<D>, b: Tensor<D>, turned: [bool; 2]) -> Tensor<D> {
    #[cfg(feature = "gpu")]
    if D <= 4
        && a.dims()[..D - 2] == b.dims()[..D - 2]
        && crate::gpu::is_f32(&a)
        && crate::gpu::is_f32(&b)
    {
        return crate::gpu::product::matmul(a, b, turned);
    }
    let turn = |x: Tensor<D>, turned| if turned { x.swap_dims(D - 2, D - 1) } else { x };
    turn(a, turned[0]).matmul(turn(b, turned[1]))
}
