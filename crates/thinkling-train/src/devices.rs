//! What a run computes on.

use crate::error::{Result, TrainError};
use crate::recipe::{Recipe, RolloutDevice};
use crate::workers::Communicator;
use burn::tensor::Device;
use std::rc::Rc;
use thinkling_engine::Adapter;
use thinkling_learn::StatePrecision;
use thinkling_model::{ComputeType, Decoder, is_host};

/// Opens a GPU for the decode engine: the one that learns (`same`), or the best one.
pub type OpenAdapter<'a> = &'a dyn Fn(RolloutDevice) -> Result<Adapter, String>;

/// Refuses a stage that trains in a way that `device` does not have.
pub(crate) fn check_stages(recipe: &Recipe, device: &Device) -> Result<()> {
    for stage in &recipe.stages {
        let Some(training) = stage.training() else { continue };
        let misfit = |reason| TrainError::DoesNotFit { stage: stage.name.clone(), reason };
        check_compute(training.compute_dtype, device).map_err(misfit)?;
        if training.optimizer_states != StatePrecision::F32 && !is_host(device) {
            let reason = "`optimizer_states` = 8bit is for `--device cpu`; use `f32` here";
            return Err(misfit(reason.to_owned()));
        }
    }
    Ok(())
}

/// `model` with its layers' products in `compute`, or why its device cannot.
pub(crate) fn computing_in(model: Decoder, compute: ComputeType) -> Result<Decoder, String> {
    check_compute(compute, &model.device())?;
    Ok(model.with_compute(compute))
}

fn check_compute(compute: ComputeType, device: &Device) -> Result<(), String> {
    match (compute.is_supported(device), is_host(device)) {
        (true, _) => Ok(()),
        (false, true) => {
            Err("`compute_dtype` is for GPUs; use `f32` with `--device cpu`".to_owned())
        }
        (false, false) => {
            Err("this GPU has no products in this `compute_dtype`; use `f32`".to_owned())
        }
    }
}

/// The device that learns, and how the decode engine comes to a GPU.
#[derive(Clone, Copy)]
pub struct Devices<'a> {
    learner: &'a Device,
    open: Option<OpenAdapter<'a>>,
    communicator: Option<&'a Rc<dyn Communicator>>,
}

impl std::fmt::Debug for Devices<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Devices").field("learner", self.learner).finish_non_exhaustive()
    }
}

impl<'a> From<&'a Device> for Devices<'a> {
    /// The engine on the CPU alone.
    fn from(learner: &'a Device) -> Self {
        Self { learner, open: None, communicator: None }
    }
}

impl<'a> Devices<'a> {
    /// With GPUs for the engine.
    #[must_use]
    pub fn with_adapters(self, open: OpenAdapter<'a>) -> Self {
        Self { open: Some(open), ..self }
    }

    /// With other processes that compute a share of each gradient.
    #[must_use]
    pub fn with_workers(self, communicator: &'a Rc<dyn Communicator>) -> Self {
        Self { communicator: Some(communicator), ..self }
    }

    /// How the processes that learn together talk, where there are several.
    pub(crate) fn communicator(&self) -> Option<&'a Rc<dyn Communicator>> {
        self.communicator
    }

    /// The device that learns.
    pub fn learner(&self) -> &'a Device {
        self.learner
    }

    /// Whether the engine decodes on the CPU.
    pub(crate) fn is_on_host(&self, device: RolloutDevice) -> bool {
        match device {
            RolloutDevice::Cpu => true,
            RolloutDevice::Same => is_host(self.learner),
            RolloutDevice::Gpu => false,
        }
    }

    /// The GPU that the engine decodes on; `None` for the CPU.
    pub(crate) fn adapter(&self, device: RolloutDevice) -> Result<Option<Adapter>> {
        if self.is_on_host(device) {
            return Ok(None);
        }
        // The one that learns, where a GPU does.
        let device = if is_host(self.learner) { device } else { RolloutDevice::Same };
        let none = || "no GPU can be opened here".to_owned();
        self.open
            .map_or_else(|| Err(none()), |open| open(device))
            .map(Some)
            .map_err(|reason| TrainError::Failed { what: "opening a GPU for rollouts", reason })
    }
}
