//! The examples of an `sft` stage: conversations as token ids with their trained tokens, split into
//! training and held-out ones, and packed.

use crate::conversations::{Conversation, for_each_conversation, for_each_lesson};
use crate::cost::{DataSizes, Origin};
use crate::error::{Result, TrainError};
use crate::model_io::{LoadedModel, required};
use crate::recipe::{ExamplePlace, ExampleSource, Overlong, Recipe, SftStage, Template};
use crate::run_dir::stage_set;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use thinkling_learn::{Example, best_fit_decreasing, stop_ids};
use thinkling_text::{ChatTemplate, Message, Tokenizer, r1_zero_prompt};

/// What a stage's data comes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExampleCounts {
    /// Examples of a pass, those that a weight repeats several times.
    pub examples: usize,
    /// Examples that are held out.
    pub held_out: usize,
    /// Tokens of a pass.
    pub tokens: usize,
    /// Those that are learnt.
    pub trained_tokens: usize,
    /// Tokens of the longest example.
    pub longest: usize,
    /// Sequences of a pass.
    pub sequences: usize,
    /// Share of the sequences' room that tokens fill.
    pub packing_efficiency: f64,
    /// Examples that were cut at the limit.
    pub cut: usize,
    /// Examples left out because they are longer than the limit.
    pub dropped: usize,
    /// Lines that hold no example and were passed over.
    pub skipped: usize,
    /// The first of them and what it lacks.
    pub first_skipped: Option<String>,
    /// Optimiser steps of the stage.
    pub steps: u64,
}

impl ExampleCounts {
    /// What decides memory and time.
    pub(crate) fn sizes(&self) -> DataSizes {
        DataSizes {
            sequence_tokens: Some(self.tokens.div_ceil(self.sequences.max(1))),
            steps: Some(self.steps),
            ..DataSizes::default()
        }
    }

    /// It in one sentence.
    pub fn words(&self) -> String {
        let mut text = format!(
            "{} examples of {} tokens (the longest has {}), {} of them learnt; {} sequences, {:.1} % \
             full; {} steps",
            self.examples,
            self.tokens,
            self.longest,
            self.trained_tokens,
            self.sequences,
            100.0 * self.packing_efficiency,
            self.steps
        );
        text += &left_out(&[
            (self.held_out, "held out"),
            (self.cut, "cut at the limit"),
            (self.dropped, "left out as too long"),
        ]);
        text + &passed_over(self.skipped, self.first_skipped.as_deref())
    }
}

/// The counts that are not zero, each in words behind a semicolon.
pub(crate) fn left_out(counts: &[(usize, &str)]) -> String {
    let some = counts.iter().filter(|(count, _)| *count > 0);
    some.map(|(count, what)| format!("; {count} {what}")).collect()
}

/// The lines without an example, in words behind a semicolon; nothing without a first one.
pub(crate) fn passed_over(skipped: usize, first: Option<&str>) -> String {
    let words = |first| format!("; {skipped} bad lines passed over, the first: {first}");
    first.map(words).unwrap_or_default()
}

/// The examples of a stage, ready to be trained.
#[derive(Clone, Debug, Default)]
pub(crate) struct Examples {
    pub(crate) trained: Vec<Example>,
    pub(crate) held_out: Vec<Example>,
    /// Indices into the trained ones, those that run side by side together.
    pub(crate) sequences: Vec<Vec<usize>>,
    pub(crate) counts: ExampleCounts,
}

/// What turns messages into ids.
#[derive(Clone, Copy)]
pub(crate) struct TextSide<'a> {
    tokenizer: &'a Tokenizer,
    chat: Option<&'a ChatTemplate>,
    /// Ends an answer where no chat template does.
    end: Option<u32>,
    /// Tokens that the model has positions for.
    context: usize,
}

impl<'a> TextSide<'a> {
    /// That of a model.
    ///
    /// # Errors
    /// A model without tokenizer.
    pub(crate) fn of(model: &'a LoadedModel) -> Result<Self> {
        let (tokenizer, config) = (model.tokenizer()?, model.decoder.config());
        Ok(Self {
            tokenizer,
            chat: model.chat.as_ref(),
            end: stop_ids(config, tokenizer).first().copied(),
            context: config.max_position_embeddings,
        })
    }

    /// That of the model that a stage begins with, whose weights are not read.
    ///
    /// # Errors
    /// A model without tokenizer.
    pub(crate) fn of_origin(origin: &'a Origin) -> Result<Self> {
        let tokenizer = required(origin.tokenizer.as_ref(), &origin.path)?;
        Ok(Self {
            tokenizer,
            chat: origin.chat.as_ref(),
            end: stop_ids(&origin.config, tokenizer).first().copied(),
            context: origin.config.max_position_embeddings,
        })
    }

