//! Pairs of gold and prediction with the verdict that definitions give, one JSON object a line in
//! `math_cases.jsonl`: `group`, `gold`, `prediction`, `expected`, and `template` where it is not
//! `none`. What a convention decides is left out, except where the default policy names it.

#![expect(clippy::print_stdout, reason = "the counts are what the test is run for")]

use serde::Deserialize;
use thinkling_reward::Template;
use thinkling_reward::math::{Gold, Policy, Prediction, verify};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    group: String,
    gold: String,
    prediction: String,
    expected: bool,
    #[serde(default = "no_template")]
    template: Template,
}

fn no_template() -> Template {
    Template::None
}

/// What came out, where it is not what is expected. A gold that cannot be read agrees with nothing.
fn disagreement(case: &Case, policy: &Policy) -> Option<String> {
    let judgement = verify(Gold(&case.gold), Prediction(&case.prediction), case.template, policy);
    let got = match &judgement {
        Ok(judgement) if judgement.verdict.is_correct() == case.expected => return None,
        Ok(judgement) => format!("{judgement:?}"),
        Err(error) => error.to_string(),
    };
    let prediction: String = case.prediction.chars().take(200).collect();
    Some(format!(
        "{}: expected: {}, got: {got} (gold {:?}, prediction {prediction:?})",
        case.group, case.expected, case.gold
    ))
}

#[test]
fn right_answers_are_kept_and_near_misses_refused() {
    let policy = Policy::default();
    let lines = include_str!("math_cases.jsonl").lines();
    let cases: Vec<Case> =
        lines.map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let missed: Vec<String> = cases.iter().filter_map(|case| disagreement(case, &policy)).collect();
    println!("math-cases total={} agree={}", cases.len(), cases.len() - missed.len());
    assert!(missed.is_empty(), "{} disagree:\n{}", missed.len(), missed.join("\n"));
}
