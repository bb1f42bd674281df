//! Problems with gold answers from data files: JSON lines or one JSON array, plain or gzip.
//!
//! A recipe names the fields of its file ([`read_questions`]), or the layout is found by the
//! columns ([`read_file`]).

mod layouts;
mod records;

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Result, TrainError};
use crate::recipe::{AnswerFormat, FileSource, JsonlSource, TaskKind};
use layouts::{Layout, describe};
pub(crate) use records::each_record;
use thinkling_reward::code::CodeTests;
use thinkling_reward::{Problem, Task};

/// A problem and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line in its file, counted from 1.
    pub line: usize,
    /// The problem; the question without a template.
    pub problem: Problem,
}

/// A record that is no problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Line in its file, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// The problems of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// At least one, in the order of the file.
    pub rows: Vec<Row>,
    /// Records that were skipped, where the source says so.
    pub skipped: Vec<BadRow>,
    /// Name of the layout that was found.
    pub layout: Option<&'static str>,
}

/// Says of a problem whether it can be used: nothing, or what is wrong with its record. An error
/// ends the reading whatever the source says.
pub type Accept<'a> = &'a dyn Fn(&Problem) -> Result<std::result::Result<(), String>>;

/// Reads a file whose fields are named.
///
/// # Errors
/// [`TrainError::DataLine`] for the first record that is no object, lacks a field, whose gold
/// answer cannot be read, or that is not accepted; [`TrainError::Damaged`] for a file without
/// problems.
pub fn read_questions(source: &JsonlSource, accept: Accept<'_>) -> Result<Rows> {
    read_rows(&source.path, false, accept, |line, value| parse_line(value, line, source))
}

/// Reads a file whose layout its first record shows; `source` says what becomes of bad records.
///
/// # Errors
/// As [`read_questions`], and [`TrainError::Damaged`] where the columns are those of no layout.
pub fn read_file(source: &FileSource, accept: Accept<'_>) -> Result<Rows> {
    let mut layout = None;
    let mut unknown = None;
    let rows = read_rows(&source.path, source.skip_bad, accept, |line, value| {
        let known = match layout {
            Some(known) => known,
            None => *layout.insert(Layout::of(value).inspect_err(|reason| {
                unknown.get_or_insert_with(|| format!("line {line}: {reason}"));
            })?),
        };
        known.problem(value, line)
    });
    match (layout, unknown) {
        // A file of another kind is no file with bad lines.
        (None, Some(reason)) => Err(TrainError::damaged(&source.path, reason)),
        _ => rows.map(|rows| Rows { layout: layout.map(Layout::name), ..rows }),
    }
}

fn read_rows(
    path: &Path,
    skip_bad: bool,
    accept: Accept<'_>,
    mut parse: impl FnMut(usize, &Value) -> std::result::Result<Problem, String>,
) -> Result<Rows> {
    let mut found = Rows::default();
    each_record(path, |line, value| {
        let fault = match value.and_then(|value| parse(line, &value)) {
            Ok(problem) => match accept(&problem)? {
                Ok(()) => {
                    found.rows.push(Row { line, problem });
                    return Ok(());
                }
                Err(reason) => reason,
            },
            Err(reason) => reason,
        };
        if !skip_bad {
            return Err(TrainError::DataLine { path: path.to_owned(), line, reason: fault });
        }
        found.skipped.push(BadRow { line, reason: fault });
        Ok(())
    })?;
    if !found.rows.is_empty() {
        return Ok(found);
    }
    Err(TrainError::damaged(
        path,
        match found.skipped.first() {
            None => "the data file holds no question, expected: JSON lines or a JSON array of \
                     objects"
                .to_owned(),
            Some(BadRow { line, reason }) => format!(
                "the data file holds no usable question; all {} records are bad, the first, line \
                 {line}: {reason}",
                found.skipped.len()
            ),
        },
    ))
}

