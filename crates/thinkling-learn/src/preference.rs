//! Reward models: one number a text, learnt from pairs of texts or from labels.
//!
//! The number stands at a text's last token: `r = w . h_last`. Texts that begin alike, such as both
//! answers to a prompt, share the tokens of their beginning, which are run once.

use crate::language_model::vector;
use crate::policy::LearnError;
use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use thinkling_model::{Decoder, HeadGrads, PackedBatch, ParamGrads, Recompute, Sequence};

/// Texts with one beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branches {
    shared: Vec<u32>,
    /// What follows in each text; at least one token.
    rests: Vec<Vec<u32>>,
}

impl Branches {
    /// From whole texts as token ids. Each keeps at least its last token for itself.
    ///
    /// # Panics
    /// Where a text is empty.
    pub fn new(texts: &[Vec<u32>]) -> Self {
        assert!(texts.iter().all(|text| !text.is_empty()), "a text has at least one token");
        let same = |i: usize| texts.iter().all(|text| text[i] == texts[0][i]);
        let most = match texts {
            // One text alone shares nothing.
            [] | [_] => 0,
            _ => texts.iter().map(|text| text.len() - 1).min().unwrap_or(0),
        };
        let shared = (0..most).take_while(|&i| same(i)).count();
        Self {
            shared: texts.first().map_or_else(Vec::new, |text| text[..shared].to_vec()),
            rests: texts.iter().map(|text| text[shared..].to_vec()).collect(),
        }
    }

    /// Tokens that are run.
    pub fn tokens(&self) -> usize {
        self.shared.len() + self.rests.iter().map(Vec::len).sum::<usize>()
    }

    /// Tokens of the longest text.
    pub fn longest(&self) -> usize {
        self.shared.len() + self.rests.iter().map(Vec::len).max().unwrap_or(0)
    }
}

/// What a reward model learns from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preference {
    texts: Branches,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    /// The first of two texts is better.
    Pair,
    /// Whether the one text is good.
    Label(bool),
}

/// Why texts are no pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreferenceError {
    /// Without tokens.
    #[error("a text without tokens")]
    Empty,
    /// Nothing to tell apart.
    #[error("chosen and rejected are the same tokens")]
    Alike,
}

impl Preference {
    /// Two texts of which the first is better.
    ///
    /// # Errors
    /// Texts that are empty or alike.
    pub fn pair(chosen: Vec<u32>, rejected: Vec<u32>) -> Result<Self, PreferenceError> {
        if chosen.is_empty() || rejected.is_empty() {
            return Err(PreferenceError::Empty);
        }
        if chosen == rejected {
            return Err(PreferenceError::Alike);
        }
        Ok(Self { texts: Branches::new(&[chosen, rejected]), kind: Kind::Pair })
    }

    /// A text that is good or not.
    ///
    /// # Errors
    /// A text that is empty.
    pub fn label(text: Vec<u32>, good: bool) -> Result<Self, PreferenceError> {
        if text.is_empty() {
            return Err(PreferenceError::Empty);
        }
        Ok(Self { texts: Branches::new(&[text]), kind: Kind::Label(good) })
    }

    /// Its texts.
    pub fn texts(&self) -> &Branches {
        &self.texts
    }

    /// What `values`, the rewards of its texts, say of it.
    ///
    /// # Panics
    /// Where there is not one value a text.
    pub fn predicted(&self, values: &[f64]) -> Predicted {
        let (margin, good) = match (self.kind, values) {
            (Kind::Pair, [chosen, rejected]) => (chosen - rejected, true),
            (Kind::Label(good), [value]) => (*value, good),
            _ => panic!("one value a text"),
        };
        Predicted { margin, good }
    }
}

/// What a reward model says of a pair, or of a text with a label.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Predicted {
    /// Logit of its being good: `r_chosen - r_rejected`, or `r`.
    pub margin: f64,
    /// Whether it is; always of a pair.
    pub good: bool,
}

