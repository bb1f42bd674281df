//! A stage's checkpoints: the policy's weights, the optimiser's moments, the reference and where
//! the stage stood. Under adapters these alone are kept, as `peft` keeps them: the weights below are
//! those that the stage began with.
//!
//! In host memory a checkpoint is written by a thread of its own beside the next rollout. It reads
//! the very tensors that the stage goes on with, so the stage waits for it before it changes them.

use super::{StageContext, device_failed};
use crate::checkpoint::{Checkpoint, CheckpointStore};
use crate::device_faults;
use crate::error::{Result, TrainError};
use crate::metrics::Unsynced;
use crate::model_io::{adapter_error, model_error, write_adapter, write_safetensors};
use crate::recipe::ModelSource;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use thinkling_learn::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, Learner, Moments, PeftAdapter};
use thinkling_model::{Decoder, LoraConfig, ParamList, is_host};
use thinkling_weights::{
    Checkpoint as Weights, FloatType, SafetensorsIndex, SafetensorsTensorSpec, SafetensorsWriter,
};

const MODEL_FILE: &str = "model.safetensors";
const OPTIMIZER_FILE: &str = "optimizer.safetensors";
const REFERENCE_FILE: &str = "reference.safetensors";
const REFERENCE_ADAPTER_FILE: &str = "reference_adapter.safetensors";
const STATE_FILE: &str = "state.json";

/// Where a stage stood; the heart of a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Saved<S> {
    /// Index of the stage.
    pub(crate) stage: usize,
    /// Optimiser steps done in it.
    pub(crate) step: u64,
    /// Updates of the optimiser.
    pub(crate) updates: u64,
    /// What only this kind of stage knows.
    pub(crate) state: S,
}

/// The part of [`Saved`] that says which stage a checkpoint belongs to.
#[derive(Deserialize)]
pub(crate) struct SavedHead {
    pub(crate) stage: usize,
}

impl SavedHead {
    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self> {
        checkpoint.read_json(STATE_FILE)
    }
}

/// What a checkpoint is made of.
struct Contents {
    store: CheckpointStore,
    run_step: u64,
    model: Decoder,
    moments: Vec<Moments>,
    reference: Option<Decoder>,
    /// What lies under adapters.
    base: String,
    state: Value,
    /// What must be on the disk before it.
    covered: Vec<Unsynced>,
}

impl Contents {
    fn write(self) -> Result<()> {
        self.covered.iter().try_for_each(Unsynced::sync)?;
        let mut writer = self.store.begin(self.run_step)?;
        match self.model.lora() {
            None => writer
                .write(MODEL_FILE, |out| write_safetensors(out, &self.model, FloatType::F32))?,
            Some(lora) => {
                let config = PeftAdapter::of(lora, &self.base, &self.model);
                writer.write(ADAPTER_CONFIG, |out| out.write_all(config.to_json().as_bytes()))?;
                writer.write(ADAPTER_WEIGHTS, |out| write_adapter(out, &self.model))?;
            }
        }
        let list = self.model.param_list();
        writer.write(OPTIMIZER_FILE, |out| write_moments(out, &list, &self.moments))?;
        if let Some(reference) = &self.reference {
            match (self.model.lora(), reference.lora()) {
                (None, _) => writer.write(REFERENCE_FILE, |out| {
                    write_safetensors(out, reference, FloatType::F32)
                })?,
                (_, Some(_)) => {
                    writer.write(REFERENCE_ADAPTER_FILE, |out| write_adapter(out, reference))?;
                }
                // The base itself.
                (Some(_), None) => {}
            }
        }
        writer.write_json(STATE_FILE, &self.state)?;
        if let Some(fault) = device_faults::first() {
            return Err(device_failed(&fault));
        }
        writer.commit()?;
        Ok(())
    }
}

/// The checkpoint that is being written, if one is; waited for when dropped.
#[derive(Debug, Default)]
pub(crate) struct Saving {
    writing: Option<JoinHandle<Result<()>>>,
    /// How long the stage stood still for it, since that was last told.
    waited: Duration,
}

impl Saving {
    fn begin(&mut self, contents: Contents) -> Result<()> {
        self.finish()?;
        if !is_host(&contents.model.device()) {
            return contents.write();
        }
        self.writing = Some(std::thread::spawn(move || contents.write()));
        Ok(())
    }

    /// Waits until it is whole.
    fn finish(&mut self) -> Result<()> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        // What made the stage end early is told; a failure to write beside it is not.
        if let Some(writing) = self.writing.take() {
            let _ = writing.join();
        }
    }
}

