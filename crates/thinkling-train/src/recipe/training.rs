//! Keys that every stage with an optimiser shares.

use serde::Serialize;
use thinkling_learn::{AdamWConfig, Decay, Schedule, StatePrecision};
use thinkling_model::{ComputeType, Recompute};

use super::choice::{choices, spellings};
use super::memory::MemorySize;
use super::range::{NOT_NEGATIVE, POSITIVE, Range, SHARE};
use super::section::Section;
use crate::error::Result;

choices! {
    /// What a forward pass keeps for the backward pass.
    pub enum RecomputeKind {
        /// The inputs of every operation.
        None = "none",
        /// The input of each layer; the layer runs a second time on the way back.
        Layer = "layer",
    }
}

impl From<RecomputeKind> for Recompute {
    fn from(kind: RecomputeKind) -> Self {
        match kind {
            RecomputeKind::None => Self::None,
            RecomputeKind::Layer => Self::Layer,
        }
    }
}

spellings!(ComputeType { F32 = "f32", F16 = "f16", BF16 = "bf16" });
spellings!(StatePrecision { F32 = "f32", Bits8 = "8bit" });
spellings!(Decay { Constant = "constant", Cosine = "cosine" });

/// AdamW, its schedule, and how long and in which pieces a stage trains.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Training {
    /// Peak learning rate. Default 1e-4 (`pretrain`: 1e-3, `sft`: 5e-5); the report's RL: 3e-6 (32B:
    /// 2e-6), SFT: 5e-5, distillation: 1e-4 (1.5B) to 2e-5 (70B).
    pub lr: f64,
    /// Course of the rate after the warm-up. Default `constant` (`sft`: `cosine`, the report's).
    pub schedule: Decay,
    /// Optimiser steps in which the rate rises linearly to `lr`. Default 0.
    pub warmup_steps: usize,
    /// Last rate of `cosine` as a share of `lr`. Default 0.1, as the report's SFT (5e-5 to 5e-6).
    pub min_lr_ratio: f64,
    /// Decoupled weight decay of matrices, times the rate (AdamW). Default 0.
    pub weight_decay: f64,
    /// Decay of the first moment. Default 0.9.
    pub beta1: f64,
    /// Decay of the second moment. Default 0.999 (`pretrain`: 0.95).
    pub beta2: f64,
    /// Added to the root of the second moment. Default 1e-8.
    pub eps: f64,
    /// The gradient of all parameters together is scaled down to this norm; 0 leaves it as it is.
    /// Default 1.
    pub max_grad_norm: f64,
    /// Optimiser steps of the stage. Default 100 (`sft`: 0, as many as its `epochs` come to); the
    /// report's R1-Zero: 10,400.
    pub steps: usize,
    /// Sequences in one forward and backward pass; gradients add up until the step's batch is
    /// complete, so that only memory and speed depend on it. Default 8.
    pub micro_batch: usize,
    /// What is kept for the backward pass; `layer` makes long sequences possible where `none` needs
    /// more memory than there is. Default `none`.
    pub recompute: RecomputeKind,
    /// Format of the layers' matrix products on a GPU that has it; weights, norms, gradients and the
    /// optimiser stay in f32. Default `f32`.
    pub compute_dtype: ComputeType,
    /// How the moments are kept; `8bit` on the CPU only. Default `f32`.
    pub optimizer_states: StatePrecision,
    /// Memory that the stage may take, such as `"2GB"`: micro-batches are cut further until they
    /// fit. Default: on the CPU what is fast, elsewhere `micro_batch` alone decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemorySize>,
    /// Optimiser steps between two checkpoints; 0 saves at the end only. Default 50.
    pub checkpoint_every: usize,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            lr: 1e-4,
            schedule: Decay::Constant,
            warmup_steps: 0,
            min_lr_ratio: 0.1,
            weight_decay: 0.0,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            max_grad_norm: 1.0,
            steps: 100,
            micro_batch: 8,
            recompute: RecomputeKind::None,
            compute_dtype: ComputeType::F32,
            optimizer_states: StatePrecision::F32,
            memory: None,
            checkpoint_every: 50,
        }
    }
}

impl Training {
    /// Reads the keys over the values that `self` has.
    pub(crate) fn read(self, s: &mut Section<'_>) -> Result<Self> {
        self.read_with_steps(s, 1)
    }

    /// [`Self::read`] with at least `least` steps. A stage without steps in its recipe has as many
    /// as its data comes to.
    pub(crate) fn read_with_steps(mut self, s: &mut Section<'_>, least: u64) -> Result<Self> {
        s.float("lr", &mut self.lr, NOT_NEGATIVE)?;
        s.choice("schedule", &mut self.schedule)?;
        s.count("warmup_steps", &mut self.warmup_steps, 0)?;
        s.float("min_lr_ratio", &mut self.min_lr_ratio, SHARE)?;
        s.float("weight_decay", &mut self.weight_decay, NOT_NEGATIVE)?;
        s.float("beta1", &mut self.beta1, Range::BELOW_ONE)?;
        s.float("beta2", &mut self.beta2, Range::BELOW_ONE)?;
        s.float("eps", &mut self.eps, POSITIVE)?;
        s.float("max_grad_norm", &mut self.max_grad_norm, NOT_NEGATIVE)?;
        s.count("steps", &mut self.steps, least)?;
        s.count("micro_batch", &mut self.micro_batch, 1)?;
        s.choice("recompute", &mut self.recompute)?;
        s.choice("compute_dtype", &mut self.compute_dtype)?;
        s.choice("optimizer_states", &mut self.optimizer_states)?;
        if let Some(memory) = MemorySize::read(s, "memory")? {
            self.memory = Some(memory);
        }
        s.count("checkpoint_every", &mut self.checkpoint_every, 0)?;
        if self.steps > 0 && self.warmup_steps > self.steps {
            return Err(s.conflict("warmup_steps", format!("at most `steps` = {}", self.steps)));
        }
        Ok(self)
    }

    /// The course of the learning rate.
    pub fn schedule(&self) -> Schedule {
        self.schedule_over(self.steps as u64)
    }

    /// The course of the learning rate over `total_steps`.
    pub fn schedule_over(&self, total_steps: u64) -> Schedule {
        Schedule {
            lr: self.lr,
            decay: self.schedule,
            warmup_steps: self.warmup_steps as u64,
            total_steps,
            min_lr_ratio: self.min_lr_ratio,
        }
    }

    /// The optimiser's constants.
    pub fn adamw(&self) -> AdamWConfig {
        AdamWConfig {
            beta1: self.beta1,
            beta2: self.beta2,
            eps: self.eps,
            weight_decay: self.weight_decay,
            max_grad_norm: self.max_grad_norm,
            states: self.optimizer_states,
        }
    }
}
