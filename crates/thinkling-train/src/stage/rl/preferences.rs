//! Rewards by trained models. One that joins late is loaded when it does; until then its completions
//! have no component of its name.

use crate::error::Result;
use crate::model_io::StoredModel;
use crate::recipe::{ModelReward, Rewards};
use crate::reward_model::RewardModel;
use crate::run_dir::RunDir;
use burn::tensor::Device;
use std::path::PathBuf;
use thinkling_learn::Scored;
use thinkling_reward::Component;

/// The rewards by models of one table of rewards.
#[derive(Debug)]
pub(super) struct Preferences<'a> {
    parts: Vec<Preference<'a>>,
    /// Bytes of the models' weights.
    pub(super) bytes: usize,
}

#[derive(Debug)]
struct Preference<'a> {
    name: &'a str,
    keys: &'a ModelReward,
    folder: PathBuf,
    /// Steps of the stage after which it counts.
    after: u64,
    /// There as soon as it counts.
    model: Option<RewardModel>,
}

impl<'a> Preferences<'a> {
    /// Those of `rewards`, in a stage of `steps` steps.
    ///
    /// # Errors
    /// A folder that holds no reward model.
    pub(super) fn of(run: &RunDir, rewards: &'a Rewards, steps: usize) -> Result<Self> {
        let (mut parts, mut bytes) = (Vec::new(), 0);
        for (name, keys) in rewards.active_models() {
            let folder = keys.model.in_run(run);
            let config = StoredModel::open_reward_model(&folder)?.checkpoint.config().clone();
            bytes += 4 * config.parameter_count();
            let after = keys.joins_after(steps);
            parts.push(Preference { name, keys, folder, after, model: None });
        }
        Ok(Self { parts, bytes })
    }

    /// Loads those that count from a rollout on that begins after `step` steps; says which.
    ///
    /// # Errors
    /// A model that cannot be read.
    pub(super) fn join(&mut self, step: u64, device: &Device) -> Result<Vec<String>> {
        let mut told = Vec::new();
        for part in self.parts.iter_mut().filter(|p| p.after <= step && p.model.is_none()) {
            part.model = Some(RewardModel::open(&part.folder, part.keys.read, device)?);
            let from = step + 1;
            told.push(format!(
                "the reward `{}` counts from step {from} of the stage on",
                part.name
            ));
        }
        Ok(told)
    }

    /// Names of those that count and have bounds.
    pub(super) fn bounded(&self) -> impl Iterator<Item = &str> {
        let bounded = self.parts.iter().filter(|p| p.model.is_some() && p.keys.clip.is_some());
        bounded.map(|part| part.name)
    }

    /// Adds a component of each that counts to the records of a question's completions, which go on
    /// from `opening`. One that is cut gains nothing where `truncated_earns_nothing`; one of which
    /// nothing is read never does.
    ///
    /// # Errors
    /// Text that a model's tokenizer does not take, a device that fails.
    pub(super) fn score(
        &self,
        group: &mut [Scored],
        question: &str,
        opening: &str,
        truncated_earns_nothing: bool,
    ) -> Result<()> {
        for part in &self.parts {
            let Some(model) = &part.model else { continue };
            let texts: Vec<String> = group.iter().map(|s| format!("{opening}{}", s.text)).collect();
            let read: Vec<&str> = texts.iter().map(String::as_str).collect();
            let values = model.rewards(question, &read)?;
            for ((scored, value), text) in group.iter_mut().zip(values).zip(&texts) {
                let (weight, clip) = (part.keys.weight, part.keys.clip);
                let own = Component::new(part.name.to_owned(), value, weight, clip);
                let nothing =
                    (truncated_earns_nothing && scored.truncated()) || model.reads_nothing(text);
                scored.record.add(if nothing { own.without_gain() } else { own });
                scored.reward = scored.record.total;
            }
        }
        Ok(())
    }
}
