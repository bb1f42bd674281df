//! A server as teacher: several requests at once, each tried again while its faults may pass.

use super::protocol::{self, Request};
use crate::client::Client;
use crate::error::{Result, TrainError};
use crate::examples::share_of;
use crate::recipe::HttpTeacherKeys;
use crate::retry::Fault;
use crate::sampling::{Drawing, Event, OnEvent, Place, Reply};
use std::ops::ControlFlow;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use thinkling_text::Message;

/// Time between two looks at whether someone asks to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Time between two sentences about retries.
const NOTE_EVERY: Duration = Duration::from_secs(5);

/// A server that answers.
#[derive(Clone, Debug)]
pub(crate) struct HttpTeacher {
    keys: HttpTeacherKeys,
    client: Client,
}

/// What a worker tells.
enum Told {
    Reply(Place, Reply),
    /// A fault that is waited for.
    Again {
        place: Place,
        reason: String,
        wait: Duration,
    },
    /// There will be no answer.
    Lost {
        place: Place,
        reason: String,
    },
}

/// What a server was asked for in this process.
#[derive(Default)]
struct Used {
    answers: usize,
    prompt_tokens: usize,
    tokens: usize,
    retries: usize,
}

impl Used {
    fn words(&self) -> String {
        let Self { answers, prompt_tokens, tokens, retries } = self;
        format!(
            "teacher: {answers} answers, {prompt_tokens} prompt tokens and {tokens} completion \
             tokens; {retries} requests were sent again"
        )
    }
}

/// What there is to do, for all workers.
struct Work {
    teacher: HttpTeacher,
    conversations: Vec<Vec<Message>>,
    drawing: Drawing,
    missing: Vec<Place>,
    /// The next of `missing`; past all of them once nothing more is to be begun.
    next: Mutex<usize>,
    stopped: Condvar,
}

impl HttpTeacher {
    /// Prepares the requests.
    ///
    /// # Errors
    /// An environment variable that is not set, or whose value no header can hold.
    pub(crate) fn open(keys: &HttpTeacherKeys) -> Result<Self> {
        Ok(Self { keys: keys.clone(), client: Client::open(&keys.requests)? })
    }

    /// Answers what is missing.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] once a request failed for good; the answers of those that were under
    /// way are told before.
    pub(crate) fn answer(
        &self,
        conversations: &[Vec<Message>],
        drawing: Drawing,
        missing: &[Place],
        on_event: OnEvent<'_>,
    ) -> Result<()> {
        let work = Arc::new(Work {
            teacher: self.clone(),
            conversations: conversations.to_vec(),
            drawing,
            missing: missing.to_vec(),
            next: Mutex::new(0),
            stopped: Condvar::new(),
        });
        // Nothing is asked further ahead than the answers are kept: a kill loses what is under way, and
        // the one that is being written.
        let (to, from) = sync_channel(0);
        for _ in 0..self.keys.requests.concurrency.min(missing.len()) {
            let (work, to) = (work.clone(), to.clone());
            // Not joined: an interrupt does not wait for a server.
            std::thread::spawn(move || work.run(&to));
        }
        drop(to);
        let (mut lost, mut noted) = (None, None::<Instant>);
        let mut used = Used::default();
        loop {
            let flow = match from.recv_timeout(LOOK_EVERY) {
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => on_event(Event::Tokens(0)),
                Ok(Told::Reply(place, reply)) => {
                    used.answers += 1;
                    used.prompt_tokens += reply.prompt_tokens;
                    used.tokens += reply.tokens;
                    let counted = on_event(Event::Tokens(reply.tokens));
                    match on_event(Event::Ended(place, reply)) {
                        ControlFlow::Continue(()) => counted,
                        stopped => stopped,
                    }
                }
                Ok(Told::Again { place, reason, wait }) => {
                    used.retries += 1;
                    let due = noted.is_none_or(|noted| noted.elapsed() >= NOTE_EVERY);
                    let seconds = wait.as_secs_f64();
                    let note =
                        || format!("teacher: {}: {reason}; again in {seconds:.1} s", words(place));
                    if due {
                        noted = Some(Instant::now());
                    }
                    on_event(if due { Event::Note(note()) } else { Event::Tokens(0) })
                }
                Ok(Told::Lost { place, reason }) => {
                    lost.get_or_insert((place, reason));
                    ControlFlow::Continue(())
                }
            };
            if flow.is_break() {
                work.stop();
                return Ok(());
            }
        }
        let _ = on_event(Event::Note(used.words()));
        let Some((place, reason)) = lost else { return Ok(()) };
        Err(TrainError::Teacher {
            url: self.keys.url.clone(),
            reason: format!("{}: {reason}", words(place)),
            answered: used.answers,
            missing: missing.len() - used.answers,
        })
    }

    /// One try.
    fn try_once(
        &self,
        messages: &[Message],
        drawing: &Drawing,
        seed: u32,
    ) -> std::result::Result<Reply, Fault> {
        let keys = &self.keys;
        let request = Request::new(&keys.model, keys.system.as_deref(), messages, drawing, seed);
        let body = serde_json::to_vec(&request)
            .map_err(|e| Fault::Lasting { reason: format!("a request that is no JSON: {e}") })?;
        let url = format!("{}/chat/completions", keys.url);
        protocol::read(&self.client.post(&url, "application/json", &body)?)
    }
}

/// The name of an answer in messages.
fn words((conversation, sample): Place) -> String {
    format!("answer {} to conversation {}", sample + 1, conversation + 1)
}

impl Work {
    /// Asks for one answer after the other until none is left.
    fn run(&self, to: &SyncSender<Told>) {
        while let Some(place) = self.take() {
            let Some(told) = self.ask(place, to) else { return };
            // At once: another answer would meet the same.
            if matches!(told, Told::Lost { .. }) {
                self.stop();
            }
            // Without a receiver nobody waits for it.
            if to.send(told).is_err() {
                return;
            }
        }
    }

    fn take(&self) -> Option<Place> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.missing.get(*next).copied();
        *next = next.saturating_add(1);
        place
    }

    /// Nothing more is begun, and nobody waits for another try.
    fn stop(&self) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = usize::MAX;
        self.stopped.notify_all();
    }

    /// Waits; false where it was stopped.
    fn wait(&self, time: Duration) -> bool {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.stopped.wait_timeout_while(next, time, |next| *next != usize::MAX);
        waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Asks for an answer until it is there or lost; `None` where it was stopped between two tries.
    fn ask(&self, place: Place, to: &SyncSender<Told>) -> Option<Told> {
        let keys = &self.teacher.keys.requests;
        let stream = self.drawing.stream(place).to_string();
        let share = |parts: &[&str]| share_of(self.drawing.seed, parts);
        // 31 bits are what every server takes.
        let seed = (share(&["teacher", &stream]) * f64::from(1u32 << 31)) as u32;
        let messages = &self.conversations[place.0];
        for retry in 0.. {
            let (reason, asked) = match self.teacher.try_once(messages, &self.drawing, seed) {
                Ok(reply) => return Some(Told::Reply(place, reply)),
                Err(Fault::Lasting { reason }) => return Some(Told::Lost { place, reason }),
                Err(Fault::Passing { reason, asked }) => (reason, asked),
            };
            if retry == keys.retries {
                let reason = format!("{reason} (tried {} times)", retry + 1);
                return Some(Told::Lost { place, reason });
            }
            let wait =
                keys.backoff().wait(retry, share(&["wait", &stream, &retry.to_string()]), asked);
            to.send(Told::Again { place, reason, wait }).ok()?;
            if !self.wait(wait) {
                return None;
            }
        }
        None
    }
}
