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
//! [`RejectionStage`], [`ColdStartStage`], [`RewardModelStage`], [`TeacherKeys`], [`LoraKeys`],
//! [`Rewards`], [`Evaluation`] or of a data source; their documentation gives units, default and the
//! report's value. A key that nothing reads is an error that names the nearest known one. Relative paths
//! start from the recipe's folder, those of `--set` from the current folder.

mod answers;
mod choice;
mod cold_start;
mod data;
mod distill;
mod filters;
mod lora;
mod memory;
mod model;
mod policy;
mod pretrain;
mod range;
mod rejection;
mod reward_model;
mod rewards;
mod rl;
mod rollout;
mod scale;
mod section;
mod sft;
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
pub use filters::{Filters, FormatFilter};
pub use lora::{LoraKeys, Target};
pub use memory::MemorySize;
pub use model::{ModelSource, NewModel, TokenizerSource};
pub use pretrain::PretrainStage;
pub use rejection::{MixAmount, MixSource, RejectionStage};
pub use reward_model::{
    PreferenceFormat, PreferencePlace, PreferenceSource, Reading, RewardModelStage, RewardObjective,
};
pub(crate) use rewards::CLIPPED;
pub use rewards::{
    AccuracyKeys, ExternalReward, ExternalSource, ModelReward, Part, RewardModelSource, Rewards,
};
pub use rl::{
    Alarms, CurriculumKeys, DynamicSampling, Evaluation, LengthChange, Preset, RlSource, RlStage,
    Template,
};
pub use rollout::{RolloutDevice, RolloutKeys, RolloutKind, RolloutWeights};
pub use sft::{
    ExampleFields, ExampleFormat, ExamplePlace, ExampleSource, HeldOutKeys, Overlong, SftStage,
};
pub use teacher::{HttpTeacherKeys, LocalTeacherKeys, TeacherKeys};
pub use training::{RecomputeKind, Training};
pub use worlds::{
    GrownLessons, GrownPreferences, GrownQuestions, LessonSet, PreferenceSet, QuestionSet, WorldSet,
};

use crate::cost::Reference;
use crate::error::{Result, TrainError};
use choice::choices;
use section::{Bases, Section};
use tree::{Node, Value};

/// Files of a run folder begin with these, which a stage that writes `NAME.jsonl` cannot be called.
const TAKEN_NAMES: [&str; 4] = ["metrics", "completions", "examples", "evaluation"];

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

/// One `[[stage]]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// Name, by which later stages and `--set stage.NAME.key=value` refer to it: letters, digits,
    /// `-` and `_`, not digits alone. Required.
    pub name: String,
    /// The model that the stage starts from. Default: what the stage before wrote, and for the
    /// first stage [`Recipe::model`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelSource>,
    /// What the stage does.
    #[serde(flatten)]
    pub kind: StageKind,
}

/// What a stage does; the key `kind`. Required. `kind = "distill"` stands for two stages
/// (docs/recipes.md).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StageKind {
    /// `kind = "pretrain"`.
    Pretrain(Box<PretrainStage>),
    /// `kind = "sft"`.
    Sft(Box<SftStage>),
    /// `kind = "rl"`.
    Rl(Box<RlStage>),
    /// `kind = "rejection-sampling"`.
    RejectionSampling(Box<RejectionStage>),
    /// `kind = "cold-start"`.
    ColdStart(Box<ColdStartStage>),
    /// `kind = "reward-model"`.
    RewardModel(Box<RewardModelStage>),
}

choices! {
    /// Names of stage kinds.
    enum KindName {
        /// Next token.
        Pretrain = "pretrain",
        /// Supervised.
        Sft = "sft",
        /// Reinforcement learning.
        Rl = "rl",
        /// Answers that become examples.
        RejectionSampling = "rejection-sampling",
        /// Readable trajectories that become examples.
        ColdStart = "cold-start",
        /// Both: a teacher's answers that become a student's examples.
        Distill = "distill",
        /// A judge of responses.
        RewardModel = "reward-model",
    }
}

impl StageKind {
    /// The value of the key `kind`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pretrain(_) => KindName::Pretrain.as_str(),
            Self::Sft(_) => KindName::Sft.as_str(),
            Self::Rl(_) => KindName::Rl.as_str(),
            Self::RejectionSampling(_) => KindName::RejectionSampling.as_str(),
            Self::ColdStart(_) => KindName::ColdStart.as_str(),
            Self::RewardModel(_) => KindName::RewardModel.as_str(),
        }
    }
}

