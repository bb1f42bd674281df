//! One chunk of tokens: its logits, what is read from them, and the sums of its gradients.

use std::ops::Range;

use burn::tensor::{DType, Int, Tensor};

use thinkling_ops::{
    HeadGrads, HeadStats, HostHead, Normalisers, RowMap, is_host, matmul, matmul_nt, matmul_tn,
    normalisers,
};

use super::TokenGrads;
use crate::GrpoError;

/// The checked inputs.
pub(super) struct Head {
    pub(super) hidden: Tensor<2>,
    pub(super) weight: Tensor<2>,
    pub(super) targets: RowMap,
    pub(super) temperature: f64,
    pub(super) tokens: usize,
    pub(super) chunk_tokens: usize,
}

/// One chunk of tokens: its hidden states `[chunk, hidden]` and logits over the temperature
/// `[chunk, vocab]`.
pub(super) struct Chunk {
    pub(super) range: Range<usize>,
    pub(super) hidden: Tensor<2>,
    pub(super) logits: Tensor<2>,
}

/// `[chunk, 1]` each, nats.
pub(super) struct Forward {
    pub(super) logprobs: Tensor<2>,
    pub(super) normalisers: Normalisers,
}

impl Chunk {
    /// The probabilities, `[chunk, vocab]`.
    pub(super) fn probs(&self, log_norm: Tensor<2>) -> Tensor<2> {
        (self.logits.clone() - log_norm).exp()
    }
}

impl Head {
    pub(super) fn new(
        hidden: Tensor<2>,
        weight: Tensor<2>,
        targets: impl Into<RowMap>,
        temperature: f32,
        chunk_tokens: usize,
    ) -> Result<Self, GrpoError> {
        let targets = targets.into();
        let [tokens, width] = hidden.dims();
        let [vocab, weight_width] = weight.dims();
        if weight_width != width || vocab == 0 {
            return Err(shape_error("head weight", &[vocab.max(1), width], &[vocab, weight_width]));
        }
        if tokens == 0 || targets.len() != tokens {
            return Err(shape_error("targets", &[tokens.max(1)], &[targets.len()]));
        }
        positive("temperature", temperature.into())?;
        positive("chunk_tokens", chunk_tokens as f64)?;
        Ok(Self {
            hidden: hidden.inner(),
            weight: weight.inner(),
            targets,
            temperature: temperature.into(),
            tokens,
            chunk_tokens,
        })
    }

    /// The head by host functions, where its inputs lie in host memory as f32.
    pub(super) fn host(&self) -> Option<HostHead> {
        if !is_host(&self.hidden.device()) || self.hidden.dtype() != DType::F32 {
            return None;
        }
        let targets = self.targets.ids().into_data();
        let targets = targets.iter::<i64>().map(|id| id as usize).collect();
        Some(HostHead::new(targets, self.temperature as f32, self.chunk_tokens))
    }

    pub(super) fn chunks(&self) -> impl Iterator<Item = Range<usize>> {
        let (tokens, step) = (self.tokens, self.chunk_tokens);
        (0..tokens).step_by(step).map(move |start| start..tokens.min(start.saturating_add(step)))
    }

    pub(super) fn chunk(&self, range: Range<usize>) -> Chunk {
        let hidden = rows(&self.hidden, &range);
        // Scaling the narrow side spares a pass over the vocabulary.
        let scaled = if self.temperature == 1.0 {
            hidden.clone()
        } else {
            hidden.clone().mul_scalar(1.0 / self.temperature)
        };
        let logits = matmul_nt(scaled, self.weight.clone());
        Chunk { range, hidden, logits }
    }

    pub(super) fn forward(&self, chunk: &Chunk) -> Forward {
        let targets = self.targets_of(&chunk.range).unsqueeze_dim::<2>(1);
        let chosen = chunk.logits.clone().gather(1, targets);
        let normalisers = normalisers(chunk.logits.clone());
        Forward { logprobs: chosen - normalisers.log_norm.clone(), normalisers }
    }

    fn targets_of(&self, range: &Range<usize>) -> Tensor<1, Int> {
        self.targets.ids().narrow(0, range.start, range.len())
    }
}

/// Sums the gradients of the chunks.
pub(super) struct Backward<'a> {
    pub(super) head: &'a Head,
    /// `g / T`, `[tokens, 1]`.
    pub(super) coefficients: Tensor<2>,
    /// `e / T`, `[tokens, 1]`, where the entropies have a gradient.
    entropy_coefficients: Option<Tensor<2>>,
    grads: TokenGrads,
    pub(super) hidden: Vec<Tensor<2>>,
    /// The softmax's part of the weight's gradient.
    pub(super) weight: Option<Tensor<2>>,
    /// Whether the weight's gradient is wanted.
    trained: bool,
}

