//! The `rl` stage: GRPO with rule rewards, and the report's values as presets.

mod alarms;
mod curriculum;
mod evaluation;
mod lengths;
mod preset;
mod resampling;
mod source;

use serde::Serialize;
use thinkling_grpo::{
    CorrectionKind, ImportanceCorrection, KlEstimator, LossType, ObjectiveConfig, RatioLevel,
    ScaleRewards,
};

use super::Stage;
use super::choice::{choices, spellings};
use super::lora::LoraKeys;
use super::range::{ANY, NOT_NEGATIVE, POSITIVE, POSITIVE_SHARE, Range, SHARE};
use super::rewards::Rewards;
use super::rollout::Rollouts;
use super::section::Section;
use super::training::Training;
use crate::error::Result;
use source::Opened;

pub use alarms::Alarms;
pub use curriculum::CurriculumKeys;
pub use evaluation::Evaluation;
pub use lengths::LengthChange;
pub use preset::Preset;
pub use resampling::DynamicSampling;
pub use source::RlSource;

choices! {
    /// What stands around a question.
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Template {
        /// The prompt of R1-Zero (arXiv 2501.12948 v1, table 1).
        R1Zero = "r1-zero",
        /// Nothing.
        None = "none",
        /// The model's own chat template.
        Chat = "chat",
    }
}

spellings!(CorrectionKind { None = "none", Truncate = "truncate", Mask = "mask" });
spellings!(KlEstimator { K1 = "k1", K2 = "k2", K3 = "k3" });
spellings!(LossType {
    Grpo = "grpo",
    DrGrpo = "dr_grpo",
    Bnpo = "bnpo",
    Dapo = "dapo",
    Cispo = "cispo",
});
spellings!(RatioLevel { Token = "token", Sequence = "sequence" });
spellings!(ScaleRewards { Group = "group", Batch = "batch", None = "none" });

