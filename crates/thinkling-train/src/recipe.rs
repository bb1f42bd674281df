//! Recipes: TOML files that say what a run does.
//!
//! ```toml
//! name = "my-run"
//! seed = 0
//!
//! [model]
//! path = "base"                # a folder, a GGUF file; or the keys of a new model
//!
//! [[stage]]
//! name = "rl"
//! kind = "rl"
//! preset = "r1-zero"
//! lr = 1e-4                    # a key written here wins over the preset
//! data = { kind = "mini-world" }
//! rewards = { language = { weight = 0.1, target = "en" } }   # beside accuracy and format
//! ```
//!
//! Every key is a field of [`Recipe`], [`NewModel`], [`Training`], [`PretrainStage`], [`SftStage`],
//! [`RlStage`], [`RlSource`], [`LengthChange`], [`DynamicSampling`], [`CurriculumKeys`], [`Alarms`],
//! [`RejectionStage`], [`ColdStartStage`], [`PreferencesStage`], [`RewardModelStage`], [`EvalStage`],
//! [`TeacherKeys`], [`LoraKeys`],
//! [`Rewards`], [`Evaluation`] or of a data source; their documentation gives units, default and the
//! report's value. A key that nothing reads is an error that names the nearest known one. Relative paths
//! start from the recipe's folder, those of `--set` from the current folder.

mod answers;
mod choice;
mod cold_start;
mod data;
mod distill;
mod eval;
mod filters;
mod hub;
mod lora;
mod memory;
mod model;
mod policy;
mod preferences;
mod pretrain;
mod range;
mod rejection;
mod requests;
mod reward_model;
mod rewards;
mod rl;
mod rollout;
mod scale;
mod section;
mod sft;
mod stage;
mod teacher;
mod training;
mod tree;
mod worlds;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use answers::{AnswerKeys, Decontaminate, KeepOrder};
pub use cold_start::{
    ColdStartStage, FewShot, NoRewrite, RecordLayout, Rewrite, RewriteKeys, ShotSource,
};
pub use data::{AnswerFormat, FileSource, JsonlSource, QuestionSource, TaskKind, TextSource};
pub use eval::{EvalStage, EvaluationData, counted_answer, counted_format};
pub use filters::{Filters, FormatFilter};
pub use hub::{HubModel, LoadedRecipe};
pub use lora::{LoraKeys, Target};
pub use memory::MemorySize;
pub use model::{ModelPlace, ModelSource, NewModel, TokenizerSource};
pub use preferences::{PreferencesStage, PromptFile, PromptSource};
pub use pretrain::PretrainStage;
pub use rejection::{MixAmount, MixSource, RejectionStage};
pub use requests::RequestKeys;
pub use reward_model::{
    PreferenceFormat, PreferencePlace, PreferenceSource, Reading, RewardModelStage, RewardObjective,
};
pub(crate) use rewards::CLIPPED;
pub use rewards::{AccuracyKeys, ExternalReward, ExternalSource, ModelReward, Part, Rewards};
pub use rl::{
    Alarms, CurriculumKeys, DynamicSampling, Evaluation, LengthChange, Preset, RlSource, RlStage,
    Template,
};
pub use rollout::{
    RolloutDevice, RolloutKeys, RolloutKind, RolloutWeights, Rollouts, ServerKeys, ServerKind,
};
pub use sft::{
    ExampleFields, ExampleFormat, ExamplePlace, ExampleSource, HeldOutKeys, Overlong, SftStage,
};
pub use stage::{Stage, StageKind};
pub use teacher::{HttpTeacherKeys, LocalTeacherKeys, TeacherKeys};
pub use training::{RecomputeKind, Training};
pub use worlds::{
    GrownLessons, GrownPreferences, GrownQuestions, LessonSet, PreferenceSet, QuestionSet, WorldSet,
};

use crate::error::{Result, TrainError};
use section::{Bases, Section};
use tree::{Node, Value};

/// A recipe with every value resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recipe {
    /// Name of the run, a plain folder name; run folders are `runs/NAME-N`. Required.
    pub name: String,
    /// Seed of everything random, 0 to 2^63 - 1. Default 0.
    pub seed: u64,
    /// The model that the first stage starts from. Required.
    pub model: ModelSource,
    /// What is done, in order. At least one.
    #[serde(rename = "stage")]
    pub stages: Vec<Stage>,
}

