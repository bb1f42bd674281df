//! Which answers become examples.

use super::contamination::Evaluations;
use super::counts::RejectionCounts;
use super::duplicates::Duplicates;
use super::filters::{Seen, dropped_by};
use crate::answers::{AnswerFile, AnswerLine, Answers};
use crate::error::{Result, TrainError};
use crate::prompts::Prompts;
use crate::recipe::{KeepOrder, RejectionStage, Template};
use serde::Serialize;
use std::collections::HashMap;
use std::io::Write;
use thinkling_learn::Question;
use thinkling_text::Message;

/// The answers of a stage.
pub(crate) struct Asked<'a> {
    pub(crate) questions: &'a [Question],
    pub(crate) answers: &'a Answers,
    pub(crate) file: &'a mut AnswerFile,
}

/// Chooses examples among answers.
pub(crate) struct Choosing<'a> {
    stage: &'a RejectionStage,
    /// What the end of a prompt opens and an answer goes on with, such as `<think>`.
    opening: String,
    pub(super) evaluations: Evaluations,
    pub(super) duplicates: Duplicates,
    /// Examples of each prompt.
    of_prompt: HashMap<String, usize>,
    /// Problem and sample of each example.
    chosen: Vec<(usize, usize)>,
}

/// An answer that passed the filters.
struct Candidate {
    sample: usize,
    tokens: usize,
    messages: [Message; 2],
}

/// A line of the set.
#[derive(Serialize)]
struct Line<'a> {
    messages: Vec<Turn<'a>>,
    /// The problem's name in its data; none of what is mixed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'a str,
    content: &'a str,
}

impl<'a> Choosing<'a> {
    /// For answers to such prompts, or to a server's, which open nothing.
    ///
    /// # Errors
    /// Evaluation files that cannot be read, a chat template that fails.
    pub(crate) fn new(stage: &'a RejectionStage, prompts: Option<Prompts<'_>>) -> Result<Self> {
        let evaluations = stage.decontaminate.as_ref().map(Evaluations::read).transpose()?;
        let opening = match prompts {
            Some(prompts) if prompts.open_thinking()? => {
                let prompt = prompts.text("?")?;
                prompt.rfind("<think>").map_or_else(String::new, |at| prompt[at..].to_owned())
            }
            _ => String::new(),
        };
        Ok(Self {
            stage,
            opening,
            evaluations: evaluations.unwrap_or_default(),
            duplicates: Duplicates::default(),
            of_prompt: HashMap::new(),
            chosen: Vec::new(),
        })
    }

    /// Goes through all answers in the order of their problems and counts what becomes of each.
    ///
    /// # Errors
    /// A file of answers that cannot be read.
    pub(crate) fn choose(&mut self, asked: &mut Asked<'_>) -> Result<RejectionCounts> {
        let mut counts = RejectionCounts {
            problems: asked.questions.len(),
            samples: asked.answers.samples(),
            asked: asked.answers.count(),
            ..RejectionCounts::default()
        };
        for problem in 0..asked.questions.len() {
            let candidates = self.candidates(asked, problem, &mut counts)?;
            self.keep(problem, &asked.questions[problem], candidates, &mut counts);
        }
        let without = |q: &&Question| !self.of_prompt.contains_key(&spaced(&q.problem.question));
        counts.problems_without_kept = asked.questions.iter().filter(without).count();
        counts.written = counts.kept;
        Ok(counts)
    }