/// Keys of a stage of `kind = "rl"`.
///
/// One *rollout* samples `questions_per_step * minibatches` questions, `group_size` completions
/// of each, and is cut into `minibatches` of `questions_per_step * group_size` completions. Each
/// minibatch is one optimiser step, taken `inner_epochs` times. With the report's values: 32 * 16
/// questions, 8,192 completions, 16 minibatches of 512.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RlStage {
    /// Set of values that the other keys change. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Optimiser and length of the stage.
    #[serde(flatten)]
    pub training: Training,
    /// Adapters that are trained in place of the weights. Default: none, as in the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraKeys>,
    /// What stands around a question. Default `r1-zero`.
    pub template: Template,
    /// Completions of one question. Default 16, the report's 16.
    pub group_size: usize,
    /// Questions of one optimiser step. Default 8, the report's 32.
    pub questions_per_step: usize,
    /// Optimiser steps that a rollout is cut into. Default 1, the report's 16.
    pub minibatches: usize,
    /// Passes over a rollout. Default 1, the report's 1.
    pub inner_epochs: usize,
    /// Longest completion in tokens. Default 128, the report's 32,768.
    pub max_completion_tokens: usize,
    /// Optimiser steps from which completions may be longer, in order. Default: none, the report's
    /// one: 65,536 tokens from step 8,200 on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub length_schedule: Vec<LengthChange>,
    /// Further questions in the place of those whose completions all have the same reward. Default:
    /// none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_sampling: Option<DynamicSampling>,
    /// Which questions are asked for the time being. Default: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curriculum: Option<CurriculumKeys>,
    /// Temperature of sampling. Default 1, the report's 1.0 (RL stage 2: 0.7).
    pub temperature: f64,
    /// Samples from the likeliest tokens only; 0 from all. Default 0.
    pub top_k: usize,
    /// Samples from the likeliest tokens up to this probability in sum. Default 1.
    pub top_p: f64,
    /// Drops tokens below this share of the likeliest one's probability. Default 0.
    pub min_p: f64,
    /// Ratios are clipped below `1 - clip_eps_low`. Default 0.2, the report's (stage 1) 10.
    pub clip_eps_low: f64,
    /// Ratios are clipped above `1 + clip_eps_high`. Default 0.2, the report's (stage 1) 10.
    pub clip_eps_high: f64,
    /// Upper bound of ratios also where the advantage is negative. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta: Option<f64>,
    /// Cap of the importance weight of `cispo`. Default 5.
    pub cispo_max_ratio: f64,
    /// Weight of the divergence from the reference in the loss; 0 runs without a reference.
    /// Default 0, the report's beta 0.001.
    pub kl_coef: f64,
    /// Estimator of that divergence. Default `k3`, the report's.
    pub kl_estimator: KlEstimator,
    /// Weight of the policy's mean entropy, nats a token at the temperature of sampling, which is
    /// added to the objective as [`loss_type`](Self::loss_type) adds tokens up; 0 leaves it out.
    /// Default 0, the report has none.
    pub entropy_coef: f64,
    /// Optimiser steps after which the policy becomes the reference; 0 keeps the first one.
    /// Default 0, the report's 400.
    pub ref_replace_every: usize,
    /// The reference is a moving average of the policy: after each optimiser step
    /// `ref_ema * reference + (1 - ref_ema) * policy`, of each trained weight. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ref_ema: Option<f64>,
    /// How the losses of tokens become one number. Default `grpo`, the report's.
    pub loss_type: LossType,
    /// What ratios are taken over. Default `token`, the report's.
    pub ratio_level: RatioLevel,
    /// What advantages are divided by. Default `group`, the report's.
    pub scale_rewards: ScaleRewards,
    /// Whether completions cut off at `max_completion_tokens` are left out of the loss (DAPO, arXiv
    /// 2503.14476, section 3.4, overlong filtering). Their rewards stay in the mean and deviation of
    /// their group, and they stay in the number of completions that the losses are divided by; of
    /// tokens only those that are trained are counted. Default false.
    pub mask_truncated: bool,
    /// Total reward of completions cut off, instead of the rules'. Default: the rules'.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated_reward: Option<f64>,
    /// What samples completions. Default: the model itself, with its weights as they are.
    pub rollout: Rollouts,
    /// `kind`: whether each token's loss is multiplied by `exp(trainer's - sampler's)` of its
    /// log-probabilities before any update, held at `cap` (`truncate`) or with nothing of tokens above
    /// it (`mask`); the ratios of several steps are then taken to the trainer's own. Default `none`,
    /// with a `cap` of 2.
    pub importance_correction: ImportanceCorrection,
    /// What ends the stage before it does more harm. Default: only what is no number.
    pub alarms: Alarms,
    /// What completions are rewarded for. Default: accuracy of weight 1, and where the template is
    /// `r1-zero` the strict format of weight 1, the report's.
    pub rewards: Rewards,
    /// Questions: one source or several. Required.
    #[serde(serialize_with = "source::one_or_more")]
    pub data: Vec<RlSource>,
    /// Evaluation before, during and after the stage. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eval: Option<Evaluation>,
}

impl RlStage {
    fn with_defaults() -> Self {
        Self {
            preset: None,
            training: Training::default(),
            lora: None,
            template: Template::R1Zero,
            group_size: 16,
            questions_per_step: 8,
            minibatches: 1,
            inner_epochs: 1,
            max_completion_tokens: 128,
            length_schedule: Vec::new(),
            dynamic_sampling: None,
            curriculum: None,
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            clip_eps_low: 0.2,
            clip_eps_high: 0.2,
            delta: None,
            cispo_max_ratio: 5.0,
            kl_coef: 0.0,
            kl_estimator: KlEstimator::K3,
            entropy_coef: 0.0,
            ref_replace_every: 0,
            ref_ema: None,
            loss_type: LossType::Grpo,
            ratio_level: RatioLevel::Token,
            scale_rewards: ScaleRewards::Group,
            mask_truncated: false,
            truncated_reward: None,
            rollout: Rollouts::default(),
            importance_correction: ImportanceCorrection::default(),
            alarms: Alarms::default(),
            rewards: Rewards::of(Template::R1Zero),
            data: Vec::new(),
            eval: None,
        }
    }

