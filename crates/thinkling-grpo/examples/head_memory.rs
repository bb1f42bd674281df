//! Peak memory of the head's forward and backward pass over a vocabulary of 151,936.
//!
//! `head_memory TOKENS CHUNK` runs the chunked head once, `head_memory TOKENS plain` the same under
//! autodiff with all logits at once, and prints the peak resident memory of the process (Linux's
//! VmHWM), of it before the pass, and the seconds of the pass. One process a figure, because a peak
//! never falls.

#![allow(clippy::print_stdout, reason = "the example's result")]

use std::time::Instant;

use burn::prelude::*;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Distribution, Int};
use thinkling_grpo::{head_backward, token_logprobs_and_entropy};

const VOCAB: usize = 151_936;
const HIDDEN: usize = 64;

fn main() {
    let usage = "usage: head_memory TOKENS CHUNK|plain";
    let mut arguments = std::env::args().skip(1);
    let tokens: usize = arguments.next().and_then(|text| text.parse().ok()).expect(usage);
    let mode = arguments.next().expect(usage);

    let device = Device::flex();
    let uniform = Distribution::Uniform(-0.5, 0.5);
    let hidden = Tensor::<2>::random([tokens, HIDDEN], uniform, &device);
    let weight = Tensor::<2>::random([VOCAB, HIDDEN], uniform, &device);
    let ids: Vec<i64> = (0..tokens).map(|token| (token * 7919 % VOCAB) as i64).collect();
    let targets = Tensor::<1, Int>::from_data(TensorData::new(ids, [tokens]), &device);
    let grad_logprobs = Tensor::<1>::random([tokens], uniform, &device);
    let before = peak_mb();
    let start = Instant::now();
    let sums = if mode == "plain" {
        plain(hidden, weight, targets, grad_logprobs)
    } else {
        let chunk: usize = mode.parse().expect(usage);
        chunked(hidden, weight, targets, grad_logprobs, chunk)
    };
    println!(
        "tokens={tokens} chunk={mode} peak_rss_mb={:.0} before_mb={before:.0} seconds={:.2} \
         sums={sums:.4?}",
        peak_mb(),
        start.elapsed().as_secs_f64(),
    );
}

fn chunked(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: Tensor<1, Int>,
    grad_logprobs: Tensor<1>,
    chunk: usize,
) -> [f32; 3] {
    let (h, w, t) = (hidden.clone(), weight.clone(), targets.clone());
    let (logprobs, _) = token_logprobs_and_entropy(h, w, t, 1.0, chunk).expect("the shapes fit");
    let grads =
        head_backward(hidden, weight, targets, 1.0, grad_logprobs, chunk).expect("the shapes fit");
    let weight = grads.weight.expect("the weight is trained");
    [logprobs.sum(), grads.hidden.abs().sum(), weight.abs().sum()].map(Tensor::into_scalar)
}

fn plain(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: Tensor<1, Int>,
    grad_logprobs: Tensor<1>,
) -> [f32; 3] {
    let tokens = hidden.dims()[0];
    let (hidden, weight) = (hidden.autodiff().require_grad(), weight.autodiff().require_grad());
    let all = log_softmax(hidden.clone().matmul(weight.clone().transpose()), 1);
    let logprobs = all.gather(1, targets.reshape([tokens, 1])).reshape([tokens]);
    let sum = logprobs.clone().inner().sum();
    let mut grads = (logprobs * grad_logprobs).sum().backward();
    let mut part =
        |tensor: &Tensor<2>| tensor.grad_remove(&mut grads).expect("a gradient").abs().sum();
    [sum, part(&hidden), part(&weight)].map(Tensor::into_scalar)
}

/// Highest resident memory of this process so far, MB; 0 where the system does not tell.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}
