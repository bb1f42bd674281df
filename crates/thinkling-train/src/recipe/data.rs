//! Where the texts and questions of a stage come from.

use std::path::{Path, PathBuf};

use serde::Serialize;
use thinkling_learn::world::grown::GrownConfig;
use thinkling_learn::world::{CorpusConfig, LevelMix};

use super::choice::choices;
use super::section::Section;
use super::worlds::{GrownQuestions, read_corpus, read_grown_corpus, read_mix};
use crate::error::Result;

choices! {
    /// Kinds of question sources.
    enum QuestionKind {
        /// Generated.
        MiniWorld = "mini-world",
        /// Generated, of the grown world.
        GrownWorld = "grown-world",
        /// A file whose fields are named.
        Jsonl = "jsonl",
        /// A file whose layout is found.
        File = "file",
    }
}

choices! {
    /// Kinds of text sources.
    enum TextKind {
        /// Generated.
        MiniWorld = "mini-world",
        /// Generated, of the grown world.
        GrownWorld = "grown-world",
        /// A file.
        Text = "text",
    }
}

choices! {
    /// How the gold answer stands in its field.
    pub enum AnswerFormat {
        /// Behind `####` on the last line, thousands with commas, as in GSM8K (arXiv 2110.14168).
        Gsm8k = "gsm8k",
        /// The whole field.
        Plain = "plain",
    }
}

choices! {
    /// What the questions of a file ask for, and so how answers are judged.
    pub enum TaskKind {
        /// Mathematics of any kind, equal by value.
        Math = "math",
        /// One integer or decimal.
        Number = "number",
        /// One of several options, named by its letter.
        Choice = "choice",
        /// A text, character by character.
        Exact = "exact",
        /// A program; the field of the answer holds its tests: a list of assertions, a list of
        /// `{stdin, stdout}`, or an object (`thinkling_reward::code::CodeTests`).
        Code = "code",
    }
}

/// `data` of a `pretrain` stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TextSource {
    /// `kind = "mini-world"`: the generated corpus; the other keys are [`CorpusConfig`]'s.
    MiniWorld(Box<CorpusConfig>),
    /// `kind = "grown-world"`: the grown corpus; the other keys are [`GrownConfig`]'s.
    GrownWorld(Box<GrownConfig>),
    /// `kind = "text"`: a file of UTF-8 text.
    Text {
        /// The file.
        path: PathBuf,
    },
}

/// `data` of an `rl` stage or of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum QuestionSource {
    /// `kind = "mini-world"`: generated problems, disjoint between corpus, training and
    /// evaluation; the other keys are [`LevelMix`]'s.
    MiniWorld(LevelMix),
    /// `kind = "grown-world"`: generated questions of the grown world, disjoint in the same way.
    GrownWorld(GrownQuestions),
    /// `kind = "jsonl"`: a file whose fields are named.
    Jsonl(JsonlSource),
    /// `kind = "file"`: a file in one of the layouts of public data sets.
    File(FileSource),
}

/// A file of JSON lines or one JSON array, plain or gzip, in the layout of a public data set, which
/// is found by its columns (docs/evaluation.md lists them).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileSource {
    /// The file.
    pub path: PathBuf,
    /// Whether records that cannot be used are passed over; otherwise the first one is an error.
    /// Default false.
    pub skip_bad: bool,
}

/// A file with one question a line, or a JSON array of them. The field `language` of a line, where it has one, is the code
/// of the question's language (`en`, `zh`), for a language reward without a target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JsonlSource {
    /// The file.
    pub path: PathBuf,
    /// Name of the field with the question. Default `question`.
    pub question: String,
    /// Name of the field with the gold answer. Default `answer`.
    pub answer: String,
    /// How the gold answer stands in its field. Default `plain`.
    pub format: AnswerFormat,
    /// What is asked for. Default `math`.
    pub task: TaskKind,
}

impl TextSource {
    pub(crate) fn read(mut s: Section<'_>) -> Result<Self> {
        let source = match s.required_choice("kind")? {
            TextKind::MiniWorld => {
                Self::MiniWorld(Box::new(read_corpus(&mut s, CorpusConfig::default())?))
            }
            TextKind::GrownWorld => Self::GrownWorld(Box::new(read_grown_corpus(&mut s)?)),
            TextKind::Text => Self::Text { path: s.required_path("path")? },
        };
        s.finish()?;
        Ok(source)
    }
}

impl QuestionSource {
    pub(crate) fn read(mut s: Section<'_>) -> Result<Self> {
        let source = Self::read_keys(&mut s)?;
        s.finish()?;
        Ok(source)
    }

    /// Reads the source from a table that has other keys too.
    pub(super) fn read_keys(s: &mut Section<'_>) -> Result<Self> {
        Ok(match s.required_choice("kind")? {
            QuestionKind::MiniWorld => Self::MiniWorld(read_mix(s, LevelMix::default())?),
            QuestionKind::GrownWorld => Self::GrownWorld(GrownQuestions::read(s)?),
            QuestionKind::Jsonl => {
                let path = s.required_path("path")?;
                let question = s.text("question")?.unwrap_or_else(|| "question".to_owned());
                let answer = s.text("answer")?.unwrap_or_else(|| "answer".to_owned());
                let mut format = AnswerFormat::Plain;
                s.choice("format", &mut format)?;
                let mut task = TaskKind::Math;
                s.choice("task", &mut task)?;
                let a_number = matches!(task, TaskKind::Math | TaskKind::Number);
                if format == AnswerFormat::Gsm8k && !a_number {
                    return Err(s.conflict("task", "\"math\" or \"number\" for this format"));
                }
                Self::Jsonl(JsonlSource { path, question, answer, format, task })
            }
            QuestionKind::File => {
                let path = s.required_path("path")?;
                let mut skip_bad = false;
                s.flag("skip_bad", &mut skip_bad)?;
                Self::File(FileSource { path, skip_bad })
            }
        })
    }

    /// The file, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::MiniWorld(_) | Self::GrownWorld(_) => None,
            Self::Jsonl(source) => Some(&source.path),
            Self::File(source) => Some(&source.path),
        }
    }
}
