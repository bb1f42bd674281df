//! A rollout with its rewards and advantages, ready to be learnt from.

use crate::policy::{LearnError, PolicySample, completion_logprobs};
use crate::rollout::Scored;
use std::ops::Range;
use thinkling_grpo::{Advantages, ScaleRewards, group_advantages};
use thinkling_model::Decoder;
use thinkling_model::generate::Completion;

/// A rollout, scored.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Ids of the prompts.
    pub prompts: Vec<Vec<u32>>,
    /// Completions, those of one prompt together.
    pub scored: Vec<Scored>,
    /// Their advantages.
    pub advantages: Advantages,
    /// Log-probabilities of each under the reference model, where there is one.
    pub references: Option<Vec<Vec<f32>>>,
    /// What the policy's ratio is taken to; as sampled unless a stage says otherwise.
    pub old: OldLogprobs,
}

/// Log-probabilities before any update.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OldLogprobs {
    /// As they were recorded while sampling.
    #[default]
    Sampled,
    /// The trainer's own, which the one step that there is computes itself.
    Current,
    /// The trainer's own, computed before the first of several steps.
    Computed(Vec<Vec<f32>>),
}

impl Batch {
    /// Gives each completion its advantage within its group of `group_size`.
    ///
    /// # Errors
    /// Completions that are not whole groups.
    pub fn new(
        prompts: Vec<Vec<u32>>,
        scored: Vec<Scored>,
        references: Option<Vec<Vec<f32>>>,
        group_size: usize,
        scale: ScaleRewards,
    ) -> Result<Self, LearnError> {
        let rewards: Vec<f64> = scored.iter().map(|s| s.reward).collect();
        let advantages = group_advantages(&rewards, group_size, scale)?;
        Ok(Self { prompts, scored, advantages, references, old: OldLogprobs::Sampled })
    }

    /// Completions `range` as the learner takes them; with `mask_truncated` those that were cut at
    /// the token limit are not trained.
    ///
    /// # Panics
    /// Where the batch has fewer completions.
    pub fn samples(&self, range: Range<usize>, mask_truncated: bool) -> Vec<PolicySample<'_>> {
        range
            .map(|i| {
                let scored = &self.scored[i];
                PolicySample {
                    prompt: scored.completion.prompt,
                    ids: &scored.completion.ids,
                    old_logprobs: match &self.old {
                        OldLogprobs::Sampled => Some(&scored.completion.logprobs),
                        OldLogprobs::Current => None,
                        OldLogprobs::Computed(own) => Some(&own[i]),
                    },
                    sampler_logprobs: Some(&scored.completion.logprobs),
                    ref_logprobs: self.references.as_ref().map(|r| r[i].as_slice()),
                    advantage: self.advantages.advantages[i],
                    trained: !(mask_truncated && scored.truncated()),
                }
            })
            .collect()
    }
}

/// Tokens whose logits are held at once, so that they stay near 32 MB.
pub fn chunk_tokens(decoder: &Decoder) -> usize {
    chunk_tokens_of(decoder.config().vocab_size)
}

/// [`chunk_tokens`] of a vocabulary.
pub fn chunk_tokens_of(vocab_size: usize) -> usize {
    ((8 << 20) / vocab_size.max(1)).clamp(16, 4096)
}

/// Log-probabilities of completions under a model, the reference or the policy itself, `micro_batch`
/// of them in one forward pass.
///
/// # Errors
/// A device that fails.
pub async fn model_logprobs<'a>(
    model: &Decoder,
    prompts: &[Vec<u32>],
    completions: impl Iterator<Item = &'a Completion>,
    temperature: f64,
    micro_batch: usize,
) -> Result<Vec<Vec<f32>>, LearnError> {
    let completions: Vec<(usize, &[u32])> =
        completions.map(|c| (c.prompt, c.ids.as_slice())).collect();
    let chunk = chunk_tokens(model);
    let mut all = Vec::with_capacity(completions.len());
    for part in completions.chunks(micro_batch) {
        let logprobs = completion_logprobs(model, prompts, part, temperature, chunk).await?;
        all.extend(logprobs.into_iter().map(|row| row.iter().map(|&x| x as f32).collect()));
    }
    Ok(all)
}
