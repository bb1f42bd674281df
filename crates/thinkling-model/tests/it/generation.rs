//! Batched generation with the cache against one completion at a time and against full forwards.

use crate::devices::{cpu, gpu};
use burn::tensor::Device;
use std::ops::ControlFlow;
use thinkling_model::generate::{Completion, GenerateRequest, Generated, generate};
use thinkling_model::{Decoder, ModelError, PackedBatch, Precision, Sequence, selftest};
use thinkling_sampling::generate::GenerateError;
use thinkling_sampling::{Finish, LogSoftmax, SamplingParams};

/// Rounding of f32 sums whose blocking depends on the batch.
const SAME_LOGPROB: f32 = 1e-5;

/// Odd, and three groups are more rows than a block of the products takes.
const GROUP: usize = 7;

fn model(device: &Device) -> Decoder {
    Decoder::init(&selftest::config(), 5, device)
}

fn prompts() -> Vec<Vec<u32>> {
    vec![vec![3, 1, 4, 1, 5], vec![9], vec![2, 6, 5, 3, 5, 8, 9, 7, 9]]
}

fn run(model: &Decoder, request: &GenerateRequest<'_>) -> Generated {
    pollster::block_on(generate(model, request, |_| ControlFlow::Continue(()))).unwrap()
}

fn request(prompts: &[Vec<u32>]) -> GenerateRequest<'_> {
    let mut request = GenerateRequest::new(prompts, 20);
    request.group_size = GROUP;
    request.seed = 11;
    // Eight of 61 ids end a completion, so that rows end at many different steps.
    request.stop.stop_ids = vec![0, 7, 13, 20, 26, 33, 41, 47];
    request.sampling = SamplingParams { temperature: 0.9, top_k: 30, top_p: 0.95, min_p: 0.01 };
    request
}

fn assert_same(a: &Completion, b: &Completion) {
    assert_eq!(a.ids, b.ids);
    assert_eq!(a.finish, b.finish);
    for (x, y) in a.logprobs.iter().zip(&b.logprobs) {
        assert!((x - y).abs() <= SAME_LOGPROB, "{x} {y}");
    }
}

fn completions_do_not_depend_on_the_batch(device: &Device) {
    let (model, prompts) = (model(device), prompts());
    let together = run(&model, &request(&prompts)).completions;
    assert_eq!(together.len(), 3 * GROUP);
    for (i, completion) in together.iter().enumerate() {
        assert_eq!(completion.prompt, i / GROUP);
        let alone = [prompts[i / GROUP].clone()];
        let alone = GenerateRequest { group_size: 1, first_stream: i as u64, ..request(&alone) };
        assert_same(&run(&model, &alone).completions[0], completion);
    }
    let few = GenerateRequest { max_rows: GROUP + 1, ..request(&prompts) };
    for (a, b) in run(&model, &few).completions.iter().zip(&together) {
        assert_same(a, b);
    }
    let lens: std::collections::BTreeSet<usize> = together.iter().map(|c| c.ids.len()).collect();
    assert!(lens.len() > 2, "rows should end at different steps: {lens:?}");
}

#[test]
fn completions_do_not_depend_on_the_batch_on_the_cpu() {
    completions_do_not_depend_on_the_batch(&cpu());
}

#[test]
fn completions_do_not_depend_on_the_batch_on_the_gpu() {
    let Some(gpu) = gpu() else { return };
    completions_do_not_depend_on_the_batch(&gpu);
}

/// Log-probability of each of `ids` after the first, by a forward pass over all of them.
fn full_logprobs(model: &Decoder, ids: &[u32], temperature: f64) -> Vec<f64> {
    let sequence = [Sequence { ids, prefix: None }];
    let batch = PackedBatch::new(model, &sequence);
    let logits: Vec<f32> = model.logits(model.forward(&batch)).into_data().try_to_vec().unwrap();
    let rows = logits.chunks_exact(61);
    rows.zip(&ids[1..])
        .map(|(row, &id)| LogSoftmax::new(row, temperature).logprob(row[id as usize]))
        .collect()
}

