//! Output head: log-probabilities and entropies of chosen tokens, and the gradients, by chunks of
//! tokens whose logits are made, read in one pass and forgotten.

use crate::cpu::linear::multiply_large;
use crate::host::HostFunction;
use std::sync::{Mutex, PoisonError};
use thinkling_cpu::math::{exp, largest};
use thinkling_cpu::matmul::View;
use thinkling_cpu::threads::chunks2_mut;
use thinkling_cpu::vectorised;

/// Inputs `hidden` `[tokens, width]` and `weight` `[vocab, width]`; output `[tokens, 2]`:
/// `log_softmax(W h / T)` of each token's target and the entropy, nats.
///
/// Its backward pass takes the gradient of the log-probabilities alone, `[tokens]`, or that of the
/// entropies behind it, `[2 tokens]`.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) targets: Vec<usize>,
    pub(crate) temperature: f32,
    /// Tokens whose logits are held at once.
    pub(crate) chunk: usize,
    /// What the backward pass saw of log-probability and entropy, `[tokens, 2]`.
    pub(crate) seen: Mutex<Vec<f32>>,
}

/// What one row of scaled logits says.
struct Row {
    /// Of the logits that [`read`] leaves.
    log_normaliser: f32,
    /// `[log-probability, entropy]`.
    stats: [f32; 2],
}

/// Turns logits into logits over the temperature less their largest, and reads them.
#[inline(always)]
fn read(logits: &mut [f32], target: usize, inverse_temperature: f32) -> Row {
    const LANES: usize = 16;
    let max = largest(logits);
    let (mut sums, mut weighted) = ([0f64; LANES], [0f64; LANES]);
    // Blocks in f32, so that the loop is vector code, and their sums in f64.
    for block in logits.chunks_mut(64 * LANES) {
        let (mut s, mut w) = ([0f32; LANES], [0f32; LANES]);
        for chunk in block.chunks_mut(LANES) {
            for ((x, s), w) in chunk.iter_mut().zip(&mut s).zip(&mut w) {
                *x = (*x - max) * inverse_temperature;
                let e = exp(*x);
                *s += e;
                *w += e * *x;
            }
        }
        for (sum, s) in sums.iter_mut().zip(s).chain(weighted.iter_mut().zip(w)) {
            *sum += f64::from(s);
        }
    }
    let sum: f64 = sums.iter().sum();
    let log_normaliser = sum.ln();
    let entropy = log_normaliser - weighted.iter().sum::<f64>() / sum;
    let logprob = f64::from(logits[target]) - log_normaliser;
    let stats = [logprob as f32, entropy as f32];
    Row { log_normaliser: log_normaliser as f32, stats }
}

vectorised! {
    /// [`read`].
    fn read_row(logits: &mut [f32], target: usize, inverse_temperature: f32) -> Row {
        read(logits, target, inverse_temperature)
    }
}

vectorised! {
    /// Turns logits into `scale (onehot - p)`; gives the row's statistics.
    fn logit_grads(
        logits: &mut [f32],
        target: usize,
        scale: f32,
        inverse_temperature: f32,
    ) -> [f32; 2] {
        let row = read(logits, target, inverse_temperature);
        for x in logits.iter_mut() {
            *x = -scale * exp(*x - row.log_normaliser);
        }
        logits[target] += scale;
        row.stats
    }
}

vectorised! {
    /// Turns logits into `scale (onehot - p) - entropy_scale p (ln p + H)`; gives the row's
    /// statistics.
    fn logit_grads_with_entropy(
        logits: &mut [f32],
        target: usize,
        [scale, entropy_scale]: [f32; 2],
        inverse_temperature: f32,
    ) -> [f32; 2] {
        let row = read(logits, target, inverse_temperature);
        let entropy = row.stats[1];
        for x in logits.iter_mut() {
            let log_p = *x - row.log_normaliser;
            *x = -exp(log_p) * (scale + entropy_scale * (log_p + entropy));
        }
        logits[target] += scale;
        row.stats
    }
}

impl Head {
    /// Calls `each(first token, hidden rows, their logits)` chunk by chunk.
    fn chunks(
        &self,
        [hidden, weight]: [&[f32]; 2],
        mut each: impl FnMut(usize, &[f32], &mut [f32]),
    ) {
        let width = hidden.len() / self.targets.len();
        let vocab = weight.len() / width;
        let chunk = self.chunk.min(self.targets.len());
        let mut logits = vec![0f32; chunk * vocab];
        for (i, hidden) in hidden.chunks(chunk * width).enumerate() {
            let tokens = hidden.len() / width;
            let logits = &mut logits[..tokens * vocab];
            let (x, w) = (View::rows(hidden, width), View::rows(weight, width).t());
            multiply_large([tokens, width, vocab], x, w, logits, false);
            each(i * chunk, hidden, logits);
        }
    }
}

impl HostFunction for Head {
    fn names(&self) -> [&'static str; 2] {
        ["head forward", "head backward"]
    }

    fn shape(&self, inputs: &[&[usize]]) -> Vec<usize> {
        vec![inputs[0][0], 2]
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32]) {
        let inverse = 1.0 / self.temperature;
        let width = inputs[0].len() / self.targets.len();
        self.chunks([inputs[0], inputs[1]], |first, hidden, logits| {
            let tokens = hidden.len() / width;
            let vocab = logits.len() / tokens;
            let out = &mut out[2 * first..2 * (first + tokens)];
            chunks2_mut((logits, vocab), (out, 2), |i, logits, out| {
                let row = read_row(logits, self.targets[first + i], inverse);
                out.copy_from_slice(&row.stats);
            });
        });
    }

    /// With `p = softmax(W h / T)`, `g` the gradient of the target's log-probability and `e` that of
    /// the entropy `H`: `d = g / T (onehot - p) - e / T p (ln p + H)`, `dh = d W`, `dW = d^T h`.
    fn backward(&self, inputs: &[&[f32]], grad: &[f32], grads: &mut [Vec<f32>]) {
        let (hidden, weight) = (inputs[0], inputs[1]);
        let width = hidden.len() / self.targets.len();
        let inverse = 1.0 / self.temperature;
        let (grad, entropy_grad) = grad.split_at(self.targets.len());
        let (dh, dw) = grads.split_at_mut(1);
        let mut seen = vec![0f32; 2 * self.targets.len()];
        self.chunks([hidden, weight], |first, hidden, logits| {
            let tokens = hidden.len() / width;
            let vocab = logits.len() / tokens;
            let seen = &mut seen[2 * first..2 * (first + tokens)];
            chunks2_mut((logits, vocab), (seen, 2), |i, d, seen| {
                let (target, scale) = (self.targets[first + i], grad[first + i] * inverse);
                seen.copy_from_slice(&match entropy_grad.get(first + i) {
                    None => logit_grads(d, target, scale, inverse),
                    Some(grad) => {
                        logit_grads_with_entropy(d, target, [scale, grad * inverse], inverse)
                    }
                });
            });
            let (d, w) = (View::rows(logits, vocab), View::rows(weight, width));
            let dh = &mut dh[0][first * width..(first + tokens) * width];
            multiply_large([tokens, vocab, width], d, w, dh, false);
            if !dw[0].is_empty() {
                let x = View::rows(hidden, width);
                multiply_large([vocab, tokens, width], d.t(), x, &mut dw[0], first > 0);
            }
        });
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    fn skips_unwanted(&self) -> bool {
        true
    }
}
