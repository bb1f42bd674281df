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

    /// Those beside `model`. Reward models of other trainers have none: they read whole responses in
    /// the model's chat template, where it has one.
    fn beside(model: &LoadedModel) -> Result<Self> {
        let path = model.path.join(KEYS_FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let template = if model.chat.is_some() { Template::Chat } else { Template::None };
                let (objective, read) = (RewardObjective::Pairwise, Reading::Response);
                return Ok(Self { objective, read, template });
            }
            Err(e) => return Err(TrainError::read("reward model", &path, e)),
        };
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
    /// Opens the folder of a reward model. `read` reads another part of responses
    /// than the one that the model learnt from.
    ///
    /// # Errors
    /// A folder that is none, or is damaged.
    pub(crate) fn open(folder: &Path, read: Option<Reading>, device: &Device) -> Result<Self> {
        let model = StoredModel::open_reward_model(folder)?.load(device)?;
        let keys = RewardModelKeys::beside(&model)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model_io::save_model;
    use thinkling_model::{Decoder, ModelConfig, selftest};
    use thinkling_text::Tokenizer;
    use thinkling_weights::FloatType;

    const QUESTION: &str = "What is 1+2?";

    /// Writes a small model with the mini world's vocabulary, as a reward model or not.
    fn write(folder: &Path, score: bool) {
        let json = thinkling_learn::world::tokenizer_json().to_string();
        let tokenizer = Tokenizer::from_json(json.as_bytes()).expect("a tokenizer");
        let config = ModelConfig { vocab_size: tokenizer.vocab_size(), ..selftest::config() };
        let model = Decoder::init(&config, 3, &Device::flex());
        let model = if score { model.with_score(4) } else { model };
        save_model(folder, &model, Some(&tokenizer), None, FloatType::F32).expect("written");
    }

    fn open(folder: &Path, read: Option<Reading>) -> RewardModel {
        RewardModel::open(folder, read, &Device::flex()).expect("a reward model")
    }

    fn rewards(model: &RewardModel, responses: &[&str]) -> Vec<f64> {
        model.rewards(QUESTION, responses).expect("rewards")
    }

    #[test]
    fn rewards_follow_what_the_model_learnt_from() {
        let dir = tempfile::tempdir().expect("temporary folder");
        write(dir.path(), true);
        let keys = RewardModelKeys {
            objective: RewardObjective::Pairwise,
            read: Reading::Summary,
            template: Template::R1Zero,
        };
        let with = |keys: RewardModelKeys, read| {
            keys.write(dir.path()).expect("written");
            open(dir.path(), read)
        };
        let model = with(keys, None);
        let thoughts = ["<think>1+2=3</think> 3", "<think>2</think>3", "3", "<think>1</think> 2"];
        let values = rewards(&model, &thoughts);
        assert_eq!((values[0], values[0]), (values[1], values[2]), "thoughts are not read");
        assert!((values[0] - values[3]).abs() > 1e-4, "summaries are: {values:?}");
        assert!(model.reads_nothing("<think>3") && !model.reads_nothing("3"));
        // In a group, in another one, alone: the same up to the order of sums.
        let alone = rewards(&model, &thoughts[3..]);
        assert!((alone[0] - values[3]).abs() < 1e-5, "{alone:?} {values:?}");
        let whole = rewards(&with(keys, Some(Reading::Response)), &thoughts);
        assert!((whole[0] - whole[1]).abs() > 1e-4, "all is read: {whole:?}");
        let pointwise = RewardModelKeys { objective: RewardObjective::Pointwise, ..keys };
        let shares = rewards(&with(pointwise, None), &thoughts);
        let expected = values.iter().map(|r| 1.0 / (1.0 + (-r).exp()));
        assert!(shares.iter().zip(expected).all(|(p, e)| (p - e).abs() < 1e-12), "{shares:?}");
        // Longer than the model's context of 64 tokens.
        let long = "<think>1</think>".to_owned() + &"1+".repeat(100);
        assert!(rewards(&model, &[&long])[0].is_finite());
    }

    #[test]
    fn one_of_another_trainer_reads_whole_responses_and_a_language_model_is_none() {
        let dir = tempfile::tempdir().expect("temporary folder");
        write(dir.path(), true);
        let model = open(dir.path(), None);
        let values = rewards(&model, &["<think>1</think>3", "<think>2</think>3"]);
        assert!((values[0] - values[1]).abs() > 1e-4, "{values:?}");
        let error = LoadedModel::open(dir.path(), &Device::flex()).expect_err("writes nothing");
        assert!(error.to_string().contains("is a reward model"), "{error}");
        let other = tempfile::tempdir().expect("temporary folder");
        write(other.path(), false);
        let error = RewardModel::open(other.path(), None, &Device::flex()).expect_err("refused");
        assert!(error.to_string().contains("without the head"), "{error}");
    }
}
