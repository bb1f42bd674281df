//! Rewards from outside: a program or an HTTP server gives each completion a value.
//!
//! Both get the completions of a rollout as JSON lines, one object each:
//!
//! ```text
//! {"id":17,"problem":"line 3","question":"19 + 23?","prediction":"<think>..","gold":"42","truncated":false}
//! ```
//!
//! (`gold` only where the task has one as text) and answer one line for each, in any order, with a
//! finite number or with what went wrong:
//!
//! ```text
//! {"id":17,"reward":0.5}
//! {"id":18,"error":"the judge is not there"}
//! ```
//!
//! A program is started once a stage, reads the lines on its standard input, each as soon as its
//! completion has ended and others still run, answers on its standard output (flushed) and may say
//! anything on standard error. It ends when its input ends. A server gets one `POST` a rollout with
//! all lines as the body. Time runs from the last line on.
//!
//! Nothing is guessed: an answer that is missing, late, doubled, of an unknown id, no number or no
//! JSON ends the run with one message. A value counts as any other component: bounds, then weight,
//! and a truncated completion gains nothing.
//!
//! Left out: https, several batches at once, a retry.

mod answers;
mod http;
mod process;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use thinkling_learn::{Question, Scored};
use thinkling_reward::{Component, Problem};

use crate::error::{Result, TrainError};
use crate::recipe::{ExternalReward, ExternalSource};
use answers::Answers;
use http::Http;
use process::Process;

/// What a reward from outside is told of a completion.
#[derive(Serialize)]
struct Line<'a> {
    id: u64,
    problem: &'a str,
    question: &'a str,
    prediction: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gold: Option<&'a str>,
    truncated: bool,
}

/// The rewards from outside of a stage, ready to give values.
#[derive(Debug, Default)]
pub(crate) struct Externals(Vec<External>);

#[derive(Debug)]
struct External {
    name: String,
    weight: f64,
    clip: Option<[f64; 2]>,
    timeout: Duration,
    link: Link,
    /// Ids are counted over the run, so that a late answer is not taken for another.
    next_id: u64,
}

#[derive(Debug)]
enum Link {
    Process(Process),
    Http {
        server: Http,
        /// Lines of the next batch, by the completion's index.
        lines: BTreeMap<usize, Vec<u8>>,
    },
}

/// Says before a run that a program does not exist.
///
/// # Errors
/// [`TrainError::NotFound`].
pub(crate) fn check(reward: &ExternalReward) -> Result<()> {
    let ExternalSource::Command { command, dir } = &reward.source else { return Ok(()) };
    let Some(program) = command.first() else { return Ok(()) };
    let found = if is_path(program) {
        dir.join(program).is_file()
    } else {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let suffix = std::env::consts::EXE_SUFFIX;
        std::env::split_paths(&folders)
            .any(|f| f.join(program).is_file() || f.join(format!("{program}{suffix}")).is_file())
    };
    let absent = |what, path: &Path| Err(TrainError::NotFound { what, path: path.to_owned() });
    match (dir.is_dir(), found) {
        (false, _) => absent("folder of an external reward", dir),
        (true, false) => absent("program of an external reward", Path::new(program)),
        (true, true) => Ok(()),
    }
}

/// Whether a program is named by its place, not looked for in `PATH`.
fn is_path(program: &str) -> bool {
    Path::new(program).components().count() > 1
}

impl Externals {
    /// Starts the programs and prepares the addresses.
    ///
    /// # Errors
    /// [`TrainError::External`] where a program does not start.
    pub(crate) fn start<'a>(
        rewards: impl Iterator<Item = (&'a str, &'a ExternalReward)>,
    ) -> Result<Self> {
        rewards.map(|(name, reward)| External::start(name, reward)).collect::<Result<_>>().map(Self)
    }

    /// Gives completion `index` of a rollout to each of them, which may begin to judge it.
    /// `questions` are those that the completions' prompts count.
    ///
    /// # Errors
    /// [`TrainError::External`] where it is not to be written as JSON.
    pub(crate) fn offer(
        &mut self,
        index: usize,
        scored: &Scored,
        questions: &[Question],
    ) -> Result<()> {
        self.0.iter_mut().try_for_each(|external| {
            let problem = &questions[scored.completion.prompt].problem;
            external.offer(index, scored, problem).map_err(|reason| external.error(reason))
        })
    }

    /// Waits for the values of all offered completions and adds a component of each to their
    /// records; `truncated_earns_nothing` as in the rules' spec.
    ///
    /// # Errors
    /// [`TrainError::External`] where one of them does not give every value in time.
    pub(crate) fn score(
        &mut self,
        scored: &mut [Scored],
        truncated_earns_nothing: bool,
    ) -> Result<()> {
        for external in &mut self.0 {
            let values = external.values(scored.len()).map_err(|reason| external.error(reason))?;
            for (scored, value) in scored.iter_mut().zip(values) {
                let name = external.name.clone();
                let part = Component::new(name, value, external.weight, external.clip);
                let nothing = truncated_earns_nothing && scored.truncated();
                scored.record.add(if nothing { part.without_gain() } else { part });
                scored.reward = scored.record.total;
            }
        }
        Ok(())
    }
}

impl External {
    fn start(name: &str, reward: &ExternalReward) -> Result<Self> {
        let link = match &reward.source {
            ExternalSource::Command { command, dir } => {
                let started = Process::start(command, dir);
                Link::Process(started.map_err(|reason| TrainError::External {
                    component: name.to_owned(),
                    reason,
                })?)
            }
            ExternalSource::Http { url } => {
                Link::Http { server: Http::new(url), lines: BTreeMap::new() }
            }
        };
        Ok(Self {
            name: name.to_owned(),
            weight: reward.weight,
            clip: reward.clip,
            // A recipe's times are above 0 and up to a day.
            timeout: Duration::try_from_secs_f64(reward.timeout_s).unwrap_or_default(),
            link,
            next_id: 0,
        })
    }

    fn error(&self, reason: String) -> TrainError {
        TrainError::External { component: self.name.clone(), reason }
    }

    fn offer(
        &mut self,
        index: usize,
        scored: &Scored,
        problem: &Problem,
    ) -> std::result::Result<(), String> {
        let line = Line {
            id: self.next_id + index as u64,
            problem: &problem.id,
            question: &problem.question,
            prediction: &scored.text,
            gold: problem.task.gold(),
            truncated: scored.truncated(),
        };
        let mut line = serde_json::to_vec(&line).map_err(|e| e.to_string())?;
        line.push(b'\n');
        match &mut self.link {
            Link::Process(process) => process.send(line),
            Link::Http { lines, .. } => drop(lines.insert(index, line)),
        }
        Ok(())
    }

    /// The values of `count` offered completions, or why there are none.
    fn values(&mut self, count: usize) -> std::result::Result<Vec<f64>, String> {
        let mut answers = Answers::new(self.next_id, count);
        self.next_id += count as u64;
        match &mut self.link {
            Link::Process(process) => process.receive(self.timeout, &mut answers)?,
            Link::Http { server, lines } => {
                let body: Vec<u8> = std::mem::take(lines).into_values().flatten().collect();
                server.exchange(&body, self.timeout, &mut answers)?;
            }
        }
        Ok(answers.into_values())
    }
}

#[cfg(test)]
mod tests;
