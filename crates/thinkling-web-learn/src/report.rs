//! What a page sees, in the shapes of `js/learn.d.ts`.

use serde::Serialize;
use thinkling_learn::{Evaluated, Scored};
use thinkling_reward::{Problem, Verdict};

/// One completion of the group that is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShownCompletion {
    /// Its text.
    pub text: String,
    /// Sum of accuracy and format.
    pub reward: f64,
    /// `(reward - mean) / std` within the group.
    pub advantage: f64,
    /// `correct`, `wrong` or `unverifiable`.
    pub verdict: &'static str,
    /// Tokens, the one that ends it included.
    pub tokens: usize,
    /// Whether it was cut at the token limit.
    pub truncated: bool,
}

/// A question with its completions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShownGroup {
    /// The question, without a template.
    pub question: String,
    /// The right answer.
    pub gold: String,
    /// All completions of the group.
    pub completions: Vec<ShownCompletion>,
}

/// What a step did; means are over its completions, before the update.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    /// Steps done, this one included.
    pub step: u64,
    /// Reward.
    pub reward: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// Share in the strict format.
    pub format: f64,
    /// Tokens of a completion.
    pub length: f64,
    /// Share of groups whose rewards are all alike, from which nothing is learnt.
    pub zero_variance: f64,
    /// The loss.
    pub loss: f64,
    /// Global norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Entropy of the policy, nats a token.
    pub entropy: f64,
    /// Of the step.
    pub seconds: f64,
    /// One group of the step, one with variance where there is one.
    pub group: ShownGroup,
    /// Something that visitors should know.
    pub alarm: Option<Alarm>,
}

/// Something that visitors should know: a code, which a page words in its own language, and English.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// `not-finite`, `collapsed` or `no-variance`.
    pub code: &'static str,
    /// In words.
    pub message: &'static str,
}

/// Measured on problems of the test split, which are never trained on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Share of right answers.
    pub accuracy: f64,
    /// Share in the strict format.
    pub format: f64,
    /// Tokens of a completion.
    pub length: f64,
    /// How many.
    pub problems: usize,
}

impl From<&Evaluated> for Evaluation {
    fn from(evaluated: &Evaluated) -> Self {
        let all = &evaluated.all;
        Self {
            accuracy: all.accuracy(),
            format: all.format(),
            length: all.mean_tokens(),
            problems: all.problems,
        }
    }
}

/// A greedy answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// Its text.
    pub text: String,
    /// Sum of accuracy and format.
    pub reward: f64,
    /// `correct`, `wrong` or `unverifiable`.
    pub verdict: &'static str,
}

impl From<&Scored> for Answer {
    fn from(scored: &Scored) -> Self {
        let verdict = verdict(scored.record.verdict);
        Self { text: scored.text.clone(), reward: scored.reward, verdict }
    }
}

/// A problem of the test split, answered greedily before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The question, without a template.
    pub question: String,
    /// The right answer.
    pub gold: String,
    /// By the base.
    pub base: Answer,
    /// By the model as it is now.
    pub now: Answer,
}

pub(crate) fn gold(problem: &Problem) -> String {
    problem.task.gold().unwrap_or_default().to_owned()
}

pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Correct => "correct",
        Verdict::Wrong => "wrong",
        Verdict::Unverifiable { .. } => "unverifiable",
    }
}
