//! The operations as tensor code: every device that is not the CPU, where no kernel does more of them
//! at once, and on the CPU the tests' reference.

use crate::attention::{Block, Heads};
use crate::lora::LoraShape;
use crate::matmul::{matmul, matmul_nt};
use crate::rows::RowMap;
use crate::softmax::{self, Normalisers};
use burn::tensor::{Tensor, activation};
use std::ops::Range;

pub(crate) fn linear(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    matmul_nt(x, weight)
}

pub(crate) fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, eps: f64) -> Tensor<D> {
    let inverse = x.clone().powi_scalar(2).mean_dim(D - 1).add_scalar(eps).sqrt().recip();
    x * inverse * weight.unsqueeze()
}

pub(crate) fn swiglu(gate_up: Tensor<2>) -> Tensor<2> {
    let [tokens, both] = gate_up.dims();
    let gate = gate_up.clone().slice([0..tokens, 0..both / 2]);
    let up = gate_up.slice([0..tokens, both / 2..both]);
    activation::silu(gate) * up
}

/// Rotates the query and key heads of `[tokens, width]`; `cos`, `sin` are `[tokens, 1, half]`.
pub(crate) fn rotate_qk(qkv: Tensor<2>, cos: Tensor<3>, sin: Tensor<3>, heads: Heads) -> Tensor<2> {
    let Heads { heads, kv_heads, head_dim } = heads;
    let [tokens, width] = qkv.dims();
    let (half, turned) = (head_dim / 2, heads + kv_heads);
    let x = qkv.reshape([tokens, heads + 2 * kv_heads, head_dim]);
    let x1 = x.clone().slice([0..tokens, 0..turned, 0..half]);
    let x2 = x.clone().slice([0..tokens, 0..turned, half..head_dim]);
    let v = x.slice([0..tokens, turned..turned + kv_heads, 0..head_dim]);
    let y1 = x1.clone() * cos.clone() - x2.clone() * sin.clone();
    let y2 = x2 * cos + x1 * sin;
    Tensor::cat(vec![Tensor::cat(vec![y1, y2], 2), v], 1).reshape([tokens, width])
}

/// Attention of gathered blocks, put back into the order of the tokens.
pub(crate) fn packed_attention(
    qkv: Tensor<2>,
    blocks: &[Block],
    token_slots: &Option<RowMap>,
    heads: Heads,
) -> Tensor<2> {
    let Heads { heads: h, kv_heads, head_dim } = heads;
    // `[rows, per_row, heads, dim]` of heads `from..to`.
    let part = |map: &Option<RowMap>, [rows, per_row]: [usize; 2], from, to| {
        let columns = from * head_dim..to * head_dim;
        let x = match map {
            Some(map) => map.gather_columns(qkv.clone(), columns),
            None => qkv.clone().slice([0..rows * per_row, columns]),
        };
        x.reshape([rows, per_row, to - from, head_dim])
    };
    let mut outputs: Vec<Tensor<2>> = blocks
        .iter()
        .map(|block| {
            let keys = [block.rows, block.keys];
            let q = part(&block.query_tokens, [block.rows, block.queries], 0, h);
            let k = part(&block.key_tokens, keys, h, h + kv_heads);
            let v = part(&block.key_tokens, keys, h + kv_heads, h + 2 * kv_heads);
            attention(q, k.swap_dims(1, 2), v.swap_dims(1, 2), Some(block.bias.clone()))
        })
        .collect();
    let slots = if outputs.len() == 1 { outputs.remove(0) } else { Tensor::cat(outputs, 0) };
    match token_slots {
        Some(map) => map.gather(slots),
        None => slots,
    }
}

