//! What a stage of a recipe needs, from the recipe, its model's shape and its data.

use super::measure::StageTime;
use super::memory::{Memory, Phase};
use super::origin::Origin;
use super::sizes::{DataSizes, StageSizes};
use crate::error::Result;
use crate::examples;
use crate::questions::{Checks, load_questions};
use crate::recipe::{QuestionSource, Recipe, RejectionStage, RlStage, StageKind};
use serde::Serialize;
use thinkling_reward::Tools;

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
    let mut assumed = Vec::new();
    let there = |path: Option<&std::path::Path>| path.is_none_or(std::path::Path::exists);
    match &stage.kind {
        StageKind::Pretrain(_) => {}
        StageKind::Sft(keys) => {
            let files = keys.data.iter().all(|source| source.path().is_some_and(|p| p.exists()));
            if files && origin.tokenizer.is_some() {
                let counts = examples::describe_with(recipe, index, &origin)?;
                data = DataSizes { stored_bytes: origin.stored_bytes, ..counts.sizes() };
            } else {
                assumed.push(format!("sequences of `max_tokens` = {}", keys.max_tokens));
                if keys.training.steps == 0 {
                    assumed.push("no steps: the number of its examples is unknown".into());
                }
            }
        }
        StageKind::Rl(keys) => {
            if there(keys.data.path()) && origin.tokenizer.is_some() {
                let evaluated = keys.eval.as_ref().map(|eval| &eval.data);
                rl_data(recipe, index, keys, evaluated, &origin, tools, &mut data)?;
            }
        }
        StageKind::RejectionSampling(keys) => {
            if there(keys.data.path()) && origin.tokenizer.is_some() {
                rejection_data(recipe, index, keys, &origin, tools, &mut data)?;
            }
        }
    }
    let asks = matches!(stage.kind, StageKind::Rl(_) | StageKind::RejectionSampling(_));
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
        time: None,
        sizes,
    })
}

fn rl_data(
    recipe: &Recipe,
    index: usize,
    keys: &RlStage,
    evaluated: Option<&QuestionSource>,
    origin: &Origin,
    tools: Tools<'_>,
    data: &mut DataSizes,
) -> Result<()> {
    let (name, seed) = (&recipe.stages[index].name, recipe.stage_seed(index));
    let prompts = origin.prompts(keys.template)?;
    let context = origin.config.max_position_embeddings;
    let rewards = keys.rewards.spec();
    let checks = Checks { stage: name, rewards: &rewards, tools };
    let all = load_questions(checks, &keys.data, prompts, context, (seed, false), usize::MAX)?;
    let longest = |questions: &[thinkling_learn::Question]| {
        questions.iter().map(|q| q.prompt.len()).max().unwrap_or(0)
    };
    data.prompts = Some(all.questions.len());
    data.prompt_tokens = Some(longest(&all.questions));
    if let Some(source) = evaluated.filter(|s| s.path().is_none_or(std::path::Path::exists)) {
        let accuracy = keys.rewards.accuracy_spec();
        let checks = Checks { stage: name, rewards: &accuracy, tools };
        let limit = keys.eval.as_ref().map_or(0, |eval| eval.problems);
        let asked = load_questions(checks, source, prompts, context, (seed, true), limit)?;
        data.evaluated = Some(asked.questions.len());
        data.prompt_tokens = data.prompt_tokens.max(Some(longest(&asked.questions)));
    }
    Ok(())
}

fn rejection_data(
    recipe: &Recipe,
    index: usize,
    keys: &RejectionStage,
    origin: &Origin,
    tools: Tools<'_>,
    data: &mut DataSizes,
) -> Result<()> {
    let (name, seed) = (&recipe.stages[index].name, recipe.stage_seed(index));
    let prompts = origin.prompts(keys.template)?;
    let rewards = keys.rewards();
    let checks = Checks { stage: name, rewards: &rewards, tools };
    let context = origin.config.max_position_embeddings;
    let limit = keys.problems.unwrap_or(usize::MAX);
    let all = load_questions(checks, &keys.data, prompts, context, (seed, false), limit)?;
    data.prompts = Some(all.questions.len());
    data.prompt_tokens = all.questions.iter().map(|q| q.prompt.len()).max();
    Ok(())
}
