//! Which answers are kept.

use super::contamination::Evaluations;
use super::counts::SelectionCounts;
use super::duplicates::Duplicates;
use super::filters::{Seen, dropped_by};
use super::write::write_line;
use crate::answers::{AnswerFile, AnswerLine, Answers};
use crate::error::{Result, TrainError};
use crate::prompts::Prompts;
use crate::recipe::{AnswerKeys, KeepOrder, Template};
use std::collections::HashMap;
use std::io::Write;
use thinkling_learn::Question;
use thinkling_text::Message;

/// The answers of a stage to one way of asking.
pub(crate) struct Asked<'a> {
    pub(crate) questions: &'a [Question],
    pub(crate) answers: &'a Answers,
    pub(crate) file: &'a mut AnswerFile,
}

/// An answer that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Which way of asking, counted from 0.
    pub(crate) way: usize,
    pub(crate) problem: usize,
    pub(crate) sample: usize,
}

/// Chooses among answers.
pub(crate) struct Choosing<'a> {
    keys: &'a AnswerKeys,
    /// What the end of a prompt opens and an answer goes on with, such as `<think>`.
    opening: String,
    evaluations: Evaluations,
    duplicates: Duplicates,
    /// Answers kept of each prompt.
    of_prompt: HashMap<String, usize>,
    chosen: Vec<Chosen>,
}

/// An answer that passed the filters.
struct Candidate {
    place: Chosen,
    tokens: usize,
    messages: [Message; 2],
}

impl<'a> Choosing<'a> {
    /// For answers to such prompts, or to a server's, which open nothing.
    ///
    /// # Errors
    /// Evaluation files that cannot be read, a chat template that fails.
    pub(crate) fn new(keys: &'a AnswerKeys, prompts: Option<Prompts<'_>>) -> Result<Self> {
        let evaluations = keys.decontaminate.as_ref().map(Evaluations::read).transpose()?;
        let opening = prompts.map(|prompts| prompts.opening()).transpose()?.unwrap_or_default();
        Ok(Self {
            keys,
            opening,
            evaluations: evaluations.unwrap_or_default(),
            duplicates: Duplicates::default(),
            of_prompt: HashMap::new(),
            chosen: Vec::new(),
        })
    }

