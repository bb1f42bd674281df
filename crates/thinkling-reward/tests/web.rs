//! The module for JavaScript in a browser: `wasm-pack test --headless --chrome`, which
//! `cargo xtask web` calls as it must be called.
#![cfg(target_arch = "wasm32")]

#[path = "it/table.rs"]
mod table;

use serde_json::{Value, json};
use thinkling_reward::wasm::{default_policy, score, score_lines};
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn now_ms() -> f64;

    #[wasm_bindgen(js_name = Error)]
    type Thrown;

    #[wasm_bindgen(method, getter)]
    fn message(this: &Thrown) -> String;
}

/// The words of what is thrown.
fn thrown(result: Result<String, JsError>) -> String {
    match result {
        Ok(answer) => panic!("expected: an error, got: {answer}"),
        Err(error) => {
            wasm_bindgen::JsCast::unchecked_into::<Thrown>(JsValue::from(error)).message()
        }
    }
}

fn parsed(answer: Result<String, JsError>) -> Value {
    let answer = answer.unwrap_or_else(|_| panic!("thrown where an answer was expected"));
    serde_json::from_str(&answer).expect("an answer is JSON")
}

fn verdict(kind: &str, line: &Value) -> String {
    let answer = parsed(score(kind, &line.to_string(), None, None));
    answer["verdict"].as_str().expect("a verdict").to_owned()
}

#[wasm_bindgen_test]
fn each_row_of_the_shared_table_has_its_answer() {
    let rows = table::rows();
    let mut faults = Vec::new();
    for row in &rows {
        let answer = parsed(score(&row.kind, &row.line, row.template.clone(), None));
        faults.extend(row.fault(&answer.to_string()));
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[wasm_bindgen_test]
fn the_answers_are_those_of_the_host() {
    let rows = table::rows();
    let print = table::fingerprint(&rows);
    console_log!("figure: fingerprint of the shared table, browser: {print}");
    // `cargo xtask web` takes it from the host's test.
    if let Some(host) = option_env!("THINKLING_TABLE_FINGERPRINT") {
        assert_eq!(print, host);
    }
}

#[wasm_bindgen_test]
fn the_shared_table_is_timed() {
    let rows = table::rows();
    let times = table::microseconds(&rows, now_ms);
    assert_eq!(times.len(), rows.len());
    console_log!(
        "figure: shared table of {} lines, browser: {}",
        rows.len(),
        table::summary(&times)
    );
}

#[wasm_bindgen_test]
fn lines_are_answered_one_by_one_in_their_order() {
    let line = |id: u32, text: &str| json!({"id": id, "text": text}).to_string();
    let (good, bad) = (line(1, "<think>a</think><answer>b</answer>"), line(4, "no tags"));
    let lines = format!("{good}\n\r\nno JSON\n{bad}");
    let Ok(answers) = score_lines("format", &lines, None, None) else { panic!("thrown") };
    assert!(answers.ends_with('\n'));
    let answers: Vec<Value> =
        answers.lines().map(|answer| serde_json::from_str(answer).expect("JSON")).collect();
    let of = |field: &str| answers.iter().map(|answer| answer[field].clone()).collect::<Vec<_>>();
    assert_eq!(of("id"), [json!(1), Value::Null, Value::Null, json!(4)]);
    assert_eq!(of("verdict"), ["correct", "error", "error", "wrong"]);
    assert_eq!(of("reward"), [1.0, 0.0, 0.0, 0.0]);
    assert_eq!(score_lines("format", "", None, None).ok().as_deref(), Some(""));
}

#[wasm_bindgen_test]
fn a_mistake_of_the_caller_is_thrown_in_clear_words() {
    let line = r#"{"gold":"1","prediction":"1"}"#;
    assert_eq!(
        thrown(score("maths", line, None, None)),
        "unknown rule, expected: math, choice, countdown, code, format, language, reflection, \
         repetition, got: \"maths\""
    );
    assert_eq!(
        thrown(score_lines("math", line, Some("zero".into()), None)),
        "unknown template, expected: none, r1-zero, boxed, got: \"zero\""
    );
    for policy in ["", "[", "7", r#"{"wholly":true}"#, r#"{"whole":1}"#] {
        let said = thrown(score("math", line, None, Some(policy.into())));
        assert!(said.starts_with("unreadable policy: "), "{policy}: {said}");
    }
}

#[wasm_bindgen_test]
fn a_policy_names_only_what_differs() {
    let line = json!({"gold": "0.28", "prediction": "28%"}).to_string();
    let reward = |policy: Option<&str>| {
        parsed(score("math", &line, None, policy.map(str::to_owned)))["reward"].clone()
    };
    assert_eq!(reward(None), 1.0);
    assert_eq!(reward(Some("{}")), 1.0);
    assert_eq!(reward(Some(r#"{"percent_is_fraction":false}"#)), 0.0);
    let all = parsed(default_policy());
    assert_eq!(reward(Some(&all.to_string())), 1.0);
    assert_eq!(all["percent_is_fraction"], true);
}

#[wasm_bindgen_test]
fn hostile_answers_are_refused_at_once_and_do_not_break_the_module() {
    let start = now_ms();
    let deep = 100_000;
    let hostile = [
        "9^{9^{9^9}}".to_owned(),
        "{".repeat(deep),
        format!("{}1{}", "{".repeat(deep), "}".repeat(deep)),
        format!("\\boxed{{{}1{}}}", "{".repeat(deep), "}".repeat(deep)),
        "\\boxed{".repeat(deep),
        "(".repeat(deep),
        format!("{}7{}", "(".repeat(deep), ")".repeat(deep)),
        "\\frac{1}{".repeat(deep),
        "\\sqrt".repeat(deep),
        "-".repeat(deep),
        "1/".repeat(deep),
        "2^".repeat(deep),
        "!".repeat(deep),
        "9".repeat(10_000_000),
        "<think>".repeat(deep),
        "\\begin{pmatrix}".repeat(deep),
        "|".repeat(deep),
        "\u{202e}".repeat(deep),
    ];
    for prediction in &hostile {
        for kind in ["math", "choice"] {
            let line =
                json!({"gold": if kind == "math" { "7" } else { "B" }, "prediction": prediction});
            let verdict = verdict(kind, &line);
            let head: String = prediction.chars().take(20).collect();
            assert!(verdict == "unverifiable" || verdict == "wrong", "{kind} {head}: {verdict}");
        }
        let line = json!({"numbers": [1, 2], "goal": "3", "prediction": prediction});
        assert_ne!(verdict("countdown", &line), "correct");
        let line = json!({"text": prediction, "target": "en"});
        for kind in ["format", "language", "reflection", "repetition"] {
            assert_ne!(verdict(kind, &line), "error");
        }
    }
    // A line that is deep itself.
    for line in ["[".repeat(deep), "{\"id\":".repeat(deep)] {
        assert_eq!(parsed(score("math", &line, None, None))["verdict"], "error");
    }
    console_log!("{} hostile answers: {:.0} ms", hostile.len(), now_ms() - start);
    let line = json!({"gold": "7", "prediction": "7"});
    assert_eq!(verdict("math", &line), "correct");
}
