//! The kernels against the tensor code on the CPU: value and gradient, on odd shapes.

mod adamw;
mod product;
mod softmax;

use crate::attention::{
    AttentionLayout, Heads, PackedSequence, RopeFactors, packed_attention, rotate_qk,
};
use crate::norm::{rms_norm, swiglu};
use crate::rows::RowMap;
use crate::tensor;
use burn::tensor::{Device, DeviceKind, Distribution, FloatDType, Tensor};
use std::sync::OnceLock;

/// f32 sums of up to some thousand products of numbers near 1, in another order.
const TOLERANCE: f32 = 5e-5;

/// The GPU, also one in software; without one a test passes, unless `REQUIRE_GPU` is set.
fn gpu() -> Option<Device> {
    static GPU: OnceLock<Option<Device>> = OnceLock::new();
    GPU.get_or_init(|| match Device::wgpu_options().device_kind(DeviceKind::DefaultDevice).init() {
        Ok(device) => Some(device),
        Err(e) if std::env::var_os("REQUIRE_GPU").is_some() => panic!("no GPU: {e:?}"),
        Err(_) => None,
    })
    .clone()
}

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex())
}

fn on<const D: usize>(x: &Tensor<D>, device: &Device) -> Tensor<D> {
    Tensor::from_data(x.to_data(), device)
}

fn values<const D: usize>(t: Tensor<D>) -> Vec<f32> {
    t.into_data().try_to_vec::<f32>().unwrap()
}

fn assert_close<const D: usize>(a: Tensor<D>, b: Tensor<D>, what: &str) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    let (a, b) = (values(a), values(b));
    let scale = 1.0 + b.iter().fold(0f32, |m, x| m.max(x.abs()));
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        assert!((x - y).abs() <= TOLERANCE * scale, "{what}: element {i}: {x} {y}");
    }
}

/// Value and gradient of `f` on the GPU, twice, and of `g` on the CPU, under a random linear
/// functional.
fn same<const A: usize, const D: usize>(
    x: &Tensor<A>,
    f: impl Fn(Tensor<A>) -> Tensor<D>,
    g: impl Fn(Tensor<A>) -> Tensor<D>,
    what: &str,
) {
    let Some(gpu) = gpu() else { return };
    let run = |device: &Device, weights: &Tensor<D>, h: &dyn Fn(Tensor<A>) -> Tensor<D>| {
        let leaf = on(x, device).autodiff().require_grad();
        let y = h(leaf.clone());
        let grads = (y.clone() * Tensor::from_inner(on(weights, device))).sum().backward();
        (y.inner(), leaf.grad(&grads).unwrap())
    };
    let weights = random::<D>(g(x.clone().autodiff()).dims());
    let (z, dz) = run(&Device::flex(), &weights, &g);
    let (y, dx) = run(&gpu, &weights, &f);
    let (_, again) = run(&gpu, &weights, &f);
    assert_eq!(values(dx.clone()), values(again), "gradient of {what}, made twice");
    assert_close(y, z, what);
    assert_close(dx, dz, &format!("gradient of {what}"));
}

const SHAPES: [(usize, usize); 9] = [
    (1, 1),
    (3, 7),
    (70, 1),
    (129, 33),
    (5, 112),
    (65, 144),
    (2, 1100),
    (300, 576),
    // More rows than a row of the grid has cubes.
    (33_000, 3),
];

#[test]
fn rms_norm_kernels_are_the_tensor_code() {
    let Some(gpu) = gpu() else { return };
    for (rows, width) in SHAPES {
        let (x, w) = (random([rows, width]), random::<1>([width]));
        let what = format!("rms_norm {rows}x{width}");
        same(
            &x,
            |x| rms_norm(x, on(&w, &gpu).autodiff(), 1e-5),
            |x| tensor::rms_norm(x, w.clone().autodiff(), 1e-5),
            &what,
        );
        same(
            &w,
            |w| rms_norm(on(&x, &gpu).autodiff(), w, 1e-5),
            |w| tensor::rms_norm(x.clone().autodiff(), w, 1e-5),
            &what,
        );
    }
}

#[test]
fn rms_norm_of_some_heads_of_fused_rows_is_the_tensor_code() {
    let Some(gpu) = gpu() else { return };
    let (x, w) = (random([37, 6, 10]), random::<1>([10]));
    let heads = |x: Tensor<3>| x.slice([0..37, 1..4, 0..10]);
    same(
        &x,
        |x| rms_norm(heads(x), on(&w, &gpu).autodiff(), 1e-5),
        |x| tensor::rms_norm(heads(x), w.clone().autodiff(), 1e-5),
        "rms_norm of heads",
    );
}

#[test]
fn swiglu_kernels_are_the_tensor_code() {
    for (rows, width) in SHAPES {
        let x = random([rows, 2 * width]) * 3.0;
        same(&x, swiglu, tensor::swiglu, &format!("swiglu {rows}x{width}"));
    }
}

#[test]
fn swiglu_of_large_numbers_is_finite() {
    let Some(gpu) = gpu() else { return };
    let x = Tensor::<2>::from_data([[-200.0, 200.0, 3.0, 3.0]], &gpu).autodiff().require_grad();
    let y = swiglu(x.clone());
    let grads = y.clone().sum().backward();
    assert_eq!(values(y.inner()), [0.0, 600.0]);
    assert_eq!(values(x.grad(&grads).unwrap()), [0.0, 3.0, 0.0, 200.0]);
}

