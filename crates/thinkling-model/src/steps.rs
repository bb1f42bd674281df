//! Decoding steps: by `thinkling-cpu` where the weights lie in host memory, else by tensor code over
//! a key-value cache.

use crate::adapters::Matrix;
use crate::batch::{PackedBatch, int_tensor};
use crate::cache::KvCache;
use crate::generate::{Logits, read_logits};
use crate::{Decoder, ModelError};
use burn::module::Param;
use burn::tensor::Tensor;
use std::sync::Arc;
use thinkling_cpu::decoder::{self as cpu, Shape};
use thinkling_cpu::matmul::{Packed, Precision};
use thinkling_cpu::profile::timed;
use thinkling_ops::{is_host, read_host};

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
    pub(crate) fn new(model: &Decoder, positions: usize, precision: Precision) -> Self {
        if is_host(&model.device()) {
            Self::Host(Box::new(Host::new(model, positions, precision)))
        } else {
            Self::Tensors(None)
        }
    }

    /// Adds a row for each of `row_prompts`, which are indices into the prefill's prompts, with
    /// room for so many tokens at first. On the tensor path there must be no rows yet.
    pub(crate) fn add_rows(
        &mut self,
        model: &Decoder,
        prefill: Prefill<'_>,
        row_prompts: &[usize],
        room: usize,
    ) {
        match self {
            Self::Host(host) => host.add_rows(prefill, row_prompts),
            Self::Tensors(cache) => {
                assert!(cache.is_none(), "rows are added to a cache when it is made");
                let Prefill { batch, layers, lens } = prefill;
                let made = KvCache::from_prompts(model, batch, layers, lens, row_prompts, room);
                *cache = Some(made);
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
                if rows.is_empty() {
                    *self = Self::Tensors(None);
                } else {
                    cache.keep_rows(&rows);
                }
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
    fn new(model: &Decoder, positions: usize, precision: Precision) -> Self {
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
        // Adapters are merged matrix by matrix, so that only the packed copy is a second one.
        let pack = |weight: Tensor<2>| {
            let [output, input] = weight.dims();
            read_host(weight, move |w| Packed::of_weight(w, input, output, precision))
        };
        let layers = model.layers.iter().map(|layer| cpu::Layer {
            input_norm: copy(&layer.input_layernorm),
            qkv: pack(layer.merged(Matrix::Qkv)),
            qkv_bias: layer.qkv_bias.as_ref().map(copy),
            qk_norms: match (&layer.q_norm, &layer.k_norm) {
                (Some(q), Some(k)) => Some([copy(q), copy(k)]),
                _ => None,
            },
            output: pack(layer.merged(Matrix::O)),
            mlp_norm: copy(&layer.post_attention_layernorm),
            gate_up: pack(layer.merged(Matrix::GateUp)),
            down: pack(layer.merged(Matrix::Down)),
        });
        let decoder = cpu::Decoder::new(
            shape,
            layers.collect(),
            copy(&model.norm),
            pack(model.head()),
            model.lm_head.as_ref().map(|_| copy(&model.embed_tokens)),
            &model.frequencies,
            positions,
        );
        Self { decoder, sequences: Vec::new() }
    }

    fn add_rows(&mut self, prefill: Prefill<'_>, row_prompts: &[usize]) {
        let Prefill { batch, layers, lens } = prefill;
        let starts: Vec<usize> = (0..lens.len()).map(|i| batch.start(i)).collect();
        let mut prompts: Vec<cpu::Prompt> = lens.iter().map(|&len| cpu::Prompt::new(len)).collect();
        for qkv in layers {
            let width = qkv.dims()[1];
            let (starts, shape) = (starts.clone(), *self.decoder.shape());
            prompts = read_host(qkv, move |qkv| {
                for (start, prompt) in starts.iter().zip(&mut prompts) {
                    let rows = start * width..(start + prompt.tokens()) * width;
                    prompt.push_layer(&qkv[rows], &shape);
                }
                prompts
            });
        }
        let prompts: Vec<Arc<cpu::Prompt>> = prompts.into_iter().map(Arc::new).collect();
        let rows = row_prompts.iter().map(|&p| cpu::Sequence::new(prompts[p].clone()));
        self.sequences.extend(rows);
    }
}

fn copy<const D: usize>(param: &Param<Tensor<D>>) -> Vec<f32> {
    read_host(param.val(), <[f32]>::to_vec)
}
