//! Workers as threads: what they say is carried by channels, and learning comes out as alone.

use super::*;
use std::sync::mpsc::{Receiver, Sender, channel};
use thinkling_grpo::{LossType, ObjectiveConfig};
use thinkling_learn::{
    AdamW, AdamWConfig, Example, Learner, PolicySample, PolicySettings, Preference,
};
use thinkling_model::{LoraConfig, Projection, selftest};

/// The way to and from one other process.
#[derive(Debug)]
struct Line {
    to: Sender<Vec<u8>>,
    from: Receiver<Vec<u8>>,
}

/// A leader's lines to all workers, or a worker's one.
#[derive(Debug)]
struct Threads {
    lines: Vec<Line>,
    size: usize,
    leads: bool,
}

impl Threads {
    fn of(size: usize) -> Vec<Self> {
        let mut leader = Vec::new();
        let mut all = vec![];
        for _ in 1..size {
            let ((to, from_leader), (to_leader, from)) = (channel(), channel());
            leader.push(Line { to, from });
            let line = Line { to: to_leader, from: from_leader };
            all.push(Self { lines: vec![line], size, leads: false });
        }
        all.insert(0, Self { lines: leader, size, leads: true });
        all
    }

    fn send(&self, line: usize, bytes: Vec<u8>) {
        self.lines[line].to.send(bytes).expect("the other side is there");
    }

    fn receive(&self, line: usize) -> Vec<u8> {
        self.lines[line].from.recv().expect("the other side is there")
    }
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn values_of(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().expect("four bytes")))
}

impl Communicator for Threads {
    fn size(&self) -> usize {
        self.size
    }

    fn scatter(&self, messages: Vec<Vec<u8>>) -> Vec<u8> {
        if !self.leads {
            return self.receive(0);
        }
        assert_eq!(messages.len(), self.size, "a message for each process");
        for (line, message) in messages.into_iter().skip(1).enumerate() {
            self.send(line, message);
        }
        Vec::new()
    }

    fn gather(&self, own: &[u8]) -> Vec<Vec<u8>> {
        if !self.leads {
            self.send(0, own.to_vec());
            return Vec::new();
        }
        let others = (0..self.lines.len()).map(|line| self.receive(line));
        std::iter::once(own.to_vec()).chain(others).collect()
    }

    fn broadcast(&self, bytes: Vec<u8>) -> Vec<u8> {
        if !self.leads {
            return self.receive(0);
        }
        (0..self.lines.len()).for_each(|line| self.send(line, bytes.clone()));
        bytes
    }

    fn broadcast_values(&self, values: &mut [f32]) {
        let bytes = self.broadcast(bytes_of(values));
        assert_eq!(bytes.len(), 4 * values.len(), "as many values as the leader's");
        values.iter_mut().zip(values_of(&bytes)).for_each(|(to, from)| *to = from);
    }

    fn reduce_sum(&self, values: &mut [f32]) {
        for other in self.gather(&bytes_of(values)).iter().skip(1) {
            values.iter_mut().zip(values_of(other)).for_each(|(sum, x)| *sum += x);
        }
    }
}

/// What became of a learner.
#[derive(Debug, PartialEq)]
struct Trained {
    weights: Vec<f32>,
    /// Mean of the gradients, by the optimiser's first moments.
    gradients: Vec<f32>,
    said: Vec<f64>,
}