impl Stage {
    /// Optimiser and length of the stage; `None` of one that trains nothing.
    pub fn training(&self) -> Option<&Training> {
        match &self.kind {
            StageKind::Pretrain(stage) => Some(&stage.training),
            StageKind::Sft(stage) => Some(&stage.training),
            StageKind::Rl(stage) => Some(&stage.training),
            StageKind::RejectionSampling(_) | StageKind::ColdStart(_) => None,
            StageKind::RewardModel(stage) => Some(&stage.training),
        }
    }

    /// Whether it keeps answers that a model in this process samples.
    pub(crate) fn samples_here(&self) -> bool {
        match &self.kind {
            StageKind::RejectionSampling(stage) => stage.teacher.is_none(),
            _ => self.answers().is_some(),
        }
    }

    /// What the stage asks and which answers it keeps; `None` of one that keeps none.
    pub fn answers(&self) -> Option<&AnswerKeys> {
        match &self.kind {
            StageKind::RejectionSampling(stage) => Some(&stage.answers),
            StageKind::ColdStart(stage) => Some(&stage.answers),
            StageKind::Pretrain(_)
            | StageKind::Sft(_)
            | StageKind::Rl(_)
            | StageKind::RewardModel(_) => None,
        }
    }

    /// Whether it writes conversations that an `sft` stage can learn.
    pub fn makes_examples(&self) -> bool {
        self.answers().is_some()
    }

    /// Optimiser steps that the recipe asks for; 0 where the data decides or nothing is trained.
    pub fn steps(&self) -> u64 {
        self.training().map_or(0, |training| training.steps as u64)
    }

    /// Whether it leaves a model behind.
    pub fn makes_model(&self) -> bool {
        self.training().is_some()
    }

    /// Whether the model that it leaves behind judges texts.
    pub fn makes_reward_model(&self) -> bool {
        matches!(self.kind, StageKind::RewardModel(_))
    }

    /// Whether it leaves a model behind that writes, which the stages after it start from.
    pub fn makes_policy(&self) -> bool {
        self.makes_model() && !self.makes_reward_model()
    }

    /// Adapters that the stage trains in place of the weights.
    pub fn lora(&self) -> Option<&LoraKeys> {
        match &self.kind {
            StageKind::Pretrain(_) | StageKind::RejectionSampling(_) | StageKind::ColdStart(_) => {
                None
            }
            StageKind::Sft(stage) => stage.lora.as_ref(),
            StageKind::Rl(stage) => stage.lora.as_ref(),
            StageKind::RewardModel(stage) => stage.lora.as_ref(),
        }
    }

    /// What it compares its policy with. Under adapters that is the weights below them, and of its own
    /// are adapters at most.
    pub(crate) fn reference(&self) -> Reference {
        let StageKind::Rl(stage) = &self.kind else { return Reference::None };
        let moves = stage.ref_ema.is_some() || stage.ref_replace_every > 0;
        match (stage.kl_coef != 0.0, stage.lora.is_some()) {
            (false, _) => Reference::None,
            (true, false) => Reference::Weights,
            (true, true) if moves => Reference::Adapters,
            (true, true) => Reference::Base,
        }
    }

    /// Where the questions of the stage come from: of training, then of its evaluation.
    pub fn question_sources(&self) -> impl Iterator<Item = &QuestionSource> {
        let (rl, one) = match &self.kind {
            StageKind::Pretrain(_) | StageKind::Sft(_) | StageKind::RewardModel(_) => (None, None),
            StageKind::Rl(r) => (Some(r), None),
            StageKind::RejectionSampling(_) | StageKind::ColdStart(_) => {
                (None, self.answers().map(|keys| &keys.data))
            }
        };
        let evaluated = rl.and_then(|r| r.eval.as_ref()).map_or(&[][..], |e| &e.data);
        let trained = rl.map_or(&[][..], |r| &r.data);
        trained.iter().chain(evaluated).map(|r| &r.source).chain(one)
    }

    /// The data files that the stage reads.
    pub fn data_paths(&self) -> Vec<PathBuf> {
        let text = match &self.kind {
            StageKind::Pretrain(p) => match &p.data {
                TextSource::Text { path } => Some(path.clone()),
                TextSource::MiniWorld(_) | TextSource::GrownWorld(_) => None,
            },
            StageKind::Sft(sft) => {
                return sft.data.iter().filter_map(|s| s.path().map(PathBuf::from)).collect();
            }
            StageKind::RejectionSampling(stage) => return stage.paths(),
            StageKind::ColdStart(stage) => return stage.paths(),
            StageKind::RewardModel(stage) => {
                return stage.data.iter().filter_map(|s| s.path().map(PathBuf::from)).collect();
            }
            StageKind::Rl(_) => None,
        };
        let questions = self.question_sources().filter_map(QuestionSource::path);
        text.into_iter().chain(questions.map(Path::to_path_buf)).collect()
    }

