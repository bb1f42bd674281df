//! Pairs and labelled responses from data files.

use crate::conversations::messages_of;
use crate::data::{each_record, field_error};
use crate::error::Result;
use crate::recipe::{
    PreferenceFormat, PreferencePlace, PreferenceSource, Reading, RewardObjective,
};
use crate::run_dir::stage_set;
use serde_json::Value;
use std::path::{Path, PathBuf};
use thinkling_text::Message;

/// What begins and ends the turns of hh-rlhf's dialogues.
const HUMAN: &str = "\n\nHuman:";
const ASSISTANT: &str = "\n\nAssistant:";

/// A preference in words; conversations end with the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Pair { chosen: Vec<Message>, rejected: Vec<Message> },
    Label { messages: Vec<Message>, good: bool },
}

/// Shows each record of a source, or why a line holds none; the line of a generated one is its place in
/// their order, and `seed` says which they are. `run` holds what earlier stages wrote.
///
/// # Errors
/// A file that cannot be read, the first error of `each`.
pub(super) fn for_each_record(
    source: &PreferenceSource,
    objective: RewardObjective,
    (seed, run): (u64, &Path),
    mut each: impl FnMut(usize, std::result::Result<Record, String>) -> Result<()>,
) -> Result<()> {
    match &source.place {
        PreferencePlace::Jsonl { .. } | PreferencePlace::Stage { .. } => {
            each_record(&place_of(source, run), |line, value| {
                each(line, value.and_then(|value| parse(&value, source, objective)))
            })
        }
        PreferencePlace::GrownWorld(made) => {
            let records = made.records(seed)?;
            let mut numbered = records.iter().enumerate();
            numbered.try_for_each(|(i, record)| each(i + 1, parse(record, source, objective)))
        }
    }
}

/// The file of a source, or the word for what is generated.
pub(super) fn place_of(source: &PreferenceSource, run: &Path) -> PathBuf {
    match &source.place {
        PreferencePlace::Jsonl { path } => path.clone(),
        PreferencePlace::Stage { name } => stage_set(run, name),
        PreferencePlace::GrownWorld(made) => PathBuf::from(made.set.as_str()),
    }
}

fn parse(
    value: &Value,
    source: &PreferenceSource,
    objective: RewardObjective,
) -> std::result::Result<Record, String> {
    let has = |field: &str| value.get(field).is_some();
    let is_text = |field: &str| value.get(field).is_some_and(Value::is_string);
    let format = match source.format {
        PreferenceFormat::Auto if has(&source.label) => PreferenceFormat::Labels,
        PreferenceFormat::Auto if has(&source.prompt) => PreferenceFormat::Pairs,
        PreferenceFormat::Auto if is_text(&source.chosen) => PreferenceFormat::HhRlhf,
        PreferenceFormat::Auto if has(&source.chosen) => PreferenceFormat::Pairs,
        PreferenceFormat::Auto => {
            return Err(format!(
                "expected: an object with `{}` and `{}`, or with `{}` and `{}`",
                source.chosen, source.rejected, source.response, source.label
            ));
        }
        format => format,
    };
    match (format, objective) {
        (PreferenceFormat::Labels, RewardObjective::Pointwise) => {
            let messages = conversation(value, source, &source.response)?;
            let good = label(value, &source.label)?;
            Ok(Record::Label { messages, good })
        }
        (PreferenceFormat::Labels, RewardObjective::Pairwise) => {
            Err("expected: a pair, as `objective` = \"pairwise\" asks, got: a label".to_owned())
        }
        (_, RewardObjective::Pointwise) => Err(
            "expected: a response with a label, as `objective` = \"pointwise\" asks, got: a pair"
                .to_owned(),
        ),
        (PreferenceFormat::HhRlhf, _) => Ok(Record::Pair {
            chosen: dialogue(value, &source.chosen)?,
            rejected: dialogue(value, &source.rejected)?,
        }),
        _ => Ok(Record::Pair {
            chosen: conversation(value, source, &source.chosen)?,
            rejected: conversation(value, source, &source.rejected)?,
        }),
    }
}

/// The prompt, where there is one, and what `field` has after it.
fn conversation(
    value: &Value,
    source: &PreferenceSource,
    field: &str,
) -> std::result::Result<Vec<Message>, String> {
    let mut messages = match value.get(&source.prompt) {
        Some(_) => messages_of(value, &source.prompt, "user")?,
        None if value.get(field).is_some_and(Value::is_array) => Vec::new(),
        None => return Err(field_error(&source.prompt, "a text or a list of messages", None)),
    };
    messages.extend(messages_of(value, field, "assistant")?);
    ends_with_a_response(messages, field)
}

