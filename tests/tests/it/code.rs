//! Code rewards through a binary that was built with the feature `sandbox`, on the interpreter
//! that `THINKLING_WASI_PYTHON` names. Ignored by default; `cargo xtask test` builds that binary
//! and runs them.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling};

use crate::runs::{Tiny, json_lines, start};

/// Scores lines of code, in order.
fn score(lines: &[Value]) -> Vec<Value> {
    let dir = tempdir().expect("temporary folder");
    let (from, to) = (dir.path().join("in.jsonl"), dir.path().join("out.jsonl"));
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    fs::write(&from, text.join("\n")).expect("written lines");
    let files = ["--in".as_ref(), from.as_os_str(), "--out".as_ref(), to.as_os_str()];
    let call = ["score".as_ref(), "code".as_ref()].into_iter().chain(files);
    let _ = thinkling(call).ends_with(exit::DONE);
    json_lines(&to)
}

fn verdict(answer: &Value) -> &str {
    answer["verdict"].as_str().unwrap_or_else(|| panic!("no verdict: {answer}"))
}

#[test]
#[ignore = "needs a binary with the sandbox: `cargo xtask test`"]
fn with_sandbox_programs_are_judged_by_their_tests() {
    let asserts = json!(["assert add(1, 2) == 3", "assert add(-1, 1) == 0"]);
    let pairs = json!([{"stdin": "2\n", "stdout": "4\n"}, {"stdin": "5\n", "stdout": "25\n"}]);
    let cases = [
        (&asserts, "```python\ndef add(a, b):\n    return a + b\n```", "correct", ""),
        (&asserts, "def add(a, b):\n    return a - b", "wrong", ""),
        (&asserts, "def add(a, b)\n    return a + b", "wrong", "compile"),
        (&asserts, "def add(a, b):\n    while True:\n        pass", "wrong", "time"),
        (&asserts, "def add(a, b):\n    return ' ' * (1 << 34)", "wrong", ""),
        (&asserts, "def add(a, b):\n    return open('/etc/passwd').read()", "wrong", ""),
        (&pairs, "print(int(input()) ** 2)", "correct", ""),
        (&pairs, "print(int(input()) * 2)", "wrong", ""),
    ];
    let lines: Vec<Value> = cases
        .iter()
        .map(|(tests, prediction, ..)| json!({"tests": tests, "prediction": prediction}))
        .collect();
    let answers = score(&lines);
    assert_eq!(answers.len(), cases.len());
    for ((_, program, expected, reason), answer) in cases.iter().zip(&answers) {
        assert_eq!(verdict(answer), *expected, "{program}: {answer}");
        let said = answer["reason"].as_str().unwrap_or_default().to_lowercase();
        assert!(said.contains(reason), "{program}: {answer}");
        assert_eq!(answer["reward"].as_f64(), Some(f64::from(u8::from(*expected == "correct"))));
    }
}

/// The first tasks of MBPP (of the later ones, 123 takes longer than half a minute) in the folder
/// that `THINKLING_DATA` names; without it there is nothing to do.
#[test]
#[ignore = "needs a binary with the sandbox: `cargo xtask test`"]
fn with_sandbox_mbpp_solutions_pass_and_bare_returns_fail() {
    const TASKS: usize = 122;
    let Some(data) = std::env::var_os("THINKLING_DATA").map(PathBuf::from) else { return };
    let path = data.join("mbpp").join("mbpp.jsonl");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut lines = Vec::new();
    for line in text.lines().take(TASKS) {
        let task: Value = serde_json::from_str(line).expect("a JSON line");
        // Some tests call what their own set-up defines.
        let setup = task["test_setup_code"].as_str().unwrap_or_default();
        if !setup.is_empty() {
            continue;
        }
        let code = task["code"].as_str().expect("a solution");
        lines.push(
            json!({"tests": task["test_list"], "prediction": format!("```python\n{code}\n```")}),
        );
        let broken = code.replace("return ", "return None and ");
        if broken != code {
            lines.push(json!({"tests": task["test_list"], "prediction": broken, "id": "broken"}));
        }
    }
    let answers = score(&lines);
    let passed = |broken: bool| {
        let of = answers.iter().filter(|a| (a["id"] == "broken") == broken);
        let of: Vec<bool> = of.map(|a| verdict(a) == "correct").collect();
        (of.iter().filter(|&&correct| correct).count(), of.len())
    };
    let ((good, all), (bad, broken)) = (passed(false), passed(true));
    println!("mbpp: {good} of {all} solutions pass, {bad} of {broken} broken ones");
    assert!(all > 100 && good == all, "{good} of {all} solutions pass");
    assert!(broken > 100 && bad == 0, "{bad} of {broken} broken solutions pass");
}

#[test]
#[ignore = "needs a binary with the sandbox: `cargo xtask test`"]
fn with_sandbox_a_stage_learns_from_programs() {
    let dir = tempdir().expect("temporary folder");
    let line =
        "{\"question\":\"3+4=?\",\"answer\":[\"assert add(1, 2) == 3\"],\"language\":\"en\"}\n";
    fs::write(dir.path().join("data.jsonl"), line).expect("written data");
    let tiny = Tiny {
        data: "{ kind = \"jsonl\", path = \"data.jsonl\", task = \"code\" }".to_owned(),
        eval_data: ", data = { kind = \"mini-world\" }".to_owned(),
        ..Tiny::default()
    };
    let recipe = dir.path().join("recipe.toml");
    fs::write(&recipe, format!("{}rewards = {{}}\n", tiny.toml())).expect("written recipe");
    let out = dir.path().join("run");
    let _ = thinkling(start(&recipe, &out)).ends_with(exit::DONE);
    let rows = json_lines(&out.join("completions.jsonl"));
    assert!(!rows.is_empty());
    // A model of a few thousand parameters writes no program; each is run or refused all the same.
    for row in &rows {
        assert!(row["record"]["verdict"].is_string(), "{row}");
        assert_eq!(row["record"]["components"][0]["name"], "accuracy", "{row}");
    }
}
