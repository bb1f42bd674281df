//! Sampled evaluation: accuracy, format and length of a model's answers to held-out problems.

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::stage::{complete, learn_error};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thinkling_learn::{Question, RolloutConfig, Scored, Scorer};
use thinkling_model::Decoder;
use thinkling_reward::{RewardSpec, Tools, strict_format};
use thinkling_text::Tokenizer;

/// Problems that are sampled at once, so that progress shows and memory stays small.
const PROBLEMS_AT_ONCE: usize = 64;

/// Sums over completions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Problems.
    pub problems: usize,
    /// Problems that at least one of their completions solved.
    pub solved: usize,
    /// Completions.
    pub completions: usize,
    /// Completions whose answer is right, read as the template says.
    pub correct: usize,
    /// Completions whose last number or expression, wherever it stands, is right.
    pub format_free: usize,
    /// Completions in the strict format.
    pub formatted: usize,
    /// Tokens of all completions.
    pub tokens: usize,
    /// Completions cut at the token limit.
    pub truncated: usize,
}

impl Tally {
    fn share(&self, count: usize) -> f64 {
        count as f64 / self.completions.max(1) as f64
    }

    /// Mean correctness over completions: pass@1 (R1 report, section 3).
    pub fn accuracy(&self) -> f64 {
        self.share(self.correct)
    }

    /// Share of problems with a right completion among the `k` sampled: pass@k.
    pub fn pass_at_k(&self) -> f64 {
        self.solved as f64 / self.problems.max(1) as f64
    }

    /// Mean correctness when read wherever the answer stands.
    pub fn format_free_accuracy(&self) -> f64 {
        self.share(self.format_free)
    }

    /// Share of completions in the strict format.
    pub fn format(&self) -> f64 {
        self.share(self.formatted)
    }

    /// Mean tokens a completion.
    pub fn mean_tokens(&self) -> f64 {
        self.share(self.tokens)
    }

    /// 95 % interval of [`accuracy`](Self::accuracy) (Wilson score; completions of one problem are
    /// not independent, so it is meant for one completion a problem).
    pub fn accuracy_interval(&self) -> (f64, f64) {
        wilson(self.correct, self.completions)
    }

    fn add(&mut self, other: &Self) {
        self.problems += other.problems;
        self.solved += other.solved;
        self.completions += other.completions;
        self.correct += other.correct;
        self.format_free += other.format_free;
        self.formatted += other.formatted;
        self.tokens += other.tokens;
        self.truncated += other.truncated;
    }
}

/// Wilson's 95 % interval of a share.
fn wilson(successes: usize, trials: usize) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let (z, n) = (1.959_964, trials as f64);
    let p = successes as f64 / n;
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// First completion of a problem, for showing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The question.
    pub question: String,
    /// What the model wrote.
    pub text: String,
    /// Whether its answer is right.
    pub correct: bool,
    /// Level of the problem.
    pub level: String,
}

/// The result of an evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// Over all problems.
    pub all: Tally,
    /// By level, where problems have one.
    pub levels: BTreeMap<String, Tally>,
    /// The first completion of each problem.
    pub samples: Vec<Sample>,
}

/// Samples `config.group_size` completions of each question and reads them; `None` where an
/// interrupt came before the last of them. `rewards` says how answers are judged; the strict format
/// is measured whatever it says.
///
/// # Errors
/// A device that fails, a gold that does not parse.
#[allow(clippy::too_many_arguments, reason = "each is a thing of its own that the caller has")]
pub fn evaluate(
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    questions: &[Question],
    config: &RolloutConfig,
    rewards: &RewardSpec,
    tools: &Tools<'_>,
    progress: &mut dyn Progress,
    interrupt: &Interrupt,
) -> Result<Option<Evaluated>> {
    let mut result = Evaluated::default();
    let scorer = Scorer { tokenizer, rewards, tools: *tools };
    let group = config.group_size;
    for (i, part) in questions.chunks(PROBLEMS_AT_ONCE).enumerate() {
        let done = i * PROBLEMS_AT_ONCE;
        if interrupt.is_requested() {
            return Ok(None);
        }
        progress.working("evaluating", done as u64, questions.len() as u64);
        let prompts: Vec<Vec<u32>> = part.iter().map(|q| q.prompt.clone()).collect();
        let stream = (done * group) as u64;
        let completions = complete(decoder, &prompts, config, stream, |_, _| ())?;
        let scored: Vec<Scored> = completions
            .into_iter()
            .map(|completion| scorer.score(completion, part).map_err(learn_error))
            .collect::<Result<_>>()?;
        for (question, answers) in part.iter().zip(scored.chunks(group)) {
            let problem = &question.problem;
            let mut tally = Tally { problems: 1, ..Tally::default() };
            for answer in answers {
                let correct = answer.record.verdict.is_correct();
                tally.completions += 1;
                tally.correct += usize::from(correct);
                tally.format_free += usize::from(
                    rewards
                        .format_free_correct(problem, &answer.text, tools)
                        .map_err(|e| learn_error(e.into()))?,
                );
                tally.formatted +=
                    usize::from(!answer.truncated() && strict_format(&answer.text).valid);
                tally.tokens += answer.completion.ids.len();
                tally.truncated += usize::from(answer.truncated());
            }
            tally.solved = usize::from(tally.correct > 0);
            result.all.add(&tally);
            let level = problem.level.clone().unwrap_or_default();
            if !level.is_empty() {
                result.levels.entry(level.clone()).or_default().add(&tally);
            }
            if let Some(first) = answers.first() {
                result.samples.push(Sample {
                    question: problem.question.clone(),
                    text: first.text.clone(),
                    correct: first.record.verdict.is_correct(),
                    level,
                });
            }
        }
    }
    progress.working("evaluating", questions.len() as u64, questions.len() as u64);
    Ok(Some(result))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_intervals_of_known_shares() {
        // 8 of 10 by Wilson's formula: 0.490 to 0.943 (Brown, Cai and DasGupta 2001, eq. 4).
        let (low, high) = wilson(8, 10);
        assert!((low - 0.4902).abs() < 1e-3 && (high - 0.9433).abs() < 1e-3, "{low} {high}");
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        assert_eq!(wilson(0, 20).0, 0.0);
    }
}
