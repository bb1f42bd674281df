//! Ragged sequences as one flat batch of tokens.
//!
//! Dense layers see each token once and no padding. A completion names the sequence it follows, so
//! a prompt that a group shares is computed once, in training as in generation, and its gradient is
//! the sum over the group.

use crate::Decoder;
use burn::tensor::{Device, Int, Tensor, TensorData};
use thinkling_ops::{AttentionLayout, PackedSequence, RowMap};

/// One sequence of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// Token ids, at least one.
    pub ids: &'a [u32],
    /// Index of an earlier sequence without prefix that comes before this one.
    pub prefix: Option<usize>,
}

/// Sequences laid out for one forward pass; see [`Decoder::forward`].
#[derive(Clone, Debug)]
pub struct PackedBatch {
    pub(crate) ids: RowMap,
    pub(crate) positions: Vec<usize>,
    pub(crate) layout: AttentionLayout,
    starts: Vec<usize>,
}

impl PackedBatch {
    /// Lays `sequences` out for `model`, on its device.
    ///
    /// # Panics
    /// Where a sequence is empty, or its prefix is not an earlier sequence without prefix.
    pub fn new(model: &Decoder, sequences: &[Sequence<'_>]) -> Self {
        let device = model.device();
        let mut starts = Vec::with_capacity(sequences.len());
        let mut ids: Vec<i32> = Vec::new();
        let mut positions = Vec::new();
        for sequence in sequences {
            let offset = sequence.prefix.map_or(0, |p| sequences[p].ids.len());
            starts.push(ids.len());
            ids.extend(sequence.ids.iter().map(|&id| id as i32));
            positions.extend((0..sequence.ids.len()).map(|j| offset + j));
        }
        let packed: Vec<PackedSequence> = sequences
            .iter()
            .map(|s| PackedSequence { len: s.ids.len(), prefix: s.prefix })
            .collect();
        let layout = AttentionLayout::new(&packed, model.heads().repeat(), &device);
        let ids = RowMap::new(ids, model.embed_tokens.val().dims()[0], &device);
        Self { ids, positions, layout, starts }
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

pub(crate) fn int_tensor(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), device)
}
