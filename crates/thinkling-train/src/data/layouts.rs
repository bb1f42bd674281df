//! Layouts of public data sets, told apart by their columns.
//!
//! | layout | columns | data sets |
//! |---|---|---|
//! | `thinkling` | `question`, `task` | the mini world, [`thinkling_reward::Problem`] |
//! | `svamp` | `Body`, `Question`, `Answer` | SVAMP |
//! | `aqua` | `question`, `options`, `correct` | AQuA |
//! | `mbpp` | `text`, `test_list` | MBPP |
//! | `humaneval` | `prompt`, `test`, `entry_point` | HumanEval |
//! | `math` | `problem`, `answer` | MATH, MATH-500, AIME, AMC |
//! | `gsm8k` | `question`, `answer` with `####` | GSM8K |
//! | `plain` | `question`, `answer` | others |
//!
//! The first that fits counts. All answers are mathematics but those of options and programs.

use serde_json::{Map, Value};
use thinkling_reward::code::{AssertTests, CodeTests};
use thinkling_reward::{Problem, Task};

use super::{field_error, gsm8k_answer};

/// What is wrong with a record, in words.
type Fault<T> = std::result::Result<T, String>;

/// How the records of a file hold their problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Thinkling,
    Svamp,
    Aqua,
    Mbpp,
    HumanEval,
    Math,
    Gsm8k,
    Plain,
}

const ALL: [Layout; 8] = [
    Layout::Thinkling,
    Layout::Svamp,
    Layout::Aqua,
    Layout::Mbpp,
    Layout::HumanEval,
    Layout::Math,
    Layout::Gsm8k,
    Layout::Plain,
];

impl Layout {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Thinkling => "thinkling",
            Self::Svamp => "svamp",
            Self::Aqua => "aqua",
            Self::Mbpp => "mbpp",
            Self::HumanEval => "humaneval",
            Self::Math => "math",
            Self::Gsm8k => "gsm8k",
            Self::Plain => "plain",
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Thinkling => &["question", "task"],
            Self::Svamp => &["Body", "Question", "Answer"],
            Self::Aqua => &["question", "options", "correct"],
            Self::Mbpp => &["text", "test_list"],
            Self::HumanEval => &["prompt", "test", "entry_point"],
            Self::Math => &["problem", "answer"],
            Self::Gsm8k | Self::Plain => &["question", "answer"],
        }
    }

    /// The layout of a record.
    ///
    /// # Errors
    /// Which columns it has, and which are known.
    pub(crate) fn of(record: &Value) -> Fault<Self> {
        let Value::Object(fields) = record else {
            return Err(format!("a record, expected: an object, got: {}", kind(record)));
        };
        let answer = fields.get("answer").and_then(Value::as_str);
        let marks = answer.is_some_and(|text| text.contains("####"));
        let fits = |layout: &Layout| {
            layout.columns().iter().all(|name| fields.contains_key(*name))
                && (*layout != Self::Gsm8k || marks)
        };
        ALL.into_iter().find(fits).ok_or_else(|| {
            let found: Vec<&str> = fields.keys().map(String::as_str).collect();
            let mut known: Vec<String> =
                ALL.iter().map(|layout| format!("({})", layout.columns().join(", "))).collect();
            known.dedup();
            format!(
                "no known layout, expected: columns with one of {}, got: ({})",
                known.join(" "),
                found.join(", ")
            )
        })
    }

    /// The problem in a record.
    ///
    /// # Errors
    /// A column that is missing or holds something else.
    pub(crate) fn problem(self, record: &Value, line: usize) -> Fault<Problem> {
        let Value::Object(fields) = record else {
            return Err(format!("a record, expected: an object, got: {}", kind(record)));
        };
        let fields = Fields(fields);
        if self == Self::Thinkling {
            return fields.thinkling(line);
        }
        let math = |name| fields.answer(name).map(|gold| Task::Math { gold });
        let (question, task) = match self {
            Self::Svamp => (fields.svamp_question()?, math("Answer")?),
            Self::Aqua => (fields.question_with_options()?, fields.option()?),
            Self::Mbpp => fields.mbpp()?,
            Self::HumanEval => fields.human_eval()?,
            Self::Math => (fields.text("problem")?.to_owned(), math("answer")?),
            Self::Gsm8k => {
                let gold = gsm8k_answer(fields.text("answer")?)
                    .ok_or("field `answer` does not end in `#### NUMBER`")?;
                (fields.text("question")?.to_owned(), Task::Math { gold })
            }
            Self::Thinkling | Self::Plain => (fields.text("question")?.to_owned(), math("answer")?),
        };
        let mut problem = Problem::new(fields.id(line), question, task);
        describe(&mut problem, fields.0);
        Ok(problem)
    }
}

