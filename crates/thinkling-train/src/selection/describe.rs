//! What a stage is going to ask.

use crate::recipe::AnswerKeys;

/// What a stage that asks a model is going to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Prompts.
    pub(crate) prompts: usize,
    /// Answers of each.
    pub(crate) samples: usize,
    /// Tokens of an answer at most.
    pub(crate) max_tokens: usize,
}

impl Planned {
    /// Of so many prompts.
    pub(crate) fn of(keys: &AnswerKeys, prompts: usize) -> Self {
        Self { prompts, samples: keys.samples, max_tokens: keys.max_completion_tokens }
    }

    /// It in one sentence.
    pub(crate) fn words(&self) -> String {
        let Self { prompts, samples, max_tokens } = *self;
        let answers = prompts.saturating_mul(samples);
        format!(
            "{prompts} prompts, {samples} answers each: {answers} answers of at most {max_tokens} \
             tokens, {} tokens at most",
            answers.saturating_mul(max_tokens)
        )
    }
}
