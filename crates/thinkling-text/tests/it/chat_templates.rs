//! Chat templates of models that people use, against the prompts that transformers makes by them
//! (tests/golden/make_chat_templates.py).
//!
//! `THINKLING_CHAT_TEMPLATES` names the folder with their `NAME/tokenizer_config.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thinkling_text::{ChatTemplate, Message};

/// Models and cases of the golden; fewer would be a damaged file.
const MODELS: usize = 6;
const CASES: usize = 14;

#[expect(clippy::print_stderr, reason = "whoever runs the test should see that it was skipped")]
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("THINKLING_CHAT_TEMPLATES").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: THINKLING_CHAT_TEMPLATES is not set");
    }
    folder
}

fn template(folder: &Path, name: &str) -> ChatTemplate {
    let path = folder.join(name).join("tokenizer_config.json");
    let json = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    ChatTemplate::from_tokenizer_config(&json, None).expect("a template")
}

#[test]
fn prompts_are_those_of_transformers_with_tools_and_system_messages() {
    let golden = std::fs::read("../../tests/golden/chat_templates.json").expect("committed");
    let golden: Value = serde_json::from_slice(&golden).expect("JSON");
    let models = golden["models"].as_array().expect("models");
    assert_eq!(models.len(), MODELS);
    let Some(folder) = folder() else { return };
    for model in models {
        let name = model["name"].as_str().expect("a name");
        let template = template(&folder, name);
        let cases = model["cases"].as_array().expect("cases");
        assert_eq!(cases.len(), CASES, "{name}");
        for (i, case) in cases.iter().enumerate() {
            let messages: Vec<Message> =
                serde_json::from_value(case["messages"].clone()).expect("messages");
            let mut variables: BTreeMap<String, Value> =
                serde_json::from_value(case["variables"].clone()).expect("variables");
            if !case["tools"].is_null() {
                variables.insert("tools".to_owned(), case["tools"].clone());
            }
            let opens = case["add_generation_prompt"].as_bool().expect("a flag");
            let prompt = template.render_with(&messages, opens, &variables);
            match case["prompt"].as_str() {
                Some(want) => {
                    let prompt = prompt.unwrap_or_else(|e| panic!("{name}, case {i}: {e}"));
                    assert_eq!(prompt, want, "{name}, case {i}");
                }
                None => assert!(prompt.is_err(), "{name}, case {i}: transformers refuses"),
            }
        }
    }
}
