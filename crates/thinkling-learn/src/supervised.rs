//! Supervised training: next-token loss on the trained tokens of examples alone.

use crate::language_model::{TokenLoss, head_weight, scalar, vector};
use crate::policy::LearnError;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use thinkling_grpo::{RowMap, cross_entropy, token_logprobs};
use thinkling_model::{Decoder, HeadGrads, PackedBatch, Recompute, Sequence};

/// Token ids, and which of them a model learns to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    ids: Vec<u32>,
    trained: Vec<bool>,
}

/// Why ids and marks are no example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExampleError {
    /// Not one mark a token.
    #[error("marks of trained tokens, expected: {ids}, got: {marks}")]
    Lengths {
        /// Tokens.
        ids: usize,
        /// Marks.
        marks: usize,
    },
    /// Nothing to learn. The first token of a sequence is never predicted.
    #[error("no trained token after the first")]
    NothingTrained,
}

impl Example {
    /// From `ids` and a mark for each of them. Tokens after the last trained one are left out.
    ///
    /// # Errors
    /// Lengths that differ, no trained token after the first one.
    pub fn new(mut ids: Vec<u32>, mut trained: Vec<bool>) -> Result<Self, ExampleError> {
        if ids.len() != trained.len() {
            return Err(ExampleError::Lengths { ids: ids.len(), marks: trained.len() });
        }
        let end = trained.iter().rposition(|t| *t).map_or(0, |last| last + 1);
        if end < 2 {
            return Err(ExampleError::NothingTrained);
        }
        ids.truncate(end);
        trained.truncate(end);
        trained[0] = false;
        Ok(Self { ids, trained })
    }

    /// The tokens.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Whether each token is learnt.
    pub fn trained(&self) -> &[bool] {
        &self.trained
    }

    /// Tokens that are learnt.
    pub fn trained_tokens(&self) -> usize {
        self.trained.iter().filter(|t| **t).count()
    }

    /// Its first `tokens` tokens; `None` where nothing is left to learn.
    pub fn cut(mut self, tokens: usize) -> Option<Self> {
        self.ids.truncate(tokens);
        self.trained.truncate(tokens);
        Self::new(self.ids, self.trained).ok()
    }
}

/// Examples side by side, with the places of their trained tokens.
struct Layout {
    batch: PackedBatch,
    /// Flat token that predicts each target.
    sources: RowMap,
    targets: RowMap,
}

impl Layout {
    fn new(model: &Decoder, examples: &[&Example]) -> Self {
        // The last token predicts nothing.
        let sequences: Vec<Sequence<'_>> = examples
            .iter()
            .map(|e| Sequence { ids: &e.ids[..e.ids.len() - 1], prefix: None })
            .collect();
        let batch = PackedBatch::new(model, &sequences);
        let (mut sources, mut targets) = (Vec::new(), Vec::new());
        for (i, example) in examples.iter().enumerate() {
            let marked = example.ids.iter().zip(&example.trained).enumerate();
            for (place, (&id, _)) in marked.filter(|(_, (_, trained))| **trained) {
                sources.push((batch.start(i) + place - 1) as i32);
                targets.push(id as i32);
            }
        }
        let device = model.device();
        Self {
            sources: RowMap::new(sources, batch.tokens(), &device),
            targets: RowMap::new(targets, model.head().dims()[0], &device),
            batch,
        }
    }
}

/// `-(1 / normaliser) sum_t log p(x_t | x_<t)` over the trained tokens of `examples`, which do not
/// see each other: the loss of each is what it is alone.
///
/// `normaliser` is the number of trained tokens of the whole step, so that the gradients of its
/// micro-batches add up to that of the step. `chunk_tokens` bounds the logits held at once.
///
/// # Errors
/// A device that fails.
pub async fn supervised_loss(
    model: &Decoder,
    examples: &[&Example],
    normaliser: usize,
    chunk_tokens: usize,
    recompute: Recompute,
) -> Result<TokenLoss, LearnError> {
    let device = model.device();
    let layout = Layout::new(model, examples);
    let count = layout.targets.len();
    let pass = model.begin_backprop(&layout.batch, recompute);
    let states = pass.hidden();
    let output = cross_entropy(
        layout.sources.gather(states.clone()),
        head_weight(model),
        layout.targets,
        Tensor::ones([count], &device),
        normaliser as f64,
        chunk_tokens,
    )?;
    let loss = scalar(output.loss).await?;
    let HeadGrads { hidden, weight } = output.grads;
    let hidden = layout.sources.add_to(states.zeros_like(), hidden);
    let grads = pass.finish(HeadGrads { hidden, weight });
    Ok(TokenLoss { loss, grads, targets: count })
}

/// What a model says of examples that it does not learn from; sums, so that parts add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HeldOut {
    /// Sum of the trained tokens' negative log-probabilities, nats.
    pub nats: f64,
    /// Trained tokens that were the likeliest ones.
    pub right: f64,
    /// Trained tokens.
    pub tokens: usize,
}

impl HeldOut {
    /// Mean loss of a token, nats.
    pub fn loss(&self) -> f64 {
        self.nats / self.tokens.max(1) as f64
    }

    /// Share of tokens that were the likeliest ones.
    pub fn token_accuracy(&self) -> f64 {
        self.right / self.tokens.max(1) as f64
    }

    /// Takes another part in.
    pub fn add(&mut self, part: Self) {
        self.nats += part.nats;
        self.right += part.right;
        self.tokens += part.tokens;
    }
}

/// Loss and token accuracy of `examples` in one forward pass, without gradients.
///
/// # Errors
/// A device that fails.
pub async fn held_out_loss(
    model: &Decoder,
    examples: &[&Example],
    chunk_tokens: usize,
) -> Result<HeldOut, LearnError> {
    let layout = Layout::new(model, examples);
    let tokens = layout.targets.len();
    let hidden = layout.sources.gather(model.forward(&layout.batch));
    let targets = layout.targets.ids();
    let logprobs = token_logprobs(hidden.clone(), model.head(), layout.targets, 1.0, chunk_tokens)?;
    let nats = -vector(logprobs).await?.iter().sum::<f64>();
    let mut right = 0.0;
    for start in (0..tokens).step_by(chunk_tokens.max(1)) {
        let len = chunk_tokens.min(tokens - start);
        let logits = model.logits(hidden.clone().narrow(0, start, len));
        let chosen =
            logits.clone().gather(1, targets.clone().narrow(0, start, len).unsqueeze_dim(1));
        let best = chosen.greater_equal(logits.max_dim(1)).float().sum();
        right += scalar(best).await?;
    }
    Ok(HeldOut { nats, right, tokens })
}
