//! The `reward-model` stage: a scalar head on the decoder, learnt from preferences or labels.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Stage;
use super::choice::choices;
use super::lora::LoraKeys;
use super::range::POSITIVE;
use super::rl::Template;
use super::section::Section;
use super::sft::HeldOutKeys;
use super::training::Training;
use super::worlds::GrownPreferences;
use crate::error::Result;

choices! {
    /// What a reward model learns from; the key `objective`.
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum RewardObjective {
        /// Which of two responses is better (Bradley-Terry): the report's helpful reward.
        Pairwise = "pairwise",
        /// Whether a response is good (binary cross entropy): the report's safety reward.
        Pointwise = "pointwise",
    }
}

impl RewardObjective {
    /// Responses of one example.
    pub fn responses(self) -> usize {
        match self {
            Self::Pairwise => 2,
            Self::Pointwise => 1,
        }
    }
}

choices! {
    /// What of a response a reward model reads.
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Reading {
        /// What stands behind `</think>`; all of a response without thoughts.
        Summary = "summary",
        /// All of it.
        Response = "response",
    }
}

choices! {
    /// How a preference stands in its object.
    pub enum PreferenceFormat {
        /// Whichever fields the object has.
        Auto = "auto",
        /// A prompt with a chosen and a rejected response, each a text or a list of messages; without
        /// a prompt two whole conversations, as lists of messages.
        Pairs = "pairs",
        /// A prompt, a response and whether that is good.
        Labels = "labels",
        /// Two whole dialogues as texts, `"\n\nHuman: ..\n\nAssistant: .."` (the hh-rlhf data, arXiv
        /// 2204.05862).
        HhRlhf = "hh-rlhf",
    }
}

/// Keys of a stage of `kind = "reward-model"`.
///
/// The stage begins with the model that it is given, puts a new head of one number in the place of
/// the one for next tokens, and trains both (or adapters and the head). A text's reward is the head's
/// number at its last token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RewardModelStage {
    /// Optimiser and length of the stage. `lr` is 6e-6 by default, the report's.
    #[serde(flatten)]
    pub training: Training,
    /// Passes over the examples, where `steps` is 0. Default 1, the report's 1.
    pub epochs: f64,
    /// Adapters that are trained in place of the weights, beside the head. Default: none, as in the
    /// report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraKeys>,
    /// What is learnt from. Required.
    pub objective: RewardObjective,
    /// What of a response is read. Default: `summary` with `pairwise`, `response` with `pointwise`,
    /// the report's.
    pub read: Reading,
    /// What stands around the turns. Default `chat`.
    pub template: Template,
    /// Tokens of prompt and response at most; longer ones are left out and counted. Default 1024, the
    /// report's 8,192.
    pub max_tokens: usize,
    /// Pairs or labelled responses of one optimiser step. Default 16, the report's 256.
    pub batch: usize,
    /// Whether lines that hold no example are passed over and counted, instead of ending the run.
    /// Default false.
    pub skip_bad: bool,
    /// Examples: a table, or an array of tables. Required.
    pub data: Vec<PreferenceSource>,
    /// What is held out: a `share` of the prompts of 0.1 by default, measured before the first and
    /// after the last step, and `every` so many steps (default 0: not between).
    pub eval: HeldOutKeys,
}

/// Preferences: of a file of one JSON object a line, or one JSON array of objects, which may be gzipped;
/// of an earlier stage; or generated ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PreferenceSource {
    /// Where they lie.
    #[serde(flatten)]
    pub place: PreferencePlace,
    /// Its form. Default `auto`.
    pub format: PreferenceFormat,
    /// Field with the prompt. Default `prompt`.
    pub prompt: String,
    /// Field with the better response. Default `chosen`.
    pub chosen: String,
    /// Field with the other one. Default `rejected`.
    pub rejected: String,
    /// Field with the response that has a label. Default `response`.
    pub response: String,
    /// Field with the label: `true`, 1 or "safe" of a good response, `false`, 0 or "unsafe" of
    /// another. Default `label`.
    pub label: String,
}

/// Where preferences lie; the key `kind`. Required.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum PreferencePlace {
    /// `kind = "jsonl"`: a file.
    Jsonl {
        /// The file.
        path: PathBuf,
    },
    /// `kind = "stage"`: what an earlier `preferences` stage wrote.
    Stage {
        /// Name of that stage.
        name: String,
    },
    /// `kind = "grown-world"`: generated ones, of prompts that are not held out for evaluation.
    GrownWorld(GrownPreferences),
}

