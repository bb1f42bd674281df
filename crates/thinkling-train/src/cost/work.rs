//! Floating-point operations of a stage's parts, by which a measured piece stands for the whole.

use super::sizes::{Sequences, StageSizes};
use thinkling_engine::Groups;
use thinkling_model::{ModelConfig, Recompute};

/// Operations of a token through the layers in front of `context` tokens, and of its logits.
struct Token {
    layers: f64,
    head: f64,
    attention: f64,
}

impl Token {
    fn of(model: &ModelConfig) -> Self {
        let (hidden, q) = (model.hidden_size as f64, model.q_size() as f64);
        let fused = q + 2.0 * model.kv_size() as f64;
        let matrices = hidden * fused + q * hidden + 3.0 * hidden * model.intermediate_size as f64;
        let layers = model.num_hidden_layers as f64;
        Self {
            layers: 2.0 * layers * matrices,
            head: 2.0 * hidden * model.vocab_size as f64,
            attention: 4.0 * layers * q,
        }
    }

    /// A forward pass of `tokens` that see `context` tokens each on average.
    fn forward(&self, tokens: f64, context: f64) -> f64 {
        tokens * (self.layers + self.attention * context)
    }
}

/// Parameters that a token is multiplied by.
pub(super) fn active_parameters(model: &ModelConfig) -> f64 {
    let token = Token::of(model);
    (token.layers + token.head) / 2.0
}

/// Sampling: prompts, then each token of each completion.
pub(super) fn rollout(model: &ModelConfig, groups: Groups) -> f64 {
    let token = Token::of(model);
    let (prompt, own) = (groups.prompt_tokens as f64, groups.max_tokens as f64);
    let prompts = groups.prompts as f64;
    let drawn = prompts * groups.group_size as f64 * own;
    token.forward(prompts * prompt, prompt / 2.0)
        + token.forward(drawn, prompt + own / 2.0)
        + drawn * token.head
}

/// A forward pass over a step's sequences with the log-probabilities of their tokens.
pub(super) fn logprobs(model: &ModelConfig, sequences: Sequences) -> f64 {
    let token = Token::of(model);
    let Sequences { count, tokens, group, prompt_tokens } = sequences;
    let (count, own, prompt) = (count as f64, tokens as f64, prompt_tokens as f64);
    let prompts = count / group.max(1) as f64 * prompt;
    token.forward(prompts, prompt / 2.0)
        + token.forward(count * own, prompt + own / 2.0)
        + count * own * token.head
}

/// An optimiser step.
pub(super) fn update(sizes: &StageSizes, sequences: Sequences) -> f64 {
    let recompute = sizes.update.as_ref().map(|update| update.recompute);
    // The way back costs two forward passes, one where the weights are frozen.
    let back = if sizes.lora.is_some() { 1.0 } else { 2.0 };
    let again = f64::from(u8::from(recompute == Some(Recompute::Layer)));
    (1.0 + back + again) * logprobs(&sizes.model, sequences)
}
