//! What is said of the device: codes with numbers, which a page words in its own language, and English.

use serde::Serialize;
use std::fmt::{Display, Formatter, Result};

/// Why it is that device.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(super) enum Reason {
    /// It was asked for.
    Asked,
    /// The browser offers no GPU.
    NoGpu,
    /// A step on each was measured.
    Measured { gpu_seconds: f64, cpu_seconds: f64 },
    /// The GPU was not ready in time.
    GpuLate { limit_seconds: f64, cpu_seconds: f64 },
    /// A step on the GPU takes more than that.
    GpuSlow { limit_seconds: f64, cpu_seconds: f64 },
    /// The GPU computes wrongly: largest difference of two logits, none where it is no number.
    SelfTest { difference: Option<f64>, tolerance: f64 },
    /// The GPU fails, at what.
    GpuFailed {
        #[serde(skip)]
        at: String,
    },
}

impl Reason {
    /// With all of it in English.
    pub(super) fn told(self) -> ToldReason {
        ToldReason { message: self.to_string(), reason: self }
    }
}

/// `DeviceReason` of `js/learn.d.ts`.
#[derive(Debug, Serialize)]
pub(super) struct ToldReason {
    #[serde(flatten)]
    reason: Reason,
    message: String,
}

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Asked => write!(f, "it was asked for"),
            Self::NoGpu => write!(f, "this browser offers no GPU through WebGPU"),
            Self::Measured { gpu_seconds: gpu, cpu_seconds: cpu } => {
                write!(f, "a step takes {gpu:.2} s on the GPU and {cpu:.2} s on the CPU")
            }
            Self::GpuLate { limit_seconds: limit, cpu_seconds: cpu } => {
                write!(
                    f,
                    "the GPU was not ready after {limit} s; a step takes {cpu:.2} s on the CPU"
                )
            }
            Self::GpuSlow { limit_seconds: limit, cpu_seconds: cpu } => {
                write!(f, "a step takes more than {limit:.2} s on the GPU, {cpu:.2} s on the CPU")
            }
            Self::SelfTest { difference, tolerance } => {
                let got = difference.unwrap_or(f64::NAN);
                write!(
                    f,
                    "the GPU computes wrongly: logits differ from the CPU's, expected: by at most \
                     {tolerance}, got: {got}"
                )
            }
            Self::GpuFailed { at } => write!(f, "the GPU fails: {at}"),
        }
    }
}

/// What is going on: `LearnNotice` of `js/learn.d.ts`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Notice {
    kind: &'static str,
    message: &'static str,
}

pub(super) const MEASURING_CPU: Notice =
    Notice { kind: "measuring-cpu", message: "measuring a step on the CPU" };
pub(super) const MEASURING_GPU: Notice = Notice {
    kind: "measuring-gpu",
    message: "measuring a step on the GPU, whose programs are compiled first",
};
