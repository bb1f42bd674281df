//! Generation over the cache: many prompts and groups as if each ran alone.

use crate::engines;
use std::ops::ControlFlow;
use std::path::Path;
use thinkling_engine::{Capacity, Engine};
use thinkling_sampling::generate::{Completion, GenerateRequest, generate};
use thinkling_sampling::{Finish, SamplingParams, StopRules};
use thinkling_weights::Checkpoint;

/// Of log-probabilities: rows that run together are summed in another order than alone.
const TOLERANCE: f32 = 1e-4;

fn prompts() -> Vec<Vec<u32>> {
    // One token, more than a pass has rows, and some between.
    let prompt = |len: u32| (0..len).map(|i| (i * 7 + len) % 60 + 1).collect();
    [1, 70, 3, 33, 64, 2, 5].map(prompt).to_vec()
}

fn run(engine: &mut Engine, request: &GenerateRequest<'_>) -> Vec<Completion> {
    let generated = pollster::block_on(generate(engine, request, |_| ControlFlow::Continue(())));
    generated.expect("completions").completions
}

#[test]
fn many_prompts_and_groups_give_what_each_gives_alone() {
    let checkpoint = Checkpoint::open(Path::new("../../tests/golden/qwen3")).unwrap();
    let context = checkpoint.config().max_position_embeddings;
    let prompts = prompts();
    let request = GenerateRequest {
        group_size: 3,
        sampling: SamplingParams { top_p: 0.95, ..SamplingParams::default() },
        stop: StopRules { stop_ids: vec![7, 8], max_tokens: 9 },
        seed: 5,
        max_rows: 6,
        ..GenerateRequest::new(&prompts, 9)
    };
    for (device, mut engine) in engines(&checkpoint, Capacity::of(&request, context)) {
        let all = run(&mut engine, &request);
        assert_eq!(all.len(), 3 * prompts.len(), "{device}");
        assert!(all.iter().any(|c| c.finish == Finish::Stop), "{device}: some end early");
        for (i, prompt) in prompts.iter().enumerate() {
            let alone = [prompt.clone()];
            let request =
                GenerateRequest { prompts: &alone, first_stream: 3 * i as u64, ..request.clone() };
            // The cache is free again after every run.
            let completions = run(&mut engine, &request);
            for (alone, together) in completions.iter().zip(&all[3 * i..]) {
                assert_eq!(alone.ids, together.ids, "{device}, prompt {i}");
                for (a, b) in alone.logprobs.iter().zip(&together.logprobs) {
                    assert!((a - b).abs() <= TOLERANCE, "{device}, prompt {i}: {a} for {b}");
                }
            }
        }
        let break_off = |_: thinkling_sampling::generate::TokenEvent<'_>| ControlFlow::Break(());
        pollster::block_on(generate(&mut engine, &request, break_off)).expect("one token");
        assert_eq!(run(&mut engine, &request)[0], all[0], "{device}: as if nothing had been");
    }
}
