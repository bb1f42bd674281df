//! Conversations from data files.

use crate::data::{each_record, field_error, gsm8k_answer};
use crate::error::Result;
use crate::recipe::{ExampleFields, ExampleFormat, GrownLessons};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use thinkling_text::Message;

/// A conversation with the line of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conversation {
    /// Line, from 1; of an array's item the one that it begins on.
    pub(crate) line: usize,
    /// Its turns; at least one is the assistant's.
    pub(crate) messages: Vec<Message>,
    /// Descriptions of the tools that the assistant may call, for the chat template.
    pub(crate) tools: Option<Value>,
}

/// Shows each conversation of a file, or why a line holds none.
///
/// # Errors
/// A file that cannot be read, the first error of `each`.
pub(crate) fn for_each_conversation(
    path: &Path,
    fields: &ExampleFields,
    mut each: impl FnMut(usize, std::result::Result<Conversation, String>) -> Result<()>,
) -> Result<()> {
    each_record(path, |line, value| each(line, value.and_then(|value| parse(&value, line, fields))))
}

/// Shows each conversation that the grown mini world makes, its line the place in their order.
///
/// # Errors
/// The first error of `each`.
pub(crate) fn for_each_lesson(
    lessons: &GrownLessons,
    fields: &ExampleFields,
    seed: u64,
    mut each: impl FnMut(usize, std::result::Result<Conversation, String>) -> Result<()>,
) -> Result<()> {
    let records = lessons.set.records().records(false, lessons.count, seed, &lessons.mix)?;
    let mut numbered = records.iter().enumerate();
    numbered.try_for_each(|(i, record)| each(i + 1, parse(record, i + 1, fields)))
}

fn parse(
    value: &Value,
    line: usize,
    fields: &ExampleFields,
) -> std::result::Result<Conversation, String> {
    // A table has all columns in every row.
    let has = |field: &str| value.get(field).is_some_and(|value| !value.is_null());
    let messages = match fields.format {
        ExampleFormat::Gsm8k => gsm8k(value, fields)?,
        ExampleFormat::Messages => read_messages(value, &fields.messages)?,
        ExampleFormat::PromptCompletion => prompt_and_completion(value, fields)?,
        ExampleFormat::Auto if has(&fields.messages) => read_messages(value, &fields.messages)?,
        ExampleFormat::Auto if has(&fields.prompt) => prompt_and_completion(value, fields)?,
        ExampleFormat::Auto => {
            return Err(format!(
                "expected: an object with the field `{}`, or with `{}` and `{}`",
                fields.messages, fields.prompt, fields.completion
            ));
        }
    };
    if !messages.iter().any(|m| m.role == "assistant") {
        return Err("no message of the role `assistant`: there is nothing to learn".to_owned());
    }
    let tools = tools_of(value, &fields.tools)?;
    Ok(Conversation { line, messages, tools })
}

/// The list in `field`, which may be the text of one: tables hold those more easily.
fn tools_of(value: &Value, field: &str) -> std::result::Result<Option<Value>, String> {
    let list = match value.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        Some(other) => Some(other.clone()),
    };
    match list {
        Some(Value::Array(list)) if list.is_empty() => Ok(None),
        Some(Value::Array(list)) if list.iter().all(Value::is_object) => {
            Ok(Some(Value::Array(list)))
        }
        _ => Err(field_error(field, "a list of objects, or its text in JSON", value.get(field))),
    }
}

/// What `field` has: a text of `role`, or messages.
pub(crate) fn messages_of(
    value: &Value,
    field: &str,
    role: &str,
) -> std::result::Result<Vec<Message>, String> {
    match value.get(field) {
        Some(Value::String(text)) => Ok(vec![Message::new(role, text.as_str())]),
        Some(Value::Array(_)) => read_messages(value, field),
        other => Err(field_error(field, "a text or a list of messages", other)),
    }
}

fn read_messages(value: &Value, field: &str) -> std::result::Result<Vec<Message>, String> {
    let list = match value.get(field) {
        Some(Value::Array(list)) if !list.is_empty() => list,
        other => return Err(field_error(field, "a list of messages", other)),
    };
    list.iter()
        .enumerate()
        .map(|(i, message)| {
            let text = |key: &str| match message.get(key) {
                Some(Value::String(_)) => Ok(()),
                Some(Value::Null) | None
                    if key == "content" && !message["tool_calls"].is_null() =>
                {
                    Ok(())
                }
                other => Err(field_error(&format!("{field}[{i}].{key}"), "a text", other)),
            };
            text("role").and_then(|()| text("content"))?;
            Message::deserialize(message).map_err(|e| format!("field `{field}[{i}]`: {e}"))
        })
        .collect()
}

fn prompt_and_completion(
    value: &Value,
    fields: &ExampleFields,
) -> std::result::Result<Vec<Message>, String> {
    let mut messages = messages_of(value, &fields.prompt, "user")?;
    messages.extend(messages_of(value, &fields.completion, "assistant")?);
    Ok(messages)
}

fn gsm8k(value: &Value, fields: &ExampleFields) -> std::result::Result<Vec<Message>, String> {
    let text = |field: &str| match value.get(field) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.as_str()),
        other => Err(field_error(field, "a text that is not empty", other)),
    };
    let (question, solution) = (text(&fields.prompt)?, text(&fields.completion)?);
    let number = gsm8k_answer(solution)
        .ok_or_else(|| format!("field `{}` does not end in `#### NUMBER`", fields.completion))?;
    let rationale = solution.rsplit_once("####").map_or(solution, |(before, _)| before);
    let thought = without_calculator_marks(rationale);
    let answer = format!("<think> {} </think> <answer> {number} </answer>", thought.trim());
    Ok(vec![Message::new("user", question), Message::new("assistant", answer)])
}

