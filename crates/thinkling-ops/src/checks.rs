//! The CPU operations against the tensor code: value and gradient, on odd shapes.

use crate::attention::{
    AttentionLayout, Heads, PackedSequence, RopeFactors, cached_attention, packed_attention,
    rotate_qk,
};
use crate::compute::ComputeType;
use crate::lora::{LoraShape, lora_linear, lora_merge};
use crate::norm::{linear, rms_norm, swiglu};
use crate::tensor;
use burn::tensor::{Device, Distribution, Tensor};

/// f32 sums of at most a few hundred products of numbers near 1, in another order.
const TOLERANCE: f32 = 2e-5;

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex())
}

fn assert_close<const D: usize>(a: Tensor<D>, b: Tensor<D>, what: &str) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    let values = |t: Tensor<D>| t.into_data().try_to_vec::<f32>().unwrap();
    let scale = 1.0 + values(b.clone()).iter().fold(0f32, |m, x| m.max(x.abs()));
    for (i, (x, y)) in values(a).iter().zip(values(b)).enumerate() {
        assert!((x - y).abs() <= TOLERANCE * scale, "{what}: element {i}: {x} {y}");
    }
}

/// Value and gradient of two functions of one tensor, under a random linear functional.
fn same1<const A: usize, const D: usize>(
    x: Tensor<A>,
    f: impl Fn(Tensor<A>) -> Tensor<D>,
    g: impl Fn(Tensor<A>) -> Tensor<D>,
    what: &str,
) {
    let weights = random::<D>(f(x.clone()).dims());
    let run = |h: &dyn Fn(Tensor<A>) -> Tensor<D>| {
        let leaf = x.clone().autodiff().require_grad();
        let y = h(leaf.clone());
        let grads = (y.clone() * Tensor::from_inner(weights.clone())).sum().backward();
        (y.inner(), leaf.grad(&grads).unwrap())
    };
    let ((y, dx), (z, dz)) = (run(&f), run(&g));
    assert_close(y, z, what);
    assert_close(dx, dz, &format!("gradient of {what}"));
}

#[test]
fn rms_norm_is_the_tensor_code() {
    for (rows, width) in [(1, 1), (3, 7), (127, 33), (129, 64), (300, 128)] {
        let (x, w) = (random([rows, width]), random::<1>([width]));
        let what = format!("rms_norm {rows}x{width}");
        same1(
            x.clone(),
            |x| rms_norm(x, w.clone().autodiff(), 1e-5),
            |x| tensor::rms_norm(x, w.clone().autodiff(), 1e-5),
            &what,
        );
        same1(
            w,
            |w| rms_norm(x.clone().autodiff(), w, 1e-5),
            |w| tensor::rms_norm(x.clone().autodiff(), w, 1e-5),
            &what,
        );
    }
}

#[test]
fn swiglu_is_the_tensor_code() {
    for (rows, width) in [(1, 1), (3, 7), (129, 33)] {
        let x = random([rows, 2 * width]) * 3.0;
        same1(x, swiglu, tensor::swiglu, "swiglu");
    }
}

#[test]
fn linear_is_the_tensor_code() {
    for (rows, input, output) in
        [(1, 1, 1), (3, 7, 5), (7, 45, 131), (16, 64, 64), (127, 33, 129), (130, 64, 96)]
    {
        let (x, w) = (random([rows, input]), random([output, input]));
        same1(
            x.clone(),
            |x| linear(x, w.clone().autodiff(), None, ComputeType::F32),
            |x| tensor::linear(x, w.clone().autodiff()),
            "linear in x",
        );
        same1(
            w,
            |w| linear(x.clone().autodiff(), w, None, ComputeType::F32),
            |w| tensor::linear(x.clone().autodiff(), w),
            "linear in W",
        );
    }
}

