//! Format cases from a file of JSON lines: `{"id", "text" | "text_parts", "expected", "policy"}`,
//! where `text_parts` are `[string, repeat]` pairs to join, and a `policy` that is not empty
//! marks a case where one may choose otherwise.

#![expect(clippy::print_stdout, reason = "the count is what the test is run for")]

use serde::Deserialize;
use thinkling_reward::strict_format;

const OWN_CASES: &str = include_str!("format_cases.jsonl");

#[derive(Deserialize)]
struct Case {
    id: String,
    text: Option<String>,
    text_parts: Option<Vec<(String, usize)>>,
    expected: bool,
    #[serde(default)]
    policy: String,
}

impl Case {
    fn text(&self) -> String {
        match (&self.text, &self.text_parts) {
            (Some(text), None) => text.clone(),
            (None, Some(parts)) => parts.iter().map(|(text, n)| text.repeat(*n)).collect(),
            _ => panic!("case {} has not exactly one of text and text_parts", self.id),
        }
    }
}

/// Runs the file that `THINKLING_FORMAT_CASES` names, or our own cases.
#[test]
fn format_cases_are_judged_as_expected() {
    let lines = match std::env::var("THINKLING_FORMAT_CASES") {
        Ok(path) => std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}")),
        Err(_) => OWN_CASES.to_owned(),
    };
    let (mut agree, mut firm, mut firm_agree, mut missed) = (0, 0, 0, Vec::new());
    let mut total = 0;
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let case: Case = serde_json::from_str(line).unwrap();
        let verdict = strict_format(&case.text());
        let same = verdict.valid == case.expected;
        total += 1;
        agree += usize::from(same);
        if case.policy.is_empty() {
            firm += 1;
            firm_agree += usize::from(same);
        }
        if !same {
            missed.push(format!("{} ({}): {verdict:?}", case.id, case.policy));
        }
    }
    println!("format-cases total={total} agree={agree} firm={firm} firm_agree={firm_agree}");
    println!("missed: {missed:?}");
    assert!(firm > 0, "no case without policy");
    assert_eq!(firm_agree, firm, "missed: {missed:?}");
}
