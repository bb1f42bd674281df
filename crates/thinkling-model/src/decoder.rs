//! The decoder and its two forward passes.

use crate::adapters::LoraConfig;
use crate::batch::PackedBatch;
use crate::cache::KvCache;
use crate::layer::DecoderLayer;
use crate::load;
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};
use thinkling_ops::{ComputeType, Heads, RopeFactors, linear, packed_attention, rms_norm};
use thinkling_weights::ModelConfig;

/// A causal language model of the Llama family.
#[derive(Module, Debug)]
pub struct Decoder {
    /// `[vocab, hidden]`; also the output head where embeddings are tied.
    pub(crate) embed_tokens: Param<Tensor<2>>,
    pub(crate) layers: Vec<DecoderLayer>,
    /// `[hidden]`.
    pub(crate) norm: Param<Tensor<1>>,
    /// `[vocab, hidden]`; `None` where embeddings are tied, and in a reward model.
    pub(crate) lm_head: Option<Param<Tensor<2>>>,
    /// `[1, hidden]`: the head of a reward model, which has none for next tokens.
    pub(crate) score: Option<Param<Tensor<2>>>,
    #[module(skip)]
    pub(crate) config: ModelConfig,
    /// Rotary frequencies in radians a token, `[head_dim / 2]`.
    #[module(skip)]
    pub(crate) frequencies: Vec<f64>,
    /// Shape of the layers' adapters.
    #[module(skip)]
    pub(crate) lora: Option<LoraConfig>,
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

    /// Heads of a layer's fused query, key and value rows.
    pub fn heads(&self) -> Heads {
        Heads {
            heads: self.config.num_attention_heads,
            kv_heads: self.config.num_key_value_heads,
            head_dim: self.config.head_dim,
        }
    }

    /// The model with the matrix products of its layers in `compute`, which its device must
    /// support ([`ComputeType::is_supported`]). Weights and the head's products stay in f32.
    #[must_use]
    pub fn with_compute(mut self, compute: ComputeType) -> Self {
        for layer in &mut self.layers {
            layer.compute = compute;
        }
        self
    }

    /// Format of the matrix products of the layers.
    pub fn compute(&self) -> ComputeType {
        self.layers.first().map_or_else(ComputeType::default, |layer| layer.compute)
    }

    /// The head of a reward model, `[1, hidden]`; its product with the hidden state of a text's last
    /// token is the text's reward. `None` for a language model.
    pub fn score(&self) -> Option<Tensor<2>> {
        self.score.as_ref().map(Param::val)
    }

    /// The model as a reward model, with a new normal head of standard deviation
    /// `1 / sqrt(hidden + 1)` (Stiennon et al., arXiv 2009.01325, appendix B.1) that the same `seed`
    /// makes alike on every device; the head for next tokens goes. A reward model stays as it is.
    #[must_use]
    pub fn with_score(mut self, seed: u64) -> Self {
        if self.score.is_some() {
            return self;
        }
        self.score = Some(load::new_score(self.config.hidden_size, seed, &self.device()));
        self.lm_head = None;
        self.config.score = true;
        self
    }

    /// Output head, `[vocab, hidden]`.
    pub fn head(&self) -> Tensor<2> {
        self.lm_head.as_ref().unwrap_or(&self.embed_tokens).val()
    }

    /// `hidden W_head^T`: `[tokens, hidden]` -> `[tokens, vocab]`.
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        linear(hidden, self.head(), None, ComputeType::F32)
    }

    /// Hidden states after the last norm, one a token of `batch`.
    ///
    /// # Shapes
    /// `[tokens, hidden]`, tokens in the order of the batch's sequences.
    pub fn forward(&self, batch: &PackedBatch) -> Tensor<2> {
        self.forward_with(batch, |_| {})
    }

    /// [`forward`](Self::forward) that shows each layer's rotated fused rows to `each_layer`.
    pub(crate) fn forward_with(
        &self,
        batch: &PackedBatch,
        each_layer: impl FnMut(&Tensor<2>),
    ) -> Tensor<2> {
        self.forward_rows(batch.ids.gather(self.embed_tokens.val()), batch, each_layer)
    }

    /// [`forward_with`](Self::forward_with) from the rows `x` of the embedding that the batch's tokens
    /// name.
    pub(crate) fn forward_rows(
        &self,
        mut x: Tensor<2>,
        batch: &PackedBatch,
        mut each_layer: impl FnMut(&Tensor<2>),
    ) -> Tensor<2> {
        let (heads, eps) = (self.heads(), self.config.rms_norm_eps);
        let rope = self.rope(&batch.positions);
        for layer in &self.layers {
            x = layer.forward(x, heads, eps, &rope, |qkv| {
                each_layer(&qkv);
                packed_attention(qkv, &batch.layout, heads)
            });
        }
        rms_norm(x, self.norm.val(), eps)
    }

    /// One decoding step: the next token of each row of `cache`, whose columns it extends.
    ///
    /// # Shapes
    /// `ids` `[rows]` -> hidden states `[rows, hidden]`.
    pub(crate) fn step(&self, ids: Tensor<1, Int>, cache: &mut KvCache) -> Tensor<2> {
        cache.reserve(self.config.max_position_embeddings);
        let mut x = self.embed_tokens.val().select(0, ids);
        let (heads, eps) = (self.heads(), self.config.rms_norm_eps);
        let rope = self.rope(&cache.next_positions());
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, heads, eps, &rope, |qkv| cache.attend(i, qkv));
        }
        cache.advance();
        rms_norm(x, self.norm.val(), eps)
    }

    pub(crate) fn rope(&self, positions: &[usize]) -> RopeFactors {
        RopeFactors::new(positions, &self.frequencies, &self.device())
    }
}
