//! Groups spread over servers: each is asked of one server at a time, and of another one where that fails.

use super::protocol::{Asking, Drawn, Group, Unusable};
use super::weights::{Taken, Weights};
use crate::client::Client;
use crate::examples::share_of;
use crate::http::Response;
use crate::recipe::ServerKeys;
use crate::retry::Fault;
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use ureq::http::StatusCode;

/// A server and what is known of its weights.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) url: String,
    /// Held while weights are on their way to it.
    known: Mutex<Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    /// Optimiser steps of the weights that it was given, by what it calls them.
    steps: BTreeMap<u64, u64>,
    /// What it has now; nothing is known of a server that was not given any, or has lost them.
    now: Option<Taken>,
    /// How often it was given some.
    updates: u64,
}

impl Known {
    /// Optimiser steps of the weights that it has.
    fn step(&self) -> Option<u64> {
        self.steps.get(&self.now.as_ref()?.version).copied()
    }

    fn takes(&mut self, taken: Taken, step: u64) {
        // A server that counts from anew has forgotten the others.
        if self.steps.keys().next_back().is_some_and(|last| *last >= taken.version) {
            self.steps.clear();
        }
        self.steps.insert(taken.version, step);
        self.now = Some(taken);
        self.updates += 1;
    }
}

/// All servers of a stage.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) keys: ServerKeys,
    client: Client,
    pub(super) servers: Vec<Server>,
}

/// What a rollout's threads tell.
#[derive(Debug)]
pub(super) enum Told {
    /// The server has weights that may sample.
    Ready,
    /// A group is there. Versions are optimiser steps.
    Drawn { server: usize, group: usize, drawn: Vec<Drawn> },
    /// A group is asked again.
    Again,
    /// The rollout goes on without this server.
    Out { server: usize, reason: String },
}

/// What one rollout asks for.
pub(super) struct Job {
    pub(super) fleet: Arc<Fleet>,
    pub(super) asking: Asking,
    /// By their places in the rollout.
    pub(super) groups: BTreeMap<usize, Group>,
    /// What servers are given that lack it; where there is nothing, such a server is out.
    pub(super) weights: Option<Weights>,
    /// Optimiser steps that are done.
    pub(super) step: u64,
}

/// The job while threads work at it.
struct Work {
    job: Job,
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    waiting: VecDeque<usize>,
    /// Groups that are not there yet.
    left: usize,
    /// Faults in a row, by server; `None` of one that is out.
    faults: Vec<Option<usize>>,
}

/// Why a request did not give a group.
enum Miss {
    Fault(Fault),
    /// The weights that drew are none that may; the server had been given so many.
    Stale {
        updates: u64,
        reason: String,
    },
}

impl Fleet {
    /// # Errors
    /// As [`Client::open`].
    pub(super) fn open(keys: &ServerKeys) -> crate::Result<Self> {
        let server = |url: &String| Server { url: url.clone(), known: Mutex::default() };
        let servers = keys.urls.iter().map(server).collect();
        Ok(Self { keys: keys.clone(), client: Client::open(&keys.requests)?, servers })
    }

    /// Whether a server needs weights before it samples after `step` optimiser steps.
    pub(super) fn lacks_weights(&self, step: u64) -> bool {
        self.servers.iter().any(|server| match server.known.try_lock() {
            Ok(known) => !self.is_recent(known.step(), step),
            // Its turn is over anyway.
            Err(_) => false,
        })
    }

    fn is_recent(&self, of: Option<u64>, step: u64) -> bool {
        of.is_some_and(|of| of <= step && step - of <= self.keys.max_lag)
    }

    /// A request of new weights.
    fn give(&self, url: &str, kind: &str, body: &[u8]) -> Result<Response, Fault> {
        let response = self.client.send(url, kind, body)?;
        match response.status {
            status if status.is_success() => Ok(response),
            // Someone else's update is under way.
            StatusCode::CONFLICT => Err(Fault::passing(response.words())),
            _ => Err(Fault::of(&response, SystemTime::now())),
        }
    }
}

