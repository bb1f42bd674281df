//! The `cold-start` stage: readable trajectories of a model that reinforcement learning alone made.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Stage;
use super::answers::AnswerKeys;
use super::choice::choices;
use super::range::{NOT_NEGATIVE, POSITIVE_SHARE};
use super::rl::Template;
use super::section::Section;
use super::sft::ExampleFields;
use super::teacher::TeacherKeys;
use super::tree::Value;
use crate::error::Result;

/// The report's delimiter, as it prints it.
const DELIMITER: &str = "|special_token|";

choices! {
    /// How a record lays out thinking and summary.
    pub enum RecordLayout {
        /// `<think> thinking </think> summary`.
        Tags = "tags",
        /// `|special_token|thinking|special_token|summary`, the report's (arXiv 2501.12948v1,
        /// section 2.3.1).
        SpecialToken = "special-token",
    }
}

choices! {
    /// Kinds of worked examples.
    enum ShotKind {
        /// A file of conversations.
        Jsonl = "jsonl",
        /// Generated.
        MiniWorld = "mini-world",
    }
}

/// Keys of a stage of `kind = "cold-start"` (arXiv 2501.12948v1, section 2.3.1).
///
/// The stage samples several trajectories of each prompt from its model, in two ways: by the template
/// alone, and behind worked examples. Correct and readable ones are kept, wait in a queue for a person,
/// and those that are accepted become the conversations of an `sft` stage. It trains nothing: the stage
/// after it starts from the same model unless it has its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColdStartStage {
    /// What is asked and kept.
    #[serde(flatten)]
    pub answers: AnswerKeys,
    /// Worked examples before the question, for a share of the answers. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub few_shot: Option<FewShot>,
    /// Who rewrites what is kept. Default `none`; the report: people, then a model by their examples.
    pub rewrite: Rewrite,
    /// How a record lays out thinking and summary. Default `tags`.
    pub layout: RecordLayout,
    /// What stands before thinking and summary with `layout = "special-token"`. Default
    /// `|special_token|`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// Whether everything in the queue is accepted without a person, which the decisions and the
    /// counts record. Default false; the report: people.
    pub accept_all: bool,
}

/// Keys of the table `few_shot`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FewShot {
    /// Share of a prompt's answers that are asked for in this way. Default 0.5.
    pub share: f64,
    /// Examples before the question. Default 2.
    pub shots: usize,
    /// Text between an example and what follows it, with the templates `r1-zero` and `none`; special
    /// tokens may be written in it. Default: a blank line.
    pub separator: String,
    /// Where the examples come from. Required.
    pub examples: ShotSource,
}

/// Worked examples: questions with replies that think at length, reflect and verify.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ShotSource {
    /// `kind = "jsonl"`: conversations of one question and one answer.
    Jsonl {
        /// The file.
        path: PathBuf,
        /// How a conversation stands in its object, as in `data` of an `sft` stage.
        #[serde(flatten)]
        fields: ExampleFields,
    },
    /// `kind = "mini-world"`: generated ones, of problems that no stage asks.
    MiniWorld,
}

/// The key `rewrite`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Rewrite {
    /// `"none"`: the summary is what stands behind the thinking.
    None(NoRewrite),
    /// A table.
    Teacher(Box<RewriteKeys>),
}

choices! {
    /// The only word for `rewrite`.
    pub enum NoRewrite {
        /// Nothing is rewritten.
        None = "none",
    }
}

/// Keys of the table `rewrite`: a teacher makes first-person reasoning in the question's language and a
/// faithful summary of each trajectory. What fails the checks afterwards is dropped and counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RewriteKeys {
    /// A file of rewritten trajectories, one JSON object a line with `question`, `original`,
    /// `thinking` and `summary`, of which some stand in each request. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub examples: Option<PathBuf>,
    /// How many. Default 2, or 0 without a file.
    pub shots: usize,
    /// What is asked, in place of the built-in instructions. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// Temperature of the teacher. Default 0.6.
    pub temperature: f64,
    /// Longest rewriting in tokens. Required.
    pub max_tokens: usize,
    /// Who rewrites. Required.
    pub teacher: TeacherKeys,
}

impl Rewrite {
    fn read(s: &mut Section<'_>, earlier: &[Stage]) -> Result<Self> {
        let expected = "\"none\", or a table with `teacher`";
        match s.node("rewrite").map(|node| &node.value) {
            None => Ok(Self::None(NoRewrite::None)),
            Some(Value::String(text)) if text == NoRewrite::None.as_str() => {
                Ok(Self::None(NoRewrite::None))
            }
            Some(Value::Table(_)) => {
                let section = s.required_section("rewrite")?;
                Ok(Self::Teacher(Box::new(RewriteKeys::read(section, earlier)?)))
            }
            Some(_) => Err(s.conflict("rewrite", expected)),
        }
    }
}

