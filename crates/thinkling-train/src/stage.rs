//! Stages of a recipe, one file a kind, and what they share: the run's sinks and checkpoints.

mod answering;
mod checkpoints;
mod cold_start;
mod eval;
mod passes;
mod preferences;
mod pretrain;
mod rejection;
mod reward_model;
mod rl;
mod sft;

use crate::cost::{DataSizes, Memory, StageSizes, UpdateMemory};
use crate::device_faults::{self, DeviceFault};
use crate::devices::Devices;
use crate::error::{Result, TrainError};
use crate::interrupt::Interrupt;
use crate::metrics::{CompletionsWriter, MetricsWriter};
use crate::model_io::{LoadedModel, model_error};
use crate::progress::{Progress, StageStarted};
use crate::questions::with_causes;
use crate::recipe::{Recipe, Stage, StageKind, Training};
use crate::run_dir::RunDir;
use crate::workers::Leader;
use crate::{checkpoint, evaluate};
use checkpoints::{read_model, read_moments};
use std::cell::Cell;
use std::path::PathBuf;
use thinkling_learn::{AdamW, Learner};
use thinkling_model::generate::Completion;
use thinkling_model::{Decoder, is_host};
use thinkling_reward::Tools;

pub(crate) use checkpoints::{SavedHead, Saving};
pub(crate) use passes::steps_of;
pub(crate) use reward_model::Judged;
pub(crate) use rl::mixture as rl_mixture;

/// Everything a stage works with.
pub(crate) struct StageContext<'a> {
    pub(crate) run: &'a RunDir,
    pub(crate) recipe: &'a Recipe,
    pub(crate) devices: Devices<'a>,
    pub(crate) index: usize,
    /// Steps of the stages before this one: the run's steps go on counting.
    pub(crate) first_step: u64,
    pub(crate) metrics: &'a mut MetricsWriter,
    pub(crate) completions: &'a mut CompletionsWriter,
    pub(crate) progress: &'a mut dyn Progress,
    pub(crate) interrupt: &'a Interrupt,
    /// What runs the programs of code tasks.
    pub(crate) tools: Tools<'a>,
    pub(crate) saving: Saving,
    pub(crate) course: &'a Course,
}

/// What a stage does on its device, for the error where that fails.
#[derive(Debug, Default)]
pub(crate) struct Course {
    doing: Cell<Doing>,
    need: Cell<Option<u64>>,
}

/// What a stage does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It loads, evaluates, or writes.
    #[default]
    Else,
    Rollout,
    Update,
}

impl Course {
    pub(crate) fn doing(&self) -> Doing {
        self.doing.get()
    }

    /// Bytes that the stage was to need on its device at most.
    pub(crate) fn need(&self) -> Option<u64> {
        self.need.get()
    }

    fn begins(&self, doing: Doing) {
        self.doing.set(doing);
    }
}

/// What a stage left behind.
#[derive(Debug)]
pub(crate) struct StageResult {
    /// The model and its tokenizer, of a stage that trains one.
    pub(crate) model: Option<LoadedModel>,
    /// Whether it ended because of an interrupt.
    pub(crate) interrupted: bool,
    /// What a person has to decide before it can go on.
    pub(crate) waiting: Option<Waiting>,
    /// Evaluations before and after, where the stage has them.
    pub(crate) before: Option<evaluate::Evaluated>,
    /// See `before`.
    pub(crate) after: Option<evaluate::Evaluated>,
}

impl StageResult {
    /// A stage that ran to its end, evaluated nothing, and made this model, where it made one.
    fn of(model: Option<LoadedModel>) -> Self {
        Self { model, interrupted: false, waiting: None, before: None, after: None }
    }
}

/// A queue with items that nobody has decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Name of the stage.
    pub stage: String,
    /// The queue.
    pub queue: PathBuf,
    /// Its items.
    pub items: usize,
    /// Those without a decision.
    pub open: usize,
}

/// Runs a stage from the model that `open` gives, or from `checkpoint` where one of this stage is
/// given.
pub(crate) fn run(
    mut context: StageContext<'_>,
    open: impl FnOnce() -> Result<LoadedModel>,
    checkpoint: Option<&checkpoint::Checkpoint>,
) -> Result<StageResult> {
    let recipe = context.recipe;
    match &recipe.stages[context.index].kind {
        StageKind::Pretrain(stage) => pretrain::run(&mut context, stage, open()?, checkpoint),
        StageKind::Sft(stage) => sft::run(&mut context, stage, open()?, checkpoint),
        StageKind::Rl(stage) => rl::run(&mut context, stage, open()?, checkpoint),
        StageKind::RejectionSampling(stage) => rejection::run(&mut context, stage, open),
        StageKind::ColdStart(stage) => cold_start::run(&mut context, stage, &open()?),
        StageKind::Preferences(stage) => preferences::run(&mut context, stage, open),
        StageKind::Eval(stage) => eval::run(&mut context, stage),
        StageKind::RewardModel(stage) => {
            reward_model::run(&mut context, stage, open()?, checkpoint)
        }
    }
}

