//! Rotary embedding and grouped-query attention over ragged, packed sequences and over a cache.

use crate::cpu;
use crate::host::{call1, is_host};
use crate::in_place::call_in_place;
use crate::rows::RowMap;
use crate::tensor;
use burn::tensor::{Device, Tensor, TensorData};
use std::sync::Arc;
use thinkling_cpu::rows::rope;

/// Added to scores of keys that a query may not see. Finite, so that a row without any visible
/// key (padding) stays finite too.
const MASKED: f32 = -1e9;

/// Heads of a fused `[tokens, (heads + 2 * kv_heads) * head_dim]` of queries, keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head, even.
    pub head_dim: usize,
}

impl Heads {
    /// Query heads a key head.
    pub fn repeat(self) -> usize {
        self.heads / self.kv_heads
    }

    /// Width of a fused row.
    pub fn width(self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }
}

/// `cos` and `sin` of each token's rotary angles (arXiv 2104.09864).
#[derive(Clone, Debug)]
pub struct RopeFactors {
    /// `[tokens, head_dim / 2]` each.
    pub(crate) host: Arc<[Vec<f32>; 2]>,
    /// The same as `[tokens, 1, head_dim / 2]`, where the device is not the CPU.
    device: Option<[Tensor<3>; 2]>,
}

impl RopeFactors {
    /// Angles `position * frequency` for each of `positions` and `frequencies` (radians a token).
    pub fn new(positions: &[usize], frequencies: &[f64], device: &Device) -> Self {
        let [cos, sin] = if is_host(device) {
            // Sequences share their positions; a sine costs more than a copy.
            let table = rope(0..positions.iter().map(|p| p + 1).max().unwrap_or(0), frequencies);
            table.map(|table| {
                let row = |p: &usize| &table[p * frequencies.len()..(p + 1) * frequencies.len()];
                positions.iter().flat_map(row).copied().collect()
            })
        } else {
            rope(positions.iter().copied(), frequencies)
        };
        let shape = [positions.len(), 1, frequencies.len()];
        let upload = |x: &Vec<f32>| Tensor::from_data(TensorData::new(x.clone(), shape), device);
        let on_device = (!is_host(device)).then(|| [upload(&cos), upload(&sin)]);
        Self { host: Arc::new([cos, sin]), device: on_device }
    }
}

/// Rotates queries and keys: halves `(x1, x2)` of a head become
/// `(x1 cos - x2 sin, x2 cos + x1 sin)`; values stay.
///
/// # Shapes
/// `qkv` `[tokens, width]` -> the same.
pub fn rotate_qk(qkv: Tensor<2>, rope: &RopeFactors, heads: Heads) -> Tensor<2> {
    match &rope.device {
        None => {
            let rotate = cpu::rotate::Rotate { factors: rope.host.clone(), heads };
            call_in_place(Arc::new(rotate), qkv)
        }
        #[cfg(feature = "gpu")]
        Some([cos, sin]) if crate::host::is_fused(&qkv) => {
            crate::gpu::rotate::rotate_qk(qkv, cos.clone(), sin.clone(), heads)
        }
        Some([cos, sin]) => tensor::rotate_qk(qkv, cos.clone(), sin.clone(), heads),
    }
}

/// One sequence of a packed batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedSequence {
    /// Tokens, at least one.
    pub len: usize,
    /// Index of an earlier sequence without prefix that comes before this one.
    pub prefix: Option<usize>,
}

/// Which token attends to which, for sequences whose tokens lie one after the other.
///
/// A sequence is causal in itself and sees its whole prefix, which several may share.
#[derive(Clone, Debug)]
pub struct AttentionLayout {
    pub(crate) host: Arc<cpu::attention::Groups>,
    device: Option<(Vec<Block>, Option<RowMap>)>,
}

/// One attention call of the tensor path: rows of queries over rows of keys, padded to the longest.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) rows: usize,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    /// Token of each query slot, `[rows * queries]`; `None` where it is the identity.
    pub(crate) query_tokens: Option<RowMap>,
    /// Token of each key slot, `[rows * keys]`; `None` where it is the identity.
    pub(crate) key_tokens: Option<RowMap>,
    /// `[rows or 1, 1, repeat * queries, keys]`.
    pub(crate) bias: Tensor<4>,
}

