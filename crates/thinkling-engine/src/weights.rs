//! A model's weights, packed.

use crate::EngineError;
use crate::packed::{Format, PackedMatrix};
use std::borrow::Cow;
use thinkling_weights::{Checkpoint, GgmlType, ModelConfig, dequantize, q3_k_as_q6_k};

/// Elements that are read at a time.
const PIECE_ELEMENTS: usize = 1 << 20;

/// Weights of one layer.
#[derive(Clone, Debug)]
pub(crate) struct LayerWeights {
    /// `[hidden]`.
    pub(crate) input_norm: Vec<f32>,
    /// Query, key and value rows, `[(heads + 2 * kv_heads) * head_dim, hidden]`, in as many matrices as
    /// neighbours have formats.
    pub(crate) qkv: Vec<PackedMatrix>,
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
    /// Quantised weights stay quantised, half precision stays half. Q3_K takes the room of Q6_K, and
    /// gate and up are f32 where their types differ.
    #[default]
    Stored,
    /// Everything becomes f32.
    F32,
}

/// Where weights come from.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Checkpoint(&'a Checkpoint, Keep),
    /// Nowhere yet: zeros of this format.
    Later(Format),
}

/// Reads a checkpoint's weights, tensor by tensor.
#[derive(Clone, Debug)]
pub struct WeightsReader<'a> {
    source: Source<'a>,
    /// The checkpoint's, or that of a smaller model which is its beginning.
    config: Cow<'a, ModelConfig>,
}

impl<'a> WeightsReader<'a> {
    /// Reads `checkpoint`, its formats kept as `keep` says.
    pub fn new(checkpoint: &'a Checkpoint, keep: Keep) -> Self {
        let source = Source::Checkpoint(checkpoint, keep);
        Self { source, config: Cow::Borrowed(checkpoint.config()) }
    }

    /// Zeros in `format`, for a model whose weights lie in memory: they are then
    /// [set](crate::Engine::update_weights). Matrices whose rows are no whole number of the format's
    /// blocks are f32.
    pub fn set_later(config: &'a ModelConfig, format: Format) -> Self {
        Self { source: Source::Later(format), config: Cow::Borrowed(config) }
    }

    /// The model of the first layers and the first tokens of the vocabulary: the true weights, few
    /// enough for a test.
    #[must_use]
    pub fn beginning(self, layers: usize, tokens: usize) -> Self {
        let mut config = self.config.into_owned();
        config.num_hidden_layers = config.num_hidden_layers.min(layers);
        config.vocab_size = config.vocab_size.min(tokens);
        Self { config: Cow::Owned(config), ..self }
    }

    /// The model's config.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// `[vocab, hidden]`; also the head where embeddings are tied.
    pub(crate) fn embedding(&self) -> Result<PackedMatrix, EngineError> {
        let config = self.config();
        self.matrix("model.embed_tokens.weight", config.vocab_size, config.hidden_size)
    }

    /// `[vocab, hidden]`, where it is not the embedding.
    pub(crate) fn head(&self) -> Result<Option<PackedMatrix>, EngineError> {
        let config = self.config();
        if config.tie_word_embeddings {
            return Ok(None);
        }
        self.matrix("lm_head.weight", config.vocab_size, config.hidden_size).map(Some)
    }

    /// The last norm, `[hidden]`.
    pub(crate) fn norm(&self) -> Result<Vec<f32>, EngineError> {
        self.vector(&["model.norm.weight".into()], self.config().hidden_size)
    }

    pub(crate) fn layer(&self, index: usize) -> Result<LayerWeights, EngineError> {
        let c = self.config();
        let (hidden, mlp, q) = (c.hidden_size, c.intermediate_size, c.q_size());
        let name = |part: &str| format!("model.layers.{index}.{part}");
        let qkv = |what: &str| ["q", "k", "v"].map(|p| name(&format!("self_attn.{p}_proj.{what}")));
        let one = |part: &str, rows, columns| self.matrix(&name(part), rows, columns);
        let (mut gate, mut up) =
            (one("mlp.gate_proj.weight", mlp, hidden)?, one("mlp.up_proj.weight", mlp, hidden)?);
        if let Source::Checkpoint(from, _) = self.source
            && gate.format() != up.format()
        {
            let f32 = |part| self.matrix_as(from, Format::F32, &[name(part)], mlp, hidden);
            (gate, up) = (f32("mlp.gate_proj.weight")?, f32("mlp.up_proj.weight")?);
        }
        Ok(LayerWeights {
            input_norm: self.vector(&[name("input_layernorm.weight")], hidden)?,
            qkv: self.matrices(&qkv("weight"), [q, c.kv_size(), c.kv_size()], hidden)?,
            qkv_bias: match c.attention_bias {
                true => Some(self.vector(&qkv("bias"), q + 2 * c.kv_size())?),
                false => None,
            },
            qk_norms: match c.has_qk_norm() {
                true => {
                    let names = ["self_attn.q_norm.weight", "self_attn.k_norm.weight"].map(name);
                    Some(self.vector(&names, 2 * c.head_dim)?)
                }
                false => None,
            },
            output: one("self_attn.o_proj.weight", hidden, q)?,
            mlp_norm: self.vector(&[name("post_attention_layernorm.weight")], hidden)?,
            gate,
            up,
            down: one("mlp.down_proj.weight", hidden, mlp)?,
        })
    }

