//! What a stage of reinforcement learning goes by, with the report's numbers.

use crate::schedule::{Decay, Schedule};
use thinkling_grpo::{ObjectiveConfig, ScaleRewards};

/// Numbers of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct RlNumbers {
    /// Learning rate, after a linear warm-up from 0.
    pub lr: f64,
    /// Optimiser steps of warm-up.
    pub warmup_steps: usize,
    /// Optimiser steps in all.
    pub steps: usize,
    /// Completions of one question.
    pub group_size: usize,
    /// Questions of one optimiser step.
    pub questions_per_step: usize,
    /// Optimiser steps that a rollout is cut into.
    pub minibatches: usize,
    /// Passes over a rollout.
    pub inner_epochs: usize,
    /// Tokens of a completion at most.
    pub max_completion_tokens: usize,
    /// Temperature of sampling.
    pub temperature: f64,
    /// The objective.
    pub objective: ObjectiveConfig,
    /// Optimiser steps after which the policy becomes the reference.
    pub ref_replace_every: usize,
    /// What advantages are divided by.
    pub scale_rewards: ScaleRewards,
}

impl RlNumbers {
    /// R1-Zero (arXiv 2501.12948 v2, hyper-parameters): lr 3e-6, temperature 1, 16 completions of
    /// each of 32 questions, 32,768 tokens, 10,400 steps, reference replaced every 400, a rollout
    /// cut into 16 minibatches, one inner epoch, and [`ObjectiveConfig::r1_zero`]. Left out: the
    /// rise to 65,536 tokens.
    pub fn r1_zero() -> Self {
        Self {
            lr: 3e-6,
            warmup_steps: 0,
            steps: 10_400,
            group_size: 16,
            questions_per_step: 32,
            minibatches: 16,
            inner_epochs: 1,
            max_completion_tokens: 32_768,
            temperature: 1.0,
            objective: ObjectiveConfig::r1_zero(),
            ref_replace_every: 400,
            scale_rewards: ScaleRewards::Group,
        }
    }

    /// The RL stage on the cold start (arXiv 2501.12948 v2, hyper-parameters of R1's first RL stage):
    /// as R1-Zero, with the clip width 10 given for it and with a language reward, which no number
    /// here tells. Its steps are not published: those of R1-Zero.
    pub fn reasoning() -> Self {
        Self::r1_zero()
    }

    /// Steps at the end of [`Self::all_scenarios`] in which rewards by models count (arXiv 2501.12948
    /// v2: more of them hacks the reward).
    pub const PREFERENCE_STEPS: usize = 400;

    /// The RL stage for all scenarios (arXiv 2501.12948 v2, hyper-parameters of R1's second RL stage):
    /// as R1-Zero, at temperature 0.7, 1,700 steps. Its rewards are not told here.
    pub fn all_scenarios() -> Self {
        Self { temperature: 0.7, steps: 1_700, ..Self::r1_zero() }
    }

    /// The course of the learning rate.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            lr: self.lr,
            decay: Decay::Constant,
            warmup_steps: self.warmup_steps as u64,
            total_steps: self.steps as u64,
            min_lr_ratio: 1.0,
        }
    }
}
