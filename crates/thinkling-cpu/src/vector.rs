//! Functions compiled for several kinds of vectors.

use pulp::{Arch, Simd, WithSimd};

/// Floats in a vector of this machine.
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

/// The vector instructions that products use on this machine, with the floats of a vector.
pub fn instructions() -> String {
    let name = format!("{:?}", Arch::new());
    // Its tokens follow in brackets.
    let name = name.split(['(', '{', ' ']).next().unwrap_or_default();
    format!("{name}, {} floats", lanes())
}

/// Compiles a function for AVX-512, for AVX2 and for what the target always has; which one runs is
/// chosen by the machine at the first call.
///
/// What it calls must be inlined (`#[inline(always)]`): a function that is not is compiled for the
/// least machine. That holds for closures too, which is why `pulp`'s dispatch of a long closure gives
/// no vector code beyond SSE2.
///
/// ```
/// thinkling_cpu::vectorised! {
///     /// Doubles values.
///     fn double(x: &mut [f32]) {
///         x.iter_mut().for_each(|x| *x *= 2.0);
///     }
/// }
/// let mut x = [1.0, 2.0];
/// double(&mut x);
/// assert_eq!(x, [2.0, 4.0]);
/// ```
#[macro_export]
macro_rules! vectorised {
    ($($function:tt)*) => {
        #[$crate::multiversion::multiversion(
            targets(
                "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma",
                "x86_64+avx2+fma",
            )
        )]
        $($function)*
    };
}
