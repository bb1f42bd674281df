//! Supervised steps: packed against alone, the mask, held-out numbers against plain formulas.

use crate::support::learner;
use burn::tensor::{Device, Tensor};
use thinkling_learn::{
    AdamW, AdamWConfig, Example, ExampleError, HeldOut, Learner, best_fit_decreasing,
    held_out_loss, language_model_loss, supervised_loss,
};
use thinkling_model::{
    Decoder, LoraConfig, PackedBatch, ParamGrads, Projection, Recompute, Sequence, selftest,
};
use thinkling_sampling::Stream;

/// What packing may change: the order of f32 sums.
const SAME: f32 = 1e-5;

/// Examples of many lengths whose masks have gaps, as several turns make them.
fn examples() -> Vec<Example> {
    let mut stream = Stream::new(4, 4);
    let mut below = |n: usize| (stream.uniform() * n as f64) as usize;
    (0..14)
        .map(|_| {
            let len = 3 + below(20);
            let ids = (0..len).map(|_| below(61) as u32).collect();
            let trained = (0..len).map(|i| i + 1 == len || (i > 1 && below(3) > 0)).collect();
            Example::new(ids, trained).expect("an example")
        })
        .collect()
}

fn flat(grads: &ParamGrads) -> Vec<f32> {
    grads.iter().flat_map(|g| g.to_data().try_to_vec::<f32>().unwrap()).collect()
}

fn run(model: &Decoder, examples: &[&Example], norm: usize) -> (f64, Vec<f32>) {
    let loss = supervised_loss(model, examples, norm, 7, Recompute::None);
    let loss = pollster::block_on(loss).expect("a loss");
    (loss.loss, flat(&loss.grads))
}

fn assert_close(a: &[f32], b: &[f32], what: &str) {
    let scale = 1.0 + b.iter().fold(0f32, |m, x| m.max(x.abs()));
    let worst = a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0f32, f32::max);
    assert!(a.len() == b.len() && worst <= SAME * scale, "{what}: {worst} at scale {scale}");
}

#[test]
fn a_packed_sequence_has_the_losses_and_gradients_of_its_examples_alone() {
    let plain = Decoder::init(&selftest::config(), 3, &Device::flex());
    let lora = LoraConfig { rank: 3, alpha: 6.0, targets: Projection::ALL.to_vec() };
    for model in [plain.clone(), plain.with_lora(&lora, 5)] {
        let examples = examples();
        let lens: Vec<usize> = examples.iter().map(|e| e.ids().len()).collect();
        let norm: usize = examples.iter().map(Example::trained_tokens).sum();
        let packed = best_fit_decreasing(&lens, 48);
        assert!(packed.len() < examples.len() / 2, "several examples a sequence");
        let (mut packed_loss, mut packed_grad) = (0.0, vec![0f32; 0]);
        let (mut loss, mut grad) = (0.0, vec![0f32; 0]);
        let add = |sum: &mut Vec<f32>, part: Vec<f32>| {
            sum.resize(part.len(), 0.0);
            sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
        };
        for items in &packed {
            let together: Vec<&Example> = items.iter().map(|&i| &examples[i]).collect();
            let (part, grads) = run(&model, &together, norm);
            packed_loss += part;
            add(&mut packed_grad, grads);
            let mut sum = 0.0;
            for example in together {
                let (part, grads) = run(&model, &[example], norm);
                sum += part;
                add(&mut grad, grads);
            }
            assert!((part - sum).abs() < f64::from(SAME), "{part} {sum}");
            loss += sum;
        }
        assert!((packed_loss - loss).abs() < f64::from(SAME));
        assert!(grad.iter().any(|g| g.abs() > 1e-4), "the gradient should not vanish");
        assert_close(&packed_grad, &grad, "gradient");
    }
}

#[test]
fn untrained_tokens_are_read_and_not_learnt() {
    let model = learner(&Device::flex()).into_model();
    let ids = vec![5u32, 9, 2, 33, 8, 1];
    let whole = [ids.as_slice()];
    let all = Example::new(ids.clone(), vec![true; 6]).expect("an example");
    let (loss, grads) = run(&model, &[&all], 5);
    let want =
        pollster::block_on(language_model_loss(&model, &whole, 5, 7, Recompute::None)).unwrap();
    assert!((loss - want.loss).abs() < 1e-6, "with every token it is the next-token loss");
    assert_close(&grads, &flat(&want.grads), "gradient");
    // The loss of each token alone adds up to that of any mask.
    let alone: Vec<f64> = (1..6)
        .map(|t| {
            let example = Example::new(ids.clone(), (0..6).map(|i| i == t).collect());
            run(&model, &[&example.expect("an example")], 1).0
        })
        .collect();
    let mask = vec![false, false, true, false, true, true];
    let some = Example::new(ids.clone(), mask).expect("an example");
    let (loss, _) = run(&model, &[&some], 3);
    assert!((loss - (alone[1] + alone[3] + alone[4]) / 3.0).abs() < 1e-5);
    assert!((alone[0] - alone[1]).abs() > 1e-3, "tokens have losses of their own");
}

