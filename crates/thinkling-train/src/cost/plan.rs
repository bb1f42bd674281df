//! What a stage of a recipe needs, from the recipe, its model's shape and its data.

use super::measure::StageTime;
use super::memory::{Memory, Phase};
use super::origin::Origin;
use super::sizes::{DataSizes, StageSizes};
use crate::error::Result;
use crate::examples;
use crate::pairwise::{PlannedPairs, Prompt, read_prompts};
use crate::preferences;
use crate::questions::{Checks, load_questions};
use crate::recipe::{
    AnswerKeys, EvalStage, ExampleSource, PreferenceSource, PreferencesStage, QuestionSource,
    Recipe, RlSource, RlStage, StageKind, TeacherKeys,
};
use crate::selection::Planned;
use serde::Serialize;
use std::path::Path;
use thinkling_reward::{RewardSpec, Tools};

/// What a stage needs.
#[derive(Clone, Debug, Serialize)]
pub struct StagePlan {
    /// Name of the stage.
    pub stage: String,
    /// Its kind.
    pub kind: &'static str,
    /// Parameters of its model.
    pub parameters: usize,
    /// Values that it trains.
    pub trained: usize,
    /// Optimiser steps.
    pub steps: u64,
    /// Rollouts.
    pub rollouts: u64,
    /// Bytes by what they are for.
    pub memory: Memory,
    /// When the stage holds the most.
    pub peak_phase: Phase,
    /// Bytes that it holds then.
    pub peak_bytes: u64,
    /// Whether a memory need is that of the device that learns, a GPU, rather than of the process.
    pub on_gpu: bool,
    /// What could not be read, and what was taken in its place.
    pub assumed: Vec<String>,
    /// What its data comes to, in words, where that was read.
    #[serde(skip)]
    pub data: Option<String>,
    /// Seconds, where they were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<StageTime>,
    /// Sizes that all of this follows from.
    #[serde(skip)]
    pub sizes: StageSizes,
}

