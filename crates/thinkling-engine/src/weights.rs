//! A model's weights, packed.

use crate::EngineError;
use crate::packed::{Format, PackedMatrix};
use thinkling_weights::{Checkpoint, ModelConfig};

/// Weights of one layer.
#[derive(Clone, Debug)]
pub(crate) struct LayerWeights {
    /// `[hidden]`.
    pub(crate) input_norm: Vec<f32>,
    /// Query, key and value rows, `[(heads + 2 * kv_heads) * head_dim, hidden]`.
    pub(crate) qkv: PackedMatrix,
    /// Qwen2: as many values as `qkv` has rows.
    pub(crate) qkv_bias: Option<Vec<f32>>,
    /// Qwen3: norm of a query head, then of a key head, `[2 * head_dim]`.
    pub(crate) qk_norms: Option<Vec<f32>>,
    /// `[hidden, heads * head_dim]`.
    pub(crate) output: PackedMatrix,
    /// `[hidden]`.
    pub(crate) mlp_norm: Vec<f32>,
    /// `[intermediate, hidden]`.
    pub(crate) gate: PackedMatrix,
    /// `[intermediate, hidden]`.
    pub(crate) up: PackedMatrix,
    /// `[hidden, intermediate]`.
    pub(crate) down: PackedMatrix,
}

/// What is done with stored formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Quantised weights stay quantised, half precision stays half.
    #[default]
    Stored,
    /// Everything becomes f32.
    F32,
}

/// Reads a checkpoint's weights, tensor by tensor.
#[derive(Clone, Copy, Debug)]
pub struct WeightsReader<'a> {
    checkpoint: &'a Checkpoint,
    keep: Keep,
}

impl<'a> WeightsReader<'a> {
    /// Reads `checkpoint`, its formats kept as `keep` says.
    pub fn new(checkpoint: &'a Checkpoint, keep: Keep) -> Self {
        Self { checkpoint, keep }
    }

    /// The model's config.
    pub fn config(&self) -> &'a ModelConfig {
        self.checkpoint.config()
    }

    /// `[vocab, hidden]`; also the head where embeddings are tied.
    pub(crate) fn embedding(&self) -> Result<PackedMatrix, EngineError> {
        let config = self.config();
        self.matrix(&["model.embed_tokens.weight".into()], config.vocab_size, config.hidden_size)
    }

    /// `[vocab, hidden]`, where it is not the embedding.
    pub(crate) fn head(&self) -> Result<Option<PackedMatrix>, EngineError> {
        let config = self.config();
        if config.tie_word_embeddings {
            return Ok(None);
        }
        self.matrix(&["lm_head.weight".into()], config.vocab_size, config.hidden_size).map(Some)
    }

    /// The last norm, `[hidden]`.
    pub(crate) fn norm(&self) -> Result<Vec<f32>, EngineError> {
        self.vector(&["model.norm.weight".into()])
    }

    pub(crate) fn layer(&self, index: usize) -> Result<LayerWeights, EngineError> {
        let c = self.config();
        let (hidden, mlp, q) = (c.hidden_size, c.intermediate_size, c.q_size());
        let name = |part: &str| format!("model.layers.{index}.{part}");
        let qkv = |what: &str| ["q", "k", "v"].map(|p| name(&format!("self_attn.{p}_proj.{what}")));
        let one = |part: &str, rows, columns| self.matrix(&[name(part)], rows, columns);
        let (mut gate, mut up) =
            (one("mlp.gate_proj.weight", mlp, hidden)?, one("mlp.up_proj.weight", mlp, hidden)?);
        if gate.format() != up.format() {
            gate = self.matrix_f32(&[name("mlp.gate_proj.weight")], mlp, hidden)?;
            up = self.matrix_f32(&[name("mlp.up_proj.weight")], mlp, hidden)?;
        }
        Ok(LayerWeights {
            input_norm: self.vector(&[name("input_layernorm.weight")])?,
            qkv: self.matrix(&qkv("weight"), q + 2 * c.kv_size(), hidden)?,
            qkv_bias: match c.attention_bias {
                true => Some(self.vector(&qkv("bias"))?),
                false => None,
            },
            qk_norms: match c.has_qk_norm() {
                true => Some(
                    self.vector(&["self_attn.q_norm.weight", "self_attn.k_norm.weight"].map(name))?,
                ),
                false => None,
            },
            output: one("self_attn.o_proj.weight", hidden, q)?,
            mlp_norm: self.vector(&[name("post_attention_layernorm.weight")])?,
            gate,
            up,
            down: one("mlp.down_proj.weight", hidden, mlp)?,
        })
    }

    fn vector(&self, names: &[String]) -> Result<Vec<f32>, EngineError> {
        let mut values = Vec::new();
        for name in names {
            values.extend(self.checkpoint.read_f32(name)?);
        }
        Ok(values)
    }

    /// Rows of the named tensors one after the other, in their own format where they share one.
    fn matrix(
        &self,
        names: &[String],
        rows: usize,
        columns: usize,
    ) -> Result<PackedMatrix, EngineError> {
        let stored: Vec<_> =
            names.iter().map(|name| self.checkpoint.stored(name)).collect::<Result<_, _>>()?;
        let format = stored.first().and_then(|(ty, _)| Format::of(ty));
        let alike = stored.iter().all(|(ty, _)| Format::of(ty) == format);
        match format {
            Some(format) if alike && (self.keep == Keep::Stored || format == Format::F32) => {
                let bytes: Vec<&[u8]> = stored.iter().map(|(_, bytes)| &**bytes).collect();
                PackedMatrix::new(format, rows, columns, &bytes.concat())
            }
            _ => self.matrix_f32(names, rows, columns),
        }
    }

    fn matrix_f32(
        &self,
        names: &[String],
        rows: usize,
        columns: usize,
    ) -> Result<PackedMatrix, EngineError> {
        PackedMatrix::of_f32(rows, columns, &self.vector(names)?)
    }
}