/// Whether `name` can be a part of a path and of a dotted key.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl Recipe {
    /// Reads a recipe file and applies the `KEY=VALUE` of `--set` in order; `scale=NAME` first, wherever
    /// it stands, lays the recipe's table `[scale.NAME]` over it.
    ///
    /// # Errors
    /// [`TrainError::NotFound`], or what is wrong with the recipe, with file, line and key.
    pub fn load(path: &Path, sets: &[String]) -> Result<Self> {
        Self::load_with_ids(path, sets).map(|loaded| loaded.recipe)
    }

    /// As [`Recipe::load`], with the models of the hub that it names.
    ///
    /// # Errors
    /// As there.
    pub fn load_with_ids(path: &Path, sets: &[String]) -> Result<LoadedRecipe> {
        let text = fs::read_to_string(path).map_err(|e| TrainError::read("recipe", path, e))?;
        let absolute =
            |p: &Path| std::path::absolute(p).map_err(|e| TrainError::read("recipe", p, e));
        let recipe = absolute(path)?.parent().map(Path::to_path_buf).unwrap_or_default();
        // `absolute` refuses an empty path, so the current folder is asked for by its name.
        let current = std::env::current_dir().map_err(|e| TrainError::read("folder", ".", e))?;
        let bases = Bases::new(recipe, current);
        let recipe = Self::read(&text, path, &bases, sets)?;
        Ok(LoadedRecipe::new(recipe, bases.hub.into_inner()))
    }

    /// Reads the text of a recipe. `file` is its name in messages; relative paths start from
    /// `folder`, those of `sets` too.
    ///
    /// # Errors
    /// What is wrong with the recipe, with file, line and key.
    pub fn parse(text: &str, file: &Path, folder: &Path, sets: &[String]) -> Result<Self> {
        let bases = Bases::new(folder.to_path_buf(), folder.to_path_buf());
        Self::read(text, file, &bases, sets)
    }

    fn read(text: &str, file: &Path, bases: &Bases, sets: &[String]) -> Result<Self> {
        let mut root = tree::parse(text, file)?;
        scale::apply(&mut root, sets)?;
        Self::from_tree(&root, bases)
    }

    fn from_tree(root: &Node, bases: &Bases) -> Result<Self> {
        let mut s = Section::new(root, "", bases)?;
        // All known keys first, so that a misspelt one is named rather than what it leaves out.
        let (stage_node, mut seed) = (s.node("stage"), 0);
        s.integer("seed", &mut seed, 0, i64::MAX as u64)?;
        let model = s.section("model")?;
        let name = s.text("name")?;
        let absent = |key: &str, expected: &str| s.conflict(key, expected);
        let missing = match (&name, &model, stage_node) {
            (None, _, _) => Some(absent("name", "a string")),
            (_, None, _) => Some(absent("model", "a table")),
            (_, _, None) => Some(absent("stage", "one or more [[stage]]")),
            _ => None,
        };
        let bad_name = absent("name", "letters, digits, `-` and `_`, at most 64");
        let bad_stage = absent("stage", "one or more [[stage]]");
        s.finish()?;
        let (Some(name), Some(model), Some(stage_node)) = (name, model, stage_node) else {
            return Err(missing.unwrap_or(bad_stage));
        };
        if !is_plain_name(&name) {
            return Err(bad_name);
        }
        let model = ModelSource::read(model, &[])?;
        let Value::Array(nodes) = &stage_node.value else {
            return Err(bad_stage);
        };
        let mut stages = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let section = Section::new(node, &stage_path(node, index), bases)?;
            let read = Stage::read(section, &stages, &model)?;
            stages.extend(read);
        }
        if stages.is_empty() { Err(bad_stage) } else { Ok(Self { name, seed, model, stages }) }
    }

    /// The recipe with every value written out; it reads as the same recipe again. Paths are
    /// those that relative ones resolved to.
    ///
    /// # Errors
    /// [`TrainError::Encode`] where a path is not UTF-8.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self)
            .map_err(|e| TrainError::Encode { what: "recipe", reason: e.to_string() })
    }

    /// The model that a stage starts from: its own `model`, else what the stage before wrote,
    /// else the recipe's. A stage that makes no model, or a reward model, stands for the one that it
    /// starts from.
    /// `index` counts from 0.
    pub fn model_of(&self, index: usize) -> ModelSource {
        let own = self.stages.get(index).and_then(|stage| stage.model.clone());
        let before = index.checked_sub(1).and_then(|before| self.stages.get(before));
        let source = own
            .or_else(|| before.map(|stage| ModelSource::Stage(stage.name.clone())))
            .unwrap_or_else(|| self.model.clone());
        let place = |name: &str| self.stages[..index].iter().position(|s| s.name == name);
        match &source {
            ModelSource::Stage(name) => match place(name) {
                Some(before) if !self.stages[before].makes_policy() => self.model_of(before),
                _ => source,
            },
            _ => source,
        }
    }

    /// Optimiser steps of all stages together; those that the length of the data decides count as
    /// none.
    pub fn total_steps(&self) -> u64 {
        self.stages.iter().map(Stage::steps).sum()
    }

    /// Files and folders that a stage reads: its model or tokenizer and its reward models where no
    /// stage of this recipe makes them, and its data. `index` counts from 0.
    pub fn inputs_of(&self, index: usize) -> Vec<PathBuf> {
        let model = match self.model_of(index) {
            ModelSource::Path(path)
            | ModelSource::New(NewModel { tokenizer: TokenizerSource::Path(path), .. }) => {
                Some(path)
            }
            _ => None,
        };
        let stage = || self.stages.get(index).into_iter();
        let data = stage().flat_map(Stage::data_paths);
        let judges = stage().flat_map(Stage::reward_model_paths);
        model.into_iter().chain(data).chain(judges).collect()
    }

    /// Files and folders that the recipe reads, each once.
    pub fn input_paths(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for path in (0..self.stages.len()).flat_map(|index| self.inputs_of(index)) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }

    /// Seed of a stage's random streams and of its order of the data; another one for each stage,
    /// so that two stages never draw the same numbers. `index` counts from 0.
    pub fn stage_seed(&self, index: usize) -> u64 {
        // The golden ratio in 64 bits spreads neighbouring indices (Knuth, TAOCP 3, 6.4).
        self.seed ^ (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// Dotted path of a stage for messages: by name where it has one.
fn stage_path(node: &Node, index: usize) -> String {
    if let Value::Table(table) = &node.value
        && let Some(Value::String(name)) = table.get("name").map(|e| &e.node.value)
        && is_plain_name(name)
    {
        return format!("stage.{name}");
    }
    format!("stage.{index}")
}

#[cfg(test)]
mod tests;
