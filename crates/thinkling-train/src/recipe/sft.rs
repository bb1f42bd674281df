//! The `sft` stage: supervised training on conversations.

use std::path::{Path, PathBuf};

use serde::Serialize;
use thinkling_learn::Decay;

use super::Stage;
use super::choice::choices;
use super::lora::LoraKeys;
use super::range::{POSITIVE, Range};
use super::rl::Template;
use super::section::Section;
use super::training::Training;
use super::worlds::GrownLessons;
use crate::error::Result;

choices! {
    /// What becomes of an example with more than `max_tokens` tokens.
    pub enum Overlong {
        /// It is left out.
        Drop = "drop",
        /// Its first `max_tokens` tokens are learnt, where any of them is the assistant's.
        Cut = "cut",
    }
}

choices! {
    /// Kinds of sources of examples.
    enum ExampleKind {
        /// A file.
        Jsonl = "jsonl",
        /// What an earlier stage wrote.
        Stage = "stage",
        /// Generated, of the grown mini world.
        GrownWorld = "grown-world",
    }
}

choices! {
    /// How an example stands in its object.
    pub enum ExampleFormat {
        /// `messages`, else `prompt` and `completion`: whichever fields the object has.
        Auto = "auto",
        /// A list of `{role, content}`.
        Messages = "messages",
        /// A prompt and its completion, each a text or a list of messages.
        PromptCompletion = "prompt-completion",
        /// A problem of GSM8K (arXiv 2110.14168): the worked solution without its calculator marks
        /// (`<<48/2=24>>`) as a thought, the number behind `####` as the answer:
        /// `<think> .. </think> <answer> .. </answer>`.
        Gsm8k = "gsm8k",
    }
}

/// Keys of a stage of `kind = "sft"`.
///
/// Examples are packed into *sequences* of at most `max_tokens` tokens, in which they do not see
/// each other; a step trains `batch` sequences. The loss is the mean over the step's tokens that
/// the assistant writes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SftStage {
    /// Optimiser and length of the stage.
    #[serde(flatten)]
    pub training: Training,
    /// Passes over the examples, where `steps` is 0; the last step may reach into the next pass.
    /// Default 2, the report's 2 (v2: 2 to 3).
    pub epochs: f64,
    /// Adapters that are trained in place of the weights. Default: none, as in the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraKeys>,
    /// What stands around the turns. `r1-zero` and `none` take one question and one answer, and the
    /// model's end token after it. Default `chat`.
    pub template: Template,
    /// Tokens of a sequence at most. Default 1024, the report's 32,768.
    pub max_tokens: usize,
    /// What becomes of longer examples. Default `drop`.
    pub overlong: Overlong,
    /// Whether several examples share a sequence (best-fit decreasing). Default true.
    pub packing: bool,
    /// Sequences of one optimiser step. Default 16, the report's 128 (distillation: 64).
    pub batch: usize,
    /// Whether lines that hold no example are passed over and counted, instead of ending the run.
    /// Default false.
    pub skip_bad: bool,
    /// Examples: a table, or an array of tables. Required.
    pub data: Vec<ExampleSource>,
    /// Loss on examples that are not trained. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eval: Option<HeldOutKeys>,
}

/// Examples: one JSON object a line, or one JSON array of objects.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExampleSource {
    /// Where they lie.
    #[serde(flatten)]
    pub place: ExamplePlace,
    /// How an example stands in its object.
    #[serde(flatten)]
    pub fields: ExampleFields,
    /// How often a pass takes each example: 2 takes all twice, 0.5 half of them, chosen by the seed.
    /// Default 1.
    pub weight: f64,
}

/// Where examples lie; the key `kind`. Required.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ExamplePlace {
    /// `kind = "jsonl"`: a file.
    Jsonl {
        /// The file.
        path: PathBuf,
    },
    /// `kind = "stage"`: what an earlier `rejection-sampling` or `cold-start` stage wrote.
    Stage {
        /// Name of that stage.
        name: String,
    },
    /// `kind = "grown-world"`: generated ones, of prompts that are not held out for evaluation.
    GrownWorld(GrownLessons),
}

/// How an example stands in its object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExampleFields {
    /// Its form. Default `auto`.
    pub format: ExampleFormat,
    /// Field with the messages. Default `messages`.
    pub messages: String,
    /// Field with the prompt. Default `prompt` (`gsm8k`: `question`).
    pub prompt: String,
    /// Field with the completion. Default `completion` (`gsm8k`: `answer`).
    pub completion: String,
    /// Field with the tools that the assistant may call, for the chat template. Default `tools`.
    pub tools: String,
}

/// Keys of the table `eval` of an `sft` or `reward-model` stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeldOutKeys {
    /// Share of the prompts that is held out, chosen by a hash of prompt and seed: examples of the
    /// same prompt are on the same side. Default 0.05.
    pub share: f64,
    /// Optimiser steps between two evaluations; 0 evaluates before and after the stage only.
    /// Default 50.
    pub every: usize,
}

impl SftStage {
    /// Reads what is left of the stage's table, after `name`, `kind` and `model`.
    pub(crate) fn read(s: &mut Section<'_>, earlier: &[Stage]) -> Result<Self> {
        let data = read_data(s, earlier)?;
        Self::read_keys(s, data, 5e-5, 16)
    }

