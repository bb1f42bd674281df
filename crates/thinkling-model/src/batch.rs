//! Ragged sequences as one flat batch of tokens.
//!
//! Dense layers see each token once and no padding; attention gathers what its rows need. A
//! completion names the sequence it follows, so a prompt that a group shares is computed once, in
//! training as in generation, and its gradient is the sum over the group.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Added to scores of keys that a query may not see. Finite, so that a row without any visible
/// key (padding) stays finite too.
const MASKED: f32 = -1e9;

/// One sequence of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// Token ids, at least one.
    pub ids: &'a [u32],
    /// Index of an earlier sequence without prefix that comes before this one.
    pub prefix: Option<usize>,
}

/// One attention call: rows of queries over rows of keys, padded to the longest.
#[derive(Clone, Debug)]
pub(crate) struct AttentionBlock {
    pub(crate) rows: usize,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    /// Flat token of each query slot, `[rows * queries]`; `None` where it is the identity.
    pub(crate) query_tokens: Option<Tensor<1, Int>>,
    /// Flat token of each key slot, `[rows * keys]`; `None` where it is the identity.
    pub(crate) key_tokens: Option<Tensor<1, Int>>,
    /// `[rows or 1, 1, repeat * queries, keys]`.
    pub(crate) bias: Tensor<4>,
}

/// Sequences laid out for one forward pass; see [`Decoder::forward`](crate::Decoder::forward).
#[derive(Clone, Debug)]
pub struct PackedBatch {
    pub(crate) ids: Tensor<1, Int>,
    pub(crate) positions: Vec<usize>,
    pub(crate) blocks: Vec<AttentionBlock>,
    /// Slot, over all blocks' query slots in order, of each flat token; `None` for the identity.
    pub(crate) token_slots: Option<Tensor<1, Int>>,
    starts: Vec<usize>,
}

impl PackedBatch {
    /// Lays `sequences` out on `device`. `repeat` is `heads / kv_heads` of the model.
    ///
    /// # Panics
    /// Where a sequence is empty, or its prefix is not an earlier sequence without prefix.
    pub fn new(sequences: &[Sequence<'_>], repeat: usize, device: &Device) -> Self {
        let mut starts = Vec::with_capacity(sequences.len());
        let mut ids: Vec<i32> = Vec::new();
        let mut positions = Vec::new();
        for (i, sequence) in sequences.iter().enumerate() {
            assert!(!sequence.ids.is_empty(), "sequence {i} of a batch is empty");
            let offset = sequence.prefix.map_or(0, |p| {
                assert!(
                    p < i && sequences[p].prefix.is_none(),
                    "prefix {p} of sequence {i} must be an earlier sequence without prefix"
                );
                sequences[p].ids.len()
            });
            starts.push(ids.len());
            ids.extend(sequence.ids.iter().map(|&id| id as i32));
            positions.extend((0..sequence.ids.len()).map(|j| offset + j));
        }
        let tokens = ids.len();
        let mut slots = vec![0i32; tokens];
        let mut slot_offset = 0;
        let mut blocks = Vec::new();
        for with_prefix in [false, true] {
            let rows: Vec<usize> = (0..sequences.len())
                .filter(|&i| sequences[i].prefix.is_some() == with_prefix)
                .collect();
            if rows.is_empty() {
                continue;
            }
            let layout = BlockLayout::new(sequences, &starts, rows);
            layout.fill_slots(&mut slots, slot_offset);
            slot_offset += layout.rows.len() * layout.queries;
            blocks.push(layout.block(tokens, repeat, device));
        }
        let identity = slot_offset == tokens && is_identity(&slots);
        Self {
            ids: int_tensor(ids, device),
            positions,
            blocks,
            token_slots: (!identity).then(|| int_tensor(slots, device)),
            starts,
        }
    }

    /// Flat index of the first token of sequence `i`; its other tokens follow.
    pub fn start(&self, i: usize) -> usize {
        self.starts[i]
    }

    /// Tokens in the batch.
    pub fn tokens(&self) -> usize {
        self.positions.len()
    }
}

/// Host side of one block.
struct BlockLayout<'a> {
    sequences: &'a [Sequence<'a>],
    starts: &'a [usize],
    rows: Vec<usize>,
    queries: usize,
    prefix: usize,
}