choices! {
    /// Kinds of sources of preferences.
    enum PreferenceKind {
        /// A file.
        Jsonl = "jsonl",
        /// What an earlier stage wrote.
        Stage = "stage",
        /// Generated, of the grown mini world.
        GrownWorld = "grown-world",
    }
}

impl RewardModelStage {
    /// Reads what is left of the stage's table, after `name`, `kind` and `model`.
    pub(crate) fn read(s: &mut Section<'_>, earlier: &[Stage]) -> Result<Self> {
        let tables = s.required_tables("data")?;
        let training = Training { lr: 6e-6, steps: 0, ..Training::default() };
        let training = training.read_with_steps(s, 0)?;
        let objective = s.required_choice("objective")?;
        let read = |table| PreferenceSource::read(table, objective, earlier);
        let data = tables.into_iter().map(read).collect::<Result<_>>()?;
        let mut stage = Self {
            training,
            epochs: 1.0,
            lora: LoraKeys::read_from(s)?,
            objective,
            read: match objective {
                RewardObjective::Pairwise => Reading::Summary,
                RewardObjective::Pointwise => Reading::Response,
            },
            template: Template::Chat,
            max_tokens: 1024,
            batch: 16,
            skip_bad: false,
            data,
            eval: HeldOutKeys { share: 0.1, every: 0 },
        };
        s.float("epochs", &mut stage.epochs, POSITIVE)?;
        s.choice("read", &mut stage.read)?;
        s.choice("template", &mut stage.template)?;
        s.count("max_tokens", &mut stage.max_tokens, 1)?;
        s.count("batch", &mut stage.batch, 1)?;
        s.flag("skip_bad", &mut stage.skip_bad)?;
        stage.eval.read_from(s)?;
        Ok(stage)
    }
}

impl PreferenceSource {
    fn read(mut s: Section<'_>, objective: RewardObjective, earlier: &[Stage]) -> Result<Self> {
        let mut name = |key: &str| s.text(key).map(|name| name.unwrap_or_else(|| key.to_owned()));
        let [prompt, chosen, rejected] = [name("prompt")?, name("chosen")?, name("rejected")?];
        let [response, label] = [name("response")?, name("label")?];
        let mut format = PreferenceFormat::Auto;
        s.choice("format", &mut format)?;
        let place = match s.required_choice("kind")? {
            PreferenceKind::Jsonl => PreferencePlace::Jsonl { path: s.required_path("path")? },
            PreferenceKind::Stage => {
                PreferencePlace::Stage { name: read_stage(&mut s, objective, earlier)? }
            }
            PreferenceKind::GrownWorld => {
                let made = GrownPreferences::read(&mut s)?;
                if made.set.objective() != objective {
                    let expected =
                        format!("the set that `objective` = \"{objective}\" learns from");
                    return Err(s.conflict("set", expected));
                }
                PreferencePlace::GrownWorld(made)
            }
        };
        s.finish()?;
        Ok(Self { place, format, prompt, chosen, rejected, response, label })
    }

    /// The file, where the recipe names one.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            PreferencePlace::Jsonl { path } => Some(path),
            PreferencePlace::Stage { .. } | PreferencePlace::GrownWorld(_) => None,
        }
    }

    /// Whether an earlier stage makes them.
    pub fn is_made_by_a_stage(&self) -> bool {
        matches!(self.place, PreferencePlace::Stage { .. })
    }
}

/// Reads the name of a stage that writes pairs.
fn read_stage(
    s: &mut Section<'_>,
    objective: RewardObjective,
    earlier: &[Stage],
) -> Result<String> {
    let name = s.required_text("name")?;
    if objective != RewardObjective::Pairwise {
        let expected = "`objective` = \"pairwise\" beside it: a `preferences` stage writes pairs";
        return Err(s.conflict("kind", expected));
    }
    let writing = earlier.iter().filter(|stage| stage.makes_preferences());
    let names: Vec<&str> = writing.map(|stage| stage.name.as_str()).collect();
    if names.contains(&name.as_str()) {
        return Ok(name);
    }
    let expected = match names.as_slice() {
        [] => "an earlier stage of `kind` = \"preferences\" (there is none)".to_owned(),
        names => format!("an earlier stage that writes preferences ({})", names.join(", ")),
    };
    Err(s.conflict("name", expected))
}
