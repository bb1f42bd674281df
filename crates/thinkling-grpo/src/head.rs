//! The language-model head by chunks of tokens: log-probabilities, entropies and gradients without
//! a `[tokens, vocab]` tensor.
//!
//! Logits of one chunk at a time exist; the backward pass makes them again. Peak memory is that of
//! `[chunk_tokens, vocab]` (two of them) and, with gradients, of two copies of the head's weight,
//! however many tokens there are. The gradient is analytic and needs no graph:
//! with `p = softmax(W h / T)` and `g = d loss / d logprob` of the token `t`,
//! `d h = g / T (W[t] - p W)` and `d W = g / T (onehot(t) - p)^T h`. A gradient `e` in the entropy
//! `H = -sum p ln p` adds `-e / T p (ln p + H)` to that of the logits.
//!
//! A gradient step through a whole model is then: forward to the last hidden states under
//! autodiff; [`token_logprobs_and_entropy`] and the loss on their inner tensors; [`head_backward`];
//! and, with the gradient `dh` that it gives, `(h * dh).sum().backward()`. Where the coefficient of
//! every token is known before (cross
//! entropy), [`head_forward_backward`] makes the logits only once.
//!
//! Each chunk reads the whole weight and, with gradients, adds to a whole `[vocab, hidden]`; a
//! chunk of about `hidden` tokens or more keeps that the smaller part.

use burn::tensor::Tensor;
pub use thinkling_ops::{HeadGrads, RowMap};
use thinkling_ops::{HeadStats, normalisers};

/// The head's weight, `[vocab, hidden]`, and whether it is trained. A tensor alone is.
#[derive(Debug, Clone)]
pub enum HeadWeight {
    /// Its gradient is made.
    Trained(Tensor<2>),
    /// Its gradient, a third of the work, is left out.
    Frozen(Tensor<2>),
}

impl From<Tensor<2>> for HeadWeight {
    fn from(weight: Tensor<2>) -> Self {
        Self::Trained(weight)
    }
}

impl HeadWeight {
    /// The weight, and whether it is trained.
    fn open(self) -> (Tensor<2>, bool) {
        match self {
            Self::Trained(weight) => (weight, true),
            Self::Frozen(weight) => (weight, false),
        }
    }
}

/// Gradients of a loss in what the head says of each token, `[tokens]` each.
#[derive(Debug, Clone)]
pub struct TokenGrads {
    /// In the log-probability of the target.
    pub logprobs: Tensor<1>,
    /// In the entropy; absent: zeros, without the work.
    pub entropy: Option<Tensor<1>>,
}

impl From<Tensor<1>> for TokenGrads {
    fn from(logprobs: Tensor<1>) -> Self {
        Self { logprobs, entropy: None }
    }
}

use crate::GrpoError;

mod chunk;

use chunk::{Backward, Forward, Head, join, positive};

/// What [`head_forward_backward`] returns.
#[derive(Debug, Clone)]
pub struct HeadOutput {
    /// Log-probability of each target, nats, `[tokens]`.
    pub logprobs: Tensor<1>,
    /// Entropy of each distribution, nats, `[tokens]`.
    pub entropy: Tensor<1>,
    /// Gradients for the coefficients given.
    pub grads: HeadGrads,
}

/// What [`cross_entropy`] returns.
#[derive(Debug, Clone)]
pub struct CrossEntropy {
    /// The loss, `[1]`, outside any graph.
    pub loss: Tensor<1>,
    /// Log-probability of each target, nats, `[tokens]`.
    pub logprobs: Tensor<1>,
    /// Entropy of each distribution, nats, `[tokens]`.
    pub entropy: Tensor<1>,
    /// Gradients of `loss`.
    pub grads: HeadGrads,
}

/// Log-probability of each target token, by chunks: `log_softmax(W h / T)[target]`.
///
/// # Shapes
/// `hidden`: `[tokens, hidden]`, `weight`: `[vocab, hidden]`, `targets`: `[tokens]`, each below
/// `vocab`; returns `[tokens]`, nats. A graph that the inputs belong to is left behind.
///
/// # Errors
/// [`GrpoError::Shape`] for inputs that do not fit together or hold no token,
/// [`GrpoError::Range`] for a temperature or chunk that is not positive.
pub fn token_logprobs(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: impl Into<RowMap>,
    temperature: f32,
    chunk_tokens: usize,
) -> Result<Tensor<1>, GrpoError> {
    let head = Head::new(hidden, weight, targets, temperature, chunk_tokens)?;
    if let Some(host) = head.host() {
        return Ok(host.forward(head.hidden, head.weight).logprobs);
    }
    let chunks = head.chunks().map(|range| {
        let chunk = head.chunk(range);
        head.forward(&chunk).logprobs
    });
    Ok(join(chunks.collect(), head.tokens))
}

