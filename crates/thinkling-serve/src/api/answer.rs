//! From a plan to an answer, whole or as a stream of events.

use super::choice::Choice;
use super::params::Plan;
use crate::body::Json;
use crate::error::ApiError;
use crate::scheduler::{Event, Message, Token};
use crate::state::{App, Place, now, unforeseen};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout_at;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Completion,
    /// Whether the prompt ends in an open block of thinking.
    Chat {
        in_think: bool,
    },
}

/// A request under way. Where it is dropped, since its client went away, its rows end.
struct Running {
    app: Arc<App>,
    plan: Plan,
    kind: Kind,
    id: String,
    created: u64,
    choices: Vec<Choice>,
    left: usize,
    completion_tokens: usize,
    tokens: Receiver<Event>,
    since: Instant,
    _place: Place,
}

/// Runs a request.
pub(super) async fn answer(
    app: Arc<App>,
    plan: Plan,
    kind: Kind,
    since: Instant,
) -> Result<Response, ApiError> {
    let place = app.place()?;
    let (jobs, tokens) = plan.jobs(since);
    for job in jobs {
        app.tell(Message::Begin(job))?;
    }
    let prefix = if kind == Kind::Completion { "cmpl" } else { "chatcmpl" };
    let mut running = Running {
        id: format!("{prefix}-{:016x}", unforeseen()),
        created: now(),
        choices: (0..plan.choices()).map(|i| Choice::new(i, kind, &app.model)).collect(),
        left: plan.choices(),
        completion_tokens: 0,
        app,
        plan,
        kind,
        tokens,
        since,
        _place: place,
    };
    // What fails before the first token has its own status, in a stream too.
    let first = running.next().await?;
    if running.plan.is_stream {
        return Ok(running.into_stream(first).into_response());
    }
    running.take(first);
    while running.left > 0 {
        let token = running.next().await?;
        running.take(token);
    }
    Ok(Json(running.whole()).into_response())
}

impl Running {
    /// The next token.
    async fn next(&mut self) -> Result<Token, ApiError> {
        let limit = self.app.config.limits.request_timeout;
        let deadline = tokio::time::Instant::from_std(self.since + limit);
        match timeout_at(deadline, self.tokens.recv()).await {
            Ok(Some(Event::Token(token))) => Ok(token),
            Ok(Some(Event::Failed(error))) => Err(error),
            Ok(None) if self.app.stopping.load(Ordering::SeqCst) => Err(ApiError::stopping()),
            Ok(None) => Err(ApiError::internal("the thread that decodes has ended")),
            Err(_) => Err(ApiError::timed_out(limit.as_secs())),
        }
    }

    fn take(&mut self, token: Token) -> usize {
        let index = token.choice;
        self.completion_tokens += 1;
        if token.end.is_some() {
            self.left -= 1;
            if self.left == 0 {
                self.app.metrics.request.observe(self.since.elapsed().as_secs_f64());
            }
        }
        self.choices[index].take(token);
        index
    }

    fn whole(mut self) -> Value {
        let choices = std::mem::take(&mut self.choices).into_iter();
        let choices: Vec<Value> =
            choices.map(|choice| choice.whole(&self.plan, &self.app.model)).collect();
        let mut object = self.envelope(choices, false);
        object["usage"] = self.usage();
        self.add_prompt_ids(&mut object);
        object
    }

    /// What stands around choices.
    fn envelope(&self, choices: Vec<Value>, is_chunk: bool) -> Value {
        let object = match (self.kind, is_chunk) {
            (Kind::Completion, _) => "text_completion",
            (Kind::Chat { .. }, false) => "chat.completion",
            (Kind::Chat { .. }, true) => "chat.completion.chunk",
        };
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.app.model.name,
            "choices": choices,
        })
    }

    /// vLLM has a chat's at the top as well.
    fn add_prompt_ids(&self, object: &mut Value) {
        if self.plan.return_token_ids && self.kind != Kind::Completion {
            object["prompt_token_ids"] = json!(self.plan.prompts[0]);
        }
    }

    fn usage(&self) -> Value {
        let prompt: usize = self.plan.prompts.iter().map(Vec::len).sum();
        json!({
            "prompt_tokens": prompt,
            "completion_tokens": self.completion_tokens,
            "total_tokens": prompt + self.completion_tokens,
        })
    }

    fn into_stream(
        self,
        first: Token,
    ) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>> + use<>> {
        let streaming = Streaming { running: self, next: Some(first), ready: VecDeque::new() };
        let events = stream::unfold(Some(streaming), |streaming| async move {
            let mut streaming = streaming?;
            let event = streaming.event().await?;
            let left = (!matches!(event, Out::Done)).then_some(streaming);
            Some((Ok(event.into_event()), left))
        });
        Sse::new(events).keep_alive(KeepAlive::default())
    }

    /// The chunk of what is new of a choice.
    fn chunk(&mut self, index: usize) -> Value {
        let is_first = self.completion_tokens == 1;
        let choice = self.choices[index].news(&self.plan, &self.app.model);
        let mut chunk = self.envelope(vec![choice], true);
        if self.plan.include_usage {
            chunk["usage"] = Value::Null;
        }
        if is_first {
            self.add_prompt_ids(&mut chunk);
        }
        chunk
    }
}

/// An event of a stream.
enum Out {
    Data(Value),
    /// `[DONE]`.
    Done,
}

impl Out {
    fn into_event(self) -> sse::Event {
        match self {
            Self::Data(value) => sse::Event::default().data(value.to_string()),
            Self::Done => sse::Event::default().data("[DONE]"),
        }
    }
}

/// A request whose client reads it as it comes.
struct Streaming {
    running: Running,
    /// A token that was waited for already.
    next: Option<Token>,
    /// What comes before the next token.
    ready: VecDeque<Out>,
}

impl Streaming {
    async fn event(&mut self) -> Option<Out> {
        loop {
            if let Some(out) = self.ready.pop_front() {
                return Some(out);
            }
            let running = &mut self.running;
            let token = match self.next.take() {
                Some(token) => Ok(token),
                None => running.next().await,
            };
            match token {
                Err(error) => {
                    self.ready.push_back(Out::Data(error.to_json()));
                    self.ready.push_back(Out::Done);
                }
                Ok(token) => {
                    let index = running.take(token);
                    if running.choices[index].has_news(&running.plan) {
                        self.ready.push_back(Out::Data(running.chunk(index)));
                    }
                    if running.left == 0 {
                        if running.plan.include_usage {
                            let mut last = running.envelope(Vec::new(), true);
                            last["usage"] = running.usage();
                            self.ready.push_back(Out::Data(last));
                        }
                        self.ready.push_back(Out::Done);
                    }
                }
            }
        }
    }
}
