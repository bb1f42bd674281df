//! Completions on disk, one JSON object a line, each written as it ends.

use crate::error::Result;
use crate::lines::{LinesFile, Span};
use serde::{Deserialize, Serialize};
use std::path::Path;
use thinkling_learn::Measured;
use thinkling_reward::Verdict;
use thinkling_sampling::Finish;

/// A line of a file of answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerLine {
    /// Which problem, counted from 0.
    pub problem: usize,
    /// Which of its answers, counted from 0.
    pub sample: usize,
    /// The problem's name in its data.
    pub id: String,
    /// Why it ended.
    pub finish: Finish,
    /// The verdict, with the reason where there is no answer.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// More on the verdict, in words.
    pub note: Option<String>,
    /// The answer as read.
    pub extracted: Option<String>,
    /// What the measures are made of.
    #[serde(flatten)]
    pub measured: Measured,
    /// The text without its end-of-sequence token.
    pub text: String,
    /// The ids as sampled; none of what a server answered.
    pub ids: Vec<u32>,
}

/// What is kept of a line in memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) measured: Measured,
    /// The answer as read, where it has a verdict: what it votes for.
    pub(crate) vote: Option<String>,
    /// Where its line stands in the file.
    span: Span,
}

impl Answer {
    fn new(line: &AnswerLine, span: Span) -> Self {
        let votes = !matches!(line.verdict, Verdict::Unverifiable { .. });
        let vote = line.extracted.clone().filter(|_| votes);
        Self { measured: line.measured, vote, span }
    }
}

/// The answers of all problems, in their order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answers {
    samples: usize,
    all: Vec<Option<Answer>>,
    count: usize,
}

impl Answers {
    fn new((problems, samples): (usize, usize)) -> Self {
        Self { samples, all: vec![None; problems * samples], count: 0 }
    }

    /// How many are there.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How many there will be.
    pub(crate) fn total(&self) -> usize {
        self.all.len()
    }

    /// Answers a problem.
    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    /// The answers of each problem that are there.
    pub(crate) fn by_problem(&self) -> impl Iterator<Item = &[Option<Answer>]> {
        self.all.chunks(self.samples)
    }

    /// Problem and sample of each answer that is missing, in their order.
    pub(crate) fn missing(&self) -> Vec<(usize, usize)> {
        let missing = self.all.iter().enumerate().filter(|(_, answer)| answer.is_none());
        missing.map(|(at, _)| (at / self.samples, at % self.samples)).collect()
    }

    /// The answers of a problem.
    pub(crate) fn of_problem(&self, problem: usize) -> &[Option<Answer>] {
        &self.all[problem * self.samples..(problem + 1) * self.samples]
    }

    /// Takes an answer that was appended.
    pub(crate) fn add(&mut self, line: &AnswerLine, answer: Answer) {
        self.put(line.problem, line.sample, answer);
    }

    fn put(&mut self, problem: usize, sample: usize, answer: Answer) {
        let slot = &mut self.all[problem * self.samples + sample];
        self.count += usize::from(slot.is_none());
        *slot = Some(answer);
    }
}

/// The file of an evaluation or a stage that goes on.
#[derive(Debug)]
pub(crate) struct AnswerFile(LinesFile);

