//! SmolLM2-135M-Instruct: a vocabulary from the wild against what transformers gives.
//!
//! `THINKLING_SMOLLM2_GGUF` names the GGUF, `THINKLING_SMOLLM2_GOLDEN` the reference data.

use serde_json::Value;
use thinkling_text::{ChatTemplate, GgufVocabulary, Message, Tokenizer};
use thinkling_weights::Gguf;

struct Reference {
    vocabulary: GgufVocabulary,
    tokenizer: Tokenizer,
    golden: Value,
}

/// The tokenizer alone.
pub(crate) fn tokenizer() -> Option<Tokenizer> {
    reference().map(|reference| reference.tokenizer)
}

/// The two files, or nothing where a variable is not set.
#[expect(clippy::print_stderr, reason = "whoever runs the test should see that it was skipped")]
fn reference() -> Option<Reference> {
    let read = |name: &str| {
        let Some(path) = std::env::var_os(name) else {
            eprintln!("skipped: {name} is not set");
            return None;
        };
        Some(std::fs::read(&path).unwrap_or_else(|e| panic!("{name}={}: {e}", path.display())))
    };
    let gguf = Gguf::parse(&read("THINKLING_SMOLLM2_GGUF")?).unwrap();
    let golden = serde_json::from_slice(&read("THINKLING_SMOLLM2_GOLDEN")?).unwrap();
    let vocabulary = GgufVocabulary::from_gguf(&gguf).unwrap();
    let tokenizer = Tokenizer::from_gguf(&vocabulary).unwrap();
    Some(Reference { vocabulary, tokenizer, golden })
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Texts of the golden with their ids.
fn pairs(golden: &Value) -> Vec<(&str, Vec<u32>)> {
    let prompts = golden["cases"].as_array().unwrap().iter();
    let prompts = prompts.map(|c| (c["prompt"].as_str().unwrap(), ids(&c["prompt_ids"])));
    let cases = golden["tokenizer_cases"].as_array().unwrap().iter();
    let pairs: Vec<_> =
        prompts.chain(cases.map(|c| (c["text"].as_str().unwrap(), ids(&c["ids"])))).collect();
    assert!(pairs.len() >= 2, "the golden holds no cases");
    pairs
}

#[test]
fn texts_have_the_ids_of_the_reference() {
    let Some(Reference { tokenizer, golden, .. }) = reference() else {
        return;
    };
    assert_eq!(tokenizer.vocab_size(), 49_152);
    let rebuilt = Tokenizer::from_json(&tokenizer.to_json().unwrap()).unwrap();
    for (text, ids) in pairs(&golden) {
        assert_eq!(tokenizer.encode(text).unwrap(), ids, "{text:?}");
        assert_eq!(rebuilt.encode(text).unwrap(), ids, "{text:?}");
        assert_eq!(tokenizer.decode(&ids, false), text);
    }
}

#[test]
fn completions_have_the_text_of_the_reference() {
    let Some(Reference { tokenizer, golden, .. }) = reference() else {
        return;
    };
    for case in golden["cases"].as_array().unwrap() {
        let text = case["greedy_text"].as_str().unwrap();
        assert_eq!(tokenizer.decode(&ids(&case["greedy_ids"]), false), text);
    }
}

#[test]
fn the_chat_template_gives_the_prompt_of_the_reference() {
    let Some(Reference { vocabulary, golden, .. }) = reference() else {
        return;
    };
    let template = ChatTemplate::from_gguf(&vocabulary).unwrap();
    let messages = [Message::new("user", "What is 17 + 25?")];
    let cases = golden["cases"].as_array().unwrap();
    let chat = cases.iter().find(|case| case["kind"] == "chat").unwrap();
    assert_eq!(template.render(&messages, true).unwrap(), chat["prompt"].as_str().unwrap());
}

#[test]
fn the_assistant_writes_its_content_and_the_end_of_its_turn() {
    let Some(Reference { vocabulary, golden, .. }) = reference() else {
        return;
    };
    let template = ChatTemplate::from_gguf(&vocabulary).unwrap();
    let messages = [
        Message::new("user", "What is 17 + 25?"),
        Message::new("assistant", "42"),
        Message::new("user", "Twice?"),
        Message::new("assistant", "84"),
    ];
    let cases = golden["cases"].as_array().unwrap();
    let chat = cases.iter().find(|case| case["kind"] == "chat").unwrap();
    let prompt = chat["prompt"].as_str().unwrap();
    let again = "<|im_start|>user\nTwice?<|im_end|>\n<|im_start|>assistant\n";
    let expected =
        [(prompt, false), ("42<|im_end|>\n", true), (again, false), ("84<|im_end|>\n", true)];
    let segments = template.segments(&messages).unwrap();
    let got: Vec<_> = segments.iter().map(|s| (s.text.as_str(), s.assistant)).collect();
    assert_eq!(got, expected);
}
