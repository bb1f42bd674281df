//! Data-parallel learning: several processes hold the same weights and compute a share of each step's
//! gradient. The first one leads: it runs the recipe, has the optimiser, and alone writes files.
//!
//! A step reduces the gradient to the leader and broadcasts the new weights, which together move what an
//! all-reduce moves. The collectives are those of a library (MPI, in the binary); here is what is said by
//! them, in this order:
//!
//! | leader | workers |
//! |---|---|
//! | scatter `Model`, broadcast weights and adapter | load them |
//! | scatter `Share`, compute its own | compute theirs |
//! | gather what was measured, reduce each gradient | the same |
//! | update, scatter `Weights`, broadcast each trained weight | take them |
//! | scatter `End` | end |

use crate::error::{Result, TrainError};
use crate::model_io::{adapter_error, model_error, write_adapter, write_safetensors};
use crate::stage::learn_error;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::rc::Rc;
use thinkling_learn::{LearnError, Limits, PeftAdapter, Share, ShareMeasured, Summed, Workers};
use thinkling_model::{ComputeType, Decoder, ModelError, ParamGrads, Recompute};
use thinkling_weights::{Checkpoint as Weights, FloatType, ModelConfig};

/// Collective operations of some processes, which all call the same ones in the same order. Process 0
/// leads. Where one of them is lost, the library ends them all: no step goes on with a part of them.
pub trait Communicator: std::fmt::Debug {
    /// Processes.
    fn size(&self) -> usize;

    /// Gives each process one of the leader's messages. Workers wait here between steps, for long.
    fn scatter(&self, messages: Vec<Vec<u8>>) -> Vec<u8>;

    /// Gives the leader what each process has, in their order; nothing to the others.
    fn gather(&self, own: &[u8]) -> Vec<Vec<u8>>;

    /// Gives every process the leader's bytes.
    fn broadcast(&self, bytes: Vec<u8>) -> Vec<u8>;

    /// Gives every process the leader's values; all have as many.
    fn broadcast_values(&self, values: &mut [f32]);

    /// Gives the leader the sum of all processes' values; what the others have is undefined.
    fn reduce_sum(&self, values: &mut [f32]);
}

/// What the leader says.
#[derive(Serialize, Deserialize)]
enum Message {
    Model(Shape),
    Share(Share),
    Weights,
    End,
}

/// What a model is beside its weights, and how it is run.
#[derive(Clone, Serialize, Deserialize)]
struct Shape {
    /// `config.json`.
    config: String,
    /// `adapter_config.json`, where adapters are trained.
    adapter: Option<String>,
    compute: ComputeType,
    activation_bytes: Option<usize>,
    /// Whether layers are computed once more on the way back.
    recompute: bool,
}

/// What a worker answers to a share.
#[derive(Serialize, Deserialize)]
struct Answer {
    measured: ShareMeasured,
    /// Whether there was anything to learn.
    learns: bool,
}

/// The leader's side.
#[derive(Debug)]
pub(crate) struct Leader(Rc<dyn Communicator>);

impl Leader {
    /// Gives `model` to the workers, which run it as the leader does.
    ///
    /// # Errors
    /// A model that has no `config.json`, a device that fails.
    pub(crate) fn begin(
        communicator: Rc<dyn Communicator>,
        model: &Decoder,
        activation_bytes: Option<usize>,
        recompute: Recompute,
    ) -> Result<Self> {
        let encode = |reason: String| TrainError::Encode { what: "a model for workers", reason };
        let (mut weights, mut adapter) = (Vec::new(), Vec::new());
        write_safetensors(&mut weights, &model.without_lora(), FloatType::F32)
            .map_err(|e| encode(e.to_string()))?;
        let lora = model.lora();
        if lora.is_some() {
            write_adapter(&mut adapter, model).map_err(|e| encode(e.to_string()))?;
        }
        let config = model.config().to_json_with_dtype(FloatType::F32);
        let shape = Shape {
            config: config.map_err(|e| encode(e.to_string()))?,
            adapter: lora.map(|lora| PeftAdapter::of(lora, "", model).to_json()),
            compute: model.compute(),
            activation_bytes,
            recompute: recompute == Recompute::Layer,
        };
        tell(&*communicator, || Message::Model(shape.clone()))?;
        communicator.broadcast(weights);
        if lora.is_some() {
            communicator.broadcast(adapter);
        }
        Ok(Self(communicator))
    }
}

impl Workers for Leader {
    fn count(&self) -> usize {
        self.0.size() - 1
    }

    fn begin(&mut self, shares: Vec<Share>) -> Result<(), LearnError> {
        let mut shares = shares.into_iter();
        let next = || Message::Share(shares.next().expect("a share for each worker"));
        tell(&*self.0, next).map_err(failed)
    }

    fn join(&mut self, own: Summed, model: &Decoder) -> Result<Summed, LearnError> {
        let Summed { grads, mut measured } = own;
        let mut learns = grads.is_some();
        for bytes in &self.0.gather(&[])[1..] {
            let answer: Answer = decoded(bytes).map_err(failed)?;
            learns |= answer.learns;
            measured.join(answer.measured);
        }
        let grads = reduce(&*self.0, grads, model)?;
        Ok(Summed { grads: learns.then_some(grads), measured })
    }

