//! SmolLM2-135M-Instruct (GGUF Q4_1) against transformers' numbers for the dequantised weights.
//!
//! `THINKLING_SMOLLM2_GGUF` names the model, `THINKLING_SMOLLM2_GOLDEN` the reference values; without
//! them the test says that it was left out.

use crate::{Decoder, adapter, decoders, sequence};
use serde::Deserialize;
use std::path::Path;
use thinkling_engine::Keep;
use thinkling_sampling::{LogSoftmax, argmax};
use thinkling_weights::Checkpoint;

/// Of a greedy token's log-probability.
const TOLERANCE: f64 = 5e-3;
/// Below this margin between the reference's two best tokens, a step may differ.
const NEAR_TIE: f64 = 1e-3;
/// Steps on the software device, which is slow.
const GPU_STEPS: usize = 8;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    prompt_ids: Vec<u32>,
    greedy_ids: Vec<u32>,
    greedy_logprobs: Vec<f64>,
    top1_top2_margin: Vec<f64>,
}

/// The largest difference in log-probability.
fn check(decoder: &mut Decoder, device: &str, case: &Case, steps: usize) -> f64 {
    let (mut ids, mut from, mut worst) = (case.prompt_ids.clone(), 0, 0f64);
    for step in 0..steps.min(case.greedy_ids.len()) {
        let rows = sequence(0, from, ids.len());
        let logits = decoder.logits(&ids[from..], &rows, &[rows.len() - 1]).expect("logits");
        let id = argmax(&logits) as u32;
        if id != case.greedy_ids[step] {
            let margin = case.top1_top2_margin[step];
            assert!(margin < NEAR_TIE, "{device}, step {step}: margin {margin}");
            break;
        }
        let logprob = LogSoftmax::new(&logits, 1.0).logprob(logits[id as usize]);
        worst = worst.max((logprob - case.greedy_logprobs[step]).abs());
        from = ids.len();
        ids.push(id);
    }
    worst
}

#[test]
#[allow(clippy::print_stdout, reason = "figures that one wants in the log")]
fn smollm2_gives_the_greedy_ids_of_transformers() {
    let (Ok(gguf), Ok(golden)) =
        (std::env::var("THINKLING_SMOLLM2_GGUF"), std::env::var("THINKLING_SMOLLM2_GOLDEN"))
    else {
        println!("left out: THINKLING_SMOLLM2_GGUF or THINKLING_SMOLLM2_GOLDEN is not set");
        return;
    };
    let golden: Golden = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
    let checkpoint = Checkpoint::open(Path::new(&gguf)).unwrap();
    for keep in [Keep::F32, Keep::Stored] {
        for (device, mut decoder) in decoders(&checkpoint, keep, 256) {
            let on_cpu = matches!(decoder, Decoder::Cpu(_));
            let whole = on_cpu || !adapter().is_some_and(|adapter| adapter.is_software());
            let (cases, steps) = if whole { (golden.cases.len(), 40) } else { (1, GPU_STEPS) };
            let clock = std::time::Instant::now();
            let mut worst = 0f64;
            for case in &golden.cases[..cases] {
                worst = worst.max(check(&mut decoder, &device, case, steps));
            }
            let tokens = cases * steps;
            let seconds = clock.elapsed().as_secs_f64();
            println!(
                "{device}, {keep:?}: log-probabilities within {worst:.1e}; {tokens} tokens in \
                 {seconds:.1} s with their prompts"
            );
            assert!(worst < TOLERANCE, "{device}, {keep:?}: {worst}");
        }
    }
}
