//! SmolLM2-135M-Instruct (GGUF Q4_1) against transformers' numbers for the dequantised weights.
//!
//! `THINKLING_SMOLLM2_GGUF` names the model, `THINKLING_SMOLLM2_GOLDEN` the reference values;
//! without them the test says that it was left out.

use crate::devices::cpu;
use serde::Deserialize;
use std::ops::ControlFlow;
use std::path::Path;
use thinkling_model::Decoder;
use thinkling_model::generate::{GenerateRequest, generate};
use thinkling_sampling::SamplingParams;
use thinkling_weights::Checkpoint;

/// Of log-probabilities of the last position's ten most probable tokens.
const TOP10_TOLERANCE: f64 = 2e-3;
/// Below this margin between the reference's two best tokens, a step may differ.
const NEAR_TIE: f64 = 1e-3;

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
    last_top10_ids: Vec<u32>,
    last_top10_logits: Vec<f64>,
    last_logsumexp: f64,
    prompt_token_logprobs: Vec<f64>,
}

#[test]
fn smollm2_gives_the_numbers_of_transformers() {
    let (Ok(gguf), Ok(golden)) =
        (std::env::var("THINKLING_SMOLLM2_GGUF"), std::env::var("THINKLING_SMOLLM2_GOLDEN"))
    else {
        println!("left out: THINKLING_SMOLLM2_GGUF or THINKLING_SMOLLM2_GOLDEN is not set");
        return;
    };
    let golden: Golden = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
    let model = Decoder::load(&Checkpoint::open(Path::new(&gguf)).unwrap(), &cpu()).unwrap();
    // All prompts in one ragged batch: each must still give its own numbers.
    let prompts: Vec<Vec<u32>> = golden.cases.iter().map(|c| c.prompt_ids.clone()).collect();
    let request = GenerateRequest {
        sampling: SamplingParams::greedy(),
        prompt_logprobs: true,
        top_logprobs: 10,
        ..GenerateRequest::new(&prompts, 40)
    };
    let generated =
        pollster::block_on(generate(&model, &request, |_| ControlFlow::Continue(()))).unwrap();
    let mut worst = [0f64; 3];
    for (i, case) in golden.cases.iter().enumerate() {
        let completion = &generated.completions[i];
        for (step, id) in completion.ids.iter().enumerate() {
            if *id != case.greedy_ids[step] {
                let margin = case.top1_top2_margin[step];
                assert!(margin < NEAR_TIE, "case {i}, step {step}: margin {margin}");
                break;
            }
            let got = f64::from(completion.logprobs[step]);
            worst[0] = worst[0].max((got - case.greedy_logprobs[step]).abs());
        }
        for (rank, &(id, got)) in completion.top_logprobs[0].iter().enumerate() {
            let place = case.last_top10_ids.iter().position(|&x| x == id);
            let place = place.unwrap_or_else(|| panic!("case {i}: token {id} of rank {rank}"));
            let want = case.last_top10_logits[place] - case.last_logsumexp;
            worst[1] = worst[1].max((got - want).abs());
        }
        let logprobs = &generated.prompt_logprobs[i];
        assert_eq!(logprobs.len(), case.prompt_token_logprobs.len());
        for (got, want) in logprobs.iter().zip(&case.prompt_token_logprobs) {
            worst[2] = worst[2].max((got - want).abs());
        }
    }
    println!(
        "smollm2: {} cases, largest difference: greedy {:.1e}, top 10 {:.1e}, prompt {:.1e}",
        golden.cases.len(),
        worst[0],
        worst[1],
        worst[2]
    );
    assert!(worst.iter().all(|d| *d <= TOP10_TOLERANCE), "{worst:?}");
}
