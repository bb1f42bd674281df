//! Scores of completions by reward models, beside what rules measure.

use crate::answers::{AnswerFile, Answers};
use crate::error::Result;
use crate::reward_model::RewardModel;
use std::collections::BTreeMap;
use thinkling_learn::{Estimate, Question, RESAMPLES, bootstrap};
use thinkling_sampling::Finish;

/// A reward model and what it is called.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) name: String,
    pub(crate) model: RewardModel,
}

/// The mean score by each judge, over problems. As in training a completion that is cut, or of which the
/// judge reads nothing, never gains.
///
/// # Errors
/// Answers that cannot be read, text that a judge's tokenizer does not take, a device that fails.
pub(super) fn scores(
    judges: &[Judge],
    (questions, answers): (&[Question], &Answers),
    file: &mut AnswerFile,
    opening: &str,
    seed: u64,
) -> Result<BTreeMap<String, Estimate>> {
    if judges.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut rows = Vec::with_capacity(questions.len());
    for (question, answers) in questions.iter().zip(answers.by_problem()) {
        let lines = answers.iter().flatten().map(|answer| file.line(answer));
        let lines = lines.collect::<Result<Vec<_>>>()?;
        let texts: Vec<String> =
            lines.iter().map(|line| format!("{opening}{}", line.text)).collect();
        let read: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut row = Vec::with_capacity(judges.len());
        for Judge { model, .. } in judges {
            let values = model.rewards(&question.problem.question, &read)?;
            let own = values.iter().zip(&lines).zip(&read).map(|((value, line), text)| {
                let nothing = line.finish == Finish::Length || model.reads_nothing(text);
                if nothing { value.min(0.0) } else { *value }
            });
            row.push(own.sum::<f64>() / values.len().max(1) as f64);
        }
        rows.push(row);
    }
    let names = judges.iter().map(|judge| judge.name.clone());
    Ok(names.zip(bootstrap(&rows, RESAMPLES, seed)).collect())
}