impl<'a> Backward<'a> {
    pub(super) fn new(head: &'a Head, grads: TokenGrads, trained: bool) -> Result<Self, GrpoError> {
        let checked = |what, grad: Tensor<1>| match grad.dims() == [head.tokens] {
            true => Ok(grad.inner()),
            false => Err(shape_error(what, &[head.tokens], &grad.dims())),
        };
        let logprobs = checked("grad_logprobs", grads.logprobs)?;
        let entropy = grads.entropy.map(|grad| checked("grad_entropy", grad)).transpose()?;
        let column = |grad: &Tensor<1>| {
            grad.clone().reshape([head.tokens, 1]).mul_scalar(1.0 / head.temperature)
        };
        let coefficients = column(&logprobs);
        let entropy_coefficients = entropy.as_ref().map(column);
        let grads = TokenGrads { logprobs, entropy };
        let (hidden, weight) = (Vec::new(), None);
        Ok(Self { head, coefficients, entropy_coefficients, grads, hidden, weight, trained })
    }

    /// `e / T` of a chunk, `[chunk, 1]`, where the entropies have a gradient.
    pub(super) fn entropy_rows(&self, range: &Range<usize>) -> Option<Tensor<2>> {
        self.entropy_coefficients.as_ref().map(|column| rows(column, range))
    }

    /// All chunks by host functions.
    pub(super) fn on_host(self, host: &HostHead) -> (HeadGrads, HeadStats) {
        let (hidden, weight) = (self.head.hidden.clone(), self.head.weight.clone());
        let TokenGrads { logprobs, entropy } = self.grads;
        let grads = match entropy {
            None => logprobs,
            Some(entropy) => Tensor::cat(vec![logprobs, entropy], 0),
        };
        host.backward(hidden, weight, grads, self.trained)
    }

    /// Adds a chunk whose logits have this normaliser.
    pub(super) fn add(&mut self, chunk: Chunk, log_norm: Tensor<2>) {
        let probs = chunk.probs(log_norm);
        let Chunk { range, hidden, .. } = chunk;
        let coefficients = rows(&self.coefficients, &range);
        let mean_weight = matmul(probs.clone(), self.head.weight.clone());
        let chosen = self.chosen(&range);
        self.hidden.push((chosen - mean_weight) * coefficients.clone());
        if self.trained {
            self.add_weight(matmul_tn(probs, -(hidden * coefficients)));
        }
    }

    /// Adds a chunk whose entropies have the gradient `e` too: with
    /// `d = p (g / T + e / T (ln p + H))`, all but the target's part of the logits' gradient, negated,
    /// `dh = g / T W[t] - d W` and `dW = -d^T h`.
    pub(super) fn add_with_entropy(&mut self, chunk: Chunk, entropy_rows: Tensor<2>) {
        let Chunk { range, hidden, logits } = chunk;
        let coefficients = rows(&self.coefficients, &range);
        let Normalisers { log_norm, entropy } = normalisers(logits.clone());
        let log_probs = logits - log_norm;
        let probs = log_probs.clone().exp();
        let d = probs * ((log_probs + entropy) * entropy_rows + coefficients.clone());
        let chosen = self.chosen(&range) * coefficients;
        self.hidden.push(chosen - matmul(d.clone(), self.head.weight.clone()));
        if self.trained {
            self.add_weight(matmul_tn(d, -hidden));
        }
    }

    /// The weight's rows of the targets.
    fn chosen(&self, range: &Range<usize>) -> Tensor<2> {
        self.head.weight.clone().select(0, self.head.targets_of(range))
    }

    fn add_weight(&mut self, part: Tensor<2>) {
        self.weight = Some(match self.weight.take() {
            Some(sum) => sum + part,
            None => part,
        });
    }

    pub(super) fn finish(self) -> HeadGrads {
        let weight = self.trained.then(|| {
            let chosen = self.head.hidden.clone() * self.coefficients;
            let weight = self.weight.unwrap_or_else(|| self.head.weight.zeros_like());
            self.head.targets.add_to(weight, chosen)
        });
        HeadGrads { hidden: Tensor::cat(self.hidden, 0), weight }
    }
}

fn rows(tensor: &Tensor<2>, range: &Range<usize>) -> Tensor<2> {
    tensor.clone().narrow(0, range.start, range.len())
}

/// `[chunk, 1]` columns to `[tokens]`.
pub(super) fn join(columns: Vec<Tensor<2>>, tokens: usize) -> Tensor<1> {
    Tensor::cat(columns, 0).reshape([tokens])
}

pub(super) fn positive(what: &'static str, got: f64) -> Result<(), GrpoError> {
    if got.is_finite() && got > 0.0 {
        Ok(())
    } else {
        Err(GrpoError::Range { what, expected: "above 0", got })
    }
}

pub(super) fn shape_error(what: &'static str, expected: &[usize], got: &[usize]) -> GrpoError {
    GrpoError::Shape { what, expected: expected.to_vec(), got: got.to_vec() }
}
