//! The `preferences` stage: pairs of a model's answers, of which a judge prefers one.

use std::path::{Path, PathBuf};

use serde::Serialize;
use thinkling_learn::world::LevelMix;

use super::Stage;
use super::answers::{check_greedy, read_drawing};
use super::choice::choices;
use super::range::{NOT_NEGATIVE, Range};
use super::rl::Template;
use super::rollout::RolloutKeys;
use super::section::Section;
use super::teacher::{HttpTeacherKeys, LocalTeacherKeys, TeacherKeys, as_teacher, read_server};
use super::worlds::{GrownQuestions, read_mix};
use crate::error::Result;

/// The most that two responses can differ by.
const MOST: f64 = 2.0;

/// Keys of a stage of `kind = "preferences"` (arXiv 2501.12948v2, the reward model for helpfulness).
///
/// The stage samples `samples` answers of each prompt, forms pairs of them, and asks a judge `times`
/// times which of the two is better, half of the times in either order. It writes the pairs whose
/// verdicts differ by more than `margin` on average, for a `reward-model` stage of `objective =
/// "pairwise"`. It trains nothing: the stage after it starts from the same model unless it has its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PreferencesStage {
    /// What stands around a prompt. `r1-zero` and `none` take prompts of one message. Default `r1-zero`.
    pub template: Template,
    /// Answers of one prompt, at least 2. Default 4.
    pub samples: usize,
    /// Temperature of sampling. Default 1.
    pub temperature: f64,
    /// Samples from the likeliest tokens up to this probability in sum. Default 1.
    pub top_p: f64,
    /// Longest answer in tokens. Default 128.
    pub max_completion_tokens: usize,
    /// Prompts at most, from the first on. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<usize>,
    /// Pairs of one prompt at most, drawn by the seed among all pairs of different answers. Default 1.
    pub pairs_per_prompt: usize,
    /// How often the judge is asked about a pair: an even number, one half for either order. Default
    /// 4, the report's.
    pub times: usize,
    /// Replies of the judge that have to be readable, more than half of `times`, so that some are of
    /// either order. Default: half of `times` and one more.
    pub min_readable: usize,
    /// A pair is kept where its mean difference is above this; verdicts are 0, 1 (better) or 2 (much
    /// better). From 0, below 2. Default 1, the report's.
    pub margin: f64,
    /// Total length of the chosen summaries over that of the rejected ones, in characters, and the
    /// other way round: at most this. At least 1. Default 1.1; the report: "comparable lengths".
    pub max_length_ratio: f64,
    /// What the judge is asked to look at, in place of the built-in instructions; the verdicts to
    /// choose from are added. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// Temperature of the judge. Default 0.6.
    pub judge_temperature: f64,
    /// Longest reply of the judge in tokens. Default 1024.
    pub judge_max_tokens: usize,
    /// What samples the answers. Default: the model itself.
    pub rollout: RolloutKeys,
    /// A server that answers in the place of the stage's model, as in `rejection-sampling`. Default:
    /// none.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_teacher")]
    pub teacher: Option<HttpTeacherKeys>,
    /// Who judges. Required.
    pub judge: TeacherKeys,
    /// Prompts. Required.
    pub data: PromptSource,
}

/// Prompts without a right answer; the key `kind`. Required.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum PromptSource {
    /// `kind = "jsonl"`: a file of one JSON object a line, one JSON array of objects, or a Parquet file.
    Jsonl(PromptFile),
    /// `kind = "mini-world"`: generated problems, those that stages train on.
    MiniWorld(LevelMix),
    /// `kind = "grown-world"`: generated questions of the grown world, those that stages train on.
    GrownWorld(GrownQuestions),
}

/// A file of prompts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PromptFile {
    /// The file.
    pub path: PathBuf,
    /// Field with the prompt: a text, or a list of messages that ends with one of `user`. Default
    /// `prompt`.
    pub prompt: String,
    /// Whether lines that hold no prompt are passed over and counted, instead of ending the run.
    /// Default false.
    pub skip_bad: bool,
}

choices! {
    /// Kinds of sources of prompts.
    enum PromptKind {
        /// A file.
        Jsonl = "jsonl",
        /// Generated.
        MiniWorld = "mini-world",
        /// Generated, of the grown world.
        GrownWorld = "grown-world",
    }
}

