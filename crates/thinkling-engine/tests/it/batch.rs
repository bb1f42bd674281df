//! Rows that come and go at any step, each with parameters of its own: as if each ran alone.

use crate::engines;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use thinkling_engine::{Capacity, Engine, EngineError, Keep, WeightsReader};
use thinkling_sampling::batch::{Batch, Drawing, NewRow, Then};
use thinkling_sampling::generate::{Decode, GenerateRequest, TokenEvent, generate};
use thinkling_sampling::{SamplingParams, StopRules, Stream};
use thinkling_weights::{Checkpoint, expected_tensors};

const CAPACITY: Capacity =
    Capacity { rows: 8, cache_tokens: 200, prompt_tokens: 0, conversation_tokens: 0 };

fn checkpoint() -> Checkpoint {
    Checkpoint::open(Path::new("../../tests/golden/qwen3")).expect("a golden model")
}

/// A prompt with two completions.
struct Group {
    prompt: Vec<u32>,
    drawing: Drawing,
    seed: u64,
}

fn groups() -> Vec<Group> {
    let drawing = |sampling, max_tokens| Drawing {
        sampling,
        stop: StopRules { stop_ids: vec![7, 8], max_tokens },
        top_logprobs: 0,
    };
    let warm = SamplingParams { temperature: 0.7, top_k: 9, ..SamplingParams::default() };
    let nucleus = SamplingParams { top_p: 0.8, ..SamplingParams::default() };
    let greedy = SamplingParams::greedy();
    let group = |prompt: &[u32], sampling, max_tokens, seed| Group {
        prompt: prompt.to_vec(),
        drawing: drawing(sampling, max_tokens),
        seed,
    };
    vec![
        group(&[5, 6, 7], warm, 12, 1),
        group(&[1, 2, 3, 4, 5, 6], greedy, 3, 2),
        group(&[9], nucleus, 9, 3),
        group(&[30, 31], SamplingParams::default(), 15, 4),
    ]
}