/// `softmax(q k^T / sqrt(head_dim) + bias) v`: `q` `[batch, queries, heads, head_dim]`, `k` and `v`
/// `[batch, kv_heads, keys, head_dim]`, `bias` `[batch or 1, 1, repeat * queries, keys]` ->
/// `[batch * queries, heads * head_dim]`.
pub(crate) fn attention(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    bias: Option<Tensor<4>>,
) -> Tensor<2> {
    let [batch, queries, heads, dim] = q.dims();
    let kv_heads = k.dims()[1];
    let repeat = heads / kv_heads;
    // The query heads of one key head become rows of one product, so keys are never repeated.
    let q = q.reshape([batch, queries, kv_heads, repeat, dim]).permute([0, 2, 3, 1, 4]).reshape([
        batch,
        kv_heads,
        repeat * queries,
        dim,
    ]);
    let scale = 1.0 / (dim as f64).sqrt();
    let probs = softmax::masked_softmax(matmul_nt(q, k), bias, scale);
    matmul(probs, v)
        .reshape([batch, kv_heads, repeat, queries, dim])
        .permute([0, 3, 1, 2, 4])
        .reshape([batch * queries, heads * dim])
}

pub(crate) fn masked_softmax(scores: Tensor<4>, bias: Option<Tensor<4>>, scale: f64) -> Tensor<4> {
    let scores = scores.mul_scalar(scale);
    activation::softmax(bias.into_iter().fold(scores, |scores, bias| scores + bias), 3)
}

pub(crate) fn normalisers(logits: Tensor<2>) -> Normalisers {
    let top = logits.clone().max_dim(1);
    let below = logits - top.clone();
    let e = below.clone().exp();
    let sum = e.clone().sum_dim(1);
    let log = sum.clone().log();
    Normalisers { log_norm: log.clone() + top, entropy: log - (e * below).sum_dim(1) / sum }
}

/// `(i, rows of the output, rows of B)` of each block.
fn lora_blocks(shape: &LoraShape) -> impl Iterator<Item = (usize, Range<usize>, Range<usize>)> {
    shape.blocks.iter().enumerate().scan(0, |start, (i, rows)| {
        let b_rows = *start..*start + rows.len();
        *start = b_rows.end;
        Some((i, rows.clone(), b_rows))
    })
}

/// `y` `[tokens, out]` with `add(i, rows of B)` `[tokens, rows]` added to the columns of each block.
fn add_to_columns(
    y: Tensor<2>,
    shape: &LoraShape,
    add: impl Fn(usize, Range<usize>) -> Tensor<2>,
) -> Tensor<2> {
    let [tokens, output] = y.dims();
    let columns = |range: Range<usize>| y.clone().slice([0..tokens, range]);
    let (mut parts, mut done) = (Vec::new(), 0);
    for (i, rows, b_rows) in lora_blocks(shape) {
        parts.extend((rows.start > done).then(|| columns(done..rows.start)));
        done = rows.end;
        parts.push(columns(rows) + add(i, b_rows));
    }
    parts.extend((done < output).then(|| columns(done..output)));
    Tensor::cat(parts, 1)
}

pub(crate) fn lora_linear(
    x: Tensor<2>,
    weight: Tensor<2>,
    [a, b]: [Tensor<2>; 2],
    shape: &LoraShape,
) -> Tensor<2> {
    let (rank, tokens) = (shape.rank, x.dims()[0]);
    let u = linear(x.clone(), a);
    add_to_columns(linear(x, weight), shape, |i, rows| {
        let u = u.clone().slice([0..tokens, i * rank..(i + 1) * rank]);
        linear(u, b.clone().slice([rows, 0..rank])).mul_scalar(shape.scale)
    })
}

pub(crate) fn lora_merge(
    weight: Tensor<2>,
    [a, b]: [Tensor<2>; 2],
    shape: &LoraShape,
) -> Tensor<2> {
    let (rank, [output, input]) = (shape.rank, weight.dims());
    let rows_of = |range: Range<usize>| weight.clone().slice([range, 0..input]);
    let (mut parts, mut done) = (Vec::new(), 0);
    for (i, rows, b_rows) in lora_blocks(shape) {
        parts.extend((rows.start > done).then(|| rows_of(done..rows.start)));
        done = rows.end;
        let a = a.clone().slice([i * rank..(i + 1) * rank, 0..input]);
        let b = b.clone().slice([b_rows, 0..rank]);
        parts.push(rows_of(rows) + matmul(b, a).mul_scalar(shape.scale));
    }
    parts.extend((done < output).then(|| rows_of(done..output)));
    Tensor::cat(parts, 0)
}