    fn update(&mut self, model: &Decoder) -> Result<(), LearnError> {
        tell(&*self.0, || Message::Weights).map_err(failed)?;
        for weight in model.flat_params() {
            self.0.broadcast_values(&mut values(weight)?);
        }
        Ok(())
    }
}

/// Computes shares on `device` until the leader ends.
///
/// # Errors
/// A model that cannot be read, a device that fails. The other processes then wait for this one: the
/// caller ends them all.
pub fn follow(communicator: &dyn Communicator, device: &Device) -> Result<()> {
    let mut current: Option<(Decoder, Limits)> = None;
    loop {
        let message = decoded(&communicator.scatter(Vec::new()))?;
        let (model, limits) = match (message, current.take()) {
            (Message::End, _) => return Ok(()),
            (Message::Model(shape), _) => receive(communicator, &shape, device)?,
            (Message::Share(share), Some((model, limits))) => {
                let computed = pollster::block_on(share.compute(&model, limits));
                let Summed { grads, measured } = computed.map_err(learn_error)?;
                let answer = Answer { measured, learns: grads.is_some() };
                communicator.gather(&encoded(&answer)?);
                reduce(communicator, grads, &model).map_err(learn_error)?;
                (model, limits)
            }
            (Message::Weights, Some((model, limits))) => (renewed(communicator, model), limits),
            (Message::Share(_) | Message::Weights, None) => {
                let reason = "the leader gave no model".to_owned();
                return Err(TrainError::Failed { what: "computing a share", reason });
            }
        };
        current = Some((model, limits));
    }
}

/// Ends the workers of a run that has come to its end, or to a stop.
///
/// # Errors
/// A message that cannot be written.
pub fn release(communicator: &dyn Communicator) -> Result<()> {
    tell(communicator, || Message::End)
}

/// Gives each worker its message, in their order.
fn tell(communicator: &dyn Communicator, mut message: impl FnMut() -> Message) -> Result<()> {
    let messages = (1..communicator.size()).map(|_| encoded(&message()));
    let all = std::iter::once(Ok(Vec::new())).chain(messages).collect::<Result<_>>()?;
    communicator.scatter(all);
    Ok(())
}

/// The model that the leader gives.
fn receive(
    communicator: &dyn Communicator,
    shape: &Shape,
    device: &Device,
) -> Result<(Decoder, Limits)> {
    let config = ModelConfig::from_json(&shape.config)?;
    let weights = Weights::from_safetensors_files(config, [communicator.broadcast(Vec::new())])?;
    let mut model = Decoder::load(&weights, device).map_err(model_error)?;
    if let Some(json) = &shape.adapter {
        let wrong = |e| adapter_error(Path::new("the leader's adapter"), e);
        let adapter = PeftAdapter::from_json(json.as_bytes()).map_err(wrong)?;
        model = adapter.load(&communicator.broadcast(Vec::new()), model).map_err(wrong)?;
    }
    let recompute = if shape.recompute { Recompute::Layer } else { Recompute::None };
    let limits = Limits { activation_bytes: shape.activation_bytes, recompute };
    Ok((model.with_compute(shape.compute), limits))
}

/// `model` with the leader's weights.
fn renewed(communicator: &dyn Communicator, model: Decoder) -> Decoder {
    model.map_params(|_, weight| {
        let device = weight.device();
        let mut values = vec![0.0; weight.dims()[0]];
        communicator.broadcast_values(&mut values);
        tensor(values, &device)
    })
}

/// The sum of all processes' gradients, at the leader.
fn reduce(
    communicator: &dyn Communicator,
    grads: Option<ParamGrads>,
    model: &Decoder,
) -> Result<ParamGrads, LearnError> {
    let device = model.device();
    let mut grads = grads.map(Vec::into_iter);
    let one = |shape: &Vec<usize>| {
        let mut sum = match &mut grads {
            Some(grads) => values(grads.next().expect("a gradient for each weight"))?,
            None => vec![0.0; shape.iter().product()],
        };
        communicator.reduce_sum(&mut sum);
        Ok(tensor(sum, &device))
    };
    model.param_list().shapes.iter().map(one).collect()
}

fn encoded(value: &impl Serialize) -> Result<Vec<u8>> {
    postcard::to_stdvec(value)
        .map_err(|e| TrainError::Encode { what: "a message", reason: e.to_string() })
}

fn decoded<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    postcard::from_bytes(bytes)
        .map_err(|e| TrainError::Failed { what: "reading a message", reason: e.to_string() })
}

fn failed(error: TrainError) -> LearnError {
    LearnError::Worker(Box::new(error))
}

fn values(tensor: Tensor<1>) -> Result<Vec<f32>, LearnError> {
    tensor.try_to_vec_as().map_err(|e| ModelError::Device(format!("{e:?}")).into())
}

fn tensor(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

#[cfg(test)]
mod tests;
