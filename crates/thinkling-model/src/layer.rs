//! One decoder layer: attention and SwiGLU, each with RMSNorm before and a residual around.

use crate::adapters::{LayerAdapters, Matrix};
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use thinkling_ops::{ComputeType, Heads, RopeFactors, rms_norm, rotate_qk, swiglu};

/// Weights of one layer. Projections are `[out, in]`, as in the files.
#[derive(Module, Debug)]
pub(crate) struct DecoderLayer {
    /// `[hidden]`.
    pub(crate) input_layernorm: Param<Tensor<1>>,
    /// Query, key and value rows in this order: `[(heads + 2 * kv_heads) * head_dim, hidden]`.
    pub(crate) qkv_proj: Param<Tensor<2>>,
    /// Qwen2: `[(heads + 2 * kv_heads) * head_dim]`.
    pub(crate) qkv_bias: Option<Param<Tensor<1>>>,
    /// Qwen3: `[head_dim]`.
    pub(crate) q_norm: Option<Param<Tensor<1>>>,
    /// Qwen3: `[head_dim]`.
    pub(crate) k_norm: Option<Param<Tensor<1>>>,
    /// `[hidden, heads * head_dim]`.
    pub(crate) o_proj: Param<Tensor<2>>,
    /// `[hidden]`.
    pub(crate) post_attention_layernorm: Param<Tensor<1>>,
    /// Gate rows, then up rows: `[2 * intermediate, hidden]`.
    pub(crate) gate_up_proj: Param<Tensor<2>>,
    /// `[hidden, intermediate]`.
    pub(crate) down_proj: Param<Tensor<2>>,
    /// Where there are some, they alone are trained.
    #[module(skip)]
    pub(crate) lora: Option<LayerAdapters>,
    /// Format of the layer's matrix products.
    #[module(skip)]
    pub(crate) compute: ComputeType,
}

impl DecoderLayer {
    /// `x` `[tokens, hidden]`; `attend` takes rotated fused rows `[tokens, width]`, mixes tokens and
    /// gives `[tokens, heads * head_dim]`.
    pub(crate) fn forward(
        &self,
        x: Tensor<2>,
        heads: Heads,
        eps: f64,
        rope: &RopeFactors,
        attend: impl FnOnce(Tensor<2>) -> Tensor<2>,
    ) -> Tensor<2> {
        let h = rms_norm(x.clone(), self.input_layernorm.val(), eps);
        let bias = self.qkv_bias.as_ref().map(Param::val);
        let qkv = self.norm_qk(self.project(h, Matrix::Qkv, bias), heads, eps);
        let mixed = attend(rotate_qk(qkv, rope, heads));
        let x = x + self.project(mixed, Matrix::O, None);
        let h = rms_norm(x.clone(), self.post_attention_layernorm.val(), eps);
        let h = swiglu(self.project(h, Matrix::GateUp, None));
        x + self.project(h, Matrix::Down, None)
    }

    /// Qwen3's norms of each query and key head.
    fn norm_qk(&self, qkv: Tensor<2>, heads: Heads, eps: f64) -> Tensor<2> {
        let (Some(q_norm), Some(k_norm)) = (&self.q_norm, &self.k_norm) else { return qkv };
        let Heads { heads: h, kv_heads, head_dim } = heads;
        let [tokens, width] = qkv.dims();
        let x = qkv.reshape([tokens, h + 2 * kv_heads, head_dim]);
        let part = |from, to| x.clone().slice([0..tokens, from..to, 0..head_dim]);
        let q = rms_norm(part(0, h), q_norm.val(), eps);
        let k = rms_norm(part(h, h + kv_heads), k_norm.val(), eps);
        let v = part(h + kv_heads, h + 2 * kv_heads);
        Tensor::cat(vec![q, k, v], 1).reshape([tokens, width])
    }
}
