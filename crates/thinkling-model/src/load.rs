//! Weights in and out, under the names of Hugging Face checkpoints.

use crate::adapters::Matrix;
use crate::layer::DecoderLayer;
use crate::{Decoder, ModelError};
use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use thinkling_ops::ComputeType;
use thinkling_sampling::Stream;
use thinkling_weights::{Checkpoint, ModelConfig};

/// Name of a reward model's head.
const SCORE: &str = "score.weight";

/// One weight tensor on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Hugging Face name.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// Values.
    pub values: Vec<f32>,
}

/// Where a new model's weights come from.
pub(crate) trait Source {
    type Error;
    /// Rows of the named tensors one after the other, `[sum of rows, columns]`, into `out`.
    fn read(&mut self, name: &str, shape: &[usize], out: &mut [f32]) -> Result<(), Self::Error>;
}

impl Source for &Checkpoint {
    type Error = ModelError;

    fn read(&mut self, name: &str, _shape: &[usize], out: &mut [f32]) -> Result<(), ModelError> {
        Ok(self.read_f32_into(name, out)?)
    }
}

/// Normal weights of standard deviation `initializer_range`, ones for norms, zeros for biases.
struct Random {
    stream: Stream,
    std: f64,
}

/// The head that a language model gets to become a reward model, `[1, hidden]`.
pub(crate) fn new_score(hidden: usize, seed: u64, device: &Device) -> Param<Tensor<2>> {
    let std = ((hidden + 1) as f64).sqrt().recip();
    // "scor", so that adapters of the same seed have other numbers.
    let mut random = Random { stream: Stream::new(seed, 0x7363_6f72), std };
    let mut loader = Loader { source: &mut random, device };
    match loader.matrix(&[SCORE.to_owned()], &[1], hidden) {
        Ok(score) => score,
    }
}

impl Source for Random {
    type Error = std::convert::Infallible;

    fn read(&mut self, name: &str, shape: &[usize], out: &mut [f32]) -> Result<(), Self::Error> {
        if shape.len() == 1 {
            out.fill(if name.ends_with("bias") { 0.0 } else { 1.0 });
            return Ok(());
        }
        // Box-Muller, one value a pair of draws: exact and the same on every device.
        for x in out {
            let radius = (-2.0 * (1.0 - self.stream.uniform()).ln()).sqrt();
            let angle = 2.0 * std::f64::consts::PI * self.stream.uniform();
            *x = (self.std * radius * angle.cos()) as f32;
        }
        Ok(())
    }
}

impl Decoder {
    /// Reads a checkpoint's weights onto `device`, one tensor at a time.
    ///
    /// # Errors
    /// A tensor that cannot be read.
    pub fn load(checkpoint: &Checkpoint, device: &Device) -> Result<Self, ModelError> {
        build(checkpoint.config(), checkpoint, device)
    }

    /// A model with random weights; the same `seed` gives the same weights on every device.
    pub fn init(config: &ModelConfig, seed: u64, device: &Device) -> Self {
        let random = Random { stream: Stream::new(seed, 0), std: config.initializer_range };
        match build(config, random, device) {
            Ok(model) => model,
        }
    }