    /// Tokens that the model has positions for.
    pub(crate) fn context(&self) -> usize {
        self.context
    }

    /// Pieces of text, and whether the assistant writes each.
    fn pieces(
        &self,
        messages: &[Message],
        tools: Option<&Value>,
        template: Template,
    ) -> std::result::Result<Vec<(String, bool)>, String> {
        if template == Template::Chat {
            let chat = self.chat.ok_or("the model has no chat template; set `template`")?;
            let tools = tools.map(|tools| ("tools".to_owned(), tools.clone()));
            let variables = tools.into_iter().collect();
            let segments = chat.segments_with(messages, &variables).map_err(|e| e.to_string())?;
            return Ok(segments.into_iter().map(|s| (s.text, s.assistant)).collect());
        }
        if tools.is_some() {
            return Err(format!(
                "it names tools, for which the template `{template}` has no place; set `template` = \"chat\""
            ));
        }
        let [question, answer] = messages else {
            return Err(one_turn(template, messages));
        };
        if question.role != "user" || answer.role != "assistant" {
            return Err(one_turn(template, messages));
        }
        let (question, answer) = (question.content.as_str(), answer.content.as_str());
        Ok(match template {
            // The prompt ends without a space: the model writes the first one.
            Template::R1Zero => {
                vec![(r1_zero_prompt(question), false), (format!(" {answer}"), true)]
            }
            _ => vec![(question.to_owned(), false), (answer.to_owned(), true)],
        })
    }

    /// An example as a rollout would have made it: what the model reads and what it writes are
    /// encoded apart.
    pub(crate) fn example(
        &self,
        messages: &[Message],
        tools: Option<&Value>,
        template: Template,
    ) -> std::result::Result<Example, String> {
        let (mut ids, mut trained) = (Vec::new(), Vec::new());
        for (text, assistant) in self.pieces(messages, tools, template)? {
            ids.extend(self.tokenizer.encode(&text).map_err(|e| e.to_string())?);
            trained.resize(ids.len(), assistant);
        }
        if template != Template::Chat {
            let end = self.end.ok_or("the model has no end token, which an answer needs")?;
            ids.push(end);
            trained.push(true);
        }
        Example::new(ids, trained).map_err(|e| e.to_string())
    }
}

fn one_turn(template: Template, messages: &[Message]) -> String {
    let roles: Vec<&str> = messages.iter().map(|m| m.role.as_str()).collect();
    format!(
        "expected: one message of `user` and one of `assistant` for `template` = \"{template}\", \
         got: {}",
        roles.join(", ")
    )
}

/// A number in 0..1 that depends on the seed and `parts` alone.
pub(crate) fn share_of(seed: u64, parts: &[&str]) -> f64 {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_le_bytes());
    for part in parts {
        // With its length, so that no two lists look alike.
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    let first: [u8; 8] = std::array::from_fn(|i| digest[i]);
    // 53 bits are what a float holds.
    (u64::from_le_bytes(first) >> 11) as f64 / (1u64 << 53) as f64
}

/// Whether the prompt, what stands before the assistant's first turn, is held out.
pub(crate) fn is_held_out(messages: &[Message], seed: u64, share: f64) -> bool {
    let prompt = messages.iter().take_while(|m| m.role != "assistant");
    let parts: Vec<&str> = prompt.flat_map(|m| [m.role.as_str(), m.content.as_str()]).collect();
    share_of(seed, &parts) < share
}

/// The file of a source, or the word for what is generated; `run` holds what earlier stages wrote.
fn file_of(source: &ExampleSource, run: &Path) -> PathBuf {
    match &source.place {
        ExamplePlace::Jsonl { path } => path.clone(),
        ExamplePlace::Stage { name } => stage_set(run, name),
        ExamplePlace::GrownWorld(lessons) => PathBuf::from(lessons.set.as_str()),
    }
}

