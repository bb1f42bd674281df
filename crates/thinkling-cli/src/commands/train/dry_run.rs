//! `thinkling train RECIPE --dry-run`: what a recipe is going to do, and what it needs.

use crate::args::{DeviceArgs, TrainArgs};
use crate::bars::{Bars, clock, megabytes};
use crate::device::{self, Opened};
use crate::failure::Failure;
use crate::sandbox::Runner;
use serde_json::{Value, json};
use std::time::Instant;
use thinkling_reward::Tools;
use thinkling_reward::code::RunCode;
use thinkling_train::TrainError;
use thinkling_train::cost::{Phase, StagePlan, StageTime, measure, plan_stage};
use thinkling_train::devices::Devices;
use thinkling_train::hub::{Hub, HubError, HubId, Want};
use thinkling_train::recipe::{
    LoadedRecipe, ModelSource, NewModel, Recipe, StageKind, TokenizerSource,
};

/// What is known of a stage before it runs.
struct Described {
    /// Its data, in words.
    data: Option<String>,
    /// Steps that its data decides.
    steps: u64,
    /// What it needs; without one, why not.
    plan: Result<StagePlan, String>,
}

pub(super) fn run(args: &TrainArgs, recipe: LoadedRecipe) -> Result<(), Failure> {
    let started = Instant::now();
    let recipe = &with_shapes(recipe)?;
    if !args.json {
        print!("{}", recipe.to_toml()?);
    }
    let sandbox = Runner::open()?;
    let tools = Tools { runner: sandbox.get().map(|runner| runner as &dyn RunCode) };
    // A GPU that is not used needs no test.
    let skip_self_test = args.device.skip_self_test || args.no_measure;
    let opened = device::open(&DeviceArgs { skip_self_test, ..args.device.clone() })?;
    let mut stages = Vec::new();
    for index in 0..recipe.stages.len() {
        let mut stage = describe_stage(recipe, index, !opened.is_gpu(), tools)?;
        if let (Ok(plan), false) = (&mut stage.plan, args.no_measure) {
            time(plan, &opened)?;
        }
        stages.push(stage);
    }
    let seconds = started.elapsed().as_secs_f64();
    match args.json {
        true => println!("{}", as_json(recipe, &stages, seconds)?),
        false => tell(recipe, &stages, seconds),
    }
    Ok(())
}

