//! Servers that complete prompts: they get the trainer's weights, and each group is asked of one of them.

mod fleet;
mod protocol;
mod weights;

use super::Wanted;
use crate::error::{Result, TrainError};
use crate::examples::share_of;
use crate::recipe::ServerKeys;
use fleet::{Fleet, Job, Told};
use protocol::{Asking, Drawn, Group};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use thinkling_model::generate::Completion;
use thinkling_weights::FloatType;
use weights::Source;

/// Numbers that a seed of a request has: what JSON keeps in every language.
const SEEDS: f64 = (1u64 << 53) as f64;

/// What the last rollout took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ServedStats {
    /// Seconds until the first server had weights.
    pub(crate) weights_s: f64,
    /// Servers that answered.
    pub(crate) servers: usize,
    /// How often a group was asked again.
    pub(crate) again: u64,
}

/// Completes prompts by servers.
#[derive(Debug)]
pub(crate) struct ServerRollout {
    fleet: Arc<Fleet>,
    source: Source,
    /// By server, whether the last rollout did without it.
    out: Vec<bool>,
    stats: ServedStats,
}

impl ServerRollout {
    /// Prepares requests; nothing is sent yet. `base` is the name of the model under adapters.
    ///
    /// # Errors
    /// An environment variable that is not set, or whose value no header can hold.
    pub(crate) fn open(keys: &ServerKeys, base: &str) -> Result<Self> {
        let dtype = keys.float_type().unwrap_or(FloatType::F32);
        let source = Source::new(keys.server, dtype, keys.weights_dir.clone(), base.to_owned());
        let fleet = Fleet::open(keys)?;
        let out = vec![false; fleet.servers.len()];
        Ok(Self { fleet: Arc::new(fleet), source, out, stats: ServedStats::default() })
    }

    pub(crate) fn stats(&self) -> ServedStats {
        self.stats
    }

    /// As [`Rollout::complete`](thinkling_learn::Rollout::complete). A
    /// group's completions depend on its prompt, the seed, its streams and the weights, not on who
    /// draws them, where a server draws from its seed alone.
    ///
    /// # Errors
    /// [`TrainError::Servers`] where none is left.
    pub(super) fn complete(
        &mut self,
        wanted: &Wanted<'_>,
        mut on_done: impl FnMut(usize, &Completion),
        note: &mut dyn FnMut(&str),
    ) -> Result<Vec<Completion>> {
        let Wanted { model, prompts, config, first_stream, step } = *wanted;
        let (clock, size) = (Instant::now(), config.group_size);
        let positions = model.config().max_position_embeddings;
        let group = |(i, prompt): (usize, &Vec<u32>)| {
            let stream = (first_stream + (i * size) as u64).to_string();
            let share = share_of(config.seed, &["rollout", &stream]);
            let max_tokens = config.max_tokens.min(positions.saturating_sub(prompt.len())).max(1);
            (i, Group { prompt: prompt.clone(), max_tokens, seed: (share * SEEDS) as u64 })
        };
        let asking = Asking {
            server: self.fleet.keys.server,
            config: config.clone(),
            vocab_size: model.config().vocab_size,
        };
        let mut missing: BTreeMap<usize, Group> = prompts.iter().enumerate().map(group).collect();
        let mut completions: Vec<Vec<Completion>> = vec![Vec::new(); prompts.len()];
        let mut answered = vec![false; self.out.len()];
        self.stats = ServedStats::default();
        // A second time only where a server turns out to lack weights that were not made.
        let mut sends = self.fleet.lacks_weights(step);
        loop {
            let weights = sends.then(|| self.source.make(model, step)).transpose()?;
            let fleet = self.fleet.clone();
            let (asking, groups) = (asking.clone(), missing.clone());
            let running = Job { fleet, asking, groups, weights, step }.start();
            let (mut outs, mut is_ready) = (Vec::new(), false);
            while !missing.is_empty() {
                match running.next() {
                    None => break,
                    Some(Told::Ready) if is_ready => {}
                    Some(Told::Ready) => {
                        is_ready = true;
                        self.stats.weights_s += clock.elapsed().as_secs_f64();
                    }
                    Some(Told::Again) => self.stats.again += 1,
                    Some(Told::Out { server, reason }) => {
                        let url = &self.fleet.servers[server].url;
                        if !std::mem::replace(&mut self.out[server], true) {
                            note(&format!("rollouts go on without {url}: {reason}"));
                        }
                        outs.push(format!("{url}: {reason}"));
                    }
                    Some(Told::Drawn { server, group, drawn }) => {
                        if missing.remove(&group).is_none() {
                            continue;
                        }
                        answered[server] = true;
                        if std::mem::replace(&mut self.out[server], false) {
                            let url = &self.fleet.servers[server].url;
                            note(&format!("rollouts: {url} answers again"));
                        }
                        completions[group] =
                            drawn.into_iter().map(|drawn| completion(group, drawn)).collect();
                        for (i, completion) in completions[group].iter().enumerate() {
                            on_done(group * size + i, completion);
                        }
                    }
                }
            }
            if missing.is_empty() {
                break;
            }
            if sends {
                return Err(TrainError::Servers { missing: missing.len(), reasons: outs });
            }
            sends = true;
        }
        self.stats.servers = answered.into_iter().filter(|answered| *answered).count();
        Ok(completions.into_iter().flatten().collect())
    }
}

fn completion(prompt: usize, drawn: Drawn) -> Completion {
    let Drawn { ids, logprobs, finish, versions } = drawn;
    Completion { prompt, ids, logprobs, top_logprobs: Vec::new(), finish, versions }
}

#[cfg(test)]
mod tests;
