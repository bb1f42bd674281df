//! One rollout: completions, their rewards and advantages.
//!
//! Completions are judged by a thread of its own as they end, while others still run; rewards from
//! outside that are late have the time of the reference's pass.

use super::super::{learn_error, model_logprobs};
use super::asked::{Asked, Resampled};
use super::judge::{self, Judge};
use super::preferences::Preferences;
use super::sources::Material;
use super::{Rl, State};
use crate::error::Result;
use crate::external::Externals;
use crate::model_io::LoadedModel;
use crate::recipe::{DynamicSampling, RlStage};
use crate::rollout_executor::{RolloutExecutor, ServedStats, Wanted};
use std::sync::mpsc::channel;
use std::time::Instant;
use thinkling_learn::{
    Batch, Learner, OldLogprobs, Question, RolloutConfig, Scored, Scorer, Summary, next_round,
    stop_ids,
};
use thinkling_model::generate::Completion;
use thinkling_model::{Decoder, Precision};
use thinkling_reward::RewardSpec;
use thinkling_sampling::SamplingParams;

/// One rollout, scored, with where its questions stand and where the time went.
pub(super) struct RolledOut {
    pub(super) questions: Vec<usize>,
    pub(super) batch: Batch,
    /// Over all completions that were asked for, those that are not learnt from included.
    pub(super) summary: Summary,
    /// The same by source, with its name and questions; empty where there is one alone.
    pub(super) by_source: Vec<(String, usize, Summary)>,
    /// With a curriculum, the share of questions that it did not pass over.
    pub(super) open_share: Option<f64>,
    /// With dynamic sampling, what it asked for.
    pub(super) resampled: Option<Resampled>,
    /// Longest completion that was asked for, tokens.
    pub(super) limit: usize,
    /// Seconds of sampling.
    pub(super) generate_s: f64,
    /// Those of them that renewed the weights of what samples, where it has its own.
    pub(super) weights_s: Option<f64>,
    /// What it took of servers, where they sample.
    pub(super) served: Option<Served>,
    /// Seconds that the stage waited for rewards after sampling and the reference's pass.
    pub(super) reward_s: f64,
    /// Seconds of the passes of the reference and of the trainer over the completions.
    pub(super) logprob_s: f64,
}

/// What servers gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Served {
    pub(super) stats: ServedStats,
    pub(super) lag: Lag,
}

/// Optimiser steps between the weights that drew a token and the trainer's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lag {
    /// Over all tokens.
    pub(super) mean: f64,
    pub(super) max: u64,
}

impl Lag {
    /// Of completions that tell the versions of their weights, after `step` optimiser steps.
    fn of<'a>(completions: impl Iterator<Item = &'a Completion>, step: u64) -> Self {
        let (mut sum, mut tokens, mut max) = (0.0, 0, 0);
        for &(version, run) in completions.flat_map(|completion| &completion.versions) {
            let lag = step.saturating_sub(version);
            sum += lag as f64 * run as f64;
            tokens += run;
            max = max.max(lag);
        }
        Self { mean: sum / tokens.max(1) as f64, max }
    }
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
        max_rows: stage.rollout.here().max_rows,
        seed,
        // The engine has its own copy of the weights.
        precision: stage.rollout.here().weights.precision().unwrap_or(Precision::F32),
    })
}

/// What samples and scores questions.
pub(super) struct RollOut<'a> {
    pub(super) rl: &'a Rl<'a>,
    pub(super) model: &'a LoadedModel,
    pub(super) learner: &'a Learner,
    pub(super) reference: Option<&'a Decoder>,
    /// By place of the rewards, as `preferences`.
    pub(super) externals: &'a mut [Externals],
    pub(super) preferences: &'a [Preferences<'a>],
    pub(super) executor: &'a mut RolloutExecutor,
    /// Hears of servers that come and go.
    pub(super) note: &'a mut dyn FnMut(&str),
}

/// Log-probabilities of a rollout's completions beside the sampler's.
struct Recomputed {
    references: Option<Vec<Vec<f32>>>,
    old: OldLogprobs,
}