/// Fetches the shapes of models of the hub, a few megabytes each, and says what a run is going to fetch.
/// A model that cannot be had now leaves the recipe sound.
pub(in crate::commands) fn with_shapes(recipe: LoadedRecipe) -> Result<Recipe, Failure> {
    let (hub, mut bars) = (Hub::from_env(), Bars::new());
    let fetch = |id: &HubId| match hub.fetch(id, Want::Shape, &mut bars) {
        Ok(fetched) => {
            if fetched.missing_bytes > 0 {
                let size = megabytes(fetched.missing_bytes);
                eprintln!("{id}: the weights, {size}, are not here; a run fetches them first");
            }
            Ok(Some(fetched))
        }
        Err(error @ TrainError::Hub(HubError::Unreachable { .. } | HubError::Offline { .. })) => {
            eprintln!("note: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    };
    Ok(recipe.fetch(fetch)?)
}

/// Times a piece of the stage. What does not fit into memory is not tried.
fn time(plan: &mut StagePlan, opened: &Opened) -> Result<(), Failure> {
    let open = |wanted| opened.engine_adapter(wanted);
    let devices = Devices::from(&opened.device).with_adapters(&open);
    plan.time = measure(&plan.sizes, devices)?;
    Ok(())
}

fn describe_stage(
    recipe: &Recipe,
    index: usize,
    on_host: bool,
    tools: Tools<'_>,
) -> Result<Described, Failure> {
    let stage = &recipe.stages[index];
    let root = root_path(recipe, index);
    let plan = match root.filter(|path| !path.exists()) {
        Some(path) => Err(format!("{} is not there, what it needs is unknown", path.display())),
        None => Ok(plan_stage(recipe, index, on_host, tools)?),
    };
    let unknown = match stage.kind {
        StageKind::Sft(_) => Some("its examples are unknown"),
        StageKind::RejectionSampling(_) | StageKind::ColdStart(_) | StageKind::Preferences(_) => {
            Some("its prompts are unknown")
        }
        StageKind::RewardModel(_) => Some("its preferences are unknown"),
        StageKind::Eval(_) => Some("its problems are unknown"),
        StageKind::Pretrain(_) | StageKind::Rl(_) => None,
    };
    // A recipe that names files of others is sound without them.
    let missing = recipe.inputs_of(index).into_iter().find(|path| !path.exists());
    let made = || "an earlier stage makes its examples, whose number is unknown".to_owned();
    let data = unknown.map(|unknown| match (&missing, &plan) {
        (Some(path), _) => format!("{} is not there, {unknown}", path.display()),
        (None, Ok(plan)) => plan.data.clone().unwrap_or_else(made),
        (None, Err(_)) => made(),
    });
    let decided = plan.as_ref().ok().filter(|_| stage.steps() == 0);
    let steps = decided.map_or(0, |plan| plan.steps);
    Ok(Described { data, steps, plan })
}

/// Path of the model that a stage and those before it began with, where it is one.
fn root_path(recipe: &Recipe, index: usize) -> Option<std::path::PathBuf> {
    let mut source = recipe.model_of(index);
    while let ModelSource::Stage(name) = &source {
        let before = recipe.stages.iter().position(|stage| stage.name == *name)?;
        source = recipe.model_of(before);
    }
    match source {
        ModelSource::Path(path)
        | ModelSource::New(NewModel { tokenizer: TokenizerSource::Path(path), .. }) => Some(path),
        _ => None,
    }
}

fn tell(recipe: &Recipe, stages: &[Described], seconds: f64) {
    for (stage, described) in recipe.stages.iter().zip(stages) {
        let name = &stage.name;
        if let Some(data) = &described.data {
            eprintln!("stage `{name}`: {data}");
        }
        match &described.plan {
            Ok(plan) => eprintln!("stage `{name}`: {}", words(plan)),
            Err(reason) if described.data.is_none() => eprintln!("stage `{name}`: {reason}"),
            Err(_) => {}
        }
    }
    let steps = recipe.total_steps() + stages.iter().map(|stage| stage.steps).sum::<u64>();
    let plans = || stages.iter().filter_map(|stage| stage.plan.as_ref().ok());
    if plans().count() > 1 {
        let most = plans().map(|plan| plan.peak_bytes).max().unwrap_or(0);
        let total: f64 = plans().filter_map(|p| p.time.as_ref()).map(|time| time.total_s).sum();
        let time = if total > 0.0 { format!(", about {}", clock(total)) } else { String::new() };
        eprintln!("all stages: {} at most{time}", megabytes(most));
    }
    eprintln!(
        "the recipe is sound: {steps} optimiser steps; nothing was trained (took {seconds:.1} s)"
    );
}

fn words(plan: &StagePlan) -> String {
    let StagePlan { memory, .. } = plan;
    let doing = match plan.peak_phase {
        Phase::Loading => "while it reads the weights",
        Phase::Rollout => "while it samples",
        Phase::Update => "while it learns",
    };
    let place = if plan.on_gpu { " on the GPU" } else { "" };
    let mut text = format!("memory {}{place}, {doing}", megabytes(plan.peak_bytes));
    let [stays, rollout, update] = memory.parts();
    for (title, parts) in [("stays", stays), ("rollout", rollout), ("update", update)] {
        if parts.is_empty() {
            continue;
        }
        let all: Vec<String> =
            parts.iter().map(|(what, bytes)| format!("{what} {}", megabytes(*bytes))).collect();
        text += &format!("\n  {title:<8} {}", all.join(", "));
    }
    if memory.micro_batches > 0 {
        text += &format!(
            "\n  {:<8} a step runs in {} micro-batches of up to {} tokens",
            "", memory.micro_batches, memory.micro_batch_tokens
        );
    }
    if let Some(time) = &plan.time {
        text += &format!("\n  {:<8} {}", "time", time_words(plan, time));
    }
    for assumed in &plan.assumed {
        text += &format!("\n  {:<8} {assumed}", "assumed");
    }
    text
}

fn time_words(plan: &StagePlan, time: &StageTime) -> String {
    let [low, high] = time.range_s;
    let total = time.total_s;
    let mut text = format!("about {} ({} to {})", clock(total), clock(low), clock(high));
    let mut parts = Vec::new();
    if let Some(seconds) = time.rollout_s {
        parts.push(format!("{} rollouts of {seconds:.2} s", plan.rollouts));
    }
    if let Some(seconds) = time.reference_s {
        parts.push(format!("the reference {seconds:.2} s each"));
    }
    if let Some(seconds) = time.update_s {
        parts.push(format!("{} steps of {seconds:.2} s", plan.steps));
    }
    if time.evaluations_s > 0.0 {
        parts.push(format!("evaluations {}", clock(time.evaluations_s)));
    }
    text += &format!(": {}", parts.join(", "));
    let piece = match time.timed.share {
        share if share >= 0.999 => "a whole one".to_owned(),
        share => format!("{:.2} % of one, scaled by operations", 100.0 * share),
    };
    text += &format!("\n  {:<8} median of {} timed steps, each {piece}", "", time.timed.steps);
    if time.rollout_s.is_some() {
        text += "; were every completion at its limit";
    }
    text
}

fn as_json(recipe: &Recipe, stages: &[Described], seconds: f64) -> Result<Value, Failure> {
    let encode = |e: serde_json::Error| Failure::running(e.to_string());
    let mut all = Vec::new();
    for (stage, described) in recipe.stages.iter().zip(stages) {
        let mut one = match &described.plan {
            Ok(plan) => serde_json::to_value(plan).map_err(encode)?,
            Err(reason) => json!({
                "stage": stage.name, "kind": stage.kind.name(), "unknown": reason
            }),
        };
        one["data"] = described.data.clone().into();
        all.push(one);
    }
    let plans = || stages.iter().filter_map(|stage| stage.plan.as_ref().ok());
    let total: f64 = plans().filter_map(|p| p.time.as_ref()).map(|time| time.total_s).sum();
    Ok(json!({
        "recipe": serde_json::to_value(recipe).map_err(encode)?,
        "stages": all,
        "peak_bytes": plans().map(|plan| plan.peak_bytes).max(),
        "total_s": (total > 0.0).then_some(total),
        "dry_run_s": seconds,
    }))
}