/// [`token_logprobs`] with the entropy of each distribution, `-sum p ln p`, in nats.
///
/// # Shapes
/// As [`token_logprobs`]; returns log-probabilities and entropies, both `[tokens]`.
///
/// # Errors
/// As [`token_logprobs`].
pub fn token_logprobs_and_entropy(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: impl Into<RowMap>,
    temperature: f32,
    chunk_tokens: usize,
) -> Result<(Tensor<1>, Tensor<1>), GrpoError> {
    let head = Head::new(hidden, weight, targets, temperature, chunk_tokens)?;
    if let Some(host) = head.host() {
        let HeadStats { logprobs, entropy } = host.forward(head.hidden, head.weight);
        return Ok((logprobs, entropy));
    }
    let (mut logprobs, mut entropies) = (Vec::new(), Vec::new());
    for range in head.chunks() {
        let chunk = head.chunk(range);
        let forward = head.forward(&chunk);
        logprobs.push(forward.logprobs);
        entropies.push(forward.normalisers.entropy);
    }
    Ok((join(logprobs, head.tokens), join(entropies, head.tokens)))
}

/// Gradients of a loss in the head's inputs, from its gradient in the log-probabilities, or in these
/// and the entropies; makes the logits of each chunk again.
///
/// # Shapes
/// As [`token_logprobs`]; `grads`: `[tokens]` each.
///
/// # Errors
/// As [`token_logprobs`].
pub fn head_backward(
    hidden: Tensor<2>,
    weight: impl Into<HeadWeight>,
    targets: impl Into<RowMap>,
    temperature: f32,
    grads: impl Into<TokenGrads>,
    chunk_tokens: usize,
) -> Result<HeadGrads, GrpoError> {
    let (weight, trained) = weight.into().open();
    let head = Head::new(hidden, weight, targets, temperature, chunk_tokens)?;
    let mut backward = Backward::new(&head, grads.into(), trained)?;
    if let Some(host) = head.host() {
        return Ok(backward.on_host(&host).0);
    }
    for range in head.chunks() {
        let chunk = head.chunk(range);
        match backward.entropy_rows(&chunk.range) {
            Some(rows) => backward.add_with_entropy(chunk, rows),
            None => {
                let log_norm = normalisers(chunk.logits.clone()).log_norm;
                backward.add(chunk, log_norm);
            }
        }
    }
    Ok(backward.finish())
}

/// Log-probabilities, entropies and gradients in one pass over the logits, for coefficients
/// `grad_logprobs` that are known beforehand.
///
/// # Shapes
/// As [`head_backward`].
///
/// # Errors
/// As [`token_logprobs`].
pub fn head_forward_backward(
    hidden: Tensor<2>,
    weight: impl Into<HeadWeight>,
    targets: impl Into<RowMap>,
    temperature: f32,
    grad_logprobs: Tensor<1>,
    chunk_tokens: usize,
) -> Result<HeadOutput, GrpoError> {
    let (weight, trained) = weight.into().open();
    let head = Head::new(hidden, weight, targets, temperature, chunk_tokens)?;
    let mut backward = Backward::new(&head, grad_logprobs.into(), trained)?;
    if let Some(host) = head.host() {
        let (grads, HeadStats { logprobs, entropy }) = backward.on_host(&host);
        return Ok(HeadOutput { logprobs, entropy, grads });
    }
    let (mut logprobs, mut entropies) = (Vec::new(), Vec::new());
    for range in head.chunks() {
        let chunk = head.chunk(range);
        let Forward { logprobs: chosen, normalisers } = head.forward(&chunk);
        backward.add(chunk, normalisers.log_norm);
        logprobs.push(chosen);
        entropies.push(normalisers.entropy);
    }
    Ok(HeadOutput {
        logprobs: join(logprobs, head.tokens),
        entropy: join(entropies, head.tokens),
        grads: backward.finish(),
    })
}

/// Cross entropy at temperature 1 with its gradients: `-sum_t weight_t logprob_t / norm`.
///
/// `norm` is the number of trained tokens of the whole optimiser step, so that micro-batches add
/// up to the step's mean.
///
/// # Shapes
/// As [`token_logprobs`]; `token_weights`: `[tokens]`, 0 where a token is not trained.
///
/// # Errors
/// As [`token_logprobs`], and [`GrpoError::Range`] for a `norm` that is not positive.
pub fn cross_entropy(
    hidden: Tensor<2>,
    weight: impl Into<HeadWeight>,
    targets: impl Into<RowMap>,
    token_weights: Tensor<1>,
    norm: f64,
    chunk_tokens: usize,
) -> Result<CrossEntropy, GrpoError> {
    positive("norm", norm)?;
    let coefficients = token_weights.inner().mul_scalar(-1.0 / norm);
    let factors = coefficients.clone();
    let HeadOutput { logprobs, entropy, grads } =
        head_forward_backward(hidden, weight, targets, 1.0, factors, chunk_tokens)?;
    let loss = (logprobs.clone() * coefficients).sum();
    Ok(CrossEntropy { loss, logprobs, entropy, grads })
}
