//! How far an evaluation is, or a stage that asks.

use std::time::{Duration, Instant};

/// Time between two tellings of how far it is.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Told of the course of an evaluation or a stage that asks.
pub trait Watch {
    /// A sentence for the user.
    fn note(&mut self, text: &str);
    /// How far it is; now and then, and at the end.
    fn progress(&mut self, progress: &EvalProgress);
}

/// How far an evaluation is, or a stage that asks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EvalProgress {
    /// Completions that are judged.
    pub done: usize,
    /// Completions in all.
    pub total: usize,
    /// Problems whose answers are all judged.
    pub problems_done: usize,
    /// Problems.
    pub problems: usize,
    /// Share of right answers among those judged; `None` before the first.
    pub pass_at_1: Option<f64>,
    /// Tokens a second since this process began to sample.
    pub tokens_per_s: f64,
    /// Estimated seconds to the end; `None` before the first completion of this process.
    pub remaining_s: Option<f64>,
}

/// Answers so far, of this process and those before it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) done: usize,
    /// Problems whose answers are all there.
    pub(crate) problems: usize,
    /// Right ones, where they are judged.
    pub(crate) correct: Option<usize>,
}

/// Tells how far it is, now and then.
pub(crate) struct Course<'a> {
    watch: &'a mut dyn Watch,
    started: Instant,
    told: Option<Instant>,
    tokens: usize,
    sampling_s: f64,
    /// Answers that were there before this process.
    before: usize,
    total: usize,
    problems: usize,
}

impl<'a> Course<'a> {
    /// For `total` answers to so many problems, of which `before` are there.
    pub(crate) fn new(
        watch: &'a mut dyn Watch,
        before: usize,
        total: usize,
        problems: usize,
    ) -> Self {
        let (started, told, tokens, sampling_s) = (Instant::now(), None, 0, 0.0);
        Self { watch, started, told, tokens, sampling_s, before, total, problems }
    }

    /// So many more tokens are there, or time alone has passed.
    pub(crate) fn tokens(&mut self, tokens: usize, counts: impl FnOnce() -> Counts) {
        self.tokens += tokens;
        if self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            self.tell(counts());
        }
    }

    pub(crate) fn note(&mut self, text: &str) {
        self.watch.note(text);
    }

    /// The last token is drawn.
    pub(crate) fn sampled(&mut self) {
        self.sampling_s = self.started.elapsed().as_secs_f64();
    }

    /// Tokens of this process, and seconds until the last of them.
    pub(crate) fn sampling(&self) -> (usize, f64) {
        (self.tokens, self.sampling_s)
    }

    pub(crate) fn tell(&mut self, counts: Counts) {
        self.told = Some(Instant::now());
        let done = counts.done;
        let seconds = self.started.elapsed().as_secs_f64();
        let here = done.saturating_sub(self.before);
        let left = self.total.saturating_sub(done) as f64;
        let share = |correct: usize| correct as f64 / done as f64;
        self.watch.progress(&EvalProgress {
            done,
            total: self.total,
            problems_done: counts.problems,
            problems: self.problems,
            pass_at_1: counts.correct.filter(|_| done > 0).map(share),
            tokens_per_s: self.tokens as f64 / seconds.max(f64::MIN_POSITIVE),
            remaining_s: (here > 0).then(|| seconds / here as f64 * left),
        });
    }
}
