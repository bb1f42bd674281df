//! What an evaluation says of a model, with intervals: the report's protocol (arXiv 2501.12948v1,
//! section 3): k answers a problem, pass@1 their mean correctness, cons@k the majority's.

use crate::evaluate::Tally;
use crate::statistics::{Estimate, RESAMPLES, bootstrap, pass_at, pass_at_steps};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// The answers to one problem.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProblemResult {
    /// Sums over its answers.
    pub tally: Tally,
    /// Whether the majority of them is right; `None` where there is no vote on such answers.
    pub consensus: Option<bool>,
}

/// Means over problems, each with its interval ([`bootstrap`] with [`RESAMPLES`]).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Problems.
    pub problems: usize,
    /// Mean correctness of an answer.
    pub pass_at_1: Estimate,
    /// Share of problems whose majority is right ([`thinkling_reward::vote`]); absent where a
    /// problem's answers cannot be compared with each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cons_at_k: Option<Estimate>,
    /// Probability that one of `j` answers is right ([`pass_at`]), by `j`.
    #[serde(deserialize_with = "by_number")]
    pub pass_at_j: BTreeMap<usize, Estimate>,
    /// Mean correctness of an answer read wherever it stands.
    pub format_free: Estimate,
    /// Share of completions that keep the format.
    pub format_rate: Estimate,
    /// Tokens of a completion.
    pub mean_tokens: Estimate,
    /// Share of completions cut at the token limit.
    pub truncated: Estimate,
    /// Reflective words of a completion ([`thinkling_reward::reflection`]).
    pub reflective_words: Estimate,
    /// Share of words outside the answer in the problem's language; absent where a problem names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_consistency: Option<Estimate>,
    /// Share of a completion that repeats ([`REPEATED_WORDS`](crate::REPEATED_WORDS)).
    #[serde(default)]
    pub repetition: Estimate,
}

/// Reads a map whose keys are numbers. JSON writes them as strings, which serde does not read back where
/// the map lies in a flattened struct.
fn by_number<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<usize, Estimate>, D::Error> {
    let map = BTreeMap::<String, Estimate>::deserialize(from)?;
    let number = |(key, estimate): (String, Estimate)| match key.parse() {
        Ok(key) => Ok((key, estimate)),
        Err(_) => Err(D::Error::invalid_value(Unexpected::Str(&key), &"a number of answers")),
    };
    map.into_iter().map(number).collect()
}

impl Measures {
    /// Over `problems` with `samples` answers each; nothing of no problems.
    ///
    /// # Panics
    /// Where a problem has another number of answers.
    pub fn of(problems: &[ProblemResult], samples: usize, seed: u64) -> Self {
        if problems.is_empty() {
            return Self::default();
        }
        let steps = pass_at_steps(samples);
        let votes = problems.iter().all(|problem| problem.consensus.is_some());
        let languages = problems.iter().all(|p| p.tally.of_language == samples);
        let row = |problem: &ProblemResult| {
            let tally = &problem.tally;
            assert_eq!(tally.completions, samples, "answers of a problem");
            let mut row = vec![
                tally.accuracy(),
                tally.format_free_accuracy(),
                tally.format(),
                tally.mean_tokens(),
                tally.truncated_share(),
                tally.reflective_words(),
                tally.repetition(),
            ];
            row.extend(steps.iter().map(|&j| pass_at(j, samples, tally.correct)));
            if languages {
                row.extend(tally.language_consistency());
            }
            if votes {
                row.push(f64::from(u8::from(problem.consensus == Some(true))));
            }
            row
        };
        let rows: Vec<Vec<f64>> = problems.iter().map(row).collect();
        let mut estimates = bootstrap(&rows, RESAMPLES, seed).into_iter();
        let mut next = || estimates.next().unwrap_or_default();
        Self {
            problems: problems.len(),
            pass_at_1: next(),
            format_free: next(),
            format_rate: next(),
            mean_tokens: next(),
            truncated: next(),
            reflective_words: next(),
            repetition: next(),
            pass_at_j: steps.iter().map(|&j| (j, next())).collect(),
            language_consistency: languages.then(&mut next),
            cons_at_k: votes.then(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums and products of a few doubles.
    const ROUNDING: f64 = 1e-12;

    fn problem(correct: usize, consensus: Option<bool>) -> ProblemResult {
        let tally = Tally {
            problems: 1,
            solved: usize::from(correct > 0),
            completions: 4,
            correct,
            format_free: 3,
            formatted: 2,
            tokens: 40,
            truncated: 1,
            reflection: 6,
            of_language: 4,
            language: 3.0,
            repetition: 0.5,
        };
        ProblemResult { tally, consensus }
    }

    #[test]
    fn measures_are_means_over_problems() {
        let problems = [problem(4, Some(true)), problem(2, Some(true)), problem(0, Some(false))];
        let m = Measures::of(&problems, 4, 1);
        assert_eq!(m.problems, 3);
        assert_eq!(m.pass_at_1.value, 0.5);
        assert_eq!(m.cons_at_k.map(|e| e.value), Some(2.0 / 3.0));
        assert_eq!(m.pass_at_j.keys().copied().collect::<Vec<_>>(), [1, 2, 4]);
        // Of the second problem 1 of 6 pairs holds no right answer.
        for (j, expected) in [(1, 0.5), (2, (1.0 + 5.0 / 6.0) / 3.0), (4, 2.0 / 3.0)] {
            let got = m.pass_at_j[&j].value;
            assert!(
                (got - expected).abs() < ROUNDING,
                "pass@{j}, expected: {expected}, got: {got}"
            );
        }
        let others = [m.format_free, m.format_rate, m.truncated, m.mean_tokens, m.reflective_words];
        assert_eq!(others.map(|e| e.value), [0.75, 0.5, 0.25, 10.0, 1.5]);
        assert_eq!(m.repetition.value, 0.125);
        assert_eq!(m.language_consistency.map(|e| e.value), Some(0.75));
        assert_eq!((m.pass_at_1.low, m.pass_at_1.high), (0.0, 1.0));
    }

    #[test]
    fn a_problem_without_a_vote_leaves_no_consensus_and_not_zero() {
        let problems = [problem(4, Some(true)), problem(2, None)];
        let m = Measures::of(&problems, 4, 1);
        assert_eq!(m.cons_at_k, None);
        let json = serde_json::to_value(&m).expect("JSON");
        assert!(json.get("cons_at_k").is_none(), "{json}");
        assert_eq!(json["pass_at_j"]["2"]["value"], m.pass_at_j[&2].value);
    }

    #[test]
    fn a_problem_that_names_no_language_leaves_no_consistency() {
        let mut other = problem(4, Some(true));
        (other.tally.of_language, other.tally.language) = (0, 0.0);
        let m = Measures::of(&[problem(2, Some(true)), other], 4, 1);
        assert_eq!((m.language_consistency, m.cons_at_k.map(|e| e.value)), (None, Some(1.0)));
    }

    #[test]
    fn of_nothing_there_is_nothing() {
        assert_eq!(Measures::of(&[], 4, 1), Measures::default());
    }
}
