//! The rewards of training, for a page.

use crate::WebError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thinkling_grpo::{ScaleRewards, group_advantages};
use thinkling_reward::language::WordCounts;
use thinkling_reward::score::{ScoreKind, ScoreOptions, ScoreTemplate, score_line};
use thinkling_reward::{
    Completion, FormatRule, Problem, RewardSpec, Rule, Template, Verdict, reward,
};

/// How a completion is judged.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct JudgeOptions {
    /// What it should look like; R1-Zero's where it is left out.
    pub template: Option<Template>,
    /// How its format is read where the template asks for one; strictly where it is left out.
    pub format_rule: FormatRule,
    /// Whether it was cut.
    pub truncated: bool,
}

/// A reward with its parts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    verdict: &'static str,
    total: f64,
    components: Vec<Part>,
    extracted: Option<String>,
    reason: Option<String>,
    language: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Part {
    name: String,
    value: f64,
    weight: f64,
}

/// Reads a problem; on a page it need not have a name.
///
/// # Errors
/// JSON that is no problem.
pub fn problem(mut json: Value) -> Result<Problem, WebError> {
    if let Some(object) = json.as_object_mut() {
        object.entry("id").or_insert_with(|| "page".into());
    }
    Ok(serde_json::from_value(json)?)
}

/// Judges a completion of a problem as training does: accuracy, and format where the template is
/// R1-Zero's.
///
/// # Errors
/// A gold answer that cannot be read.
pub fn judge(
    problem: &Problem,
    completion: &str,
    options: JudgeOptions,
) -> Result<Judgement, WebError> {
    let mut spec = RewardSpec::of(options.template.unwrap_or(Template::R1Zero));
    for part in &mut spec.components {
        if let Rule::Format(format) = &mut part.rule {
            format.rule = options.format_rule;
        }
    }
    let seen = Completion { text: completion, truncated: options.truncated, tokens: None };
    let record = reward(problem, &seen, &spec)?;
    let (verdict, reason) = match record.verdict {
        Verdict::Correct => ("correct", None),
        Verdict::Wrong => ("wrong", None),
        Verdict::Unverifiable { reason } => ("unverifiable", Some(reason.to_string())),
    };
    let parts = record.components.iter();
    Ok(Judgement {
        verdict,
        total: record.total,
        components: parts
            .map(|c| Part { name: c.name.to_string(), value: c.value, weight: c.weight })
            .collect(),
        extracted: record.extracted,
        reason: record.note.map(|note| note.into_owned()).or(reason),
        language: problem.language.and_then(|target| {
            let words = WordCounts::of(completion);
            (words.total() > 0).then(|| words.share(target))
        }),
    })
}

/// Scores a line of one rule, see [`thinkling_reward::score`]; `template` and `format_rule` of the
/// options count.
///
/// # Errors
/// A rule that does not exist.
pub fn score(kind: &str, line: &str, options: JudgeOptions) -> Result<Value, WebError> {
    let known = || ScoreKind::ALL.map(ScoreKind::as_str).join(", ");
    let kind = ScoreKind::from_name(kind).ok_or_else(|| {
        WebError::Request(format!("unknown rule, expected: {}, got: {kind:?}", known()))
    })?;
    let template = ScoreTemplate(options.template.unwrap_or(Template::None));
    let format = options.format_rule;
    let options = ScoreOptions { template, format, ..ScoreOptions::default() };
    Ok(serde_json::to_value(score_line(kind, line.as_bytes(), &options))?)
}

/// What a group of rewards would teach.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupAdvantages {
    mean: f64,
    std: f64,
    advantages: Vec<f64>,
}

/// Mean, standard deviation and advantages of one group, as GRPO has them (arXiv 2402.03300, 4.1.1).
///
/// # Errors
/// No rewards, or some that are not finite.
pub fn advantages(rewards: &[f64]) -> Result<GroupAdvantages, WebError> {
    let group = group_advantages(rewards, rewards.len(), ScaleRewards::Group)?;
    Ok(GroupAdvantages {
        mean: group.mean[0],
        std: group.group_std[0],
        advantages: group.advantages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sum() -> Problem {
        problem(json!({
            "question": "19+23?",
            "task": { "kind": "number", "gold": "42" },
            "language": "en",
        }))
        .unwrap()
    }

    #[test]
    fn a_right_answer_in_the_template_earns_both_parts() {
        let text = "<think> nineteen and twenty-three </think> <answer> 42 </answer>";
        let judged = judge(&sum(), text, JudgeOptions::default()).unwrap();
        assert_eq!((judged.verdict, judged.total), ("correct", 2.0));
        assert_eq!(judged.extracted.as_deref(), Some("42"));
        assert_eq!(judged.language, Some(1.0));
        let names: Vec<&str> = judged.components.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["accuracy", "format"]);
    }

    #[test]
    fn the_format_is_read_as_training_read_it() {
        let text = "<think> 19+23=42 </think>19+23 makes 42. <answer> 42 </answer>";
        let strict = judge(&sum(), text, JudgeOptions::default()).unwrap();
        assert_eq!(strict.total, 1.0, "text between thinking and answer");
        let options =
            JudgeOptions { format_rule: FormatRule::ThinkOnly, ..JudgeOptions::default() };
        assert_eq!(judge(&sum(), text, options).unwrap().total, 2.0);
        let line = json!({ "text": text }).to_string();
        assert_eq!(score("format", &line, options).unwrap()["reward"], 1.0);
        assert_eq!(score("format", &line, JudgeOptions::default()).unwrap()["reward"], 0.0);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let judged = judge(&sum(), "42", JudgeOptions::default()).unwrap();
        assert_eq!(judged.language, None, "no words, no language");
        assert_eq!((judged.verdict, judged.total), ("unverifiable", 0.0));
        assert_eq!(judged.reason.as_deref(), Some("no answer block"));
        let cut = JudgeOptions { truncated: true, ..JudgeOptions::default() };
        let judged = judge(&sum(), "<think> a", cut).unwrap();
        assert_eq!(judged.reason.as_deref(), Some("cut at the token limit"));
    }

    #[test]
    fn advantages_are_those_of_training() {
        let group = advantages(&[2.0, 0.0, 1.0, 1.0]).unwrap();
        assert_eq!(group.mean, 1.0);
        assert!((group.std - (2f64 / 3.0).sqrt()).abs() < 1e-12, "{}", group.std);
        assert!(group.advantages[0] > 1.2 && group.advantages[2] == 0.0);
        assert!(advantages(&[]).is_err());
    }

    #[test]
    fn rules_have_names() {
        let line = r#"{"gold":"1/2","prediction":"\\boxed{0.5}"}"#;
        let options = JudgeOptions::default();
        assert_eq!(score("math", line, options).unwrap()["reward"], 1.0);
        assert!(score("maths", line, options).unwrap_err().to_string().contains("countdown"));
    }
}