fn ends_with_a_response(
    messages: Vec<Message>,
    field: &str,
) -> std::result::Result<Vec<Message>, String> {
    match messages.as_slice() {
        [_, .., last] if last.role == "assistant" => Ok(messages),
        [.., last] => Err(format!(
            "field `{field}`, expected: a prompt and then a message of `assistant` at the end, got: {} \
             messages, the last of `{}`",
            messages.len(),
            last.role
        )),
        [] => Err(format!("field `{field}` has no message")),
    }
}

fn label(value: &Value, field: &str) -> std::result::Result<bool, String> {
    match value.get(field) {
        Some(Value::Bool(good)) => Ok(*good),
        Some(Value::Number(n)) if n.as_f64() == Some(1.0) => Ok(true),
        Some(Value::Number(n)) if n.as_f64() == Some(0.0) => Ok(false),
        Some(Value::String(text)) if text == "safe" => Ok(true),
        Some(Value::String(text)) if text == "unsafe" => Ok(false),
        other => Err(field_error(field, "true, false, 1, 0, \"safe\" or \"unsafe\"", other)),
    }
}

/// The turns of a dialogue of hh-rlhf.
fn dialogue(value: &Value, field: &str) -> std::result::Result<Vec<Message>, String> {
    let expected = "a dialogue \"\\n\\nHuman: ..\\n\\nAssistant: ..\"";
    let Some(Value::String(text)) = value.get(field) else {
        return Err(field_error(field, expected, value.get(field)));
    };
    let mut messages = Vec::new();
    let mut rest = text.as_str();
    let next = |text: &str| {
        let turns = [(HUMAN, "user"), (ASSISTANT, "assistant")];
        turns.into_iter().filter_map(|(mark, role)| Some((text.find(mark)?, mark, role))).min()
    };
    match next(rest) {
        Some((0, ..)) => {}
        _ => return Err(field_error(field, expected, value.get(field))),
    }
    while let Some((_, mark, role)) = next(rest) {
        rest = &rest[mark.len()..];
        let (content, tail) = rest.split_at(next(rest).map_or(rest.len(), |(end, ..)| end));
        messages.push(Message::new(role, content.trim()));
        rest = tail;
    }
    ends_with_a_response(messages, field)
}

