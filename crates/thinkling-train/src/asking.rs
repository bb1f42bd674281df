//! Asks for the completions that are missing, and judges and writes each as it ends.

use crate::answers::{AnswerFile, AnswerLine, Answers};
use crate::course::{Counts, Course, Watch};
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::sampling::{Event, OnEvent, Place, Reply};
use crate::stage::learn_error;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use thinkling_learn::{FormatReading, Measured, Question, consistency};
use thinkling_reward::{Completion, RewardError, RewardSpec, Tools};
use thinkling_sampling::Finish;

/// What asking came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    /// Whether all answers are there; not where an interrupt came before.
    pub(crate) whole: bool,
    tokens: usize,
    seconds: f64,
}

impl Asked {
    /// Tokens a second; `None` where there was nothing to ask for.
    pub(crate) fn tokens_per_s(&self) -> Option<f64> {
        (self.tokens > 0).then(|| self.tokens as f64 / self.seconds)
    }
}

/// Everything that asking needs to know, but who answers.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) questions: &'a [Question],
    pub(crate) rewards: &'a RewardSpec,
    /// Which format is counted.
    pub(crate) format: FormatReading,
    /// What runs programs, where there is one.
    pub(crate) tools: Tools<'a>,
    /// Asks to stop.
    pub(crate) interrupt: &'a Interrupt,
}

impl Asking<'_> {
    /// Asks for what is missing in `answers`: `answer` gives these places, once there are some.
    ///
    /// # Errors
    /// What `answer` fails with, once all that it gave before is written; a disk that is full, a
    /// runner of programs that fails.
    pub(crate) fn ask(
        &self,
        answer: impl FnOnce(&[Place], OnEvent<'_>) -> Result<()>,
        file: &mut AnswerFile,
        answers: &mut Answers,
        watch: &mut dyn Watch,
    ) -> Result<Asked> {
        let missing = answers.missing();
        if missing.is_empty() {
            return Ok(Asked { whole: true, ..Asked::default() });
        }
        let tally = Running::new(answers);
        let (there, total) = (answers.count(), answers.total());
        let mut course = Course::new(watch, there, total, total / answers.samples());
        let (ended, to_judge) = channel();
        let answered = std::thread::scope(|scope| {
            let judge = scope.spawn(|| self.judge(to_judge, file, answers, &tally));
            let answered = answer(&missing, &mut |event| {
                let mut stopped = self.interrupt.is_requested();
                match event {
                    Event::Tokens(tokens) => course.tokens(tokens, || tally.counts()),
                    Event::Note(text) => course.note(&text),
                    // Without a receiver the judge has failed, which it tells below.
                    Event::Ended(place, reply) => stopped |= ended.send((place, reply)).is_err(),
                }
                if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            drop(ended);
            course.sampled();
            let judged = judge.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            judged.and(answered)
        });
        answered?;
        course.tell(tally.counts());
        let (tokens, seconds) = course.sampling();
        let asked = Asked { whole: false, tokens, seconds };
        Ok(Asked { whole: answers.count() == answers.total(), ..asked })
    }

    /// Judges answers as they end, and writes them.
    fn judge(
        &self,
        ended: Receiver<(Place, Reply)>,
        file: &mut AnswerFile,
        answers: &mut Answers,
        tally: &Running,
    ) -> Result<()> {
        for ((problem, sample), reply) in ended {
            let line = self.line(problem, sample, reply).map_err(|e| learn_error(e.into()))?;
            let answer = file.append(&line)?;
            answers.add(&line, answer);
            tally.count(answers, problem, line.measured.correct);
        }
        Ok(())
    }

    /// The line of an answer with its verdict.
    fn line(
        &self,
        problem: usize,
        sample: usize,
        reply: Reply,
    ) -> std::result::Result<AnswerLine, RewardError> {
        let asked = &self.questions[problem].problem;
        let (text, truncated) = (reply.text.as_str(), reply.finish == Finish::Length);
        let end = usize::from(!truncated);
        let tokens = Some(reply.tokens.saturating_sub(end));
        let seen = Completion { text, truncated, tokens };
        let record = self.rewards.reward(asked, &seen, &self.tools)?;
        let format_free = self.rewards.format_free_correct(asked, text, &self.tools)?;
        let seen = Completion { tokens: Some(reply.tokens), ..seen };
        let language = asked.language.map(|language| consistency(text, language));
        let correct = record.verdict.is_correct();
        Ok(AnswerLine {
            problem,
            sample,
            id: asked.id.clone(),
            finish: reply.finish,
            verdict: record.verdict,
            note: record.note.map(Into::into),
            extracted: record.extracted,
            measured: Measured::of_text(seen, correct, format_free, language, self.format),
            text: reply.text,
            ids: reply.ids,
        })
    }
}

/// Counts that the judge makes and the sampler tells.
#[derive(Debug, Default)]
struct Running {
    done: AtomicUsize,
    correct: AtomicUsize,
    problems: AtomicUsize,
}

impl Running {
    fn new(answers: &Answers) -> Self {
        let running = Self::default();
        for there in answers.by_problem() {
            let correct = there.iter().flatten().filter(|a| a.measured.correct).count();
            running.done.fetch_add(there.iter().flatten().count(), Ordering::Relaxed);
            running.correct.fetch_add(correct, Ordering::Relaxed);
            let whole = there.iter().all(Option::is_some);
            running.problems.fetch_add(usize::from(whole), Ordering::Relaxed);
        }
        running
    }

    fn count(&self, answers: &Answers, problem: usize, correct: bool) {
        let whole = answers.of_problem(problem).iter().all(Option::is_some);
        self.done.fetch_add(1, Ordering::Relaxed);
        self.correct.fetch_add(usize::from(correct), Ordering::Relaxed);
        self.problems.fetch_add(usize::from(whole), Ordering::Relaxed);
    }

    fn counts(&self) -> Counts {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        Counts {
            done: count(&self.done),
            problems: count(&self.problems),
            correct: Some(count(&self.correct)),
        }
    }
}