fn begin(
    engine: &mut Engine,
    batch: &mut Batch,
    group: &Group,
    key: usize,
    on_token: &mut impl FnMut(TokenEvent<'_>) -> Then,
) {
    let drawing = Arc::new(group.drawing.clone());
    let rows = (0..2).map(|i| NewRow {
        key: key + i,
        prompt: 0,
        drawing: drawing.clone(),
        stream: Stream::new(group.seed, i as u64),
        tokens_before: 0,
    });
    let prompts = [group.prompt.clone()];
    let began = batch.begin(engine, (&prompts[..], 0), rows.collect(), None, on_token);
    assert_eq!(pollster::block_on(began).expect("rows"), ControlFlow::Continue(()));
}

fn step(engine: &mut Engine, batch: &mut Batch, on_token: &mut impl FnMut(TokenEvent<'_>) -> Then) {
    let _ = pollster::block_on(batch.step(engine, on_token)).expect("a step");
}

#[test]
fn rows_that_join_and_leave_draw_what_each_draws_alone() {
    let groups = groups();
    for ((device, mut engine), (_, mut alone)) in
        engines(&checkpoint(), CAPACITY).into_iter().zip(engines(&checkpoint(), CAPACITY))
    {
        let mut batch = Batch::new(vec![9, 10]);
        let mut on_token = |_: TokenEvent<'_>| Then::GoOn;
        // A group joins at each step.
        for (i, group) in groups.iter().enumerate() {
            begin(&mut engine, &mut batch, group, 2 * i, &mut on_token);
            step(&mut engine, &mut batch, &mut on_token);
            batch.drop_ended(&mut engine);
        }
        while !batch.is_empty() {
            step(&mut engine, &mut batch, &mut on_token);
            batch.drop_ended(&mut engine);
        }
        assert_eq!(engine.cache_tokens_taken(), 0, "{device}");
        let ended: BTreeMap<usize, _> = batch.take_ended().into_iter().collect();
        assert_eq!(ended.len(), 2 * groups.len(), "{device}");
        for (i, group) in groups.iter().enumerate() {
            let prompts = [group.prompt.clone()];
            let request = GenerateRequest {
                group_size: 2,
                sampling: group.drawing.sampling,
                stop: group.drawing.stop.clone(),
                banned: vec![9, 10],
                seed: group.seed,
                ..GenerateRequest::new(&prompts, 0)
            };
            let request = generate(&mut alone, &request, |_| ControlFlow::Continue(()));
            for (j, alone) in
                pollster::block_on(request).expect("completions").completions.iter().enumerate()
            {
                let together = &ended[&(2 * i + j)];
                assert_eq!(together.ids, alone.ids, "{device}, group {i}");
                assert_eq!(together.finish, alone.finish, "{device}, group {i}");
            }
        }
    }
}

#[test]
fn on_the_cpu_a_row_is_the_same_to_the_last_bit_in_any_crowd() {
    let checkpoint = checkpoint();
    let weights = WeightsReader::new(&checkpoint, Keep::Stored);
    let engine = || Engine::on_cpu(&weights, CAPACITY).expect("an engine").with_independent_rows();
    let run = |crowd: usize| {
        let mut engine = engine();
        let mut batch = Batch::new(Vec::new());
        let mut on_token = |_: TokenEvent<'_>| Then::GoOn;
        for key in 0..=crowd {
            let mut group = groups().remove(0);
            group.drawing.stop.stop_ids.clear();
            if key > 0 {
                group.prompt.rotate_left(key % 3);
            }
            begin(&mut engine, &mut batch, &group, 10 * key, &mut on_token);
        }
        while !batch.is_empty() {
            step(&mut engine, &mut batch, &mut on_token);
            batch.drop_ended(&mut engine);
        }
        let mut ended = batch.take_ended();
        ended.sort_by_key(|(key, _)| *key);
        (ended[0].1.clone(), ended[1].1.clone())
    };
    let alone = run(0);
    for crowd in 1..4 {
        assert_eq!(run(crowd), alone, "beside {crowd} other groups");
    }
}

#[test]
fn a_row_that_is_ended_leaves_and_its_place_is_free() {
    let group = &groups()[3];
    for (device, mut engine) in engines(&checkpoint(), CAPACITY) {
        let mut batch = Batch::new(Vec::new());
        let mut drawn = [0; 2];
        let mut on_token = |event: TokenEvent<'_>| {
            drawn[event.completion] += 1;
            if event.completion == 1 { Then::End } else { Then::GoOn }
        };
        begin(&mut engine, &mut batch, group, 0, &mut on_token);
        let taken = engine.cache_tokens_taken();
        step(&mut engine, &mut batch, &mut on_token);
        assert_eq!((batch.len(), taken), (1, 2 + 15), "{device}: the first token ended one");
        batch.end(|key| key == 0);
        batch.drop_ended(&mut engine);
        assert_eq!((batch.len(), engine.cache_tokens_taken()), (0, 0), "{device}");
        assert!(drawn[0] > 1 && drawn[1] == 1, "{device}: {drawn:?}");
    }
}

#[test]
fn room_is_told_before_it_is_taken() {
    for (device, mut engine) in engines(&checkpoint(), CAPACITY) {
        assert!(engine.has_room(20, 3, 60) && !engine.has_room(21, 3, 60), "{device}");
        let mut batch = Batch::new(Vec::new());
        let mut on_token = |_: TokenEvent<'_>| Then::GoOn;
        let mut running = 0;
        let mut group = groups().remove(3);
        // None ends at once.
        group.drawing.stop.stop_ids.clear();
        while engine.has_room(group.prompt.len(), 2, 15) {
            begin(&mut engine, &mut batch, &group, 2 * running, &mut on_token);
            running += 1;
        }
        assert_eq!(running, 200 / 32, "{device}");
        batch.clear(&mut engine);
        assert_eq!(engine.cache_tokens_taken(), 0, "{device}");
    }
}

#[test]
fn weights_are_replaced_between_two_steps_and_the_past_stays() {
    let checkpoint = checkpoint();
    let weights = WeightsReader::new(&checkpoint, Keep::F32);
    let mut engine = Engine::on_cpu(&weights, CAPACITY).expect("an engine");
    let names: Vec<String> =
        expected_tensors(checkpoint.config()).into_iter().map(|(name, _)| name).collect();
    let group = Group {
        prompt: vec![5, 6, 7],
        drawing: Drawing {
            sampling: SamplingParams::greedy(),
            stop: StopRules { stop_ids: Vec::new(), max_tokens: 12 },
            top_logprobs: 0,
        },
        seed: 0,
    };
    let run = |engine: &mut Engine, scale: Option<f32>| -> Vec<u32> {
        let mut batch = Batch::new(Vec::new());
        let mut on_token = |_: TokenEvent<'_>| Then::GoOn;
        begin(engine, &mut batch, &group, 0, &mut on_token);
        for i in 0.. {
            if i == 4
                && let Some(scale) = scale
            {
                assert!(matches!(engine.update_weights(), Err(EngineError::Busy)));
                let mut update = engine.update_weights_in_flight();
                for name in &names {
                    let values = checkpoint.read_f32(name).expect("a tensor");
                    let values: Vec<f32> = values.iter().map(|x| scale * x).collect();
                    update.set(name, &values).expect("a tensor of the model");
                }
                update.finish().expect("all tensors");
            }
            batch.drop_ended(engine);
            if batch.is_empty() {
                break;
            }
            step(engine, &mut batch, &mut on_token);
        }
        batch.take_ended().remove(0).1.ids
    };
    let plain = run(&mut engine, None);
    // The same weights again: keys and values that there are stay as they were.
    assert_eq!(run(&mut engine, Some(1.0)), plain);
    let mixed = run(&mut engine, Some(-1.5));
    assert_eq!(mixed[..5], plain[..5]);
    assert!(mixed[5..] != plain[5..]);
}
