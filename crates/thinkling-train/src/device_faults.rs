//! Faults of a GPU, which its own thread meets while the trainer waits.
//!
//! What wgpu has to report ends in a panic of cubecl's thread. cubecl catches it and goes on, with buffers
//! that hold nothing: a loss may still look well when its gradient is no number any more. So panics of
//! that kind are kept here instead of printed, and asked for wherever numbers are about to count.

use burn::tensor::{Device, Tensor};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, Once, PoisonError};

/// What became of the GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceFault {
    /// An allocation did not fit.
    OutOfMemory,
    /// The driver gave the device up; nothing on it can be used any more.
    Lost(String),
    /// Another error of the graphics API.
    Failed(String),
}

impl std::fmt::Display for DeviceFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OutOfMemory => write!(f, "the GPU has no memory left"),
            Self::Lost(why) => write!(f, "the GPU was lost ({why})"),
            Self::Failed(why) => write!(f, "the GPU failed ({why})"),
        }
    }
}

/// The first fault of this process.
static FIRST: Mutex<Option<DeviceFault>> = Mutex::new(None);
static WATCHED: Once = Once::new();

/// Begins what wgpu says in panics with.
const WGPU: &str = "wgpu error: ";

impl DeviceFault {
    /// What a panic's message tells of a GPU.
    fn of_panic(text: &str) -> Option<Self> {
        match text.strip_prefix(WGPU) {
            Some(said) => Some(Self::of_error(said).unwrap_or_else(|| Self::Failed(words(said)))),
            // What is asked of a device after it was lost.
            None => Self::of_error(text).filter(|fault| matches!(fault, Self::Lost(_))),
        }
    }

    /// What an error's message tells of a GPU that cannot go on.
    pub(crate) fn of_error(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if says(&["out of memory", "out of device memory", "out-of-memory"]) {
            return Some(Self::OutOfMemory);
        }
        // The last one is what a read says of a device that is gone.
        let lost = [
            "device lost",
            "device was lost",
            "device is lost",
            "is poisoned",
            "was poisoned",
            "buffer could not be mapped",
        ];
        says(&lost).then(|| Self::Lost(words(text)))
    }
}

/// A message in one line, without its backtrace.
fn words(text: &str) -> String {
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Backtrace"));
    let told: Vec<&str> = lines.filter(|line| !line.is_empty() && *line != "Caused by:").collect();
    told.join(": ")
}

/// Keeps faults of the GPU from now on; panics of other kinds are reported as before.
pub fn watch() {
    WATCHED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            match info.payload_as_str().and_then(DeviceFault::of_panic) {
                Some(fault) => keep(fault),
                None => before(info),
            }
        }));
    });
}

fn keep(fault: DeviceFault) {
    // The first one is the cause of the others.
    FIRST.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
}

/// `fault`, or the loss of `device` where that does not compute any more: what is asked of a lost one may
/// fail in other words first.
pub(crate) fn settled(fault: DeviceFault, device: &Device) -> DeviceFault {
    match fault {
        DeviceFault::Failed(why) if !computes(device) => DeviceFault::Lost(why),
        fault => fault,
    }
}

fn computes(device: &Device) -> bool {
    let sum = AssertUnwindSafe(|| {
        let sum = Tensor::<1>::from_floats([1.0, 2.0], device).add_scalar(1.0);
        sum.try_to_vec_as::<f32>().ok()
    });
    matches!(catch_unwind(sum), Ok(Some(values)) if values == [2.0, 3.0])
}

/// The first fault so far, where there was one.
pub fn first() -> Option<DeviceFault> {
    FIRST.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Runs `work`; a panic of the GPU gives nothing, others go on.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(_) if first().is_some() => None,
        Err(panic) => resume_unwind(panic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_apart_by_what_is_said() {
        let of = DeviceFault::of_panic;
        assert_eq!(of("wgpu error: Out of Memory\n"), Some(DeviceFault::OutOfMemory));
        let validation = of("wgpu error: Validation Error\n\nCaused by:\n  In a pass");
        assert_eq!(validation, Some(DeviceFault::Failed("Validation Error: In a pass".into())));
        assert_eq!(of("index out of bounds: out of memory"), None, "a panic of our own");
        let of = DeviceFault::of_error;
        assert_eq!(of("out of device memory allocating 12 bytes"), Some(DeviceFault::OutOfMemory));
        let lost = "The device is poisoned\nCaused by:\n  Unknown: removed\nBacktrace:\n  0: main";
        let told = "The device is poisoned: Unknown: removed".to_owned();
        assert_eq!(of(lost), Some(DeviceFault::Lost(told)));
        let unread = "failed to materialize bytes: the staging buffer could not be mapped: Error";
        assert_eq!(of(unread), Some(DeviceFault::Lost(unread.into())));
        assert_eq!(of("no tokenizer.json beside the weights"), None);
    }

    #[test]
    fn a_panic_of_our_own_goes_on() {
        let thrown = catch_unwind(|| caught(|| panic!("a mistake"))).expect_err("it goes on");
        assert_eq!(thrown.downcast_ref::<&str>(), Some(&"a mistake"));
        assert_eq!(caught(|| 3), Some(3));
    }
}
