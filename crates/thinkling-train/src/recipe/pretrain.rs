//! The `pretrain` stage: next-token prediction on a text corpus.

use serde::Serialize;

use super::data::TextSource;
use super::section::Section;
use super::training::Training;
use crate::error::Result;

/// Keys of a stage of `kind = "pretrain"`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PretrainStage {
    /// Optimiser and length of the stage.
    #[serde(flatten)]
    pub training: Training,
    /// Tokens of one training sequence. Default 256.
    pub sequence_length: usize,
    /// Sequences of one optimiser step. Default 16.
    pub batch: usize,
    /// Texts. Required.
    pub data: TextSource,
}

impl PretrainStage {
    /// Reads what is left of the stage's table, after `name`, `kind` and `model`.
    pub(crate) fn read(s: &mut Section<'_>) -> Result<Self> {
        let data = TextSource::read(s.required_section("data")?)?;
        let defaults = Training { lr: 1e-3, beta2: 0.95, ..Training::default() };
        let training = defaults.read(s)?;
        let mut p = Self { training, sequence_length: 256, batch: 16, data };
        // A sequence of one token has nothing to predict.
        s.count("sequence_length", &mut p.sequence_length, 2)?;
        s.count("batch", &mut p.batch, 1)?;
        Ok(p)
    }
}
