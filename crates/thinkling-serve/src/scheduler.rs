//! The thread that owns the engine: requests join its batch and leave it between two steps.

mod row;

use crate::config::Limits;
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::model::ServedModel;
use crate::weights::Upload;
use axum::http::StatusCode;
use row::RunningRow;
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Instant;
use thinkling_engine::{Engine, EngineError};
use thinkling_sampling::Stream;
use thinkling_sampling::batch::{Batch, Drawing, NewRow, Then};
use thinkling_sampling::generate::{Decode, TokenEvent};
use tokio::sync::{mpsc, oneshot};

/// What the scheduler is told.
pub(crate) enum Message {
    /// A prompt with its completions.
    Begin(Job),
    /// New weights.
    Update(Upload, oneshot::Sender<Result<u64, ApiError>>),
    /// What waits is refused, what runs ends, then the thread does.
    Stop,
}

/// A prompt and its completions, which share the prompt's keys and values.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) prompt: Vec<u32>,
    /// Completions.
    pub(crate) n: usize,
    /// Index of the first of them in the request, and the number of its random stream.
    pub(crate) first_choice: usize,
    pub(crate) seed: u64,
    pub(crate) drawing: Arc<Drawing>,
    /// Strings that end a completion.
    pub(crate) stop: Vec<String>,
    /// Has room for every token of the request, so that nobody waits for one who reads.
    pub(crate) out: mpsc::Sender<Event>,
    pub(crate) since: Instant,
}

/// What a request reads.
#[derive(Debug)]
pub(crate) enum Event {
    Token(Token),
    /// Nothing more comes.
    Failed(ApiError),
}

/// A token of a completion.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// Index of its completion in the request.
    pub(crate) choice: usize,
    pub(crate) id: u32,
    /// Nats.
    pub(crate) logprob: f32,
    /// The most probable ones, where asked for.
    pub(crate) top: Vec<(u32, f64)>,
    /// What text is certain with it.
    pub(crate) text: String,
    /// Weights that it was drawn with.
    pub(crate) version: u64,
    /// Set with the last one.
    pub(crate) end: Option<End>,
}

/// Why a completion ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A token that ends it.
    Token(u32),
    /// A string that ends it.
    String(String),
    Length,
}

/// The engine with what runs on it.
pub(crate) struct Scheduler {
    engine: Engine,
    model: Arc<ServedModel>,
    batch: Batch,
    /// By their keys in the batch.
    rows: HashMap<usize, RunningRow>,
    next_key: usize,
    waiting: VecDeque<Job>,
    limits: Limits,
    metrics: Arc<Metrics>,
    healthy: Arc<AtomicBool>,
    version: u64,
    /// Set where an update broke off: old and new weights are mixed.
    mixed: bool,
    stopping: bool,
}

impl Scheduler {
    pub(crate) fn new(
        engine: Engine,
        model: Arc<ServedModel>,
        limits: Limits,
        metrics: Arc<Metrics>,
        healthy: Arc<AtomicBool>,
    ) -> Self {
        Self {
            // A seed means the same in a crowd.
            engine: engine.with_independent_rows(),
            model,
            batch: Batch::new(Vec::new()),
            rows: HashMap::new(),
            next_key: 0,
            waiting: VecDeque::new(),
            limits,
            metrics,
            healthy,
            version: 0,
            mixed: false,
            stopping: false,
        }
    }

