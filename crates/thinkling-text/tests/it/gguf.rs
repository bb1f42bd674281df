//! The vocabulary in a GGUF's metadata.

use thinkling_text::{ChatTemplate, GgufVocabulary, Message, TextError, Tokenizer};
use thinkling_weights::{Gguf, GgufArray, GgufValue, GgufWriter, ModelConfig};

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

/// The config of a model of so many rows, whose special tokens are the fixture's.
fn config(rows: usize) -> ModelConfig {
    ModelConfig::from_json(&format!(
        r#"{{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": {rows},
            "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
            "num_attention_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
            "bos_token_id": {BEGIN}, "eos_token_id": {END}}}"#
    ))
    .unwrap()
}

fn read_back(vocabulary: &GgufVocabulary, config: &ModelConfig) -> GgufVocabulary {
    let metadata = [config.to_gguf_metadata(), vocabulary.to_metadata()].concat();
    let file = GgufWriter::new(Vec::new(), &metadata, Vec::new()).unwrap().finish().unwrap();
    GgufVocabulary::from_gguf(&Gguf::parse(&file).unwrap()).unwrap()
}

#[test]
fn a_vocabulary_is_written_as_it_was_read() {
    for pre in ["gpt-2", "smollm", "llama-bpe", "qwen2", "qwen35"] {
        for add_bos in [false, true] {
            let mut read = vocabulary(pre);
            read.add_bos = add_bos;
            let source = "{{ bos_token }}{{ messages[0].content }}";
            read.chat_template = Some(source.to_owned());
            let tokenizer = Tokenizer::from_gguf(&read).unwrap();
            // As a file of transformers has it.
            let tokenizer = Tokenizer::from_json(&tokenizer.to_json().unwrap()).unwrap();
            let chat = ChatTemplate::from_gguf(&read).unwrap();
            let config = config(read.tokens.len());
            let written = GgufVocabulary::of(&tokenizer, &config, Some(&chat)).unwrap();
            assert!(written.is_for_llama_cpp());
            assert_eq!(written, read, "{pre}");
            assert_eq!(read_back(&written, &config), read, "{pre}");
        }
    }
}

#[test]
fn rows_without_a_token_get_names_and_too_few_rows_are_an_error() {
    let tokenizer = Tokenizer::from_gguf(&vocabulary("qwen2")).unwrap();
    let tokens = tokenizer.vocab_size();
    let written = GgufVocabulary::of(&tokenizer, &config(tokens + 2), None).unwrap();
    assert_eq!(
        written.tokens[tokens..],
        [format!("[PAD{tokens}]"), format!("[PAD{}]", tokens + 1)]
    );
    assert_eq!(written.token_types[tokens..], [5, 5]);
    let again = Tokenizer::from_gguf(&written).unwrap();
    assert_eq!(again.encode("hello [PAD").unwrap(), tokenizer.encode("hello [PAD").unwrap());
    let error = GgufVocabulary::of(&tokenizer, &config(tokens - 1), None).unwrap_err();
    assert!(matches!(error, TextError::BadVocabulary { .. }), "{error}");
}

#[test]
fn a_tokenizer_with_other_rules_is_kept_whole() {
    let json = r#"{"version": "1.0", "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "[a-z]+ ?|."},
            "behavior": "Isolated", "invert": false},
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": {"<unk>": 0, "one ": 1, "two": 2},
            "unk_token": "<unk>"}}"#;
    let tokenizer = Tokenizer::from_json(json.as_bytes()).unwrap();
    let special = ModelConfig { bos_token_id: None, eos_token_ids: vec![0], ..config(400) };
    let config = ModelConfig { vocab_size: 3, ..special };
    let written = GgufVocabulary::of(&tokenizer, &config, None).unwrap();
    assert!(!written.is_for_llama_cpp());
    assert_eq!(written.model, "none");
    let read = read_back(&written, &config);
    assert_eq!(read, written);
    assert_eq!(Tokenizer::from_gguf(&read).unwrap().encode("one two").unwrap(), [1, 2]);
}