    /// Folders of the reward models that the stage reads and no stage of the recipe makes.
    pub fn reward_model_paths(&self) -> Vec<PathBuf> {
        let StageKind::Rl(stage) = &self.kind else { return Vec::new() };
        let models = stage.all_rewards().into_iter().flat_map(Rewards::active_models);
        let path = |(_, reward): (&str, &ModelReward)| match &reward.model {
            RewardModelSource::Path(path) => Some(path.clone()),
            RewardModelSource::Stage(_) => None,
        };
        models.filter_map(path).collect()
    }

    /// Reads a `[[stage]]`, which may stand for several; `root` is the recipe's model.
    fn read(mut s: Section<'_>, earlier: &[Self], root: &ModelSource) -> Result<Vec<Self>> {
        let name = s.required_text("name")?;
        if !is_plain_name(&name) || name.bytes().all(|b| b.is_ascii_digit()) {
            return Err(s.conflict("name", "letters, digits, `-` and `_`, not digits alone"));
        }
        if earlier.iter().any(|stage| stage.name == name) {
            return Err(s.conflict("name", "a name that no earlier stage has"));
        }
        let model = s.section("model")?.map(|m| read_model(m, earlier)).transpose()?;
        let kind = match s.required_choice("kind")? {
            KindName::Pretrain => StageKind::Pretrain(Box::new(PretrainStage::read(&mut s)?)),
            KindName::Sft => StageKind::Sft(Box::new(SftStage::read(&mut s, earlier)?)),
            KindName::Rl => StageKind::Rl(Box::new(RlStage::read(&mut s, earlier)?)),
            KindName::RejectionSampling => {
                StageKind::RejectionSampling(Box::new(RejectionStage::read(&mut s)?))
            }
            KindName::ColdStart => {
                StageKind::ColdStart(Box::new(ColdStartStage::read(&mut s, earlier)?))
            }
            KindName::Distill => {
                let student = model.unwrap_or_else(|| match earlier.last() {
                    Some(before) => ModelSource::Stage(before.name.clone()),
                    None => root.clone(),
                });
                let stages = distill::read(&mut s, earlier, name, student)?;
                s.finish()?;
                return Ok(stages);
            }
            KindName::RewardModel => {
                StageKind::RewardModel(Box::new(RewardModelStage::read(&mut s)?))
            }
        };
        let stage = Self { name, model, kind };
        if stage.makes_examples() && TAKEN_NAMES.contains(&stage.name.as_str()) {
            let expected = "a name that no other file of a run folder begins with";
            return Err(s.conflict("name", expected));
        }
        s.finish()?;
        Ok(vec![stage])
    }
}

/// Reads a model; one that an earlier stage is to give must have that stage.
fn read_model(section: Section<'_>, earlier: &[Stage]) -> Result<ModelSource> {
    let names: Vec<&str> = earlier.iter().map(|stage| stage.name.as_str()).collect();
    let unknown = section.conflict(
        "path",
        match names.as_slice() {
            [] => "a path or the keys of a new model (no stage runs before this one)".to_owned(),
            names => format!("`stage:` and the name of an earlier stage ({})", names.join(", ")),
        },
    );
    let judges = section.conflict("path", "a stage whose model writes, not a reward model");
    match ModelSource::read(section)? {
        ModelSource::Stage(name) => match earlier.iter().find(|stage| stage.name == name) {
            None => Err(unknown),
            Some(stage) if stage.makes_reward_model() => Err(judges),
            Some(_) => Ok(ModelSource::Stage(name)),
        },
        source => Ok(source),
    }
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
        let text = fs::read_to_string(path).map_err(|e| TrainError::read("recipe", path, e))?;
        let absolute =
            |p: &Path| std::path::absolute(p).map_err(|e| TrainError::read("recipe", p, e));
        let recipe = absolute(path)?.parent().map(Path::to_path_buf).unwrap_or_default();
        // `absolute` refuses an empty path, so the current folder is asked for by its name.
        let current = std::env::current_dir().map_err(|e| TrainError::read("folder", ".", e))?;
        Self::read(&text, path, &Bases { recipe, current }, sets)
    }

    /// Reads the text of a recipe. `file` is its name in messages; relative paths start from
    /// `folder`, those of `sets` too.
    ///
    /// # Errors
    /// What is wrong with the recipe, with file, line and key.
    pub fn parse(text: &str, file: &Path, folder: &Path, sets: &[String]) -> Result<Self> {
        let bases = Bases { recipe: folder.to_path_buf(), current: folder.to_path_buf() };
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
        let model = read_model(model, &[])?;
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
