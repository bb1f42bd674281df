//! Keys of stages that ask a model and keep its good answers.

use std::path::PathBuf;

use serde::Serialize;
use thinkling_reward::RewardSpec;

use super::choice::choices;
use super::data::QuestionSource;
use super::filters::Filters;
use super::range::{NOT_NEGATIVE, POSITIVE_SHARE};
use super::rewards::{AccuracyKeys, Rewards};
use super::rl::Template;
use super::rollout::RolloutKeys;
use super::section::Section;
use crate::error::Result;

choices! {
    /// Which of a prompt's good answers are kept first.
    pub enum KeepOrder {
        /// The ones that were drawn first.
        First = "first",
        /// The ones with the fewest tokens; among equal ones the first.
        Shortest = "shortest",
    }
}

/// What a stage asks, how it draws answers, and which ones it keeps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnswerKeys {
    /// What stands around a question. Default `r1-zero`.
    pub template: Template,
    /// Answers of one prompt. Default 4; the report: "multiple".
    pub samples: usize,
    /// Temperature of sampling; 0 is greedy. Default 1.
    pub temperature: f64,
    /// Samples from the likeliest tokens up to this probability in sum. Default 1.
    pub top_p: f64,
    /// Longest answer in tokens. Default 128.
    pub max_completion_tokens: usize,
    /// Prompts at most, from the first on. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<usize>,
    /// Answers kept of one prompt at most. Default 1.
    pub keep_per_prompt: usize,
    /// Which ones. Default `first`.
    pub keep: KeepOrder,
    /// Whether of equal conversations, but for white space, only the first is kept. Default true.
    pub deduplicate: bool,
    /// How answers are judged: the keys of `rewards.accuracy` of an `rl` stage.
    pub accuracy: AccuracyKeys,
    /// Which answers are dropped.
    pub filters: Filters,
    /// Evaluation problems that no prompt may share words with. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decontaminate: Option<Decontaminate>,
    /// What samples. Default: the model itself.
    pub rollout: RolloutKeys,
    /// Questions. Required.
    pub data: QuestionSource,
}

/// Keys of the table `decontaminate`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decontaminate {
    /// Files of evaluation problems in the layouts of public data sets. Required.
    pub files: Vec<PathBuf>,
    /// Words in a row that prompt and problem may not share. Default 13.
    pub ngram: usize,
}

impl AnswerKeys {
    /// Reads its keys of a stage's table but `template` and `rollout`.
    pub(super) fn read(s: &mut Section<'_>, template: Template) -> Result<Self> {
        let data = QuestionSource::read(s.required_section("data")?)?;
        let mut k = Self {
            template,
            samples: 4,
            temperature: 1.0,
            top_p: 1.0,
            max_completion_tokens: 128,
            problems: None,
            keep_per_prompt: 1,
            keep: KeepOrder::First,
            deduplicate: true,
            accuracy: Rewards::of(template).accuracy.rule,
            filters: Filters::of(template),
            decontaminate: None,
            rollout: RolloutKeys::default(),
            data,
        };
        let slots = (&mut k.samples, &mut k.max_completion_tokens, &mut k.problems);
        read_drawing(s, slots, (&mut k.temperature, &mut k.top_p))?;
        s.count("keep_per_prompt", &mut k.keep_per_prompt, 1)?;
        s.choice("keep", &mut k.keep)?;
        s.flag("deduplicate", &mut k.deduplicate)?;
        if let Some(mut section) = s.section("accuracy")? {
            k.accuracy.read(&mut section)?;
            section.finish()?;
        }
        if let Some(section) = s.section("filters")? {
            k.filters.read(section)?;
        }
        if let Some(section) = s.section("decontaminate")? {
            k.decontaminate = Some(Decontaminate::read(section)?);
        }
        check_greedy(s, k.temperature, k.samples)?;
        Ok(k)
    }

    /// The files that it names.
    pub(super) fn paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let data = self.data.path().map(PathBuf::from);
        let evaluations = self.decontaminate.iter().flat_map(|d| d.files.iter().cloned());
        data.into_iter().chain(evaluations)
    }

    /// How answers are judged.
    pub fn rewards(&self) -> RewardSpec {
        let mut rewards = Rewards::of(self.template);
        rewards.accuracy.rule = self.accuracy.clone();
        // Where cut answers are to pass, what they hold counts.
        RewardSpec { truncated_earns_nothing: self.filters.truncated, ..rewards.accuracy_spec() }
    }
}

/// Reads the keys `samples`, `max_completion_tokens` and `problems`, `temperature` and `top_p`.
pub(super) fn read_drawing(
    s: &mut Section<'_>,
    (samples, tokens, problems): (&mut usize, &mut usize, &mut Option<usize>),
    (temperature, top_p): (&mut f64, &mut f64),
) -> Result<()> {
    s.count("samples", samples, 1)?;
    s.float("temperature", temperature, NOT_NEGATIVE)?;
    s.float("top_p", top_p, POSITIVE_SHARE)?;
    s.count("max_completion_tokens", tokens, 1)?;
    let mut most = 0;
    s.count("problems", &mut most, 1)?;
    *problems = (most > 0).then_some(most);
    Ok(())
}

/// Refuses several answers that would all be the same.
pub(super) fn check_greedy(s: &Section<'_>, temperature: f64, samples: usize) -> Result<()> {
    match temperature == 0.0 && samples > 1 {
        true => Err(s.conflict("samples", "1 where `temperature` is 0: all answers are the same")),
        false => Ok(()),
    }
}

impl Decontaminate {
    fn read(mut s: Section<'_>) -> Result<Self> {
        let files = match s.texts("files")? {
            Some(files) => files.iter().map(|file| s.resolve("files", file)).collect(),
            None => return Err(s.absent("files", "an array of paths of evaluation problems")),
        };
        let mut ngram = 13;
        s.count("ngram", &mut ngram, 2)?;
        s.finish()?;
        Ok(Self { files, ngram })
    }
}
