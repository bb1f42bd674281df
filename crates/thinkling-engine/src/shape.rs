//! Sizes of a decoder and of the engine's buffers.

use crate::packed::BLOCK;
use thinkling_weights::ModelConfig;

/// Tokens of a part of attention.
pub(crate) const PART: usize = 256;

/// Sizes of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) hidden: usize,
    pub(crate) intermediate: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) vocab: usize,
    pub(crate) layers: usize,
    pub(crate) eps: f32,
}

impl Shape {
    pub(crate) fn of(config: &ModelConfig) -> Self {
        Self {
            hidden: config.hidden_size,
            intermediate: config.intermediate_size,
            heads: config.num_attention_heads,
            kv_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
            vocab: config.vocab_size,
            layers: config.num_hidden_layers,
            eps: config.rms_norm_eps as f32,
        }
    }

    /// Rows of the fused projection of queries, keys and values.
    pub(crate) fn qkv(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    /// Values of a key or value of all heads.
    pub(crate) fn kv(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Quads of columns that a head takes in a GPU's cache.
    pub(crate) fn head_quads(&self) -> usize {
        self.head_dim.div_ceil(4)
    }

    /// Values of a key or value of all heads in a GPU's cache.
    pub(crate) fn gpu_kv(&self) -> usize {
        4 * self.kv_heads * self.head_quads()
    }

    pub(crate) fn hidden_stride(&self) -> usize {
        padded(self.hidden)
    }

    pub(crate) fn qkv_stride(&self) -> usize {
        padded(self.qkv())
    }

    pub(crate) fn mixed_stride(&self) -> usize {
        padded(self.heads * self.head_dim)
    }

    pub(crate) fn intermediate_stride(&self) -> usize {
        padded(self.intermediate)
    }
}

/// Columns to whole blocks: what a product reads.
pub(crate) fn padded(columns: usize) -> usize {
    columns.next_multiple_of(BLOCK)
}

/// `(cos, sin)` of each position and frequency, `[positions, head_dim / 2]`.
pub(crate) fn angles(config: &ModelConfig, positions: usize) -> Vec<[f32; 2]> {
    let frequencies = config.rope_inv_freq();
    let [cos, sin] = thinkling_cpu::rows::rope(0..positions, &frequencies);
    cos.into_iter().zip(sin).map(|(cos, sin)| [cos, sin]).collect()
}