fn parse_line(
    value: &Value,
    line: usize,
    source: &JsonlSource,
) -> std::result::Result<Problem, String> {
    let question = match value.get(&source.question) {
        Some(Value::String(text)) if !text.trim().is_empty() => text.clone(),
        other => {
            return Err(field_error(&source.question, "a text that is not empty", other));
        }
    };
    let answer = value.get(&source.answer);
    let task = match source.task {
        TaskKind::Code => Task::Code { tests: read_tests(answer, source)? },
        TaskKind::Math => Task::Math { gold: read_answer(answer, source)? },
        TaskKind::Number => Task::Number { gold: read_answer(answer, source)? },
        TaskKind::Choice => Task::Choice { gold: read_answer(answer, source)? },
        TaskKind::Exact => Task::Exact { gold: read_answer(answer, source)? },
    };
    let mut problem = Problem::new(format!("line {line}"), question, task);
    if let Value::Object(fields) = value {
        describe(&mut problem, fields);
    }
    Ok(problem)
}

fn read_answer(
    answer: Option<&Value>,
    source: &JsonlSource,
) -> std::result::Result<String, String> {
    match (answer, source.format) {
        (Some(Value::String(text)), AnswerFormat::Gsm8k) => gsm8k_answer(text)
            .ok_or_else(|| format!("field `{}` does not end in `#### NUMBER`", source.answer)),
        (Some(Value::String(text)), AnswerFormat::Plain) if !text.trim().is_empty() => {
            Ok(text.trim().to_owned())
        }
        (Some(Value::Number(number)), AnswerFormat::Plain) => Ok(number.to_string()),
        (other, _) => Err(field_error(&source.answer, "a text that is not empty", other)),
    }
}

fn read_tests(
    answer: Option<&Value>,
    source: &JsonlSource,
) -> std::result::Result<CodeTests, String> {
    const EXPECTED: &str = "a list of assertions, a list of {stdin, stdout}, or an object of tests";
    match answer {
        Some(tests @ (Value::Array(_) | Value::Object(_))) => CodeTests::deserialize(tests)
            .map_err(|_| {
                format!("field `{}`, expected: {EXPECTED}, got: something else", source.answer)
            }),
        other => Err(field_error(&source.answer, EXPECTED, other)),
    }
}

pub(crate) fn field_error(field: &str, expected: &str, got: Option<&Value>) -> String {
    let got = match got {
        None => "no such field",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "an empty text",
        Some(Value::Array(_)) => "an array",
        Some(Value::Object(_)) => "an object",
    };
    format!("field `{field}`, expected: {expected}, got: {got}")
}

