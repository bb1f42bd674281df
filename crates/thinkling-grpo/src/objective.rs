//! The policy objectives: clipped surrogate, two-sided cap, sequence-level ratios, CISPO, and the
//! divergence from the reference and the policy's entropy in the loss.
//!
//! Log-probabilities under the mask count for nothing, whatever they hold (also infinities).

use burn::tensor::{Bool, Tensor};

use crate::GrpoError;
use crate::aggregate::{BatchScale, LossType, aggregate};
use crate::importance::ImportanceWeights;
use crate::stats::{ClipMasks, DeviceStats, ObjectiveStats, StatSources};

mod config;

pub use config::{ObjectiveConfig, RatioLevel};

/// Log-ratios are cut here before `exp`, so that a clipped token cannot bring `0 * inf` into the
/// gradient. `exp(80)` still fits `f32`.
pub(crate) const LOG_RATIO_MAX: f64 = 80.0;

/// One micro-batch of completions. Only `logprobs` and, with an entropy bonus, `entropies` carry a
/// gradient; everything else is constant whatever graph it comes from.
#[derive(Debug, Clone)]
pub struct ObjectiveInputs {
    /// Log-probabilities of the sampled tokens under the policy, nats, `[rows, tokens]`.
    pub logprobs: Tensor<2>,
    /// The same under the policy that sampled them; absent: the policy itself, so that every ratio
    /// is 1 and has the policy's gradient.
    pub old_logprobs: Option<Tensor<2>>,
    /// The same as whatever sampled them computed them, which may be other code or rounded weights;
    /// needed for an importance correction, and not used without one. `old_logprobs` are then the
    /// trainer's own.
    pub sampler_logprobs: Option<Tensor<2>>,
    /// The same under the reference; needed where `kl_coef` is not 0.
    pub ref_logprobs: Option<Tensor<2>>,
    /// Entropy of the policy at each token, nats, `[rows, tokens]`; needed where `entropy_coef` is not
    /// 0, otherwise only for the statistics.
    pub entropies: Option<Tensor<2>>,
    /// One advantage a completion, `[rows]`.
    pub advantages: Tensor<1>,
    /// True where a token is trained, `[rows, tokens]`; may have holes and empty rows.
    pub mask: Tensor<2, Bool>,
    /// Of which batch this is a part.
    pub scale: BatchScale,
}

impl ObjectiveInputs {
    /// Inputs on policy, of a whole batch, without reference.
    pub fn new(logprobs: Tensor<2>, advantages: Tensor<1>, mask: Tensor<2, Bool>) -> Self {
        Self {
            logprobs,
            old_logprobs: None,
            sampler_logprobs: None,
            ref_logprobs: None,
            entropies: None,
            advantages,
            mask,
            scale: BatchScale::default(),
        }
    }

    fn check(&self) -> Result<(), GrpoError> {
        self.scale.validate()?;
        let [rows, tokens] = self.logprobs.dims();
        let same = |what, expected: &[usize], got: &[usize]| {
            let (expected, got) = (expected.to_vec(), got.to_vec());
            if expected == got { Ok(()) } else { Err(GrpoError::Shape { what, expected, got }) }
        };
        if rows == 0 || tokens == 0 {
            same("logprobs", &[rows.max(1), tokens.max(1)], &[rows, tokens])?;
        }
        same("mask", &[rows, tokens], &self.mask.dims())?;
        same("advantages", &[rows], &self.advantages.dims())?;
        let optional = [
            ("old_logprobs", &self.old_logprobs),
            ("sampler_logprobs", &self.sampler_logprobs),
            ("ref_logprobs", &self.ref_logprobs),
            ("entropies", &self.entropies),
        ];
        for (what, tensor) in optional {
            if let Some(tensor) = tensor {
                same(what, &[rows, tokens], &tensor.dims())?;
            }
        }
        Ok(())
    }
}