#[test]
fn weights_read_as_bfloat16_leave_a_small_gap() {
    /// Eight bits of mantissa over two layers whose weights have a deviation of 0.3.
    const GAP: f64 = 0.2;
    let (model, prompts) = (model(&cpu()), prompts());
    let request = GenerateRequest { precision: Precision::Bf16, ..request(&prompts) };
    let mut largest = 0f64;
    for completion in run(&model, &request).completions {
        let prompt = &prompts[completion.prompt];
        let whole = [prompt.as_slice(), &completion.ids].concat();
        let expected = &full_logprobs(&model, &whole, 0.9)[prompt.len() - 1..];
        // The prompt, and so the first token, is computed by the weights as they are.
        for (got, want) in completion.logprobs.iter().zip(expected).skip(1) {
            largest = largest.max((f64::from(*got) - want).abs());
        }
    }
    assert!(largest > 1e-4 && largest < GAP, "largest gap {largest}");
}

#[test]
fn recorded_logprobs_are_those_of_a_full_forward_before_the_filters() {
    let (model, prompts) = (model(&cpu()), prompts());
    let request = GenerateRequest { prompt_logprobs: true, ..request(&prompts) };
    let generated = run(&model, &request);
    let full = |ids: &[u32], temperature| full_logprobs(&model, ids, temperature);
    for completion in &generated.completions {
        let prompt = &prompts[completion.prompt];
        let whole = [prompt.as_slice(), &completion.ids].concat();
        let expected = &full(&whole, 0.9)[prompt.len() - 1..];
        assert_eq!(expected.len(), completion.logprobs.len());
        for (got, want) in completion.logprobs.iter().zip(expected) {
            assert!((f64::from(*got) - want).abs() < 1e-4, "{got} {want}");
        }
    }
    for (prompt, logprobs) in prompts.iter().zip(&generated.prompt_logprobs) {
        for (got, want) in logprobs.iter().zip(full(prompt, 1.0)) {
            assert!((got - want).abs() < 1e-4);
        }
        assert_eq!(logprobs.len(), prompt.len() - 1);
    }
}

#[test]
fn every_stop_id_ends_a_completion_and_the_limit_does() {
    let (model, prompts) = (model(&cpu()), prompts());
    let mut request = request(&prompts);
    request.group_size = 20;
    let mut ends = std::collections::BTreeSet::new();
    for completion in run(&model, &request).completions {
        let (last, rest) = completion.ids.split_last().unwrap();
        assert!(rest.iter().all(|id| !request.stop.stop_ids.contains(id)));
        match completion.finish {
            Finish::Stop => {
                assert!(request.stop.stop_ids.contains(last));
                ends.insert(*last);
            }
            Finish::Length => assert_eq!(completion.ids.len(), 20),
        }
    }
    assert!(ends.len() >= 3, "several stop ids should have been drawn: {ends:?}");
    request.banned = request.stop.stop_ids.clone();
    assert!(run(&model, &request).completions.iter().all(|c| c.finish == Finish::Length));
}

#[test]
fn a_completion_ends_at_the_context_and_longer_prompts_are_refused() {
    let model = model(&cpu());
    let context = model.config().max_position_embeddings;
    let prompts = vec![vec![5; context - 3]];
    let request = GenerateRequest::new(&prompts, 100);
    let generated = run(&model, &request);
    assert_eq!(generated.completions[0].ids.len(), 3);
    assert_eq!(generated.completions[0].finish, Finish::Length);
    for bad in [vec![5; context], vec![], vec![61]] {
        let prompts = vec![bad];
        let request = GenerateRequest::new(&prompts, 4);
        let result = pollster::block_on(generate(&model, &request, |_| ControlFlow::Continue(())));
        assert!(matches!(
            result.unwrap_err(),
            ModelError::Generate(
                GenerateError::PromptTooLong { .. }
                    | GenerateError::EmptyPrompt { .. }
                    | GenerateError::TokenOutOfRange { .. }
            )
        ));
    }
}

#[test]
fn breaking_off_keeps_what_was_drawn() {
    let (model, prompts) = (model(&cpu()), prompts());
    let request = GenerateRequest { group_size: 1, ..GenerateRequest::new(&prompts, 20) };
    let mut tokens = 0;
    let generated = pollster::block_on(generate(&model, &request, |_| {
        tokens += 1;
        if tokens == 8 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }))
    .unwrap();
    let drawn: usize = generated.completions.iter().map(|c| c.ids.len()).sum();
    assert!((8..=11).contains(&drawn), "{drawn}");
}