/// Blocks of a map with 12 rows: all of it, some of it with a gap, its end.
fn lora_shapes() -> [LoraShape; 3] {
    let shape = |blocks: Vec<std::ops::Range<usize>>| LoraShape { rank: 3, scale: 0.75, blocks };
    let whole = std::iter::once(0..12).collect();
    [shape(whole), shape(vec![0..4, 7..9]), shape(vec![2..5, 5..6, 9..12])]
}

#[test]
fn lora_is_the_tensor_code_and_its_gradients_are_those_of_autodiff() {
    for (tokens, shape) in [1, 16, 130].into_iter().flat_map(|t| lora_shapes().map(|s| (t, s))) {
        let (x, w) = (random([tokens, 7]), random([12, 7]));
        let a = random([shape.blocks.len() * shape.rank, 7]);
        let b = random([shape.rows(), shape.rank]);
        let what = format!("lora {tokens} {shape:?}");
        // Each input in turn is the leaf.
        for leaf in 0..3 {
            let inputs = [x.clone(), a.clone(), b.clone()];
            let with = |t: Tensor<2>| {
                let mut all = inputs.clone().map(Tensor::autodiff);
                all[leaf] = t;
                let [x, a, b] = all;
                (x, w.clone().autodiff(), [a, b])
            };
            same1(
                inputs[leaf].clone(),
                |t| {
                    let (x, w, ab) = with(t);
                    lora_linear(x, w, None, ab, &shape, ComputeType::F32)
                },
                |t| {
                    let (x, w, ab) = with(t);
                    tensor::lora_linear(x, w, ab, &shape)
                },
                &what,
            );
        }
    }
}

#[test]
fn lora_adds_scale_b_a_to_the_rows_of_its_blocks_alone() {
    for shape in lora_shapes() {
        let (x, w) = (random([5, 7]), random([12, 7]));
        let a = random([shape.blocks.len() * shape.rank, 7]);
        let b = random([shape.rows(), shape.rank]);
        // The definition in f64, row by row.
        let values = |t: &Tensor<2>| t.to_data().try_to_vec::<f32>().unwrap();
        let (wv, av, bv) = (values(&w), values(&a), values(&b));
        let mut expected: Vec<f64> = wv.iter().map(|&v| f64::from(v)).collect();
        let mut b_row = 0;
        for (i, rows) in shape.blocks.iter().enumerate() {
            for row in rows.clone() {
                for (column, k) in (0..7).flat_map(|c| (0..3).map(move |k| (c, k))) {
                    let (b, a) = (bv[b_row * 3 + k], av[(i * 3 + k) * 7 + column]);
                    expected[row * 7 + column] += 0.75 * f64::from(b) * f64::from(a);
                }
                b_row += 1;
            }
        }
        let expected: Vec<f32> = expected.into_iter().map(|v| v as f32).collect();
        let expected = Tensor::<1>::from_floats(&expected[..], &Device::flex()).reshape([12, 7]);
        let merged = lora_merge(w.clone(), [a.clone(), b.clone()], &shape);
        assert_close(merged, expected.clone(), "merged");
        let y = lora_linear(x.clone(), w.clone(), None, [a, b], &shape, ComputeType::F32);
        assert_close(y, x.matmul(expected.transpose()), "forward");
        assert_eq!(values(&w), wv, "the base stays as it is");
    }
}

#[test]
fn a_frozen_weight_costs_no_gradient_and_changes_no_other() {
    let (x, w) = (random([20, 7]), random([5, 7]));
    let grad_of_x = |w: Tensor<2>| {
        let x = x.clone().autodiff().require_grad();
        let grads = linear(x.clone(), w, None, ComputeType::F32).powi_scalar(2).sum().backward();
        x.grad(&grads).unwrap().into_data().try_to_vec::<f32>().unwrap()
    };
    let frozen = grad_of_x(w.clone().autodiff());
    assert_eq!(frozen, grad_of_x(w.autodiff().require_grad()));
}

