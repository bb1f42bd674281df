//! Matrix products against burn's on the CPU, whichever way their factors lie.

use super::{gpu, on, random, same, values};
use crate::compute::ComputeType;
use crate::gpu::product::Tile;
use crate::lora::{LoraShape, lora_linear};
use crate::matmul::{matmul, matmul_nt, matmul_tn};
use crate::norm::linear;
use burn::tensor::{FloatDType, Tensor};

type Product<const D: usize> = fn(Tensor<D>, Tensor<D>) -> Tensor<D>;

fn turned<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.swap_dims(D - 2, D - 1)
}

/// The three products with how each factor is turned.
fn products<const D: usize>() -> [(Product<D>, [bool; 2], &'static str); 3] {
    [
        (matmul, [false, false], "a b"),
        (matmul_nt, [false, true], "a b^T"),
        (matmul_tn, [true, false], "a^T b"),
    ]
}

/// All products of `[.., m, k]` and `[.., k, n]`, and their gradients, against burn's on the CPU;
/// `view` makes a factor of a leaf and of its shape.
fn check<const D: usize>(
    batches: [usize; 2],
    [m, k, n]: [usize; 3],
    leaf: impl Fn([usize; D]) -> Tensor<D>,
    view: impl Fn(Tensor<D>) -> Tensor<D>,
) {
    let Some(gpu) = gpu() else { return };
    for (product, turns, name) in products::<D>() {
        let shape = |[rows, columns]: [usize; 2], turned| {
            let mut shape = [0; D];
            shape[..D - 2].copy_from_slice(&batches[..D - 2]);
            shape[D - 2..].copy_from_slice(&if turned { [columns, rows] } else { [rows, columns] });
            shape
        };
        let (a, b) = (leaf(shape([m, k], turns[0])), leaf(shape([k, n], turns[1])));
        let what = format!("{name} of {batches:?} {m}x{k}x{n}");
        let reference = |a: Tensor<D>, b: Tensor<D>| {
            let turn = |x, yes| if yes { turned(x) } else { x };
            turn(view(a), turns[0]).matmul(turn(view(b), turns[1]))
        };
        let other = |x: &Tensor<D>| on(x, &gpu).autodiff();
        same(
            &a,
            |a| product(view(a), view(other(&b))),
            |a| reference(a, b.clone().autodiff()),
            &format!("{what}, of a"),
        );
        same(
            &b,
            |b| product(view(other(&a)), view(b)),
            |b| reference(a.clone().autodiff(), b),
            &format!("{what}, of b"),
        );
    }
}

fn same_view<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x
}

#[test]
fn products_are_those_of_the_cpu() {
    for sizes in [
        [1, 1, 1],
        [1, 3, 1],
        [3, 1, 129],
        [1, 129, 127],
        [127, 3, 1],
        [129, 127, 3],
        [127, 129, 130],
        [64, 16, 64],
        [65, 48, 192],
        [128, 100, 36],
    ] {
        check::<2>([1, 1], sizes, random, same_view);
    }
}

#[test]
fn long_sums_are_made_in_pieces() {
    for sizes @ [m, k, n] in [[3, 1000, 5], [65, 1001, 33], [40, 400, 128]] {
        let pieces = [(m, n, k), (m, k, n), (k, n, m)].map(|(m, n, k)| Tile::choose(m, n, k, 1).1);
        assert!(pieces[0] > 1, "{pieces:?}");
        check::<2>([1, 1], sizes, random, same_view);
        check::<3>([3, 1], sizes, random, same_view);
    }
}

#[test]
fn products_of_batches_are_those_of_the_cpu() {
    for sizes in [[1, 3, 1], [3, 127, 1], [129, 33, 65], [36, 16, 40]] {
        check::<3>([5, 1], sizes, random, same_view);
        check::<4>([2, 3], sizes, random, same_view);
    }
}