/// A policy loss with what it is made of.
#[derive(Debug, Clone)]
pub struct PolicyLoss {
    /// The loss to minimise, `[1]`, differentiable in `logprobs` and, with an entropy bonus, in
    /// `entropies`.
    pub loss: Tensor<1>,
    /// Loss of each token, 0 under the mask, `[rows, tokens]`; no gradient.
    pub per_token_loss: Tensor<2>,
    /// Ratio of policy and sampling policy, `[rows, tokens]`, or `[rows, 1]` for
    /// [`RatioLevel::Sequence`]; no gradient.
    pub ratio: Tensor<2>,
    /// Divergence estimate of each token, nats, `[rows, tokens]`; no gradient.
    pub kl: Option<Tensor<2>>,
    stats: DeviceStats,
}

impl PolicyLoss {
    /// Loss and statistics, read back from the device.
    ///
    /// # Errors
    /// [`GrpoError::Read`] where the device fails.
    ///
    /// # Panics
    /// In a browser, where only [`Self::stats_async`] can read.
    pub fn stats(&self) -> Result<(f64, ObjectiveStats), GrpoError> {
        self.stats.clone().read()
    }

    /// [`Self::stats`] without blocking.
    ///
    /// # Errors
    /// [`GrpoError::Read`] where the device fails.
    pub async fn stats_async(&self) -> Result<(f64, ObjectiveStats), GrpoError> {
        self.stats.clone().read_async().await
    }
}

/// Loss, gradient and statistics of one micro-batch.
#[derive(Debug, Clone)]
pub struct LossAndGrad {
    /// The loss.
    pub loss: f64,
    /// `d loss / d logprobs`, `[rows, tokens]`, outside any graph.
    pub grad: Tensor<2>,
    /// `d loss / d entropies`, `[rows, tokens]`, outside any graph; only with an entropy bonus.
    pub entropy_grad: Option<Tensor<2>>,
    /// Statistics.
    pub stats: ObjectiveStats,
}