const HEADS: [Heads; 3] = [
    Heads { heads: 1, kv_heads: 1, head_dim: 2 },
    Heads { heads: 4, kv_heads: 2, head_dim: 6 },
    Heads { heads: 9, kv_heads: 3, head_dim: 16 },
];

#[test]
fn rotation_is_the_tensor_code() {
    let device = Device::flex();
    for heads in HEADS {
        let positions: Vec<usize> = (0..131).map(|t| (t * 7) % 50).collect();
        let half = heads.head_dim / 2;
        let frequencies: Vec<f64> = (0..half).map(|i| 0.9 / (i + 1) as f64).collect();
        let rope = RopeFactors::new(&positions, &frequencies, &device);
        let [cos, sin] = [0, 1].map(|i| {
            Tensor::<1>::from_floats(rope.host[i].as_slice(), &device).reshape([
                positions.len(),
                1,
                half,
            ])
        });
        same1(
            random([positions.len(), heads.width()]),
            |x| rotate_qk(x, &rope, heads),
            |x| tensor::rotate_qk(x, cos.clone().autodiff(), sin.clone().autodiff(), heads),
            "rotate_qk",
        );
    }
}

/// Batches of sequences `(len, prefix)`.
fn batches() -> Vec<Vec<PackedSequence>> {
    let s = |len, prefix| PackedSequence { len, prefix };
    vec![
        vec![s(1, None)],
        vec![s(3, None), s(1, None), s(129, None)],
        vec![s(5, None), s(127, None), s(3, Some(1)), s(1, Some(0)), s(70, Some(0)), s(2, Some(1))],
        vec![s(2, None), s(3, Some(0)), s(4, Some(0)), s(65, None), s(64, Some(3))],
    ]
}

#[test]
fn packed_attention_is_the_tensor_code() {
    let device = Device::flex();
    for heads in HEADS {
        for sequences in batches() {
            let tokens = sequences.iter().map(|s| s.len).sum();
            let layout = AttentionLayout::new(&sequences, heads.repeat(), &device);
            let (blocks, slots) = layout.tensor_blocks(&sequences, heads.repeat(), &device);
            same1(
                random([tokens, heads.width()]),
                |x| packed_attention(x, &layout, heads),
                |x| tensor::packed_attention(x, &blocks, &slots, heads),
                &format!("packed_attention {heads:?} {sequences:?}"),
            );
        }
    }
}

#[test]
fn cached_attention_is_packed_attention_of_the_last_token() {
    let device = Device::flex();
    for heads in HEADS {
        let Heads { heads: h, kv_heads, head_dim } = heads;
        let lens = [1usize, 5, 12];
        let (longest, capacity) = (12, 15);
        let rows: Vec<Tensor<2>> = lens.iter().map(|&n| random([n, heads.width()])).collect();
        let mut cache = Tensor::<4>::zeros([3, 2 * kv_heads, capacity, head_dim], &device);
        let mut last = Vec::new();
        let mut expected = Vec::new();
        for (i, (row, &n)) in rows.iter().zip(&lens).enumerate() {
            let kv = row
                .clone()
                .slice([0..n, h * head_dim..heads.width()])
                .reshape([1, n, 2 * kv_heads, head_dim])
                .swap_dims(1, 2);
            let range = [i..i + 1, 0..2 * kv_heads, longest - n..longest, 0..head_dim];
            cache = cache.slice_assign(range, kv);
            last.push(row.clone().slice([n - 1..n, 0..heads.width()]));
            let sequence = [PackedSequence { len: n, prefix: None }];
            let layout = AttentionLayout::new(&sequence, heads.repeat(), &device);
            let all = packed_attention(row.clone(), &layout, heads);
            expected.push(all.slice([n - 1..n, 0..h * head_dim]));
        }
        let pads = lens.map(|n| longest - n);
        let got = cached_attention(Tensor::cat(last, 0), cache, longest, &pads, heads);
        assert_close(got, Tensor::cat(expected, 0), "cached_attention");
    }
}
