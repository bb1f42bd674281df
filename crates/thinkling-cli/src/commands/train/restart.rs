//! A run whose GPU has failed goes on in a new process: the old one's device cannot be used again.

use crate::args::TrainArgs;
use crate::failure::Failure;
use std::path::Path;
use thinkling_train::DeviceFailure;
use thinkling_train::device_faults::DeviceFault;

/// Holds what a process went on from, so that one that gets nowhere ends.
const FROM: &str = "THINKLING_WENT_ON_FROM";

/// Goes on with less, or from the last checkpoint; comes back where that would not help.
pub(super) fn go_on(failure: &DeviceFailure, args: &TrainArgs) -> Failure {
    let failed = Failure::running(failure.to_string());
    let helps = match failure.fault {
        DeviceFault::OutOfMemory => !failure.less.is_empty(),
        DeviceFault::Lost(_) => {
            std::env::var_os(FROM).is_none_or(|from| from != *from_where(failure))
        }
        DeviceFault::Failed(_) => false,
    };
    if !helps {
        return failed;
    }
    eprintln!("{failure}\ngoing on in a new process ..");
    match replace(failure, args) {
        Ok(()) => failed,
        Err(e) => Failure::running(format!("{failure} (a new process did not start: {e})")),
    }
}

/// The checkpoint that a new process goes on from; without one the run's folder itself.
fn from_where(failure: &DeviceFailure) -> &Path {
    failure.checkpoint.as_ref().unwrap_or(&failure.run)
}

/// Puts a new process in this one's place, which frees all that it holds on the device. Where a system
/// has no such thing, the user begins it.
#[cfg(unix)]
fn replace(failure: &DeviceFailure, args: &TrainArgs) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args(["train", "--resume"]).arg(&failure.run);
    if failure.fault == DeviceFault::OutOfMemory {
        command.args(failure.less.iter().flat_map(|set| ["--set", set]));
    }
    command.args(["--device", &args.device.device]);
    if let Some(threads) = args.device.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    // The same kernels passed when the run began.
    command.arg("--skip-self-test");
    if args.json {
        command.arg("--json");
    }
    command.env(FROM, from_where(failure));
    Err(command.exec())
}

#[cfg(not(unix))]
fn replace(_: &DeviceFailure, _: &TrainArgs) -> std::io::Result<()> {
    Ok(())
}
