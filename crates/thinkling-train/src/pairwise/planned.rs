//! What a stage is going to ask.

use crate::recipe::PreferencesStage;

/// What a stage is going to ask for, of so many prompts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlannedPairs<'a> {
    pub(crate) stage: &'a PreferencesStage,
    pub(crate) prompts: usize,
}

impl PlannedPairs<'_> {
    /// It in one sentence.
    pub(crate) fn words(&self) -> String {
        let Self { stage, prompts } = *self;
        let samples = stage.samples;
        let answers = prompts.saturating_mul(samples);
        // As many pairs as different answers can make.
        let of_prompt = stage.pairs_per_prompt.min(samples * (samples - 1) / 2);
        let pairs = prompts.saturating_mul(of_prompt);
        format!(
            "{prompts} prompts, {samples} answers each: {answers} answers of at most {} tokens; {pairs} \
             pairs at most, each judged {} times: {} judgements of at most {} tokens",
            stage.max_completion_tokens,
            stage.times,
            pairs.saturating_mul(stage.times),
            stage.judge_max_tokens
        )
    }
}