/// What `train` does with a learner, alone or with workers, and says.
fn trained(
    processes: usize,
    model: &dyn Fn() -> Decoder,
    train: &dyn Fn(&mut Learner) -> Vec<f64>,
) -> Trained {
    let optimizer = AdamW::new(AdamWConfig::default(), &model().param_list(), &Device::flex());
    let mut learner = Learner::new(model(), optimizer);
    let mut all = Threads::of(processes).into_iter();
    let leader: Rc<dyn Communicator> = Rc::new(all.next().expect("a leader"));
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            all.map(|own| scope.spawn(move || follow(&own, &Device::flex()))).collect();
        if processes > 1 {
            let begun = Leader::begin(leader.clone(), learner.model(), None, Recompute::None);
            learner.workers = Some(Box::new(begun.expect("workers with the model")));
        }
        let said = train(&mut learner);
        release(&*leader).expect("workers that end");
        for worker in workers {
            worker.join().expect("no panic").expect("a worker that ends well");
        }
        let moments = learner.optimizer.moments().iter();
        let gradients = moments
            .flat_map(|m| m.values().expect("moments").into_iter().next())
            .flatten()
            .collect();
        Trained { weights: weights(&learner.into_model()), gradients, said }
    })
}

fn weights(model: &Decoder) -> Vec<f32> {
    model.flat_params().into_iter().flat_map(|w| values(w).expect("values")).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The same gradients, weights and numbers by one, two, three and five processes.
fn same_however_many(model: &dyn Fn() -> Decoder, train: &dyn Fn(&mut Learner) -> Vec<f64>) {
    let alone = trained(1, model, train);
    let moved = largest_difference(&alone.weights, &weights(&model()));
    assert!(moved > 1e-3, "training moves weights: {moved}");
    for processes in [2, 3, 5] {
        let several = trained(processes, model, train);
        let worst = largest_difference(&several.gradients, &alone.gradients);
        assert!(worst < 1e-5, "{processes} processes: gradients differ by {worst}");
        // Adam divides by the root of the second moment, so that tiny gradients show.
        let worst = largest_difference(&several.weights, &alone.weights);
        assert!(worst < 2e-4, "{processes} processes: weights differ by {worst}");
        assert_eq!(several.said.len(), alone.said.len());
        for (a, b) in several.said.iter().zip(&alone.said) {
            assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{processes} processes: {a} {b}");
        }
    }
}

fn decoder() -> Decoder {
    Decoder::init(&selftest::config(), 3, &Device::flex())
}

fn adapted() -> Decoder {
    let targets = vec![Projection::Q, Projection::V, Projection::Down];
    decoder().with_lora(&LoraConfig { rank: 4, alpha: 8.0, targets }, 5)
}

/// Made-up ids below 61.
fn ids(len: usize, seed: usize) -> Vec<u32> {
    (0..len).map(|i| ((i * 17 + seed * 29 + i * i * seed) % 61) as u32).collect()
}

fn policy_steps(learner: &mut Learner, loss: LossType, micro_batch: usize) -> Vec<f64> {
    let prompts = [ids(5, 1), ids(9, 2), ids(3, 3)];
    let completions: Vec<Vec<u32>> =
        [4, 1, 7, 12, 3, 6, 2, 9, 5].iter().enumerate().map(|(i, &len)| ids(len, 4 + i)).collect();
    let logprobs: Vec<Vec<f32>> = completions
        .iter()
        .map(|c| c.iter().map(|&id| -4.1 + id as f32 * 0.005).collect())
        .collect();
    let advantages = [1.2, -0.7, 0.0, -0.5, 0.9, -1.1, 0.4, 0.0, 0.3];
    let samples: Vec<PolicySample<'_>> = (0..completions.len())
        .map(|i| PolicySample {
            prompt: i / 3,
            ids: &completions[i],
            old_logprobs: Some(&logprobs[i]),
            sampler_logprobs: Some(&logprobs[i]),
            ref_logprobs: Some(&logprobs[i]),
            advantage: advantages[i],
            trained: i != 4,
        })
        .collect();
    let objective = ObjectiveConfig {
        loss,
        kl_coef: 0.05,
        max_completion_length: Some(12),
        ..ObjectiveConfig::default()
    };
    let settings = PolicySettings { objective: &objective, temperature: 0.9, chunk_tokens: 16 };
    let mut said = Vec::new();
    for _ in 0..3 {
        let step = learner.policy_step(&prompts, &samples, settings, 1e-2, micro_batch);
        let mut step = pollster::block_on(step).expect("a step");
        let numbers = [step.loss, step.grad_norm, step.entropy, step.ratio_max, step.tokens];
        said.extend(numbers.into_iter().chain(step.kl));
        step.logprobs.sort_by_key(|(index, _)| *index);
        said.extend(
            step.logprobs.into_iter().flat_map(|(i, row)| std::iter::once(i as f64).chain(row)),
        );
    }
    said
}

#[test]
fn policy_steps_by_workers_are_those_of_one_process() {
    for loss in [LossType::Grpo, LossType::DrGrpo, LossType::Dapo, LossType::Bnpo] {
        same_however_many(&decoder, &|learner| policy_steps(learner, loss, 2));
    }
    same_however_many(&adapted, &|learner| policy_steps(learner, LossType::Grpo, 3));
}

#[test]
fn nothing_to_learn_moves_nothing_whoever_computes() {
    let prompts = [ids(5, 1)];
    let completion = ids(4, 2);
    let sample = PolicySample {
        prompt: 0,
        ids: &completion,
        old_logprobs: None,
        sampler_logprobs: None,
        ref_logprobs: None,
        advantage: 0.0,
        trained: true,
    };
    let objective = ObjectiveConfig::default();
    let settings = PolicySettings { objective: &objective, temperature: 1.0, chunk_tokens: 16 };
    let after = trained(3, &decoder, &|learner| {
        let samples = [sample.clone()];
        let step = learner.policy_step(&prompts, &samples, settings, 1e-2, 4);
        let norm = pollster::block_on(step).expect("a step").grad_norm;
        vec![norm, learner.optimizer.updates() as f64]
    });
    let gradients = vec![0.0; after.weights.len()];
    assert_eq!(after, Trained { weights: weights(&decoder()), gradients, said: vec![0.0, 0.0] });
}

#[test]
fn supervised_and_next_token_steps_by_workers_are_those_of_one_process() {
    let example = |len, seed| {
        Example::new(ids(len, seed), (0..len).map(|i| i >= 2).collect()).expect("an example")
    };
    let examples: Vec<Example> =
        [5, 9, 12, 3, 7].iter().zip(1..).map(|(&l, s)| example(l, s)).collect();
    for model in [&decoder as &dyn Fn() -> Decoder, &adapted] {
        same_however_many(model, &|learner| {
            let sequences = [
                vec![&examples[0], &examples[1]],
                vec![&examples[2]],
                vec![&examples[3], &examples[4]],
            ];
            let step = |learner: &mut Learner| {
                pollster::block_on(learner.supervised_step(&sequences, 1e-2, 2, 7)).expect("a step")
            };
            (0..3).flat_map(|_| <[f64; 2]>::from(step(learner))).collect()
        });
    }
    let documents: Vec<Vec<u32>> =
        [8, 1, 20, 5, 13, 2].iter().zip(1..).map(|(&l, s)| ids(l, s)).collect();
    same_however_many(&decoder, &|learner| {
        let step = |learner: &mut Learner| {
            pollster::block_on(learner.language_model_step(&documents, 1e-2, 16, 64))
                .expect("a step")
        };
        (0..3).flat_map(|_| <[f64; 2]>::from(step(learner))).collect()
    });
}

#[test]
fn a_reward_model_by_workers_is_that_of_one_process() {
    let items: Vec<Preference> = (0..5)
        .map(|i| Preference::pair(ids(6 + i, i), ids(4 + 2 * i, i + 9)).expect("a pair"))
        .collect();
    let train = |learner: &mut Learner| -> Vec<f64> {
        let items: Vec<&Preference> = items.iter().collect();
        let mut said = Vec::new();
        for _ in 0..3 {
            let step = pollster::block_on(learner.reward_step(&items, 1e-2, 2)).expect("a step");
            said.extend([step.loss, step.grad_norm]);
            said.extend(step.predicted.iter().map(|p| p.margin));
        }
        said
    };
    same_however_many(&|| decoder().with_score(7), &train);
    same_however_many(&|| adapted().with_score(7), &train);
}