/// Without `<<..>>`, in which GSM8K writes what a calculator is to compute.
fn without_calculator_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<<") {
        let Some((_, after)) = after.split_once(">>") else { break };
        out.push_str(before);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Recipe, StageKind};
    use std::path::Path;

    fn read(text: &str, keys: &str) -> Result<Vec<std::result::Result<Conversation, String>>> {
        let dir = tempfile::tempdir().expect("temporary folder");
        std::fs::write(dir.path().join("a.jsonl"), text).expect("written");
        let recipe = format!(
            "name='a'\nmodel.path='m'\n[[stage]]\nname='s'\nkind='sft'\n\
             data={{kind='jsonl', path='a.jsonl'{keys}}}"
        );
        let recipe = Recipe::parse(&recipe, Path::new("r.toml"), dir.path(), &[]).expect("valid");
        let StageKind::Sft(stage) = &recipe.stages[0].kind else { panic!("not sft") };
        let mut all = Vec::new();
        let source = &stage.data[0];
        for_each_conversation(source.path().expect("a file"), &source.fields, |_, one| {
            all.push(one);
            Ok(())
        })?;
        Ok(all)
    }

    fn turns(one: &std::result::Result<Conversation, String>) -> Vec<(&str, &str)> {
        let one = one.as_ref().expect("a conversation");
        one.messages.iter().map(|m| (m.role.as_str(), m.content.as_str())).collect()
    }

    #[test]
    fn both_forms_are_read_from_lines_and_arrays() {
        let chat =
            r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#;
        let pair = r#"{"prompt":"c, \"]\" {","completion":"d"}"#;
        let lists = r#"{"prompt":[{"role":"system","content":"s"},{"role":"user","content":"e"}],
                        "completion":[{"role":"assistant","content":"f"}]}"#;
        let one_line = lists.replace('\n', " ");
        for text in [
            format!("{chat}\n\n{pair}\r\n{one_line}"),
            format!("\u{feff}[{chat},\n\n{pair},\n{lists}\n]\n"),
        ] {
            let all = read(&text, "").expect("readable");
            assert_eq!(turns(&all[0]), [("user", "a"), ("assistant", "b")]);
            assert_eq!(turns(&all[1]), [("user", "c, \"]\" {"), ("assistant", "d")]);
            assert_eq!(turns(&all[2]), [("system", "s"), ("user", "e"), ("assistant", "f")]);
            let lines: Vec<_> = all.iter().map(|one| one.as_ref().expect("one").line).collect();
            assert_eq!(lines, [1, 3, 4]);
        }
        assert!(read("[]", "").expect("readable").is_empty());
    }

    #[test]
    fn worked_solutions_become_thought_and_answer() {
        let line = r#"{"question":"How many?","answer":"48/2 = <<48/2=24>>24.\n24+1=<<24+1=25>>25\n#### 1,025"}"#;
        let all = read(line, ", format='gsm8k'").expect("readable");
        let answer = "<think> 48/2 = 24.\n24+1=25 </think> <answer> 1025 </answer>";
        assert_eq!(turns(&all[0]), [("user", "How many?"), ("assistant", answer)]);
        assert_eq!(thinkling_reward::FormatRule::Strict.score(answer), 1.0);
        assert_eq!(without_calculator_marks("a << b"), "a << b", "what does not end stays");
    }

    #[test]
    fn tools_are_a_list_or_its_text() {
        let line = |tools: &str| {
            format!(
                r#"{{"messages":[{{"role":"user","content":"a"}},{{"role":"assistant","content":"b"}}],"tools":{tools}}}"#
            )
        };
        let tools = |text: &str| {
            let all = read(&line(text), "").expect("readable");
            all[0].as_ref().map(|one| one.tools.clone()).map_err(Clone::clone)
        };
        let expected = Ok(Some(serde_json::json!([{"name": "add"}])));
        assert_eq!(tools(r#"[{"name":"add"}]"#), expected);
        assert_eq!(tools(r#""[{\"name\": \"add\"}]""#), expected);
        assert_eq!((tools("null"), tools("[]")), (Ok(None), Ok(None)));
        for wrong in ["3", "\"add\"", "[\"add\"]"] {
            let error = tools(wrong).expect_err(wrong);
            assert!(error.contains("field `tools`"), "{error}");
        }
        let named = read(&line("[{}]").replace("tools", "functions"), ", tools='functions'");
        assert!(named.expect("readable")[0].as_ref().expect("one").tools.is_some());
    }

    #[test]
    fn fields_may_have_other_names() {
        let keys = ", format='prompt-completion', prompt='in', completion='out'";
        let all = read(r#"{"in":"a","out":"b"}"#, keys).expect("readable");
        assert_eq!(turns(&all[0]), [("user", "a"), ("assistant", "b")]);
    }

    #[test]
    fn a_bad_line_says_what_it_lacks() {
        for (line, reason) in [
            ("{\"prompt\":\"a\"", "not JSON"),
            ("{\"text\":\"a\"}", "`messages`, or with `prompt` and `completion`"),
            ("{\"prompt\":\"a\"}", "field `completion`"),
            ("{\"messages\":[]}", "a list of messages"),
            ("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", "nothing to learn"),
            ("{\"messages\":[{\"role\":\"assistant\",\"content\":1}]}", "messages[0].content"),
        ] {
            let all = read(line, "").expect("readable");
            let error = all[0].as_ref().expect_err(line);
            assert!(error.contains(reason), "{error}");
        }
        let all = read("[{\"prompt\":\"a\", \"completion\":\"b\"},\n{", "").expect("readable");
        let error = all[1].as_ref().expect_err("no end");
        assert!(error.contains("the file was cut"), "{error}");
    }
}
