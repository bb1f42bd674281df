//! The `rejection-sampling` stage: answers of a model, of which the good ones become examples.

use std::path::PathBuf;

use serde::Serialize;

use super::answers::AnswerKeys;
use super::range::Range;
use super::rl::Template;
use super::section::Section;
use super::sft::ExampleFields;
use super::teacher::{HttpTeacherKeys, as_teacher, read_server};
use crate::error::Result;

/// Keys of a stage of `kind = "rejection-sampling"`.
///
/// The stage asks its model each prompt `samples` times, keeps answers that pass the filters, and
/// writes them as conversations for an `sft` stage. It trains nothing: the stage after it starts from
/// the same model unless it has its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RejectionStage {
    /// What is asked and kept.
    #[serde(flatten)]
    pub answers: AnswerKeys,
    /// A server that answers in the place of the stage's model: `teacher` of `kind = "http"`. With
    /// `template = "r1-zero"` the message has that prompt, else the question alone. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_teacher")]
    pub teacher: Option<HttpTeacherKeys>,
    /// Other conversations that are added. Default: none; the report's 200k beside 600k.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mix: Vec<MixSource>,
}

/// One table of `mix`: a file of conversations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MixSource {
    /// The file.
    pub path: PathBuf,
    /// How a conversation stands in its object, as in `data` of an `sft` stage.
    #[serde(flatten)]
    pub fields: ExampleFields,
    /// How many are taken.
    #[serde(flatten)]
    pub amount: MixAmount,
}

/// How many conversations of a file are taken, chosen by the seed: at most as many as it has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MixAmount {
    /// So many that they are this share of all that the stage writes.
    Share(f64),
    /// So many.
    Count(usize),
}

impl RejectionStage {
    /// Reads what is left of the stage's table, after `name`, `kind` and `model`.
    pub(crate) fn read(s: &mut Section<'_>) -> Result<Self> {
        let mut template = Template::R1Zero;
        s.choice("template", &mut template)?;
        let mut stage = Self::read_keys(s, template)?;
        if let Some(section) = s.section("rollout")? {
            stage.answers.rollout.read(section)?;
        }
        stage.teacher = read_server(s)?;
        Ok(stage)
    }

    /// Reads all keys but those that say who answers to what.
    pub(super) fn read_keys(s: &mut Section<'_>, template: Template) -> Result<Self> {
        let answers = AnswerKeys::read(s, template)?;
        Ok(Self { answers, teacher: None, mix: read_mix(s)? })
    }

    /// The files that the stage reads, beside the model.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let mix = self.mix.iter().map(|m| m.path.clone());
        self.answers.paths().chain(mix).collect()
    }
}

fn read_mix(s: &mut Section<'_>) -> Result<Vec<MixSource>> {
    let mix: Vec<_> = s.tables("mix")?.into_iter().map(MixSource::read).collect::<Result<_>>()?;
    let shares: f64 = mix.iter().filter_map(MixSource::share).sum();
    if shares >= 1.0 {
        return Err(s.conflict("mix", "shares that leave something for the stage's own answers"));
    }
    Ok(mix)
}

impl MixSource {
    fn read(mut s: Section<'_>) -> Result<Self> {
        let path = s.required_path("path")?;
        let fields = ExampleFields::read(&mut s)?;
        let (mut share, mut count) = (0.0, 0);
        s.float("share", &mut share, Range::BELOW_ONE)?;
        s.count("count", &mut count, 0)?;
        let amount = match (s.has("share"), s.has("count")) {
            (true, false) => MixAmount::Share(share),
            (false, true) => MixAmount::Count(count),
            (true, true) => return Err(s.conflict("count", "`share` or `count`, not both")),
            (false, false) => return Err(s.absent("share", "a share below 1, or `count`")),
        };
        s.finish()?;
        Ok(Self { path, fields, amount })
    }

    /// The share of all that is written, where it is one.
    pub(crate) fn share(&self) -> Option<f64> {
        match self.amount {
            MixAmount::Share(share) => Some(share),
            MixAmount::Count(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