/// Reads, encodes, splits and packs the examples of `stage`, in a run with the folder `run`.
///
/// # Errors
/// Files that cannot be read, the first line that holds no example (unless `skip_bad`), a stage
/// without examples.
pub(crate) fn read_examples(
    stage: &SftStage,
    run: &Path,
    name: &str,
    seed: u64,
    text: TextSide<'_>,
) -> Result<Examples> {
    let mut out = Examples::default();
    // Places of the examples of a pass.
    let mut pass = Vec::new();
    for (index, source) in stage.data.iter().enumerate() {
        let (path, source_name) = (file_of(source, run), index.to_string());
        let each = |line: usize, conversation: std::result::Result<Conversation, String>| {
            let made = conversation.and_then(|Conversation { messages, tools, .. }| {
                Ok((text.example(&messages, tools.as_ref(), stage.template)?, messages))
            });
            let (example, messages) = match made {
                Ok(made) => made,
                Err(reason) if stage.skip_bad => {
                    out.counts.skipped += 1;
                    let first = || format!("{}:{line}: {reason}", path.display());
                    out.counts.first_skipped.get_or_insert_with(first);
                    return Ok(());
                }
                Err(reason) => {
                    return Err(TrainError::DataLine { path: path.clone(), line, reason });
                }
            };
            let Some(example) = fit(example, stage, text.context, &mut out.counts) else {
                return Ok(());
            };
            if stage.eval.as_ref().is_some_and(|e| is_held_out(&messages, seed, e.share)) {
                out.held_out.push(example);
                return Ok(());
            }
            let drawn = share_of(seed, &[&source_name, &line.to_string()]);
            let more = usize::from(drawn < source.weight.fract());
            let times = source.weight.trunc() as usize + more;
            pass.extend(std::iter::repeat_n(out.trained.len(), times));
            out.trained.push(example);
            Ok(())
        };
        match &source.place {
            ExamplePlace::GrownWorld(lessons) => {
                for_each_lesson(lessons, &source.fields, seed, each)?;
            }
            _ => for_each_conversation(&path, &source.fields, each)?,
        }
    }
    if pass.is_empty() {
        let reason = format!("no example is left to train: {}", out.counts.words());
        return Err(TrainError::DoesNotFit { stage: name.to_owned(), reason });
    }
    pack(&mut out, &pass, stage);
    let steps = out.counts.steps;
    if stage.training.warmup_steps as u64 > steps {
        let reason = format!(
            "`warmup_steps`, expected: at most the stage's {steps} steps, got: {}",
            stage.training.warmup_steps
        );
        return Err(TrainError::DoesNotFit { stage: name.to_owned(), reason });
    }
    Ok(out)
}

/// Reads the lines of a stage's files, so that a bad one is told before anything runs.
///
/// # Errors
/// As [`read_examples`] of what needs no tokenizer.
pub(crate) fn check_examples(stage: &SftStage) -> Result<()> {
    for source in &stage.data {
        // What an earlier stage is to write is not there yet; what is generated is right.
        let Some(path) = source.path() else { continue };
        for_each_conversation(path, &source.fields, |line, conversation| match conversation {
            Err(reason) if !stage.skip_bad => {
                Err(TrainError::DataLine { path: path.to_owned(), line, reason })
            }
            _ => Ok(()),
        })?;
    }
    Ok(())
}

/// The example within the stage's limit and the model's context, counted where it is longer.
fn fit(
    example: Example,
    stage: &SftStage,
    context: usize,
    counts: &mut ExampleCounts,
) -> Option<Example> {
    let limit = stage.max_tokens.min(context);
    if example.ids().len() <= limit {
        return Some(example);
    }
    let cut = match stage.overlong {
        Overlong::Drop => None,
        Overlong::Cut => example.cut(limit),
    };
    let count = if cut.is_some() { &mut counts.cut } else { &mut counts.dropped };
    *count += 1;
    cut
}

fn pack(out: &mut Examples, pass: &[usize], stage: &SftStage) {
    let lens: Vec<usize> = pass.iter().map(|&i| out.trained[i].ids().len()).collect();
    let packed = match stage.packing {
        true => best_fit_decreasing(&lens, stage.max_tokens),
        false => (0..pass.len()).map(|i| vec![i]).collect(),
    };
    out.sequences =
        packed.into_iter().map(|items| items.into_iter().map(|i| pass[i]).collect()).collect();
    let counts = &mut out.counts;
    counts.examples = pass.len();
    counts.held_out = out.held_out.len();
    counts.tokens = lens.iter().sum();
    counts.trained_tokens = pass.iter().map(|&i| out.trained[i].trained_tokens()).sum();
    counts.longest = lens.iter().copied().max().unwrap_or(0);
    counts.sequences = out.sequences.len();
    counts.packing_efficiency = counts.tokens as f64 / (counts.sequences * stage.max_tokens) as f64;
    counts.steps = match stage.training.steps {
        0 => (stage.epochs * counts.sequences as f64 / stage.batch as f64).ceil().max(1.0) as u64,
        steps => steps as u64,
    };
}

/// What the data of stage `index` comes to, which begins with `origin`; no earlier stage makes it.
///
/// # Errors
/// As a run would tell of tokenizer and data.
pub(crate) fn describe(
    recipe: &Recipe,
    index: usize,
    keys: &SftStage,
    origin: &Origin,
) -> Result<ExampleCounts> {
    let (name, seed) = (&recipe.stages[index].name, recipe.stage_seed(index));
    Ok(read_examples(keys, Path::new(""), name, seed, TextSide::of_origin(origin)?)?.counts)
}

#[cfg(test)]
mod tests;
