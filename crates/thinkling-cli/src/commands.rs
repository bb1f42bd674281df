//! One file a command.

pub(crate) mod bench;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod review;
pub(crate) mod score;
pub(crate) mod serve;
pub(crate) mod train;
pub(crate) mod world;

use crate::args::DeviceArgs;
use crate::bars::Bars;
use crate::failure::Failure;
use std::path::{Path, PathBuf};
use thinkling_train::hub::{self, Hub, Want};
use thinkling_train::interrupt::Interrupt;
use thinkling_train::model_io::StoredModel;

/// Opens a model by its path, or by its id on the hub.
pub(crate) fn open_model(path: &Path) -> Result<StoredModel, Failure> {
    Ok(StoredModel::open(&fetched(path)?)?)
}

/// Where a model lies; one of the hub is fetched first.
pub(crate) fn fetched(model: &Path) -> Result<PathBuf, Failure> {
    match hub::id_of(model) {
        None => Ok(model.to_path_buf()),
        Some(id) => Ok(Hub::from_env().fetch(&id, Want::All, &mut Bars::new())?.path),
    }
}

/// Asks to stop at the first Ctrl-C, with `message`, and ends the process at the second.
pub(crate) fn stop_on_ctrl_c(message: &'static str) -> Result<Interrupt, Failure> {
    on_ctrl_c(message, || {})
}

/// As [`stop_on_ctrl_c`], and calls `stop` at the first one.
pub(crate) fn on_ctrl_c(
    message: &'static str,
    stop: impl Fn() + Send + 'static,
) -> Result<Interrupt, Failure> {
    let interrupt = Interrupt::new();
    let handler = interrupt.clone();
    ctrlc::set_handler(move || {
        if handler.request() {
            std::process::exit(130);
        }
        eprintln!("\n{message}");
        stop();
    })
    .map_err(|e| Failure::running(format!("Ctrl-C cannot be caught: {e}")))?;
    Ok(interrupt)
}

/// The device and threads that a run had, where the call leaves the choice: with them a resumed run
/// on the CPU gives the same numbers to the last bit.
pub(crate) fn as_it_was(mut device: DeviceArgs, was: &str, threads: Option<usize>) -> DeviceArgs {
    if device.device == "auto" && was.starts_with("cpu") {
        "cpu".clone_into(&mut device.device);
    }
    if device.threads.is_none() && device.device == "cpu" {
        device.threads = threads;
    }
    device
}

/// What the user called this program by, for the commands that messages suggest.
pub(crate) fn program() -> String {
    std::env::args().next().filter(|name| !name.is_empty()).unwrap_or_else(|| "thinkling".into())
}
