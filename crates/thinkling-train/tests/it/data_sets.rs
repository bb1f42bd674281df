//! Public data sets, read by their columns where they lie: the folder `THINKLING_DATA`. Every gold
//! can be judged by, but for a few rows that are errors of their data set. Without the variable the
//! test runs on nothing and says so.

#![expect(clippy::print_stdout, reason = "the counts are what the test is run for")]

use std::path::Path;

use thinkling_reward::{Problem, Task};
use thinkling_train::data::{Rows, read_file};
use thinkling_train::recipe::FileSource;

/// File, layout, problems, kind of task, whether problems have a level and a subject, and the lines
/// of bad rows.
type Set = (&'static str, &'static str, usize, &'static str, (bool, bool), &'static [usize]);

/// Four rows of MATH train have no answer, and one a `\phantom` in a matrix.
const SETS: &[Set] = &[
    ("gsm8k/train.jsonl", "gsm8k", 7473, "math", (false, false), &[]),
    ("gsm8k/test.jsonl", "gsm8k", 1319, "math", (false, false), &[]),
    ("math/train.json", "math", 7469, "math", (true, true), &[5318, 6056, 31_970, 31_982, 40_610]),
    ("math500/test.jsonl", "math", 500, "math", (true, true), &[]),
    ("aime/aime24.jsonl", "math", 30, "math", (false, false), &[]),
    ("aime/aime25.jsonl", "math", 30, "math", (false, false), &[]),
    ("amc23/test.jsonl", "math", 40, "math", (false, false), &[]),
    ("svamp/SVAMP.json", "svamp", 1000, "math", (false, true), &[]),
    ("aqua/test.jsonl", "aqua", 254, "choice", (false, false), &[]),
    ("aqua/dev.jsonl", "aqua", 254, "choice", (false, false), &[]),
    ("mbpp/mbpp.jsonl", "mbpp", 974, "code", (false, false), &[]),
    ("humaneval/HumanEval.jsonl.gz", "humaneval", 164, "code", (false, false), &[]),
];

fn read(path: &Path, skip_bad: bool) -> thinkling_train::Result<Rows> {
    let accept = |problem: &Problem| Ok(problem.check_gold().map_err(|e| e.to_string()));
    read_file(&FileSource { path: path.to_owned(), skip_bad }, &accept)
}

fn kind(task: &Task) -> &'static str {
    match task {
        Task::Math { .. } => "math",
        Task::Choice { .. } => "choice",
        Task::Code { .. } => "code",
        Task::Number { .. } => "number",
        Task::Countdown { .. } => "countdown",
        _ => "another",
    }
}

#[test]
fn every_public_data_set_is_read_with_golds_that_can_be_judged_by() {
    let Ok(folder) = std::env::var("THINKLING_DATA") else {
        println!("THINKLING_DATA is not set: no data sets");
        return;
    };
    for &(file, layout, count, task, (level, subject), bad) in SETS {
        let rows = read(&Path::new(&folder).join(file), true).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(rows.layout, Some(layout), "{file}");
        let skipped: Vec<usize> = rows.skipped.iter().map(|row| row.line).collect();
        println!(
            "{file}: {} problems, layout {layout}, bad rows {:?}",
            rows.rows.len(),
            rows.skipped
        );
        assert_eq!((rows.rows.len(), &*skipped), (count, bad), "{file}");
        for row in &rows.rows {
            let problem = &row.problem;
            let place = format!("{file}:{}", row.line);
            assert_eq!(kind(&problem.task), task, "{place}");
            assert!(problem.question.len() > 10, "{place}: {}", problem.question);
            assert_eq!(problem.level.is_some(), level, "{place}");
            assert_eq!(problem.subject.is_some(), subject, "{place}");
        }
    }
    let train = Path::new(&folder).join("math/train.json");
    let error = read(&train, false).expect_err("a row has no answer");
    assert!(error.exit_code() == 3 && error.to_string().contains("train.json:5318"), "{error}");
}

/// Every problem of the page's file, which comes with the project.
#[test]
fn the_mini_worlds_problems_are_read() {
    let rows = read(Path::new("../../web/problems.json"), false).expect("whole");
    assert_eq!((rows.rows.len(), rows.layout), (120, Some("thinkling")));
    let count = |name| rows.rows.iter().filter(|row| kind(&row.problem.task) == name).count();
    assert_eq!((count("number"), count("countdown")), (108, 12));
    assert!(rows.rows.iter().all(|row| row.problem.level.is_some()));
}
