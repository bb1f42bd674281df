//! `data` of an `rl` stage and of its evaluation: one source of questions, or several with names,
//! weights, templates and rewards of their own.

use serde::{Serialize, Serializer};

use super::{RlStage, Template};
use crate::error::Result;
use crate::recipe::Stage;
use crate::recipe::data::QuestionSource;
use crate::recipe::is_plain_name;
use crate::recipe::range::POSITIVE;
use crate::recipe::rewards::Rewards;
use crate::recipe::section::Section;

/// A source of questions: the keys of [`QuestionSource`], and these.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RlSource {
    /// Its name in metrics and evaluations: letters, digits, `-` and `_`. Default, where there are
    /// several: the file's name without what follows its first dot, `mini-world`, or the grown
    /// world's set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Share of the questions that are drawn of it, beside the weights of the others; not in an
    /// evaluation. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// What stands around its questions. Default: the stage's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// Where its questions come from.
    #[serde(flatten)]
    pub source: QuestionSource,
    /// What completions of its questions are rewarded for. Default: as the stage's table `rewards`
    /// has it; with a template of its own that table over what the template has by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewards: Option<Rewards>,
}

/// A source of which template and rewards are still to be read.
pub(super) struct Opened<'a> {
    section: Section<'a>,
    name: Option<String>,
    source: QuestionSource,
}

impl<'a> Opened<'a> {
    pub(super) fn all(sections: Vec<Section<'a>>) -> Result<Vec<Self>> {
        let several = sections.len() > 1;
        let mut all: Vec<Self> = Vec::with_capacity(sections.len());
        for section in sections {
            let opened = Self::read(section, several)?;
            if several && all.iter().any(|other| other.name == opened.name) {
                let expected = "a name that no other source of the list has";
                return Err(opened.section.conflict("name", expected));
            }
            all.push(opened);
        }
        Ok(all)
    }

    fn read(mut s: Section<'a>, several: bool) -> Result<Self> {
        let mut name = s.text("name")?;
        let source = QuestionSource::read_keys(&mut s)?;
        if name.is_none() && several {
            name = Some(default_name(&source));
        }
        if name.as_ref().is_some_and(|name| !is_plain_name(name)) {
            return Err(s.conflict("name", "letters, digits, `-` and `_`, at most 64"));
        }
        Ok(Self { section: s, name, source })
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The source of an evaluation, which takes after the training source `like` where there is one;
    /// `stage` is the table of the stage.
    pub(super) fn finish(
        mut self,
        stage: &mut Section<'_>,
        r: &RlStage,
        like: Option<&RlSource>,
        earlier: &[Stage],
    ) -> Result<RlSource> {
        let s = &mut self.section;
        let inherited = like.and_then(|like| like.template);
        let template = s.optional_choice("template")?.or(inherited);
        let around = template.unwrap_or(r.template);
        let rewards = if s.has("rewards") {
            Some(r.read_rewards(s, around, earlier)?)
        } else if around == inherited.unwrap_or(r.template) {
            like.and_then(|like| like.rewards.clone())
        } else {
            Some(r.read_rewards(stage, around, earlier)?)
        };
        self.section.finish()?;
        Ok(RlSource { name: self.name, weight: None, template, source: self.source, rewards })
    }

    /// The source of training, one of several or alone.
    pub(super) fn finish_weighted(
        mut self,
        stage: &mut Section<'_>,
        r: &RlStage,
        several: bool,
        earlier: &[Stage],
    ) -> Result<RlSource> {
        let mut weight = several.then_some(1.0);
        self.section.optional_float("weight", &mut weight, POSITIVE)?;
        Ok(RlSource { weight, ..self.finish(stage, r, None, earlier)? })
    }
}

fn default_name(source: &QuestionSource) -> String {
    let file = source.path().and_then(|path| path.file_name()?.to_str());
    let stem = file.map(|name| name.split('.').next().unwrap_or(name));
    let world = match source {
        QuestionSource::GrownWorld(grown) => grown.set.as_str(),
        _ => "mini-world",
    };
    stem.unwrap_or(world).to_owned()
}

impl RlStage {
    /// What stands around the questions of a source.
    pub fn template_of(&self, source: &RlSource) -> Template {
        source.template.unwrap_or(self.template)
    }

    /// What completions of a source's questions are rewarded for.
    pub fn rewards_of<'a>(&'a self, source: &'a RlSource) -> &'a Rewards {
        source.rewards.as_ref().unwrap_or(&self.rewards)
    }

    /// The rewards that some source has, each once.
    pub fn all_rewards(&self) -> Vec<&Rewards> {
        let own = self.data.iter().filter_map(|source| source.rewards.as_ref());
        let shared = self.data.iter().any(|source| source.rewards.is_none());
        shared.then_some(&self.rewards).into_iter().chain(own).collect()
    }
}

/// One source as a table, several as an array of tables.
pub(super) fn one_or_more<S: Serializer>(
    sources: &[RlSource],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    match sources {
        [one] => one.serialize(serializer),
        several => several.serialize(serializer),
    }
}
