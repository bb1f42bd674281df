//! The measures of a whole evaluation.

use super::Settings;
use super::answers::Answers;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thinkling_learn::{Measured, Measures, ProblemResult, Question, Tally};
use thinkling_reward::Problem;
use thinkling_reward::math::Policy;
use thinkling_reward::vote::majority;

/// What `report.json` and `--json` hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Over all problems.
    #[serde(flatten)]
    pub all: Measures,
    /// Answers a problem.
    pub samples: usize,
    /// Records of the data that were skipped.
    pub skipped: usize,
    /// By level, where problems have one.
    pub levels: BTreeMap<String, Measures>,
    /// By subject, where problems have one.
    pub subjects: BTreeMap<String, Measures>,
    /// What was asked.
    pub settings: Settings,
    /// Seconds of this process, from the loading of the model on.
    pub wall_s: f64,
    /// Tokens a second of sampling; `None` where all completions were there already.
    pub tokens_per_s: Option<f64>,
}

impl Report {
    /// Of all answers to all questions, without times.
    pub(super) fn of(
        settings: &Settings,
        questions: &[Question],
        answers: &Answers,
        skipped: usize,
    ) -> Self {
        let results: Vec<ProblemResult> = questions
            .iter()
            .zip(answers.by_problem())
            .map(|(question, answers)| {
                let all: Vec<_> = answers.iter().flatten().collect();
                let measured: Vec<Measured> = all.iter().map(|answer| answer.measured).collect();
                let votes: Vec<Option<&str>> =
                    all.iter().map(|answer| answer.vote.as_deref()).collect();
                let vote = majority(&question.problem.task, &votes, &Policy::default());
                let right = |winner: usize| measured[winner].correct;
                ProblemResult {
                    tally: Tally::of(&measured),
                    consensus: vote.map(|vote| vote.winner.is_some_and(right)),
                }
            })
            .collect();
        let by = |name: fn(&Problem) -> Option<&String>| {
            let mut parts: BTreeMap<String, Vec<ProblemResult>> = BTreeMap::new();
            for (question, result) in questions.iter().zip(&results) {
                if let Some(name) = name(&question.problem) {
                    parts.entry(name.clone()).or_default().push(*result);
                }
            }
            let measures = |part: Vec<_>| Measures::of(&part, settings.samples, settings.seed);
            parts.into_iter().map(|(name, part)| (name, measures(part))).collect()
        };
        Self {
            all: Measures::of(&results, settings.samples, settings.seed),
            samples: settings.samples,
            skipped,
            levels: by(|problem| problem.level.as_ref()),
            subjects: by(|problem| problem.subject.as_ref()),
            settings: settings.clone(),
            wall_s: 0.0,
            tokens_per_s: None,
        }
    }
}