impl Predicted {
    /// `-log sigmoid(margin)` where it is good, else `-log sigmoid(-margin)`; nats. Of a pair that is
    /// the loss of Bradley and Terry (arXiv 2203.02155, equation 1), of a label binary cross entropy.
    pub fn loss(&self) -> f64 {
        let z = self.signed();
        // log(1 + exp(-z)) without overflow.
        (-z).max(0.0) + (-z.abs()).exp().ln_1p()
    }

    /// `d loss / d margin`.
    fn slope(&self) -> f64 {
        let slope = -sigmoid(-self.signed());
        if self.good { slope } else { -slope }
    }

    /// 1 where it is told right, 0 where wrong, a half where both are equally likely.
    pub fn right(&self) -> f64 {
        match self.signed() {
            z if z > 0.0 => 1.0,
            0.0 => 0.5,
            _ => 0.0,
        }
    }

    /// Probability of the likelier answer, 0.5 to 1.
    pub fn confidence(&self) -> f64 {
        sigmoid(self.margin.abs())
    }

    fn signed(&self) -> f64 {
        if self.good { self.margin } else { -self.margin }
    }
}

/// `1 / (1 + exp(-x))`.
pub fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// Texts side by side.
struct Layout {
    batch: PackedBatch,
    /// Flat place of each text's last token.
    last: Vec<i32>,
}

impl Layout {
    fn new<'a>(model: &Decoder, texts: impl Iterator<Item = &'a Branches>) -> Self {
        let (mut sequences, mut ends) = (Vec::new(), Vec::new());
        for branches in texts {
            let prefix = (!branches.shared.is_empty()).then_some(sequences.len());
            if prefix.is_some() {
                sequences.push(Sequence { ids: &branches.shared, prefix: None });
            }
            for ids in &branches.rests {
                ends.push((sequences.len(), ids.len() - 1));
                sequences.push(Sequence { ids, prefix });
            }
        }
        let batch = PackedBatch::new(model, &sequences);
        let last = ends.iter().map(|&(i, place)| (batch.start(i) + place) as i32).collect();
        Self { batch, last }
    }

    fn last(&self, device: &Device) -> Tensor<1, Int> {
        Tensor::from_data(TensorData::new(self.last.clone(), [self.last.len()]), device)
    }
}

/// The head of a reward model, `[1, hidden]`.
fn score(model: &Decoder) -> Result<Tensor<2>, LearnError> {
    model.score().ok_or(LearnError::NoScore)
}

/// Values in the order of texts, cut by what they belong to.
fn of_each<'a>(
    values: &[f64],
    texts: impl Iterator<Item = &'a Branches> + 'a,
) -> impl Iterator<Item = &[f64]> {
    let mut rest = values;
    texts.map(move |branches| {
        let (own, tail) = rest.split_at(branches.rests.len());
        rest = tail;
        own
    })
}

/// The rewards of texts in one forward pass without gradients: one row of values for each of `texts`.
///
/// # Errors
/// A model without the head of a reward model, a device that fails.
pub async fn reward_values(
    model: &Decoder,
    texts: &[&Branches],
) -> Result<Vec<Vec<f64>>, LearnError> {
    let score = score(model)?;
    let layout = Layout::new(model, texts.iter().copied());
    let last = layout.last(&model.device());
    let hidden = model.forward(&layout.batch).select(0, last);
    let values = vector((hidden * score).sum_dim(1).flatten(0, 1)).await?;
    Ok(of_each(&values, texts.iter().copied()).map(<[f64]>::to_vec).collect())
}

/// A loss of pairs or labels, what was predicted of each, and the gradient of all trained weights.
#[derive(Debug)]
pub struct RewardLoss {
    /// Sum of the losses in nats, already divided by the normaliser.
    pub loss: f64,
    /// Of each pair or label.
    pub predicted: Vec<Predicted>,
    /// Gradient of `loss`.
    pub grads: ParamGrads,
}

