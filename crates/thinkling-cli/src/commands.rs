//! One file a command.

pub(crate) mod bench;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod report;
pub(crate) mod review;
pub(crate) mod score;
pub(crate) mod train;
pub(crate) mod world;

use crate::args::DeviceArgs;
use crate::failure::Failure;
use std::path::Path;
use thinkling_train::interrupt::Interrupt;
use thinkling_train::model_io::StoredModel;

/// Opens a model by path; a hub id gets its own answer.
pub(crate) fn open_model(path: &Path) -> Result<StoredModel, Failure> {
    let text = path.to_string_lossy();
    let parts: Vec<&str> = text.split('/').collect();
    let plain = |s: &str| !s.is_empty() && !s.starts_with('.');
    if !path.exists()
        && parts.len() == 2
        && parts.iter().all(|p| plain(p))
        && !text.ends_with(".gguf")
    {
        return Err(Failure::usage(format!(
            "no model at {text}; if it is a hub id: downloading is not there yet, so fetch the model \
             first and give its folder or GGUF file"
        )));
    }
    Ok(StoredModel::open(path)?)
}

/// Asks to stop at the first Ctrl-C, with `message`, and ends the process at the second.
pub(crate) fn stop_on_ctrl_c(message: &'static str) -> Result<Interrupt, Failure> {
    let interrupt = Interrupt::new();
    let handler = interrupt.clone();
    ctrlc::set_handler(move || {
        if handler.request() {
            std::process::exit(130);
        }
        eprintln!("\n{message}");
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
