//! What a rollout and its updates leave in the metrics, the table of completions and the progress.

use super::{Batch, Learnt, Rl};
use crate::error::Result;
use crate::metrics::MetricsRecord;
use crate::progress::StepFinished;
use crate::recipe::CLIPPED;
use crate::stage::StageContext;
use serde::Serialize;
use thinkling_learn::Scored;
use thinkling_reward::reflection;
use thinkling_reward::spec::FORMAT;

/// Means over the completions of a rollout.
pub(super) struct Summary {
    reward: f64,
    accuracy: f64,
    /// Where the format is rewarded.
    format: Option<f64>,
    /// Name and mean of each component, before weighting.
    components: Vec<(String, f64)>,
    /// Name and share of clipped values of each component with bounds.
    clipped: Vec<(String, f64)>,
    length: f64,
    truncated: f64,
    zero_variance: f64,
    reflection: f64,
    tokens: usize,
}

impl Summary {
    /// `bounded` are the names of the components with bounds.
    pub(super) fn of(batch: &Batch, group: usize, bounded: &[&str]) -> Self {
        let n = batch.scored.len().max(1) as f64;
        let mean = |f: &dyn Fn(&Scored) -> f64| batch.scored.iter().map(f).sum::<f64>() / n;
        let value = |name: &str| mean(&|s| s.record.value(name).unwrap_or(0.0));
        let is_clipped =
            |s: &Scored, name: &str| s.record.component(name).is_some_and(|c| c.clipped);
        let clipped = |name: &str| mean(&|s| f64::from(u8::from(is_clipped(s, name))));
        // Every record of a stage has the same components.
        let parts = batch.scored.first().map_or(&[][..], |s| &s.record.components);
        let components: Vec<(String, f64)> =
            parts.iter().map(|part| (part.name.to_string(), value(&part.name))).collect();
        let tokens = batch.scored.iter().map(|s| s.completion.ids.len()).sum();
        let flat = batch.scored.chunks(group.max(1));
        let groups = flat.len().max(1) as f64;
        let without = flat.filter(|g| g.iter().all(|s| s.reward == g[0].reward)).count();
        Self {
            reward: mean(&|s| s.reward),
            accuracy: mean(&|s| f64::from(u8::from(s.record.verdict.is_correct()))),
            format: components.iter().find(|(name, _)| name == FORMAT).map(|(_, mean)| *mean),
            clipped: bounded.iter().map(|&name| (name.to_owned(), clipped(name))).collect(),
            components,
            length: tokens as f64 / n,
            truncated: mean(&|s| f64::from(u8::from(s.truncated()))),
            zero_variance: without as f64 / groups,
            reflection: mean(&|s| reflection::reflection_count(&s.text) as f64),
            tokens,
        }
    }

    /// Accuracy gone while the format is kept and no group tells completions apart: what a too
    /// large learning rate does.
    pub(super) fn collapsed(&self) -> bool {
        self.zero_variance > 0.8 && self.accuracy < 0.1 && self.format.is_none_or(|f| f > 0.8)
    }
}

/// A line of `completions.jsonl`.
#[derive(Serialize)]
struct CompletionRow<'a> {
    id: &'a str,
    question: &'a str,
    completion: &'a str,
    reward: f64,
    record: &'a thinkling_reward::RewardRecord,
    advantage: f64,
    tokens: usize,
    finish: thinkling_sampling::Finish,
}

#[allow(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
pub(super) fn report(
    context: &mut StageContext<'_>,
    rl: &Rl<'_>,
    batch: &Batch,
    learnt: &Learnt,
    summary: &Summary,
    step: u64,
    train_s: f64,
    seconds: f64,
    remaining: f64,
) -> Result<()> {
    let run_step = context.run_step(step);
    for (i, scored) in batch.scored.iter().enumerate() {
        let problem = &rl.questions[batch.questions[scored.completion.prompt]].problem;
        let row = CompletionRow {
            id: &problem.id,
            question: &problem.question,
            completion: &scored.text,
            reward: scored.reward,
            record: &scored.record,
            advantage: batch.advantages.advantages[i],
            tokens: scored.completion.ids.len(),
            finish: scored.completion.finish,
        };
        context.completions.write(run_step, &row)?;
    }
    let kl = learnt.steps.iter().any(|s| s.kl.is_some());
    let kl = kl.then(|| learnt.mean(|s| s.kl.unwrap_or(0.0)));
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
        .number("loss", learnt.mean(|s| s.loss))
        .number("grad_norm", learnt.mean(|s| s.grad_norm))
        .number("entropy", learnt.mean(|s| s.entropy))
        .number("clip_fraction_low", learnt.mean(|s| s.clip_fraction_low))
        .number("clip_fraction_high", learnt.mean(|s| s.clip_fraction_high))
        .number("ratio_max", learnt.steps.iter().map(|s| s.ratio_max).fold(0.0, f64::max))
        .number("lr", learnt.lr)
        .count("tokens", summary.tokens as u64);
    if let Some(kl) = kl {
        record = record.number("kl", kl);
    }
    if let Some((mean, max)) = learnt.gap {
        record = record.number("logprob_gap_mean", mean).number("logprob_gap_max", max);
    }
    let record = record
        .timing("step_s", seconds)
        .timing("generate_s", batch.generate_s)
        .timing("reward_s", batch.reward_s)
        .timing("logprob_s", batch.logprob_s)
        .timing("loss_s", train_s)
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
        tokens_per_s: Some(summary.tokens as f64 / seconds),
        step_s: seconds,
        remaining_s: Some(remaining),
    });
    Ok(())
}