/// What stage `index` needs on the CPU (`on_host`) or a GPU, without its time.
///
/// # Errors
/// A model that is not there or damaged, data that is damaged.
pub fn plan_stage(
    recipe: &Recipe,
    index: usize,
    on_host: bool,
    tools: Tools<'_>,
) -> Result<StagePlan> {
    let stage = &recipe.stages[index];
    let origin = Origin::of(recipe, index)?;
    let mut data = DataSizes { stored_bytes: origin.stored_bytes, ..DataSizes::default() };
    let (mut assumed, mut words) = (Vec::new(), None);
    match &stage.kind {
        StageKind::Pretrain(_) => {}
        StageKind::Sft(keys) => {
            let is_known = |source: &ExampleSource| {
                !source.is_made_by_a_stage() && source.path().is_none_or(Path::exists)
            };
            if keys.data.iter().all(is_known) && origin.tokenizer.is_some() {
                let counts = examples::describe(recipe, index, keys, &origin)?;
                words = Some(counts.words());
                data = DataSizes { stored_bytes: origin.stored_bytes, ..counts.sizes() };
            } else {
                assumed.push(format!("sequences of `max_tokens` = {}", keys.max_tokens));
                if keys.training.steps == 0 {
                    assumed.push("no steps: the number of its examples is unknown".into());
                }
            }
        }
        StageKind::RewardModel(keys) => {
            let is_known = |source: &PreferenceSource| {
                !source.is_made_by_a_stage() && source.path().is_none_or(Path::exists)
            };
            if keys.data.iter().all(is_known) && origin.tokenizer.is_some() {
                let counts = preferences::describe(recipe, index, keys, &origin)?;
                words = Some(counts.words());
                let stored_bytes = origin.stored_bytes;
                data = DataSizes { stored_bytes, ..counts.sizes(keys.objective) };
            } else {
                assumed.push(format!("responses of `max_tokens` = {}", keys.max_tokens));
                if keys.training.steps == 0 {
                    assumed.push("no steps: the number of its examples is unknown".into());
                }
            }
        }
        StageKind::Rl(keys) => {
            if keys.data.iter().all(|r| is_there(&r.source)) && origin.tokenizer.is_some() {
                rl_data(recipe, index, keys, &origin, tools, &mut data)?;
            }
        }
        StageKind::RejectionSampling(_) | StageKind::ColdStart(_) => {
            if let Some(keys) = stage.answers().filter(|keys| is_there(&keys.data)) {
                let planned = answer_data(recipe, index, keys, &origin, tools, &mut data)?;
                words = Some(planned.words());
            }
            if !stage.samples_here() {
                assumed.push("a server answers, nothing is sampled here".into());
            }
        }
        StageKind::Preferences(keys) => {
            if keys.data.path().is_none_or(Path::exists) {
                words = Some(pair_data(recipe, index, keys, &origin, &mut data)?.words());
            }
            if keys.teacher.is_some() {
                assumed.push("a server answers, nothing is sampled here".into());
            }
            assumed.push(match &keys.judge {
                TeacherKeys::Http(_) => "a server judges, whose time is not in it".into(),
                TeacherKeys::Local(_) => "memory and time of a judge here are not in it".into(),
            });
        }
        StageKind::Eval(keys) => {
            if keys.sources().all(|source| is_there(&source)) && origin.tokenizer.is_some() {
                let most = evaluation_data(recipe, index, keys, &origin, tools, &mut data)?;
                let (models, answers) = (keys.models.len(), most * keys.samples);
                words = Some(format!("{models} models, {answers} answers of each at most"));
            }
            if keys.models.len() > 1 {
                assumed.push("all its models have the shape of the recipe's".into());
            }
        }
    }
    let asks = matches!(stage.kind, StageKind::Rl(_) | StageKind::Eval(_)) || stage.samples_here();
    if asks && data.prompt_tokens.is_none() {
        const PROMPT: usize = 256;
        data.prompt_tokens = Some(PROMPT);
        assumed.push(format!("prompts of {PROMPT} tokens: tokenizer or data are not there"));
    }
    let sizes = StageSizes::of(recipe, index, origin.config, on_host, &data);
    let memory = Memory::of(&sizes);
    let (peak_phase, peak_bytes) = memory.peak();
    Ok(StagePlan {
        stage: stage.name.clone(),
        kind: stage.kind.name(),
        parameters: sizes.model.parameter_count(),
        trained: if sizes.update.is_some() { sizes.trained() } else { 0 },
        steps: sizes.update.as_ref().map_or(0, |update| update.steps),
        rollouts: sizes.rollout.as_ref().map_or(0, |rollout| rollout.count),
        memory,
        peak_phase,
        peak_bytes,
        on_gpu: !on_host,
        assumed,
        data: words,
        time: None,
        sizes,
    })
}

/// Whether the file of these questions, where they come from one, is there.
fn is_there(source: &QuestionSource) -> bool {
    source.path().is_none_or(Path::exists)
}

/// Adds questions to what is known of a stage's prompts; gives how many there are.
fn add_prompts(loaded: &[thinkling_learn::Question], data: &mut DataSizes) -> usize {
    let longest = loaded.iter().map(|question| question.prompt.len()).max().unwrap_or(0);
    data.prompt_tokens = data.prompt_tokens.max(Some(longest));
    loaded.len()
}

