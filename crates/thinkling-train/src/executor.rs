//! What computes tokens: the model as it trains, or the decode engine; on the CPU or a GPU.

use crate::model_io::StoredModel;
use burn::tensor::Device;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use thinkling_engine::{Adapter, BeforePass, Capacity, Engine, EngineError, Keep, WeightsReader};
use thinkling_model::{Decoder, ModelError, generate::generate};
use thinkling_sampling::generate as sampling;
use thinkling_sampling::generate::{GenerateError, GenerateRequest, Generated, TokenEvent};

/// An executor and where it runs.
#[derive(Debug)]
pub enum Executor {
    /// The model in f32 on a burn device.
    Burn(Device),
    /// The decode engine with the weights as they are stored, on a GPU or, without one, on the CPU.
    Engine(Option<Adapter>),
}

/// An executor with its model.
#[derive(Debug)]
pub enum Generator {
    /// As [`Executor::Burn`].
    Burn(Box<Decoder>),
    /// As [`Executor::Engine`].
    Engine(Box<Engine>),
}

/// Why there are no completions.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The model or its device.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The decode engine or its device.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl ExecuteError {
    /// Status of the process: 1 failed while running, 2 the call is wrong, 3 an input file is
    /// damaged or unsupported.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Engine(EngineError::Weights(e)) | Self::Model(ModelError::Weights(e)) => {
                if e.is_damaged_or_unsupported() { 3 } else { 1 }
            }
            Self::Engine(EngineError::Generate(e)) | Self::Model(ModelError::Generate(e)) => {
                if *e == GenerateError::NotNumbers { 1 } else { 2 }
            }
            Self::Engine(EngineError::Sampling(_)) => 2,
            Self::Engine(_) | Self::Model(ModelError::Device(_)) => 1,
        }
    }
}

impl Executor {
    /// Loads a model; the engine's buffers are made for `capacity`.
    ///
    /// # Errors
    /// Weights that cannot be read, a device that fails.
    pub fn load(&self, model: &StoredModel, capacity: Capacity) -> Result<Generator, ExecuteError> {
        let adapter = match self {
            Self::Burn(device) => {
                return Ok(Generator::Burn(Box::new(Decoder::load(&model.checkpoint, device)?)));
            }
            Self::Engine(adapter) => adapter,
        };
        let weights = WeightsReader::new(&model.checkpoint, Keep::Stored);
        let engine = match adapter {
            Some(adapter) => pollster::block_on(Engine::on_gpu(adapter, &weights, capacity))?,
            None => Engine::on_cpu(&weights, capacity)?,
        };
        Ok(Generator::Engine(Box::new(engine)))
    }
}

impl Generator {
    /// Ends what runs once `stop` is raised, also in the middle of a long prompt where the engine runs:
    /// with [`EngineError::Stopped`]. The model as it trains is asked between two tokens alone, by who
    /// sees them.
    #[must_use]
    pub fn stopping_when(self, stop: Arc<AtomicBool>) -> Self {
        let Self::Engine(engine) = self else { return self };
        let before_pass: BeforePass = Box::new(move || {
            let go_on = match stop.load(Ordering::SeqCst) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            };
            Box::pin(std::future::ready(go_on))
        });
        Self::Engine(Box::new(engine.with_before_pass(before_pass)))
    }

    /// Tokens of the last prompt that the engine did not compute again ([`Engine::kept_tokens`]).
    pub fn kept_tokens(&self) -> usize {
        match self {
            Self::Burn(_) => 0,
            Self::Engine(engine) => engine.kept_tokens(),
        }
    }

    /// Generates completions ([`sampling::generate`]).
    ///
    /// # Errors
    /// As there.
    pub fn generate(
        &mut self,
        request: &GenerateRequest<'_>,
        on_token: impl FnMut(TokenEvent<'_>) -> ControlFlow<()>,
    ) -> Result<Generated, ExecuteError> {
        Ok(match self {
            Self::Burn(decoder) => pollster::block_on(generate(decoder, request, on_token))?,
            Self::Engine(engine) => {
                pollster::block_on(sampling::generate(&mut **engine, request, on_token))?
            }
        })
    }
}
