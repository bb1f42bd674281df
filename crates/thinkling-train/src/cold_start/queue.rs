//! From answers that were kept to the queue of a review, and from the review to examples.

use super::counts::{ColdStartCounts, WayCounts};
use super::doubts::{Looked, doubts};
use super::record::{lay_out, split, tagged};
use crate::error::{Result, TrainError};
use crate::questions::with_causes;
use crate::recipe::ColdStartStage;
use crate::review::{Decision, Item, Review, Texts};
use crate::selection::{Asked, Choosing, SelectionCounts, write_line};
use std::io::Write;
use thinkling_learn::Question;
use thinkling_reward::{Completion, Problem, RewardRecord, RewardSpec, Tools};
use thinkling_text::Message;

/// Names of the ways of asking, in the order of the stage.
pub(crate) const WAYS: [&str; 2] = ["plain", "few-shot"];

/// A trajectory that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Which problem, counted from 0.
    pub(crate) problem: usize,
    pub(crate) way: &'static str,
    pub(crate) texts: Texts,
    /// What the model wrote, where a teacher rewrote it.
    pub(crate) original: Option<Texts>,
}

/// How answers are judged.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    pub(crate) rewards: &'a RewardSpec,
    pub(crate) tools: Tools<'a>,
}

impl Judge<'_> {
    /// The verdict on a record.
    ///
    /// # Errors
    /// A runner of programs that fails.
    pub(crate) fn verdict(&self, problem: &Problem, texts: &Texts) -> Result<RewardRecord> {
        let text = tagged(texts);
        let whole = Completion { text: &text, truncated: false, tokens: None };
        self.rewards
            .reward(problem, &whole, &self.tools)
            .map_err(|e| TrainError::Failed { what: "judging an answer", reason: with_causes(&e) })
    }
}

/// The answers that were chosen as records, with their counts; `names` are those of the ways.
///
/// # Errors
/// A file of answers that cannot be read.
pub(crate) fn records_of(
    choosing: &Choosing<'_>,
    ways: &mut [Asked<'_>],
    names: &[&'static str],
    answers: SelectionCounts,
) -> Result<(Vec<Record>, ColdStartCounts)> {
    let mut counts = ColdStartCounts { answers, ..ColdStartCounts::default() };
    for (index, (way, name)) in ways.iter().zip(names).enumerate() {
        let all = way.answers.by_problem().flatten().flatten();
        let of_way = WayCounts {
            asked: way.answers.count(),
            correct: all.filter(|answer| answer.measured.correct).count(),
            kept: choosing.chosen().iter().filter(|chosen| chosen.way == index).count(),
        };
        match *name == WAYS[0] {
            true => counts.plain = of_way,
            false => counts.few_shot = of_way,
        }
    }
    let mut records = Vec::new();
    for &chosen in choosing.chosen() {
        let Some([_, reply]) = choosing.conversation(ways, chosen)? else { continue };
        let Some(texts) = split(&reply.content) else {
            counts.without_thinking += 1;
            continue;
        };
        let (problem, way) = (chosen.problem, names[chosen.way]);
        records.push(Record { problem, way, texts, original: None });
    }
    Ok((records, counts))
}

/// Records as items of a queue.
///
/// # Errors
/// As [`Judge::verdict`].
pub(crate) fn items_of(
    records: &[Record],
    questions: &[Question],
    judge: Judge<'_>,
) -> Result<Vec<Item>> {
    let item = |(item, record): (usize, &Record)| {
        let problem = &questions[record.problem].problem;
        let judged = judge.verdict(problem, &record.texts)?;
        let doubts = doubts(Looked {
            texts: &record.texts,
            original: record.original.as_ref(),
            language: problem.language,
            verdict: judged.verdict,
        });
        Ok(Item {
            item,
            id: problem.id.clone(),
            question: problem.question.clone(),
            texts: record.texts.clone(),
            answer: judged.extracted,
            gold: problem.task.gold().map(str::to_owned),
            verdict: if judged.verdict.is_correct() { "correct" } else { "not right" }.to_owned(),
            way: record.way.to_owned(),
            original: record.original.as_ref().map(tagged),
            doubts,
        })
    };
    records.iter().enumerate().map(item).collect()
}

/// Writes what was accepted as conversations, and counts it. Edited records are judged again, and
/// wrong ones dropped where the recipe asks for right answers.
///
/// # Errors
/// As [`Judge::verdict`], what `out` fails with.
pub(crate) fn write_accepted(
    review: &Review,
    stage: &ColdStartStage,
    problems: &[&Problem],
    judge: Judge<'_>,
    counts: &mut ColdStartCounts,
    (out, failed): (&mut dyn Write, &dyn Fn(std::io::Error) -> TrainError),
) -> Result<()> {
    counts.review = review.counts();
    for (index, item) in review.items().iter().enumerate() {
        let texts = match review.state(index) {
            Some((Decision::Accept, _)) => &item.texts,
            Some((Decision::Edit(texts), _)) => {
                let right = judge.verdict(problems[index], texts)?.verdict.is_correct();
                if stage.answers.filters.correct && !right {
                    counts.edited_wrong += 1;
                    continue;
                }
                texts
            }
            Some((Decision::Reject, _)) | None => continue,
        };
        let reply = lay_out(stage.layout, stage.delimiter.as_deref(), texts);
        let messages =
            [Message::new("user", item.question.as_str()), Message::new("assistant", reply)];
        write_line(out, &messages, Some(&item.id), None, failed)?;
        counts.written += 1;
    }
    Ok(())
}