fn rl_data(
    recipe: &Recipe,
    index: usize,
    keys: &RlStage,
    origin: &Origin,
    tools: Tools<'_>,
    data: &mut DataSizes,
) -> Result<()> {
    let (name, seed) = (&recipe.stages[index].name, recipe.stage_seed(index));
    let context = origin.config.max_position_embeddings;
    let mut read = |source: &RlSource, held_out: bool, limit: usize| {
        let prompts = origin.prompts(keys.template_of(source))?;
        let rewards = match held_out {
            true => keys.rewards_of(source).accuracy_spec(),
            false => keys.rewards_of(source).spec(),
        };
        let checks = Checks { stage: name, rewards: &rewards, tools };
        let asked = Some((prompts, context));
        let loaded = load_questions(checks, &source.source, asked, (seed, held_out), limit)?;
        Ok(add_prompts(&loaded.questions, data))
    };
    let trained: usize =
        keys.data.iter().map(|source| read(source, false, usize::MAX)).sum::<Result<_>>()?;
    let eval = keys.eval.iter().flat_map(|e| e.data.iter().map(|source| (source, e.problems)));
    let mut evaluated = None;
    for (source, limit) in eval.filter(|(source, _)| is_there(&source.source)) {
        *evaluated.get_or_insert(0) += read(source, true, limit)?;
    }
    data.prompts = Some(trained);
    data.evaluated = evaluated;
    Ok(())
}

/// Reads the problems of an `eval` stage; gives how many there are.
fn evaluation_data(
    recipe: &Recipe,
    index: usize,
    keys: &EvalStage,
    origin: &Origin,
    tools: Tools<'_>,
    data: &mut DataSizes,
) -> Result<usize> {
    let rewards = RewardSpec::of(keys.answer);
    let checks = Checks { stage: &recipe.stages[index].name, rewards: &rewards, tools };
    let asked = Some((origin.prompts(keys.template)?, origin.config.max_position_embeddings));
    let limit = keys.problems.unwrap_or(usize::MAX);
    let mut counts = Vec::new();
    for source in keys.sources() {
        let loaded = load_questions(checks, &source, asked, (recipe.seed, true), limit)?;
        counts.push(add_prompts(&loaded.questions, data));
    }
    // Sets are planned alike: as large as they are in the mean.
    data.prompts = Some(counts.iter().sum::<usize>().div_ceil(counts.len().max(1)));
    Ok(counts.iter().sum())
}

/// Reads the prompts of a `preferences` stage, which a server may answer.
fn pair_data<'k>(
    recipe: &Recipe,
    index: usize,
    keys: &'k PreferencesStage,
    origin: &Origin,
    data: &mut DataSizes,
) -> Result<PlannedPairs<'k>> {
    let limit = keys.problems.unwrap_or(usize::MAX);
    let read = read_prompts(&keys.data, keys.template, recipe.stage_seed(index), limit)?;
    if keys.teacher.is_none() && origin.tokenizer.is_some() {
        let prompts = origin.prompts(keys.template)?;
        let tokens = |prompt: &Prompt| prompts.ids_of(&prompt.messages).map(|ids| ids.len());
        let all = read.prompts.iter().map(tokens).collect::<Result<Vec<usize>>>()?;
        data.prompt_tokens = all.into_iter().max();
        data.prompts = Some(read.prompts.len());
    }
    Ok(PlannedPairs { stage: keys, prompts: read.prompts.len() })
}

fn answer_data(
    recipe: &Recipe,
    index: usize,
    keys: &AnswerKeys,
    origin: &Origin,
    tools: Tools<'_>,
    data: &mut DataSizes,
) -> Result<Planned> {
    let (stage, seed) = (&recipe.stages[index], recipe.stage_seed(index));
    let rewards = keys.rewards();
    let checks = Checks { stage: &stage.name, rewards: &rewards, tools };
    // A server has a tokenizer of its own.
    let encodes = stage.samples_here() && origin.tokenizer.is_some();
    let asked = match encodes {
        true => Some((origin.prompts(keys.template)?, origin.config.max_position_embeddings)),
        false => None,
    };
    let limit = keys.problems.unwrap_or(usize::MAX);
    let loaded = load_questions(checks, &keys.data, asked, (seed, false), limit)?;
    if encodes {
        data.prompts = Some(add_prompts(&loaded.questions, data));
    }
    Ok(Planned::of(keys, loaded.questions.len()))
}