impl AnswerFile {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        LinesFile::open(path, "completions").map(Self)
    }

    /// Reads what is there and drops a last line that is not whole.
    ///
    /// # Errors
    /// A whole line that is none of these answers.
    pub(crate) fn read(&mut self, shape: (usize, usize)) -> Result<Answers> {
        let mut answers = Answers::new(shape);
        self.0.read(|line: AnswerLine, span| {
            let (problem, sample) = (line.problem, line.sample);
            if problem >= shape.0 || sample >= shape.1 {
                return Err(format!("there is no answer {sample} of problem {problem}"));
            }
            answers.put(problem, sample, Answer::new(&line, span));
            Ok(())
        })?;
        Ok(answers)
    }

    /// Appends an answer, whole or so that [`read`](Self::read) drops it.
    pub(crate) fn append(&mut self, line: &AnswerLine) -> Result<Answer> {
        Ok(Answer::new(line, self.0.append(line)?))
    }

    /// Reads the line of an answer.
    pub(crate) fn line(&mut self, answer: &Answer) -> Result<AnswerLine> {
        self.0.line(answer.span)
    }

    /// Puts the lines of all answers into the order of problems and samples.
    pub(crate) fn sort(&mut self, answers: &Answers) -> Result<()> {
        let all: Vec<Span> = answers.all.iter().flatten().map(|answer| answer.span).collect();
        self.0.arrange(&all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use thinkling_reward::record::Reason;

    fn line(problem: usize, sample: usize, verdict: Verdict) -> AnswerLine {
        let measured = Measured { correct: verdict.is_correct(), tokens: 3, ..Measured::default() };
        AnswerLine {
            problem,
            sample,
            id: "p".to_owned(),
            finish: Finish::Stop,
            verdict,
            note: None,
            extracted: Some("4".to_owned()),
            measured,
            text: "a\nb".to_owned(),
            ids: vec![1, 2, 3],
        }
    }

    #[test]
    fn lines_have_the_documented_fields() {
        let verdict = Verdict::Unverifiable { reason: Reason::NoAnswerBlock };
        let value = serde_json::to_value(line(1, 2, verdict)).expect("JSON");
        assert_eq!(value["verdict"], "unverifiable");
        assert_eq!(value["reason"], "no_answer_block");
        assert_eq!(value["tokens"], 3);
        assert_eq!(value["finish"], "stop");
        let back: AnswerLine = serde_json::from_value(value).expect("a line");
        assert_eq!(back, line(1, 2, verdict));
    }

    #[test]
    fn a_half_written_last_line_is_dropped_wherever_it_was_cut() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("answers.jsonl");
        let mut file = AnswerFile::open(&path).expect("made");
        let _ = file.read((2, 2)).expect("nothing yet");
        let first = line(0, 1, Verdict::Correct);
        file.append(&first).expect("written");
        let whole = fs::read(&path).expect("readable");
        file.append(&line(1, 0, Verdict::Wrong)).expect("written");
        let both = fs::read(&path).expect("readable");
        for cut in whole.len()..both.len() {
            fs::write(&path, &both[..cut]).expect("cut");
            let mut file = AnswerFile::open(&path).expect("opened");
            let answers = file.read((2, 2)).expect("read");
            assert_eq!(answers.count(), 1, "{cut}");
            assert_eq!(fs::read(&path).expect("readable"), whole, "{cut}");
            file.append(&line(1, 0, Verdict::Wrong)).expect("written");
            assert_eq!(fs::read(&path).expect("readable"), both, "{cut}");
        }
    }

    #[test]
    fn a_whole_line_that_does_not_belong_is_damage() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("answers.jsonl");
        let other = serde_json::to_string(&line(2, 0, Verdict::Wrong)).expect("JSON");
        for (text, words) in [("{}\n", "line 1"), (&*format!("{other}\n"), "problem 2")] {
            fs::write(&path, text).expect("written");
            let error =
                AnswerFile::open(&dir.path().join("answers.jsonl")).expect("opened").read((2, 2));
            let error = error.expect_err("damaged");
            assert!(error.exit_code() == 3 && error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_whole_file_is_sorted_and_only_verdicts_vote() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut file = AnswerFile::open(&dir.path().join("answers.jsonl")).expect("made");
        let mut answers = file.read((2, 2)).expect("nothing yet");
        let none = Verdict::Unverifiable { reason: Reason::NoAnswer };
        for (problem, sample, verdict) in
            [(1, 1, Verdict::Wrong), (0, 0, none), (1, 0, Verdict::Correct), (0, 1, Verdict::Wrong)]
        {
            let line = line(problem, sample, verdict);
            let answer = file.append(&line).expect("written");
            answers.add(&line, answer);
        }
        let votes: Vec<bool> = answers.all.iter().flatten().map(|a| a.vote.is_some()).collect();
        assert_eq!(votes, [false, true, true, true]);
        file.sort(&answers).expect("sorted");
        let text = fs::read_to_string(dir.path().join("answers.jsonl")).expect("readable");
        let places: Vec<(usize, usize)> = text
            .lines()
            .map(|line| serde_json::from_str::<AnswerLine>(line).expect("a line"))
            .map(|line| (line.problem, line.sample))
            .collect();
        assert_eq!(places, [(0, 0), (0, 1), (1, 0), (1, 1)]);
    }
}