#[test]
fn factors_are_read_where_they_lie() {
    for sizes in [[3, 127, 1], [129, 33, 65], [36, 16, 40]] {
        // Both axes turned round in memory.
        let leaf = |[a, b, m, n]: [usize; 4]| random([a, b, n, m]);
        check::<4>([2, 3], sizes, leaf, turned);
        // Heads beside each other in rows of tokens.
        let leaf = |[a, b, m, n]: [usize; 4]| random([a, m, b, n]);
        check::<4>([2, 3], sizes, leaf, |x| x.swap_dims(1, 2));
        // Some columns of wider rows, and neither axis together.
        let leaf = |[m, n]: [usize; 2]| random([m + 1, n + 64]);
        check::<2>([1, 1], sizes, leaf, |x| {
            let [m, n] = x.dims();
            x.slice([0..m - 1, 64..n])
        });
        let leaf = |[a, m, n]: [usize; 3]| random([m, n, a]);
        check::<3>([5, 1], sizes, leaf, |x| x.permute([2, 0, 1]));
    }
}

#[test]
fn more_batches_than_the_grid_has_room_for_are_multiplied_too() {
    let Some(gpu) = gpu() else { return };
    let (a, b) = (random([66_000, 1, 2]), random([66_000, 2, 1]));
    let got = matmul(on(&a, &gpu), on(&b, &gpu));
    super::assert_close(got, a.matmul(b), "66,000 products");
}

#[test]
fn products_of_nothing_are_zero() {
    let Some(gpu) = gpu() else { return };
    let zeros = |shape: [usize; 2]| Tensor::<2>::zeros(shape, &gpu);
    assert_eq!(matmul(zeros([3, 4]), zeros([4, 0])).dims(), [3, 0]);
    assert_eq!(matmul_nt(zeros([0, 4]), zeros([5, 4])).dims(), [0, 5]);
}

#[test]
fn linear_maps_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let frozen = |x: &Tensor<2>| on(x, &gpu).autodiff();
    let host = |x: &Tensor<2>| x.clone().autodiff();
    let shape = LoraShape { rank: 3, scale: 0.5, blocks: vec![0..40, 50..129] };
    for tokens in [1, 3, 129] {
        let (x, w) = (random([tokens, 127]), random([129, 127]));
        let (a, b) = (random([6, 127]), random([119, 3]));
        let plain = |x, w| linear(x, w, None, ComputeType::F32);
        let low = |x, w, a, b| lora_linear(x, w, None, [a, b], &shape, ComputeType::F32);
        same(&x, |x| plain(x, frozen(&w)), |x| plain(x, host(&w)), "linear of x");
        same(&w, |w| plain(frozen(&x), w), |w| plain(host(&x), w), "linear of w");
        same(
            &x,
            |x| low(x, frozen(&w), frozen(&a), frozen(&b)),
            |x| low(x, host(&w), host(&a), host(&b)),
            "lora of x",
        );
        same(
            &a,
            |a| low(frozen(&x), frozen(&w), a, frozen(&b)),
            |a| low(host(&x), host(&w), a, host(&b)),
            "lora of a",
        );
        same(
            &b,
            |b| low(frozen(&x), frozen(&w), frozen(&a), b),
            |b| low(host(&x), host(&w), host(&a), b),
            "lora of b",
        );
    }
}

#[test]
fn products_in_half_precision_are_burns() {
    let Some(gpu) = gpu().filter(|gpu| gpu.supports_dtype(FloatDType::F16)) else { return };
    let (x, w) = (random([33, 64]), random([20, 64]));
    let half = |x: &Tensor<2>| on(x, &gpu).cast(FloatDType::F16);
    let got = matmul_nt(half(&x), half(&w));
    assert_eq!(got.dtype(), burn::tensor::DType::F16);
    // 64 products of numbers near 1 with 11 bits of fraction.
    let pairs = values(got.cast(FloatDType::F32)).into_iter().zip(values(matmul_nt(x, w)));
    let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 0.1, "{apart}");
}
