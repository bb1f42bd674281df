//! `thinkling train`.

mod dry_run;
mod restart;

pub(super) use dry_run::with_shapes;

use crate::args::TrainArgs;
use crate::bars::{Bars, clock, megabytes};
use crate::commands::{as_it_was, program, stop_on_ctrl_c};
use crate::device;
use crate::failure::Failure;
use crate::mpi::{self, World};
use crate::sandbox::Runner;
use crate::table;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;
use thinkling_reward::Tools;
use thinkling_reward::code::RunCode;
use thinkling_train::TrainError;
use thinkling_train::cost::peak_bytes;
use thinkling_train::devices::Devices;
use thinkling_train::evaluate::{Evaluated, Tally};
use thinkling_train::hub::{Hub, Want};
use thinkling_train::recipe::{ModelSource, Recipe};
use thinkling_train::run_dir::RunInfo;
use thinkling_train::runner::{self, RunOutcome, Start, Waiting};
use thinkling_train::workers;

pub(crate) fn run(args: TrainArgs) -> Result<(), Failure> {
    let Some(world) = mpi::join()? else { return lead(args, None) };
    let result = match world.rank {
        0 => lead(args, Some(&world)),
        _ => follow(&args, &world),
    };
    match result {
        // The others wait for this one.
        Err(failure) if failure.is_error() => mpi::abort(world.rank, &failure),
        result if world.rank == 0 => {
            workers::release(&*world.communicator).map_err(Failure::from).and(result)
        }
        result => result,
    }
}

/// Computes shares of the gradients of a run that another process leads.
fn follow(args: &TrainArgs, world: &World) -> Result<(), Failure> {
    // The leader decides when to stop.
    ctrlc::set_handler(|| {})
        .map_err(|e| Failure::running(format!("Ctrl-C cannot be caught: {e}")))?;
    let opened = device::open(&args.device)?;
    Ok(workers::follow(&*world.communicator, &opened.device)?)
}