/// The policy loss of a micro-batch.
///
/// With `r = exp(logprob - old_logprob)` per token or as its geometric mean per completion:
/// `-min(min(r, delta) A, clip(r, 1 - eps_low, 1 + eps_high) A) + kl_coef KL - entropy_coef H` for
/// each token (R1 report, equations 1 and 2, which have no entropy), for CISPO
/// `-stop_gradient(min(r, cap)) A logprob + kl_coef KL - entropy_coef H`; then aggregated as
/// [`LossType`] says. With an importance correction each token's loss, the terms of divergence and
/// entropy included, is multiplied by its [weight](crate::ImportanceCorrection) without gradient
/// before it is aggregated; what losses are divided by stays.
///
/// # Shapes
/// See [`ObjectiveInputs`].
///
/// # Errors
/// [`GrpoError::Shape`] for inputs that do not fit together, [`GrpoError::Range`] for a number
/// outside its range, [`GrpoError::Missing`] for a reference or length that the config needs.
pub fn policy_loss(
    inputs: &ObjectiveInputs,
    config: &ObjectiveConfig,
) -> Result<PolicyLoss, GrpoError> {
    config.validate()?;
    inputs.check()?;
    if config.kl_coef != 0.0 && inputs.ref_logprobs.is_none() {
        return Err(GrpoError::Missing { what: "ref_logprobs", because: "kl_coef is not 0" });
    }
    let has_bonus = config.entropy_coef != 0.0;
    if has_bonus && inputs.entropies.is_none() {
        return Err(GrpoError::Missing { what: "entropies", because: "entropy_coef is not 0" });
    }
    let correction = config.importance_correction;
    if correction.is_on() && inputs.sampler_logprobs.is_none() {
        let because = "importance_correction is on";
        return Err(GrpoError::Missing { what: "sampler_logprobs", because });
    }
    let [rows, _] = inputs.logprobs.dims();
    let keep = inputs.mask.clone().inner();
    let skip = keep.clone().bool_not();
    // Filled before any arithmetic: what stands under the mask may be infinite.
    let logprobs = inputs.logprobs.clone().mask_fill(skip.clone(), 0.0);
    let constant = |tensor: &Tensor<2>| tensor.clone().inner().mask_fill(skip.clone(), 0.0);
    let current = logprobs.clone().inner();
    let old = inputs.old_logprobs.as_ref().map_or_else(|| current.clone(), constant);
    let mask = current.zeros_like().mask_fill(keep, 1.0);
    let advantages = inputs.advantages.clone().inner().reshape([rows, 1]);

    let importance = inputs
        .sampler_logprobs
        .as_ref()
        .and_then(|sampler| ImportanceWeights::new(old.clone(), constant(sampler), correction));
    let token_log_ratio = logprobs.clone() - old;
    let log_ratio = match config.ratio {
        RatioLevel::Token => token_log_ratio.clone(),
        RatioLevel::Sequence => {
            token_log_ratio.clone().sum_dim(1) / mask.clone().sum_dim(1).clamp_min(1.0)
        }
    };
    let ratio = log_ratio.clamp_max(LOG_RATIO_MAX).exp();
    let (gain, clips) = if config.loss == LossType::Cispo {
        cispo_gain(ratio.clone().inner(), logprobs.clone(), advantages, config)
    } else {
        clipped_gain(ratio.clone(), advantages, config)
    };

    let kl = inputs
        .ref_logprobs
        .as_ref()
        .map(|reference| config.kl.per_token(logprobs, constant(reference)));
    let mut losses = -gain;
    if let Some(kl) = kl.clone().filter(|_| config.kl_coef != 0.0) {
        losses = losses + kl.mul_scalar(config.kl_coef);
    }
    if let Some(entropies) = inputs.entropies.clone().filter(|_| has_bonus) {
        let entropies = entropies.mask_fill(skip.clone(), 0.0);
        losses = losses - entropies.mul_scalar(config.entropy_coef);
    }
    if let Some(importance) = &importance {
        losses = losses * importance.weights.clone();
    }
    let losses = losses * mask.clone();
    let length = config.max_completion_length.unwrap_or(1) as f64;
    let loss = aggregate(losses.clone(), mask.clone(), config.loss, length, &inputs.scale);

    let ratio = ratio.inner();
    let kl = kl.map(Tensor::inner);
    let stats = DeviceStats::gather(StatSources {
        loss: loss.clone().inner(),
        ratio: ratio.clone(),
        clips,
        token_log_ratio: token_log_ratio.inner(),
        mask,
        kl: kl.clone(),
        importance,
        entropies: inputs.entropies.as_ref().map(constant),
        by_sequence: config.ratio == RatioLevel::Sequence,
    });
    Ok(PolicyLoss { loss, per_token_loss: losses.inner(), ratio, kl, stats })
}

/// `min(min(r, delta) A, clip(r) A)`, and where which bound holds.
///
/// Written as "replace by the bound where it holds", which has the same values and, for every
/// ratio that is not exactly a bound, the same gradient as the minimum.
///
/// # Shapes
/// `ratio`: `[rows, tokens]` or `[rows, 1]`, as the result; `advantages`: `[rows, 1]`.
fn clipped_gain(
    ratio: Tensor<2>,
    advantages: Tensor<2>,
    config: &ObjectiveConfig,
) -> (Tensor<2>, ClipMasks) {
    let value = ratio.clone().inner();
    let advantages = advantages.expand(value.dims());
    let positive = advantages.clone().greater_scalar(0.0);
    let negative = advantages.clone().lower_scalar(0.0);
    let (floor, ceiling) = (1.0 - config.clip_eps_low, 1.0 + config.clip_eps_high);
    let low = value.clone().lower_scalar(floor).bool_and(negative.clone());
    let high = value.clone().greater_scalar(ceiling).bool_and(positive.clone());
    let bound = |limit: f64| advantages.clone().mul_scalar(limit);

    let mut gain = ratio * advantages.clone();
    gain = gain.mask_where(low.clone(), bound(floor)).mask_where(high.clone(), bound(ceiling));
    let delta = match config.delta {
        None => low.zeros_like(),
        Some(delta) => {
            // A cap inside the clip range also binds from above, and for negative advantages the
            // clip range is then the wider of the two.
            let above = positive.bool_and(value.clone().greater_scalar(delta.min(ceiling)));
            let cap = delta.max(ceiling);
            let capped = negative.bool_and(value.greater_scalar(cap));
            gain = gain
                .mask_where(above, bound(delta.min(ceiling)))
                .mask_where(capped.clone(), bound(cap));
            capped
        }
    };
    (gain, ClipMasks { low, high, delta })
}