    fn vector(&self, names: &[String], len: usize) -> Result<Vec<f32>, EngineError> {
        let Source::Checkpoint(checkpoint, _) = self.source else { return Ok(vec![0.0; len]) };
        let mut values = Vec::with_capacity(len);
        for name in names {
            values.extend(checkpoint.read_f32(name)?);
        }
        debug_assert_eq!(values.len(), len, "values of {names:?}");
        Ok(values)
    }

    /// A tensor in the format that keeps its values.
    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<PackedMatrix, EngineError> {
        Ok(self.matrices(&[name.to_owned()], [rows], columns)?.remove(0))
    }

    /// Rows of the named tensors one after the other, neighbours of one format in one matrix.
    fn matrices<const N: usize>(
        &self,
        names: &[String; N],
        rows: [usize; N],
        columns: usize,
    ) -> Result<Vec<PackedMatrix>, EngineError> {
        let formats: Vec<Format> =
            names.iter().map(|name| self.format(name, columns)).collect::<Result<_, _>>()?;
        let mut matrices = Vec::new();
        let mut first = 0;
        for alike in formats.chunk_by(|a, b| a == b) {
            let part = first..first + alike.len();
            let rows = rows[part.clone()].iter().sum();
            matrices.push(match self.source {
                Source::Checkpoint(checkpoint, _) => {
                    self.matrix_as(checkpoint, alike[0], &names[part.clone()], rows, columns)?
                }
                Source::Later(_) => PackedMatrix::zeros(alike[0], rows, columns),
            });
            first = part.end;
        }
        Ok(matrices)
    }

    /// The format that keeps a tensor's values, or f32.
    fn format(&self, name: &str, columns: usize) -> Result<Format, EngineError> {
        let wanted = match self.source {
            Source::Checkpoint(_, Keep::F32) => None,
            Source::Checkpoint(checkpoint, Keep::Stored) => {
                Format::of(&checkpoint.stored_type(name)?)
            }
            Source::Later(format) => Some(format),
        };
        let fits = |format: &Format| format.row_bytes(columns).is_some();
        Ok(wanted.filter(fits).unwrap_or(Format::F32))
    }

    /// Rows of the named tensors in one matrix, in the format that keeps their values or as f32. A few
    /// rows are read at a time, so that the stored ones never lie in memory beside the packed ones.
    fn matrix_as(
        &self,
        checkpoint: &Checkpoint,
        format: Format,
        names: &[String],
        rows: usize,
        columns: usize,
    ) -> Result<PackedMatrix, EngineError> {
        let mut matrix = PackedMatrix::zeros(format, rows, columns);
        let mut first = 0;
        for name in names {
            let ty = checkpoint.stored_type(name)?;
            // Fewer than it has where only the beginning is wanted.
            let own = checkpoint.shape(name)?.first().copied().unwrap_or(0).min(rows - first);
            let most = (PIECE_ELEMENTS / columns.max(1)).max(1);
            for start in (0..own).step_by(most) {
                let part = start..(start + most).min(own);
                let bytes = checkpoint.stored_rows(name, part.clone())?;
                if ty == format.ggml() {
                    matrix.set_rows(first + start, &bytes);
                } else if (ty, format) == (GgmlType::Q3K, Format::Q6K) {
                    matrix.set_rows(first + start, &q3_k_as_q6_k(&bytes));
                } else {
                    let mut values = vec![0f32; part.len() * columns];
                    dequantize(ty, &bytes, &mut values);
                    matrix.set_rows(first + start, bytemuck::cast_slice(&values));
                }
            }
            first += own;
        }
        debug_assert_eq!(first, rows, "rows of {names:?}");
        Ok(matrix)
    }
}