    /// The answers to a problem that pass the filters, in the order in which they are kept.
    fn candidates(
        &self,
        asked: &mut Asked<'_>,
        problem: usize,
        counts: &mut RejectionCounts,
    ) -> Result<Vec<Candidate>> {
        let question = &asked.questions[problem].problem;
        let mut candidates = Vec::new();
        for answer in asked.answers.of_problem(problem).iter().flatten() {
            let line = asked.file.line(answer)?;
            let correct = line.measured.correct;
            counts.correct += usize::from(correct);
            let messages = self.messages(&question.question, &line);
            let [_, reply] = &messages;
            let seen = Seen { text: &reply.content, truncated: line.measured.truncated, correct };
            match dropped_by(&self.stage.filters, question, seen, &mut counts.dropped) {
                Some(count) => *count += 1,
                None => candidates.push(Candidate {
                    sample: line.sample,
                    tokens: line.measured.tokens,
                    messages,
                }),
            }
        }
        if self.stage.keep == KeepOrder::Shortest {
            candidates.sort_by_key(|candidate| (candidate.tokens, candidate.sample));
        }
        Ok(candidates)
    }

    fn keep(
        &mut self,
        problem: usize,
        question: &Question,
        candidates: Vec<Candidate>,
        counts: &mut RejectionCounts,
    ) {
        let prompt = &question.problem.question;
        if !candidates.is_empty() && self.evaluations.share_with(prompt) {
            counts.decontaminated += candidates.len();
            return;
        }
        for candidate in candidates {
            if self.stage.deduplicate && self.duplicates.seen(&candidate.messages) {
                counts.duplicates += 1;
                continue;
            }
            let kept = self.of_prompt.get(&spaced(prompt)).copied().unwrap_or(0);
            if kept >= self.stage.keep_per_prompt {
                counts.surplus += 1;
                continue;
            }
            self.of_prompt.insert(spaced(prompt), kept + 1);
            self.chosen.push((problem, candidate.sample));
            counts.kept += 1;
        }
    }

    /// The conversation of an answer, as an `sft` stage takes it.
    fn messages(&self, question: &str, line: &AnswerLine) -> [Message; 2] {
        let text = match self.stage.template {
            // The supervised stage writes the space that the model wrote first.
            Template::R1Zero => line.text.strip_prefix(' ').unwrap_or(&line.text),
            Template::None | Template::Chat => &line.text,
        };
        let reply = format!("{}{text}", self.opening);
        [Message::new("user", question), Message::new("assistant", reply)]
    }

    /// Whether another stage's or file's conversation is to be left out, because of an evaluation.
    pub(super) fn is_contaminated(&self, messages: &[Message]) -> bool {
        let mut prompts = messages.iter().filter(|message| message.role == "user");
        prompts.any(|message| self.evaluations.share_with(&message.content))
    }

    /// Whether equal conversations are dropped, and this one is there already.
    pub(super) fn is_duplicate(&mut self, messages: &[Message]) -> bool {
        self.stage.deduplicate && self.duplicates.seen(messages)
    }

    pub(super) fn stage(&self) -> &'a RejectionStage {
        self.stage
    }

    /// Writes the examples that were chosen.
    ///
    /// # Errors
    /// A file of answers that cannot be read, what `out` fails with.
    pub(crate) fn write(
        &self,
        asked: &mut Asked<'_>,
        out: &mut dyn Write,
        failed: &dyn Fn(std::io::Error) -> TrainError,
    ) -> Result<()> {
        for &(problem, sample) in &self.chosen {
            let Some(answer) = &asked.answers.of_problem(problem)[sample] else { continue };
            let line = asked.file.line(answer)?;
            let question = &asked.questions[problem].problem;
            let messages = self.messages(&question.question, &line);
            write_line(out, &messages, Some(&question.id), failed)?;
        }
        Ok(())
    }
}

/// Writes one conversation.
pub(super) fn write_line(
    out: &mut dyn Write,
    messages: &[Message],
    id: Option<&str>,
    failed: &dyn Fn(std::io::Error) -> TrainError,
) -> Result<()> {
    let messages = messages.iter().map(|m| Turn { role: &m.role, content: &m.content }).collect();
    let mut bytes = serde_json::to_vec(&Line { messages, id })
        .map_err(|e| TrainError::Encode { what: "an example", reason: e.to_string() })?;
    bytes.push(b'\n');
    out.write_all(&bytes).map_err(failed)
}

/// A text with single blanks.
fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
