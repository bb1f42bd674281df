//! One rollout: completions, their rewards and advantages.
//!
//! Completions are judged by a thread of its own as they end, while others still run; rewards from
//! outside that are late have the time of the reference's pass.

use super::super::{complete, learn_error, reference_logprobs};
use super::{Rl, State};
use crate::error::Result;
use crate::external::Externals;
use crate::model_io::LoadedModel;
use crate::recipe::RlStage;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;
use thinkling_learn::{Batch, Learner, Question, RolloutConfig, Scored, Scorer, stop_ids};
use thinkling_model::Decoder;
use thinkling_model::generate::Completion;
use thinkling_sampling::SamplingParams;

/// One rollout, scored, with where its questions stand and where the time went.
pub(super) struct RolledOut {
    pub(super) questions: Vec<usize>,
    pub(super) batch: Batch,
    /// Seconds of sampling.
    pub(super) generate_s: f64,
    /// Seconds that the stage waited for rewards after sampling and the reference's pass.
    pub(super) reward_s: f64,
    /// Seconds of the reference's pass.
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
        max_rows: RolloutConfig::MAX_ROWS,
        seed,
        precision: stage.rollout_weights.precision(),
    })
}

/// Samples and scores the next questions.
pub(super) fn roll_out(
    rl: &Rl<'_>,
    model: &LoadedModel,
    learner: &Learner,
    reference: Option<&Decoder>,
    externals: &mut Externals,
    state: &mut State,
) -> Result<RolledOut> {
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
    let (references, scored, generate_s, logprob_s, reward_s) = std::thread::scope(|scope| {
        let judge = scope.spawn(move || {
            let mut scored = judge(scorer, questions, externals, count, &to_judge)?;
            externals.score(&mut scored, nothing)?;
            Ok(scored)
        });
        let clock = Instant::now();
        let completions =
            complete(learner.model(), &prompts, &rl.rollout, stream, |i, completion| {
                // Without a receiver the judge has failed, which it tells below.
                let _ = ended.send((i, completion.clone()));
            });
        drop(ended);
        let generate_s = clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let temperature = rl.rollout.sampling.logprob_temperature();
        let references = completions.and_then(|completions| {
            let logprobs = |reference| {
                let micro = stage.training.micro_batch;
                reference_logprobs(reference, &prompts, completions.iter(), temperature, micro)
            };
            reference.map(logprobs).transpose()
        });
        let logprob_s = clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let scored: Result<Vec<Scored>> =
            judge.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (references, scored, generate_s, logprob_s, clock.elapsed().as_secs_f64())
    });
    let (references, mut scored) = (references?, scored?);
    if let Some(reward) = stage.truncated_reward {
        scored.iter_mut().filter(|s| s.truncated()).for_each(|s| s.reward = reward);
    }
    let batch = Batch::new(prompts, scored, references, stage.group_size, stage.scale_rewards)
        .map_err(learn_error)?;
    Ok(RolledOut { questions: picked, batch, generate_s, reward_s, logprob_s })
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
