use std::sync::Mutex;

use super::*;

#[track_caller]
fn program(text: &str, template: Template, expected: Option<&str>) {
    assert_eq!(extract_program(text, template).as_deref(), expected, "{text:?} {template:?}");
}

#[test]
fn the_last_python_block_outside_thinking_is_the_program() {
    for (text, expected) in [
        ("```python\na\n```\n```python\nb\n```", "b\n"),
        ("```python\na\n```\n```\nb\n```", "a\n"),
        ("```py\na\n```\n```text\nb\n```", "a\n"),
        ("```Python3\na\n```", "a\n"),
        ("```python title=\"x.py\"\na\n```", "a\n"),
        ("``` python\na\n```", "a\n"),
        ("```\na\n```\n```\nb\n```", "b\n"),
        ("~~~python\na\n```\n~~~", "a\n```\n"),
        ("````python\n```\na\n````", "```\na\n"),
        ("1. So:\n   ```python\n   if a:\n       b\n\n  c\n   ```", "if a:\n    b\n\nc\n"),
        ("```python\r\na\r\nb\r\n```\r\n", "a\nb\n"),
        ("<think>\n```python\na\n```\n</think>\n```python\nb\n```", "b\n"),
        ("```python\na\n```\n</think>\n```python\nb\n```", "b\n"),
        ("<answer>\n```python\na\n```\n</answer>", "a\n"),
        ("```python\na\n```\n<answer>see above</answer>", "a\n"),
    ] {
        program(text, Template::None, Some(expected));
    }
}

#[test]
fn without_a_block_the_answer_or_the_whole_text_is_the_program() {
    program("So: <answer>\nprint(1)\n</answer>", Template::None, Some("\nprint(1)\n"));
    program("print(1)\n", Template::None, Some("print(1)\n"));
    program("<think>easy</think>print(1)", Template::None, Some("\n\nprint(1)"));
    program("def f():\n    return '```'\n", Template::None, Some("def f():\n    return '```'\n"));
    // Left open, or another language: no block, so that the text is taken as it stands.
    program("```python\nprint(1)", Template::None, Some("```python\nprint(1)"));
    program("```c\nmain;\n```", Template::None, Some("```c\nmain;\n```"));
}

#[test]
fn with_the_r1_template_only_the_answer_counts() {
    let think = "<think>```python\nx\n```</think>";
    for (text, expected) in [
        ("<answer>print(1)</answer>", Some("print(1)")),
        ("<answer>So:\n```python\na\n```\n</answer>", Some("a\n")),
        ("```python\na\n```\n<answer>b</answer>", Some("b")),
        ("```python\na\n```", None),
        ("<answer>a</answer><answer>b</answer>", None),
        ("<answer> \n </answer>", None),
        ("<answer>a", None),
    ] {
        program(&format!("{think}{text}"), Template::R1Zero, expected);
    }
}

#[test]
fn a_completion_without_a_program_gives_none() {
    for text in ["", " \n", "<think>```python\na\n```", "<think>a</think> ", "```python\n```"] {
        program(text, Template::None, None);
    }
}

#[test]
fn large_completions_are_read_in_one_pass() {
    for unit in ["```\n", "```python\na\n", "`", "~~~ \n```\n", "é\n", "<think>```"] {
        let text = unit.repeat(2_000_000 / unit.len());
        // Only that an answer comes, and what it may be.
        let found = extract_program(&text, Template::None);
        assert!(found.is_none_or(|program| program.len() <= text.len() + 1), "{unit:?}");
    }
}

#[test]
fn outputs_are_compared_by_line_by_word_or_by_byte() {
    for (expected, got, by) in [
        ("1 2\n", "1 2\n", [true, true, true]),
        ("1 2\n", "1 2", [true, true, false]),
        ("1 2", "1 2 \n\n", [true, true, false]),
        ("1\r\n2", "1\n2\n", [true, true, false]),
        ("1 2", "1  2", [false, true, false]),
        ("1 2", "1\n2", [false, true, false]),
        ("1\n2", "1\n\n2", [false, true, false]),
        ("1", " 1", [false, true, false]),
        ("1", "2", [false, false, false]),
        ("1", "1 1", [false, false, false]),
        ("1 2", "12", [false, false, false]),
        ("1", "", [false, false, false]),
        ("", "\n", [true, true, false]),
        ("é", "é", [true, true, true]),
    ] {
        let rules = [OutputMatch::Lines, OutputMatch::Words, OutputMatch::Exact];
        let same = rules.map(|rule| rule.matches(expected, got.as_bytes()));
        assert_eq!(same, by, "{expected:?} {got:?}");
    }
    for rule in [OutputMatch::Lines, OutputMatch::Words, OutputMatch::Exact] {
        assert!(!rule.matches("\u{FFFD}", b"\xff"));
    }
}

