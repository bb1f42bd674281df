//! Rewards by a trained model, which may join late.

use serde::Serialize;

use super::{Part, check_name};
use crate::error::Result;
use crate::recipe::Stage;
use crate::recipe::model::ModelPlace;
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
    pub model: ModelPlace,
    /// What of a completion is read. Default: what the model learnt from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Reading>,
    /// Optimiser steps at the end of the stage in which it counts: it joins with the first rollout
    /// that begins with so many steps or fewer to go. 0: from the beginning. Default 0, with the preset
    /// `all-scenarios` 400, the report's 400 of 1,700 steps.
    pub last_steps: usize,
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
        let model = read_judge(&s, "model", &text, earlier)?;
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

/// Reads a reward model, of the key `key`: one that an earlier stage trained, or a folder.
pub(in crate::recipe) fn read_judge(
    s: &Section<'_>,
    key: &str,
    text: &str,
    earlier: &[Stage],
) -> Result<ModelPlace> {
    ModelPlace::read(s, key, text, |name| {
        let judges = earlier.iter().filter(|stage| stage.makes_reward_model());
        let names: Vec<&str> = judges.map(|stage| stage.name.as_str()).collect();
        match names.as_slice() {
            names if names.contains(&name) => Ok(()),
            [] => Err("an earlier stage of `kind` = \"reward-model\" (there is none), or a folder"
                .to_owned()),
            names => Err(format!("`stage:` and an earlier reward model ({})", names.join(", "))),
        }
    })
}