/// What a reward model reads of a response, without white space around it. A thought that is not
/// closed has no summary behind it.
pub(crate) fn read_part(response: &str, reading: Reading) -> &str {
    let part = match (reading, response.rsplit_once("</think>")) {
        (Reading::Response, _) => response,
        (Reading::Summary, Some((_, summary))) => summary,
        (Reading::Summary, None) if response.contains("<think>") => "",
        (Reading::Summary, None) => response,
    };
    part.trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Recipe, StageKind};

    fn records(
        text: &str,
        objective: &str,
        keys: &str,
    ) -> Vec<std::result::Result<Record, String>> {
        let dir = tempfile::tempdir().expect("temporary folder");
        std::fs::write(dir.path().join("a.jsonl"), text).expect("written");
        let recipe = format!(
            "name='a'\nmodel.path='m'\n[[stage]]\nname='s'\nkind='reward-model'\n\
             objective='{objective}'\ndata={{kind='jsonl', path='a.jsonl'{keys}}}"
        );
        let recipe = Recipe::parse(&recipe, Path::new("r.toml"), dir.path(), &[]).expect("valid");
        let StageKind::RewardModel(stage) = &recipe.stages[0].kind else { panic!("another kind") };
        let mut all = Vec::new();
        for_each_record(&stage.data[0], stage.objective, (0, dir.path()), |_, one| {
            all.push(one);
            Ok(())
        })
        .expect("readable");
        all
    }

    fn turns(messages: &[Message]) -> Vec<(&str, &str)> {
        messages.iter().map(|m| (m.role.as_str(), m.content.as_str())).collect()
    }

    #[test]
    fn pairs_are_read_from_texts_lists_and_dialogues() {
        let texts = r#"{"prompt":"a","chosen":"b","rejected":"c"}"#;
        let lists = r#"{"chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"rejected":[{"role":"user","content":"a"},{"role":"assistant","content":"c"}]}"#;
        let dialogues = r#"{"chosen":"\n\nHuman: a\n\nAssistant: b","rejected":"\n\nHuman: a\n\nAssistant:c "}"#;
        for line in [texts, lists, dialogues] {
            let record = records(line, "pairwise", "").remove(0).expect(line);
            let Record::Pair { chosen, rejected } = record else { panic!("no pair") };
            assert_eq!(turns(&chosen), [("user", "a"), ("assistant", "b")], "{line}");
            assert_eq!(turns(&rejected), [("user", "a"), ("assistant", "c")], "{line}");
        }
        let long = r#"{"chosen":"\n\nHuman: a\n\nb\n\nAssistant: Human: c\n\nHuman: d\n\nAssistant:","rejected":"\n\nHuman: a\n\nAssistant: x"}"#;
        let record = records(long, "pairwise", "").remove(0).expect("a pair");
        let Record::Pair { chosen, .. } = record else { panic!("no pair") };
        let expected =
            [("user", "a\n\nb"), ("assistant", "Human: c"), ("user", "d"), ("assistant", "")];
        assert_eq!(turns(&chosen), expected);
    }

    #[test]
    fn labels_have_several_spellings() {
        let line = |label: &str| format!(r#"{{"prompt":"a","answer":"b","ok":{label}}}"#);
        let keys = ", format='labels', response='answer', label='ok'";
        for (spelt, expected) in
            [("true", true), ("1", true), ("\"safe\"", true), ("0", false), ("\"unsafe\"", false)]
        {
            let record = records(&line(spelt), "pointwise", keys).remove(0).expect(spelt);
            let Record::Label { messages, good } = record else { panic!("no label") };
            assert_eq!((turns(&messages).len(), good), (2, expected), "{spelt}");
        }
        let error = records(&line("2"), "pointwise", keys).remove(0).expect_err("no label");
        assert!(error.contains("field `ok`"), "{error}");
    }

    #[test]
    fn a_bad_line_says_what_it_lacks() {
        for (line, objective, reason) in [
            (r#"{"text":"a"}"#, "pairwise", "`chosen` and `rejected`"),
            (r#"{"prompt":"a","chosen":"b"}"#, "pairwise", "field `rejected`"),
            (r#"{"chosen":"a","rejected":"b"}"#, "pairwise", "a dialogue"),
            (r#"{"prompt":"a","response":"b","label":1}"#, "pairwise", "got: a label"),
            (r#"{"prompt":"a","chosen":"b","rejected":"c"}"#, "pointwise", "got: a pair"),
            (
                r#"{"chosen":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c","rejected":"\n\nHuman: a"}"#,
                "pairwise",
                "the last of `user`",
            ),
        ] {
            let error = records(line, objective, "").remove(0).expect_err(line);
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn the_grown_world_makes_pairs_and_labels_that_the_seed_gives() {
        let made = |objective: &str, set: &str, seed: u64| -> Vec<Record> {
            let recipe = format!(
                "name='a'\nmodel.path='m'\n[[stage]]\nname='s'\nkind='reward-model'\n\
                 objective='{objective}'\ndata={{kind='grown-world', set='{set}', count=60}}"
            );
            let recipe = Recipe::parse(&recipe, Path::new("r.toml"), Path::new("/r"), &[]);
            let recipe = recipe.expect("valid");
            let StageKind::RewardModel(stage) = &recipe.stages[0].kind else { panic!("another") };
            let mut all = Vec::new();
            for_each_record(&stage.data[0], stage.objective, (seed, Path::new("")), |line, one| {
                assert_eq!(line, all.len() + 1);
                all.push(one.expect("a record"));
                Ok(())
            })
            .expect("made");
            all
        };
        let pairs = made("pairwise", "preferences", 1);
        assert_eq!(pairs.len(), 60);
        assert!(pairs.iter().all(|one| matches!(one, Record::Pair { chosen, rejected }
            if chosen != rejected && chosen[0] == rejected[0])));
        assert_eq!(made("pairwise", "preferences", 1), pairs);
        assert_ne!(made("pairwise", "preferences", 2), pairs);
        let labels = made("pointwise", "harmless", 1);
        let good = labels.iter().filter(|one| matches!(one, Record::Label { good: true, .. }));
        assert!((1..60).contains(&good.count()), "labels of both kinds");
    }

    #[test]
    fn the_summary_stands_behind_the_thought() {
        for (response, summary) in [
            ("<think>\na b\n</think>\n\n It is 4. ", "It is 4."),
            ("a</think> <answer>4</answer>", "<answer>4</answer>"),
            ("plain words", "plain words"),
            ("<think> without end", ""),
            ("<think>a</think>b</think>c", "c"),
            ("<think>a</think>", ""),
        ] {
            assert_eq!(read_part(response, Reading::Summary), summary, "{response}");
            assert_eq!(read_part(response, Reading::Response), response.trim());
        }
    }
}
