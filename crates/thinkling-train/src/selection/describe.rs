//! What a stage is going to ask.

use crate::error::Result;
use crate::questions::{Checks, read_problems};
use crate::recipe::Recipe;
use thinkling_reward::Tools;

/// What a stage that asks a model is going to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Prompts.
    pub prompts: usize,
    /// Answers of each.
    pub samples: usize,
    /// Tokens of an answer at most.
    pub max_tokens: usize,
}

impl Planned {
    /// It in one sentence.
    pub fn words(&self) -> String {
        let Self { prompts, samples, max_tokens } = *self;
        let answers = prompts.saturating_mul(samples);
        format!(
            "{prompts} prompts, {samples} answers each: {answers} answers of at most {max_tokens} \
             tokens, {} tokens at most",
            answers.saturating_mul(max_tokens)
        )
    }
}

/// What stage `index` is going to ask, from its data alone; `None` for another kind of stage.
///
/// # Errors
/// As a run would tell of its data.
pub fn describe(recipe: &Recipe, index: usize, tools: Tools<'_>) -> Result<Option<Planned>> {
    let stage = &recipe.stages[index];
    let Some(keys) = stage.answers() else { return Ok(None) };
    let rewards = keys.rewards();
    let checks = Checks { stage: &stage.name, rewards: &rewards, tools };
    let there = read_problems(&keys.data, checks, recipe.stage_seed(index), false)?.rows.len();
    Ok(Some(Planned {
        prompts: there.min(keys.problems.unwrap_or(usize::MAX)),
        samples: keys.samples,
        max_tokens: keys.max_completion_tokens,
    }))
}