impl RollOut<'_> {
    /// Samples and scores the next questions, after `step` optimiser steps.
    pub(super) fn run(mut self, state: &mut State, step: u64) -> Result<RolledOut> {
        let (rl, stage, learner, reference) =
            (self.rl, self.rl.stage, self.learner, self.reference);
        let wanted = stage.questions_per_rollout();
        let own = (wanted * stage.group_size) as u64;
        let stream = state.rollouts * own + state.extra;
        state.rollouts += 1;
        let (limit, material) = (stage.completion_limit(step), &rl.material);
        let open_share =
            stage.curriculum.as_ref().map(|_| material.mixture.open_share(&state.order, step));
        let bounded = bounded(material, self.preferences);
        let mut asked = Asked { stream, ..Asked::default() };
        let (recomputed, seen, resampled) = match stage.dynamic_sampling {
            None => {
                let picked = material.mixture.next_batch(&mut state.order, wanted, step);
                // Beside rewards that are late.
                let recomputed = self.ask(&mut asked, picked, step, |prompts, completions| {
                    recompute(rl, learner.model(), reference, prompts, completions.iter())
                })?;
                (recomputed, asked.seen(rl, state, &bounded), None)
            }
            Some(keys) => {
                self.ask_until_varied(&mut asked, keys, state, step)?;
                state.extra += asked.scored.len() as u64 - own;
                let seen = asked.seen(rl, state, &bounded);
                let resampled = asked.choose(stage.group_size, wanted);
                let clock = Instant::now();
                let completions = asked.scored.iter().map(|s| &s.completion);
                let recomputed =
                    recompute(rl, learner.model(), reference, &asked.prompts, completions)?;
                asked.logprob_s += clock.elapsed().as_secs_f64();
                (recomputed, seen, Some(resampled))
            }
        };
        let Asked { picked, prompts, scored, generate_s, weights_s, served, .. } = asked;
        let Asked { reward_s, logprob_s, .. } = asked;
        let Recomputed { references, old } = recomputed;
        let mut batch =
            Batch::new(prompts, scored, references, stage.group_size, stage.scale_rewards)
                .map_err(learn_error)?;
        batch.old = old;
        let lag = Lag::of(batch.scored.iter().map(|scored| &scored.completion), step);
        Ok(RolledOut {
            questions: picked,
            batch,
            summary: seen.summary,
            by_source: seen.by_source,
            open_share,
            resampled,
            limit,
            generate_s,
            weights_s,
            served: served.map(|stats| Served { stats, lag }),
            reward_s,
            logprob_s,
        })
    }

    /// Asks a rollout's questions, and further ones until as many groups have variance or no more
    /// may be asked.
    fn ask_until_varied(
        &mut self,
        asked: &mut Asked,
        keys: DynamicSampling,
        state: &mut State,
        step: u64,
    ) -> Result<()> {
        let (wanted, group) = (self.rl.stage.questions_per_rollout(), self.rl.stage.group_size);
        let most = wanted.saturating_add(keys.most_extra(wanted));
        let mut next = wanted;
        while next > 0 {
            let mixture = &self.rl.material.mixture;
            let picked = mixture.next_batch(&mut state.order, next, step);
            self.ask(asked, picked, step, |_, _| Ok(()))?;
            let (count, varied) = (asked.picked.len(), asked.varied(group));
            next = next_round(wanted, count, varied, most - count);
        }
        Ok(())
    }

    /// Samples and scores these questions after `step` optimiser steps; `beside` sees the completions while rewards may still be
    /// on their way.
    fn ask<T>(
        &mut self,
        asked: &mut Asked,
        picked: Vec<usize>,
        step: u64,
        beside: impl FnOnce(&[Vec<u32>], &[Completion]) -> Result<T>,
    ) -> Result<T> {
        let Self { rl, model, learner, .. } = *self;
        let (externals, executor) = (&mut *self.externals, &mut *self.executor);
        let note = &mut *self.note;
        let stage = rl.stage;
        let limit = stage.completion_limit(step);
        let material = &rl.material;
        let questions: Vec<Question> =
            picked.iter().map(|&i| material.questions[i].clone()).collect();
        let prompts: Vec<Vec<u32>> = questions.iter().map(|q| q.prompt.clone()).collect();
        let stream = asked.stream + asked.scored.len() as u64;
        let tokenizer = model.tokenizer()?;
        let rewards = material.rewards.iter();
        let specs: Vec<RewardSpec> =
            rewards.map(|rewards| stage.reward_spec(rewards, limit)).collect();
        let scorer = |rewards| Scorer { tokenizer, rewards, tools: rl.tools };
        let rewarded = picked.iter().map(|&i| material.source_of(i).rewards);
        let judge = Judge {
            scorers: specs.iter().map(scorer).collect(),
            places: judge::places(rewarded, stage.group_size),
            questions: &questions,
            externals,
        };
        let config = RolloutConfig { max_tokens: limit, ..rl.rollout.clone() };
        let (ended, to_judge) = channel();
        let (done, scored) = std::thread::scope(|scope| {
            let judge = scope.spawn(move || judge.all(&to_judge));
            let clock = Instant::now();
            let policy = learner.model();
            let on_done = |i, completion: &Completion| {
                // Without a receiver the judge has failed, which it tells below.
                let _ = ended.send((i, completion.clone()));
            };
            let wanted = Wanted {
                model: policy,
                prompts: &prompts,
                config: &config,
                first_stream: stream,
                step,
            };
            let completions = executor.complete(&wanted, on_done, note);
            drop(ended);
            asked.generate_s += clock.elapsed().as_secs_f64();
            let clock = Instant::now();
            let done = completions.and_then(|completions| beside(&prompts, &completions));
            asked.logprob_s += clock.elapsed().as_secs_f64();
            let clock = Instant::now();
            let scored: Result<Vec<Scored>> =
                judge.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            asked.reward_s += clock.elapsed().as_secs_f64();
            (done, scored)
        });
        let (done, mut scored) = (done?, scored?);
        let clock = Instant::now();
        for (group, &question) in scored.chunks_mut(stage.group_size).zip(&picked) {
            let source = material.source_of(question);
            let nothing = specs[source.rewards].truncated_earns_nothing;
            let asked = &material.questions[question].problem.question;
            self.preferences[source.rewards].score(group, asked, &source.opening, nothing)?;
        }
        asked.reward_s += clock.elapsed().as_secs_f64();
        if let Some(reward) = stage.truncated_reward {
            scored.iter_mut().filter(|s| s.truncated()).for_each(|s| s.reward = reward);
        }
        if let Some(seconds) = executor.weights_s() {
            *asked.weights_s.get_or_insert(0.0) += seconds;
        }
        if let Some(stats) = executor.served() {
            let sum = asked.served.get_or_insert_default();
            sum.servers = sum.servers.max(stats.servers);
            sum.again += stats.again;
        }
        asked.add(picked, prompts, scored);
        Ok(done)
    }
}

/// Names of all components with bounds that count now.
fn bounded<'a>(material: &Material<'a>, preferences: &'a [Preferences<'_>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    let of_rules = material.rewards.iter().flat_map(|rewards| rewards.bounded());
    for name in of_rules.chain(preferences.iter().flat_map(Preferences::bounded)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Runs the reference over the completions, and the policy itself where its own log-probabilities are
/// needed and more than one step follows.
fn recompute<'a>(
    rl: &Rl<'_>,
    policy: &Decoder,
    reference: Option<&Decoder>,
    prompts: &[Vec<u32>],
    completions: impl Iterator<Item = &'a Completion> + Clone,
) -> Result<Recomputed> {
    let temperature = rl.rollout.sampling.logprob_temperature();
    let micro = rl.stage.training.micro_batch;
    let logprobs = |model| model_logprobs(model, prompts, completions.clone(), temperature, micro);
    let references = reference.map(logprobs).transpose()?;
    let old = match (rl.objective.importance_correction.is_on(), rl.stage.steps_per_rollout()) {
        (false, _) => OldLogprobs::Sampled,
        (true, 1) => OldLogprobs::Current,
        (true, _) => OldLogprobs::Computed(logprobs(policy)?),
    };
    Ok(Recomputed { references, old })
}
