//! The decoder and its two forward passes.

use crate::batch::PackedBatch;
use crate::layer::{DecoderLayer, LayerShape, Qkv};
use crate::rope::RopeTable;
use crate::{KvCache, ops};
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};
use thinkling_weights::ModelConfig;

/// A causal language model of the Llama family.
#[derive(Module, Debug)]
pub struct Decoder {
    /// `[vocab, hidden]`; also the output head where embeddings are tied.
    pub(crate) embed_tokens: Param<Tensor<2>>,
    pub(crate) layers: Vec<DecoderLayer>,
    /// `[hidden]`.
    pub(crate) norm: Param<Tensor<1>>,
    /// `[vocab, hidden]`; `None` where embeddings are tied.
    pub(crate) lm_head: Option<Param<Tensor<2>>>,
    #[module(skip)]
    pub(crate) config: ModelConfig,
    #[module(skip)]
    pub(crate) rope: RopeTable,
}

impl Decoder {
    /// The model's config.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Device of the weights.
    pub fn device(&self) -> Device {
        self.norm.val().device()
    }

    /// Query heads a key-value head: what [`PackedBatch::new`] asks for.
    pub fn repeat(&self) -> usize {
        self.config.num_attention_heads / self.config.num_key_value_heads
    }

    /// Output head, `[vocab, hidden]`.
    pub fn head(&self) -> Tensor<2> {
        self.lm_head.as_ref().unwrap_or(&self.embed_tokens).val()
    }

    /// `hidden W_head^T`: `[tokens, hidden]` -> `[tokens, vocab]`.
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        ops::linear(hidden, self.head(), None)
    }

    /// Hidden states after the last norm, one a token of `batch`.
    ///
    /// # Shapes
    /// `[tokens, hidden]`, tokens in the order of the batch's sequences.
    pub fn forward(&self, batch: &PackedBatch) -> Tensor<2> {
        self.forward_with(batch, |_, _| {})
    }

    /// [`forward`](Self::forward) that shows each layer's keys and values to `each_layer`.
    pub(crate) fn forward_with(
        &self,
        batch: &PackedBatch,
        mut each_layer: impl FnMut(&Tensor<3>, &Tensor<3>),
    ) -> Tensor<2> {
        let mut x = self.embed_tokens.val().select(0, batch.ids.clone());
        let rope = self.rope.factors(&batch.positions, &self.device());
        for layer in &self.layers {
            x = layer.forward(x, self.layer_shape(), &rope, |qkv| {
                each_layer(&qkv.k, &qkv.v);
                attend_packed(batch, qkv)
            });
        }
        ops::rms_norm(x, self.norm.val(), self.config.rms_norm_eps)
    }

    /// One decoding step: the next token of each row of `cache`, whose columns it extends.
    ///
    /// # Shapes
    /// `ids` `[rows]` -> hidden states `[rows, hidden]`.
    pub(crate) fn step(&self, ids: Tensor<1, Int>, cache: &mut KvCache) -> Tensor<2> {
        cache.reserve(self.config.max_position_embeddings);
        let mut x = self.embed_tokens.val().select(0, ids);
        let rope = self.rope.factors(&cache.next_positions(), &self.device());
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, self.layer_shape(), &rope, |qkv| {
                let (k, v, bias) = cache.append(i, qkv.k, qkv.v);
                ops::attention(qkv.q.unsqueeze_dim(1), k, v, bias)
            });
        }
        cache.advance();
        ops::rms_norm(x, self.norm.val(), self.config.rms_norm_eps)
    }

    pub(crate) fn layer_shape(&self) -> LayerShape {
        LayerShape {
            heads: self.config.num_attention_heads,
            kv_heads: self.config.num_key_value_heads,
            head_dim: self.config.head_dim,
            rms_norm_eps: self.config.rms_norm_eps,
        }
    }
}

fn attend_packed(batch: &PackedBatch, qkv: Qkv) -> Tensor<2> {
    let mut outputs: Vec<Tensor<2>> = batch
        .blocks
        .iter()
        .map(|block| {
            let q = gather_rows(
                qkv.q.clone(),
                &block.query_tokens,
                block.rows,
                block.queries,
            );
            let k = gather_rows(qkv.k.clone(), &block.key_tokens, block.rows, block.keys);
            let v = gather_rows(qkv.v.clone(), &block.key_tokens, block.rows, block.keys);
            ops::attention(
                q,
                k.swap_dims(1, 2),
                v.swap_dims(1, 2),
                Some(block.bias.clone()),
            )
        })
        .collect();
    let slots = if outputs.len() == 1 {
        outputs.remove(0)
    } else {
        Tensor::cat(outputs, 0)
    };
    match &batch.token_slots {
        Some(map) => slots.select(0, map.clone()),
        None => slots,
    }
}

/// `[tokens, heads, dim]` -> `[rows, per_row, heads, dim]` by `map`.
pub(crate) fn gather_rows(
    x: Tensor<3>,
    map: &Option<Tensor<1, Int>>,
    rows: usize,
    per_row: usize,
) -> Tensor<4> {
    let [_, heads, dim] = x.dims();
    let x = match map {
        Some(map) => x.select(0, map.clone()),
        None => x,
    };
    x.reshape([rows, per_row, heads, dim])
}