/// The number behind the last `####`, without thousands commas and a currency sign; `None` where
/// there is no integer or decimal.
pub(crate) fn gsm8k_answer(text: &str) -> Option<String> {
    let (_, tail) = text.rsplit_once("####")?;
    let number: String = tail.trim().chars().filter(|c| !matches!(c, ',' | '$')).collect();
    let digits = number.strip_prefix(['-', '+']).unwrap_or(&number);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (plain(whole) && plain(fraction)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use thinkling_reward::Language;

    fn source(dir: &tempfile::TempDir, text: &[u8], format: AnswerFormat) -> JsonlSource {
        let path = dir.path().join("data.jsonl");
        fs::write(&path, text).expect("written");
        let task = TaskKind::Math;
        JsonlSource { path, question: "question".into(), answer: "answer".into(), format, task }
    }

    /// Takes every problem.
    fn any(_: &Problem) -> Result<std::result::Result<(), String>> {
        Ok(Ok(()))
    }

    fn read(text: &[u8], format: AnswerFormat) -> Result<Vec<Row>> {
        let dir = tempfile::tempdir().expect("temporary folder");
        Ok(read_questions(&source(&dir, text, format), &any)?.rows)
    }

    #[test]
    fn gsm8k_answers_are_the_number_behind_the_marks() {
        for (text, expected) in [
            ("so\n#### 18", Some("18")),
            ("#### 1,234,567", Some("1234567")),
            ("#### -3", Some("-3")),
            ("#### $2.50 ", Some("2.50")),
            ("#### 1\n#### 2", Some("2")),
            ("18", None),
            ("#### ", None),
            ("#### twelve", None),
            ("#### 1.", None),
            ("#### -", None),
        ] {
            assert_eq!(gsm8k_answer(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn lines_keep_their_numbers_and_empty_ones_are_passed_over() {
        let text = "\u{feff}{\"question\":\"a\",\"answer\":\"x\\n#### 1,000\"}\r\n\n\
                    {\"question\":\"b\",\"answer\":\"#### 2\",\"more\":[1]}";
        let questions = read(text.as_bytes(), AnswerFormat::Gsm8k).expect("valid");
        let question = |line, question: &str, gold: &str| Row {
            line,
            problem: Problem::math(format!("line {line}"), question, gold),
        };
        assert_eq!(questions, [question(1, "a", "1000"), question(3, "b", "2")]);
    }

    #[test]
    fn plain_answers_may_be_texts_or_numbers() {
        let text =
            b"{\"question\":\"a\",\"answer\":\" x y \"}\n{\"question\":\"b\",\"answer\":2.5}\n";
        let questions = read(text, AnswerFormat::Plain).expect("valid");
        let answers: Vec<_> = questions.iter().filter_map(|q| q.problem.task.gold()).collect();
        assert_eq!(answers, ["x y", "2.5"]);
    }

    fn read_as(task: TaskKind, text: &str) -> Result<Vec<Row>> {
        let dir = tempfile::tempdir().expect("temporary folder");
        let source = source(&dir, text.as_bytes(), AnswerFormat::Plain);
        Ok(read_questions(&JsonlSource { task, ..source }, &any)?.rows)
    }

    #[test]
    fn the_task_says_what_an_answer_is() {
        let gold = || "B".to_owned();
        for (kind, task) in [
            (TaskKind::Math, Task::Math { gold: gold() }),
            (TaskKind::Number, Task::Number { gold: gold() }),
            (TaskKind::Choice, Task::Choice { gold: gold() }),
            (TaskKind::Exact, Task::Exact { gold: gold() }),
        ] {
            let questions = read_as(kind, "{\"question\":\"a\",\"answer\":\"B\"}").expect("valid");
            assert_eq!(questions[0].problem.task, task);
        }
    }

    #[test]
    fn tests_of_programs_are_lists_or_objects() {
        let line = |tests: &str| format!("{{\"question\":\"a\",\"answer\":{tests}}}");
        for (tests, count) in [
            ("[\"assert f(1) == 2\",\"assert f(2) == 3\"]", 2),
            ("[{\"stdin\":\"1\",\"stdout\":\"2\"}]", 1),
            ("{\"setup\":\"import math\",\"asserts\":[\"assert f(1) == 2\"]}", 1),
        ] {
            let questions = read_as(TaskKind::Code, &line(tests)).expect("valid");
            let Task::Code { tests } = &questions[0].problem.task else { panic!("{questions:?}") };
            assert_eq!(tests.len(), count);
        }
        for bad in ["\"assert f(1) == 2\"", "[1]", "{\"assert\":[]}", "null"] {
            let error = read_as(TaskKind::Code, &line(bad)).expect_err(bad).to_string();
            assert!(error.contains("data.jsonl:1: ") && error.contains("assertions"), "{error}");
        }
    }

    #[test]
    fn a_line_may_name_its_language() {
        for (field, expected) in [
            (",\"language\":\"zh\"", Some(Language::Zh)),
            (",\"language\":\"Klingon\"", None),
            (",\"language\":1", None),
            ("", None),
        ] {
            let text = format!("{{\"question\":\"a\",\"answer\":1{field}}}");
            let questions = read_as(TaskKind::Math, &text).expect("valid");
            assert_eq!(questions[0].problem.language, expected, "{field}");
        }
    }

    #[test]
    fn an_unreadable_line_is_named_with_its_file_and_number() {
        let good = "{\"question\":\"a\",\"answer\":\"#### 1\"}\n";
        let cases: [(&[u8], &str); 7] = [
            (b"{\"question\":\"a\",\"answ", "not JSON"),
            (b"[1]", "no such field"),
            (b"{\"question\":7,\"answer\":\"#### 1\"}", "got: a number"),
            (b"{\"question\":\" \",\"answer\":\"#### 1\"}", "got: an empty text"),
            (b"{\"question\":\"a\",\"answer\":\"1\"}", "#### NUMBER"),
            (b"{\"question\":\"a\",\"answer\":null}", "got: null"),
            (b"{\"question\":\"\xff\"}", "not UTF-8"),
        ];
        for (bad, reason) in cases {
            let error = read(&[good.as_bytes(), bad].concat(), AnswerFormat::Gsm8k);
            let error = error.expect_err("the second line is bad");
            let message = error.to_string();
            assert_eq!(error.exit_code(), 3);
            assert!(message.contains("data.jsonl:2: ") && message.contains(reason), "{message}");
        }
        assert_eq!(read(b"\n\n", AnswerFormat::Plain).expect_err("empty").exit_code(), 3);
    }

    #[test]
    fn a_missing_file_is_the_callers_mistake() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut source = source(&dir, b"", AnswerFormat::Plain);
        source.path.set_file_name("absent.jsonl");
        assert_eq!(read_questions(&source, &any).expect_err("missing").exit_code(), 2);
    }

    fn read_by_columns(text: &[u8], skip_bad: bool) -> Result<Rows> {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("data.json");
        fs::write(&path, text).expect("written");
        let accept = |problem: &Problem| Ok(problem.check_gold().map_err(|e| e.to_string()));
        read_file(&FileSource { path, skip_bad }, &accept)
    }

    /// Lines of MATH: sound, cut, without a gold, with one that cannot be read, sound.
    const WITH_BAD_LINES: &[u8] = b"{\"problem\":\"a\",\"answer\":\"1\",\"level\":2}\n\
        {\"problem\":\"b\",\"ans\n{\"problem\":\"c\",\"answer\":null}\n\
        {\"problem\":\"d\",\"answer\":\"\\\\phantom{1}\"}\n{\"problem\":\"e\",\"answer\":3}\n";

    #[test]
    fn bad_lines_stop_the_reading_or_are_skipped_and_counted() {
        let error = read_by_columns(WITH_BAD_LINES, false).expect_err("the second line is cut");
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("data.json:2: "), "{error}");
        let rows = read_by_columns(WITH_BAD_LINES, true).expect("the others are sound");
        let lines: Vec<usize> = rows.rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [1, 5]);
        assert_eq!(rows.rows[0].problem.level.as_deref(), Some("2"));
        let skipped: Vec<usize> = rows.skipped.iter().map(|row| row.line).collect();
        assert_eq!(skipped, [2, 3, 4]);
    }

    #[test]
    fn a_file_without_a_usable_problem_is_an_error_also_where_bad_lines_are_skipped() {
        for (text, words) in [
            (&b"{\"problem\":\"a\",\"answer\":null}"[..], "all 1 records are bad"),
            (b"", "holds no question"),
            (b"[]", "holds no question"),
            (b"{\"input\":1,\"output\":2}", "no known layout"),
            (b"not JSON\n{\"input\":1}", "no known layout"),
        ] {
            let error = read_by_columns(text, true).expect_err("nothing to use");
            assert_eq!(error.exit_code(), 3);
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_problem_that_nothing_can_judge_ends_the_reading_whatever_is_skipped() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("data.json");
        fs::write(&path, "{\"problem\":\"a\",\"answer\":1}").expect("written");
        let refuse = |_: &Problem| Err(TrainError::NoSandbox { stage: "x".to_owned() });
        let error = read_file(&FileSource { path, skip_bad: true }, &refuse).expect_err("refused");
        assert!(matches!(error, TrainError::NoSandbox { .. }), "{error}");
    }
}
