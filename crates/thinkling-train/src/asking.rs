//! Asks for the completions that are missing, and judges and writes each as it ends.

use crate::answers::{AnswerFile, AnswerLine, Answers};
use crate::error::{Result, TrainError};
use crate::executor::Generator;
use crate::interrupt::Interrupt;
use crate::prompts::Prompts;
use crate::stage::learn_error;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use thinkling_engine::{Capacity, Groups};
use thinkling_learn::{FormatReading, Measured, Question, RolloutConfig, Scorer, stop_ids};
use thinkling_model::Precision;
use thinkling_reward::{FormatRule, RewardSpec, Tools};
use thinkling_sampling::generate::{Completion, GenerateRequest, Resumed};
use thinkling_sampling::{SamplingParams, StopRules};
use thinkling_weights::ModelConfig;

/// Bytes of keys and values that running completions may take by default.
const CACHE_BYTES: usize = 1 << 30;
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

/// Completions at once whose keys and values of so many tokens each fit a gigabyte in f32: at least
/// one, at most [`RolloutConfig::MAX_ROWS`].
pub fn rows_that_fit(config: &ModelConfig, tokens: usize) -> usize {
    let token_bytes =
        2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * 4;
    let tokens = tokens.min(config.max_position_embeddings).max(1);
    (CACHE_BYTES / (token_bytes * tokens).max(1)).clamp(1, RolloutConfig::MAX_ROWS)
}

/// Answers of one problem that are asked for together, behind one pass over its prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    problem: usize,
    samples: Vec<usize>,
}

/// The missing answers in groups of at most `max_rows`, those of one size together, large ones
/// first.
fn missing(answers: &Answers, max_rows: usize) -> Vec<Vec<Group>> {
    let mut by_size: std::collections::BTreeMap<usize, Vec<Group>> = Default::default();
    for (problem, there) in answers.by_problem().enumerate() {
        let samples: Vec<usize> = (0..there.len()).filter(|&i| there[i].is_none()).collect();
        for samples in samples.chunks(max_rows) {
            let group = Group { problem, samples: samples.to_vec() };
            by_size.entry(samples.len()).or_default().push(group);
        }
    }
    by_size.into_values().rev().collect()
}

/// How answers are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawing {
    /// Answers a problem.
    pub(crate) samples: usize,
    pub(crate) sampling: SamplingParams,
    /// Tokens of an answer at most.
    pub(crate) max_tokens: usize,
    /// Seed of the random streams: answer `i` of problem `p` draws from the stream
    /// `p * samples + i`.
    pub(crate) seed: u64,
    /// Answers at once at most; `None` for [`rows_that_fit`].
    pub(crate) max_rows: Option<usize>,
    /// How the model reads its weights, on the CPU.
    pub(crate) precision: Precision,
}

/// Everything that asking needs to know.
pub(crate) struct Asking<'a> {
    pub(crate) config: &'a ModelConfig,
    pub(crate) questions: &'a [Question],
    pub(crate) drawing: Drawing,
    pub(crate) prompts: Prompts<'a>,
    pub(crate) rewards: &'a RewardSpec,
    /// Which format is counted.
    pub(crate) format: FormatRule,
    /// What runs programs, where there is one.
    pub(crate) tools: Tools<'a>,
    /// Asks to stop.
    pub(crate) interrupt: &'a Interrupt,
}

