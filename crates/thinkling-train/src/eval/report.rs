//! The measures of a whole evaluation.

use super::Settings;
use crate::answers::Answers;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thinkling_learn::{Estimate, Measured, Measures, ProblemResult, Question, Tally};
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
    /// Mean score by each reward model that was asked: of a pairwise one its number, of a pointwise one
    /// the probability that a completion is good.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, Estimate>,
    /// What was asked.
    pub settings: Settings,
    /// Seconds of this process, from the loading of the model on.
    pub wall_s: f64,
    /// Tokens a second of sampling; `None` where all completions were there already.
    pub tokens_per_s: Option<f64>,
}

/// The measures of one of several models on one of several data sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// Name of the model.
    pub model: String,
    /// Name of the data.
    pub data: String,
    /// The measures.
    pub report: Report,
}

impl ModelReport {
    /// The measures in a line.
    pub fn words(&self) -> String {
        let m = &self.report.all;
        let share = |e: Estimate| format!("{:.1} %", 100.0 * e.value);
        let mut words = format!(
            "{} on {}: pass@1 {} ({:.1} to {:.1})",
            self.model,
            self.data,
            share(m.pass_at_1),
            100.0 * m.pass_at_1.low,
            100.0 * m.pass_at_1.high
        );
        if let Some(cons) = m.cons_at_k.filter(|_| self.report.samples > 1) {
            words += &format!(", cons@{} {}", self.report.samples, share(cons));
        }
        words += &format!(", format {}, {:.0} tokens", share(m.format_rate), m.mean_tokens.value);
        if let Some(language) = m.language_consistency {
            words += &format!(", in one language {}", share(language));
        }
        for (name, score) in &self.report.scores {
            words += &format!(", {name} {:.2}", score.value);
        }
        words
    }
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
            scores: BTreeMap::new(),
            settings: settings.clone(),
            wall_s: 0.0,
            tokens_per_s: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::{AnswerFile, AnswerLine};
    use thinkling_reward::record::Reason;
    use thinkling_reward::{Task, Verdict};
    use thinkling_sampling::Finish;

    const WRONG: Verdict = Verdict::Wrong;
    const RIGHT: Verdict = Verdict::Correct;
    const NONE: Verdict = Verdict::Unverifiable { reason: Reason::NoAnswer };

    /// Problems with gold 1/2, each with a level and four answers.
    fn report(problems: &[(&str, [(&str, Verdict); 4])], task: &Task) -> Report {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut file = AnswerFile::open(&dir.path().join("answers.jsonl")).expect("made");
        let mut answers = file.read((problems.len(), 4)).expect("nothing yet");
        let mut questions = Vec::new();
        for (index, (level, all)) in problems.iter().enumerate() {
            let mut problem = Problem::new("p", "q", task.clone());
            problem.level = Some((*level).to_owned());
            questions.push(Question { problem, prompt: vec![1] });
            for (sample, (extracted, verdict)) in all.iter().enumerate() {
                let correct = verdict.is_correct();
                let line = AnswerLine {
                    problem: index,
                    sample,
                    id: "p".to_owned(),
                    finish: Finish::Stop,
                    verdict: *verdict,
                    note: None,
                    extracted: Some((*extracted).to_owned()),
                    measured: Measured { correct, tokens: 2, ..Measured::default() },
                    text: String::new(),
                    ids: vec![1, 2],
                };
                let answer = file.append(&line).expect("written");
                answers.add(&line, answer);
            }
        }
        let settings = Settings { samples: 4, ..crate::eval::settings::tests::settings() };
        Report::of(&settings, &questions, &answers, 1)
    }

    #[test]
    fn equal_answers_win_together_and_the_first_of_a_tie() {
        let task = Task::Math { gold: "1/2".to_owned() };
        let problems = [
            // Two ways to write one half against two equal texts that came later.
            ("1", [("1/2", RIGHT), ("7", WRONG), ("0.5", RIGHT), ("7", WRONG)]),
            ("1", [("7", WRONG), ("1/2", RIGHT), ("0.5", RIGHT), ("7", WRONG)]),
            ("2", [("9", WRONG), ("7", WRONG), ("8", WRONG), ("\\frac12", RIGHT)]),
            // What is no answer does not vote, however often it stands there.
            ("2", [("x", NONE), ("x", NONE), ("x", NONE), ("2/4", RIGHT)]),
        ];
        let report = report(&problems, &task);
        let cons = |part: &Measures| part.cons_at_k.map(|e| e.value);
        assert_eq!(cons(&report.all), Some(0.5));
        assert_eq!(report.all.pass_at_1.value, 0.375);
        assert_eq!((cons(&report.levels["1"]), cons(&report.levels["2"])), (Some(0.5), Some(0.5)));
        assert_eq!((report.levels["2"].problems, report.skipped), (2, 1));
        assert!(report.subjects.is_empty());
    }

    #[test]
    fn programs_have_no_consensus() {
        let tests = thinkling_reward::code::CodeTests::asserts(["assert True"]);
        let problems = [("1", [("pass", RIGHT), ("pass", RIGHT), ("x", WRONG), ("x", WRONG)])];
        let report = report(&problems, &Task::Code { tests });
        assert_eq!((report.all.cons_at_k, report.all.pass_at_1.value), (None, 0.5));
        let json = serde_json::to_value(&report).expect("JSON");
        assert!(json.get("cons_at_k").is_none() && json["levels"]["1"].get("cons_at_k").is_none());
        assert_eq!(serde_json::from_value::<Report>(json).expect("reads back"), report);
    }
}
