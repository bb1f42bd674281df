//! One decoder layer: attention and SwiGLU, each with RMSNorm before and a residual around.

use crate::ops;
use crate::rope::RopeFactors;
use burn::module::{Module, Param};
use burn::tensor::Tensor;

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
}

/// Sizes that a layer's forward pass needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerShape {
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) rms_norm_eps: f64,
}

/// Rotated queries and keys, and values, of a layer: `[tokens, (kv_)heads, head_dim]`.
pub(crate) struct Qkv {
    pub(crate) q: Tensor<3>,
    pub(crate) k: Tensor<3>,
    pub(crate) v: Tensor<3>,
}

impl DecoderLayer {
    /// `x` `[tokens, hidden]`; `attend` mixes tokens and gives `[tokens, heads * head_dim]`.
    pub(crate) fn forward(
        &self,
        x: Tensor<2>,
        shape: LayerShape,
        rope: &RopeFactors,
        attend: impl FnOnce(Qkv) -> Tensor<2>,
    ) -> Tensor<2> {
        let eps = shape.rms_norm_eps;
        let h = ops::rms_norm(x.clone(), self.input_layernorm.val(), eps);
        let mixed = attend(self.qkv(h, shape, rope));
        let x = x + ops::linear(mixed, self.o_proj.val(), None);
        let h = ops::rms_norm(x.clone(), self.post_attention_layernorm.val(), eps);
        let h = ops::swiglu(ops::linear(h, self.gate_up_proj.val(), None));
        x + ops::linear(h, self.down_proj.val(), None)
    }

    fn qkv(&self, h: Tensor<2>, shape: LayerShape, rope: &RopeFactors) -> Qkv {
        let LayerShape {
            heads,
            kv_heads,
            head_dim,
            rms_norm_eps,
        } = shape;
        let bias = self.qkv_bias.as_ref().map(Param::val);
        let qkv = ops::linear(h, self.qkv_proj.val(), bias);
        let tokens = qkv.dims()[0];
        let qkv = qkv.reshape([tokens, heads + 2 * kv_heads, head_dim]);
        let part = |x: &Tensor<3>, from, to| x.clone().slice([0..tokens, from..to, 0..head_dim]);
        let v = part(&qkv, heads + kv_heads, heads + 2 * kv_heads);
        if let (Some(q_norm), Some(k_norm)) = (&self.q_norm, &self.k_norm) {
            let q = ops::rms_norm(part(&qkv, 0, heads), q_norm.val(), rms_norm_eps);
            let k = part(&qkv, heads, heads + kv_heads);
            let k = ops::rms_norm(k, k_norm.val(), rms_norm_eps);
            return Qkv {
                q: ops::rotate(q, rope),
                k: ops::rotate(k, rope),
                v,
            };
        }
        let qk = ops::rotate(part(&qkv, 0, heads + kv_heads), rope);
        Qkv {
            q: part(&qk, 0, heads),
            k: part(&qk, heads, heads + kv_heads),
            v,
        }
    }
}
