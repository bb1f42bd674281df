//! What a rollout and its updates leave in the metrics, the table of completions and the progress.

use super::Rl;
use super::gap::Gap;
use super::rollout::RolledOut;
use super::update::Learnt;
use crate::error::Result;
use crate::metrics::MetricsRecord;
use crate::progress::StepFinished;
use crate::recipe::CLIPPED;
use crate::stage::StageContext;
use serde::Serialize;
use std::time::Instant;
use thinkling_learn::Summary;

/// A line of `completions.jsonl`.
#[derive(Serialize)]
struct CompletionRow<'a> {
    id: &'a str,
    /// Where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    question: &'a str,
    completion: &'a str,
    reward: f64,
    record: &'a thinkling_reward::RewardRecord,
    advantage: f64,
    tokens: usize,
    finish: thinkling_sampling::Finish,
    /// Of servers: `[optimiser steps of the weights, tokens]`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    versions: &'a [(u64, usize)],
}

#[allow(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
pub(super) fn report(
    context: &mut StageContext<'_>,
    rl: &Rl<'_>,
    rolled: &RolledOut,
    learnt: &Learnt,
    step: u64,
    train_s: f64,
    seconds: f64,
    remaining: f64,
) -> Result<()> {
    let run_step = context.run_step(step);
    let clock = Instant::now();
    let (batch, summary) = (&rolled.batch, &rolled.summary);
    for (i, scored) in batch.scored.iter().enumerate() {
        let (question, material) = (rolled.questions[scored.completion.prompt], &rl.material);
        let problem = &material.questions[question].problem;
        let row = CompletionRow {
            id: &problem.id,
            source: material.source_of(question).name.filter(|_| material.sources.len() > 1),
            question: &problem.question,
            completion: &scored.text,
            reward: scored.reward,
            record: &scored.record,
            advantage: batch.advantages.advantages[i],
            tokens: scored.completion.ids.len(),
            finish: scored.completion.finish,
            versions: &scored.completion.versions,
        };
        context.completions.write(run_step, &row)?;
    }
    let data_s = clock.elapsed().as_secs_f64();
    let kl = learnt.optional_mean(|s| s.kl);
    let mut record = MetricsRecord::new(run_step, rl.name)
        .number("reward", summary.reward)
        .number("accuracy", summary.accuracy);
    if let Some(format) = summary.format {
        record = record.number("format", format);
    }
    for (name, mean) in &summary.components {
        record = record.number(&format!("reward/{name}"), *mean);
    }
    for (name, share) in &summary.clipped {
        record = record.number(&format!("reward/{name}{CLIPPED}"), *share);
    }
    let mut record = record
        .number("length_tokens", summary.length)
        .number("truncated_share", summary.truncated)
        .number("zero_variance_share", summary.zero_variance)
        .number("reflective_words", summary.reflection)
        .number("reflecting_share", summary.reflecting)
        .number("reflecting_right_share", summary.reflecting_right)
        .number("loss", learnt.mean(|s| s.loss))
        .number("grad_norm", learnt.mean(|s| s.grad_norm))
        .number("entropy", learnt.mean(|s| s.entropy))
        .number("clip_fraction_low", learnt.mean(|s| s.clip_fraction_low))
        .number("clip_fraction_high", learnt.mean(|s| s.clip_fraction_high))
        .number("ratio_max", learnt.steps.iter().map(|s| s.ratio_max).fold(0.0, f64::max))
        .number("lr", learnt.lr)
        .count("tokens", summary.tokens as u64);
    if let Some(language) = summary.language {
        record = record.number("language_consistency", language);
    }
    if let Some(asked) = &rolled.resampled {
        record = record
            .count("groups_asked", asked.groups as u64)
            .count("groups_with_variance", asked.with_variance as u64);
    }
    if !rl.stage.length_schedule.is_empty() {
        record = record.count("max_completion_tokens", rolled.limit as u64);
    }
    if let Some(share) = rolled.open_share {
        record = record.number("curriculum_share", share);
    }
    for (name, questions, summary) in &rolled.by_source {
        record = by_source(record, name, *questions, summary);
    }
    if let Some(kl) = kl {
        record = record.number("kl", kl);
    }
    if let Some(gap) = learnt.gap {
        record = record
            .number("logprob_gap_mean", gap.mean)
            .number("logprob_gap_max", gap.max)
            .number("logprob_ratio_mean", gap.ratio);
    }
    for (key, value) in [
        ("importance_weight", learnt.optional_mean(|s| s.importance_weight)),
        ("importance_capped", learnt.optional_mean(|s| s.importance_capped)),
    ] {
        record = match value {
            Some(value) => record.number(key, value),
            None => record,
        };
    }
    if let Some(served) = rolled.served {
        record = record
            .number("rollout_lag_mean", served.lag.mean)
            .count("rollout_lag_max", served.lag.max)
            .count("rollout_servers", served.stats.servers as u64)
            .count("groups_asked_again", served.stats.again);
    }
    if let Some(seconds) = rolled.weights_s {
        record = record.timing("weights_s", seconds);
    }
    let record = record
        .timing("step_s", seconds)
        .timing("generate_s", rolled.generate_s)
        .timing("reward_s", rolled.reward_s)
        .timing("logprob_s", rolled.logprob_s)
        .timing("loss_s", train_s)
        .timing("data_s", data_s)
        .timing("checkpoint_s", context.checkpoint_s())
        .timing("tokens_per_s", summary.tokens as f64 / seconds);
    context.metrics.write(&record)?;
    context.progress.step_finished(&StepFinished {
        step,
        steps: rl.stage.training.steps as u64,
        loss: Some(learnt.mean(|s| s.loss)),
        reward: Some(summary.reward),
        accuracy: Some(summary.accuracy),
        format: summary.format,
        length_tokens: Some(summary.length),
        kl,
        logprob_gap: learnt.gap.filter(Gap::is_notable).map(|gap| gap.mean),
        tokens_per_s: Some(summary.tokens as f64 / seconds),
        step_s: seconds,
        remaining_s: Some(remaining),
    });
    Ok(())
}

/// Adds what the completions of one of several sources show.
fn by_source(
    mut record: MetricsRecord,
    name: &str,
    questions: usize,
    summary: &Summary,
) -> MetricsRecord {
    record = record
        .count(&format!("questions/{name}"), questions as u64)
        .number(&format!("accuracy/{name}"), summary.accuracy)
        .number(&format!("total_reward/{name}"), summary.reward)
        .number(&format!("length_tokens/{name}"), summary.length)
        .number(&format!("truncated_share/{name}"), summary.truncated)
        .number(&format!("zero_variance_share/{name}"), summary.zero_variance);
    for (component, mean) in &summary.components {
        record = record.number(&format!("reward/{component}/{name}"), *mean);
    }
    record
}