/// Runs the recipe, by itself or as the first of some processes.
fn lead(args: TrainArgs, world: Option<&World>) -> Result<(), Failure> {
    let clock_start = Instant::now();
    let mut sets = if args.resume.is_none() { args.set.clone() } else { Vec::new() };
    sets.extend(args.seed.map(|seed| format!("seed={seed}")));
    let recipe =
        args.recipe.as_deref().map(|path| Recipe::load_with_ids(path, &sets)).transpose()?;
    let recipe = match recipe {
        Some(recipe) if args.dry_run => return dry_run::run(&args, recipe),
        Some(recipe) => {
            let (hub, mut bars) = (Hub::from_env(), Bars::new());
            Some(recipe.fetch(|id| hub.fetch(id, Want::All, &mut bars).map(Some))?)
        }
        None => None,
    };
    if let Some(path) = args.resume.as_deref().filter(|p| !p.exists()) {
        return Err(Failure::usage(format!("no run folder at {}", path.display())));
    }
    let interrupt =
        stop_on_ctrl_c("stopping after this step and saving; Ctrl-C again stops at once")?;
    let info = args.resume.as_deref().map(RunInfo::load).transpose()?;
    let mut wanted = args.device.clone();
    if let Some(info) = &info {
        wanted = as_it_was(wanted, &info.device, Some(info.threads));
    }
    let opened = device::open(&wanted)?;
    let device_name = match world {
        None => opened.name.clone(),
        Some(world) => format!("{}, {} processes", opened.name, world.communicator.size()),
    };
    if let Some(info) = info.filter(|info| info.device != device_name) {
        eprintln!(
            "note: the run was on {}; on another device its numbers are close, not the same",
            info.device
        );
    }
    let mut bars = Bars::new();
    let start = match (recipe, &args.resume) {
        (Some(recipe), _) => Start::New {
            recipe: Box::new(recipe),
            out: args.out.as_deref(),
            root: Path::new("runs"),
            device_name: &device_name,
            threads: opened.threads,
        },
        (None, Some(path)) => Start::Resume { path, sets: &args.set },
        (None, None) => return Err(Failure::usage("give a recipe, or --resume DIR")),
    };
    let sandbox = Runner::open()?;
    let tools = Tools { runner: sandbox.get().map(|runner| runner as &dyn RunCode) };
    let open = |wanted| opened.engine_adapter(wanted);
    let mut devices = Devices::from(&opened.device).with_adapters(&open);
    if let Some(world) = world {
        devices = devices.with_workers(&world.communicator);
    }
    let outcome = runner::run(start, devices, &mut bars, &interrupt, tools);
    drop(bars);
    let outcome = match outcome {
        // A process of several cannot be replaced.
        Err(TrainError::Device(failure)) if world.is_none() => {
            return Err(restart::go_on(&failure, &args));
        }
        outcome => outcome?,
    };
    if outcome.interrupted {
        let path = outcome.path.display();
        eprintln!("stopped. Go on with:\n  {} train --resume {path}", program());
        return Ok(());
    }
    if args.json {
        println!("{}", as_json(&outcome));
    }
    if let Some(waiting) = &outcome.waiting {
        return Err(Failure::waiting(ask_for_review(waiting, &outcome.path)));
    }
    if !args.json {
        tell(&outcome, clock_start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Says what waits, and the commands that go on.
fn ask_for_review(waiting: &Waiting, run: &Path) -> String {
    let Waiting { stage, queue, items, open } = waiting;
    format!(
        "stage `{stage}` waits for a person: {open} of {items} items have no decision. Review them:\n  \
         {program} review {}\nThen go on with:\n  {program} train --resume {}",
        queue.display(),
        run.display(),
        program = program()
    )
}

fn tell(outcome: &RunOutcome, seconds: f64) {
    for stage in &outcome.stages {
        let (Some(before), Some(after)) = (&stage.before, &stage.after) else { continue };
        println!("\n{}: before and after", stage.name);
        println!("{}", table::before_after(before, after));
        if let Some(measured) = base_measured(outcome) {
            println!("{measured}");
        }
        if let Some((was, is)) = table::example(before, after) {
            println!("\nOne problem ({}): {}", is.level, was.question);
            println!("  before: {}", was.text.trim());
            println!("  after:  {}", is.text.trim());
        }
    }
    let peak =
        peak_bytes().map_or_else(String::new, |bytes| format!(", at most {}", megabytes(bytes)));
    println!("\ndone in {}{peak}. The run is in {}", clock(seconds), outcome.path.display());
    if let Some(model) = &outcome.model {
        println!("Go on:");
        println!(
            "  {} generate --model {} --template r1-zero --prompt '..'",
            program(),
            model.display()
        );
        println!("  tensorboard --logdir {}", outcome.path.display());
    }
}

/// What is known of the model that the run began with, from `measured.json` in its folder: how much
/// of the gain the base could do now and then.
fn base_measured(outcome: &RunOutcome) -> Option<String> {
    let recipe = Recipe::load(&outcome.path.join("recipe.toml"), &[]).ok()?;
    let ModelSource::Path(folder) = recipe.model else { return None };
    let bytes = std::fs::read(folder.join("measured.json")).ok()?;
    let measured: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    let (samples, share) = (measured.get("samples")?.as_u64()?, measured.get("pass_at_16")?);
    Some(format!(
        "The base alone is right at least once in {samples} tries for {:.0} % of such problems \
         (measured once, {}).",
        100.0 * share.as_f64()?,
        folder.join("measured.json").display()
    ))
}

fn as_json(outcome: &RunOutcome) -> serde_json::Value {
    let one = |e: &Evaluated| {
        let accuracies = |parts: &BTreeMap<String, Tally>| -> serde_json::Value {
            parts
                .iter()
                .map(|(part, t)| (part.clone(), serde_json::Value::from(t.accuracy())))
                .collect()
        };
        json!({
            "problems": e.all.problems,
            "accuracy": e.all.accuracy(),
            "accuracy_interval": e.all.accuracy_interval(),
            "format_free_accuracy": e.all.format_free_accuracy(),
            "format": e.all.format(),
            "mean_tokens": e.all.mean_tokens(),
            "pass_at_k": e.all.pass_at_k(),
            "levels": accuracies(&e.levels),
            "sources": accuracies(&e.sources),
        })
    };
    let stages: Vec<_> = outcome
        .stages
        .iter()
        .map(|s| {
            json!({
                "name": s.name,
                "before": s.before.as_ref().map(one),
                "after": s.after.as_ref().map(one),
            })
        })
        .collect();
    let waiting = outcome
        .waiting
        .as_ref()
        .map(|w| json!({"stage": w.stage, "queue": w.queue, "items": w.items, "open": w.open}));
    json!({
        "run": outcome.path,
        "model": outcome.model,
        "waiting": waiting,
        "stages": stages,
        "peak_bytes": peak_bytes(),
    })
}
