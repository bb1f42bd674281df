//! MBPP (arXiv 2108.07732), where the environment says where it lies: 974 tasks with a solution.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use thinkling_reward::code::{AssertTests, CodeError, CodeTests, CodeVerdict, RunCode};

use crate::support::sandbox;

/// A folder that holds `mbpp/mbpp.jsonl`.
const VARIABLE: &str = "THINKLING_DATA";

/// Solutions that need longer than any sensible limit: 123 factors all numbers below 100,000.
const SLOW: &[u64] = &[123];

struct Task {
    id: u64,
    solution: String,
    tests: AssertTests,
}

fn tasks() -> Option<Vec<Task>> {
    let Some(folder) = std::env::var_os(VARIABLE) else {
        println!("skipped: {VARIABLE} is not set");
        return None;
    };
    let text = std::fs::read_to_string(Path::new(&folder).join("mbpp/mbpp.jsonl")).expect(VARIABLE);
    let tasks = text.lines().map(|line| {
        let row: Value = serde_json::from_str(line).expect("JSON");
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let list = |key: &str| row[key].as_array().expect("a list").iter().map(text);
        let asserts = list("test_list").chain(list("challenge_test_list")).collect();
        Task {
            id: row["task_id"].as_u64().expect("a number"),
            solution: text(&row["code"]),
            tests: AssertTests { setup: text(&row["test_setup_code"]), asserts, entry_point: None },
        }
    });
    let tasks: Vec<_> = tasks.filter(|task| !SLOW.contains(&task.id)).collect();
    assert_eq!(tasks.len(), 974 - SLOW.len());
    Some(tasks)
}

/// The verdict on each task, on two threads.
fn judge(
    tasks: &[Task],
    program: impl Fn(&Task) -> String + Sync,
    each: impl Fn(&Task, Result<CodeVerdict, CodeError>) + Sync,
) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tests = CodeTests::Asserts(task.tests.clone());
                    each(task, sandbox().run_code(&program(task), &tests));
                }
            });
        }
    });
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names and the data of THINKLING_DATA"]
fn the_solution_of_every_task_passes_its_tests() {
    let Some(tasks) = tasks() else { return };
    judge(
        &tasks,
        |task| task.solution.clone(),
        |task, verdict| {
            let verdict = verdict.expect("a verdict");
            assert!(verdict.is_passed(), "task {}: {verdict:?}", task.id);
        },
    );
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names and the data of THINKLING_DATA"]
fn no_task_is_passed_by_a_value_that_equals_everything() {
    const EQUAL: &str = "class E:\n\
        \x20   __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = lambda s, o: True\n\
        \x20   __contains__ = __bool__ = lambda s, o=0: True\n\
        \x20   __hash__ = __len__ = lambda s: 1\n\
        \x20   __sub__ = __rsub__ = __abs__ = __add__ = lambda s, o=0: s\n\
        \x20   __getattr__ = __call__ = lambda s, *a, **k: s\n\
        \x20   __init__ = lambda s, *a, **k: None\n\
        class math: isclose = fabs = lambda *a, **k: True\n\
        Node = Pair = E\n";
    let Some(tasks) = tasks() else { return };
    // Every word of the tests that could be a name of the program, builtins too.
    let program = |task: &Task| {
        let text = format!("{} {}", task.tests.setup, task.tests.asserts.join(" "));
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        let keywords =
            ["assert", "True", "False", "None", "not", "and", "or", "in", "is", "lambda"];
        let names: BTreeSet<&str> = words
            .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()))
            .filter(|word| !keywords.contains(word) && !["math", "Node", "Pair"].contains(word))
            .collect();
        let define = |name: &str| {
            format!("try: exec('def {name}(*a, **k): return E()')\nexcept SyntaxError: pass\n")
        };
        format!("{EQUAL}{}", names.into_iter().map(define).collect::<String>())
    };
    judge(&tasks, program, |task, verdict| {
        let verdict = verdict.expect("a verdict");
        assert_eq!(verdict.passed, 0, "task {}: {verdict:?}", task.id);
    });
}