    /// Reads what is left of the stage's table, after `name`, `kind` and `model`.
    pub(crate) fn read(s: &mut Section<'_>, earlier: &[Stage]) -> Result<Self> {
        let data = Opened::all(s.required_tables("data")?)?;
        let mut r = Self::with_defaults();
        if let Some(preset) = s.optional_choice("preset")? {
            r.apply(preset);
        }
        r.training = std::mem::take(&mut r.training).read(s)?;
        r.lora = LoraKeys::read_from(s)?;
        s.choice("template", &mut r.template)?;
        r.read_rollout(s)?;
        r.read_loss(s)?;
        r.alarms.read_from(s, r.kl_coef)?;
        r.rewards = r.read_rewards(s, r.template, earlier)?;
        let several = data.len() > 1;
        let data = data.into_iter().map(|source| source.finish_weighted(s, &r, several, earlier));
        r.data = data.collect::<Result<_>>()?;
        r.eval = match s.section("eval")? {
            Some(section) => Some(Evaluation::read(section, s, &r, earlier)?),
            None => None,
        };
        Ok(r)
    }

    /// Reads the table `rewards` of `s` over what there is by itself.
    fn read_rewards(
        &self,
        s: &mut Section<'_>,
        template: Template,
        earlier: &[Stage],
    ) -> Result<Rewards> {
        let mut rewards = self.rewards_by_itself(template);
        if let Some(section) = s.section("rewards")? {
            rewards.read(section, self.max_completion_tokens, earlier, self.preference_steps())?;
        }
        Ok(rewards)
    }

    fn read_rollout(&mut self, s: &mut Section<'_>) -> Result<()> {
        // A group of one has no advantage: its reward is its own mean.
        s.count("group_size", &mut self.group_size, 2)?;
        s.count("questions_per_step", &mut self.questions_per_step, 1)?;
        s.count("minibatches", &mut self.minibatches, 1)?;
        s.count("inner_epochs", &mut self.inner_epochs, 1)?;
        s.count("max_completion_tokens", &mut self.max_completion_tokens, 1)?;
        self.length_schedule =
            LengthChange::read_all(s, self.max_completion_tokens, self.training.steps)?;
        if let Some(section) = s.section("dynamic_sampling")? {
            self.dynamic_sampling = Some(DynamicSampling::read(section)?);
        }
        if let Some(section) = s.section("curriculum")? {
            self.curriculum = Some(CurriculumKeys::read(section, self.training.steps)?);
        }
        // Greedy sampling would give a group of equal completions.
        s.float("temperature", &mut self.temperature, POSITIVE)?;
        s.count("top_k", &mut self.top_k, 0)?;
        s.float("top_p", &mut self.top_p, POSITIVE_SHARE)?;
        s.float("min_p", &mut self.min_p, SHARE)?;
        if s.has("rollout_weights") {
            let expected =
                "the key `weights` of the table `rollout`, as rollout = { weights = \"bf16\" }";
            return Err(s.conflict("rollout_weights", expected));
        }
        if let Some(section) = s.section("rollout")? {
            self.rollout = Rollouts::read(section, self.lora.is_some())?;
        }
        let completions = [self.minibatches, self.questions_per_step, self.group_size]
            .into_iter()
            .try_fold(1_u32, |product, n| product.checked_mul(u32::try_from(n).ok()?));
        match completions {
            Some(_) => Ok(()),
            None => Err(s.conflict("group_size", "fewer than 2^32 completions a rollout")),
        }
    }