#[test]
fn an_example_ends_with_its_last_trained_token() {
    let marks = |m: &[u8]| m.iter().map(|x| *x == 1).collect::<Vec<_>>();
    let example = Example::new(vec![1, 2, 3, 4, 5], marks(&[1, 0, 1, 0, 0])).expect("an example");
    assert_eq!(example.ids(), [1, 2, 3]);
    assert_eq!((example.trained_tokens(), example.trained()), (1, &[false, false, true][..]));
    assert_eq!(example.clone().cut(2), None, "nothing is left to learn");
    assert_eq!(example.clone().cut(9), Some(example));
    let nothing = Example::new(vec![1, 2], marks(&[1, 0]));
    assert_eq!(nothing, Err(ExampleError::NothingTrained));
    let lengths = Example::new(vec![1, 2], marks(&[1]));
    assert_eq!(lengths, Err(ExampleError::Lengths { ids: 2, marks: 1 }));
}

#[test]
fn held_out_numbers_are_those_of_the_whole_logits() {
    let model = learner(&Device::flex()).into_model();
    let examples = examples();
    let all: Vec<&Example> = examples.iter().collect();
    let mut got = HeldOut::default();
    for part in all.chunks(5) {
        got.add(pollster::block_on(held_out_loss(&model, part, 6)).expect("numbers"));
    }
    let (mut nats, mut right, mut tokens) = (0.0, 0, 0);
    for example in &examples {
        let sequence = [Sequence { ids: example.ids(), prefix: None }];
        let hidden = model.forward(&PackedBatch::new(&model, &sequence));
        let logprobs: Tensor<2> = burn::tensor::activation::log_softmax(model.logits(hidden), 1);
        let vocab = logprobs.dims()[1];
        let rows = logprobs.into_data().try_to_vec::<f32>().expect("f32");
        for t in (1..example.ids().len()).filter(|&t| example.trained()[t]) {
            let row = &rows[(t - 1) * vocab..t * vocab];
            let chosen = row[example.ids()[t] as usize];
            nats -= f64::from(chosen);
            right += u32::from(row.iter().all(|x| *x <= chosen));
            tokens += 1;
        }
    }
    assert_eq!((got.tokens, got.right), (tokens, f64::from(right)));
    assert!((got.loss() - nats / tokens as f64).abs() < 1e-5);
}

#[test]
fn micro_batches_add_up_to_the_step_and_the_loss_falls() {
    let examples = examples();
    let sequences: Vec<Vec<&Example>> =
        examples.chunks(3).map(|part| part.iter().collect()).collect();
    let lora = LoraConfig { rank: 4, alpha: 8.0, targets: Projection::ALL.to_vec() };
    let begin = || {
        let device = Device::flex();
        let model = Decoder::init(&selftest::config(), 3, &device).with_lora(&lora, 5);
        let optimizer = AdamW::new(AdamWConfig::default(), &model.param_list(), &device);
        Learner::new(model, optimizer)
    };
    let step = |learner: &mut Learner, micro| {
        let step = learner.supervised_step(&sequences, 1e-2, micro, 7);
        pollster::block_on(step).expect("a step")
    };
    let (mut whole, mut split) = (begin(), begin());
    let (first, one) = (step(&mut whole, 100), step(&mut split, 1));
    assert!((first.0 - one.0).abs() < 1e-5 && (first.1 - one.1).abs() < 1e-4 * first.1);
    let last = (0..30).map(|_| step(&mut whole, 100).0).last().expect("steps");
    assert!(last < 0.8 * first.0, "{} to {last}", first.0);
    let base = Decoder::init(&selftest::config(), 3, &Device::flex());
    let same = |a: &Decoder, b: &Decoder| flat(&a.flat_params()) == flat(&b.flat_params());
    assert!(same(&whole.model().without_lora(), &base), "the base is frozen");
    let moments = whole.optimizer.moments().len();
    assert_eq!(moments, whole.model().param_list().names.len(), "states of adapters alone");
}
