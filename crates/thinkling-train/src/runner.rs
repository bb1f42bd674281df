//! Runs a recipe from start to end, or goes on with a run that was stopped.

use crate::checkpoint::Checkpoint;
use crate::cold_start::{Shots, read_rewrites};
use crate::device_faults::{self, DeviceFault};
use crate::devices::{Devices, check_stages};
use crate::error::{DeviceFailure, Result, TrainError};
use crate::evaluate::Evaluated;
use crate::examples::check_examples;
use crate::external;
use crate::interrupt::Interrupt;
use crate::metrics::{CompletionsWriter, MetricsWriter};
use crate::model_io::{LoadedModel, StoredModel, save_adapter, save_model};
use crate::pairwise::read_prompts;
use crate::preferences::check_preferences;
use crate::progress::Progress;
use crate::questions::{Checks, read_problems};
use crate::recipe::{
    CurriculumKeys, EvalStage, ModelPlace, ModelSource, NewModel, PreferencesStage, Recipe,
    Rewards, Rewrite, RlStage, Stage, StageKind, TeacherKeys, TokenizerSource,
};
use crate::rejection::check_mix;
use crate::reward_model::RewardModelKeys;
use crate::run_dir::{BURN_VERSION, RunDir, RunInfo};
use crate::selection::Evaluations;
use crate::stage::{self, Course, Doing, SavedHead, Saving, StageContext, StageResult, rl_mixture};
use crate::teacher::HttpTeacher;
use burn::tensor::Device;
use std::path::{Path, PathBuf};
use thinkling_learn::world;
use thinkling_model::Decoder;
use thinkling_reward::{RewardSpec, Tools};
use thinkling_text::Tokenizer;
use thinkling_weights::{FloatType, ModelConfig};

pub use crate::stage::Waiting;

/// What a run starts from.
#[derive(Debug)]
pub enum Start<'a> {
    /// A recipe, in a new folder.
    New {
        /// The recipe.
        recipe: Box<Recipe>,
        /// The run's folder; `None` for `ROOT/NAME-N`.
        out: Option<&'a Path>,
        /// Where numbered folders are made.
        root: &'a Path,
        /// Device, threads and versions, for `run.json`.
        device_name: &'a str,
        /// Threads of the CPU device.
        threads: usize,
    },
    /// The folder of a run that was stopped.
    Resume {
        /// The folder.
        path: &'a Path,
        /// `KEY=VALUE` of keys that say how and not what, see [`RunDir::open`].
        sets: &'a [String],
    },
}

/// How a run ended.
#[derive(Debug)]
pub struct RunOutcome {
    /// The run's folder.
    pub path: PathBuf,
    /// Whether it was interrupted; `--resume` goes on.
    pub interrupted: bool,
    /// The review that it waits for; after that `--resume` goes on.
    pub waiting: Option<Waiting>,
    /// The stages that this process ran.
    pub stages: Vec<StageOutcome>,
    /// Folder of the last model that a stage wrote, reward models left out.
    pub model: Option<PathBuf>,
}

/// What a stage measured.
#[derive(Debug)]
pub struct StageOutcome {
    /// Name in the recipe.
    pub name: String,
    /// Evaluation before the stage, where it has one.
    pub before: Option<Evaluated>,
    /// Evaluation after the stage, where it has one and was finished.
    pub after: Option<Evaluated>,
}

