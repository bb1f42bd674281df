//! Rewards by a trained model, which may join late.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::{Part, check_name};
use crate::error::Result;
use crate::recipe::Stage;
use crate::recipe::eval::last_part;
use crate::recipe::model::STAGE_PREFIX;
use crate::recipe::reward_model::Reading;
use crate::recipe::section::Section;
use crate::recipe::tree::Value;

/// Keys of a reward by a model that a `reward-model` stage trained; the key `model` makes it one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelReward {
    /// How much it counts; 0 leaves it out. Default 1.
    pub weight: f64,
    /// Lowest and highest value, before weighting. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<[f64; 2]>,
    /// `stage:` and the name of an earlier stage of `kind = "reward-model"`, or the folder that one
    /// wrote. Required.
    pub model: RewardModelSource,
    /// What of a completion is read. Default: what the model learnt from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Reading>,
    /// Optimiser steps at the end of the stage in which it counts: it joins with the first rollout
    /// that begins with so many steps or fewer to go. 0: from the beginning. Default 0, with the preset
    /// `all-scenarios` 400, the report's 400 of 1,700 steps.
    pub last_steps: usize,
}

/// Where a reward model comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum RewardModelSource {
    /// Its folder.
    Path(PathBuf),
    /// `stage:NAME`: what that earlier stage wrote.
    Stage(String),
}

impl Serialize for RewardModelSource {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Path(path) => path.serialize(to),
            Self::Stage(name) => to.serialize_str(&format!("{STAGE_PREFIX}{name}")),
        }
    }
}

impl ModelReward {
    /// Whether the table `name` of `parent` has the key that makes it one.
    pub(super) fn is_meant(parent: &mut Section<'_>, name: &str) -> bool {
        matches!(parent.node(name).map(|node| &node.value),
            Some(Value::Table(table)) if table.contains_key("model"))
    }

    /// Reads the table `name` of `parent`; `last_steps` by default.
    pub(super) fn read(
        parent: &mut Section<'_>,
        name: &str,
        earlier: &[Stage],
        last_steps: usize,
    ) -> Result<Self> {
        check_name(parent, name)?;
        let mut s = parent.required_section(name)?;
        let mut part = Part::new(1.0, ());
        part.read(&mut s)?;
        let text = s.required_text("model")?;
        let model = RewardModelSource::read(&s, "model", &text, earlier)?;
        let Part { weight, clip, .. } = part;
        let mut reward = Self { weight, clip, model, read: None, last_steps };
        reward.read = s.optional_choice("read")?;
        s.count("last_steps", &mut reward.last_steps, 0)?;
        s.finish()?;
        Ok(reward)
    }

    /// Steps of the stage, of `steps` in all, after which it counts.
    pub fn joins_after(&self, steps: usize) -> u64 {
        match self.last_steps {
            0 => 0,
            last => steps.saturating_sub(last) as u64,
        }
    }
}

impl RewardModelSource {
    /// Reads `text`, of the key `key`: a stage or a folder.
    pub(in crate::recipe) fn read(
        s: &Section<'_>,
        key: &str,
        text: &str,
        earlier: &[Stage],
    ) -> Result<Self> {
        let Some(name) = text.strip_prefix(STAGE_PREFIX) else {
            return Ok(Self::Path(s.resolve(key, text)));
        };
        let judges = earlier.iter().filter(|stage| stage.makes_reward_model());
        let names: Vec<&str> = judges.map(|stage| stage.name.as_str()).collect();
        if names.contains(&name) {
            return Ok(Self::Stage(name.to_owned()));
        }
        let expected = match names.as_slice() {
            [] => {
                "an earlier stage of `kind` = \"reward-model\" (there is none), or a folder".into()
            }
            names => format!("`stage:` and an earlier reward model ({})", names.join(", ")),
        };
        Err(s.conflict(key, expected))
    }

    /// Its folder, where no stage of the recipe makes it.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Stage(_) => None,
        }
    }

    /// What it is called: the stage's name, or the last part of its path.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Path(path) => last_part(path),
            Self::Stage(name) => name.clone(),
        }
    }
}
