//! The vocabulary in a GGUF's metadata.

use thinkling_text::{ChatTemplate, GgufVocabulary, Message, TextError, Tokenizer};
use thinkling_weights::{Gguf, GgufArray, GgufValue, GgufWriter};

use crate::fixture::{BEGIN, END, HELLO, vocabulary};

/// The fixture's vocabulary as a GGUF without tensors, with some entries changed or left out.
fn gguf(pre: &str, changes: &[(&str, Option<GgufValue>)]) -> Gguf {
    let vocabulary = vocabulary(pre);
    let text = |text: &str| GgufValue::String(text.to_owned());
    let mut metadata = vec![
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text(pre)),
        ("tokenizer.ggml.tokens", GgufValue::Array(GgufArray::String(vocabulary.tokens))),
        ("tokenizer.ggml.token_type", GgufValue::Array(GgufArray::I32(vocabulary.token_types))),
        ("tokenizer.ggml.merges", GgufValue::Array(GgufArray::String(vocabulary.merges))),
        ("tokenizer.ggml.bos_token_id", GgufValue::U32(BEGIN)),
        ("tokenizer.ggml.eos_token_id", GgufValue::U32(END)),
        (
            "tokenizer.chat_template",
            text("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"),
        ),
    ];
    for (key, value) in changes {
        metadata.retain(|(known, _)| known != key);
        metadata.extend(value.clone().map(|value| (*key, value)));
    }
    let metadata: Vec<(String, GgufValue)> =
        metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let file = GgufWriter::new(Vec::new(), &metadata, Vec::new()).unwrap().finish().unwrap();
    Gguf::parse(&file).unwrap()
}

#[test]
fn vocabulary_and_template_come_out_of_the_metadata() {
    let vocabulary = GgufVocabulary::from_gguf(&gguf("smollm", &[])).unwrap();
    assert_eq!((vocabulary.bos, vocabulary.eos, vocabulary.pad), (Some(BEGIN), Some(END), None));
    let tokenizer = Tokenizer::from_gguf(&vocabulary).unwrap();
    assert_eq!(tokenizer.encode("<|begin|>hello<|end|>").unwrap(), [BEGIN, HELLO, END]);
    let template = ChatTemplate::from_gguf(&vocabulary).unwrap();
    let prompt = template.render(&[Message::new("user", "hello")], true).unwrap();
    assert_eq!(prompt, "<|begin|>hello<|end|>");
}

#[test]
fn where_the_file_does_not_say_only_llama3_adds_a_beginning() {
    let adds = |pre, changes: &[_]| {
        let vocabulary = GgufVocabulary::from_gguf(&gguf(pre, changes)).unwrap();
        let tokenizer = Tokenizer::from_gguf(&vocabulary).unwrap();
        tokenizer.encode_with_added("hello").unwrap() == [BEGIN, HELLO]
    };
    assert!(adds("llama-bpe", &[]));
    assert!(!adds("qwen2", &[]));
    let key = "tokenizer.ggml.add_bos_token";
    assert!(!adds("llama-bpe", &[(key, Some(GgufValue::Bool(false)))]));
    assert!(adds("deepseek-r1-qwen", &[(key, Some(GgufValue::Bool(true)))]));
}

#[test]
fn missing_cutting_rules_are_an_error_and_no_guess() {
    for key in ["tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.pre"] {
        let error = GgufVocabulary::from_gguf(&gguf("smollm", &[(key, None)])).unwrap_err();
        assert!(
            matches!(error, TextError::MissingMetadata { key: missing, .. } if missing == key),
            "{error}"
        );
    }
}

#[test]
fn a_sentencepiece_vocabulary_is_named_as_unsupported() {
    let llama = Some(GgufValue::String("llama".to_owned()));
    let changes = [
        ("tokenizer.ggml.model", llama),
        ("tokenizer.ggml.pre", None),
        ("tokenizer.ggml.merges", None),
    ];
    let vocabulary = GgufVocabulary::from_gguf(&gguf("default", &changes)).unwrap();
    let error = Tokenizer::from_gguf(&vocabulary).unwrap_err();
    assert!(matches!(&error, TextError::UnsupportedModel { got, .. } if got == "llama"), "{error}");
}

#[test]
fn metadata_of_another_type_is_an_error() {
    let wrong = Some(GgufValue::U32(7));
    let error = GgufVocabulary::from_gguf(&gguf("smollm", &[("tokenizer.ggml.merges", wrong)]))
        .unwrap_err();
    assert!(matches!(error, TextError::Metadata(_)), "{error}");
    let none = gguf("smollm", &[("tokenizer.chat_template", None)]);
    let vocabulary = GgufVocabulary::from_gguf(&none).unwrap();
    let error = ChatTemplate::from_gguf(&vocabulary).unwrap_err();
    assert!(matches!(error, TextError::NoChatTemplate { .. }), "{error}");
}
