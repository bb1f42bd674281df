//! The output head on host memory; elsewhere `thinkling-grpo` writes it in tensor code.

use crate::cpu;
use crate::host::{call2, gradients2};
use burn::tensor::{Device, Tensor, TensorData};
use std::sync::{Arc, Mutex, PoisonError};

/// Chosen tokens over the vocabulary, of tensors in host memory ([`is_host`](crate::is_host)).
#[derive(Clone, Debug)]
pub struct HostHead {
    function: Arc<cpu::head::Head>,
    tokens: usize,
}

/// Log-probabilities and entropies of the chosen tokens, nats, `[tokens]` each.
#[derive(Clone, Debug)]
pub struct HeadStats {
    /// `log_softmax(W h / T)[target]`.
    pub logprobs: Tensor<1>,
    /// `-sum p ln p`.
    pub entropy: Tensor<1>,
}

/// Gradients of a loss in what the output head reads, outside of any graph.
#[derive(Clone, Debug)]
pub struct HeadGrads {
    /// `d loss / d hidden`, `[tokens, width]`.
    pub hidden: Tensor<2>,
    /// `d loss / d weight`, `[vocab, width]`; `None` where the weight is not trained.
    pub weight: Option<Tensor<2>>,
}

impl HostHead {
    /// For `targets`, the chosen token of each row of hidden states; the logits of `chunk` tokens
    /// are held at once.
    pub fn new(targets: Vec<usize>, temperature: f32, chunk: usize) -> Self {
        let tokens = targets.len();
        let seen = Mutex::default();
        Self { function: Arc::new(cpu::head::Head { targets, temperature, chunk, seen }), tokens }
    }

    /// # Shapes
    /// `hidden` `[tokens, width]`, `weight` `[vocab, width]`, each target below `vocab`.
    pub fn forward(&self, hidden: Tensor<2>, weight: Tensor<2>) -> HeadStats {
        let both: Tensor<2> = call2(self.function.clone(), hidden, weight);
        let column =
            |i: usize| both.clone().slice([0..self.tokens, i..i + 1]).reshape([self.tokens]);
        HeadStats { logprobs: column(0), entropy: column(1) }
    }

    /// Gradients for the gradient of the log-probabilities, behind which that of the entropies may
    /// stand, and what was seen of these on the way; that of the weight only where it is `trained`.
    ///
    /// # Shapes
    /// As [`Self::forward`]; `grad` `[tokens]` or `[2 tokens]`.
    pub fn backward(
        &self,
        hidden: Tensor<2>,
        weight: Tensor<2>,
        grad: Tensor<1>,
        trained: bool,
    ) -> (HeadGrads, HeadStats) {
        let device = hidden.device();
        let (hidden, weight) = gradients2(self.function.clone(), hidden, weight, grad, trained);
        let seen =
            std::mem::take(&mut *self.function.seen.lock().unwrap_or_else(PoisonError::into_inner));
        let column = |i: usize| self.column(&seen, i, &device);
        let stats = HeadStats { logprobs: column(0), entropy: column(1) };
        (HeadGrads { hidden, weight }, stats)
    }

    fn column(&self, seen: &[f32], i: usize, device: &Device) -> Tensor<1> {
        let values: Vec<f32> = seen.iter().skip(i).step_by(2).copied().collect();
        Tensor::from_data(TensorData::new(values, [self.tokens]), device)
    }
}
