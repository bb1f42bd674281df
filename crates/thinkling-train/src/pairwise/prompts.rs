//! Prompts without a right answer.

use crate::conversations::messages_of;
use crate::data::each_record;
use crate::error::{Result, TrainError};
use crate::questions::{Checks, read_problems};
use crate::recipe::{PromptFile, PromptSource, QuestionSource, Template};
use serde_json::Value;
use thinkling_reward::{RewardSpec, Tools};
use thinkling_text::Message;

/// A prompt: one message of `user`, or a conversation that ends with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// Its name in its data.
    pub(crate) id: String,
    pub(crate) messages: Vec<Message>,
}

/// The prompts of a stage.
#[derive(Debug, Default)]
pub(crate) struct LoadedPrompts {
    pub(crate) prompts: Vec<Prompt>,
    /// Lines that hold no prompt and were passed over.
    pub(crate) skipped: usize,
    /// The first of them and what it lacks.
    pub(crate) first_skipped: Option<String>,
}

/// Reads the first `limit` prompts of a source for a template, or generates them by `seed`.
///
/// # Errors
/// A file that cannot be read or holds no prompt, the first line that holds none (unless the source
/// passes it over).
pub(crate) fn read_prompts(
    source: &PromptSource,
    template: Template,
    seed: u64,
    limit: usize,
) -> Result<LoadedPrompts> {
    let generated = match source {
        PromptSource::Jsonl(file) => return read_file(file, template, limit),
        PromptSource::MiniWorld(mix) => QuestionSource::MiniWorld(mix.clone()),
        PromptSource::GrownWorld(questions) => QuestionSource::GrownWorld(questions.clone()),
    };
    // What is generated can be judged, and is not here.
    let rewards = RewardSpec::default();
    let checks = Checks { stage: "", rewards: &rewards, tools: Tools::default() };
    let rows = read_problems(&generated, checks, seed, false)?.rows;
    let prompt = |problem: thinkling_reward::Problem| Prompt {
        messages: vec![Message::new("user", problem.question)],
        id: problem.id,
    };
    let prompts = rows.into_iter().take(limit).map(|row| prompt(row.problem)).collect();
    Ok(LoadedPrompts { prompts, ..LoadedPrompts::default() })
}

fn read_file(file: &PromptFile, template: Template, limit: usize) -> Result<LoadedPrompts> {
    let PromptFile { path, prompt, skip_bad } = file;
    let mut found = LoadedPrompts::default();
    each_record(path, |line, value| {
        match value.and_then(|value| parse(&value, prompt, template)) {
            // What stands behind the limit is read all the same: a bad line is told whatever it is.
            Ok(messages) if found.prompts.len() < limit => {
                found.prompts.push(Prompt { id: format!("line {line}"), messages });
            }
            Ok(_) => {}
            Err(reason) if *skip_bad => {
                found.skipped += 1;
                let first = || format!("{}:{line}: {reason}", path.display());
                found.first_skipped.get_or_insert_with(first);
            }
            Err(reason) => return Err(TrainError::DataLine { path: path.clone(), line, reason }),
        }
        Ok(())
    })?;
    match found.prompts.is_empty() {
        true => Err(TrainError::damaged(path, format!("the data file holds no `{prompt}`"))),
        false => Ok(found),
    }
}

fn parse(
    value: &Value,
    field: &str,
    template: Template,
) -> std::result::Result<Vec<Message>, String> {
    let messages = messages_of(value, field, "user")?;
    let roles = || messages.iter().map(|m| m.role.as_str()).collect::<Vec<_>>().join(", ");
    match messages.as_slice() {
        [.., last] if last.role != "user" => Err(format!(
            "field `{field}`, expected: a message of `user` at the end, got: {}",
            roles()
        )),
        [.., last] if last.content.trim().is_empty() => {
            Err(format!("field `{field}`, expected: a text that is not empty"))
        }
        [_, _, ..] if template != Template::Chat => Err(format!(
            "field `{field}`, expected: one message of `user` for `template` = \"{template}\", got: {}",
            roles()
        )),
        _ => Ok(messages),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::tempdir;

    fn read(text: &str, template: Template, skip_bad: bool, limit: usize) -> Result<LoadedPrompts> {
        let dir = tempdir().expect("temporary folder");
        let path = dir.path().join("p.jsonl");
        std::fs::write(&path, text).expect("written");
        let file = PromptFile { path, prompt: "ask".to_owned(), skip_bad };
        read_prompts(&PromptSource::Jsonl(file), template, 0, limit)
    }

    const TALK: &str = r#"{"ask":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}"#;

    #[test]
    fn a_prompt_is_a_text_or_a_conversation_that_ends_with_the_user() {
        let text = format!("{{\"ask\":\"hi\"}}\n{TALK}\n{{\"ask\":\"more\"}}\n");
        let prompts = read(&text, Template::Chat, false, 2).expect("readable").prompts;
        assert_eq!(prompts[0].messages, [Message::new("user", "hi")]);
        assert_eq!((prompts.len(), prompts[1].messages.len()), (2, 3));
        assert_eq!(prompts[1].id, "line 2");
    }

    #[test]
    fn lines_without_a_prompt_are_named_or_passed_over() {
        let whole = "{\"ask\":\"hi\"}\n";
        for (line, words) in [
            ("{\"prompt\":\"hi\"}", "field `ask`"),
            ("{\"ask\":\" \"}", "not empty"),
            ("{\"ask\":3}", "a text or a list of messages"),
            ("{\"ask\":[{\"role\":\"assistant\",\"content\":\"b\"}]}", "a message of `user`"),
            (TALK, "one message of `user` for `template` = \"r1-zero\""),
            ("nonsense", "not JSON"),
        ] {
            let text = format!("{whole}{line}\n");
            let error = read(&text, Template::R1Zero, false, 9).expect_err(line).to_string();
            assert!(error.contains("p.jsonl:2") && error.contains(words), "{line}: {error}");
            let read = read(&text, Template::R1Zero, true, 9).expect("passed over");
            assert_eq!((read.prompts.len(), read.skipped), (1, 1), "{line}");
            assert!(read.first_skipped.is_some_and(|first| first.contains(words)), "{line}");
        }
        let error = read("", Template::R1Zero, true, 9).expect_err("nothing").to_string();
        assert!(error.contains("no `ask`"), "{error}");
    }

    #[test]
    fn what_is_generated_follows_from_the_seed() {
        let source = PromptSource::MiniWorld(Default::default());
        let of = |seed| {
            let read = read_prompts(&source, Template::R1Zero, seed, 5).expect("generated").prompts;
            read.into_iter().map(|prompt| prompt.messages[0].content.clone()).collect::<Vec<_>>()
        };
        assert_eq!((of(1).len(), of(1)), (5, of(1)));
        assert_ne!(of(1), of(2));
    }
}
