//! Decoding steps: by `thinkling-cpu` where the weights lie in host memory, else by tensor code over
//! a key-value cache.

use crate::batch::{PackedBatch, int_tensor};
use crate::cache::KvCache;
use crate::generate::{Logits, read_logits};
use crate::{Decoder, ModelError};
use burn::module::Param;
use burn::tensor::{Tensor, TensorData};
use std::sync::Arc;
use thinkling_cpu::decoder::{self as cpu, LayerWeights, Shape};
use thinkling_cpu::matmul::Precision;
use thinkling_cpu::profile::timed;
use thinkling_ops::is_host;

/// What runs the steps of some sequences.
pub(crate) enum Steps {
    /// The CPU's decoder on packed weights.
    Host(Box<Host>),
    /// Tensor code, any device; `None` until there are rows.
    Tensors(Option<KvCache>),
}

/// Prompts that a prefill has computed.
pub(crate) struct Prefill<'a> {
    pub(crate) batch: &'a PackedBatch,
    /// Rotated fused rows of each layer, `[tokens, width]`.
    pub(crate) layers: Vec<Tensor<2>>,
    /// Tokens of each prompt, which are the batch's first sequences.
    pub(crate) lens: &'a [usize],
}

impl Steps {
    /// For `model`, whose sequences come to `positions` tokens at most; matrices are read at
    /// `precision` on the CPU, and as they are elsewhere.
    pub(crate) async fn new(
        model: &Decoder,
        positions: usize,
        precision: Precision,
    ) -> Result<Self, ModelError> {
        Ok(if is_host(&model.device()) {
            Self::Host(Box::new(Host::new(model, positions, precision).await?))
        } else {
            Self::Tensors(None)
        })
    }

    /// Whether rows may come and go at any step, without a copy.
    pub(crate) fn is_flexible(&self) -> bool {
        matches!(self, Self::Host(_))
    }

    /// Adds a row for each of `row_prompts`, which are indices into the prefill's prompts, with
    /// room for so many tokens at first. On the tensor path there must be no rows yet.
    pub(crate) async fn add_rows(
        &mut self,
        model: &Decoder,
        prefill: Prefill<'_>,
        row_prompts: &[usize],
        room: usize,
    ) -> Result<(), ModelError> {
        match self {
            Self::Host(host) => host.add_rows(prefill, row_prompts).await,
            Self::Tensors(cache) => {
                assert!(cache.is_none(), "rows are added to a cache when it is made");
                let Prefill { batch, layers, lens } = prefill;
                let made = KvCache::from_prompts(model, batch, layers, lens, row_prompts, room);
                *cache = Some(made);
                Ok(())
            }
        }
    }

    /// The next token of each row; gives the logits of the one after it.
    pub(crate) async fn step(
        &mut self,
        model: &Decoder,
        ids: &[u32],
        logits: &mut Logits,
    ) -> Result<(), ModelError> {
        match self {
            Self::Host(host) => {
                logits.vocab = host.decoder.shape().vocab;
                logits.values.resize(ids.len() * logits.vocab, 0.0);
                timed("decode: all", || {
                    host.decoder.step(ids, &mut host.sequences, &mut logits.values);
                });
                Ok(())
            }
            Self::Tensors(cache) => {
                let cache = cache.as_mut().expect("rows were added");
                let ids = int_tensor(ids.iter().map(|&id| id as i32).collect(), &model.device());
                *logits = read_logits(model, model.step(ids, cache)).await?;
                Ok(())
            }
        }
    }

    /// Keeps the rows for which `keep` holds.
    pub(crate) fn keep_rows(&mut self, keep: impl Fn(usize) -> bool) {
        match self {
            Self::Host(host) => {
                let mut row = 0;
                host.sequences.retain(|_| {
                    row += 1;
                    keep(row - 1)
                });
            }
            Self::Tensors(Some(cache)) => {
                let rows: Vec<usize> = (0..cache.rows()).filter(|&row| keep(row)).collect();
                cache.keep_rows(&rows);
            }
            Self::Tensors(None) => {}
        }
    }
}

/// The CPU's decoder with its running sequences.
pub(crate) struct Host {
    decoder: cpu::Decoder,
    sequences: Vec<cpu::Sequence>,
}

impl Host {
    /// Packs the weights: a copy of them, while it lives.
    async fn new(
        model: &Decoder,
        positions: usize,
        precision: Precision,
    ) -> Result<Self, ModelError> {
        let config = &model.config;
        let shape = Shape {
            hidden: config.hidden_size,
            intermediate: config.intermediate_size,
            heads: config.num_attention_heads,
            kv_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
            vocab: config.vocab_size,
            eps: config.rms_norm_eps as f32,
        };
        let (norm, head) = (host(&model.norm).await?, host_data(model.head()).await?);
        let embeddings = match &model.lm_head {
            Some(_) => Some(host(&model.embed_tokens).await?),
            None => None,
        };
        let mut decoder = cpu::Decoder::new(
            shape,
            floats(&norm),
            floats(&head),
            embeddings.as_ref().map(floats),
            &model.frequencies,
            positions,
            precision,
        );
        drop((head, embeddings));
        for layer in &model.layers {
            let bias = match &layer.qkv_bias {
                Some(bias) => Some(host(bias).await?),
                None => None,
            };
            let norms = match (&layer.q_norm, &layer.k_norm) {
                (Some(q), Some(k)) => Some([host(q).await?, host(k).await?]),
                _ => None,
            };
            decoder.push_layer(&LayerWeights {
                input_norm: floats(&host(&layer.input_layernorm).await?),
                qkv: floats(&host(&layer.qkv_proj).await?),
                qkv_bias: bias.as_ref().map(floats),
                qk_norms: norms.as_ref().map(|norms| norms.each_ref().map(floats)),
                output: floats(&host(&layer.o_proj).await?),
                mlp_norm: floats(&host(&layer.post_attention_layernorm).await?),
                gate_up: floats(&host(&layer.gate_up_proj).await?),
                down: floats(&host(&layer.down_proj).await?),
            });
        }
        Ok(Self { decoder, sequences: Vec::new() })
    }

    async fn add_rows(
        &mut self,
        prefill: Prefill<'_>,
        row_prompts: &[usize],
    ) -> Result<(), ModelError> {
        let Prefill { batch, layers, lens } = prefill;
        let mut prompts: Vec<cpu::Prompt> = lens.iter().map(|&len| cpu::Prompt::new(len)).collect();
        for qkv in layers {
            let width = qkv.dims()[1];
            let data = host_data(qkv).await?;
            for (i, prompt) in prompts.iter_mut().enumerate() {
                let rows = batch.start(i) * width..(batch.start(i) + lens[i]) * width;
                prompt.push_layer(&floats(&data)[rows], self.decoder.shape());
            }
        }
        let prompts: Vec<Arc<cpu::Prompt>> = prompts.into_iter().map(Arc::new).collect();
        let rows = row_prompts.iter().map(|&p| cpu::Sequence::new(prompts[p].clone()));
        self.sequences.extend(rows);
        Ok(())
    }
}

async fn host<const D: usize>(param: &Param<Tensor<D>>) -> Result<TensorData, ModelError> {
    host_data(param.val()).await
}

async fn host_data<const D: usize>(tensor: Tensor<D>) -> Result<TensorData, ModelError> {
    tensor.into_data_async().await.map_err(|e| ModelError::Device(format!("{e:?}")))
}

fn floats(data: &TensorData) -> &[f32] {
    data.as_slice::<f32>().expect("weights and hidden states in host memory are f32")
}