    /// Shows every weight under its Hugging Face name, fused projections split again and adapters
    /// merged, in the order of
    /// [`thinkling_weights::expected_tensors`].
    ///
    /// # Errors
    /// A device that fails, or the first error of `each`.
    pub async fn export<E: From<ModelError>>(
        &self,
        mut each: impl FnMut(NamedTensor) -> Result<(), E>,
    ) -> Result<(), E> {
        let (q, kv) = (self.config.q_size(), self.config.kv_size());
        let mlp = self.config.intermediate_size;
        each(whole(self.embed_tokens.val(), "model.embed_tokens.weight").await?)?;
        for (i, layer) in self.layers.iter().enumerate() {
            let name = |part: &str| format!("model.layers.{i}.{part}");
            let qkv =
                |what: &str| ["q", "k", "v"].map(|p| name(&format!("self_attn.{p}_proj.{what}")));
            each(whole(layer.input_layernorm.val(), &name("input_layernorm.weight")).await?)?;
            let weights = parts(layer.merged(Matrix::Qkv), &qkv("weight"), &[q, kv, kv]).await?;
            let mut biases = match &layer.qkv_bias {
                Some(bias) => parts(bias.val(), &qkv("bias"), &[q, kv, kv]).await?,
                None => Vec::new(),
            }
            .into_iter();
            for weight in weights {
                each(weight)?;
                biases.next().map_or(Ok(()), &mut each)?;
            }
            for (norm, part) in [(&layer.q_norm, "q_norm"), (&layer.k_norm, "k_norm")] {
                if let Some(norm) = norm {
                    each(whole(norm.val(), &name(&format!("self_attn.{part}.weight"))).await?)?;
                }
            }
            each(whole(layer.merged(Matrix::O), &name("self_attn.o_proj.weight")).await?)?;
            let norm = name("post_attention_layernorm.weight");
            each(whole(layer.post_attention_layernorm.val(), &norm).await?)?;
            let names = ["mlp.gate_proj.weight", "mlp.up_proj.weight"].map(name);
            for part in parts(layer.merged(Matrix::GateUp), &names, &[mlp, mlp]).await? {
                each(part)?;
            }
            each(whole(layer.merged(Matrix::Down), &name("mlp.down_proj.weight")).await?)?;
        }
        each(whole(self.norm.val(), "model.norm.weight").await?)?;
        if let Some(head) = &self.lm_head {
            each(whole(head.val(), "lm_head.weight").await?)?;
        }
        if let Some(score) = self.export_score().await? {
            each(score)?;
        }
        Ok(())
    }
}

impl Decoder {
    /// The head of a reward model.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn export_score(&self) -> Result<Option<NamedTensor>, ModelError> {
        match &self.score {
            Some(score) => whole(score.val(), SCORE).await.map(Some),
            None => Ok(None),
        }
    }

    /// Puts these values in the place of a reward model's head.
    ///
    /// # Panics
    /// Where there are not `hidden` of them.
    #[must_use]
    pub fn with_score_from(mut self, values: Vec<f32>) -> Self {
        let data = TensorData::new(values, [1, self.config.hidden_size]);
        self.score = Some(Param::from_tensor(Tensor::from_data(data, &self.device())));
        self.lm_head = None;
        self.config.score = true;
        self
    }
}

/// `t` on the host under one name.
async fn whole<const D: usize>(t: Tensor<D>, name: &str) -> Result<NamedTensor, ModelError> {
    let rows = t.dims()[0];
    let mut parts = parts(t, &[name.to_owned()], &[rows]).await?;
    Ok(parts.swap_remove(0))
}

/// `t` on the host, split by rows into the named parts.
pub(crate) async fn parts<const D: usize>(
    t: Tensor<D>,
    names: &[String],
    rows: &[usize],
) -> Result<Vec<NamedTensor>, ModelError> {
    let mut shape = t.dims();
    let data = t.into_data_async().await.map_err(|e| ModelError::Device(format!("{e:?}")))?;
    let mut rest: Vec<f32> =
        data.try_into_vec().map_err(|e| ModelError::Device(format!("{e:?}")))?;
    let columns: usize = shape[1..].iter().product();
    let mut out = Vec::with_capacity(names.len());
    for (name, &rows) in names.iter().zip(rows) {
        let tail = rest.split_off(rows * columns);
        shape[0] = rows;
        let values = std::mem::replace(&mut rest, tail);
        out.push(NamedTensor { name: name.clone(), shape: shape.to_vec(), values });
    }
    Ok(out)
}

