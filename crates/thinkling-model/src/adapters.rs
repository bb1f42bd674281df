//! Low-rank adapters (LoRA, arXiv 2106.09685) beside a frozen decoder.
//!
//! A projection `W` becomes `W + alpha / rank B A` with `A` `[rank, in]` and `B` `[out, rank]`; only
//! `A` and `B` are trained. `A` begins uniform in `±1 / sqrt(in)` (Kaiming's rule with `sqrt(5)`, as
//! `peft` has it) and `B` with zeros, so that the adapted model begins as its base.
//!
//! Where it departs from the paper: projections that are stored fused keep one pair of tensors, the
//! `A`s of their parts one below the other and so the `B`s. Left out: dropout on the adapters'
//! input (the rate is 0), adapters of embeddings and of the output head, biases, rank-stabilised
//! and weight-decomposed variants.

use crate::layer::DecoderLayer;
use crate::load::{NamedTensor, Source, parts};
use crate::{Decoder, ModelError};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use std::convert::Infallible;
use std::ops::Range;
use thinkling_ops::{LoraShape, linear, lora_linear, lora_merge};
use thinkling_sampling::Stream;
use thinkling_weights::ModelConfig;

/// A projection that can have an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Projection {
    /// Queries.
    Q,
    /// Keys.
    K,
    /// Values.
    V,
    /// The attention's output.
    O,
    /// The MLP's gate.
    Gate,
    /// The MLP's other input.
    Up,
    /// The MLP's output.
    Down,
}

impl Projection {
    /// All linear maps of a layer.
    pub const ALL: [Self; 7] =
        [Self::Q, Self::K, Self::V, Self::O, Self::Gate, Self::Up, Self::Down];

    /// Name of the module in Hugging Face's models.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q => "q_proj",
            Self::K => "k_proj",
            Self::V => "v_proj",
            Self::O => "o_proj",
            Self::Gate => "gate_proj",
            Self::Up => "up_proj",
            Self::Down => "down_proj",
        }
    }

    /// The projection of that module name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }

    /// Shape of its weight, `[out, in]`.
    fn dims(self, config: &ModelConfig) -> [usize; 2] {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        match self {
            Self::Q => [config.q_size(), hidden],
            Self::K | Self::V => [config.kv_size(), hidden],
            Self::O => [hidden, config.q_size()],
            Self::Gate | Self::Up => [inner, hidden],
            Self::Down => [hidden, inner],
        }
    }

    /// Path of the module in layer `layer`.
    fn path(self, layer: usize) -> String {
        let part = match self {
            Self::Q | Self::K | Self::V | Self::O => "self_attn",
            Self::Gate | Self::Up | Self::Down => "mlp",
        };
        format!("model.layers.{layer}.{part}.{}", self.name())
    }
}

/// Shape of a decoder's adapters.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    /// Rank of each adapter.
    pub rank: usize,
    /// What is added is `alpha / rank B A`.
    pub alpha: f64,
    /// Projections with an adapter, in every layer.
    pub targets: Vec<Projection>,
}

impl LoraConfig {
    fn has(&self, projection: Projection) -> bool {
        self.targets.contains(&projection)
    }

    /// Values of the adapters of a model of this shape.
    pub fn parameter_count(&self, config: &ModelConfig) -> usize {
        let projections = Projection::ALL.into_iter().filter(|p| self.has(*p));
        let widths = projections.map(|projection| {
            let [output, input] = projection.dims(config);
            output + input
        });
        config.num_hidden_layers * self.rank * widths.sum::<usize>()
    }
}

/// Adapters of one stored matrix, which may be several projections fused.
#[derive(Module, Debug)]
pub(crate) struct Adapter {
    /// `[projections * rank, in]`.
    a: Param<Tensor<2>>,
    /// `[rows of the projections, rank]`.
    b: Param<Tensor<2>>,
    #[module(skip)]
    shape: LoraShape,
}

/// Adapters of a layer.
#[derive(Module, Debug)]
pub(crate) struct LayerAdapters {
    qkv: Option<Adapter>,
    o: Option<Adapter>,
    gate_up: Option<Adapter>,
    down: Option<Adapter>,
}

/// A matrix that a layer stores, by what it computes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Matrix {
    Qkv,
    O,
    GateUp,
    Down,
}

impl Matrix {
    const ALL: [Self; 4] = [Self::Qkv, Self::O, Self::GateUp, Self::Down];