    /// Serves until it is stopped and nothing runs, or nobody is left who could ask.
    pub(crate) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            while let Ok(message) = messages.try_recv() {
                self.take(message);
            }
            self.drop_gone();
            self.begin_waiting();
            self.measure();
            if self.batch.is_empty() {
                if self.stopping {
                    return;
                }
                // Nothing waits either: an empty batch has room for whatever was let in.
                match messages.recv() {
                    Ok(message) => self.take(message),
                    Err(_) => return,
                }
            } else {
                self.step();
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Begin(job) if self.stopping => job.fail(ApiError::stopping()),
            Message::Begin(job) if self.mixed => job.fail(mixed()),
            Message::Begin(job) => self.waiting.push_back(job),
            Message::Update(upload, reply) => {
                // Whoever asked may have gone; the weights are new all the same.
                let _ = reply.send(self.update(&upload));
            }
            Message::Stop => {
                self.stopping = true;
                self.waiting.drain(..).for_each(|job| job.fail(ApiError::stopping()));
            }
        }
    }

    fn measure(&self) {
        self.metrics.waiting.set(self.waiting.len() as i64);
        self.metrics.rows.set(self.batch.len() as i64);
        self.metrics.cache_taken.set(self.engine.cache_tokens_taken() as i64);
    }

    /// Frees the places of those who went away.
    fn drop_gone(&mut self) {
        self.waiting.retain(|job| !job.out.is_closed());
        let before = self.rows.len();
        self.rows.retain(|_, row| !row.is_gone());
        self.metrics.gone.inc_by((before - self.rows.len()) as u64);
        let rows = &self.rows;
        self.batch.end(|key| !rows.contains_key(&key));
        self.batch.drop_ended(&mut self.engine);
        // Their tokens were told of as they came.
        self.batch.take_ended();
    }

    /// Begins what waits, in its order, as far as rows and cache reach; of prompts at most one pass
    /// of the engine where others run, so that these do not wait long for their next token.
    fn begin_waiting(&mut self) {
        let mut prompt_tokens = 0;
        while let Some(job) = self.waiting.front() {
            let tokens = job.prompt.len();
            let running = !self.batch.is_empty();
            let late =
                running && prompt_tokens > 0 && prompt_tokens + tokens > self.engine.prompt_rows();
            let rows = self.batch.len() + job.n <= self.limits.rows;
            let most = job.drawing.stop.max_tokens;
            if late || !rows || !self.engine.has_room(tokens, job.n, most) {
                if running {
                    return;
                }
                // It would wait for ever.
                if let Some(job) = self.waiting.pop_front() {
                    job.fail(ApiError::internal("the cache has no room for the request"));
                }
                continue;
            }
            prompt_tokens += tokens;
            if let Some(job) = self.waiting.pop_front() {
                self.begin(job);
            }
        }
    }

    fn begin(&mut self, job: Job) {
        let Job { prompt, n, first_choice, seed, drawing, stop, out, since } = job;
        self.metrics.prompt_tokens.inc_by(prompt.len() as u64);
        let rows = (0..n).map(|i| {
            let key = self.next_key + i;
            let choice = first_choice + i;
            let row = RunningRow::new(self.model.tokenizer.clone(), choice, &stop, out.clone());
            self.rows.insert(key, row.since(since));
            NewRow {
                key,
                prompt: 0,
                drawing: drawing.clone(),
                stream: Stream::new(seed, choice as u64),
                tokens_before: 0,
            }
        });
        let rows = rows.collect();
        self.next_key += n;
        let (running, metrics, version) = (&mut self.rows, &self.metrics, self.version);
        let mut on_token = |event: TokenEvent<'_>| take_token(running, metrics, version, event);
        let prompts = [prompt];
        let began =
            self.batch.begin(&mut self.engine, (&prompts[..], 0), rows, None, &mut on_token);
        let began = pollster::block_on(began);
        self.check(began);
    }

    fn step(&mut self) {
        self.metrics.steps.inc();
        let (running, metrics, version) = (&mut self.rows, &self.metrics, self.version);
        let mut on_token = |event: TokenEvent<'_>| take_token(running, metrics, version, event);
        let stepped = pollster::block_on(self.batch.step(&mut self.engine, &mut on_token));
        self.check(stepped);
    }

    /// Where the engine fails, all that runs does.
    fn check(&mut self, done: Result<ControlFlow<()>, EngineError>) {
        let Err(error) = done else { return };
        tracing::error!("the engine failed: {error}");
        if matches!(error, EngineError::Gpu(_)) {
            // A lost device does not come back by itself.
            self.healthy.store(false, Ordering::SeqCst);
        }
        self.fail_running(&ApiError::internal(format!("the engine failed: {error}")));
    }

    fn fail_running(&mut self, error: &ApiError) {
        for (_, row) in self.rows.drain() {
            row.fail(error.clone());
        }
        self.batch.clear(&mut self.engine);
        self.batch.take_ended();
    }

    /// Replaces the weights; what runs goes on with them.
    fn update(&mut self, upload: &Upload) -> Result<u64, ApiError> {
        if let Err(error) = upload.apply(self.engine.update_weights_in_flight()) {
            tracing::error!("an update of the weights broke off: {error}");
            self.mixed = true;
            self.fail_running(&mixed());
            self.waiting.drain(..).for_each(|job| job.fail(mixed()));
            return Err(ApiError::internal(format!(
                "the weights are old and new ones mixed, send them again: {error}"
            )));
        }
        self.mixed = false;
        self.version += 1;
        self.metrics.weights_version.set(self.version as i64);
        Ok(self.version)
    }
}

impl Job {
    fn fail(self, error: ApiError) {
        // Where nobody reads any more there is nobody to tell.
        let _ = self.out.try_send(Event::Failed(error));
    }
}

fn mixed() -> ApiError {
    let message = "an update of the weights broke off; whole weights have to be sent first";
    ApiError::with_status(StatusCode::SERVICE_UNAVAILABLE, message)
}

/// Tells the one who reads of a token.
fn take_token(
    rows: &mut HashMap<usize, RunningRow>,
    metrics: &Metrics,
    version: u64,
    event: TokenEvent<'_>,
) -> Then {
    let key = event.completion;
    let Some(row) = rows.get_mut(&key) else { return Then::End };
    metrics.completion_tokens.inc();
    if let Some(since) = row.first_token() {
        metrics.first_token.observe(since.elapsed().as_secs_f64());
    }
    match row.take(&event, version) {
        ControlFlow::Continue(()) => Then::GoOn,
        ControlFlow::Break(gone) => {
            metrics.gone.inc_by(u64::from(gone));
            rows.remove(&key);
            Then::End
        }
    }
}