    /// Goes through all answers in the order of their problems and counts what becomes of each.
    /// Several `ways` of asking have the same problems, and the first choice in turn.
    ///
    /// # Errors
    /// A file of answers that cannot be read.
    pub(crate) fn choose(&mut self, ways: &mut [Asked<'_>]) -> Result<SelectionCounts> {
        let questions = ways.first().map_or(&[][..], |way| way.questions);
        let mut counts = SelectionCounts {
            problems: questions.len(),
            samples: ways.iter().map(|way| way.answers.samples()).sum(),
            asked: ways.iter().map(|way| way.answers.count()).sum(),
            ..SelectionCounts::default()
        };
        for (problem, question) in questions.iter().enumerate() {
            let mut candidates = Vec::new();
            for turn in 0..ways.len() {
                let way = (problem + turn) % ways.len();
                self.candidates(&mut ways[way], (way, problem), &mut counts, &mut candidates)?;
            }
            if self.keys.keep == KeepOrder::Shortest {
                candidates.sort_by_key(|candidate| candidate.tokens);
            }
            self.keep(question, candidates, &mut counts);
        }
        let without = |q: &&Question| !self.of_prompt.contains_key(&spaced(&q.problem.question));
        counts.problems_without_kept = questions.iter().filter(without).count();
        Ok(counts)
    }

    /// Adds the answers to a problem that pass the filters.
    fn candidates(
        &self,
        asked: &mut Asked<'_>,
        (way, problem): (usize, usize),
        counts: &mut SelectionCounts,
        candidates: &mut Vec<Candidate>,
    ) -> Result<()> {
        let question = &asked.questions[problem].problem;
        for answer in asked.answers.of_problem(problem).iter().flatten() {
            let line = asked.file.line(answer)?;
            let correct = line.measured.correct;
            counts.correct += usize::from(correct);
            let messages = self.messages(&question.question, &line);
            let [_, reply] = &messages;
            let seen = Seen { text: &reply.content, truncated: line.measured.truncated, correct };
            match dropped_by(&self.keys.filters, question, seen, &mut counts.dropped) {
                Some(count) => *count += 1,
                None => candidates.push(Candidate {
                    place: Chosen { way, problem, sample: line.sample },
                    tokens: line.measured.tokens,
                    messages,
                }),
            }
        }
        Ok(())
    }

    fn keep(
        &mut self,
        question: &Question,
        candidates: Vec<Candidate>,
        counts: &mut SelectionCounts,
    ) {
        let prompt = &question.problem.question;
        if !candidates.is_empty() && self.evaluations.share_with(prompt) {
            counts.decontaminated += candidates.len();
            return;
        }
        for candidate in candidates {
            if self.keys.deduplicate && self.duplicates.seen(&candidate.messages) {
                counts.duplicates += 1;
                continue;
            }
            let kept = self.of_prompt.get(&spaced(prompt)).copied().unwrap_or(0);
            if kept >= self.keys.keep_per_prompt {
                counts.surplus += 1;
                continue;
            }
            self.of_prompt.insert(spaced(prompt), kept + 1);
            self.chosen.push(candidate.place);
            counts.kept += 1;
        }
    }

    /// The conversation of an answer, as an `sft` stage takes it.
    fn messages(&self, question: &str, line: &AnswerLine) -> [Message; 2] {
        let reply = response_of(self.keys.template, &self.opening, &line.text);
        [Message::new("user", question), Message::new("assistant", reply)]
    }

    /// The answers that were kept, in the order of their problems.
    pub(crate) fn chosen(&self) -> &[Chosen] {
        &self.chosen
    }

    /// The conversation of an answer that was kept.
    ///
    /// # Errors
    /// A file of answers that cannot be read.
    pub(crate) fn conversation(
        &self,
        ways: &mut [Asked<'_>],
        chosen: Chosen,
    ) -> Result<Option<[Message; 2]>> {
        let asked = &mut ways[chosen.way];
        let Some(answer) = &asked.answers.of_problem(chosen.problem)[chosen.sample] else {
            return Ok(None);
        };
        let line = asked.file.line(answer)?;
        let question = &asked.questions[chosen.problem].problem;
        Ok(Some(self.messages(&question.question, &line)))
    }

    /// Whether another stage's or file's conversation is to be left out, because of an evaluation.
    pub(crate) fn is_contaminated(&self, messages: &[Message]) -> bool {
        let mut prompts = messages.iter().filter(|message| message.role == "user");
        prompts.any(|message| self.evaluations.share_with(&message.content))
    }

    /// Whether equal conversations are dropped, and this one is there already.
    pub(crate) fn is_duplicate(&mut self, messages: &[Message]) -> bool {
        self.keys.deduplicate && self.duplicates.seen(messages)
    }

    /// Writes the conversations of the answers that were kept.
    ///
    /// # Errors
    /// A file of answers that cannot be read, what `out` fails with.
    pub(crate) fn write(
        &self,
        ways: &mut [Asked<'_>],
        out: &mut dyn Write,
        failed: &dyn Fn(std::io::Error) -> TrainError,
    ) -> Result<()> {
        for &chosen in &self.chosen {
            let Some(messages) = self.conversation(ways, chosen)? else { continue };
            let id = &ways[chosen.way].questions[chosen.problem].problem.id;
            write_line(out, &messages, Some(id), None, failed)?;
        }
        Ok(())
    }
}

/// What a model wrote behind a prompt of this template, as an example has it: with what the end of the
/// prompt had opened.
pub(crate) fn response_of(template: Template, opening: &str, text: &str) -> String {
    let text = match template {
        // Whoever learns it writes the space that the model wrote first.
        Template::R1Zero => text.strip_prefix(' ').unwrap_or(text),
        Template::None | Template::Chat => text,
    };
    format!("{opening}{text}")
}

/// A text with single blanks.
pub(crate) fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
