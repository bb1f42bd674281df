//! Which answers a stage drops.

use serde::Serialize;
use thinkling_reward::repetition::DEFAULT_NGRAM;
use thinkling_reward::{FormatRule, Language};

use super::choice::choices;
use super::range::SHARE;
use super::rl::Template;
use super::section::Section;
use crate::error::Result;

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

impl Filters {
    pub(super) fn of(template: Template) -> Self {
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

    pub(super) fn read(&mut self, mut s: Section<'_>) -> Result<()> {
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
