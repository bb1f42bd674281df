//! What completes prompts: the model itself, the decode engine with a copy of its weights, or servers.

mod servers;

use crate::devices::Devices;
use crate::error::Result;
use crate::executor::Generator;
use crate::recipe::{RolloutKeys, RolloutKind, RolloutWeights, ServerKeys};
use crate::stage::learn_error;
use std::time::Instant;
use thinkling_engine::{Adapter, Capacity, Engine, EngineError, Groups, WeightsReader};
use thinkling_learn::{InProcess, LearnError, Rollout, RolloutConfig, as_they_end};
use thinkling_model::Decoder;
use thinkling_model::generate::Completion;
use thinkling_sampling::generate::generate;
use thinkling_weights::ModelConfig;

pub(crate) use servers::ServedStats;
use servers::ServerRollout;

/// What completes the prompts of a stage.
#[derive(Debug)]
pub(crate) enum RolloutExecutor {
    Burn,
    Engine(Box<EngineRollout>),
    Servers(Box<ServerRollout>),
}

/// What a rollout is asked for, as [`Rollout::complete`] has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) model: &'a Decoder,
    pub(crate) prompts: &'a [Vec<u32>],
    pub(crate) config: &'a RolloutConfig,
    pub(crate) first_stream: u64,
    /// Optimiser steps behind the model's weights.
    pub(crate) step: u64,
}

impl RolloutExecutor {
    /// Servers; `base` is the name of the model under adapters.
    ///
    /// # Errors
    /// A key of the servers that cannot be read.
    pub(crate) fn servers(keys: &ServerKeys, base: &str) -> Result<Self> {
        Ok(Self::Servers(Box::new(ServerRollout::open(keys, base)?)))
    }

    /// What `keys` ask for, for requests of these sizes; notes where the engine takes fewer rows.
    pub(crate) fn open(
        keys: &RolloutKeys,
        devices: Devices<'_>,
        config: &ModelConfig,
        groups: Groups,
        note: impl FnOnce(&str),
    ) -> Result<Self> {
        if keys.kind == RolloutKind::Burn {
            return Ok(Self::Burn);
        }
        let adapter = devices.adapter(keys.device)?;
        let rollout = EngineRollout::new(config, keys.weights, adapter.as_ref(), groups)
            .map_err(|e| learn_error(rollout_error(e)))?;
        let asked = Capacity::of_groups(groups, config.max_position_embeddings).rows;
        if rollout.rows < asked {
            note(&format!(
                "rollouts: the GPU's buffers hold keys of {} completions at once, not of {asked}",
                rollout.rows
            ));
        }
        Ok(Self::Engine(Box::new(rollout)))
    }

    /// [`Rollout::complete`]; `note` hears of servers that come and go.
    pub(crate) fn complete(
        &mut self,
        wanted: &Wanted<'_>,
        on_done: impl FnMut(usize, &Completion),
        note: &mut dyn FnMut(&str),
    ) -> Result<Vec<Completion>> {
        let Wanted { model, prompts, config, first_stream, .. } = *wanted;
        match self {
            Self::Burn => pollster::block_on(InProcess.complete(
                model,
                prompts,
                config,
                first_stream,
                on_done,
            )),
            Self::Engine(engine) => {
                pollster::block_on(engine.complete(model, prompts, config, first_stream, on_done))
            }
            Self::Servers(servers) => return servers.complete(wanted, on_done, note),
        }
        .map_err(learn_error)
    }

    /// Seconds that the last rollout took until what samples had new weights.
    pub(crate) fn weights_s(&self) -> Option<f64> {
        match self {
            Self::Burn => None,
            Self::Engine(engine) => Some(engine.weights_s),
            Self::Servers(servers) => Some(servers.stats().weights_s),
        }
    }

    /// What the last rollout took of servers.
    pub(crate) fn served(&self) -> Option<ServedStats> {
        match self {
            Self::Servers(servers) => Some(servers.stats()),
            Self::Burn | Self::Engine(_) => None,
        }
    }
}

/// Completes prompts with the decode engine, whose weights are renewed before each rollout: tensor by
/// tensor from the model, rounded on the way, into the buffers that there are.
#[derive(Debug)]
pub(crate) struct EngineRollout {
    engine: Engine,
    /// Completions that run at once.
    rows: usize,
    weights_s: f64,
}

