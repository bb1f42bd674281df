//! What a run computes on.

use crate::error::{Result, TrainError};
use crate::recipe::RolloutDevice;
use burn::tensor::Device;
use thinkling_engine::Adapter;
use thinkling_model::{ComputeType, Decoder, is_host};

/// Opens a GPU for the decode engine: the one that learns (`same`), or the best one.
pub type OpenAdapter<'a> = &'a dyn Fn(RolloutDevice) -> Result<Adapter, String>;

/// `model` with its layers' products in `compute`, or why its device cannot.
pub(crate) fn computing_in(model: Decoder, compute: ComputeType) -> Result<Decoder, String> {
    let device = model.device();
    if compute.is_supported(&device) {
        return Ok(model.with_compute(compute));
    }
    Err(match is_host(&device) {
        true => "`compute_dtype` is for GPUs; use `f32` with `--device cpu`".to_owned(),
        false => "this GPU has no products in this `compute_dtype`; use `f32`".to_owned(),
    })
}

/// The device that learns, and how the decode engine comes to a GPU.
#[derive(Clone, Copy)]
pub struct Devices<'a> {
    learner: &'a Device,
    open: Option<OpenAdapter<'a>>,
}

impl std::fmt::Debug for Devices<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Devices").field("learner", self.learner).finish_non_exhaustive()
    }
}

impl<'a> From<&'a Device> for Devices<'a> {
    /// The engine on the CPU alone.
    fn from(learner: &'a Device) -> Self {
        Self { learner, open: None }
    }
}

impl<'a> Devices<'a> {
    /// With GPUs for the engine.
    #[must_use]
    pub fn with_adapters(self, open: OpenAdapter<'a>) -> Self {
        Self { open: Some(open), ..self }
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