impl StageContext<'_> {
    /// Begins a checkpoint, which becomes valid once everything that it covers is on the disk. Before the weights change
    /// [`Self::finish_saving`] is called.
    pub(crate) fn save<S: Serialize>(
        &mut self,
        learner: &Learner,
        reference: Option<&Decoder>,
        step: u64,
        state: S,
    ) -> Result<()> {
        self.check_device()?;
        let clock = Instant::now();
        let mut covered = Vec::from(self.metrics.unsynced()?);
        covered.push(self.completions.unsynced()?);
        let updates = learner.optimizer.updates();
        let saved = Saved { stage: self.index, step, updates, state };
        let state = serde_json::to_value(&saved)
            .map_err(|e| TrainError::Encode { what: STATE_FILE, reason: e.to_string() })?;
        let begun = self.saving.begin(Contents {
            store: self.run.checkpoints(),
            run_step: self.run_step(step),
            model: learner.model().clone(),
            moments: learner.optimizer.moments().to_vec(),
            reference: reference.cloned(),
            base: self.base_name(),
            state,
            covered,
        });
        self.saving.waited += clock.elapsed();
        begun
    }

    /// Seconds that the stage stood still for checkpoints since this was last asked.
    pub(super) fn checkpoint_s(&mut self) -> f64 {
        std::mem::take(&mut self.saving.waited).as_secs_f64()
    }

    /// Path of the model that the stage began with.
    fn base_name(&self) -> String {
        match self.recipe.model_of(self.index) {
            ModelSource::Path(path) => path.display().to_string(),
            ModelSource::Stage(name) => self.run.stage_output(&name).display().to_string(),
            ModelSource::New(_) => String::new(),
        }
    }

    /// Waits for the checkpoint that is being written.
    pub(crate) fn finish_saving(&mut self) -> Result<()> {
        let clock = Instant::now();
        let finished = self.saving.finish();
        self.saving.waited += clock.elapsed();
        finished
    }
}

/// Reads a kind's state and where the stage stood.
pub(crate) fn read_saved<S: for<'de> Deserialize<'de>>(
    checkpoint: &Checkpoint,
) -> Result<Saved<S>> {
    checkpoint.read_json(STATE_FILE)
}

/// The reference model of a checkpoint, whose policy is `like`.
pub(crate) fn read_reference(checkpoint: &Checkpoint, like: &Decoder) -> Result<Decoder> {
    let Some(lora) = like.lora() else { return read_weights(checkpoint, REFERENCE_FILE, like) };
    match checkpoint.files().iter().any(|file| file.name == REFERENCE_ADAPTER_FILE) {
        true => read_adapter(checkpoint, REFERENCE_ADAPTER_FILE, lora, like),
        false => Ok(like.without_lora()),
    }
}

/// The policy of a checkpoint in the shape of `like`, on its device; under adapters on its weights.
pub(super) fn read_model(checkpoint: &Checkpoint, like: &Decoder) -> Result<Decoder> {
    match like.lora() {
        None => read_weights(checkpoint, MODEL_FILE, like),
        Some(lora) => read_adapter(checkpoint, ADAPTER_WEIGHTS, lora, like),
    }
}

fn read_adapter(
    checkpoint: &Checkpoint,
    file: &str,
    lora: &LoraConfig,
    like: &Decoder,
) -> Result<Decoder> {
    let path = checkpoint.file(file)?;
    let bytes = std::fs::read(&path).map_err(|e| TrainError::read("checkpoint", &path, e))?;
    let adapter = PeftAdapter::of(lora, "", like);
    adapter.load(&bytes, like.without_lora()).map_err(|e| adapter_error(&path, e))
}

/// Weights of a checkpoint's file in the shape of `like`, on its device.
fn read_weights(checkpoint: &Checkpoint, file: &str, like: &Decoder) -> Result<Decoder> {
    let path = checkpoint.file(file)?;
    let bytes = std::fs::read(&path).map_err(|e| TrainError::read("checkpoint", &path, e))?;
    let weights = Weights::from_safetensors_files(like.config().clone(), [bytes])
        .map_err(|e| e.in_file(&path))?;
    let model = Decoder::load(&weights, &like.device()).map_err(model_error)?;
    Ok(model.with_compute(like.compute()))
}

fn moment_names(list: &ParamList) -> impl Iterator<Item = [String; 2]> + '_ {
    list.names.iter().map(|name| [format!("{name}.exp_avg"), format!("{name}.exp_avg_sq")])
}

fn write_moments(
    out: &mut dyn std::io::Write,
    list: &ParamList,
    moments: &[Moments],
) -> std::io::Result<()> {
    let spec = |name: String, shape: &Vec<usize>| SafetensorsTensorSpec {
        name,
        shape: vec![shape.iter().product()],
        dtype: FloatType::F32,
    };
    let names = || moment_names(list).zip(&list.shapes);
    let specs = names().flat_map(|(names, shape)| names.map(|name| spec(name, shape))).collect();
    let mut writer = SafetensorsWriter::new(out, specs).map_err(std::io::Error::other)?;
    for ((names, _), moments) in names().zip(moments) {
        let values = moments.values().map_err(std::io::Error::other)?;
        for (name, values) in names.iter().zip(values) {
            writer.write_f32(name, &values).map_err(std::io::Error::other)?;
        }
    }
    writer.finish().map_err(std::io::Error::other)?;
    Ok(())
}

pub(super) fn read_moments(
    checkpoint: &Checkpoint,
    list: &ParamList,
) -> Result<Vec<[Vec<f32>; 2]>> {
    let path = checkpoint.file(OPTIMIZER_FILE)?;
    let bytes = std::fs::read(&path).map_err(|e| TrainError::read("checkpoint", &path, e))?;
    let file = SafetensorsIndex::parse(&bytes).map_err(|e| e.in_file(&path))?;
    let read = |name: String, shape: &[usize]| -> Result<Vec<f32>> {
        let values = file.read_f32(&bytes, &name).map_err(|e| e.in_file(&path))?;
        let count: usize = shape.iter().product();
        if values.len() != count {
            let reason = format!("{name}, expected: {count} values, got: {}", values.len());
            return Err(TrainError::damaged(&path, reason));
        }
        Ok(values)
    };
    moment_names(list)
        .zip(&list.shapes)
        .map(|([first, second], shape)| Ok([read(first, shape)?, read(second, shape)?]))
        .collect()
}
