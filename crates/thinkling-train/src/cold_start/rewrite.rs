//! A teacher rewrites trajectories: first-person reasoning in the question's language, and a faithful
//! summary (arXiv 2501.12948, section 2.3.1 and the appendix of its second version).

use super::counts::RewriteCounts;
use super::queue::{Judge, Record};
use super::record::{split, tagged};
use crate::data::{each_record, field_error};
use crate::error::{Result, TrainError};
use crate::recipe::{AnswerKeys, Filters, FormatFilter, RewriteKeys};
use crate::review::Texts;
use crate::sampling::Reply;
use crate::selection::{Seen, dropped_by};
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::path::Path;
use thinkling_learn::Question;
use thinkling_reward::{Problem, Template, Verdict};
use thinkling_sampling::Finish;
use thinkling_text::Message;

/// What a teacher is asked to do.
const INSTRUCTIONS: &str = "\
Below is a question with a reasoning that comes to the right answer and is hard to read. Rewrite the \
reasoning so that a person follows it with ease: in the first person, as one thinks aloud, in whole \
sentences, in the language of the question. Keep every step, every check and every correction, in their \
order; keep all numbers; add no step and no knowledge of your own. Then write a short summary for the \
person who asked, which says how the answer is reached and is faithful to the reasoning.";

/// An example of a rewriting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RewriteExample {
    question: String,
    original: String,
    texts: Texts,
}

/// Reads a file of examples.
///
/// # Errors
/// A file that cannot be read, the first line that lacks a field.
pub(crate) fn read_rewrites(path: &Path) -> Result<Vec<RewriteExample>> {
    let mut examples = Vec::new();
    each_record(path, |line, value| {
        let example = value.and_then(|value| example_of(&value));
        examples.push(example.map_err(|reason| TrainError::DataLine {
            path: path.to_owned(),
            line,
            reason,
        })?);
        Ok(())
    })?;
    Ok(examples)
}

fn example_of(value: &Value) -> std::result::Result<RewriteExample, String> {
    let text = |field: &str| match value.get(field) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
        other => Err(field_error(field, "a text that is not empty", other)),
    };
    let texts = Texts { thinking: text("thinking")?, summary: text("summary")? };
    Ok(RewriteExample { question: text("question")?, original: text("original")?, texts })
}

/// Makes the requests and reads what comes back.
#[derive(Debug)]
pub(crate) struct Rewriting<'a> {
    keys: &'a RewriteKeys,
    examples: Vec<RewriteExample>,
    seed: u64,
    filters: Filters,
    /// How a summary states the answer.
    answer_form: &'static str,
}

impl<'a> Rewriting<'a> {
    /// With the examples of `keys`; `answers` says how the stage judges.
    ///
    /// # Errors
    /// As [`read_rewrites`], and fewer examples than a request takes.
    pub(crate) fn new(keys: &'a RewriteKeys, answers: &AnswerKeys, seed: u64) -> Result<Self> {
        let examples = keys.examples.as_deref().map(read_rewrites).transpose()?.unwrap_or_default();
        if examples.len() < keys.shots {
            let path = keys.examples.clone().unwrap_or_default();
            let (least, got) = (keys.shots, examples.len());
            let reason = format!(
                "rewritten examples, expected: at least the {least} of `rewrite.shots`, got: {got}"
            );
            return Err(TrainError::damaged(path, reason));
        }
        // A summary in sentences stands outside the blocks of the strict format.
        let filters = Filters { format: FormatFilter::Off, ..answers.filters.clone() };
        let answer_form = match answers.rewards().template {
            Template::R1Zero => "inside <answer> </answer>",
            Template::Boxed => "inside \\boxed{}",
            _ => "as its last words",
        };
        Ok(Self { keys, examples, seed, filters, answer_form })
    }

    /// What the teacher is asked for each record: one message of `user`.
    pub(crate) fn conversations(
        &self,
        records: &[Record],
        questions: &[Question],
    ) -> Vec<Vec<Message>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let conversation = |(index, record): (usize, &Record)| {
            rng.set_stream(index as u64);
            rng.set_word_pos(0);
            let drawn = sample(&mut rng, self.examples.len(), self.keys.shots);
            let question = &questions[record.problem].problem.question;
            vec![Message::new("user", self.request(drawn.into_iter(), question, &record.texts))]
        };
        records.iter().enumerate().map(conversation).collect()
    }

    fn request(
        &self,
        examples: impl Iterator<Item = usize>,
        question: &str,
        texts: &Texts,
    ) -> String {
        let mut text = self.keys.instructions.as_deref().unwrap_or(INSTRUCTIONS).to_owned();
        text += &format!(
            " State the answer in the summary {}. Reply with the rewritten reasoning inside <think> \
             </think>, then the summary, and nothing else.\n\n",
            self.answer_form
        );
        for index in examples {
            let RewriteExample { question, original, texts } = &self.examples[index];
            text += &asked(question, original);
            text += &format!("<think>\n{}\n</think>\n", texts.thinking.trim());
            text += &format!("{}\n\n", texts.summary.trim());
        }
        text + &asked(question, &tagged(texts))
    }

    /// The rewritten records that pass the checks: readable, the answer still right and stated in the
    /// summary, and the stage's filters but that of the format.
    ///
    /// # Errors
    /// A runner of programs that fails.
    pub(crate) fn rewritten(
        &self,
        records: Vec<Record>,
        replies: &[Vec<Reply>],
        questions: &[Question],
        judge: Judge<'_>,
    ) -> Result<(Vec<Record>, RewriteCounts)> {
        let mut counts = RewriteCounts { asked: records.len(), ..RewriteCounts::default() };
        let mut kept = Vec::new();
        for (record, replies) in records.into_iter().zip(replies) {
            let problem = &questions[record.problem].problem;
            let Some(reply) = replies.first() else { continue };
            if let Some(texts) = self.checked(problem, reply, judge, &mut counts)? {
                kept.push(Record { texts, original: Some(record.texts), ..record });
            }
        }
        counts.kept = kept.len();
        Ok((kept, counts))
    }

    fn checked(
        &self,
        problem: &Problem,
        reply: &Reply,
        judge: Judge<'_>,
        counts: &mut RewriteCounts,
    ) -> Result<Option<Texts>> {
        let truncated = reply.finish == Finish::Length;
        let texts = match split(&reply.text) {
            Some(texts) => texts,
            None if truncated => {
                counts.dropped.truncated += 1;
                return Ok(None);
            }
            None => {
                counts.unreadable += 1;
                return Ok(None);
            }
        };
        let verdict = judge.verdict(problem, &texts)?.verdict;
        if matches!(verdict, Verdict::Unverifiable { .. }) && !truncated {
            counts.unstated += 1;
            return Ok(None);
        }
        let text = tagged(&texts);
        let seen = Seen { text: &text, truncated, correct: verdict.is_correct() };
        match dropped_by(&self.filters, problem, seen, &mut counts.dropped) {
            Some(count) => {
                *count += 1;
                Ok(None)
            }
            None => Ok(Some(texts)),
        }
    }
}

fn asked(question: &str, original: &str) -> String {
    format!("Question: {question}\nReasoning:\n{}\n\nRewritten:\n", original.trim())
}

#[cfg(test)]
mod tests;
