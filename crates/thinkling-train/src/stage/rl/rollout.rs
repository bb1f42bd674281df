//! One rollout: completions, their rewards and advantages.
//!
//! Completions are judged by a thread of its own as they end, while others still run; rewards from
//! outside that are late have the time of the reference's pass.

use super::super::{learn_error, model_logprobs};
use super::{Rl, State};
use crate::error::Result;
use crate::external::Externals;
use crate::model_io::LoadedModel;
use crate::recipe::RlStage;
use crate::rollout_executor::RolloutExecutor;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;
use thinkling_learn::{
    Batch, Learner, OldLogprobs, Question, RolloutConfig, Scored, Scorer, stop_ids,
};
use thinkling_model::generate::Completion;
use thinkling_model::{Decoder, Precision};
use thinkling_sampling::SamplingParams;

/// One rollout, scored, with where its questions stand and where the time went.
pub(super) struct RolledOut {
    pub(super) questions: Vec<usize>,
    pub(super) batch: Batch,
    /// Seconds of sampling.
    pub(super) generate_s: f64,
    /// Those of them that renewed the weights of what samples, where it has its own.
    pub(super) weights_s: Option<f64>,
    /// Seconds that the stage waited for rewards after sampling and the reference's pass.
    pub(super) reward_s: f64,
    /// Seconds of the passes of the reference and of the trainer over the completions.
    pub(super) logprob_s: f64,
}

pub(super) fn rollout_config(
    stage: &RlStage,
    model: &LoadedModel,
    seed: u64,
) -> Result<RolloutConfig> {
    Ok(RolloutConfig {
        group_size: stage.group_size,
        sampling: SamplingParams {
            temperature: stage.temperature,
            top_k: stage.top_k,
            top_p: stage.top_p,
            min_p: stage.min_p,
        },
        max_tokens: stage.max_completion_tokens,
        stop_ids: stop_ids(model.decoder.config(), model.tokenizer()?),
        banned: Vec::new(),
        max_rows: stage.rollout.max_rows,
        seed,
        // The engine has its own copy of the weights.
        precision: stage.rollout.weights.precision().unwrap_or(Precision::F32),
    })
}

/// What samples and scores questions.
pub(super) struct RollOut<'a> {
    pub(super) rl: &'a Rl<'a>,
    pub(super) model: &'a LoadedModel,
    pub(super) learner: &'a Learner,
    pub(super) reference: Option<&'a Decoder>,
    pub(super) externals: &'a mut Externals,
    pub(super) executor: &'a mut RolloutExecutor,
}

/// Log-probabilities of a rollout's completions beside the sampler's.
struct Recomputed {
    references: Option<Vec<Vec<f32>>>,
    old: OldLogprobs,
}

impl RollOut<'_> {
    /// Samples and scores the next questions.
    pub(super) fn run(self, state: &mut State) -> Result<RolledOut> {
        let Self { rl, model, learner, reference, externals, executor } = self;
        let stage = rl.stage;
        let picked = state.sampler.next_batch(stage.questions_per_rollout());
        let questions: Vec<Question> = picked.iter().map(|&i| rl.questions[i].clone()).collect();
        let prompts: Vec<Vec<u32>> = questions.iter().map(|q| q.prompt.clone()).collect();
        let stream = state.rollouts * (prompts.len() * stage.group_size) as u64;
        state.rollouts += 1;
        let tokenizer = model.tokenizer()?;
        let scorer = Scorer { tokenizer, rewards: &rl.rewards, tools: rl.tools };
        let count = prompts.len() * stage.group_size;
        let nothing = rl.rewards.truncated_earns_nothing;
        let (ended, to_judge) = channel();
        let questions = &questions;
        let policy = learner.model();
        let (recomputed, scored, generate_s, logprob_s, reward_s) = std::thread::scope(|scope| {
            let judge = scope.spawn(move || {
                let mut scored = judge(scorer, questions, externals, count, &to_judge)?;
                externals.score(&mut scored, nothing)?;
                Ok(scored)
            });
            let clock = Instant::now();
            let completions =
                executor.complete(policy, &prompts, &rl.rollout, stream, |i, completion| {
                    // Without a receiver the judge has failed, which it tells below.
                    let _ = ended.send((i, completion.clone()));
                });
            drop(ended);
            let generate_s = clock.elapsed().as_secs_f64();
            let clock = Instant::now();
            let recomputed = completions
                .and_then(|completions| recompute(rl, policy, reference, &prompts, &completions));
            let logprob_s = clock.elapsed().as_secs_f64();
            let clock = Instant::now();
            let scored: Result<Vec<Scored>> =
                judge.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (recomputed, scored, generate_s, logprob_s, clock.elapsed().as_secs_f64())
        });
        let (Recomputed { references, old }, mut scored) = (recomputed?, scored?);
        if let Some(reward) = stage.truncated_reward {
            scored.iter_mut().filter(|s| s.truncated()).for_each(|s| s.reward = reward);
        }
        let mut batch =
            Batch::new(prompts, scored, references, stage.group_size, stage.scale_rewards)
                .map_err(learn_error)?;
        batch.old = old;
        let weights_s = executor.weights_s();
        Ok(RolledOut { questions: picked, batch, generate_s, weights_s, reward_s, logprob_s })
    }
}

/// Runs the reference over the completions, and the policy itself where its own log-probabilities are
/// needed and more than one step follows.
fn recompute(
    rl: &Rl<'_>,
    policy: &Decoder,
    reference: Option<&Decoder>,
    prompts: &[Vec<u32>],
    completions: &[Completion],
) -> Result<Recomputed> {
    let temperature = rl.rollout.sampling.logprob_temperature();
    let micro = rl.stage.training.micro_batch;
    let logprobs = |model| model_logprobs(model, prompts, completions.iter(), temperature, micro);
    let references = reference.map(logprobs).transpose()?;
    let old = match (rl.objective.importance_correction.is_on(), rl.stage.steps_per_rollout()) {
        (false, _) => OldLogprobs::Sampled,
        (true, 1) => OldLogprobs::Current,
        (true, _) => OldLogprobs::Computed(logprobs(policy)?),
    };
    Ok(Recomputed { references, old })
}

/// Scores `count` completions as they end, in whatever order, and gives them in theirs.
fn judge(
    scorer: Scorer<'_>,
    questions: &[Question],
    externals: &mut Externals,
    count: usize,
    ended: &Receiver<(usize, Completion)>,
) -> Result<Vec<Scored>> {
    let mut scored: Vec<Option<Scored>> = vec![None; count];
    for (index, completion) in ended {
        let one = scorer.score(completion, questions).map_err(learn_error)?;
        externals.offer(index, &one, questions)?;
        scored[index] = Some(one);
    }
    Ok(scored.into_iter().flatten().collect())
}