impl<'a> StageContext<'a> {
    pub(crate) fn stage(&self) -> &'a Stage {
        &self.recipe.stages[self.index]
    }

    /// Tells that a stage begins that asks and trains nothing.
    fn asking_started(&mut self) {
        let stage = self.stage();
        self.progress.stage_started(&StageStarted {
            name: &stage.name,
            kind: stage.kind.name(),
            index: self.index,
            stages: self.recipe.stages.len(),
            done_steps: 0,
            steps: 0,
        });
    }

    /// Optimiser and length of the stage.
    fn training(&self) -> Result<&Training> {
        let nothing = || "the stage trains nothing".to_owned();
        let failed = || TrainError::Failed { what: "training", reason: nothing() };
        self.stage().training().ok_or_else(failed)
    }

    /// The run's step for a step of this stage.
    pub(crate) fn run_step(&self, step: u64) -> u64 {
        self.first_step + step
    }

    /// A learner on `model`, or on the stage's adapters beside it, with their and the optimiser's
    /// state from `checkpoint` where there is one; `data` is what the stage's data comes to.
    pub(crate) fn learner(
        &self,
        model: Decoder,
        data: &DataSizes,
        checkpoint: Option<(&checkpoint::Checkpoint, u64)>,
    ) -> Result<Learner> {
        let model = match self.stage().lora() {
            None => model,
            Some(keys) => model.with_lora(&keys.config(), self.recipe.stage_seed(self.index)),
        };
        let list = model.param_list();
        let device = self.devices.learner();
        let training = self.training()?;
        let model = model.with_compute(training.compute_dtype);
        self.course.need.set(self.need(&model, data));
        let activation_bytes = self.activation_bytes(&model, data)?;
        let mut optimizer = AdamW::new(training.adamw(), &list, device);
        let mut learner = match checkpoint {
            None => Learner::new(model, optimizer),
            Some((checkpoint, updates)) => {
                let moments = read_moments(checkpoint, &list)?;
                optimizer.restore(moments.into_iter(), updates, device);
                Learner::new(read_model(checkpoint, &model)?, optimizer)
            }
        };
        learner.activation_bytes = activation_bytes;
        learner.recompute = training.recompute.into();
        if let Some(communicator) = self.devices.communicator() {
            let (model, recompute) = (learner.model(), learner.recompute);
            let leader = Leader::begin(communicator.clone(), model, activation_bytes, recompute)?;
            learner.workers = Some(Box::new(leader));
        }
        Ok(learner)
    }

    /// Bytes on a GPU at most.
    fn need(&self, model: &Decoder, data: &DataSizes) -> Option<u64> {
        let device = model.device();
        if is_host(&device) {
            return None;
        }
        let config = model.config().clone();
        let sizes = StageSizes::of(self.recipe, self.index, config, false, data);
        Some(Memory::of(&sizes).peak().1)
    }

    /// What the key `memory` leaves for the activations of a micro-batch.
    fn activation_bytes(&self, model: &Decoder, data: &DataSizes) -> Result<Option<usize>> {
        let Some(memory) = &self.training()?.memory else { return Ok(None) };
        let (config, on_host) = (model.config().clone(), is_host(&model.device()));
        let sizes = StageSizes::of(self.recipe, self.index, config, on_host, data);
        let Some(update) = &sizes.update else { return Ok(None) };
        let need = UpdateMemory::of(&sizes, update);
        match need.for_activations(memory.bytes()) {
            Some(bytes) => Ok(Some(usize::try_from(bytes).unwrap_or(usize::MAX))),
            None => Err(TrainError::DoesNotFit {
                stage: self.stage().name.clone(),
                reason: format!(
                    "`memory` is {memory}, expected: at least {} MB for {} parameters",
                    need.least().div_ceil(1_000_000),
                    model.config().parameter_count()
                ),
            }),
        }
    }

    /// Refuses to use numbers of a device that has failed.
    ///
    /// # Errors
    /// One that the runner tells the rest of.
    pub(crate) fn check_device(&self) -> Result<()> {
        match device_faults::first() {
            None => Ok(()),
            Some(fault) => Err(device_failed(&fault)),
        }
    }

    /// Refuses to go on from a step that left weights which are no numbers. An infinite norm
    /// alone is clipped away.
    pub(crate) fn check_finite(&self, step: u64, loss: f64, grad_norm: f64) -> Result<()> {
        self.check_device()?;
        if loss.is_finite() && !grad_norm.is_nan() {
            return Ok(());
        }
        let (stage, checkpoint) = (self.stage().name.clone(), self.last_checkpoint());
        Err(TrainError::Diverged { stage, step, loss, grad_norm, checkpoint })
    }

    /// The error of an alarm at `step`.
    pub(crate) fn alarm(&self, step: u64, what: String) -> TrainError {
        let (stage, checkpoint) = (self.stage().name.clone(), self.last_checkpoint());
        TrainError::Alarm { stage, step, what, checkpoint }
    }

    /// The newest whole checkpoint of the run. One that cannot be read is none to go on from.
    fn last_checkpoint(&self) -> Option<PathBuf> {
        let found = self.run.checkpoints().latest_valid().ok().flatten()?;
        Some(found.checkpoint.path().to_owned())
    }

    /// Whether a checkpoint falls due between two steps of this stage.
    pub(crate) fn is_due(every: usize, before: u64, after: u64) -> bool {
        every > 0 && before / every as u64 != after / every as u64
    }
}

/// That a device failed, in short.
pub(crate) fn device_failed(fault: &DeviceFault) -> TrainError {
    TrainError::Failed { what: "computing on the GPU", reason: fault.to_string() }
}

/// A learning error with the exit code it stands for.
pub(crate) fn learn_error(error: thinkling_learn::LearnError) -> TrainError {
    match error {
        thinkling_learn::LearnError::Model(error) => model_error(error),
        other => TrainError::Failed { what: "training", reason: with_causes(&other) },
    }
}

/// [`thinkling_learn::model_logprobs`] in this process.
pub(crate) fn model_logprobs<'a>(
    model: &Decoder,
    prompts: &[Vec<u32>],
    completions: impl Iterator<Item = &'a Completion>,
    temperature: f64,
    micro_batch: usize,
) -> Result<Vec<Vec<f32>>> {
    pollster::block_on(thinkling_learn::model_logprobs(
        model,
        prompts,
        completions,
        temperature,
        micro_batch,
    ))
    .map_err(learn_error)
}