    fn read_loss(&mut self, s: &mut Section<'_>) -> Result<()> {
        s.float("clip_eps_low", &mut self.clip_eps_low, NOT_NEGATIVE)?;
        s.float("clip_eps_high", &mut self.clip_eps_high, NOT_NEGATIVE)?;
        let cap = Range::above(1.0 + self.clip_eps_high);
        s.optional_float("delta", &mut self.delta, cap)?;
        s.float("cispo_max_ratio", &mut self.cispo_max_ratio, POSITIVE)?;
        s.float("kl_coef", &mut self.kl_coef, NOT_NEGATIVE)?;
        s.choice("kl_estimator", &mut self.kl_estimator)?;
        s.float("entropy_coef", &mut self.entropy_coef, NOT_NEGATIVE)?;
        self.read_reference(s)?;
        s.choice("loss_type", &mut self.loss_type)?;
        s.choice("ratio_level", &mut self.ratio_level)?;
        s.choice("scale_rewards", &mut self.scale_rewards)?;
        if let Some(mut section) = s.section("importance_correction")? {
            section.choice("kind", &mut self.importance_correction.kind)?;
            // Below 1 it would hold tokens without any gap.
            let range = Range::from(1.0);
            section.float("cap", &mut self.importance_correction.cap, range)?;
            section.finish()?;
        }
        let lags = matches!(&self.rollout, Rollouts::Servers(keys) if keys.max_lag > 0);
        if lags && !self.importance_correction.is_on() {
            let expected = "a table such as { kind = \"truncate\" }, since `max_lag` lets older \
                            weights sample";
            return Err(s.conflict("importance_correction", expected));
        }
        s.flag("mask_truncated", &mut self.mask_truncated)?;
        s.optional_float("truncated_reward", &mut self.truncated_reward, ANY)
    }

    fn read_reference(&mut self, s: &mut Section<'_>) -> Result<()> {
        let written = s.has("ref_replace_every");
        s.count("ref_replace_every", &mut self.ref_replace_every, 0)?;
        s.optional_float("ref_ema", &mut self.ref_ema, Range::BETWEEN_ZERO_AND_ONE)?;
        if self.ref_ema.is_none() {
            return Ok(());
        }
        if written && self.ref_replace_every > 0 {
            return Err(s.conflict("ref_ema", "`ref_replace_every` = 0 beside it, or only one"));
        }
        if self.kl_coef == 0.0 {
            return Err(s.conflict("ref_ema", "a `kl_coef` above 0 beside it"));
        }
        // In the place of the preset's.
        self.ref_replace_every = 0;
        Ok(())
    }

    /// The policy objective, of completions up to the stage's first limit.
    pub fn objective(&self) -> ObjectiveConfig {
        ObjectiveConfig {
            loss: self.loss_type,
            ratio: self.ratio_level,
            clip_eps_low: self.clip_eps_low,
            clip_eps_high: self.clip_eps_high,
            delta: self.delta,
            cispo_max_ratio: self.cispo_max_ratio,
            kl_coef: self.kl_coef,
            kl: self.kl_estimator,
            entropy_coef: self.entropy_coef,
            importance_correction: self.importance_correction,
            max_completion_length: Some(self.max_completion_tokens),
        }
    }

    /// Questions of one rollout: `questions_per_step * minibatches`.
    pub fn questions_per_rollout(&self) -> usize {
        self.questions_per_step * self.minibatches
    }

    /// Completions of one optimiser step: `questions_per_step * group_size`.
    pub fn completions_per_step(&self) -> usize {
        self.questions_per_step * self.group_size
    }

    /// Optimiser steps taken with one rollout: `minibatches * inner_epochs`.
    pub fn steps_per_rollout(&self) -> usize {
        self.minibatches.saturating_mul(self.inner_epochs)
    }

    /// Rollouts of the stage; the last one may be used in part.
    pub fn rollouts(&self) -> usize {
        self.training.steps.div_ceil(self.steps_per_rollout())
    }
}

#[cfg(test)]
mod tests;
