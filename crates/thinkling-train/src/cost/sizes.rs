//! The sizes of a stage that decide what it needs.

use crate::recipe::{
    Recipe, RewardModelStage, RlStage, RolloutKeys, SftStage, Stage, StageKind, Training,
};
use thinkling_engine::Groups;
use thinkling_learn::{StatePrecision, micro_batch_tokens, micro_batches};
use thinkling_model::{ComputeType, LoraConfig, ModelConfig, Recompute};

/// Sizes of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StageSizes {
    /// Shape of the model.
    pub model: ModelConfig,
    /// Adapters that are trained in place of the weights.
    pub lora: Option<LoraConfig>,
    /// Whether the CPU learns.
    pub on_host: bool,
    /// Bytes of the files that the weights are read from; 0 for a new model.
    pub stored_bytes: u64,
    /// Bytes of the reward models' weights.
    pub judge_bytes: u64,
    /// The updates, where something is trained.
    pub update: Option<UpdateSizes>,
    /// The rollouts, where something is sampled.
    pub rollout: Option<RolloutSizes>,
    /// Completions of one of the stage's evaluations, and how many evaluations there are.
    pub evaluations: Option<(Groups, u64)>,
}

/// Sizes of optimiser steps.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateSizes {
    /// Optimiser steps of the stage.
    pub steps: u64,
    /// What one of them learns from.
    pub sequences: Sequences,
    /// Sequences in one pass at most.
    pub micro_batch: usize,
    /// What a pass keeps.
    pub recompute: Recompute,
    /// Format of the layers' products.
    pub compute: ComputeType,
    /// How moments are kept.
    pub states: StatePrecision,
    /// The second model.
    pub reference: Reference,
    /// Bytes that the recipe allows the stage.
    pub memory: Option<u64>,
    /// Whether checkpoints are written while the stage goes on.
    pub checkpoints: bool,
}

/// Sequences of a step, all of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequences {
    /// How many.
    pub count: usize,
    /// Tokens of each that are learnt, or run with those that are.
    pub tokens: usize,
    /// Sequences behind one prompt; 1 where each has all of its own tokens.
    pub group: usize,
    /// Tokens of that prompt.
    pub prompt_tokens: usize,
}

/// What the policy is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// Nothing.
    None,
    /// The weights below the adapters.
    Base,
    /// Weights of its own.
    Weights,
    /// Adapters of its own.
    Adapters,
}

/// Sizes of rollouts.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutSizes {
    /// Rollouts of the stage.
    pub count: u64,
    /// One of them.
    pub groups: Groups,
    /// What decodes.
    pub keys: RolloutKeys,
}

impl StageSizes {
    /// Values that the optimiser changes.
    pub fn trained(&self) -> usize {
        match &self.lora {
            None => self.model.parameter_count(),
            Some(lora) => lora.parameter_count(&self.model),
        }
    }

    /// Tokens of the largest micro-batch whose activations may take `bytes`, and micro-batches of a
    /// step.
    pub(super) fn micro_batch(&self, update: &UpdateSizes, bytes: Option<usize>) -> (usize, usize) {
        let Sequences { count, tokens, group, prompt_tokens } = update.sequences;
        let (trained, recompute) = (self.trained(), update.recompute);
        let most = micro_batch_tokens(&self.model, trained, self.on_host, bytes, recompute);
        let (items, parts) = micro_batches(count, tokens, update.micro_batch, most);
        (items * tokens + items.div_ceil(group.max(1)) * prompt_tokens, parts)
    }

    /// Those of stage `index`, for a model of this shape. `prompt_tokens` is the longest prompt of
    /// its data, `examples` are sequences of a pass with their mean length, where they are known.
    pub fn of(
        recipe: &Recipe,
        index: usize,
        model: ModelConfig,
        on_host: bool,
        data: &DataSizes,
    ) -> Self {
        let stage = &recipe.stages[index];
        let sizes = Self {
            lora: stage.lora().map(|lora| lora.config()),
            model,
            on_host,
            stored_bytes: data.stored_bytes,
            judge_bytes: data.judge_bytes,
            update: None,
            rollout: None,
            evaluations: None,
        };
        match &stage.kind {
            StageKind::Pretrain(keys) => {
                let sequences = Sequences {
                    count: keys.batch,
                    tokens: keys.sequence_length,
                    group: 1,
                    prompt_tokens: 0,
                };
                sizes.updating(stage, &keys.training, sequences, keys.training.steps as u64)
            }
            StageKind::Sft(keys) => sizes.supervised(stage, keys, data),
            StageKind::RewardModel(keys) => sizes.judging(stage, keys, data),
            StageKind::Rl(keys) => sizes.rl(stage, keys, data),
            StageKind::RejectionSampling(_) | StageKind::ColdStart(_) => match stage.answers() {
                Some(keys) if stage.samples_here() => {
                    let limit = keys.problems.unwrap_or(usize::MAX);
                    let lengths = (keys.samples, keys.max_completion_tokens);
                    sizes.answering((1, limit), lengths, keys.rollout, data)
                }
                _ => sizes,
            },
            StageKind::Preferences(keys) if keys.teacher.is_none() => {
                let limit = keys.problems.unwrap_or(usize::MAX);
                let lengths = (keys.samples, keys.max_completion_tokens);
                sizes.answering((1, limit), lengths, keys.rollout, data)
            }
            StageKind::Preferences(_) => sizes,
            StageKind::Eval(keys) => {
                let count = (keys.models.len() * keys.data.len()) as u64;
                let limit = keys.problems.unwrap_or(usize::MAX);
                let lengths = (keys.samples, keys.max_completion_tokens);
                sizes.answering((count, limit), lengths, RolloutKeys::default(), data)
            }
        }
    }