/// `min(r, cap) A logprob` with a constant weight. Returns the gain, `[rows, tokens]`.
fn cispo_gain(
    ratio: Tensor<2>,
    logprobs: Tensor<2>,
    advantages: Tensor<2>,
    config: &ObjectiveConfig,
) -> (Tensor<2>, ClipMasks) {
    let positive = advantages.clone().expand(ratio.dims()).greater_scalar(0.0);
    let high = ratio.clone().greater_scalar(config.cispo_max_ratio).bool_and(positive);
    let weight = ratio.clamp_max(config.cispo_max_ratio) * advantages;
    let none = high.zeros_like();
    (logprobs * weight, ClipMasks { low: none.clone(), high, delta: none })
}

/// Loss and `d loss / d logprobs`, through a graph of its own with `logprobs` as the leaf; with an
/// entropy bonus also `d loss / d entropies`.
///
/// The gradients are what [`head_backward`](crate::head_backward) takes.
///
/// # Errors
/// As [`policy_loss`], and [`GrpoError::Read`] where the device fails.
///
/// # Panics
/// In a browser, where only [`loss_and_grad_async`] can read.
pub fn loss_and_grad(
    inputs: &ObjectiveInputs,
    config: &ObjectiveConfig,
) -> Result<LossAndGrad, GrpoError> {
    let (stats, grad, entropy_grad) = backward(inputs, config)?;
    let (loss, stats) = stats.read()?;
    Ok(LossAndGrad { loss, grad, entropy_grad, stats })
}

/// [`loss_and_grad`] without blocking.
///
/// # Errors
/// As [`loss_and_grad`].
pub async fn loss_and_grad_async(
    inputs: &ObjectiveInputs,
    config: &ObjectiveConfig,
) -> Result<LossAndGrad, GrpoError> {
    let (stats, grad, entropy_grad) = backward(inputs, config)?;
    let (loss, stats) = stats.read_async().await?;
    Ok(LossAndGrad { loss, grad, entropy_grad, stats })
}

type Gradients = (DeviceStats, Tensor<2>, Option<Tensor<2>>);

fn backward(inputs: &ObjectiveInputs, config: &ObjectiveConfig) -> Result<Gradients, GrpoError> {
    let leaf = |tensor: Tensor<2>| tensor.inner().autodiff().require_grad();
    let logprobs = leaf(inputs.logprobs.clone());
    let mut inputs = ObjectiveInputs { logprobs: logprobs.clone(), ..inputs.clone() };
    let bonus = inputs.entropies.take_if(|_| config.entropy_coef != 0.0).map(leaf);
    if bonus.is_some() {
        inputs.entropies.clone_from(&bonus);
    }
    let PolicyLoss { loss, stats, .. } = policy_loss(&inputs, config)?;
    let mut grads = loss.backward();
    let mut taken =
        |leaf: Tensor<2>| leaf.grad_remove(&mut grads).unwrap_or_else(|| leaf.inner().zeros_like());
    Ok((stats, taken(logprobs), bonus.map(taken)))
}
