//! The `rejection-sampling` stage: answers of a model, of which the good ones become examples.

use std::path::PathBuf;

use serde::Serialize;
use thinkling_reward::repetition::DEFAULT_NGRAM;
use thinkling_reward::{FormatRule, Language, RewardSpec};

use super::choice::choices;
use super::data::QuestionSource;
use super::range::{NOT_NEGATIVE, POSITIVE_SHARE, Range, SHARE};
use super::rewards::{AccuracyKeys, Rewards};
use super::rl::Template;
use super::rollout::RolloutKeys;
use super::section::Section;
use super::sft::ExampleFields;
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

choices! {
    /// Which format an answer has to keep.
    pub enum FormatFilter {
        /// None.
        Off = "off",
        /// The template of R1-Zero.
        Strict = "strict",
        /// Each of the four tags once.
        TagCount = "tag-count",
        /// Thinking in its tags, then an answer.
        ThinkOnly = "think-only",
    }
}

impl FormatFilter {
    /// The rule, where there is one.
    pub fn rule(self) -> Option<FormatRule> {
        match self {
            Self::Off => None,
            Self::Strict => Some(FormatRule::Strict),
            Self::TagCount => Some(FormatRule::TagCount),
            Self::ThinkOnly => Some(FormatRule::ThinkOnly),
        }
    }
}

/// Keys of a stage of `kind = "rejection-sampling"`.
///
/// The stage asks its model each prompt `samples` times, keeps answers that pass the filters, and
/// writes them as conversations for an `sft` stage. It trains nothing: the stage after it starts from
/// the same model unless it has its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RejectionStage {
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
    /// Other conversations that are added. Default: none; the report's 200k beside 600k.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mix: Vec<MixSource>,
}

/// Keys of the table `filters`, in the order in which they are applied; an answer is counted at the
/// first one that drops it. The report (arXiv 2501.12948, section 2.3.3) drops wrong answers, mixed
/// languages, long paragraphs and code blocks and gives no thresholds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Filters {
    /// Drops answers that were cut at `max_completion_tokens`. Default true.
    pub truncated: bool,
    /// Drops answers that are not right. Default true.
    pub correct: bool,
    /// Drops answers that do not keep this format. Default `strict` with the template `r1-zero`, else
    /// `off`.
    pub format: FormatFilter,
    /// Drops answers of whose words more than this share stands in n-grams that stood there before
    /// ([`thinkling_reward::repetition`]); 1 drops none. Default 0.2.
    pub max_repetition: f64,
    /// Words of such an n-gram. Default 40.
    pub repetition_ngram: usize,
    /// Drops answers whose chain of thought has less than this share of its words in one language
    /// ([`thinkling_reward::language`]); 0 drops none. A chain of thought without words passes.
    /// Default 0.9.
    pub min_language: f64,
    /// The language. Default: that of the question where its data says so, else the one with the
    /// most words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Drops answers with a paragraph of more words and signs than this in the chain of thought; 0
    /// drops none. Blank lines end paragraphs. Default 300.
    pub max_paragraph: usize,
    /// Drops answers with a code block (a line that begins with three backticks or tildes) inside
    /// `<think>`. Default true.
    pub code_blocks: bool,
}

/// Keys of the table `decontaminate`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decontaminate {
    /// Files of evaluation problems in the layouts of public data sets. Required.
    pub files: Vec<PathBuf>,
    /// Words in a row that prompt and problem may not share. Default 13.
    pub ngram: usize,
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
        let data = QuestionSource::read(s.required_section("data")?)?;
        let mut template = Template::R1Zero;
        s.choice("template", &mut template)?;
        let mut r = Self {
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
            mix: Vec::new(),
        };
        s.count("samples", &mut r.samples, 1)?;
        s.float("temperature", &mut r.temperature, NOT_NEGATIVE)?;
        s.float("top_p", &mut r.top_p, POSITIVE_SHARE)?;
        s.count("max_completion_tokens", &mut r.max_completion_tokens, 1)?;
        let mut problems = 0;
        s.count("problems", &mut problems, 1)?;
        r.problems = (problems > 0).then_some(problems);
        s.count("keep_per_prompt", &mut r.keep_per_prompt, 1)?;
        s.choice("keep", &mut r.keep)?;
        s.flag("deduplicate", &mut r.deduplicate)?;
        if let Some(mut section) = s.section("accuracy")? {
            r.accuracy.read(&mut section)?;
            section.finish()?;
        }
        if let Some(section) = s.section("filters")? {
            r.filters.read(section)?;
        }
        if let Some(section) = s.section("decontaminate")? {
            r.decontaminate = Some(Decontaminate::read(section)?);
        }
        if let Some(section) = s.section("rollout")? {
            r.rollout.read(section)?;
        }
        r.mix = read_mix(s)?;
        if r.temperature == 0.0 && r.samples > 1 {
            return Err(
                s.conflict("samples", "1 where `temperature` is 0: all answers are the same")
            );
        }
        Ok(r)
    }

    /// The files that the stage reads, beside the model.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let data = self.data.path().map(PathBuf::from);
        let evaluations = self.decontaminate.iter().flat_map(|d| d.files.iter().cloned());
        let mix = self.mix.iter().map(|m| m.path.clone());
        data.into_iter().chain(evaluations).chain(mix).collect()
    }

    /// How answers are judged.
    pub fn rewards(&self) -> RewardSpec {
        let mut rewards = Rewards::of(self.template);
        rewards.accuracy.rule = self.accuracy.clone();
        // Where cut answers are to pass, what they hold counts.
        RewardSpec { truncated_earns_nothing: self.filters.truncated, ..rewards.accuracy_spec() }
    }
}

impl Filters {
    fn of(template: Template) -> Self {
        let format = match template {
            Template::R1Zero => FormatFilter::Strict,
            Template::None | Template::Chat => FormatFilter::Off,
        };
        Self {
            truncated: true,
            correct: true,
            format,
            max_repetition: 0.2,
            repetition_ngram: DEFAULT_NGRAM,
            min_language: 0.9,
            language: None,
            max_paragraph: 300,
            code_blocks: true,
        }
    }

    fn read(&mut self, mut s: Section<'_>) -> Result<()> {
        s.flag("truncated", &mut self.truncated)?;
        s.flag("correct", &mut self.correct)?;
        s.choice("format", &mut self.format)?;
        s.float("max_repetition", &mut self.max_repetition, SHARE)?;
        s.count("repetition_ngram", &mut self.repetition_ngram, 1)?;
        s.float("min_language", &mut self.min_language, SHARE)?;
        self.language = s.optional_choice("language")?;
        s.count("max_paragraph", &mut self.max_paragraph, 0)?;
        s.flag("code_blocks", &mut self.code_blocks)?;
        s.finish()
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