    /// Reads all keys but `data`, with these defaults of `lr` and `batch`.
    pub(super) fn read_keys(
        s: &mut Section<'_>,
        data: Vec<ExampleSource>,
        lr: f64,
        batch: usize,
    ) -> Result<Self> {
        let defaults = Training { lr, schedule: Decay::Cosine, steps: 0, ..Training::default() };
        let training = defaults.read_with_steps(s, 0)?;
        let mut stage = Self {
            training,
            epochs: 2.0,
            lora: LoraKeys::read_from(s)?,
            template: Template::Chat,
            max_tokens: 1024,
            overlong: Overlong::Drop,
            packing: true,
            batch,
            skip_bad: false,
            data,
            eval: None,
        };
        s.float("epochs", &mut stage.epochs, POSITIVE)?;
        s.choice("template", &mut stage.template)?;
        // A sequence of one token has nothing to predict.
        s.count("max_tokens", &mut stage.max_tokens, 2)?;
        s.choice("overlong", &mut stage.overlong)?;
        s.flag("packing", &mut stage.packing)?;
        s.count("batch", &mut stage.batch, 1)?;
        s.flag("skip_bad", &mut stage.skip_bad)?;
        if s.has("eval") {
            let mut eval = HeldOutKeys { share: 0.05, every: 50 };
            eval.read_from(s)?;
            stage.eval = Some(eval);
        }
        Ok(stage)
    }
}

pub(super) fn read_data(s: &mut Section<'_>, earlier: &[Stage]) -> Result<Vec<ExampleSource>> {
    let tables = s.required_tables("data")?.into_iter();
    tables.map(|table| ExampleSource::read(table, earlier)).collect()
}

impl HeldOutKeys {
    /// Reads the table `eval` over these values.
    pub(super) fn read_from(&mut self, s: &mut Section<'_>) -> Result<()> {
        let Some(mut e) = s.section("eval")? else { return Ok(()) };
        e.float("share", &mut self.share, Range::BETWEEN_ZERO_AND_ONE)?;
        e.count("every", &mut self.every, 0)?;
        e.finish()
    }
}

impl ExampleSource {
    fn read(mut s: Section<'_>, earlier: &[Stage]) -> Result<Self> {
        let place = match s.required_choice("kind")? {
            ExampleKind::Jsonl => ExamplePlace::Jsonl { path: s.required_path("path")? },
            ExampleKind::Stage => ExamplePlace::Stage { name: read_stage(&mut s, earlier)? },
            ExampleKind::GrownWorld => ExamplePlace::GrownWorld(GrownLessons::read(&mut s)?),
        };
        let fields = ExampleFields::read(&mut s)?;
        let mut source = Self { place, fields, weight: 1.0 };
        s.float("weight", &mut source.weight, POSITIVE)?;
        s.finish()?;
        Ok(source)
    }

    /// What the stage `name` writes, each example once.
    pub(super) fn of_stage(name: String) -> Self {
        Self { place: ExamplePlace::Stage { name }, fields: ExampleFields::default(), weight: 1.0 }
    }

    /// The file, where the recipe names one.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            ExamplePlace::Jsonl { path } => Some(path),
            ExamplePlace::Stage { .. } | ExamplePlace::GrownWorld(_) => None,
        }
    }

    /// Whether an earlier stage makes them.
    pub fn is_made_by_a_stage(&self) -> bool {
        matches!(self.place, ExamplePlace::Stage { .. })
    }
}

/// Reads the name of a stage that writes examples.
fn read_stage(s: &mut Section<'_>, earlier: &[Stage]) -> Result<String> {
    let name = s.required_text("name")?;
    let writing = earlier.iter().filter(|stage| stage.makes_examples());
    let names: Vec<&str> = writing.map(|s| s.name.as_str()).collect();
    if names.contains(&name.as_str()) {
        return Ok(name);
    }
    Err(s.conflict(
        "name",
        match names.as_slice() {
            [] => {
                "an earlier stage of `kind` = \"rejection-sampling\" or \"cold-start\" (there is \
                   none)"
                    .to_owned()
            }
            names => format!("an earlier stage that writes examples ({})", names.join(", ")),
        },
    ))
}

impl Default for ExampleFields {
    fn default() -> Self {
        let [messages, prompt, completion, tools] =
            ["messages", "prompt", "completion", "tools"].map(str::to_owned);
        Self { format: ExampleFormat::Auto, messages, prompt, completion, tools }
    }
}

impl ExampleFields {
    pub(super) fn read(s: &mut Section<'_>) -> Result<Self> {
        let mut format = ExampleFormat::Auto;
        s.choice("format", &mut format)?;
        let [prompt, completion] = match format {
            ExampleFormat::Gsm8k => ["question", "answer"],
            _ => ["prompt", "completion"],
        };
        Ok(Self {
            format,
            messages: s.text("messages")?.unwrap_or_else(|| "messages".to_owned()),
            prompt: s.text("prompt")?.unwrap_or_else(|| prompt.to_owned()),
            completion: s.text("completion")?.unwrap_or_else(|| completion.to_owned()),
            tools: s.text("tools")?.unwrap_or_else(|| "tools".to_owned()),
        })
    }
}