impl AttentionLayout {
    /// Lays `sequences` out; `repeat` is [`Heads::repeat`].
    ///
    /// # Panics
    /// Where a sequence is empty, or its prefix is not an earlier sequence without prefix.
    pub fn new(sequences: &[PackedSequence], repeat: usize, device: &Device) -> Self {
        let mut starts = Vec::with_capacity(sequences.len());
        let mut tokens = 0;
        for (i, sequence) in sequences.iter().enumerate() {
            assert!(sequence.len > 0, "sequence {i} of a batch is empty");
            assert!(
                sequence.prefix.is_none_or(|p| p < i && sequences[p].prefix.is_none()),
                "the prefix of sequence {i} must be an earlier sequence without prefix"
            );
            starts.push(tokens);
            tokens += sequence.len;
        }
        let host = Arc::new(cpu::attention::Groups::new(sequences, &starts));
        let device = (!is_host(device)).then(|| blocks(sequences, &starts, tokens, repeat, device));
        Self { host, device }
    }

    /// The tensor path's layout also on the CPU, to compare the two.
    #[cfg(test)]
    pub(crate) fn tensor_blocks(
        &self,
        sequences: &[PackedSequence],
        repeat: usize,
        device: &Device,
    ) -> (Vec<Block>, Option<RowMap>) {
        let mut starts = vec![0];
        starts.extend(sequences.iter().scan(0, |sum, s| {
            *sum += s.len;
            Some(*sum)
        }));
        let tokens = starts.pop().unwrap_or(0);
        let (blocks, slots) = blocks(sequences, &starts, tokens, repeat, device);
        let leaf = |b: Block| Block { bias: b.bias.autodiff(), ..b };
        (blocks.into_iter().map(leaf).collect(), slots)
    }
}

/// Grouped-query attention (arXiv 2305.13245) `softmax(q k^T / sqrt(head_dim)) v` over the keys
/// that `layout` lets each token see.
///
/// # Shapes
/// `qkv` `[tokens, width]`, rotated -> `[tokens, heads * head_dim]`.
pub fn packed_attention(qkv: Tensor<2>, layout: &AttentionLayout, heads: Heads) -> Tensor<2> {
    match &layout.device {
        None => {
            let attention = cpu::attention::PackedAttention { groups: layout.host.clone(), heads };
            call1(Arc::new(attention), qkv)
        }
        Some((blocks, slots)) => tensor::packed_attention(qkv, blocks, slots, heads),
    }
}

/// One decoding step's attention over `len` cached columns, the step's own included.
///
/// `pads[row]` columns at the front of a row are hidden. No gradient. Tensor code on every device:
/// on the CPU `thinkling-cpu` decodes.
///
/// # Shapes
/// `qkv` `[rows, width]`, rotated (its keys and values are read from the cache);
/// `cache` `[rows, 2 * kv_heads, capacity, head_dim]`, keys first -> `[rows, heads * head_dim]`.
pub fn cached_attention(
    qkv: Tensor<2>,
    cache: Tensor<4>,
    len: usize,
    pads: &[usize],
    heads: Heads,
) -> Tensor<2> {
    let device = qkv.device();
    let Heads { heads: h, kv_heads, head_dim } = heads;
    let rows = pads.len();
    let q = qkv.slice([0..rows, 0..h * head_dim]).reshape([rows, 1, h, head_dim]);
    let k = cache.clone().slice([0..rows, 0..kv_heads, 0..len, 0..head_dim]);
    let v = cache.slice([0..rows, kv_heads..2 * kv_heads, 0..len, 0..head_dim]);
    let padded = pads.iter().any(|&p| p > 0);
    let bias = padded.then(|| {
        let bias: Vec<f32> = pads
            .iter()
            .flat_map(|&pad| (0..len).map(move |c| if c < pad { MASKED } else { 0.0 }))
            .collect();
        Tensor::from_data(TensorData::new(bias, [rows, 1, 1, len]), &device)
    });
    tensor::attention(q, k, v, bias)
}