impl Asking<'_> {
    /// Asks for what is missing in `answers`; `load` makes what generates, once something is.
    ///
    /// # Errors
    /// A model or device that fails, a disk that is full, a runner of programs that fails.
    pub(crate) fn ask(
        &self,
        load: impl FnOnce(Capacity) -> Result<Generator>,
        file: &mut AnswerFile,
        answers: &mut Answers,
        watch: &mut dyn Watch,
    ) -> Result<Asked> {
        let (drawing, config) = (self.drawing, self.config);
        let longest = self.questions.iter().map(|q| q.prompt.len()).max().unwrap_or(0);
        let fitting = rows_that_fit(config, longest.saturating_add(drawing.max_tokens));
        let max_rows = drawing.max_rows.unwrap_or(fitting).max(1);
        let parts = missing(answers, max_rows);
        if parts.is_empty() {
            return Ok(Asked { whole: true, ..Asked::default() });
        }
        let prompts: Vec<Vec<Vec<u32>>> = parts
            .iter()
            .map(|groups| groups.iter().map(|g| self.questions[g.problem].prompt.clone()).collect())
            .collect();
        let requests: Vec<GenerateRequest<'_>> =
            parts.iter().zip(&prompts).map(|(g, p)| self.request(g, p, max_rows)).collect();
        let prompt_tokens = prompts.iter().flatten().map(Vec::len).max().unwrap_or(0);
        let capacity = requests
            .iter()
            .map(|request| Groups {
                prompts: request.prompts.len(),
                group_size: request.group_size,
                prompt_tokens,
                max_tokens: drawing.max_tokens,
                max_rows,
            })
            .map(|groups| Capacity::of_groups(groups, config.max_position_embeddings))
            .reduce(|a, b| Capacity {
                rows: a.rows.max(b.rows),
                cache_tokens: a.cache_tokens.max(b.cache_tokens),
                ..a
            });
        let Some(capacity) = capacity else { return Ok(Asked::default()) };
        let mut generator = load(capacity)?;
        let tally = Running::new(answers);
        let mut course = Course::new(&tally, answers, watch);
        let (tokenizer, tools) = (self.prompts.tokenizer, self.tools);
        let judge = Judge {
            questions: self.questions,
            scorer: Scorer { tokenizer, rewards: self.rewards, tools },
            format: FormatReading {
                rule: self.format,
                inside_think: self.prompts.open_thinking()?,
            },
        };
        let (ended, to_judge) = channel();
        let generated = std::thread::scope(|scope| {
            let judge = scope.spawn(|| judge.run(to_judge, file, answers, &tally));
            let mut stopped = false;
            let generated = parts.iter().zip(&requests).try_for_each(|(groups, request)| {
                if stopped {
                    return Ok(());
                }
                generator
                    .generate(request, |event| {
                        course.token();
                        if event.finish.is_some() {
                            let group = &groups[event.completion / request.group_size];
                            let sample = group.samples[event.completion % request.group_size];
                            let completion = event.so_far.clone();
                            // Without a receiver the judge has failed, which it tells below.
                            stopped |= ended.send((group.problem, sample, completion)).is_err();
                        }
                        stopped |= self.interrupt.is_requested();
                        if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    })
                    .map(|_| ())
            });
            drop(ended);
            course.sampled();
            let judged = judge.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            judged.and(generated.map_err(TrainError::from))
        });
        generated?;
        course.tell();
        let asked = Asked { whole: false, tokens: course.tokens, seconds: course.sampling_s };
        Ok(Asked { whole: answers.count() == answers.total(), ..asked })
    }

    fn request<'r>(
        &self,
        groups: &[Group],
        prompts: &'r [Vec<u32>],
        max_rows: usize,
    ) -> GenerateRequest<'r> {
        let drawing = self.drawing;
        let stream = |problem: usize, sample: usize| Resumed {
            stream: (problem * drawing.samples + sample) as u64,
            tokens: 0,
        };
        let streams =
            |g: &Group| g.samples.iter().map(|&s| stream(g.problem, s)).collect::<Vec<_>>();
        GenerateRequest {
            group_size: groups.first().map_or(1, |group| group.samples.len()),
            sampling: drawing.sampling,
            stop: StopRules {
                stop_ids: stop_ids(self.config, self.prompts.tokenizer),
                max_tokens: drawing.max_tokens,
            },
            seed: drawing.seed,
            precision: drawing.precision,
            resumed: groups.iter().flat_map(streams).collect(),
            max_rows,
            ..GenerateRequest::new(prompts, drawing.max_tokens)
        }
    }
}

/// Judges completions as they end, and writes them.
struct Judge<'a> {
    questions: &'a [Question],
    scorer: Scorer<'a>,
    format: FormatReading,
}

impl Judge<'_> {
    fn run(
        &self,
        ended: Receiver<(usize, usize, Completion)>,
        file: &mut AnswerFile,
        answers: &mut Answers,
        tally: &Running,
    ) -> Result<()> {
        let scorer = self.scorer;
        for (problem, sample, mut completion) in ended {
            completion.prompt = problem;
            let asked = &self.questions[problem].problem;
            let scored = scorer.score(completion, self.questions).map_err(learn_error)?;
            let measured =
                Measured::of(asked, &scored, scorer, self.format).map_err(learn_error)?;
            let line = AnswerLine {
                problem,
                sample,
                id: asked.id.clone(),
                finish: scored.completion.finish,
                verdict: scored.record.verdict,
                note: scored.record.note.map(Into::into),
                extracted: scored.record.extracted,
                measured,
                text: scored.text,
                ids: scored.completion.ids,
            };
            let answer = file.append(&line)?;
            answers.add(&line, answer);
            tally.count(answers, problem, measured.correct);
        }
        Ok(())
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
}

/// Tells how far it is.
struct Course<'a> {
    running: &'a Running,
    watch: &'a mut dyn Watch,
    started: Instant,
    told: Option<Instant>,
    tokens: usize,
    sampling_s: f64,
    /// Completions that were there before this process.
    before: usize,
    total: usize,
    problems: usize,
}

impl<'a> Course<'a> {
    fn new(running: &'a Running, answers: &Answers, watch: &'a mut dyn Watch) -> Self {
        Self {
            running,
            watch,
            started: Instant::now(),
            told: None,
            tokens: 0,
            sampling_s: 0.0,
            before: answers.count(),
            total: answers.total(),
            problems: answers.total() / answers.samples(),
        }
    }

    fn token(&mut self) {
        self.tokens += 1;
        if self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            self.tell();
        }
    }

    /// The last token is drawn.
    fn sampled(&mut self) {
        self.sampling_s = self.started.elapsed().as_secs_f64();
    }

    fn tell(&mut self) {
        self.told = Some(Instant::now());
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let (done, correct) = (count(&self.running.done), count(&self.running.correct));
        let seconds = self.started.elapsed().as_secs_f64();
        let here = done.saturating_sub(self.before);
        let left = (self.total - done) as f64;
        self.watch.progress(&EvalProgress {
            done,
            total: self.total,
            problems_done: count(&self.running.problems),
            problems: self.problems,
            pass_at_1: (done > 0).then(|| correct as f64 / done as f64),
            tokens_per_s: self.tokens as f64 / seconds.max(f64::MIN_POSITIVE),
            remaining_s: (here > 0).then(|| seconds / here as f64 * left),
        });
    }
}