impl Job {
    /// Begins; what comes of it is received until all is there or no server is left.
    pub(super) fn start(self) -> Running {
        let queue = Queue {
            waiting: self.groups.keys().copied().collect(),
            left: self.groups.len(),
            faults: vec![Some(0); self.fleet.servers.len()],
        };
        let work = Arc::new(Work { job: self, queue: Mutex::new(queue), changed: Condvar::new() });
        let (to, told) = channel();
        for server in 0..work.job.fleet.servers.len() {
            let (work, to) = (work.clone(), to.clone());
            // Not joined: nobody waits for a server that hangs.
            std::thread::spawn(move || work.serve(server, &to));
        }
        Running { work, told }
    }
}

/// A job under way; it ends where this is dropped.
pub(super) struct Running {
    work: Arc<Work>,
    told: Receiver<Told>,
}

impl Running {
    /// The next word, or nothing once nobody works any more.
    pub(super) fn next(&self) -> Option<Told> {
        self.told.recv().ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.work.queue().left = 0;
        self.work.changed.notify_all();
    }
}

impl Work {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a server its weights and has its workers ask it.
    fn serve(self: &Arc<Self>, server: usize, to: &Sender<Told>) {
        let fleet = &self.job.fleet;
        let known = match fleet.servers[server].known.try_lock() {
            Ok(known) => known,
            Err(_) => {
                let reason = "it is still busy with weights of an earlier rollout".to_owned();
                return self.leave(server, reason, to);
            }
        };
        let is_recent = fleet.is_recent(known.step(), self.job.step);
        let updates = known.updates;
        drop(known);
        if !is_recent && !self.renew(server, updates, "it has no weights of this run", to) {
            return;
        }
        // Without a receiver the rollout is over.
        let _ = to.send(Told::Ready);
        for _ in 0..fleet.keys.requests.concurrency.min(self.job.groups.len()) {
            let (work, to) = (self.clone(), to.clone());
            std::thread::spawn(move || work.ask_on(server, &to));
        }
    }

    /// Asks a server for one group after the other.
    fn ask_on(&self, server: usize, to: &Sender<Told>) {
        while let Some(group) = self.take(server) {
            match self.ask(server, group) {
                Ok(drawn) => {
                    {
                        let mut queue = self.queue();
                        queue.left = queue.left.saturating_sub(1);
                        if let Some(faults) = &mut queue.faults[server] {
                            *faults = 0;
                        }
                    }
                    self.changed.notify_all();
                    let _ = to.send(Told::Drawn { server, group, drawn });
                }
                Err(miss) => {
                    self.queue().waiting.push_front(group);
                    self.changed.notify_all();
                    let _ = to.send(Told::Again);
                    let goes_on = match miss {
                        Miss::Stale { updates, reason } => self.renew(server, updates, &reason, to),
                        Miss::Fault(fault) => self.outlasts(server, fault, to),
                    };
                    if !goes_on {
                        return;
                    }
                }
            }
        }
    }

