//! Texts with the share of words in a language that a reader counts, one JSON object a line in
//! `language_cases.jsonl`: `id`, `text`, `target`, `low`, `high`.

use serde::Deserialize;
use thinkling_reward::Language;
use thinkling_reward::language::language_share;

/// A share that is a fraction is written in decimals.
const ROUNDING: f64 = 1e-9;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    text: String,
    target: Language,
    low: f64,
    high: f64,
}

#[test]
fn shares_of_a_language_are_those_that_a_reader_counts() {
    let lines = include_str!("language_cases.jsonl").lines();
    let missed: Vec<String> = lines
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .filter_map(|case: Case| {
            let share = language_share(&case.text, case.target);
            let within = share >= case.low - ROUNDING && share <= case.high + ROUNDING;
            (!within).then(|| {
                format!("{}: expected: {}..={}, got: {share}", case.id, case.low, case.high)
            })
        })
        .collect();
    assert!(missed.is_empty(), "{} disagree:\n{}", missed.len(), missed.join("\n"));
}