impl<'a> BlockLayout<'a> {
    fn new(sequences: &'a [Sequence<'a>], starts: &'a [usize], rows: Vec<usize>) -> Self {
        let queries = rows
            .iter()
            .map(|&i| sequences[i].ids.len())
            .max()
            .unwrap_or(0);
        let layout = Self {
            sequences,
            starts,
            rows,
            queries,
            prefix: 0,
        };
        let prefix = layout
            .rows
            .iter()
            .map(|&i| layout.prefix_of(i).1)
            .max()
            .unwrap_or(0);
        Self { prefix, ..layout }
    }

    /// Start and length of the prefix of sequence `i`.
    fn prefix_of(&self, i: usize) -> (usize, usize) {
        self.sequences[i]
            .prefix
            .map_or((0, 0), |p| (self.starts[p], self.sequences[p].ids.len()))
    }

    fn fill_slots(&self, slots: &mut [i32], offset: usize) {
        for (row, &i) in self.rows.iter().enumerate() {
            for j in 0..self.sequences[i].ids.len() {
                slots[self.starts[i] + j] = (offset + row * self.queries + j) as i32;
            }
        }
    }

    fn block(&self, tokens: usize, repeat: usize, device: &Device) -> AttentionBlock {
        let (rows, queries, keys) = (self.rows.len(), self.queries, self.prefix + self.queries);
        let mut query_tokens = Vec::with_capacity(rows * queries);
        let mut key_tokens = Vec::with_capacity(rows * keys);
        for &i in &self.rows {
            let (start, len) = (self.starts[i], self.sequences[i].ids.len());
            // Padding points at a token of its own row: any finite value serves.
            let own = (0..queries).map(|j| (start + j.min(len - 1)) as i32);
            query_tokens.extend(own.clone());
            let (prefix_start, prefix_len) = self.prefix_of(i);
            let pad = self.prefix - prefix_len;
            key_tokens
                .extend((0..self.prefix).map(|c| (prefix_start + c.saturating_sub(pad)) as i32));
            key_tokens.extend(own);
        }
        let gather = |map: Vec<i32>| {
            (map.len() != tokens || !is_identity(&map)).then(|| int_tensor(map, device))
        };
        AttentionBlock {
            rows,
            queries,
            keys,
            query_tokens: gather(query_tokens),
            key_tokens: gather(key_tokens),
            bias: self.bias(repeat, device),
        }
    }

    /// Causal over a row's own tokens, everything of its (left-padded) prefix.
    fn bias(&self, repeat: usize, device: &Device) -> Tensor<4> {
        let (queries, keys) = (self.queries, self.prefix + self.queries);
        let pads: Vec<usize> = self
            .rows
            .iter()
            .map(|&i| self.prefix - self.prefix_of(i).1)
            .collect();
        let pads = if pads.iter().all(|&p| p == pads[0]) {
            &pads[..1]
        } else {
            &pads[..]
        };
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

pub(crate) fn int_tensor(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), device)
}

/// Bias `[rows, 1, 1, keys]` that hides the first `pads[row]` keys of each row.
pub(crate) fn pad_bias(pads: &[usize], keys: usize, device: &Device) -> Tensor<4> {
    let bias: Vec<f32> = pads
        .iter()
        .flat_map(|&pad| (0..keys).map(move |c| if c < pad { MASKED } else { 0.0 }))
        .collect();
    Tensor::from_data(TensorData::new(bias, [pads.len(), 1, 1, keys]), device)
}
