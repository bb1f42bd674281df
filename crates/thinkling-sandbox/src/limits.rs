//! What one program may use.

use std::time::Duration;

/// Limits of one program; a program that passes one of them has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Processor time for one run: one pair of input and output, or all assertions of a problem.
    /// Sleeping counts as if it had been done, but nobody waits for it. By the clock a run may
    /// take four times as long, so that other work on the machine changes no verdict.
    pub time: Duration,
    /// Memory of one interpreter, its own 64 MiB included.
    pub memory_bytes: usize,
    /// What a run may write to standard output and standard error together.
    pub output_bytes: usize,
}

impl Limits {
    /// 5 seconds, 256 MiB, 1 MiB of output.
    pub const DEFAULT: Self =
        Self { time: Duration::from_secs(5), memory_bytes: 256 << 20, output_bytes: 1 << 20 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