    /// Its projections with their rows, and its inputs.
    fn parts(self, model: &Decoder) -> (Vec<(Projection, Range<usize>)>, usize) {
        let c = &model.config;
        let (q, kv, mlp, hidden) = (c.q_size(), c.kv_size(), c.intermediate_size, c.hidden_size);
        match self {
            Self::Qkv => {
                let (k_end, v_end) = (q + kv, q + 2 * kv);
                let parts = [
                    (Projection::Q, 0..q),
                    (Projection::K, q..k_end),
                    (Projection::V, k_end..v_end),
                ];
                (parts.to_vec(), hidden)
            }
            Self::O => (vec![(Projection::O, 0..hidden)], q),
            Self::GateUp => {
                (vec![(Projection::Gate, 0..mlp), (Projection::Up, mlp..2 * mlp)], hidden)
            }
            Self::Down => (vec![(Projection::Down, 0..hidden)], mlp),
        }
    }
}

impl DecoderLayer {
    fn matrix(&self, matrix: Matrix) -> &Param<Tensor<2>> {
        match matrix {
            Matrix::Qkv => &self.qkv_proj,
            Matrix::O => &self.o_proj,
            Matrix::GateUp => &self.gate_up_proj,
            Matrix::Down => &self.down_proj,
        }
    }

    fn adapter(&self, matrix: Matrix) -> Option<&Adapter> {
        let adapters = self.lora.as_ref()?;
        match matrix {
            Matrix::Qkv => adapters.qkv.as_ref(),
            Matrix::O => adapters.o.as_ref(),
            Matrix::GateUp => adapters.gate_up.as_ref(),
            Matrix::Down => adapters.down.as_ref(),
        }
    }

    /// `x` through a matrix and its adapters.
    pub(crate) fn project(
        &self,
        x: Tensor<2>,
        matrix: Matrix,
        bias: Option<Tensor<1>>,
    ) -> Tensor<2> {
        let weight = self.matrix(matrix).val();
        match self.adapter(matrix) {
            None => linear(x, weight, bias, self.compute),
            Some(Adapter { a, b, shape }) => {
                lora_linear(x, weight, bias, [a.val(), b.val()], shape, self.compute)
            }
        }
    }

    /// A matrix with its adapters inside: a new one where it has some.
    pub(crate) fn merged(&self, matrix: Matrix) -> Tensor<2> {
        let weight = self.matrix(matrix).val();
        match self.adapter(matrix) {
            None => weight,
            Some(Adapter { a, b, shape }) => lora_merge(weight, [a.val(), b.val()], shape),
        }
    }
}

/// What a new adapter begins with.
struct Fresh(Stream);

impl Source for Fresh {
    type Error = Infallible;

    fn read(&mut self, name: &str, shape: &[usize], out: &mut [f32]) -> Result<(), Infallible> {
        if name.ends_with(B) {
            out.fill(0.0);
            return Ok(());
        }
        let bound = (shape[1] as f64).sqrt().recip();
        out.iter_mut().for_each(|x| *x = (bound * (2.0 * self.0.uniform() - 1.0)) as f32);
        Ok(())
    }
}

/// Values by name and shape.
struct Read<F>(F);

impl<E, F: FnMut(&str, &[usize]) -> Result<Vec<f32>, E>> Source for Read<F> {
    type Error = E;

    fn read(&mut self, name: &str, shape: &[usize], out: &mut [f32]) -> Result<(), E> {
        out.copy_from_slice(&(self.0)(name, shape)?);
        Ok(())
    }
}

/// Ends of the names of both tensors of an adapter.
const A: &str = ".lora_A.weight";
const B: &str = ".lora_B.weight";

impl Decoder {
    /// The model under new adapters; its own weights are frozen from here on, and every function
    /// over parameters is one over the adapters. The same `seed` gives the same adapters on every
    /// device.
    #[must_use]
    pub fn with_lora(self, config: &LoraConfig, seed: u64) -> Self {
        let fresh = Fresh(Stream::new(seed, 0x6c6f_7261));
        match self.adapted(config, fresh) {
            Ok(model) => model,
        }
    }

    /// The model under adapters whose tensors `read(name, shape)` gives; names are those of
    /// [`Self::export_lora`].
    ///
    /// # Errors
    /// The first of `read`.
    ///
    /// # Panics
    /// Where `read` gives another number of values than `shape` has.
    pub fn with_lora_from<E>(
        self,
        config: &LoraConfig,
        read: impl FnMut(&str, &[usize]) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        self.adapted(config, Read(read))
    }

    /// Shape of the adapters, where the model has some.
    pub fn lora(&self) -> Option<&LoraConfig> {
        self.lora.as_ref()
    }