impl PreferencesStage {
    /// Reads what is left of the stage's table, after `name`, `kind` and `model`.
    pub(crate) fn read(s: &mut Section<'_>, earlier: &[Stage]) -> Result<Self> {
        let data = PromptSource::read(s.required_section("data")?)?;
        let judge = TeacherKeys::read(s.required_section("judge")?, earlier)?;
        let mut k = Self {
            template: Template::R1Zero,
            samples: 4,
            temperature: 1.0,
            top_p: 1.0,
            max_completion_tokens: 128,
            problems: None,
            pairs_per_prompt: 1,
            times: 4,
            min_readable: 0,
            margin: 1.0,
            max_length_ratio: 1.1,
            instructions: s.text("instructions")?,
            judge_temperature: 0.6,
            judge_max_tokens: 1024,
            rollout: RolloutKeys::default(),
            teacher: read_server(s)?,
            judge,
            data,
        };
        s.choice("template", &mut k.template)?;
        let slots = (&mut k.samples, &mut k.max_completion_tokens, &mut k.problems);
        read_drawing(s, slots, (&mut k.temperature, &mut k.top_p))?;
        if k.samples < 2 {
            return Err(s.conflict("samples", "at least 2, of which a pair is made"));
        }
        check_greedy(s, k.temperature, k.samples)?;
        s.count("pairs_per_prompt", &mut k.pairs_per_prompt, 1)?;
        s.count("times", &mut k.times, 2)?;
        if !k.times.is_multiple_of(2) {
            return Err(s.conflict("times", "an even number, one half for either order"));
        }
        k.min_readable = k.times / 2 + 1;
        // As few as that, all readable replies may be of one order.
        let (least, most) = (k.min_readable as u64, k.times as u64);
        let mut min_readable = least;
        s.integer("min_readable", &mut min_readable, least, most)?;
        // Fits: at most `times`.
        k.min_readable = min_readable as usize;
        s.float("margin", &mut k.margin, NOT_NEGATIVE)?;
        if k.margin >= MOST {
            let expected = format!("a number below {MOST}, the most that verdicts differ by");
            return Err(s.conflict("margin", expected));
        }
        s.float("max_length_ratio", &mut k.max_length_ratio, Range::from(1.0))?;
        s.float("judge_temperature", &mut k.judge_temperature, NOT_NEGATIVE)?;
        s.count("judge_max_tokens", &mut k.judge_max_tokens, 1)?;
        if let Some(section) = s.section("rollout")? {
            k.rollout.read(section)?;
        }
        Ok(k)
    }

    /// Who answers the prompts, as the table that a teacher is read from.
    pub(crate) fn answerer(&self) -> TeacherKeys {
        match &self.teacher {
            Some(server) => TeacherKeys::Http(Box::new(server.clone())),
            None => TeacherKeys::Local(Box::new(LocalTeacherKeys {
                model: None,
                template: self.template,
                system: None,
                rollout: self.rollout,
            })),
        }
    }

    /// Whether the stage's own model answers or judges.
    pub(crate) fn opens_its_model(&self) -> bool {
        let own = |keys: &TeacherKeys| matches!(keys, TeacherKeys::Local(k) if k.model.is_none());
        self.teacher.is_none() || own(&self.judge)
    }

    /// The files that the stage reads, beside the model.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        [self.data.path(), self.judge.path()].into_iter().flatten().map(PathBuf::from).collect()
    }
}

impl PromptSource {
    fn read(mut s: Section<'_>) -> Result<Self> {
        let source = match s.required_choice("kind")? {
            PromptKind::Jsonl => {
                let path = s.required_path("path")?;
                let prompt = s.text("prompt")?.unwrap_or_else(|| "prompt".to_owned());
                let mut skip_bad = false;
                s.flag("skip_bad", &mut skip_bad)?;
                Self::Jsonl(PromptFile { path, prompt, skip_bad })
            }
            PromptKind::MiniWorld => Self::MiniWorld(read_mix(&mut s, LevelMix::default())?),
            PromptKind::GrownWorld => Self::GrownWorld(GrownQuestions::read(&mut s)?),
        };
        s.finish()?;
        Ok(source)
    }

    /// The file, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Jsonl(file) => Some(&file.path),
            Self::MiniWorld(_) | Self::GrownWorld(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
