//! The binary `thinkling`: train small language models to reason, and run them.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod args;
mod bars;
mod buffer;
mod chat;
mod commands;
mod device;
mod failure;
mod mpi;
mod review;
mod sandbox;
mod table;
mod wrap;

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;
use thinkling_train::device_faults;

fn main() -> ExitCode {
    let cli = Cli::parse();
    quiet_mesa_without_a_desktop();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    device_faults::watch();
    let result = match cli.command {
        Command::Train(args) => commands::train::run(args),
        Command::Plan(args) => commands::plan::run(&args),
        Command::Eval(args) => commands::eval::run(*args),
        Command::Generate(args) => commands::generate::run(args),
        Command::Chat(args) => commands::chat::run(&args),
        Command::Serve(args) => commands::serve::run(*args),
        Command::Export(args) => commands::export::run(args),
        Command::Doctor(args) => commands::doctor::run(args),
        Command::Score(args) => commands::score::run(&args),
        Command::Review(args) => commands::review::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::World(args) => commands::world::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
        Command::Man(args) => commands::man::run(&args),
    };
    match result {
        Ok(()) if let Some(fault) = device_faults::first() => {
            eprintln!("error: {fault}; nothing of the above can be relied on");
            ExitCode::FAILURE
        }
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let label = if failure.is_error() { "error: " } else { "" };
            eprintln!("{label}{failure}");
            ExitCode::from(failure.code())
        }
    }
}

/// Mesa's device-selection layer asks the desktop for its GPU and complains on stderr where there
/// is none; without a desktop there is nothing to ask.
fn quiet_mesa_without_a_desktop() {
    let unset = |name| std::env::var_os(name).is_none();
    if ["XDG_RUNTIME_DIR", "WAYLAND_DISPLAY", "DISPLAY"].into_iter().all(unset) {
        // SAFETY: the first thing that main does, before any other thread runs.
        #[allow(unsafe_code, reason = "the layer reads nothing but the environment")]
        unsafe {
            std::env::set_var("NODEVICE_SELECT", "1");
        }
    }
}