/// Takes level, subject and language from the columns that data sets have for them.
pub(crate) fn describe(problem: &mut Problem, fields: &Map<String, Value>) {
    let fields = Fields(fields);
    let level = fields.word(&["level", "difficulty"]);
    problem.level = level.map(|level| level.strip_prefix("Level ").unwrap_or(&level).to_owned());
    problem.subject = fields.word(&["subject", "type", "Type"]);
    let language = fields.0.get("language").and_then(Value::as_str);
    problem.language = language.and_then(|language| language.parse().ok());
}

struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn text(&self, name: &str) -> Fault<&'a str> {
        match self.0.get(name) {
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(text),
            other => Err(field_error(name, "a text that is not empty", other)),
        }
    }

    /// A gold answer: a text or a number.
    fn answer(&self, name: &str) -> Fault<String> {
        match self.0.get(name) {
            Some(Value::Number(number)) => Ok(number.to_string()),
            _ => Ok(self.text(name)?.trim().to_owned()),
        }
    }

    fn texts(&self, name: &str) -> Fault<Vec<&'a str>> {
        let fault = || field_error(name, "a list of texts", self.0.get(name));
        let list = self.0.get(name).and_then(Value::as_array).filter(|list| !list.is_empty());
        list.ok_or_else(fault)?.iter().map(|item| item.as_str().ok_or_else(fault)).collect()
    }

    /// The first of these columns that holds a short text or a number.
    fn word(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| match self.0.get(*name)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Value::Number(number) => {
                let text = number.to_string();
                Some(text.strip_suffix(".0").unwrap_or(&text).to_owned())
            }
            _ => None,
        })
    }

    fn id(&self, line: usize) -> String {
        let id = self.word(&["unique_id", "id", "ID", "task_id"]);
        id.unwrap_or_else(|| format!("line {line}"))
    }

    fn thinkling(&self, line: usize) -> Fault<Problem> {
        let mut fields = self.0.clone();
        fields.entry("id").or_insert_with(|| format!("line {line}").into());
        serde_json::from_value(Value::Object(fields)).map_err(|e| format!("not a problem: {e}"))
    }

    fn svamp_question(&self) -> Fault<String> {
        let (body, question) = (self.text("Body")?.trim(), self.text("Question")?.trim());
        // Bodies without a full stop are the first half of a sentence.
        let comma = if body.ends_with(char::is_alphanumeric) { "," } else { "" };
        Ok(format!("{body}{comma} {question}"))
    }

    fn question_with_options(&self) -> Fault<String> {
        let options = self.texts("options")?.join("\n");
        Ok(format!(
            "{}\n{options}\nAnswer with the letter of the right option.",
            self.text("question")?.trim()
        ))
    }

    fn option(&self) -> Fault<Task> {
        Ok(Task::Choice { gold: self.text("correct")?.trim().to_owned() })
    }

    fn mbpp(&self) -> Fault<(String, Task)> {
        let asserts = self.texts("test_list")?;
        let question = format!(
            "{}\nWrite Python code that passes these tests:\n{}",
            self.text("text")?.trim(),
            asserts.join("\n")
        );
        let setup = self.0.get("test_setup_code").and_then(Value::as_str).unwrap_or_default();
        let tests = CodeTests::Asserts(AssertTests {
            setup: setup.to_owned(),
            asserts: asserts.into_iter().map(str::to_owned).collect(),
            entry_point: None,
        });
        Ok((question, Task::Code { tests }))
    }

    fn human_eval(&self) -> Fault<(String, Task)> {
        let question = format!(
            "Complete this Python function and give all of it, with its imports:\n```python\n{}\n```",
            self.text("prompt")?.trim()
        );
        let tests = CodeTests::human_eval(self.text("test")?, self.text("entry_point")?);
        Ok((question, Task::Code { tests }))
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(record: &Value) -> Fault<Problem> {
        Layout::of(record)?.problem(record, 7)
    }

    fn math(gold: &str) -> Task {
        Task::Math { gold: gold.to_owned() }
    }

    #[test]
    fn every_layout_gives_its_question_and_task() {
        let tests = CodeTests::asserts(["assert f(1) == 2"]);
        for (record, layout, question, task) in [
            (
                json!({"question": "q", "task": {"kind": "math", "gold": "4"}}),
                Layout::Thinkling,
                "q",
                math("4"),
            ),
            (
                json!({"Body": "He had 2", "Question": "How many?", "Answer": 5.0, "Type": "Sum"}),
                Layout::Svamp,
                "He had 2, How many?",
                math("5.0"),
            ),
            (
                json!({"question": "q", "options": ["A)1", "B)2"], "correct": "B"}),
                Layout::Aqua,
                "q\nA)1\nB)2\nAnswer with the letter of the right option.",
                Task::Choice { gold: "B".to_owned() },
            ),
            (
                json!({"text": "t", "test_list": ["assert f(1) == 2"], "task_id": 3}),
                Layout::Mbpp,
                "t\nWrite Python code that passes these tests:\nassert f(1) == 2",
                Task::Code { tests },
            ),
            (
                json!({"prompt": "def f(x):", "test": "def check(c): pass", "entry_point": "f"}),
                Layout::HumanEval,
                "Complete this Python function and give all of it, with its imports:\n```python\n\
                 def f(x):\n```",
                Task::Code { tests: CodeTests::human_eval("def check(c): pass", "f") },
            ),
            (
                json!({"problem": "p", "question": "other", "answer": 70}),
                Layout::Math,
                "p",
                math("70"),
            ),
            (
                json!({"question": "q", "answer": "so\n#### 1,234"}),
                Layout::Gsm8k,
                "q",
                math("1234"),
            ),
            (json!({"question": "q", "answer": " x "}), Layout::Plain, "q", math("x")),
        ] {
            assert_eq!(Layout::of(&record), Ok(layout), "{record}");
            let problem = read(&record).expect("read");
            assert_eq!(problem.question, question);
            assert_eq!(problem.task, task);
        }
    }

    #[test]
    fn level_subject_and_id_come_from_the_columns_that_data_sets_have() {
        let read = |more: Value| {
            let mut record = json!({"problem": "p", "answer": "1"});
            record.as_object_mut().expect("object").extend(
                more.as_object().expect("object").iter().map(|(k, v)| (k.clone(), v.clone())),
            );
            let problem = read(&record).expect("read");
            (problem.id, problem.level, problem.subject)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            read(json!({"level": 2, "subject": "Algebra", "unique_id": "test/1"})),
            ("test/1".to_owned(), some("2"), some("Algebra"))
        );
        assert_eq!(
            read(json!({"difficulty": 5.0, "type": "Geometry", "id": 60})),
            ("60".to_owned(), some("5"), some("Geometry"))
        );
        assert_eq!(read(json!({"level": "Level 3"})), ("line 7".to_owned(), some("3"), None));
    }

    #[test]
    fn unknown_columns_are_named_beside_the_known_ones() {
        let error = Layout::of(&json!({"input": "a", "output": "b"})).expect_err("unknown");
        for words in ["(input, output)", "(problem, answer)", "(question, options, correct)"] {
            assert!(error.contains(words), "{error}");
        }
        assert!(Layout::of(&json!([1])).expect_err("no object").contains("an array"));
    }

    #[test]
    fn a_column_that_holds_something_else_is_named() {
        for (record, words) in [
            (json!({"problem": "p", "answer": null}), "`answer`"),
            (json!({"question": "q", "options": [1], "correct": "A"}), "`options`"),
            (json!({"text": "t", "test_list": []}), "`test_list`"),
            (json!({"question": "q", "task": {"kind": "riddle"}}), "not a problem"),
        ] {
            let error = read(&record).expect_err("unreadable");
            assert!(error.contains(words), "{error}");
        }
        let later = json!({"question": "q", "answer": "no marks"});
        assert!(Layout::Gsm8k.problem(&later, 1).expect_err("no marks").contains("####"));
    }
}
