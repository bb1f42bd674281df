//! The `eval` stage: several models of a recipe by one protocol on the same problems.

use std::path::PathBuf;

use serde::Serialize;
use thinkling_reward::{FormatRule, Template as AnswerTemplate};

use super::answers::{check_greedy, read_drawing};
use super::data::QuestionSource;
use super::model::{ModelPlace, last_part};
use super::rewards::read_judge;
use super::rl::Template;
use super::section::Section;
use super::stage::{Stage, policy_of};
use crate::error::Result;
use crate::eval::{MAX_TOKENS, generated_questions, question_source};

/// Keys of a stage of `kind = "eval"`.
///
/// The stage asks each of `models` the problems of each of `data`, as `thinkling eval` does, and
/// writes the measures with their intervals for the report. It trains nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalStage {
    /// What is evaluated, in the order of tables: paths, or `stage:NAME`. Required.
    pub models: Vec<ModelPlace>,
    /// Data files in the layouts of `thinkling eval`, or words that name generated held-out problems.
    /// Required.
    pub data: Vec<EvaluationData>,
    /// Reward models whose mean score of the completions is measured too: `stage:NAME`, or their folders.
    /// Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<ModelPlace>,
    /// Problems of each at most, from the first on. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<usize>,
    /// Answers a problem. Default 4; the report: 4 to 64.
    pub samples: usize,
    /// Temperature; 0 is greedy. Default 0.6, as in the report.
    pub temperature: f64,
    /// Samples from the likeliest tokens up to this probability in sum. Default 0.95, as in the report.
    pub top_p: f64,
    /// Longest completion in tokens. Default 32768, as in the report, or the model's context.
    pub max_completion_tokens: usize,
    /// What stands around a question. Default `r1-zero`.
    pub template: Template,
    /// Where an answer counts. Default `r1-zero` with that template, else `none`.
    pub answer: AnswerTemplate,
    /// Which format is counted. Default `strict` where `answer` is `r1-zero`, else `think-only`.
    pub format: FormatRule,
    /// Whether bad records of the data are skipped. Default false.
    pub skip_bad: bool,
}

/// Problems that models are evaluated on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationData {
    /// What it is called: the word, or the file's name up to its first dot.
    pub name: String,
    /// The file; `None` of generated problems.
    pub path: Option<PathBuf>,
}

impl EvalStage {
    /// Reads what is left of the stage's table, after `name`, `kind` and `model`.
    pub(crate) fn read(s: &mut Section<'_>, earlier: &[Stage]) -> Result<Self> {
        let Some(texts) = s.texts("models")? else {
            let expected = "an array of paths, or of `stage:` and the name of an earlier stage";
            return Err(s.absent("models", expected));
        };
        let models: Vec<ModelPlace> =
            texts.iter().map(|text| read_model(s, text, earlier)).collect::<Result<_>>()?;
        let judges: Vec<ModelPlace> = s
            .texts("judges")?
            .unwrap_or_default()
            .iter()
            .map(|text| read_judge(s, "judges", text, earlier))
            .collect::<Result<_>>()?;
        let Some(texts) = s.texts("data")? else {
            let expected = "an array of files of problems, or of words for generated ones";
            return Err(s.absent("data", expected));
        };
        let data: Vec<EvaluationData> = texts.iter().map(|t| EvaluationData::read(s, t)).collect();
        for (key, names) in [
            ("models", models.iter().map(ModelPlace::name).collect::<Vec<_>>()),
            ("judges", judges.iter().map(ModelPlace::name).collect()),
            ("data", data.iter().map(|data| data.name.clone()).collect()),
        ] {
            if let Some(at) = (1..names.len()).find(|&at| names[..at].contains(&names[at])) {
                let expected = format!("one `{}` alone: results go by names", names[at]);
                return Err(s.conflict(key, expected));
            }
        }
        let mut template = Template::R1Zero;
        s.choice("template", &mut template)?;
        let mut answer = counted_answer(template);
        s.choice("answer", &mut answer)?;
        let mut k = Self {
            models,
            data,
            judges,
            problems: None,
            samples: 4,
            temperature: 0.6,
            top_p: 0.95,
            max_completion_tokens: MAX_TOKENS,
            template,
            answer,
            format: counted_format(answer),
            skip_bad: false,
        };
        s.choice("format", &mut k.format)?;
        let slots = (&mut k.samples, &mut k.max_completion_tokens, &mut k.problems);
        read_drawing(s, slots, (&mut k.temperature, &mut k.top_p))?;
        s.flag("skip_bad", &mut k.skip_bad)?;
        check_greedy(s, k.temperature, k.samples)?;
        Ok(k)
    }

    /// The problems of each of its data.
    pub(crate) fn sources(&self) -> impl Iterator<Item = QuestionSource> + '_ {
        self.data.iter().map(|data| question_source(&data.place(), self.skip_bad))
    }

    /// The files that the stage reads: models that no stage of the recipe makes, and data.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let models = self.models.iter().filter_map(ModelPlace::path).map(PathBuf::from);
        models.chain(self.data.iter().filter_map(|data| data.path.clone())).collect()
    }
}

/// Where answers count in reply to such a prompt.
pub fn counted_answer(template: Template) -> AnswerTemplate {
    match template {
        Template::R1Zero => AnswerTemplate::R1Zero,
        Template::None | Template::Chat => AnswerTemplate::None,
    }
}

/// The format that is counted where answers stand in such a place.
pub fn counted_format(answer: AnswerTemplate) -> FormatRule {
    match answer {
        AnswerTemplate::R1Zero => FormatRule::Strict,
        _ => FormatRule::ThinkOnly,
    }
}

/// Reads a model that is evaluated: one that an earlier stage trained and that writes, or a path.
fn read_model(s: &Section<'_>, text: &str, earlier: &[Stage]) -> Result<ModelPlace> {
    ModelPlace::read(s, "models", text, |name| {
        policy_of(name, earlier)?;
        match earlier.iter().any(|stage| stage.name == name && stage.makes_policy()) {
            true => Ok(()),
            false => Err(format!("a stage that trains a model, not `{name}`")),
        }
    })
}

impl EvaluationData {
    fn read(s: &Section<'_>, text: &str) -> Self {
        if generated_questions(text).is_some() {
            return Self { name: text.to_owned(), path: None };
        }
        let path = s.resolve("data", text);
        let file = last_part(&path);
        let name = file.split('.').find(|part| !part.is_empty()).unwrap_or(&file).to_owned();
        Self { name, path: Some(path) }
    }

    /// The word or the path, as `thinkling eval --data` takes it.
    pub fn place(&self) -> String {
        let path = self.path.as_ref().map(|path| path.display().to_string());
        path.unwrap_or_else(|| self.name.clone())
    }
}

impl Serialize for EvaluationData {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match &self.path {
            Some(path) => path.serialize(to),
            None => to.serialize_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests;