    /// The next group for a server; waits for one that others may give back.
    fn take(&self, server: usize) -> Option<usize> {
        let mut queue = self.queue();
        loop {
            if queue.left == 0 || queue.faults[server].is_none() {
                return None;
            }
            if let Some(group) = queue.waiting.pop_front() {
                return Some(group);
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Asks once.
    fn ask(&self, server: usize, group: usize) -> Result<Vec<Drawn>, Miss> {
        let Job { fleet, asking, groups, step, .. } = &self.job;
        let Server { url, known } = &fleet.servers[server];
        let (updates, model, before) = {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            let model = known.now.as_ref().and_then(|now| now.model.clone());
            (known.updates, model.or_else(|| fleet.keys.model.clone()), known.step())
        };
        let stale = |reason: &str| Miss::Stale { updates, reason: reason.to_owned() };
        let group = &groups[&group];
        let (path, body) = asking.request(group, model.as_deref());
        let answer = fleet.client.post(
            &format!("{url}{path}"),
            "application/json",
            body.to_string().as_bytes(),
        );
        let body = match answer {
            Ok(response) => response.body,
            // An adapter that a server was given and does not know: it has begun anew.
            Err(Fault::Lasting { reason }) if model != fleet.keys.model => {
                return Err(stale(&reason));
            }
            Err(fault) => return Err(Miss::Fault(fault)),
        };
        let mut drawn = asking.read(group, &body).map_err(|unusable| {
            Miss::Fault(Fault::passing(match unusable {
                Unusable::Aborted => "it broke a completion off".to_owned(),
                Unusable::Wrong(reason) => reason,
            }))
        })?;
        let known = known.lock().unwrap_or_else(PoisonError::into_inner);
        for drawn in &mut drawn {
            if drawn.versions.is_empty() {
                let of = before.ok_or_else(|| stale("it has no weights of this run"))?;
                drawn.versions.push((of, drawn.ids.len()));
                continue;
            }
            for (version, _) in &mut drawn.versions {
                let of = known.steps.get(version).copied();
                if !fleet.is_recent(of, *step) {
                    return Err(stale("it samples with weights that are not this rollout's"));
                }
                *version = of.unwrap_or_default();
            }
        }
        Ok(drawn)
    }

    /// Gives a server the weights, unless it got some since it had been given `updates`; false where it
    /// is out.
    fn renew(&self, server: usize, updates: u64, reason: &str, to: &Sender<Told>) -> bool {
        let Job { fleet, weights, .. } = &self.job;
        let Server { url, known } = &fleet.servers[server];
        loop {
            let fault = {
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                if known.updates != updates {
                    return true;
                }
                let Some(weights) = weights else {
                    known.now = None;
                    drop(known);
                    self.leave(server, reason.to_owned(), to);
                    return false;
                };
                let before = known.now.take().unwrap_or_default();
                let send = |path: &str, kind: &str, body: &[u8]| {
                    fleet.give(&format!("{url}{path}"), kind, body)
                };
                match weights.send(&before, &send) {
                    Ok(taken) => {
                        known.takes(taken, weights.step);
                        return true;
                    }
                    Err(fault) => fault,
                }
            };
            if !self.outlasts(server, fault, to) {
                return false;
            }
        }
    }

    /// Counts a fault and waits before the server is asked again; false where it is not.
    fn outlasts(&self, server: usize, fault: Fault, to: &Sender<Told>) -> bool {
        let keys = &self.job.fleet.keys.requests;
        let (reason, asked) = match fault {
            Fault::Lasting { reason } => {
                self.leave(server, reason, to);
                return false;
            }
            Fault::Passing { reason, asked } => (reason, asked),
        };
        let faults = {
            let mut queue = self.queue();
            let Some(faults) = &mut queue.faults[server] else { return false };
            *faults += 1;
            *faults
        };
        if faults > keys.retries {
            let times =
                if faults == 1 { "once".into() } else { format!("{faults} times in a row") };
            self.leave(server, format!("{reason} ({times})"), to);
            return false;
        }
        let url = &self.job.fleet.servers[server].url;
        let jitter = share_of(self.job.step, &["wait", url, &faults.to_string()]);
        let queue = self.queue();
        let waits = |queue: &mut Queue| queue.left > 0 && queue.faults[server].is_some();
        let time = keys.backoff().wait(faults - 1, jitter, asked);
        let waited = self.changed.wait_timeout_while(queue, time, waits);
        waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// The rollout goes on without this server.
    fn leave(&self, server: usize, reason: String, to: &Sender<Told>) {
        let was_in = self.queue().faults[server].take().is_some();
        self.changed.notify_all();
        if was_in {
            let _ = to.send(Told::Out { server, reason });
        }
    }
}