    fn updating(
        self,
        stage: &Stage,
        training: &Training,
        sequences: Sequences,
        steps: u64,
    ) -> Self {
        let every = training.checkpoint_every as u64;
        let update = UpdateSizes {
            steps,
            sequences,
            micro_batch: training.micro_batch,
            recompute: training.recompute.into(),
            compute: training.compute_dtype,
            states: training.optimizer_states,
            reference: stage.reference(),
            memory: training.memory.as_ref().map(crate::recipe::MemorySize::bytes),
            checkpoints: every > 0 && every < steps,
        };
        Self { update: Some(update), ..self }
    }

    fn supervised(self, stage: &Stage, keys: &SftStage, data: &DataSizes) -> Self {
        let (limit, steps) = (keys.max_tokens, data.steps.unwrap_or(keys.training.steps as u64));
        let tokens = data.sequence_tokens.unwrap_or(limit).clamp(1, limit);
        let sequences = Sequences { count: keys.batch, tokens, group: 1, prompt_tokens: 0 };
        self.updating(stage, &keys.training, sequences, steps)
    }

    fn judging(self, stage: &Stage, keys: &RewardModelStage, data: &DataSizes) -> Self {
        let (limit, steps) = (keys.max_tokens, data.steps.unwrap_or(keys.training.steps as u64));
        let tokens = data.sequence_tokens.unwrap_or(limit).clamp(1, limit);
        let count = keys.batch * keys.objective.responses();
        let sequences = Sequences { count, tokens, group: 1, prompt_tokens: 0 };
        self.updating(stage, &keys.training, sequences, steps)
    }

    fn rl(self, stage: &Stage, keys: &RlStage, data: &DataSizes) -> Self {
        let context = self.model.max_position_embeddings;
        let prompt_tokens = data.prompt_tokens.unwrap_or(0).min(context);
        let tokens = keys.longest_completion().min(context - prompt_tokens).max(1);
        let groups = Groups {
            prompts: keys.questions_per_rollout(),
            group_size: keys.group_size,
            prompt_tokens,
            max_tokens: tokens,
            max_rows: keys.rollout.here().max_rows,
        };
        let sequences = Sequences {
            count: keys.completions_per_step(),
            tokens,
            group: keys.group_size,
            prompt_tokens,
        };
        let rollout =
            RolloutSizes { count: keys.rollouts() as u64, groups, keys: keys.rollout.here() };
        let evaluations = keys.eval.as_ref().map(|eval| {
            let groups = Groups {
                prompts: data.evaluated.unwrap_or(eval.problems * eval.data.len()),
                group_size: eval.samples,
                max_tokens: eval.max_tokens.min(context - prompt_tokens).max(1),
                ..groups
            };
            let between = match eval.every {
                0 => 0,
                every => keys.training.steps.saturating_sub(1) / every,
            };
            (groups, 2 + between as u64)
        });
        let sizes = Self { rollout: Some(rollout), evaluations, ..self };
        sizes.updating(stage, &keys.training, sequences, keys.training.steps as u64)
    }

    /// Answers to at most `limit` prompts, so many times over.
    fn answering(
        self,
        (count, limit): (u64, usize),
        (samples, longest): (usize, usize),
        keys: RolloutKeys,
        data: &DataSizes,
    ) -> Self {
        let context = self.model.max_position_embeddings;
        let prompt_tokens = data.prompt_tokens.unwrap_or(0).min(context);
        let max_tokens = longest.min(context - prompt_tokens).max(1);
        let rows = crate::sampling::rows_that_fit(&self.model, prompt_tokens + max_tokens);
        let groups = Groups {
            prompts: data.prompts.unwrap_or(1).min(limit),
            group_size: samples,
            prompt_tokens,
            max_tokens,
            max_rows: rows.min(keys.max_rows),
        };
        Self { rollout: Some(RolloutSizes { count, groups, keys }), ..self }
    }
}

/// What a stage's data and model files come to, as far as they can be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataSizes {
    /// Bytes of the weights' files.
    pub stored_bytes: u64,
    /// Bytes of the reward models' weights.
    pub judge_bytes: u64,
    /// Prompts of the data.
    pub prompts: Option<usize>,
    /// Prompts of the evaluation's data.
    pub evaluated: Option<usize>,
    /// Tokens of the longest prompt.
    pub prompt_tokens: Option<usize>,
    /// Mean tokens of a packed sequence of examples.
    pub sequence_tokens: Option<usize>,
    /// Optimiser steps, where the data decides.
    pub steps: Option<u64>,
}