const HEADS: [Heads; 3] = [
    Heads { heads: 1, kv_heads: 1, head_dim: 2 },
    Heads { heads: 4, kv_heads: 2, head_dim: 6 },
    Heads { heads: 9, kv_heads: 3, head_dim: 16 },
];

#[test]
fn rotation_kernels_are_the_tensor_code() {
    let Some(gpu) = gpu() else { return };
    for heads in HEADS {
        let positions: Vec<usize> = (0..131).map(|t| (t * 7) % 50).collect();
        let half = heads.head_dim / 2;
        let frequencies: Vec<f64> = (0..half).map(|i| 0.9 / (i + 1) as f64).collect();
        let rope = RopeFactors::new(&positions, &frequencies, &gpu);
        let [cos, sin] = [0, 1].map(|i| {
            let factors = Tensor::<1>::from_floats(rope.host[i].as_slice(), &Device::flex());
            factors.reshape([positions.len(), 1, half]).autodiff()
        });
        same(
            &random([positions.len(), heads.width()]),
            |x| rotate_qk(x, &rope, heads),
            |x| tensor::rotate_qk(x, cos.clone(), sin.clone(), heads),
            &format!("rotate_qk {heads:?}"),
        );
    }
}

#[test]
fn attention_by_gathers_is_that_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let s = |len, prefix| PackedSequence { len, prefix };
    let mut group = vec![s(3, None)];
    group.extend((0..70).map(|i| s(1 + i % 4, Some(0))));
    let batches = [
        vec![s(1, None)],
        vec![s(3, None), s(1, None), s(129, None)],
        vec![s(5, None), s(127, None), s(3, Some(1)), s(1, Some(0)), s(70, Some(0)), s(2, Some(1))],
        // More completions of a prompt than one unit adds up.
        group,
    ];
    for heads in HEADS {
        for sequences in &batches {
            let tokens = sequences.iter().map(|s| s.len).sum();
            let layout = AttentionLayout::new(sequences, heads.repeat(), &gpu);
            let host = AttentionLayout::new(sequences, heads.repeat(), &Device::flex());
            same(
                &random([tokens, heads.width()]),
                |x| packed_attention(x, &layout, heads),
                |x| packed_attention(x, &host, heads),
                &format!("packed_attention {heads:?} of {} sequences", sequences.len()),
            );
        }
    }
}

/// Ids and the rows they are of: one, a permutation, rows that none came from, one row for all,
/// some rows for many.
fn maps() -> Vec<(Vec<i32>, usize)> {
    vec![
        (vec![0], 1),
        (vec![3, 0, 2, 1], 4),
        (vec![9, 4, 9, 9, 1], 20),
        (vec![2; 1100], 3),
        ((0..500).map(|i| i * i % 61 % 13).collect(), 40),
    ]
}

#[test]
fn gathers_and_their_gradients_are_the_tensor_code() {
    let Some(gpu) = gpu() else { return };
    for (ids, rows) in maps() {
        for width in [1, 7, 112, 144, 576] {
            let map = RowMap::new(ids.clone(), rows, &gpu);
            let host = RowMap::new(ids.clone(), rows, &Device::flex());
            let columns = width / 3..width;
            let what = format!("{} rows of {rows}x{width}", ids.len());
            let x = random([rows, width]);
            same(&x, |x| map.gather(x), |x| host.gather(x), &what);
            same(
                &x,
                |x| map.gather_columns(x, columns.clone()),
                |x| host.gather_columns(x, columns.clone()),
                &format!("columns {columns:?} of {what}"),
            );
        }
    }
}

#[test]
fn sums_by_row_are_the_tensor_code() {
    let Some(gpu) = gpu() else { return };
    for (ids, rows) in maps() {
        let (onto, values) = (random([rows, 7]), random([ids.len(), 7]));
        let map = RowMap::new(ids.clone(), rows, &gpu);
        let host = RowMap::new(ids.clone(), rows, &Device::flex());
        let got = map.add_to(on(&onto, &gpu), on(&values, &gpu));
        assert_close(got, host.add_to(onto, values), &format!("{} rows to {rows}", ids.len()));
    }
}

#[test]
fn half_precision_takes_the_tensor_code() {
    let Some(gpu) = gpu().filter(|gpu| gpu.supports_dtype(FloatDType::F16)) else { return };
    let half = |x: &Tensor<2>| on(x, &gpu).cast(FloatDType::F16);
    let (x, w) = (random([5, 12]), random::<1>([12]));
    let single = |t: Tensor<2>| t.cast(FloatDType::F32);
    let near = |a: Tensor<2>, b: Tensor<2>, what| {
        // 11 bits of fraction, a few roundings.
        let apart = values(a).iter().zip(values(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 0.02, "{what}: {apart}");
    };
    let norm = rms_norm(half(&x), on(&w, &gpu).cast(FloatDType::F16), 1e-5);
    near(single(norm), tensor::rms_norm(x.clone(), w, 1e-5), "rms_norm");
    near(single(swiglu(half(&x))), tensor::swiglu(x.clone()), "swiglu");
    let ids = vec![4, 0, 0];
    let taken = RowMap::new(ids.clone(), 5, &gpu).gather(half(&x));
    near(single(taken), RowMap::new(ids, 5, &Device::flex()).gather(x), "gather");
}
