//! What is told of a GPU that failed in the middle of a run.

use super::last_good;
use crate::device_faults::DeviceFault;
use std::fmt;
use std::path::PathBuf;

/// A GPU that failed in the middle of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct DeviceFailure {
    /// What became of it.
    pub fault: DeviceFault,
    /// Name of the stage.
    pub stage: String,
    /// What was being done.
    pub doing: &'static str,
    /// Bytes that the stage was to need there at most.
    pub need: Option<u64>,
    /// Keys and values that make it need less, where there are some; for `--set` beside `--resume`.
    pub less: Vec<String>,
    /// The run's folder.
    pub run: PathBuf,
    /// The last checkpoint before, where there is one.
    pub checkpoint: Option<PathBuf>,
}

impl fmt::Display for DeviceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, stage, doing, need, less, run, checkpoint } = self;
        write!(f, "{fault} in stage `{stage}`, {doing}")?;
        let run = run.display();
        if *fault == DeviceFault::OutOfMemory {
            if let Some(need) = need {
                let megabytes = need.div_ceil(1_000_000);
                write!(f, "; by estimate the stage needs up to {megabytes} MB there")?;
            }
            if less.is_empty() {
                write!(
                    f,
                    "; it takes less with `recompute = \"layer\"`, shorter `max_completion_tokens`, fewer \
                     `rollout.max_rows` or adapters (`lora`)"
                )?;
            } else {
                let sets: Vec<String> = less.iter().map(|set| format!(" --set {set}")).collect();
                write!(f, "; go on with less by `train --resume {run}{}`", sets.concat())?;
            }
        } else {
            write!(f, "; go on by `train --resume {run}`")?;
        }
        f.write_str(&last_good(checkpoint))
    }
}