/// Runs the stages of a recipe; `tools` holds what runs the programs of code tasks.
///
/// # Errors
/// A recipe whose inputs are missing or damaged, a full disk, a device that fails. What was
/// written before stays and can be resumed.
pub fn run(
    start: Start<'_>,
    devices: Devices<'_>,
    progress: &mut dyn Progress,
    interrupt: &Interrupt,
    tools: Tools<'_>,
) -> Result<RunOutcome> {
    let (run, recipe, info) = match start {
        Start::New { recipe, out, root, device_name, threads } => {
            check_inputs(&recipe, tools)?;
            check_stages(&recipe, devices.learner())?;
            let info = RunInfo::now(&recipe, device_name, threads)
                .version("thinkling", env!("CARGO_PKG_VERSION"))
                .version("burn", BURN_VERSION)
                .with_inputs(&recipe)?;
            (RunDir::create(out, root, &recipe, &info)?, *recipe, None)
        }
        Start::Resume { path, sets } => {
            let (run, recipe, info) = RunDir::open(path, sets)?;
            check_stages(&recipe, devices.learner())?;
            (run, recipe, Some(info))
        }
    };
    let resumed = info.is_some();
    progress.note(&format!("run folder: {}", run.path().display()));
    if let Some(communicator) = devices.communicator() {
        let processes = communicator.size();
        progress.note(&format!("gradients are computed by {processes} processes"));
    }
    let checkpoint = match resumed {
        true => find_checkpoint(&run, &recipe, progress)?,
        false => None,
    };
    let at = checkpoint.as_ref().map(SavedHead::read).transpose()?.map(|head| head.stage);
    // A later stage's checkpoint, or the output itself, says that a stage is done.
    let done = (0..recipe.stages.len())
        .take_while(|&index| {
            resumed && (at.is_some_and(|at| at > index) || is_done(&run, &recipe.stages[index]))
        })
        .count();
    if let Some(info) = &info {
        info.check_inputs(&recipe, done)?;
    }
    let (mut metrics, mut completions) = match resumed {
        true => {
            // Stages that are done keep their numbers, whatever became of their checkpoints.
            let steps = recipe.stages[..done].iter().map(|s| stage::steps_of(&run, s));
            let steps = steps.sum::<Result<u64>>()?;
            let step = checkpoint.as_ref().map(Checkpoint::step).max(match done {
                0 => None,
                _ => Some(steps),
            });
            (MetricsWriter::resume(run.path(), step)?, CompletionsWriter::resume(run.path(), step)?)
        }
        false => (MetricsWriter::create(run.path())?, CompletionsWriter::create(run.path())?),
    };
    let mut outcome = RunOutcome {
        path: run.path().to_owned(),
        interrupted: false,
        waiting: None,
        stages: Vec::new(),
        model: None,
    };
    let mut first_step = 0;
    for index in 0..recipe.stages.len() {
        let stage = &recipe.stages[index];
        let output = run.stage_output(&stage.name);
        if index < done {
            if stage.makes_policy() {
                outcome.model = Some(output);
            }
            first_step += stage::steps_of(&run, stage)?;
            continue;
        }
        let open = || open_model(&run, &recipe, index, devices.learner());
        let course = Course::default();
        let context = StageContext {
            run: &run,
            recipe: &recipe,
            devices,
            index,
            first_step,
            metrics: &mut metrics,
            completions: &mut completions,
            progress,
            interrupt,
            tools,
            saving: Saving::default(),
            course: &course,
        };
        let own = checkpoint.as_ref().filter(|_| at == Some(index));
        let result = device_faults::caught(|| stage::run(context, open, own));
        let result = or_device_failure(result, &run, stage, devices.learner(), &course)?;
        metrics.sync()?;
        completions.sync()?;
        outcome.interrupted = result.interrupted;
        outcome.waiting = result.waiting;
        outcome.stages.push(StageOutcome {
            name: stage.name.clone(),
            before: result.before,
            after: result.after,
        });
        if outcome.interrupted || outcome.waiting.is_some() {
            return Ok(outcome);
        }
        if let StageKind::RewardModel(keys) = &stage.kind {
            RewardModelKeys::of(keys).write(&output)?;
        }
        if let Some(model) = &result.model {
            save_output(&output, model)?;
        }
        if stage.makes_policy() {
            outcome.model = Some(output);
        }
        progress.stage_finished(&stage.name);
        first_step += stage::steps_of(&run, stage)?;
    }
    Ok(outcome)
}

/// What a stage gave, or what became of its GPU where that has failed.
fn or_device_failure(
    result: Option<Result<StageResult>>,
    run: &RunDir,
    stage: &Stage,
    device: &Device,
    course: &Course,
) -> Result<StageResult> {
    let told = match &result {
        Some(Err(error)) => DeviceFault::of_error(&error.to_string()),
        _ => None,
    };
    let fault = match (device_faults::first().or(told), result) {
        (None, Some(result)) => return result,
        (Some(fault), _) => fault,
        (None, None) => DeviceFault::Failed("it stopped".to_owned()),
    };
    let fault = device_faults::settled(fault, device);
    let checkpoint = run.checkpoints().latest_valid().ok().flatten();
    let doing = match course.doing() {
        Doing::Rollout => "in a rollout",
        Doing::Update => "in an update",
        Doing::Else => "between its steps",
    };
    Err(TrainError::Device(Box::new(DeviceFailure {
        stage: stage.name.clone(),
        doing,
        need: course.need(),
        less: less(stage, course.doing()),
        run: run.path().to_owned(),
        checkpoint: checkpoint.map(|found| found.checkpoint.path().to_owned()),
        fault,
    })))
}