impl EngineRollout {
    /// An engine on a GPU or on the CPU, for requests of these sizes.
    fn new(
        config: &ModelConfig,
        weights: RolloutWeights,
        adapter: Option<&Adapter>,
        groups: Groups,
    ) -> Result<Self, EngineError> {
        let capacity = Capacity::fitting(groups, config, adapter);
        let engine = make_engine(config, weights, adapter, capacity)?;
        Ok(Self { engine, rows: capacity.rows, weights_s: 0.0 })
    }
}

/// An engine whose weights are set later.
fn make_engine(
    config: &ModelConfig,
    weights: RolloutWeights,
    adapter: Option<&Adapter>,
    capacity: Capacity,
) -> Result<Engine, EngineError> {
    let weights = WeightsReader::set_later(config, weights.format());
    match adapter {
        Some(adapter) => pollster::block_on(Engine::on_gpu(adapter, &weights, capacity)),
        None => Engine::on_cpu(&weights, capacity),
    }
}

/// Gives an engine the weights that a model has now.
async fn renew(engine: &mut Engine, model: &Decoder) -> Result<(), LearnError> {
    let mut update = engine.update_weights().map_err(rollout_error)?;
    model.export(|tensor| update.set(&tensor.name, &tensor.values).map_err(rollout_error)).await?;
    update.finish().map_err(rollout_error)
}

/// What completes the prompts of a stage that changes no weights.
#[derive(Debug)]
pub(crate) struct FixedExecutor<'a> {
    keys: &'a RolloutKeys,
    adapter: Option<Adapter>,
    model: &'a Decoder,
}

impl<'a> FixedExecutor<'a> {
    /// What `keys` ask for.
    pub(crate) fn open(
        keys: &'a RolloutKeys,
        devices: Devices<'_>,
        model: &'a Decoder,
    ) -> Result<Self> {
        let adapter = match keys.kind {
            RolloutKind::Burn => None,
            RolloutKind::Engine => devices.adapter(keys.device)?,
        };
        Ok(Self { keys, adapter, model })
    }

    /// Completions at once, at most `rows`, whose keys and values a buffer of the GPU can hold.
    pub(crate) fn rows(&self, rows: usize, prompt_tokens: usize, max_tokens: usize) -> usize {
        let rows = rows.max(1);
        let groups =
            Groups { prompts: 2 * rows, group_size: 1, prompt_tokens, max_tokens, max_rows: rows };
        Capacity::fitting(groups, self.model.config(), self.adapter.as_ref()).rows
    }

    /// Makes what generates, with room for `capacity`.
    pub(crate) fn load(&self, capacity: Capacity) -> Result<Generator> {
        if self.keys.kind == RolloutKind::Burn {
            return Ok(Generator::Burn(Box::new(self.model.clone())));
        }
        let (config, weights) = (self.model.config(), self.keys.weights);
        let mut engine = make_engine(config, weights, self.adapter.as_ref(), capacity)
            .map_err(|e| learn_error(rollout_error(e)))?;
        pollster::block_on(renew(&mut engine, self.model)).map_err(learn_error)?;
        Ok(Generator::Engine(Box::new(engine)))
    }
}

impl Rollout for EngineRollout {
    async fn complete(
        &mut self,
        model: &Decoder,
        prompts: &[Vec<u32>],
        config: &RolloutConfig,
        first_stream: u64,
        mut on_done: impl FnMut(usize, &Completion),
    ) -> Result<Vec<Completion>, LearnError> {
        let clock = Instant::now();
        renew(&mut self.engine, model).await?;
        self.weights_s = clock.elapsed().as_secs_f64();
        let mut request = config.request(prompts, first_stream);
        request.max_rows = request.max_rows.min(self.rows);
        let generated = generate(&mut self.engine, &request, as_they_end(&mut on_done));
        Ok(generated.await.map_err(rollout_error)?.completions)
    }
}

fn rollout_error(error: EngineError) -> LearnError {
    LearnError::Rollout(Box::new(error))
}

#[cfg(test)]
mod tests;
