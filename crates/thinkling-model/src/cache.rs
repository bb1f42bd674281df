//! Keys and values of past tokens, one row a running completion.

use crate::batch::{PackedBatch, int_tensor};
use crate::decoder::Decoder;
use burn::tensor::Tensor;
use thinkling_ops::{Heads, cached_attention};

/// New columns that a cache grows by at least.
const MIN_GROWTH: usize = 64;

/// Key and value cache of all layers. Rows are left-padded to one length, so that a step writes
/// one column for all of them in place.
#[derive(Debug)]
pub(crate) struct KvCache {
    /// `[rows, 2 * kv_heads, capacity, head_dim]` a layer, keys first; `None` only while a layer's
    /// cache is being written.
    layers: Vec<Option<Tensor<4>>>,
    /// Columns written.
    len: usize,
    capacity: usize,
    /// Padding columns in front of each row.
    pads: Vec<usize>,
    heads: Heads,
}

impl KvCache {
    /// From a prefill of prompts without prefixes: `layers` are each layer's rotated fused rows
    /// (`[tokens, width]`), row `i` continues prompt `row_prompts[i]`, with room for `room` more
    /// tokens as far as the model's context goes.
    pub(crate) fn from_prompts(
        model: &Decoder,
        batch: &PackedBatch,
        layers: Vec<Tensor<2>>,
        prompt_lens: &[usize],
        row_prompts: &[usize],
        room: usize,
    ) -> Self {
        let heads = model.heads();
        let (rows, dim) = (row_prompts.len(), heads.head_dim);
        let longest = row_prompts.iter().map(|&p| prompt_lens[p]).max().unwrap_or(0);
        let pads: Vec<usize> = row_prompts.iter().map(|&p| longest - prompt_lens[p]).collect();
        let map = row_prompts
            .iter()
            .zip(&pads)
            .flat_map(|(&p, &pad)| {
                let start = batch.start(p);
                (0..longest).map(move |c| (start + c.saturating_sub(pad)) as i32)
            })
            .collect();
        let map = int_tensor(map, &model.device());
        let capacity = (longest + room).min(model.config().max_position_embeddings).max(longest);
        let layers = layers
            .into_iter()
            .map(|qkv| {
                let [tokens, width] = qkv.dims();
                let kv = qkv
                    .slice([0..tokens, heads.heads * dim..width])
                    .select(0, map.clone())
                    .reshape([rows, longest, 2 * heads.kv_heads, dim])
                    .swap_dims(1, 2);
                Some(widen(kv, capacity))
            })
            .collect();
        Self { layers, len: longest, capacity, pads, heads }
    }

    /// Rows in the cache.
    pub(crate) fn rows(&self) -> usize {
        self.pads.len()
    }

    /// Positions of the token that comes next, one a row.
    pub(crate) fn next_positions(&self) -> Vec<usize> {
        self.pads.iter().map(|pad| self.len - pad).collect()
    }

    /// Makes room for one more column, at most `limit` columns in all.
    pub(crate) fn reserve(&mut self, limit: usize) {
        if self.len < self.capacity {
            return;
        }
        let grown = self.capacity + (self.capacity / 2).max(MIN_GROWTH);
        self.capacity = grown.min(limit).max(self.len + 1);
        for layer in &mut self.layers {
            *layer = layer.take().map(|t| widen(t, self.capacity));
        }
    }

    /// Writes a step's keys and values into the next column of `layer` and attends over it and all
    /// columns before: `qkv` `[rows, width]`, rotated -> `[rows, heads * head_dim]`.
    pub(crate) fn attend(&mut self, layer: usize, qkv: Tensor<2>) -> Tensor<2> {
        let Heads { heads, kv_heads, head_dim } = self.heads;
        let [rows, width] = qkv.dims();
        let column = self.len;
        let kv = qkv.clone().slice([0..rows, heads * head_dim..width]).reshape([
            rows,
            2 * kv_heads,
            1,
            head_dim,
        ]);
        // Taken out first, so that the only handle is written in place.
        let cache = self.layers[layer].take().expect("a layer's cache is only absent in this call");
        let range = [0..rows, 0..2 * kv_heads, column..column + 1, 0..head_dim];
        let cache = cache.slice_assign(range, kv);
        let out = cached_attention(qkv, cache.clone(), column + 1, &self.pads, self.heads);
        self.layers[layer] = Some(cache);
        out
    }

    /// A step is done: the column that [`attend`](Self::attend) wrote counts.
    pub(crate) fn advance(&mut self) {
        self.len += 1;
    }

    /// Keeps `rows` (in this order), drops the others.
    pub(crate) fn keep_rows(&mut self, rows: &[usize]) {
        let Some(device) = self.layers.iter().flatten().next().map(Tensor::device) else { return };
        let map = int_tensor(rows.iter().map(|&r| r as i32).collect(), &device);
        for layer in &mut self.layers {
            *layer = layer.take().map(|t| t.select(0, map.clone()));
        }
        self.pads = rows.iter().map(|&r| self.pads[r]).collect();
    }
}

fn widen(t: Tensor<4>, capacity: usize) -> Tensor<4> {
    let [rows, heads, len, dim] = t.dims();
    let wide = Tensor::zeros([rows, heads, capacity, dim], &t.device());
    wide.slice_assign([0..rows, 0..heads, 0..len, 0..dim], t)
}