/// Keys that have a stage need less of its device, with their values.
fn less(stage: &Stage, doing: Doing) -> Vec<String> {
    let set = |key: &str, value: usize| format!("stage.{}.{key}={value}", stage.name);
    if let (Doing::Rollout, StageKind::Rl(rl)) = (doing, &stage.kind) {
        let rows = rl.rollout.here().max_rows.min(rl.questions_per_rollout() * rl.group_size);
        // Whole groups run at once.
        let fewer = (rows / 2).max(rl.group_size);
        return (fewer < rows).then(|| set("rollout.max_rows", fewer)).into_iter().collect();
    }
    let Some(training) = stage.training() else { return Vec::new() };
    let smaller = training.micro_batch / 2;
    (smaller > 0).then(|| set("micro_batch", smaller)).into_iter().collect()
}

/// Whether all that a stage writes is there.
fn is_done(run: &RunDir, stage: &Stage) -> bool {
    match stage.makes_model() {
        true => run.stage_output(&stage.name).join("config.json").exists(),
        false if matches!(stage.kind, StageKind::Eval(_)) => {
            run.stage_reports(&stage.name).exists()
        }
        false => run.stage_counts(&stage.name).exists(),
    }
}

/// Writes a stage's model, and its adapter where it trained one.
fn save_output(output: &Path, model: &LoadedModel) -> Result<()> {
    let base = model.path.display().to_string();
    save_adapter(&output.join("adapter"), &model.decoder, &base)?;
    let (tokenizer, config) = (model.tokenizer.as_ref(), model.tokenizer_config.as_deref());
    save_model(output, &model.decoder, tokenizer, config, FloatType::F32)
}

/// Says at once what would be missed only after minutes.
fn check_inputs(recipe: &Recipe, tools: Tools<'_>) -> Result<()> {
    if let Some(path) = recipe.input_paths().into_iter().find(|p| !p.exists()) {
        return Err(TrainError::NotFound { what: "an input of the recipe", path });
    }
    for stage in &recipe.stages {
        if let StageKind::Sft(sft) = &stage.kind {
            check_examples(sft)?;
        }
        for path in stage.reward_model_paths() {
            StoredModel::open_reward_model(&path)?;
        }
        if let StageKind::RewardModel(keys) = &stage.kind {
            check_preferences(keys)?;
        }
        if let Some(keys) = stage.answers() {
            let rewards = keys.rewards();
            let checks = Checks { stage: &stage.name, rewards: &rewards, tools };
            if keys.data.path().is_some() {
                read_problems(&keys.data, checks, 0, false)?;
            }
            keys.decontaminate.as_ref().map(Evaluations::read).transpose()?;
        }
        match &stage.kind {
            StageKind::RejectionSampling(keys) => {
                check_mix(&keys.mix)?;
                keys.teacher.as_ref().map(HttpTeacher::open).transpose()?;
            }
            StageKind::ColdStart(keys) => {
                keys.few_shot.as_ref().map(|shots| Shots::read(shots, 0)).transpose()?;
                if let Rewrite::Teacher(rewrite) = &keys.rewrite {
                    rewrite.examples.as_deref().map(read_rewrites).transpose()?;
                    if let TeacherKeys::Http(teacher) = &rewrite.teacher {
                        HttpTeacher::open(teacher)?;
                    }
                }
            }
            StageKind::Preferences(keys) => check_pairs(keys)?,
            StageKind::Eval(keys) => check_evaluation(keys, &stage.name, tools)?,
            _ => {}
        }
        let StageKind::Rl(rl) = &stage.kind else { continue };
        check_rl(rl, &stage.name, tools)?;
    }
    Ok(())
}

/// Reads the prompts of a `preferences` stage, and the keys of its servers.
fn check_pairs(keys: &PreferencesStage) -> Result<()> {
    if keys.data.path().is_some() {
        read_prompts(&keys.data, keys.template, 0, usize::MAX)?;
    }
    for teacher in [&keys.answerer(), &keys.judge] {
        if let TeacherKeys::Http(teacher) = teacher {
            HttpTeacher::open(teacher)?;
        }
    }
    Ok(())
}

/// Reads what an `eval` stage asks, and opens the models that no stage makes.
fn check_evaluation(keys: &EvalStage, name: &str, tools: Tools<'_>) -> Result<()> {
    for path in keys.models.iter().filter_map(ModelPlace::path) {
        StoredModel::open(path)?;
    }
    let rewards = &RewardSpec::of(keys.answer);
    for source in keys.sources().filter(|source| source.path().is_some()) {
        read_problems(&source, Checks { stage: name, rewards, tools }, 0, true)?;
    }
    Ok(())
}

