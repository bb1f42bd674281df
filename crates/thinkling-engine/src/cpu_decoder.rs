//! The decoder by the CPU twins of the shaders: where there is no GPU.

use crate::EngineError;
use crate::cpu::matmul::{ONE_CHAIN, Then, matmul, swiglu};
use crate::cpu::{attention, attention_combine, embed, rms_norm, rope_kv};
use crate::packed::PackedMatrix;
use crate::rows::{self, Row};
use crate::shape::{PART, Shape, angles};
use crate::update::{Slot, Target, WeightMut};
use crate::weights::{LayerWeights, WeightsReader};
use std::slice::from_mut;

/// A decoder whose weights, cache and activations lie in host memory.
#[derive(Debug)]
pub struct CpuDecoder {
    shape: Shape,
    embedding: PackedMatrix,
    head: Option<PackedMatrix>,
    layers: Vec<LayerWeights>,
    norm: Vec<f32>,
    angles: Vec<[f32; 2]>,
    limits: rows::Limits,
    /// Keys and values of each layer, `[cache tokens, kv_heads * head_dim]`.
    cache: Vec<[Vec<f32>; 2]>,
    /// Products are taken of so many rows or a multiple; what is missing is zeros.
    rows_together: usize,
}

impl CpuDecoder {
    /// Packs a model's weights, with room for the keys and values of `cache_tokens` tokens.
    ///
    /// # Errors
    /// Weights that cannot be read.
    pub fn new(weights: &WeightsReader<'_>, cache_tokens: usize) -> Result<Self, EngineError> {
        let config = weights.config();
        let shape = Shape::of(config);
        let positions = config.max_position_embeddings.min(cache_tokens);
        let layers = (0..shape.layers).map(|i| weights.layer(i)).collect::<Result<Vec<_>, _>>()?;
        let empty = || vec![0.0; cache_tokens * shape.kv()];
        Ok(Self {
            embedding: weights.embedding()?,
            head: weights.head()?,
            norm: weights.norm()?,
            angles: angles(config, positions),
            limits: rows::Limits {
                rows: usize::MAX,
                logits: usize::MAX,
                cache_tokens,
                positions,
                vocab: shape.vocab,
            },
            cache: layers.iter().map(|_| [empty(), empty()]).collect(),
            layers,
            shape,
            rows_together: 1,
        })
    }

    /// See [`Engine::with_independent_rows`](crate::Engine::with_independent_rows).
    pub(crate) fn make_rows_independent(&mut self) {
        self.rows_together = ONE_CHAIN;
    }

    /// Sets a tensor of the weights, packed as it was.
    pub(crate) fn set(&mut self, target: Target, values: &[f32]) {
        let Target { slot, first, .. } = target;
        let weight = match slot {
            Slot::Embedding => WeightMut::Matrices(from_mut(&mut self.embedding)),
            Slot::Head => WeightMut::Matrices(self.head.as_mut_slice()),
            Slot::Norm => WeightMut::Vector(&mut self.norm),
            Slot::Layer(index, part) => self.layers[index].part_mut(part),
        };
        match weight {
            WeightMut::Matrices(matrices) => PackedMatrix::set_values_of(matrices, first, values),
            WeightMut::Vector(vector) => {
                vector[first..first + values.len()].copy_from_slice(values);
            }
        }
    }

    /// Runs `ids` with what each sees, and gives the logits after the rows in `wanted`, one row of
    /// `[vocab]` after the other.
    ///
    /// # Errors
    /// A row outside the cache or the positions.
    pub fn logits(
        &mut self,
        ids: &[u32],
        rows: &[Row],
        wanted: &[usize],
    ) -> Result<Vec<f32>, EngineError> {
        self.limits.check(ids, rows, wanted)?;
        let shape = &self.shape;
        let padded = |rows: usize| rows.next_multiple_of(self.rows_together);
        let zeros = |stride: usize| vec![0f32; padded(rows.len()) * stride];
        let (mut x, mut h) = (zeros(shape.hidden_stride()), zeros(shape.hidden_stride()));
        let (mut qkv, mut mixed) = (zeros(shape.qkv_stride()), zeros(shape.mixed_stride()));
        let mut mlp = zeros(shape.intermediate_stride());
        let most = rows.iter().map(Row::tokens).max().unwrap_or(1).div_ceil(PART);
        let mut parts = zeros(shape.heads * most * (shape.head_dim + 2));
        let hidden = shape.hidden_stride();
        embed::embed(&self.embedding, ids, &mut x);
        for (layer, [keys, values]) in self.layers.iter().zip(&mut self.cache) {
            rms_norm::rms_norm(&x, &layer.input_norm, shape.eps, hidden, &mut h);
            let mut first = 0;
            for matrix in &layer.qkv {
                let bias = layer.qkv_bias.as_deref();
                let then = bias.map_or(Then::Set, |bias| Then::Bias(&bias[first..]));
                matmul(matrix, &h, &mut qkv[first..], shape.qkv_stride(), then);
                first += matrix.rows();
            }
            let norms = layer.qk_norms.as_deref();
            rope_kv::rope_kv(shape, rows, &self.angles, norms, &mut qkv, [keys, values]);
            attention::attention(shape, rows, &qkv, [keys, values], most, &mut parts);
            attention_combine::attention_combine(shape, rows, most, &parts, &mut mixed);
            matmul(&layer.output, &mixed, &mut x, hidden, Then::Add);
            rms_norm::rms_norm(&x, &layer.mlp_norm, shape.eps, hidden, &mut h);
            swiglu([&layer.gate, &layer.up], &h, &mut mlp, shape.intermediate_stride());
            matmul(&layer.down, &mlp, &mut x, hidden, Then::Add);
        }
        let mut last: Vec<f32> =
            wanted.iter().flat_map(|&row| &x[row * hidden..(row + 1) * hidden]).copied().collect();
        last.resize(padded(wanted.len()) * hidden, 0.0);
        let mut normed = vec![0.0; last.len()];
        rms_norm::rms_norm(&last, &self.norm, shape.eps, hidden, &mut normed);
        let mut logits = vec![0.0; padded(wanted.len()) * shape.vocab];
        let head = self.head.as_ref().unwrap_or(&self.embedding);
        matmul(head, &normed, &mut logits, shape.vocab, Then::Set);
        logits.truncate(wanted.len() * shape.vocab);
        Ok(logits)
    }
}
