//! The examples of a `reward-model` stage: pairs and labelled responses as token ids, split into
//! training and held-out ones; and what a reward model reads of a conversation.

mod records;

use crate::cost::{DataSizes, Origin};
use crate::error::{Result, TrainError};
use crate::examples::{TextSide, is_held_out, left_out, passed_over};
use crate::recipe::{Reading, Recipe, RewardModelStage, RewardObjective, Template};
use records::{Record, for_each_record, place_of};
use serde::{Deserialize, Serialize};
use std::path::Path;
use thinkling_learn::{Preference, PreferenceError};
use thinkling_text::Message;

pub(crate) use records::read_part;

/// What a stage's data comes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PreferenceCounts {
    /// Pairs or labelled responses that are learnt from.
    pub examples: usize,
    /// Those that are held out.
    pub held_out: usize,
    /// Tokens of a pass; what both responses of a pair begin with counts once.
    pub tokens: usize,
    /// Tokens of the longest prompt with its response.
    pub longest: usize,
    /// Pairs and responses left out because they are longer than the limit.
    pub dropped: usize,
    /// Pairs whose responses are the same.
    pub alike: usize,
    /// Lines that hold no example and were passed over.
    pub skipped: usize,
    /// The first of them and what it lacks.
    pub first_skipped: Option<String>,
    /// Optimiser steps of the stage.
    pub steps: u64,
}

impl PreferenceCounts {
    /// What decides memory and time: the mean response with its prompt.
    pub(crate) fn sizes(&self, objective: RewardObjective) -> DataSizes {
        let responses = self.examples * objective.responses();
        DataSizes {
            sequence_tokens: Some(self.tokens.div_ceil(responses.max(1))),
            steps: Some(self.steps),
            ..DataSizes::default()
        }
    }

    /// It in one sentence.
    pub fn words(&self) -> String {
        let text = format!(
            "{} examples of {} tokens (the longest has {}), {} held out; {} steps",
            self.examples, self.tokens, self.longest, self.held_out, self.steps
        );
        text + &left_out(&[
            (self.dropped, "left out as too long"),
            (self.alike, "left out as pairs of the same"),
        ]) + &passed_over(self.skipped, self.first_skipped.as_deref())
    }
}

/// The examples of a stage.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preferences {
    pub(crate) trained: Vec<Preference>,
    pub(crate) held_out: Vec<Preference>,
    pub(crate) counts: PreferenceCounts,
}

/// The ids of a conversation that ends with a response, of which `reading` is read.
pub(crate) fn judged_ids(
    text: &TextSide<'_>,
    mut messages: Vec<Message>,
    template: Template,
    reading: Reading,
) -> std::result::Result<Vec<u32>, String> {
    if let Some(last) = messages.last_mut() {
        last.content = read_part(&last.content, reading).to_owned();
    }
    Ok(text.example(&messages, None, template)?.ids().to_vec())
}