/// Reads the data of an `rl` stage, and asks for the programs that reward it.
fn check_rl(rl: &RlStage, name: &str, tools: Tools<'_>) -> Result<()> {
    let by_level = matches!(rl.curriculum, Some(CurriculumKeys::Level { .. }));
    let evaluated = rl.eval.iter().flat_map(|eval| &eval.data);
    for source in evaluated.filter(|source| source.source.path().is_some()) {
        let rewards = &rl.rewards_of(source).accuracy_spec();
        read_problems(&source.source, Checks { stage: name, rewards, tools }, 0, true)?;
    }
    let mut all = Vec::with_capacity(rl.data.len());
    for source in &rl.data {
        // What is generated is looked at for its levels alone.
        if by_level || source.source.path().is_some() {
            let rewards = &rl.rewards_of(source).spec();
            let checks = Checks { stage: name, rewards, tools };
            all.push(read_problems(&source.source, checks, 0, false)?.rows);
        }
    }
    if by_level {
        let of = all.iter().map(|rows| rows.iter().map(|row| row.problem.level.as_deref()));
        let levels = of.map(Iterator::collect).collect();
        rl_mixture(rl, name, levels, 0)?;
    }
    let mut external = rl.all_rewards().into_iter().flat_map(Rewards::active_external);
    external.try_for_each(|(_, reward)| external::check(reward))
}

fn find_checkpoint(
    run: &RunDir,
    recipe: &Recipe,
    progress: &mut dyn Progress,
) -> Result<Option<Checkpoint>> {
    let Some(found) = run.checkpoints().latest_valid()? else {
        // Answers of a stage that asks are kept without any checkpoint.
        if recipe.stages.first().is_some_and(Stage::makes_model) {
            progress.note("no checkpoint yet: the run starts again from its beginning");
        }
        return Ok(None);
    };
    for damaged in &found.damaged {
        progress.note(&format!("passed over a damaged checkpoint: {damaged}"));
    }
    progress.note(&format!("going on from step {}", found.checkpoint.step()));
    Ok(Some(found.checkpoint))
}

fn open_model(run: &RunDir, recipe: &Recipe, index: usize, device: &Device) -> Result<LoadedModel> {
    match recipe.model_of(index) {
        ModelSource::Path(path) => LoadedModel::open(&path, device),
        ModelSource::Stage(name) => LoadedModel::open(&run.stage_output(&name), device),
        ModelSource::New(new) => new_model(&new, recipe.seed, device),
    }
}

/// The tokenizer of a new model.
pub(crate) fn new_tokenizer(new: &NewModel) -> Result<Tokenizer> {
    let of_world = |json: serde_json::Value| {
        Tokenizer::from_json(json.to_string().as_bytes()).map_err(|e| TrainError::Failed {
            what: "the mini world's tokenizer",
            reason: e.to_string(),
        })
    };
    match &new.tokenizer {
        TokenizerSource::MiniWorld => of_world(world::tokenizer_json()),
        TokenizerSource::GrownWorld => of_world(world::grown::grown_tokenizer_json()),
        TokenizerSource::Bytes => Tokenizer::of_bytes().map_err(|e| TrainError::Failed {
            what: "the tokenizer of bytes",
            reason: e.to_string(),
        }),
        TokenizerSource::Path(path) => {
            let file = if path.is_dir() { path.join("tokenizer.json") } else { path.clone() };
            let json = std::fs::read(&file).map_err(|e| TrainError::read("tokenizer", &file, e))?;
            Tokenizer::from_json(&json).map_err(|e| TrainError::damaged(&file, e.to_string()))
        }
    }
}

/// The config of a new model with the special tokens of its tokenizer.
pub(crate) fn new_config(new: &NewModel, tokenizer: &Tokenizer) -> ModelConfig {
    let id = |names: &[&str]| names.iter().find_map(|name| tokenizer.token_to_id(name));
    let eos = id(&["<eos>", "</s>", "<|endoftext|>", "<|im_end|>"]);
    ModelConfig {
        bos_token_id: id(&["<bos>", "<s>"]),
        eos_token_ids: eos.into_iter().collect(),
        pad_token_id: id(&["<pad>"]),
        ..new.config(tokenizer.vocab_size())
    }
}

fn new_model(new: &NewModel, seed: u64, device: &Device) -> Result<LoadedModel> {
    let tokenizer = new_tokenizer(new)?;
    let config = new_config(new, &tokenizer);
    config.validate()?;
    Ok(LoadedModel {
        decoder: Decoder::init(&config, seed, device),
        tokenizer: Some(tokenizer),
        chat: None,
        tokenizer_config: None,
        path: PathBuf::from("new model"),
    })
}
