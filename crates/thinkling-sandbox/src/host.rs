//! What one program has of a machine: three streams, a clock, random bytes and its limits.

use std::time::{Duration, Instant};

use crate::pipe::{Pipe, TimedOut};

/// 2025-01-01T00:00:00Z, in nanoseconds since 1970.
const EPOCH_NS: u64 = 1_735_689_600_000_000_000;

/// Bytes of standard error that are kept: its end says what happened.
const STDERR_TAIL: usize = 4096;

/// How much longer than its time a program may take by the clock, because the machine does other
/// work or because it waits.
const PATIENCE: u32 = 4;

/// Why a program was ended by the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("exit code {0}")]
    Exit(i32),
    #[error("time limit")]
    Timeout,
    #[error("output limit")]
    Flood,
}

impl From<TimedOut> for Stop {
    fn from(_: TimedOut) -> Self {
        Self::Timeout
    }
}

/// Where a stream of the program goes.
pub(crate) enum Sink {
    /// Kept, up to the output limit.
    Capture(Vec<u8>),
    /// Kept in its last bytes.
    Tail(Vec<u8>),
    /// To another program.
    Pipe(Pipe),
}

/// One program's system.
pub(crate) struct Host {
    pub(crate) args: Vec<Vec<u8>>,
    pub(crate) stdin: Pipe,
    pub(crate) stdout: Sink,
    pub(crate) stderr: Sink,
    /// Whether the program's work is done once nobody writes to its standard input any more.
    pub(crate) ends_with_stdin: bool,
    pub(crate) output_left: usize,
    pub(crate) memory_limit: usize,
    /// Whether memory was asked for beyond the limit.
    pub(crate) memory_refused: bool,
    /// Processor time and sleep that the program may use.
    time: Duration,
    /// When it ends whatever it has used, for it may wait for another program.
    pub(crate) deadline: Instant,
    started: Instant,
    started_cpu: Duration,
    slept: Duration,
    random: u64,
}

impl Host {
    /// A system for a program with these arguments.
    pub(crate) fn new(args: Vec<Vec<u8>>, limits: &crate::Limits) -> Self {
        let now = Instant::now();
        Self {
            args,
            stdin: Pipe::default(),
            stdout: Sink::Capture(Vec::new()),
            stderr: Sink::Tail(Vec::new()),
            ends_with_stdin: false,
            output_left: limits.output_bytes,
            memory_limit: limits.memory_bytes,
            memory_refused: false,
            time: limits.time,
            deadline: now.checked_add(limits.time.saturating_mul(PATIENCE)).unwrap_or(now),
            started: now,
            started_cpu: Duration::ZERO,
            slept: Duration::ZERO,
            random: 0,
        }
    }

    /// To be called on the program's thread, just before it starts.
    pub(crate) fn begin(&mut self) {
        self.started = Instant::now();
        self.started_cpu = cpu_time();
    }

    /// Why the program must end now: its time is up, or nobody is left to answer to.
    pub(crate) fn must_stop(&self) -> Option<Stop> {
        let used = cpu_time().saturating_sub(self.started_cpu).saturating_add(self.slept);
        if used >= self.time || Instant::now() >= self.deadline {
            return Some(Stop::Timeout);
        }
        (self.ends_with_stdin && self.stdin.is_closed()).then_some(Stop::Exit(0))
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed().saturating_add(self.slept)
    }

    /// A clock of WASI, `None` where there is no such.
    pub(crate) fn clock_ns(&self, id: i32) -> Option<u64> {
        let elapsed = u64::try_from(self.elapsed().as_nanos()).unwrap_or(u64::MAX);
        match id {
            0 => Some(EPOCH_NS.saturating_add(elapsed)),
            // Monotonic; the processor times of process and thread.
            1..=3 => Some(elapsed),
            _ => None,
        }
    }

    /// Moves the clock on; a sleep that would pass the limit ends the program.
    pub(crate) fn sleep(&mut self, time: Duration) -> Result<(), Stop> {
        self.slept = self.slept.saturating_add(time);
        self.must_stop().map_or(Ok(()), Err)
    }

    /// Writes to a stream of the program.
    pub(crate) fn write(&mut self, fd: i32, bytes: &[u8]) -> Result<(), Stop> {
        let sink = if fd == 1 { &mut self.stdout } else { &mut self.stderr };
        if let Sink::Pipe(pipe) = sink {
            return Ok(pipe.write(bytes, self.deadline)?);
        }
        self.output_left = self.output_left.checked_sub(bytes.len()).ok_or(Stop::Flood)?;
        match sink {
            Sink::Capture(kept) => kept.extend_from_slice(bytes),
            Sink::Tail(kept) => {
                kept.extend_from_slice(bytes);
                kept.drain(..kept.len().saturating_sub(STDERR_TAIL));
            }
            Sink::Pipe(_) => {}
        }
        Ok(())
    }

    /// SplitMix64.
    pub(crate) fn random_u64(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl wasmtime::ResourceLimiter for Host {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= self.memory_limit;
        self.memory_refused |= !allowed;
        Ok(allowed)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // CPython's table has its size from the start.
        Ok(true)
    }
}

/// Processor time of this thread, where the system knows it; else the clock.
fn cpu_time() -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(time).unwrap_or_default()
    }
    #[cfg(not(unix))]
    {
        use std::sync::LazyLock;
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}
