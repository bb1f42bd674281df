//! What a session is made of, whatever the device: weights as stored, tokenizer, questions.

use crate::numbers::mix;
use thinkling_learn::Question;
use thinkling_learn::world::{WorldError, stage_problems};
use thinkling_reward::Problem;
use thinkling_text::{TextError, Tokenizer, r1_zero_prompt};
use thinkling_weights::{Checkpoint, ModelConfig, WeightsError};

/// Why a model cannot learn in a page.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// Its `config.json` or weights.
    #[error("the model's files: {0}")]
    Weights(#[from] WeightsError),
    /// Its tokenizer, or a prompt that it cannot take.
    #[error("the model's tokenizer: {0}")]
    Text(#[from] TextError),
    /// The problems.
    #[error(transparent)]
    World(#[from] WorldError),
    /// Prompts leave no room for completions.
    #[error(
        "the model's context is too short, expected: at least {needed} tokens, got: {context} tokens"
    )]
    Context {
        /// Tokens of the longest prompt and a completion.
        needed: usize,
        /// What the model has.
        context: usize,
    },
}

/// A model's files and the questions that it learns and is measured by.
#[derive(Debug)]
pub struct Material {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) tokenizer: Tokenizer,
    /// Of training.
    pub(crate) questions: Vec<Question>,
    /// Of the test split.
    pub(crate) held_out: Vec<Question>,
    pub(crate) seed: u64,
}

impl Material {
    /// From `config.json`, `tokenizer.json` and `model.safetensors`; `seed` is that of problems and
    /// draws, as a recipe's.
    ///
    /// # Errors
    /// Files that are damaged or unsupported, a tokenizer that cannot write the mini world's
    /// prompts, a context that is too short for them.
    pub fn new(
        config: &str,
        tokenizer: &[u8],
        weights: Vec<u8>,
        seed: u64,
    ) -> Result<Self, MaterialError> {
        let config = ModelConfig::from_json(config)?;
        let context = config.max_position_embeddings;
        let checkpoint = Checkpoint::from_safetensors_files(config, [weights])?;
        let tokenizer = Tokenizer::from_json(tokenizer)?;
        let questions = templated(&tokenizer, stage_problems(false, seed, &mix())?)?;
        let held_out = templated(&tokenizer, stage_problems(true, seed, &mix())?)?;
        let longest = questions.iter().chain(&held_out).map(|q| q.prompt.len()).max();
        let needed = longest.unwrap_or(0) + crate::numbers().max_completion_tokens;
        if needed > context {
            return Err(MaterialError::Context { needed, context });
        }
        Ok(Self { checkpoint, tokenizer, questions, held_out, seed })
    }
}

fn templated(tokenizer: &Tokenizer, problems: Vec<Problem>) -> Result<Vec<Question>, TextError> {
    problems
        .into_iter()
        .map(|problem| {
            let prompt = tokenizer.encode(&r1_zero_prompt(&problem.question))?;
            Ok(Question { problem, prompt })
        })
        .collect()
}
