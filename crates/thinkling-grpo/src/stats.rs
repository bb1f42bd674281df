//! Statistics of one policy loss, gathered on the device and read back in one go.

use burn::tensor::{Bool, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::GrpoError;
use crate::importance::ImportanceWeights;

/// What a policy loss did, for the metrics of a step. Fractions and means are over trained tokens;
/// with sequence-level ratios clip fractions and ratios are over completions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveStats {
    /// Share clipped below: ratio under `1 - clip_eps_low` with a negative advantage.
    pub clip_fraction_low: f64,
    /// Share clipped above: ratio over `1 + clip_eps_high` (CISPO: over its cap) with a positive
    /// advantage.
    pub clip_fraction_high: f64,
    /// Share clipped on either side.
    pub clip_fraction_region: f64,
    /// Share held by the two-sided cap `delta` (negative advantage).
    pub clip_fraction_delta: f64,
    /// Mean estimate of the divergence from the reference, nats; none without a reference.
    pub kl: Option<f64>,
    /// Mean entropy of the policy, nats; none where no entropies were given.
    pub entropy: Option<f64>,
    /// Mean ratio of policy and sampling policy.
    pub ratio_mean: f64,
    /// Largest ratio.
    pub ratio_max: f64,
    /// Divergence from the sampling policy, nats: mean of `ratio - 1 - ln ratio` over tokens.
    pub approx_kl: f64,
    /// Mean importance weight, after the cap; none without a correction.
    pub importance_weight: Option<f64>,
    /// Share of tokens whose importance weight was above the cap.
    pub importance_capped: Option<f64>,
    /// Trained tokens.
    pub tokens: f64,
}

/// Numbers in [`DeviceStats`]' tensor.
const PACKED: usize = 13;

/// Loss and statistics as one tensor, so that one read brings all of them.
#[derive(Debug, Clone)]
pub(crate) struct DeviceStats {
    packed: Tensor<1>,
    has_kl: bool,
    has_entropy: bool,
    has_importance: bool,
}

/// What the statistics are made of; all without gradient.
pub(crate) struct StatSources {
    pub(crate) loss: Tensor<1>,
    /// `[rows, tokens]` or, for sequence-level ratios, `[rows, 1]`; so are the clip masks.
    pub(crate) ratio: Tensor<2>,
    pub(crate) clips: ClipMasks,
    /// `[rows, tokens]`, as the following.
    pub(crate) token_log_ratio: Tensor<2>,
    pub(crate) mask: Tensor<2>,
    pub(crate) kl: Option<Tensor<2>>,
    pub(crate) importance: Option<ImportanceWeights>,
    pub(crate) entropies: Option<Tensor<2>>,
    pub(crate) by_sequence: bool,
}

/// Where each clip holds.
pub(crate) struct ClipMasks {
    pub(crate) low: Tensor<2, Bool>,
    pub(crate) high: Tensor<2, Bool>,
    pub(crate) delta: Tensor<2, Bool>,
}

impl DeviceStats {
    pub(crate) fn gather(sources: StatSources) -> Self {
        let StatSources { loss, ratio, clips, token_log_ratio, mask, kl, .. } = sources;
        let (importance, entropies) = (sources.importance, sources.entropies);
        let tokens = mask.clone().sum();
        let count = tokens.clone().clamp_min(1.0);
        let token_mean = |values: Tensor<2>| (values * mask.clone()).sum() / count.clone();
        let level_mean = |values: Tensor<2>| {
            if sources.by_sequence { values.mean() } else { token_mean(values) }
        };
        // Same dtype as the ratio, which `Tensor::<_, Bool>::float` would not give.
        let share = |which: Tensor<2, Bool>| level_mean(ratio.zeros_like().mask_fill(which, 1.0));
        let counted = if sources.by_sequence { mask.clone().max_dim(1) } else { mask.clone() };
        let region = clips.low.clone().bool_or(clips.high.clone());
        let surprise = token_log_ratio.clone().clamp_max(crate::objective::LOG_RATIO_MAX).exp()
            - token_log_ratio;
        let (has_kl, has_entropy) = (kl.is_some(), entropies.is_some());
        let has_importance = importance.is_some();
        let (weights, above) = importance.map(|i| (i.weights, i.above)).unzip();
        let above = above.map(|above| mask.zeros_like().mask_fill(above, 1.0));
        let optional =
            |values: Option<Tensor<2>>| values.map_or_else(|| tokens.zeros_like(), &token_mean);
        let packed: [Tensor<1>; PACKED] = [
            loss,
            share(clips.low),
            share(clips.high),
            share(region),
            share(clips.delta),
            optional(kl),
            optional(entropies),
            level_mean(ratio.clone()),
            (ratio.clone() * counted).max(),
            token_mean(surprise.sub_scalar(1.0)),
            optional(weights),
            optional(above),
            tokens.clone(),
        ];
        Self { packed: Tensor::cat(packed.to_vec(), 0), has_kl, has_entropy, has_importance }
    }

    pub(crate) fn read(self) -> Result<(f64, ObjectiveStats), GrpoError> {
        let data = self.packed.clone().try_into_data();
        self.unpack(data.map_err(read_error)?)
    }

    pub(crate) async fn read_async(self) -> Result<(f64, ObjectiveStats), GrpoError> {
        let data = self.packed.clone().into_data_async().await;
        self.unpack(data.map_err(read_error)?)
    }

    fn unpack(&self, data: TensorData) -> Result<(f64, ObjectiveStats), GrpoError> {
        let data = data.try_cast_as::<f64>().map_err(read_error)?;
        let values: Vec<f64> = data.try_to_vec().map_err(read_error)?;
        let packed = <[f64; PACKED]>::try_from(values).map_err(|values| GrpoError::Shape {
            what: "packed statistics",
            expected: vec![PACKED],
            got: vec![values.len()],
        })?;
        let [loss, low, high, region, delta, kl, entropy, mean, max, approx_kl, ..] = packed;
        let [.., weight, capped, tokens] = packed;
        let stats = ObjectiveStats {
            clip_fraction_low: low,
            clip_fraction_high: high,
            clip_fraction_region: region,
            clip_fraction_delta: delta,
            kl: self.has_kl.then_some(kl),
            entropy: self.has_entropy.then_some(entropy),
            ratio_mean: mean,
            ratio_max: max,
            approx_kl,
            importance_weight: self.has_importance.then_some(weight),
            importance_capped: self.has_importance.then_some(capped),
            tokens,
        };
        Ok((loss, stats))
    }
}

fn read_error(error: impl std::fmt::Display) -> GrpoError {
    GrpoError::Read { what: "loss and statistics", reason: error.to_string() }
}
