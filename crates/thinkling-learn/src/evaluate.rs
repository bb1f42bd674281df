//! Sampled evaluation: accuracy, format and length of a model's answers to held-out problems.

use crate::policy::LearnError;
use crate::rollout::{InProcess, Question, Rollout, RolloutConfig, Scored, Scorer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thinkling_model::Decoder;
use thinkling_reward::strict_format;

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

impl Evaluated {
    /// Samples `config.group_size` completions of each of `questions`, reads them and adds them up.
    /// The scorer's rules say how answers are judged; the strict format is measured whatever they
    /// say. Parts of one evaluation are asked one after the other: a completion's random stream
    /// follows from how many came before it.
    ///
    /// # Errors
    /// A device that fails, a gold that does not parse.
    pub async fn ask(
        &mut self,
        decoder: &Decoder,
        scorer: Scorer<'_>,
        questions: &[Question],
        config: &RolloutConfig,
    ) -> Result<(), LearnError> {
        let prompts: Vec<Vec<u32>> = questions.iter().map(|q| q.prompt.clone()).collect();
        let group = config.group_size;
        let stream = (self.all.problems * group) as u64;
        let completions = InProcess.complete(decoder, &prompts, config, stream, |_, _| ()).await?;
        let scored: Vec<Scored> = completions
            .into_iter()
            .map(|completion| scorer.score(completion, questions))
            .collect::<Result<_, _>>()?;
        for (question, answers) in questions.iter().zip(scored.chunks(group)) {
            self.add(question, answers, scorer)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        question: &Question,
        answers: &[Scored],
        scorer: Scorer<'_>,
    ) -> Result<(), LearnError> {
        let problem = &question.problem;
        let mut tally = Tally { problems: 1, ..Tally::default() };
        for answer in answers {
            let format_free =
                scorer.rewards.format_free_correct(problem, &answer.text, &scorer.tools)?;
            let formatted = !answer.truncated() && strict_format(&answer.text).valid;
            tally.completions += 1;
            tally.correct += usize::from(answer.record.verdict.is_correct());
            tally.format_free += usize::from(format_free);
            tally.formatted += usize::from(formatted);
            tally.tokens += answer.completion.ids.len();
            tally.truncated += usize::from(answer.truncated());
        }
        tally.solved = usize::from(tally.correct > 0);
        self.all.add(&tally);
        let level = problem.level.clone().unwrap_or_default();
        if !level.is_empty() {
            self.levels.entry(level.clone()).or_default().add(&tally);
        }
        if let Some(first) = answers.first() {
            self.samples.push(Sample {
                question: problem.question.clone(),
                text: first.text.clone(),
                correct: first.record.verdict.is_correct(),
                level,
            });
        }
        Ok(())
    }
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
