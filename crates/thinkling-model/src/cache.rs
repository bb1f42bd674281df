//! Keys and values of past tokens, one row a running completion.

use crate::batch::{PackedBatch, int_tensor, pad_bias};
use crate::decoder::{Decoder, gather_rows};
use burn::tensor::{Device, Int, Tensor};

/// New columns that a cache grows by at least.
const MIN_GROWTH: usize = 64;

/// Key and value cache of all layers. Rows are left-padded to one length, so that a step writes
/// one column for all of them in place.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
    /// Columns written.
    len: usize,
    /// Padding columns in front of each row.
    pads: Vec<usize>,
    /// `[rows, 1, 1, capacity]`; `None` where no row is padded.
    bias: Option<Tensor<4>>,
}

/// One layer's cache: `[rows, kv_heads, capacity, head_dim]` each.
#[derive(Debug)]
struct LayerCache {
    k: Option<Tensor<4>>,
    v: Option<Tensor<4>>,
}

impl KvCache {
    /// From each layer's prompt keys and values, `[rows, kv_heads, len, head_dim]`, with room for
    /// `capacity` columns.
    ///
    /// # Panics
    /// Where there is no layer.
    fn new(prompts: Vec<(Tensor<4>, Tensor<4>)>, pads: Vec<usize>, capacity: usize) -> Self {
        let first = &prompts.first().expect("a model has at least one layer").0;
        let (len, device) = (first.dims()[2], first.device());
        let capacity = capacity.max(len);
        let layers = prompts
            .into_iter()
            .map(|(k, v)| LayerCache {
                k: Some(widen(k, capacity)),
                v: Some(widen(v, capacity)),
            })
            .collect();
        let mut cache = Self {
            layers,
            len,
            pads,
            bias: None,
        };
        cache.update_bias(capacity, &device);
        cache
    }

    /// From a prefill of prompts without prefixes: `layers` are each layer's keys and values of the
    /// batch's tokens (`[tokens, kv_heads, head_dim]`), row `i` continues prompt `row_prompts[i]`,
    /// with room for `room` more tokens as far as the model's context goes.
    pub(crate) fn from_prompts(
        model: &Decoder,
        batch: &PackedBatch,
        layers: Vec<(Tensor<3>, Tensor<3>)>,
        prompt_lens: &[usize],
        row_prompts: &[usize],
        room: usize,
    ) -> Self {
        let longest = row_prompts
            .iter()
            .map(|&p| prompt_lens[p])
            .max()
            .unwrap_or(0);
        let pads: Vec<usize> = row_prompts
            .iter()
            .map(|&p| longest - prompt_lens[p])
            .collect();
        let map: Vec<i32> = row_prompts
            .iter()
            .zip(&pads)
            .flat_map(|(&p, &pad)| {
                let start = batch.start(p);
                (0..longest).map(move |c| (start + c.saturating_sub(pad)) as i32)
            })
            .collect();
        let map = Some(int_tensor(map, &model.device()));
        let rows = |x: Tensor<3>| gather_rows(x, &map, row_prompts.len(), longest).swap_dims(1, 2);
        let layers = layers
            .into_iter()
            .map(|(k, v)| (rows(k), rows(v)))
            .collect();
        let capacity = (longest + room).min(model.config().max_position_embeddings);
        Self::new(layers, pads, capacity)
    }

    /// Rows in the cache.
    pub fn rows(&self) -> usize {
        self.pads.len()
    }

    /// Positions of the token that comes next, one a row.
    pub(crate) fn next_positions(&self) -> Vec<usize> {
        self.pads.iter().map(|pad| self.len - pad).collect()
    }

    /// Makes room for one more column, at most `limit` columns in all.
    pub(crate) fn reserve(&mut self, limit: usize) {
        let capacity = self.capacity();
        if self.len < capacity {
            return;
        }
        let grown = (capacity + (capacity / 2).max(MIN_GROWTH)).min(limit.max(self.len + 1));
        for layer in &mut self.layers {
            layer.k = layer.k.take().map(|t| widen(t, grown));
            layer.v = layer.v.take().map(|t| widen(t, grown));
        }
        if let Some(device) = self.layers[0].k.as_ref().map(Tensor::device) {
            self.update_bias(grown, &device);
        }
    }

    fn capacity(&self) -> usize {
        self.layers
            .first()
            .and_then(|l| l.k.as_ref())
            .map_or(0, |k| k.dims()[2])
    }

    fn update_bias(&mut self, capacity: usize, device: &Device) {
        let padded = self.pads.iter().any(|&p| p > 0);
        self.bias = padded.then(|| pad_bias(&self.pads, capacity, device));
    }

    /// Writes a step's keys and values (`[rows, kv_heads, head_dim]`) of `layer` into the next
    /// column and gives all keys, all values and the bias up to it.
    pub(crate) fn append(
        &mut self,
        layer: usize,
        k: Tensor<3>,
        v: Tensor<3>,
    ) -> (Tensor<4>, Tensor<4>, Option<Tensor<4>>) {
        let [rows, heads, dim] = k.dims();
        let column = self.len;
        let write = |slot: &mut Option<Tensor<4>>, new: Tensor<3>| {
            let range = [0..rows, 0..heads, column..column + 1, 0..dim];
            let new = new.reshape([rows, heads, 1, dim]);
            // Taken out first, so that the only handle is written in place.
            let all = slot
                .take()
                .expect("a cache row is only absent inside this call");
            let all = all.slice_assign(range, new);
            *slot = Some(all.clone());
            all.slice([0..rows, 0..heads, 0..column + 1, 0..dim])
        };
        let cache = &mut self.layers[layer];
        let k = write(&mut cache.k, k);
        let v = write(&mut cache.v, v);
        let bias = self
            .bias
            .clone()
            .map(|b| b.slice([0..rows, 0..1, 0..1, 0..column + 1]));
        (k, v, bias)
    }

    /// A step is done: the column that [`append`](Self::append) wrote counts.
    pub(crate) fn advance(&mut self) {
        self.len += 1;
    }

    /// Keeps `rows` (in this order), drops the others.
    pub(crate) fn keep_rows(&mut self, rows: &[usize]) {
        let Some(device) = self
            .layers
            .first()
            .and_then(|l| l.k.as_ref())
            .map(Tensor::device)
        else {
            return;
        };
        let map = int_tensor(rows.iter().map(|&r| r as i32).collect(), &device);
        self.select(&map, rows);
    }

    fn select(&mut self, map: &Tensor<1, Int>, rows: &[usize]) {
        for layer in &mut self.layers {
            layer.k = layer.k.take().map(|t| t.select(0, map.clone()));
            layer.v = layer.v.take().map(|t| t.select(0, map.clone()));
        }
        self.pads = rows.iter().map(|&r| self.pads[r]).collect();
        self.bias = self.bias.take().map(|b| b.select(0, map.clone()));
    }
}

fn widen(t: Tensor<4>, capacity: usize) -> Tensor<4> {
    let [rows, heads, len, dim] = t.dims();
    let wide = Tensor::zeros([rows, heads, capacity, dim], &t.device());
    wide.slice_assign([0..rows, 0..heads, 0..len, 0..dim], t)
}
