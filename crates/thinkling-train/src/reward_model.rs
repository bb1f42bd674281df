//! A trained reward model, ready to give responses their rewards.

use crate::atomic;
use crate::error::{Result, TrainError};
use crate::examples::TextSide;
use crate::model_io::{LoadedModel, StoredModel};
use crate::preferences::{judged_ids, read_part};
use crate::recipe::{Reading, RewardModelStage, RewardObjective, Template};
use crate::stage::learn_error;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::path::Path;
use thinkling_learn::{Branches, reward_values, sigmoid};
use thinkling_text::Message;

/// Beside the weights: how the texts were made that the model learnt from.
const KEYS_FILE: &str = "reward_model.json";
/// Tokens of a forward pass, where a single text is not longer.
const PASS_TOKENS: usize = 4096;

/// How a reward model reads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RewardModelKeys {
    pub(crate) objective: RewardObjective,
    pub(crate) read: Reading,
    pub(crate) template: Template,
}

impl RewardModelKeys {
    /// Those of a stage.
    pub(crate) fn of(stage: &RewardModelStage) -> Self {
        Self { objective: stage.objective, read: stage.read, template: stage.template }
    }

    /// Writes them beside a model's weights.
    ///
    /// # Errors
    /// A disk that is full or cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|e| TrainError::write(folder, e))?;
        atomic::write_json(&folder.join(KEYS_FILE), self)
    }

    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(KEYS_FILE);
        let bytes = std::fs::read(&path).map_err(|e| TrainError::read("reward model", &path, e))?;
        serde_json::from_slice(&bytes).map_err(|e| TrainError::damaged(&path, e.to_string()))
    }
}

/// A model that gives a response one number.
#[derive(Debug)]
pub(crate) struct RewardModel {
    model: LoadedModel,
    keys: RewardModelKeys,
}

impl RewardModel {
    /// Opens the folder that a `reward-model` stage wrote. `read` reads another part of responses
    /// than the one that the model learnt from.
    ///
    /// # Errors
    /// A folder that is none, or is damaged.
    pub(crate) fn open(folder: &Path, read: Option<Reading>, device: &Device) -> Result<Self> {
        let model = StoredModel::open_reward_model(folder)?.load(device)?;
        let keys = RewardModelKeys::read(folder)?;
        model.tokenizer()?;
        Ok(Self { model, keys: RewardModelKeys { read: read.unwrap_or(keys.read), ..keys } })
    }

    /// The reward of each response to a question: with `pairwise` the head's number, with
    /// `pointwise` the probability that the response is good. A response longer than the model's
    /// context is read up to there.
    ///
    /// # Errors
    /// Text that the tokenizer or template does not take, a device that fails.
    pub(crate) fn rewards(&self, question: &str, responses: &[&str]) -> Result<Vec<f64>> {
        let ids = responses.iter().map(|response| self.ids(question, response));
        let ids = ids.collect::<Result<Vec<_>>>()?;
        let mut rewards = Vec::with_capacity(ids.len());
        let mut rest = ids.as_slice();
        while !rest.is_empty() {
            let mut tokens = 0;
            let fits = rest.iter().take_while(|text| {
                tokens += text.len();
                tokens <= PASS_TOKENS
            });
            let (part, tail) = rest.split_at(fits.count().max(1));
            let texts = Branches::new(part);
            let values = pollster::block_on(reward_values(&self.model.decoder, &[&texts]));
            rewards.extend(values.map_err(learn_error)?.concat());
            rest = tail;
        }
        if self.keys.objective == RewardObjective::Pointwise {
            rewards.iter_mut().for_each(|r| *r = sigmoid(*r));
        }
        Ok(rewards)
    }

    /// Whether nothing of a response is read.
    pub(crate) fn reads_nothing(&self, response: &str) -> bool {
        read_part(response, self.keys.read).is_empty()
    }

    fn ids(&self, question: &str, response: &str) -> Result<Vec<u32>> {
        let messages = vec![Message::new("user", question), Message::new("assistant", response)];
        let text = TextSide::of(&self.model)?;
        let ids = judged_ids(&text, messages, self.keys.template, self.keys.read);
        let mut ids =
            ids.map_err(|reason| TrainError::Failed { what: "the reward model", reason })?;
        ids.truncate(text.context());
        Ok(ids)
    }
}