    /// The frozen model under the adapters; shares its memory.
    #[must_use]
    pub fn without_lora(&self) -> Self {
        let mut base = self.clone();
        base.lora = None;
        base.layers.iter_mut().for_each(|layer| layer.lora = None);
        base
    }

    /// The adapters' sums as a model without adapters; what has none shares its memory.
    #[must_use]
    pub fn merged(&self) -> Self {
        let mut merged = self.without_lora();
        for (to, layer) in merged.layers.iter_mut().zip(&self.layers) {
            let matrix = |matrix| match layer.adapter(matrix) {
                None => layer.matrix(matrix).clone(),
                Some(_) => Param::from_tensor(layer.merged(matrix)),
            };
            to.qkv_proj = matrix(Matrix::Qkv);
            to.o_proj = matrix(Matrix::O);
            to.gate_up_proj = matrix(Matrix::GateUp);
            to.down_proj = matrix(Matrix::Down);
        }
        merged
    }

    /// Shows every tensor of the adapters, projection by projection, `A` before `B`: names such as
    /// `model.layers.0.self_attn.q_proj.lora_A.weight`, shapes `[rank, in]` and `[out, rank]`.
    ///
    /// # Errors
    /// A device that fails, or the first error of `each`.
    pub async fn export_lora<E: From<ModelError>>(
        &self,
        mut each: impl FnMut(NamedTensor) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(config) = &self.lora else { return Ok(()) };
        for (i, layer) in self.layers.iter().enumerate() {
            for matrix in Matrix::ALL {
                let Some(adapter) = layer.adapter(matrix) else { continue };
                let targets = targets(matrix.parts(self).0, config);
                let names = |end: &str| -> Vec<String> {
                    targets.iter().map(|(p, _)| p.path(i) + end).collect()
                };
                let rows: Vec<usize> = adapter.shape.blocks.iter().map(Range::len).collect();
                let ranks = vec![config.rank; rows.len()];
                let a = parts(adapter.a.val(), &names(A), &ranks).await?;
                let b = parts(adapter.b.val(), &names(B), &rows).await?;
                for (a, b) in a.into_iter().zip(b) {
                    each(a)?;
                    each(b)?;
                }
            }
        }
        Ok(())
    }

    fn adapted<S: Source>(mut self, config: &LoraConfig, mut source: S) -> Result<Self, S::Error> {
        let device = self.device();
        for i in 0..self.layers.len() {
            let mut adapter = |matrix: Matrix| {
                let (all, input) = matrix.parts(&self);
                let targets = targets(all, config);
                new_adapter(config, i, &targets, input, &mut source, &device)
            };
            let adapters = LayerAdapters {
                qkv: adapter(Matrix::Qkv)?,
                o: adapter(Matrix::O)?,
                gate_up: adapter(Matrix::GateUp)?,
                down: adapter(Matrix::Down)?,
            };
            self.layers[i].lora = Some(adapters);
        }
        self.lora = Some(config.clone());
        Ok(self)
    }
}

/// Those of a matrix's projections that have an adapter.
fn targets(
    mut parts: Vec<(Projection, Range<usize>)>,
    config: &LoraConfig,
) -> Vec<(Projection, Range<usize>)> {
    parts.retain(|(projection, _)| config.has(*projection));
    parts
}

fn new_adapter<S: Source>(
    config: &LoraConfig,
    layer: usize,
    targets: &[(Projection, Range<usize>)],
    input: usize,
    source: &mut S,
    device: &Device,
) -> Result<Option<Adapter>, S::Error> {
    if targets.is_empty() {
        return Ok(None);
    }
    let rank = config.rank;
    let shape = LoraShape {
        rank,
        scale: (config.alpha / rank as f64) as f32,
        blocks: targets.iter().map(|(_, rows)| rows.clone()).collect(),
    };
    let mut a = vec![0f32; targets.len() * rank * input];
    let mut b = vec![0f32; shape.rows() * rank];
    let mut b_rest = b.as_mut_slice();
    for ((projection, rows), a) in targets.iter().zip(a.chunks_exact_mut(rank * input)) {
        let path = projection.path(layer);
        source.read(&format!("{path}{A}"), &[rank, input], a)?;
        let (b, rest) = b_rest.split_at_mut(rows.len() * rank);
        source.read(&format!("{path}{B}"), &[rows.len(), rank], b)?;
        b_rest = rest;
    }
    let matrix = |values: Vec<f32>, columns: usize| {
        let rows = values.len() / columns;
        let data = TensorData::new(values, [rows, columns]);
        Param::from_tensor(Tensor::from_data(data, device))
    };
    Ok(Some(Adapter { a: matrix(a, input), b: matrix(b, rank), shape }))
}