fn build<S: Source>(
    config: &ModelConfig,
    mut source: S,
    device: &Device,
) -> Result<Decoder, S::Error> {
    let c = config;
    let (q, kv) = (c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim);
    let (hidden, mlp) = (c.hidden_size, c.intermediate_size);
    let mut loader = Loader { source: &mut source, device };
    let embed_tokens =
        loader.matrix(&["model.embed_tokens.weight".into()], &[c.vocab_size], hidden)?;
    let mut layers = Vec::with_capacity(c.num_hidden_layers);
    for i in 0..c.num_hidden_layers {
        let name = |part: &str| format!("model.layers.{i}.{part}");
        let qkv = |what: &str| ["q", "k", "v"].map(|p| name(&format!("self_attn.{p}_proj.{what}")));
        layers.push(DecoderLayer {
            input_layernorm: loader.vector(&[name("input_layernorm.weight")], &[hidden])?,
            qkv_proj: loader.matrix(&qkv("weight"), &[q, kv, kv], hidden)?,
            qkv_bias: match c.attention_bias {
                true => Some(loader.vector(&qkv("bias"), &[q, kv, kv])?),
                false => None,
            },
            q_norm: match c.has_qk_norm() {
                true => Some(loader.vector(&[name("self_attn.q_norm.weight")], &[c.head_dim])?),
                false => None,
            },
            k_norm: match c.has_qk_norm() {
                true => Some(loader.vector(&[name("self_attn.k_norm.weight")], &[c.head_dim])?),
                false => None,
            },
            o_proj: loader.matrix(&[name("self_attn.o_proj.weight")], &[hidden], q)?,
            post_attention_layernorm: loader
                .vector(&[name("post_attention_layernorm.weight")], &[hidden])?,
            gate_up_proj: loader.matrix(
                &[name("mlp.gate_proj.weight"), name("mlp.up_proj.weight")],
                &[mlp, mlp],
                hidden,
            )?,
            down_proj: loader.matrix(&[name("mlp.down_proj.weight")], &[hidden], mlp)?,
            lora: None,
            compute: ComputeType::F32,
        });
    }
    let norm = loader.vector(&["model.norm.weight".into()], &[hidden])?;
    let lm_head = match c.tie_word_embeddings || c.score {
        true => None,
        false => Some(loader.matrix(&["lm_head.weight".into()], &[c.vocab_size], hidden)?),
    };
    let score = match c.score {
        true => Some(loader.matrix(&[SCORE.into()], &[1], hidden)?),
        false => None,
    };
    Ok(Decoder {
        embed_tokens,
        layers,
        norm,
        lm_head,
        score,
        config: c.clone(),
        frequencies: c.rope_inv_freq(),
        lora: None,
    })
}

struct Loader<'a, S> {
    source: &'a mut S,
    device: &'a Device,
}

impl<S: Source> Loader<'_, S> {
    fn matrix(
        &mut self,
        names: &[String],
        rows: &[usize],
        columns: usize,
    ) -> Result<Param<Tensor<2>>, S::Error> {
        let total: usize = rows.iter().sum();
        let mut values = vec![0f32; total * columns];
        let mut rest = values.as_mut_slice();
        for (name, &rows) in names.iter().zip(rows) {
            let (part, tail) = rest.split_at_mut(rows * columns);
            self.source.read(name, &[rows, columns], part)?;
            rest = tail;
        }
        let data = TensorData::new(values, [total, columns]);
        Ok(Param::from_tensor(Tensor::from_data(data, self.device)))
    }

    fn vector(&mut self, names: &[String], lens: &[usize]) -> Result<Param<Tensor<1>>, S::Error> {
        let total: usize = lens.iter().sum();
        let mut values = vec![0f32; total];
        let mut rest = values.as_mut_slice();
        for (name, &len) in names.iter().zip(lens) {
            let (part, tail) = rest.split_at_mut(len);
            self.source.read(name, &[len], part)?;
            rest = tail;
        }
        let data = TensorData::new(values, [total]);
        Ok(Param::from_tensor(Tensor::from_data(data, self.device)))
    }
}
