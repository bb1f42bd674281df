//! The golds of real data sets, read where they lie: the folder `THINKLING_DATA`. Every gold
//! verifies against itself and, where the set has solutions, against its own solution's text.
//! Without the variable the tests run on nothing and say so.

#![expect(clippy::print_stdout, reason = "the counts are what the tests are run for")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use thinkling_reward::Template;
use thinkling_reward::math::{Gold, Policy, Prediction, verify};

/// A gold and, where there is one, a text that reaches it.
struct Row {
    place: String,
    gold: String,
    solution: Option<String>,
}

/// Name, file, fields of the gold and of the solution.
const SETS: &[(&str, &str, &str, &str)] = &[
    ("GSM8K train", "gsm8k/train.jsonl", "answer", "answer"),
    ("GSM8K test", "gsm8k/test.jsonl", "answer", "answer"),
    ("MATH train", "math/train.json", "answer", ""),
    ("MATH-500", "math500/test.jsonl", "answer", "solution"),
    ("AIME 2024", "aime/aime24.jsonl", "answer", "solution"),
    ("AIME 2025", "aime/aime25.jsonl", "answer", ""),
    ("AMC 2023", "amc23/test.jsonl", "answer", ""),
    ("SVAMP", "svamp/SVAMP.json", "Answer", ""),
];

fn rows(folder: &Path, file: &str, gold: &str, solution: &str) -> Vec<Row> {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let values: Vec<Value> = match serde_json::from_str(&text) {
        Ok(Value::Array(values)) => values,
        _ => text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect(),
    };
    let word = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let row = |(i, value): (usize, &Value)| {
        // Two rows of MATH train have no answer at all.
        let gold = word(&value[gold])?;
        Some(Row { place: format!("{file}:{}", i + 1), gold, solution: word(&value[solution]) })
    };
    values.iter().enumerate().filter_map(row).collect()
}

fn agrees(gold: &str, text: &str) -> Result<(), String> {
    match verify(Gold(gold), Prediction(text), Template::None, &Policy::default()) {
        Ok(judgement) if judgement.verdict.is_correct() => Ok(()),
        Ok(judgement) => Err(format!("{judgement:?}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Golds that are errors of their data set, and the word that the message has.
const GOLD_ERRORS: &[(&str, &str)] = &[
    ("math/train.json:5329", "blank"),
    ("math/train.json:5331", "blank"),
    // A `\phantom` in a matrix: what a macro hides or shows is not read.
    ("math/train.json:6769", "unknown command"),
];

/// How many golds of a set may fail to be found in their solution's own text: solutions that end
/// without naming the answer in a place that counts. Each is printed.
const WITHOUT_ANSWER: &[(&str, usize)] = &[];

#[test]
fn every_gold_verifies_against_itself_and_its_solution() {
    let Ok(folder) = std::env::var("THINKLING_DATA") else {
        println!("THINKLING_DATA is not set: no data sets");
        return;
    };
    let (mut failed, mut too_many) = (Vec::new(), Vec::new());
    for (name, file, gold, solution) in SETS {
        let rows = rows(Path::new(&folder), file, gold, solution);
        let (mut itself, mut own, mut solutions) = (0, 0, 0);
        let mut missed = Vec::new();
        for row in &rows {
            let fault = GOLD_ERRORS.iter().find(|(place, _)| *place == row.place);
            match (agrees(&row.gold, &row.gold), fault) {
                (Ok(()), None) => itself += 1,
                (Err(why), Some((_, word))) if why.contains(word) => {
                    println!("{}: {why}", row.place);
                }
                (Ok(()), Some(_)) => failed.push(format!("{} is no error", row.place)),
                (Err(why), _) => failed.push(format!("{} {:?}: {why}", row.place, row.gold)),
            }
            let Some(text) = &row.solution else { continue };
            solutions += 1;
            match agrees(&row.gold, text) {
                Ok(()) => own += 1,
                Err(why) => missed.push(format!("{} {:?}: {why}", row.place, row.gold)),
            }
        }
        println!("{name}: itself {itself} of {}, solution {own} of {solutions}", rows.len());
        println!("{}", missed.join("\n"));
        let allowed = WITHOUT_ANSWER.iter().find(|(n, _)| n == name).map_or(0, |(_, count)| *count);
        if solutions - own > allowed {
            too_many.push(format!("{name}: {own} of {solutions}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(too_many.is_empty(), "{}", too_many.join("\n"));
}

/// The value behind `####`, written once a value: golds of different value never verify as equal.
#[test]
fn no_two_golds_of_different_value_are_equal() {
    let Ok(folder) = std::env::var("THINKLING_DATA") else {
        println!("THINKLING_DATA is not set: no data sets");
        return;
    };
    let mut values = BTreeMap::new();
    for file in ["gsm8k/train.jsonl", "gsm8k/test.jsonl"] {
        for row in rows(Path::new(&folder), file, "answer", "") {
            let number = row.gold.rsplit("####").next().expect("a part").trim().to_owned();
            // Exact: golds are short decimals.
            let value: f64 = number.replace(',', "").parse().expect("a number");
            values.entry(value.to_bits()).or_insert(number);
        }
    }
    let numbers: Vec<&String> = values.values().collect();
    let mut pairs = 0;
    for (i, a) in numbers.iter().enumerate() {
        for b in &numbers[i + 1..] {
            pairs += 1;
            assert!(agrees(a, b).is_err(), "{a} and {b}");
        }
    }
    println!("{} values, {pairs} pairs, none equal", numbers.len());
}
