//! The Llama-family decoder for generation: one token of each running sequence a step.
//!
//! Weights are packed once. A sequence reads the keys and values of its prompt where they lie,
//! shared with its group, and appends its own, so that one that ends leaves without a copy. A row's
//! numbers are the same bit for bit whatever runs beside it and on however many threads.

use crate::attention::{KeyValues, attend};
use crate::matmul::{Packed, Write};
use crate::profile::timed;
use crate::rows::{inverse_rms, rms_norm_rows, rope, rotate, swiglu_rows};
use crate::scratch::with_scratch;
use crate::threads;
use crate::vectorised;
use std::sync::Arc;

/// Weights up to this size stay in the last cache, so that each thread may read all of them and
/// take rows of its own, without waiting for the others between operations.
const CACHED_BYTES: usize = 24 << 20;
/// Below this many multiplications a product stays on one thread.
const MIN_PARALLEL: usize = 1 << 20;

/// Sizes of the decoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of the MLP.
    pub intermediate: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head, even.
    pub head_dim: usize,
    /// Tokens of the vocabulary.
    pub vocab: usize,
    /// Added to the mean square in RMSNorm.
    pub eps: f32,
}

impl Shape {
    pub(crate) fn qkv(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    pub(crate) fn kv(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    pub(crate) fn mixed(&self) -> usize {
        self.heads * self.head_dim
    }
}

/// A layer's weights; matrices by [`Packed::of_weight`].
#[derive(Debug)]
pub struct Layer {
    /// `[hidden]`.
    pub input_norm: Vec<f32>,
    /// Query, key and value rows: `[(heads + 2 * kv_heads) * head_dim, hidden]`.
    pub qkv: Packed,
    /// Qwen2: `[(heads + 2 * kv_heads) * head_dim]`.
    pub qkv_bias: Option<Vec<f32>>,
    /// Qwen3: norms of a query and of a key head, `[head_dim]` each.
    pub qk_norms: Option<[Vec<f32>; 2]>,
    /// `[hidden, heads * head_dim]`.
    pub output: Packed,
    /// `[hidden]`.
    pub mlp_norm: Vec<f32>,
    /// Gate rows, then up rows: `[2 * intermediate, hidden]`.
    pub gate_up: Packed,
    /// `[hidden, intermediate]`.
    pub down: Packed,
}

/// A decoder with packed weights.
#[derive(Debug)]
pub struct Decoder {
    shape: Shape,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    /// `[hidden, vocab]`.
    head: Packed,
    /// `[vocab, hidden]`, where it is not the head's weight.
    embeddings: Option<Vec<f32>>,
    /// Cosines and sines of each position, `[positions, head_dim / 2]` each.
    rope: [Vec<f32>; 2],
}

/// Keys and values of a prompt, which the sequences of a group share.
#[derive(Clone, Debug)]
pub struct Prompt {
    layers: Vec<KeyValues>,
    len: usize,
}

/// A running sequence.
#[derive(Clone, Debug)]
pub struct Sequence {
    prompt: Arc<Prompt>,
    own: Vec<KeyValues>,
    len: usize,
}

impl Prompt {
    /// Without tokens, to which [`Self::push_layer`] adds its layers.
    pub fn new(len: usize) -> Self {
        Self { layers: Vec::new(), len }
    }

    /// How many tokens it has.
    pub fn tokens(&self) -> usize {
        self.len
    }

    /// Adds the next layer: rotated rows of queries, keys and values, one a token of the prompt.
    ///
    /// # Panics
    /// Where `qkv` does not hold one such row a token.
    pub fn push_layer(&mut self, qkv: &[f32], shape: &Shape) {
        assert_eq!(qkv.len(), self.len * shape.qkv(), "one row a token of the prompt");
        let mut layer = KeyValues::default();
        for row in qkv.chunks_exact(shape.qkv()) {
            layer.push(row, shape);
        }
        self.layers.push(layer);
    }
}

impl Sequence {
    /// Goes on after `prompt`.
    pub fn new(prompt: Arc<Prompt>) -> Self {
        let own = vec![KeyValues::default(); prompt.layers.len()];
        Self { len: prompt.len, own, prompt }
    }
}

impl Decoder {
    /// `head` and, where they are not the head's weight, `embeddings` are `[vocab, hidden]`.
    /// `frequencies` are the rotary ones in radians a token (`[head_dim / 2]`), `positions` the most
    /// that a sequence comes to.
    pub fn new(
        shape: Shape,
        layers: Vec<Layer>,
        norm: Vec<f32>,
        head: Packed,
        embeddings: Option<Vec<f32>>,
        frequencies: &[f64],
        positions: usize,
    ) -> Self {
        let rope = rope(0..positions, frequencies);
        Self { shape, layers, norm, head, embeddings, rope }
    }

    /// Sizes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    fn weight_bytes(&self) -> usize {
        let layers = self.layers.iter();
        let matrices = layers.flat_map(|l| [&l.qkv, &l.output, &l.gate_up, &l.down]);
        matrices.chain([&self.head]).map(Packed::bytes).sum()
    }

    /// One step: `ids[i]` is the next token of `sequences[i]`, whose logits for the token after it
    /// go to row `i` of `logits`.
    ///
    /// # Shapes
    /// `ids` `[rows]`, `sequences` `[rows]`, `logits` `[rows, vocab]`.
    ///
    /// # Panics
    /// Where these do not fit together, an id is outside the vocabulary, or a sequence passes the
    /// positions that the decoder was made for.
    pub fn step(&self, ids: &[u32], sequences: &mut [Sequence], logits: &mut [f32]) {
        let vocab = self.shape.vocab;
        assert_eq!(ids.len(), sequences.len(), "a token a sequence");
        assert_eq!(logits.len(), ids.len() * vocab, "a row of logits a sequence");
        let threads = threads::count();
        if ids.len() < 2 * threads || self.weight_bytes() > CACHED_BYTES {
            self.rows(ids, sequences, logits, true);
            return;
        }
        let rows = ids.len().div_ceil(threads);
        threads::chunks2_mut((sequences, rows), (logits, rows * vocab), |i, sequences, logits| {
            let from = i * rows;
            self.rows(&ids[from..from + sequences.len()], sequences, logits, false);
        });
    }

    /// A step of some rows; `parallel`: each operation spreads over all threads.
    fn rows(&self, ids: &[u32], sequences: &mut [Sequence], logits: &mut [f32], parallel: bool) {
        let Shape { hidden, intermediate, eps, .. } = self.shape;
        let (qkv_width, mixed_width) = (self.shape.qkv(), self.shape.mixed());
        let rows = ids.len();
        let product = |packed: &Packed, x: &[f32], out: &mut [f32], write| {
            let multiplications = rows * packed.input() * packed.output();
            let parallel = parallel && multiplications >= MIN_PARALLEL;
            timed("decode: products", || packed.multiply(x, out, write, parallel));
        };
        let norm = |x: &[f32], w: &[f32], out: &mut [f32]| rms_norm_rows(x, w, eps, out);
        let sizes = [hidden, hidden, qkv_width, mixed_width, 2 * intermediate, intermediate];
        with_scratch(rows * sizes.iter().sum::<usize>(), |memory| {
            let mut rest = memory;
            let [x, h, qkv, mixed, gate_up, act] = sizes.map(|size| {
                let (part, tail) = std::mem::take(&mut rest).split_at_mut(rows * size);
                rest = tail;
                part
            });
            for (&id, x) in ids.iter().zip(x.chunks_exact_mut(hidden)) {
                self.embed(id, x);
            }
            for (index, layer) in self.layers.iter().enumerate() {
                norm(x, &layer.input_norm, h);
                match &layer.qkv_bias {
                    None => product(&layer.qkv, h, qkv, Write::Set),
                    Some(bias) => {
                        qkv.chunks_exact_mut(qkv_width).for_each(|row| row.copy_from_slice(bias));
                        product(&layer.qkv, h, qkv, Write::Add);
                    }
                }
                for (qkv, sequence) in qkv.chunks_exact_mut(qkv_width).zip(&mut *sequences) {
                    turn(&self.shape, layer, &self.rope, qkv, sequence.len);
                    sequence.own[index].push(qkv, &self.shape);
                }
                let sequences = &*sequences;
                let attend = |row: usize, mixed: &mut [f32]| {
                    let (sequence, q) = (&sequences[row], &qkv[row * qkv_width..][..mixed_width]);
                    let parts = [&sequence.prompt.layers[index], &sequence.own[index]];
                    attend(&self.shape, q, parts, mixed);
                };
                timed("decode: attention", || {
                    if parallel {
                        threads::chunks_mut(&mut *mixed, mixed_width, attend);
                    } else {
                        let rows = mixed.chunks_exact_mut(mixed_width).enumerate();
                        rows.for_each(|(row, mixed)| attend(row, mixed));
                    }
                });
                product(&layer.output, mixed, x, Write::Add);
                norm(x, &layer.mlp_norm, h);
                product(&layer.gate_up, h, gate_up, Write::Set);
                swiglu_rows(gate_up, intermediate, act);
                product(&layer.down, act, x, Write::Add);
            }
            sequences.iter_mut().for_each(|sequence| sequence.len += 1);
            norm(x, &self.norm, h);
            product(&self.head, h, logits, Write::Set);
        });
    }

    fn embed(&self, id: u32, out: &mut [f32]) {
        let id = id as usize;
        match &self.embeddings {
            Some(table) => out.copy_from_slice(&table[id * out.len()..][..out.len()]),
            None => self.head.column(id, out),
        }
    }
}

vectorised! {
    /// Norms (Qwen3) and rotates the query and key heads of a row at `position` of the table `rope`.
    fn turn(shape: &Shape, layer: &Layer, rope: &[Vec<f32>; 2], qkv: &mut [f32], position: usize) {
        let Shape { heads, kv_heads, head_dim, eps, .. } = *shape;
        let half = head_dim / 2;
        let cos = &rope[0][position * half..][..half];
        let sin = &rope[1][position * half..][..half];
        let turned = qkv[..(heads + kv_heads) * head_dim].chunks_exact_mut(head_dim);
        for (i, head) in turned.enumerate() {
            if let Some(norms) = &layer.qk_norms {
                let norm = &norms[usize::from(i >= heads)];
                let inverse = inverse_rms(head, eps);
                head.iter_mut().zip(norm).for_each(|(x, w)| *x = *x * inverse * w);
            }
            rotate(head, cos, sin, 1.0);
        }
    }
}