/// The two attention calls of the tensor path (sequences without and with prefix) and the slot of
/// each token over both.
fn blocks(
    sequences: &[PackedSequence],
    starts: &[usize],
    tokens: usize,
    repeat: usize,
    device: &Device,
) -> (Vec<Block>, Option<RowMap>) {
    let mut slots = vec![0i32; tokens];
    let mut slot = 0;
    let mut blocks = Vec::new();
    for with_prefix in [false, true] {
        let rows: Vec<usize> = (0..sequences.len())
            .filter(|&i| sequences[i].prefix.is_some() == with_prefix)
            .collect();
        if rows.is_empty() {
            continue;
        }
        let layout = BlockLayout::new(sequences, starts, rows);
        for (row, &i) in layout.rows.iter().enumerate() {
            for j in 0..sequences[i].len {
                slots[starts[i] + j] = (slot + row * layout.queries + j) as i32;
            }
        }
        slot += layout.rows.len() * layout.queries;
        blocks.push(layout.block(tokens, repeat, device));
    }
    let identity = slot == tokens && is_identity(&slots);
    (blocks, (!identity).then(|| RowMap::new(slots, slot, device)))
}

/// Host side of one block.
struct BlockLayout<'a> {
    sequences: &'a [PackedSequence],
    starts: &'a [usize],
    rows: Vec<usize>,
    queries: usize,
    prefix: usize,
}

impl<'a> BlockLayout<'a> {
    fn new(sequences: &'a [PackedSequence], starts: &'a [usize], rows: Vec<usize>) -> Self {
        let queries = rows.iter().map(|&i| sequences[i].len).max().unwrap_or(0);
        let layout = Self { sequences, starts, rows, queries, prefix: 0 };
        let prefix = layout.rows.iter().map(|&i| layout.prefix_of(i).1).max().unwrap_or(0);
        Self { prefix, ..layout }
    }

    /// Start and length of the prefix of sequence `i`.
    fn prefix_of(&self, i: usize) -> (usize, usize) {
        self.sequences[i].prefix.map_or((0, 0), |p| (self.starts[p], self.sequences[p].len))
    }

    fn block(&self, tokens: usize, repeat: usize, device: &Device) -> Block {
        let (rows, queries, keys) = (self.rows.len(), self.queries, self.prefix + self.queries);
        let mut query_tokens = Vec::with_capacity(rows * queries);
        let mut key_tokens = Vec::with_capacity(rows * keys);
        for &i in &self.rows {
            let (start, len) = (self.starts[i], self.sequences[i].len);
            // Padding points at a token of its own row: any finite value serves.
            let own = (0..queries).map(|j| (start + j.min(len - 1)) as i32);
            query_tokens.extend(own.clone());
            let (prefix_start, prefix_len) = self.prefix_of(i);
            let pad = self.prefix - prefix_len;
            key_tokens
                .extend((0..self.prefix).map(|c| (prefix_start + c.saturating_sub(pad)) as i32));
            key_tokens.extend(own);
        }
        let map = |map: Vec<i32>| {
            (map.len() != tokens || !is_identity(&map)).then(|| RowMap::new(map, tokens, device))
        };
        Block {
            rows,
            queries,
            keys,
            query_tokens: map(query_tokens),
            key_tokens: map(key_tokens),
            bias: self.bias(repeat, device),
        }
    }

    /// Causal over a row's own tokens, everything of its (left-padded) prefix.
    fn bias(&self, repeat: usize, device: &Device) -> Tensor<4> {
        let (queries, keys) = (self.queries, self.prefix + self.queries);
        let pads: Vec<usize> =
            self.rows.iter().map(|&i| self.prefix - self.prefix_of(i).1).collect();
        let pads = if pads.iter().all(|&p| p == pads[0]) { &pads[..1] } else { &pads[..] };
        let mut bias = Vec::with_capacity(pads.len() * repeat * queries * keys);
        for &pad in pads {
            for _ in 0..repeat {
                for query in 0..queries {
                    bias.extend((0..keys).map(|c| {
                        let visible = c >= pad && c <= self.prefix + query;
                        if visible { 0.0 } else { MASKED }
                    }));
                }
            }
        }
        let shape = [pads.len(), 1, repeat * queries, keys];
        Tensor::from_data(TensorData::new(bias, shape), device)
    }
}

fn is_identity(map: &[i32]) -> bool {
    map.iter().enumerate().all(|(i, &x)| x == i as i32)
}