/// Reads, encodes and splits the examples of `stage`, in a run with the folder `run`.
///
/// # Errors
/// Files that cannot be read, the first line that holds no example (unless `skip_bad`), a stage
/// without examples on either side.
pub(crate) fn read_preferences(
    stage: &RewardModelStage,
    run: &Path,
    name: &str,
    seed: u64,
    text: TextSide<'_>,
) -> Result<Preferences> {
    let mut out = Preferences::default();
    let limit = stage.max_tokens.min(text.context());
    for source in &stage.data {
        let place = place_of(source, run);
        for_each_record(source, stage.objective, (seed, run), |line, record| {
            let made = record.and_then(|record| {
                let held_out = is_held_out(record.messages(), seed, stage.eval.share);
                Ok((record.preference(stage, &text)?, held_out))
            });
            let (preference, held_out) = match made {
                Ok((Some(preference), held_out)) => (preference, held_out),
                Ok((None, _)) => {
                    out.counts.alike += 1;
                    return Ok(());
                }
                Err(reason) if stage.skip_bad => {
                    out.counts.skipped += 1;
                    let first = || format!("{}:{line}: {reason}", place.display());
                    out.counts.first_skipped.get_or_insert_with(first);
                    return Ok(());
                }
                Err(reason) => {
                    return Err(TrainError::DataLine { path: place.clone(), line, reason });
                }
            };
            if preference.texts().longest() > limit {
                out.counts.dropped += 1;
                return Ok(());
            }
            let side = if held_out { &mut out.held_out } else { &mut out.trained };
            side.push(preference);
            Ok(())
        })?;
    }
    let counts = &mut out.counts;
    counts.examples = out.trained.len();
    counts.held_out = out.held_out.len();
    counts.tokens = out.trained.iter().map(|p| p.texts().tokens()).sum();
    counts.longest = out.trained.iter().map(|p| p.texts().longest()).max().unwrap_or(0);
    counts.steps = match stage.training.steps {
        0 => (stage.epochs * counts.examples as f64 / stage.batch as f64).ceil().max(1.0) as u64,
        steps => steps as u64,
    };
    let lacks = match (counts.examples, counts.held_out) {
        (0, _) => Some("no example is left to train"),
        (_, 0) => Some("no example is held out; a larger `eval.share` takes more"),
        _ => None,
    };
    let reason = match lacks {
        Some(what) => format!("{what}: {}", counts.words()),
        None if stage.training.warmup_steps as u64 > counts.steps => format!(
            "`warmup_steps`, expected: at most the stage's {} steps, got: {}",
            counts.steps, stage.training.warmup_steps
        ),
        None => return Ok(out),
    };
    Err(TrainError::DoesNotFit { stage: name.to_owned(), reason })
}

/// Reads the lines of a stage's files, so that a bad one is told before anything runs.
///
/// # Errors
/// As [`read_preferences`] of what needs no tokenizer.
pub(crate) fn check_preferences(stage: &RewardModelStage) -> Result<()> {
    for source in &stage.data {
        // What is generated is right, and what a stage makes is not there yet.
        let Some(place) = source.path() else { continue };
        for_each_record(
            source,
            stage.objective,
            (0, Path::new("")),
            |line, record| match record {
                Err(reason) if !stage.skip_bad => {
                    Err(TrainError::DataLine { path: place.to_owned(), line, reason })
                }
                _ => Ok(()),
            },
        )?;
    }
    Ok(())
}

/// What the data of stage `index` comes to, which begins with `origin` and reads no other stage's.
///
/// # Errors
/// As a run would tell of tokenizer and data.
pub(crate) fn describe(
    recipe: &Recipe,
    index: usize,
    keys: &RewardModelStage,
    origin: &Origin,
) -> Result<PreferenceCounts> {
    let (name, seed) = (&recipe.stages[index].name, recipe.stage_seed(index));
    let text = TextSide::of_origin(origin)?;
    Ok(read_preferences(keys, Path::new(""), name, seed, text)?.counts)
}

impl Record {
    /// A conversation of it; all have the prompt in common.
    fn messages(&self) -> &[Message] {
        match self {
            Self::Pair { chosen, .. } => chosen,
            Self::Label { messages, .. } => messages,
        }
    }

    /// Its ids; `None` of a pair whose responses are the same.
    fn preference(
        self,
        stage: &RewardModelStage,
        text: &TextSide<'_>,
    ) -> std::result::Result<Option<Preference>, String> {
        let ids = |messages| judged_ids(text, messages, stage.template, stage.read);
        let made = match self {
            Self::Pair { chosen, rejected } => Preference::pair(ids(chosen)?, ids(rejected)?),
            Self::Label { messages, good } => Preference::label(ids(messages)?, good),
        };
        match made {
            Ok(preference) => Ok(Some(preference)),
            Err(PreferenceError::Alike) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