/// `(1 / normaliser) sum` of [`Predicted::loss`] over `items`.
///
/// `normaliser` is the number of items of the whole step, so that the gradients of its micro-batches
/// add up to that of the step. The loss and its slope are formed in f64 on the host.
///
/// # Errors
/// A model without the head of a reward model, a device that fails.
pub async fn reward_loss(
    model: &Decoder,
    items: &[&Preference],
    normaliser: usize,
    recompute: Recompute,
) -> Result<RewardLoss, LearnError> {
    let device = model.device();
    let score = score(model)?;
    let texts = || items.iter().map(|item| &item.texts);
    let layout = Layout::new(model, texts());
    let pass = model.begin_backprop(&layout.batch, recompute);
    let states = pass.hidden();
    let last = layout.last(&device);
    let ends = states.clone().select(0, last.clone());
    let values = vector((ends.clone() * score.clone()).sum_dim(1).flatten(0, 1)).await?;
    let predicted: Vec<Predicted> = items
        .iter()
        .zip(of_each(&values, texts()))
        .map(|(item, own)| item.predicted(own))
        .collect();
    let norm = normaliser as f64;
    let slopes: Vec<f32> = items
        .iter()
        .zip(&predicted)
        .flat_map(|(item, predicted)| {
            let slope = (predicted.slope() / norm) as f32;
            match item.kind {
                Kind::Pair => vec![slope, -slope],
                Kind::Label(_) => vec![slope],
            }
        })
        .collect();
    let count = slopes.len();
    let slopes: Tensor<2> = Tensor::from_data(TensorData::new(slopes, [count, 1]), &device);
    let weight = (slopes.clone() * ends).sum_dim(0);
    let hidden = states.zeros_like().select_assign(0, last, slopes * score, IndexingUpdateOp::Add);
    let grads = pass.finish(HeadGrads { hidden, weight: Some(weight) });
    let loss = predicted.iter().map(|p| p.loss() / norm).sum();
    Ok(RewardLoss { loss, predicted, grads })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_share_what_they_begin_with_and_keep_a_token() {
        let both = Branches::new(&[vec![1, 2, 3, 4], vec![1, 2, 5]]);
        assert_eq!((&both.shared[..], &both.rests[..]), (&[1, 2][..], &[vec![3, 4], vec![5]][..]));
        assert_eq!((both.tokens(), both.longest()), (5, 4));
        let inside = Branches::new(&[vec![1, 2], vec![1, 2, 3]]);
        assert_eq!((&inside.shared[..], &inside.rests[0][..]), (&[1][..], &[2][..]));
        let alone = Branches::new(&[vec![7, 8]]);
        assert!(alone.shared.is_empty() && alone.tokens() == 2);
        assert_eq!(Preference::pair(vec![1], vec![1]), Err(PreferenceError::Alike));
        assert_eq!(Preference::pair(vec![1], vec![]), Err(PreferenceError::Empty));
    }

    #[test]
    fn the_loss_is_that_of_the_formula_and_its_slope_its_derivative() {
        for good in [true, false] {
            for margin in [-3.0, -0.2, 0.0, 0.7, 5.0] {
                let at = |margin: f64| Predicted { margin, good };
                let p = 1.0 / (1.0 + f64::exp(-margin));
                let expected = if good { -p.ln() } else { -(1.0 - p).ln() };
                assert!((at(margin).loss() - expected).abs() < 1e-12);
                let step = 1e-6;
                let slope = (at(margin + step).loss() - at(margin - step).loss()) / (2.0 * step);
                assert!((at(margin).slope() - slope).abs() < 1e-8, "{margin} {good}");
                assert!((at(margin).confidence() - p.max(1.0 - p)).abs() < 1e-12);
            }
        }
        let far = Predicted { margin: -1e4, good: true };
        assert_eq!((far.loss(), far.slope(), far.right()), (1e4, -1.0, 0.0));
        assert_eq!(Predicted { margin: 0.0, good: true }.right(), 0.5);
        assert_eq!(Predicted { margin: -2.0, good: false }.right(), 1.0);
    }
}