#[test]
fn a_verdict_passes_only_with_all_tests_of_at_least_one() {
    use Stage::{Passed, Run, Timeout};
    for (given, passed, total, stage, fraction, all) in [
        (Passed, 2, 2, Passed, 1.0, 1.0),
        (Timeout, 2, 2, Passed, 1.0, 1.0),
        (Timeout, 1, 2, Timeout, 0.5, 0.0),
        (Passed, 1, 4, Run, 0.25, 0.0),
        (Passed, 0, 0, Run, 0.0, 0.0),
    ] {
        let verdict = CodeVerdict::new(given, passed, total, "m");
        assert_eq!(verdict.stage, stage);
        assert_eq!(verdict.is_passed(), all == 1.0);
        assert_eq!(verdict.reward(CodeReward::Fraction), fraction);
        assert_eq!(verdict.reward(CodeReward::AllOrNothing), all);
    }
    // One that says more than it may, as a line from outside.
    let lie = r#"{"stage":"passed","passed":1,"total":2}"#;
    let lie: CodeVerdict = serde_json::from_str(lie).unwrap();
    assert_eq!(lie.reward(CodeReward::AllOrNothing), 0.0);
    let lie = CodeVerdict { passed: 9, ..lie };
    assert_eq!(lie.reward(CodeReward::Fraction), 1.0);
}

#[test]
fn messages_are_cut_between_characters() {
    let verdict = CodeVerdict::new(Stage::Run, 0, 1, &"é".repeat(MAX_MESSAGE + 1));
    assert_eq!(verdict.message.chars().count(), MAX_MESSAGE);
}

#[test]
fn tests_are_read_in_every_form_and_survive_json() {
    let check = "def check(c):\n    assert c(1) == 2";
    let human =
        format!(r#"{{"test":{},"entry_point":"f"}}"#, serde_json::to_string(check).unwrap());
    for (json, expected) in [
        (r#"["assert f(1)"]"#, CodeTests::asserts(["assert f(1)"])),
        (r#"[]"#, CodeTests::asserts([""; 0])),
        (r#"{"asserts":["assert f(1)"]}"#, CodeTests::asserts(["assert f(1)"])),
        (human.as_str(), CodeTests::human_eval(check, "f")),
        (r#"[{"stdin":"1","stdout":"2"}]"#, CodeTests::stdio([("1", "2")])),
        (r#"{"pairs":[{"stdin":"1","stdout":"2"}]}"#, CodeTests::stdio([("1", "2")])),
    ] {
        let tests: CodeTests = serde_json::from_str(json).unwrap();
        assert_eq!(tests, expected);
        let written = serde_json::to_string(&tests).unwrap();
        assert_eq!(serde_json::from_str::<CodeTests>(&written).unwrap(), tests);
    }
    for json in [r#"{"asserts":["a"],"setups":""}"#, r#"[{"stdin":"1"}]"#, "3", r#"["a",{}]"#] {
        assert!(serde_json::from_str::<CodeTests>(json).is_err(), "{json}");
    }
    let human = CodeTests::human_eval(check, "f");
    assert!(matches!(human, CodeTests::Asserts(t) if t.asserts == ["check(f)"]));
}

/// Keeps what it was asked, and passes everything.
#[derive(Default)]
struct Asked(Mutex<Vec<String>>);

impl RunCode for Asked {
    fn run_code(&self, program: &str, tests: &CodeTests) -> Result<CodeVerdict, CodeError> {
        self.0.lock().unwrap().push(program.to_owned());
        Ok(CodeVerdict::new(Stage::Passed, tests.len(), tests.len(), ""))
    }
}

#[test]
fn only_the_program_reaches_the_runner() {
    let (runner, tests) = (Asked::default(), CodeTests::stdio([("", "1")]));
    let problem = CodeProblem { tests };
    let text = "So:\n```python\nprint(1)\n```\nDone.";
    assert!(judge_code(text, Template::None, &problem, &runner).unwrap().is_passed());
    let verdict = judge_code(text, Template::R1Zero, &problem, &runner).unwrap();
    assert_eq!((verdict.stage, verdict.passed, verdict.total), (Stage::Compile, 0, 1));
    assert_eq!(*runner.0.lock().unwrap(), ["print(1)\n"]);
}

#[test]
fn a_problem_without_tests_is_an_error_and_no_reward() {
    for tests in [CodeTests::asserts([""; 0]), CodeTests::stdio([("", ""); 0])] {
        assert!(tests.is_empty());
        let problem = CodeProblem { tests };
        let error = judge_code("print(1)", Template::None, &problem, &Asked::default());
        assert_eq!(error, Err(CodeError::NoTests));
    }
}
