//! Generation over the cache: many prompts and groups as if each ran alone.

use crate::{adapter, engines};
use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;
use thinkling_engine::{Capacity, Engine, EngineError, Keep, WeightsReader, self_test};
use thinkling_sampling::generate::{Completion, GenerateRequest, Resumed, generate};
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
        banned: vec![9, 10],
        ..GenerateRequest::new(&prompts, 9)
    };
    let mut first: Option<Vec<Completion>> = None;
    for (device, mut engine) in engines(&checkpoint, Capacity::of(&request, context)) {
        let all = run(&mut engine, &request);
        assert_eq!(all.len(), 3 * prompts.len(), "{device}");
        assert!(all.iter().any(|c| c.finish == Finish::Stop), "{device}: some end early");
        assert!(all.iter().all(|c| !c.ids.contains(&9) && !c.ids.contains(&10)), "{device}");
        for (completion, first) in all.iter().zip(first.get_or_insert_with(|| all.clone())) {
            assert_eq!(completion.ids, first.ids, "{device}, as on the first device");
        }
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

#[test]
fn turns_of_a_conversation_are_as_if_each_was_computed_anew() {
    let checkpoint = Checkpoint::open(Path::new("../../tests/golden/qwen3")).unwrap();
    let base = Capacity { rows: 3, cache_tokens: 60, prompt_tokens: 0, conversation_tokens: 40 };
    let fresh = engines(&checkpoint, Capacity { conversation_tokens: 0, ..base });
    for ((device, mut engine), (_, mut fresh)) in engines(&checkpoint, base).into_iter().zip(fresh)
    {
        let mut turn = |prompt: Vec<u32>, group_size, kept| {
            let prompts = [prompt];
            let request = GenerateRequest { group_size, ..GenerateRequest::new(&prompts, 6) };
            let completions = run(&mut engine, &request);
            assert_eq!(engine.kept_tokens(), kept, "{device}");
            for (ours, anew) in completions.iter().zip(run(&mut fresh, &request)) {
                assert_eq!(ours.ids, anew.ids, "{device}");
            }
            [prompts[0].clone(), completions[0].ids.clone()].concat()
        };
        let said = turn(vec![5, 6, 7], 1, 0);
        // The last token of a completion was drawn, never run.
        let said = turn([said, vec![9, 10]].concat(), 1, 8);
        turn(said.clone(), 3, 16);
        turn(said[..12].to_vec(), 1, 11);
        turn(vec![5, 6, 1, 2], 1, 2);
    }
}

#[test]
fn a_completion_goes_on_where_it_was_broken_off() {
    let checkpoint = Checkpoint::open(Path::new("../../tests/golden/qwen3")).unwrap();
    let prompts = [vec![5, 6, 7]];
    let request = GenerateRequest { group_size: 3, ..GenerateRequest::new(&prompts, 9) };
    let capacity =
        Capacity { rows: 3, cache_tokens: 200, prompt_tokens: 0, conversation_tokens: 0 };
    for (device, mut engine) in engines(&checkpoint, capacity) {
        let whole = run(&mut engine, &request);
        let passes = Rc::new(Cell::new(0));
        let counted = passes.clone();
        let mut engine = engine.with_before_pass(Box::new(move || {
            counted.set(counted.get() + 1);
            let go_on = counted.get() != 3;
            Box::pin(async move {
                if go_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
        }));
        let mut so_far = vec![Vec::new(); 3];
        let stopped = pollster::block_on(generate(&mut engine, &request, |token| {
            so_far[token.completion].push(token.id);
            ControlFlow::Continue(())
        }));
        assert!(matches!(stopped, Err(EngineError::Stopped)), "{device}");
        assert!([2, 5].contains(&so_far[0].len()), "{device}: a prompt, then one step or four");
        let prompts: Vec<Vec<u32>> =
            so_far.iter().map(|ids| [&prompts[0][..], ids].concat()).collect();
        let resumed = so_far.iter().zip(0..);
        let resumed = resumed.map(|(ids, stream)| Resumed { stream, tokens: ids.len() }).collect();
        let request =
            GenerateRequest { prompts: &prompts, group_size: 1, resumed, ..request.clone() };
        for ((begun, rest), whole) in so_far.iter().zip(run(&mut engine, &request)).zip(whole) {
            assert_eq!([&begun[..], &rest.ids].concat(), whole.ids, "{device}");
        }
    }
}

#[test]
fn the_self_test_passes_a_right_gpu_and_a_lost_one_fails() {
    let Some(adapter) = adapter() else { return };
    for golden in ["llama3_rope", "qwen2", "qwen3"] {
        let path = Path::new("../../tests/golden").join(golden);
        let checkpoint = Checkpoint::open(&path).unwrap();
        let weights = WeightsReader::new(&checkpoint, Keep::Stored);
        let share = pollster::block_on(self_test(&adapter, &weights)).expect("a right GPU");
        assert!(share < 1e-4, "{golden}: {share}");
    }
    let checkpoint = Checkpoint::open(Path::new("../../tests/golden/qwen3")).unwrap();
    let weights = WeightsReader::new(&checkpoint, Keep::Stored);
    assert!(!adapter.is_lost());
    adapter.lose();
    assert!(adapter.is_lost());
    let failed = pollster::block_on(self_test(&adapter, &weights));
    assert!(matches!(failed, Err(EngineError::Gpu(_))), "{failed:?}");
}
