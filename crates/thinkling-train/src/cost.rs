//! What a stage needs before it is run: bytes by what they are for, and seconds by measuring a piece, or
//! hours on GPUs that are not at hand by their data sheets ([`on_cluster`]).
//!
//! One model of memory serves both the key `memory`, which cuts micro-batches by it, and what
//! `thinkling train --dry-run` prints. Its numbers follow from shapes alone ([`StageSizes`]); it was
//! compared with the peaks of whole runs on the CPU (docs/performance.md). Left out: what rewards from
//! outside take, buffers of a GPU's driver.

mod cluster;
mod measure;
mod memory;
mod origin;
mod plan;
mod sizes;
mod work;

pub use cluster::{Assumed, Cluster, ClusterPlan, GPUS, Gpu, Hours, Operations, on_cluster};
pub use measure::{StageTime, Timed, measure};
pub use memory::{Memory, Phase, UpdateMemory};
pub(crate) use origin::Origin;
pub use plan::{StagePlan, plan_stage};
pub use sizes::{DataSizes, Reference, RolloutSizes, Sequences, StageSizes, UpdateSizes};

/// Most bytes of memory that this process held so far (`VmHWM`); Linux only.
pub fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