impl RewriteKeys {
    fn read(mut s: Section<'_>, earlier: &[Stage]) -> Result<Self> {
        let examples = s.text("examples")?.map(|path| s.resolve("examples", &path));
        let mut shots = if examples.is_some() { 2 } else { 0 };
        s.count("shots", &mut shots, 0)?;
        if shots > 0 && examples.is_none() {
            return Err(s.conflict("shots", "`examples` beside it"));
        }
        let instructions = s.text("instructions")?;
        let mut keys = Self {
            examples,
            shots,
            instructions,
            temperature: 0.6,
            max_tokens: 0,
            teacher: TeacherKeys::read(s.required_section("teacher")?, earlier)?,
        };
        s.float("temperature", &mut keys.temperature, NOT_NEGATIVE)?;
        s.required_count("max_tokens", &mut keys.max_tokens, 1)?;
        s.finish()?;
        Ok(keys)
    }
}

impl ColdStartStage {
    /// Reads what is left of the stage's table, after `name`, `kind` and `model`.
    pub(crate) fn read(s: &mut Section<'_>, earlier: &[Stage]) -> Result<Self> {
        let mut template = Template::R1Zero;
        s.choice("template", &mut template)?;
        let mut answers = AnswerKeys::read(s, template)?;
        if let Some(section) = s.section("rollout")? {
            answers.rollout.read(section)?;
        }
        let few_shot = s.section("few_shot")?.map(|f| FewShot::read(f, answers.samples));
        let mut stage = Self {
            answers,
            few_shot: few_shot.transpose()?,
            rewrite: Rewrite::read(s, earlier)?,
            layout: RecordLayout::Tags,
            delimiter: None,
            accept_all: false,
        };
        s.choice("layout", &mut stage.layout)?;
        let delimiter = s.text("delimiter")?;
        stage.delimiter = match stage.layout {
            RecordLayout::SpecialToken => delimiter.or_else(|| Some(DELIMITER.to_owned())),
            RecordLayout::Tags if delimiter.is_some() => {
                return Err(s.conflict("delimiter", "`layout` = \"special-token\" beside it"));
            }
            RecordLayout::Tags => None,
        };
        s.flag("accept_all", &mut stage.accept_all)?;
        Ok(stage)
    }

    /// Answers of a prompt that are asked for plainly, and behind examples.
    pub fn samples(&self) -> (usize, usize) {
        let few_shot = self.few_shot.as_ref().map_or(0, |f| f.samples(self.answers.samples));
        (self.answers.samples - few_shot, few_shot)
    }

    /// The files that the stage reads, beside the model.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let shots = self.few_shot.as_ref().and_then(|few_shot| few_shot.examples.path());
        let rewriting = match &self.rewrite {
            Rewrite::None(_) => [None, None],
            Rewrite::Teacher(keys) => [keys.examples.as_deref(), keys.teacher.path()],
        };
        let own = [shots].into_iter().chain(rewriting).flatten();
        self.answers.paths().chain(own.map(Path::to_path_buf)).collect()
    }
}

impl FewShot {
    fn read(mut s: Section<'_>, samples: usize) -> Result<Self> {
        let examples = ShotSource::read(s.required_section("examples")?)?;
        let mut few_shot = Self { share: 0.5, shots: 2, separator: "\n\n".to_owned(), examples };
        s.float("share", &mut few_shot.share, POSITIVE_SHARE)?;
        s.count("shots", &mut few_shot.shots, 1)?;
        if let Some(separator) = s.any_text("separator")? {
            few_shot.separator = separator;
        }
        if few_shot.samples(samples) == 0 {
            let expected = format!("a share that comes to at least one of {samples} `samples`");
            return Err(s.conflict("share", expected));
        }
        s.finish()?;
        Ok(few_shot)
    }

    /// So many of a prompt's answers.
    fn samples(&self, samples: usize) -> usize {
        ((self.share * samples as f64).round() as usize).min(samples)
    }
}

impl ShotSource {
    fn read(mut s: Section<'_>) -> Result<Self> {
        let source = match s.required_choice("kind")? {
            ShotKind::Jsonl => {
                let path = s.required_path("path")?;
                Self::Jsonl { path, fields: ExampleFields::read(&mut s)? }
            }
            ShotKind::MiniWorld => Self::MiniWorld,
        };
        s.finish()?;
        Ok(source)
    }

    /// The file, where it is one.
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Jsonl { path, .. } => Some(path),
            Self::MiniWorld => None,
        }
    }
}

#[cfg(test)]
mod tests;
