//! Lines of data files, and questions with gold answers from them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Result, TrainError};
use crate::recipe::{AnswerFormat, JsonlSource, TaskKind};
use thinkling_reward::code::CodeTests;
use thinkling_reward::{Language, Task};

/// Lines beyond this are refused, so that a file without line ends is not read whole.
const MAX_LINE_BYTES: u64 = 1 << 24;

/// A question and its gold answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Line in its file, counted from 1.
    pub line: usize,
    /// What is asked, without a template.
    pub question: String,
    /// What is asked for, with the gold answer alone; a plain number for [`AnswerFormat::Gsm8k`].
    pub task: Task,
    /// The language of the question, where the line names one that is known.
    pub language: Option<Language>,
}

/// Reads a file with one JSON object a line; empty lines are passed over.
///
/// # Errors
/// [`TrainError::DataLine`] for the first line that is no JSON object, lacks a field, or whose
/// gold answer cannot be read; [`TrainError::Damaged`] for a file without questions.
pub fn read_questions(source: &JsonlSource) -> Result<Vec<Question>> {
    let path = &source.path;
    let mut questions = Vec::new();
    for_each_line(path, |line, text| {
        let question = text.and_then(|text| parse_line(text, line, source));
        let damaged = |reason| TrainError::DataLine { path: path.clone(), line, reason };
        questions.push(question.map_err(damaged)?);
        Ok(())
    })?;
    if questions.is_empty() { Err(no_questions(path)) } else { Ok(questions) }
}

/// Shows each line that is not empty with its number from 1, or why it is no text.
pub(crate) fn for_each_line(
    path: &Path,
    mut each: impl FnMut(usize, std::result::Result<&str, String>) -> Result<()>,
) -> Result<()> {
    let read = |e| TrainError::read("data file", path, e);
    let mut file = BufReader::new(File::open(path).map_err(read)?);
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let taken = std::io::Read::take(&mut file, MAX_LINE_BYTES).read_until(b'\n', &mut bytes);
        if taken.map_err(read)? == 0 {
            break;
        }
        match text_of(&bytes, line) {
            Ok(text) if text.trim().is_empty() => {}
            text => each(line, text)?,
        }
    }
    Ok(())
}

fn text_of(bytes: &[u8], line: usize) -> std::result::Result<&str, String> {
    if bytes.len() as u64 == MAX_LINE_BYTES {
        return Err(format!("longer than {MAX_LINE_BYTES} bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8: {e}"))?;
    // Some editors begin a file with a byte order mark.
    Ok(if line == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text })
}

fn no_questions(path: &Path) -> TrainError {
    TrainError::damaged(path, "the data file holds no question, expected: one JSON object a line")
}

fn parse_line(
    text: &str,
    line: usize,
    source: &JsonlSource,
) -> std::result::Result<Question, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))?;
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
    let language = value.get("language").and_then(Value::as_str).and_then(|l| l.parse().ok());
    Ok(Question { line, question, task, language })
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

    fn source(dir: &tempfile::TempDir, text: &[u8], format: AnswerFormat) -> JsonlSource {
        let path = dir.path().join("data.jsonl");
        fs::write(&path, text).expect("written");
        let task = TaskKind::Math;
        JsonlSource { path, question: "question".into(), answer: "answer".into(), format, task }
    }

    fn read(text: &[u8], format: AnswerFormat) -> Result<Vec<Question>> {
        let dir = tempfile::tempdir().expect("temporary folder");
        read_questions(&source(&dir, text, format))
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
        let question = |line, question: &str, gold: &str| Question {
            line,
            question: question.into(),
            task: Task::Math { gold: gold.into() },
            language: None,
        };
        assert_eq!(questions, [question(1, "a", "1000"), question(3, "b", "2")]);
    }

    #[test]
    fn plain_answers_may_be_texts_or_numbers() {
        let text =
            b"{\"question\":\"a\",\"answer\":\" x y \"}\n{\"question\":\"b\",\"answer\":2.5}\n";
        let questions = read(text, AnswerFormat::Plain).expect("valid");
        let answers: Vec<_> = questions.iter().filter_map(|q| q.task.gold()).collect();
        assert_eq!(answers, ["x y", "2.5"]);
    }

    fn read_as(task: TaskKind, text: &str) -> Result<Vec<Question>> {
        let dir = tempfile::tempdir().expect("temporary folder");
        let source = source(&dir, text.as_bytes(), AnswerFormat::Plain);
        read_questions(&JsonlSource { task, ..source })
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
            assert_eq!(questions[0].task, task);
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
            let Task::Code { tests } = &questions[0].task else { panic!("{questions:?}") };
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
            assert_eq!(questions[0].language, expected, "{field}");
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
        assert_eq!(read_questions(&source).expect_err("missing").exit_code(), 2);
    }
}
