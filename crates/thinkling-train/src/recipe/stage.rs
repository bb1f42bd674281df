//! One `[[stage]]` of a recipe.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::choice::choices;
use super::section::Section;
use super::{
    AnswerKeys, ColdStartStage, EvalStage, LoraKeys, ModelPlace, ModelSource, PreferencesStage,
    PretrainStage, QuestionSource, RejectionStage, RewardModelStage, Rewards, Rewrite, RlStage,
    SftStage, TextSource, Training, distill, is_plain_name,
};
use crate::cost::Reference;
use crate::error::Result;

/// Files of a run folder begin with these, which a stage that writes `NAME.jsonl` cannot be called.
const TAKEN_NAMES: [&str; 4] = ["metrics", "completions", "examples", "evaluation"];

/// One `[[stage]]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// Name, by which later stages and `--set stage.NAME.key=value` refer to it: letters, digits,
    /// `-` and `_`, not digits alone. Required.
    pub name: String,
    /// The model that the stage starts from. Default: what the stage before wrote, and for the
    /// first stage [`Recipe::model`](super::Recipe::model).
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
    /// `kind = "preferences"`.
    Preferences(Box<PreferencesStage>),
    /// `kind = "reward-model"`.
    RewardModel(Box<RewardModelStage>),
    /// `kind = "eval"`.
    Eval(Box<EvalStage>),
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
        /// Pairs of answers of which a judge prefers one.
        Preferences = "preferences",
        /// A judge of responses.
        RewardModel = "reward-model",
        /// Measures of several models.
        Eval = "eval",
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
            Self::Preferences(_) => KindName::Preferences.as_str(),
            Self::RewardModel(_) => KindName::RewardModel.as_str(),
            Self::Eval(_) => KindName::Eval.as_str(),
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
            StageKind::RejectionSampling(_)
            | StageKind::ColdStart(_)
            | StageKind::Preferences(_)
            | StageKind::Eval(_) => None,
            StageKind::RewardModel(stage) => Some(&stage.training),
        }
    }

    /// Whether it keeps answers that its model samples in this process.
    pub(crate) fn samples_here(&self) -> bool {
        match &self.kind {
            StageKind::RejectionSampling(stage) => stage.teacher.is_none(),
            StageKind::Preferences(stage) => stage.teacher.is_none(),
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
            | StageKind::Preferences(_)
            | StageKind::RewardModel(_)
            | StageKind::Eval(_) => None,
        }
    }

    /// Whether it writes conversations that an `sft` stage can learn.
    pub fn makes_examples(&self) -> bool {
        self.answers().is_some()
    }

    /// Whether it writes pairs that a `reward-model` stage can learn.
    pub fn makes_preferences(&self) -> bool {
        matches!(self.kind, StageKind::Preferences(_))
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
            StageKind::Pretrain(_)
            | StageKind::RejectionSampling(_)
            | StageKind::ColdStart(_)
            | StageKind::Preferences(_)
            | StageKind::Eval(_) => None,
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
            StageKind::Pretrain(_)
            | StageKind::Sft(_)
            | StageKind::Preferences(_)
            | StageKind::RewardModel(_)
            | StageKind::Eval(_) => (None, None),
            StageKind::Rl(r) => (Some(r), None),
            StageKind::RejectionSampling(_) | StageKind::ColdStart(_) => {
                (None, self.answers().map(|keys| &keys.data))
            }
        };
        let evaluated = rl.and_then(|r| r.eval.as_ref()).map_or(&[][..], |e| &e.data);
        let trained = rl.map_or(&[][..], |r| &r.data);
        trained.iter().chain(evaluated).map(|r| &r.source).chain(one)
    }

    /// The data files that the stage reads, and the models that it evaluates.
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
            StageKind::Preferences(stage) => return stage.paths(),
            StageKind::RewardModel(stage) => {
                return stage.data.iter().filter_map(|s| s.path().map(PathBuf::from)).collect();
            }
            StageKind::Eval(stage) => return stage.paths(),
            StageKind::Rl(_) => None,
        };
        let questions = self.question_sources().filter_map(QuestionSource::path);
        text.into_iter().chain(questions.map(Path::to_path_buf)).collect()
    }

    /// Folders of the reward models that the stage reads and no stage of the recipe makes.
    pub fn reward_model_paths(&self) -> Vec<PathBuf> {
        let all: Vec<&ModelPlace> = match &self.kind {
            StageKind::Rl(stage) => {
                let models = stage.all_rewards().into_iter().flat_map(Rewards::active_models);
                models.map(|(_, reward)| &reward.model).collect()
            }
            StageKind::Eval(stage) => stage.judges.iter().collect(),
            _ => Vec::new(),
        };
        all.into_iter().filter_map(ModelPlace::path).map(PathBuf::from).collect()
    }

    /// The paths of models that it names.
    pub(super) fn model_paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let mut paths: Vec<&mut PathBuf> =
            self.model.as_mut().and_then(ModelSource::path_mut).into_iter().collect();
        match &mut self.kind {
            StageKind::Pretrain(_)
            | StageKind::Sft(_)
            | StageKind::RejectionSampling(_)
            | StageKind::RewardModel(_) => {}
            StageKind::Rl(stage) => {
                let own = stage.data.iter_mut().filter_map(|source| source.rewards.as_mut());
                let rewards = own.chain([&mut stage.rewards]);
                let models = rewards.flat_map(|rewards| rewards.models.values_mut());
                paths.extend(models.filter_map(|reward| reward.model.path_mut()));
            }
            StageKind::ColdStart(stage) => {
                if let Rewrite::Teacher(keys) = &mut stage.rewrite {
                    paths.extend(keys.teacher.path_mut());
                }
            }
            StageKind::Preferences(stage) => paths.extend(stage.judge.path_mut()),
            StageKind::Eval(stage) => {
                let all = stage.models.iter_mut().chain(&mut stage.judges);
                paths.extend(all.filter_map(ModelPlace::path_mut));
            }
        }
        paths
    }

    /// Reads a `[[stage]]`, which may stand for several; `root` is the recipe's model.
    pub(super) fn read(
        mut s: Section<'_>,
        earlier: &[Self],
        root: &ModelSource,
    ) -> Result<Vec<Self>> {
        let name = s.required_text("name")?;
        if !is_plain_name(&name) || name.bytes().all(|b| b.is_ascii_digit()) {
            return Err(s.conflict("name", "letters, digits, `-` and `_`, not digits alone"));
        }
        if earlier.iter().any(|stage| stage.name == name) {
            return Err(s.conflict("name", "a name that no earlier stage has"));
        }
        let model = s.section("model")?.map(|m| ModelSource::read(m, earlier)).transpose()?;
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
            KindName::Preferences => {
                StageKind::Preferences(Box::new(PreferencesStage::read(&mut s, earlier)?))
            }
            KindName::RewardModel => {
                StageKind::RewardModel(Box::new(RewardModelStage::read(&mut s, earlier)?))
            }
            KindName::Eval => StageKind::Eval(Box::new(EvalStage::read(&mut s, earlier)?)),
        };
        let stage = Self { name, model, kind };
        let writes_a_set = stage.makes_examples() || stage.makes_preferences();
        if writes_a_set && TAKEN_NAMES.contains(&stage.name.as_str()) {
            let expected = "a name that no other file of a run folder begins with";
            return Err(s.conflict("name", expected));
        }
        s.finish()?;
        Ok(vec![stage])
    }
}

/// The model that an earlier stage leaves behind and that writes, or what is expected in its place.
pub(super) fn policy_of(name: &str, earlier: &[Stage]) -> std::result::Result<ModelSource, String> {
    let names: Vec<&str> = earlier.iter().map(|stage| stage.name.as_str()).collect();
    match (earlier.iter().find(|stage| stage.name == name), names.as_slice()) {
        (Some(stage), _) if stage.makes_reward_model() => {
            Err("a stage whose model writes, not a reward model".to_owned())
        }
        (Some(_), _) => Ok(ModelSource::Stage(name.to_owned())),
        (None, []) => {
            Err("a path or the keys of a new model (no stage runs before this one)".to_owned())
        }
        (None, names) => {
            Err(format!("`stage:` and the name of an earlier stage ({})", names.join(", ")))
        }
    }
}
