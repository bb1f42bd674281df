//! Which device learns: one measured step on each decides.

use super::error;
use super::reason::{MEASURING_CPU, MEASURING_GPU, Notice, Reason, ToldReason};
use super::timing::{breathe, now, within};
use crate::material::Material;
use crate::session::Session;
use burn::tensor::Device;
use burn::tensor::wgpu::WgpuSetup;
use serde::Serialize;
use std::rc::Rc;
use thinkling_learn::LearnError;
use thinkling_model::selftest;
use wasm_bindgen::JsError;

/// Seconds that the GPU may take for its self-test and first step, in which its programs are
/// compiled. The CPU has learnt a good part by then.
const GPU_START_S: f64 = 15.0;
/// A measured step on the GPU ends after so many of the CPU's.
const GPU_STEPS: f64 = 3.0;

/// What the page asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Auto,
    Gpu,
    Cpu,
}

impl Wish {
    pub(super) fn read(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "gpu" => Some(Self::Gpu),
            "cpu" => Some(Self::Cpu),
            _ => None,
        }
    }
}

/// What learns, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Choice {
    device: Chosen,
    step_seconds: StepSeconds,
}

#[derive(Debug, Serialize)]
struct Chosen {
    kind: &'static str,
    name: String,
    reason: ToldReason,
}

/// Seconds of the measured steps.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct StepSeconds {
    gpu: Option<f64>,
    cpu: Option<f64>,
}

/// A session on the device that was asked for, or on the faster one.
pub(super) async fn choose(
    material: &Rc<Material>,
    wish: Wish,
    adapter: Option<String>,
    notice: impl Fn(Notice),
) -> Result<(Session, Choice), JsError> {
    let step_seconds = StepSeconds::default();
    match (wish, adapter) {
        (Wish::Cpu, _) => {
            Ok((on_cpu(material)?, Choice { device: cpu(Reason::Asked), step_seconds }))
        }
        (Wish::Gpu, None) => Err(error(Reason::NoGpu)),
        (Wish::Gpu, Some(name)) => {
            let gpu = Gpu::open().await.map_err(error)?;
            let session = gpu.session(material).await.map_err(error)?;
            let device = Chosen { kind: "gpu", name, reason: Reason::Asked.told() };
            Ok((session, Choice { device, step_seconds }))
        }
        (Wish::Auto, None) => {
            Ok((on_cpu(material)?, Choice { device: cpu(Reason::NoGpu), step_seconds }))
        }
        (Wish::Auto, Some(name)) => faster(material, name, notice).await,
    }
}

/// A session on the device whose measured step is faster.
async fn faster(
    material: &Rc<Material>,
    name: String,
    notice: impl Fn(Notice),
) -> Result<(Session, Choice), JsError> {
    notice(MEASURING_CPU);
    let mut session = on_cpu(material)?;
    // The first step compiles.
    timed(&mut session).await.map_err(error)?;
    breathe().await;
    let cpu_s = timed(&mut session).await.map_err(error)?;
    notice(MEASURING_GPU);
    let (gpu_s, reason) = match measured_gpu(material, cpu_s).await {
        Ok((on_gpu, gpu_s)) => {
            let reason = Reason::Measured { gpu_seconds: gpu_s, cpu_seconds: cpu_s };
            if gpu_s < cpu_s {
                let step_seconds = StepSeconds { gpu: Some(gpu_s), cpu: Some(cpu_s) };
                let device = Chosen { kind: "gpu", name, reason: reason.told() };
                return Ok((fresh(on_gpu), Choice { device, step_seconds }));
            }
            (Some(gpu_s), reason)
        }
        Err(reason) => (None, reason),
    };
    let step_seconds = StepSeconds { gpu: gpu_s, cpu: Some(cpu_s) };
    Ok((fresh(session), Choice { device: cpu(reason), step_seconds }))
}

/// A warm session on the GPU and the seconds of its step, or why there is none.
async fn measured_gpu(material: &Rc<Material>, cpu_s: f64) -> Result<(Session, f64), Reason> {
    let gpu = Gpu::open().await?;
    let warm = async {
        let mut session = gpu.session(material).await?;
        timed(&mut session).await.map_err(fails)?;
        Ok(session)
    };
    let measured = match within(GPU_START_S, warm).await {
        None => Err(Reason::GpuLate { limit_seconds: GPU_START_S, cpu_seconds: cpu_s }),
        Some(Err(reason)) => Err(reason),
        Some(Ok(mut session)) => {
            let limit_s = GPU_STEPS * cpu_s;
            match within(limit_s, timed(&mut session)).await {
                None => Err(Reason::GpuSlow { limit_seconds: limit_s, cpu_seconds: cpu_s }),
                Some(Err(e)) => Err(fails(e)),
                Some(Ok(gpu_s)) => Ok((session, gpu_s)),
            }
        }
    };
    if measured.is_err() {
        gpu.close();
    }
    measured
}

fn fails(error: LearnError) -> Reason {
    Reason::GpuFailed { at: format!("a step on it: {error}") }
}

fn cpu(reason: Reason) -> Chosen {
    Chosen { kind: "cpu", name: "CPU, one thread".into(), reason: reason.told() }
}

fn on_cpu(material: &Rc<Material>) -> Result<Session, JsError> {
    Session::new(material.clone(), &Device::flex(), now).map_err(error)
}

/// What was measured is not learnt.
fn fresh(mut session: Session) -> Session {
    session.reset();
    session
}

async fn timed(session: &mut Session) -> Result<f64, LearnError> {
    Ok(session.step().await?.seconds)
}

/// The GPU, opened.
struct Gpu {
    device: Device,
    setup: WgpuSetup,
}

impl Gpu {
    async fn open() -> Result<Self, Reason> {
        let opened = Device::wgpu_options().init_with_setup_async().await;
        let (device, setup) =
            opened.map_err(|e| Reason::GpuFailed { at: format!("opening it: {e}") })?;
        Ok(Self { device, setup })
    }

    /// A session, once the GPU computes what the CPU computes.
    async fn session(&self, material: &Rc<Material>) -> Result<Session, Reason> {
        let test = selftest::run(&self.device, Some(&Device::flex())).await;
        let test = test.map_err(|e| Reason::GpuFailed { at: format!("its self-test: {e}") })?;
        if !test.passed() {
            let worst = test.worst();
            let difference = Some(worst).filter(|worst| worst.is_finite());
            return Err(Reason::SelfTest { difference, tolerance: selftest::TOLERANCE });
        }
        let session = Session::new(material.clone(), &self.device, now);
        session.map_err(|e| Reason::GpuFailed { at: e.to_string() })
    }

    /// Drops what the GPU has still to do, which would slow the CPU down where it is no real one.
    fn close(self) {
        self.setup.device.destroy();
    }
}
