//! Encoding and decoding, with ids that are checked by hand.

use std::sync::LazyLock;

use proptest::prelude::*;
use thinkling_text::{GgufVocabulary, TextError, Tokenizer};

use crate::fixture::{
    ABC, BEGIN, END, HAN_END, HE, HELL, HELLO, KINDS, SIZE, SPACE_W, THINK, TWO_ONES,
    byte_fallback_json, tokenizer, vocabulary, words_json,
};

fn bytes(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

#[test]
fn merges_are_applied_in_their_order() {
    for kind in KINDS {
        let tokenizer = tokenizer(kind);
        let mut ids = vec![HELLO, SPACE_W];
        ids.extend(bytes("orld"));
        assert_eq!(tokenizer.encode("hello world").unwrap(), ids, "{kind}");
        // "hel" stops at the second merge, "hellhe" at the third.
        assert_eq!(tokenizer.encode("hel").unwrap(), [HE, u32::from(b'l')], "{kind}");
        assert_eq!(tokenizer.encode("hellhe").unwrap(), [HELL, HE], "{kind}");
    }
}

#[test]
fn digits_are_merged_only_where_the_family_keeps_them_together() {
    let one = u32::from(b'1');
    for (kind, ids) in [
        ("gpt-2", vec![TWO_ONES, TWO_ONES]),
        ("smollm", vec![one; 4]),
        ("llama-bpe", vec![TWO_ONES, one, one]),
        ("qwen2", vec![one; 4]),
    ] {
        assert_eq!(tokenizer(kind).encode("1111").unwrap(), ids, "{kind}");
    }
}

#[test]
fn only_llama3_takes_a_word_of_the_vocabulary_without_merges() {
    assert_eq!(tokenizer("llama-bpe").encode("abc").unwrap(), [ABC]);
    assert_eq!(tokenizer("gpt-2").encode("abc").unwrap(), bytes("abc"));
    assert_eq!(tokenizer("qwen2").encode("abc").unwrap(), bytes("abc"));
}

#[test]
fn qwen_composes_characters_first_and_llama_does_not() {
    let decomposed = "e\u{301}";
    assert_eq!(tokenizer("qwen2").encode(decomposed).unwrap(), bytes("é"));
    assert_eq!(tokenizer("llama-bpe").encode(decomposed).unwrap(), bytes(decomposed));
}

#[test]
fn special_tokens_in_the_text_are_parsed_and_none_is_added() {
    let tokenizer = tokenizer("smollm");
    let ids = tokenizer.encode("<|begin|>he<think>he<|end|><｜结束｜>").unwrap();
    assert_eq!(ids, [BEGIN, HE, THINK, HE, END, HAN_END]);
}

#[test]
fn special_tokens_in_ordinary_text_are_spelt_out() {
    for kind in KINDS {
        let tokenizer = tokenizer(kind);
        let text = "he<|end|><think><|begin|>";
        let ids = tokenizer.encode_ordinary(text).unwrap();
        let mut expected = vec![HE];
        expected.extend(bytes("<|end|>"));
        expected.push(THINK);
        expected.extend(bytes("<|begin|>"));
        assert_eq!(ids, expected, "{kind}");
        assert!(!ids.iter().any(|&id| tokenizer.is_special(id)));
        assert_eq!(tokenizer.decode(&ids, false), text);
    }
}

#[test]
fn ids_tokens_and_sizes_agree() {
    let tokenizer = tokenizer("smollm");
    assert_eq!(tokenizer.vocab_size(), SIZE as usize);
    assert_eq!(tokenizer.token_to_id("hello"), Some(HELLO));
    assert_eq!(tokenizer.token_to_id("<|end|>"), Some(END));
    assert_eq!(tokenizer.token_to_id("nowhere"), None);
    assert_eq!(tokenizer.id_to_token(SPACE_W).as_deref(), Some("Ġw"));
    assert_eq!(tokenizer.id_to_token(SIZE), None);
    let special: Vec<u32> = (0..SIZE + 2).filter(|&id| tokenizer.is_special(id)).collect();
    assert_eq!(special, [BEGIN, END, HAN_END]);
}

#[test]
fn decoding_may_leave_special_tokens_out_and_drops_unknown_ids() {
    let tokenizer = tokenizer("qwen2");
    let ids = [BEGIN, HELLO, SPACE_W, THINK, HAN_END, 9999, END];
    assert_eq!(tokenizer.decode(&ids, false), "<|begin|>hello w<think><｜结束｜><|end|>");
    assert_eq!(tokenizer.decode(&ids, true), "hello w<think>");
}

#[test]
fn bytes_that_are_no_utf8_become_replacement_characters() {
    let tokenizer = tokenizer("gpt-2");
    // A continuation byte alone, the first two bytes of a Han character, a letter, a bad start.
    assert_eq!(
        tokenizer.decode(&[0x80, 0xe5, 0xa5, 0x61, 0xff], false),
        "\u{fffd}\u{fffd}a\u{fffd}"
    );
}

#[test]
fn a_beginning_token_is_added_only_where_it_is_asked_for() {
    let mut vocabulary = vocabulary("llama-bpe");
    vocabulary.add_bos = true;
    let tokenizer = Tokenizer::from_gguf(&vocabulary).unwrap();
    assert_eq!(tokenizer.encode("hello").unwrap(), [HELLO]);
    assert_eq!(tokenizer.encode_with_added("hello").unwrap(), [BEGIN, HELLO]);
    let again = Tokenizer::from_json(&tokenizer.to_json().unwrap()).unwrap();
    assert_eq!(again.encode_with_added("hello").unwrap(), [BEGIN, HELLO]);
    let without = crate::fixture::tokenizer("llama-bpe");
    assert_eq!(without.encode_with_added("hello").unwrap(), [HELLO]);
}

#[test]
fn the_written_json_has_the_parts_that_transformers_reads() {
    let json = tokenizer("llama-bpe").to_json().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["model"]["type"], "BPE");
    assert_eq!(json["model"]["ignore_merges"], true);
    assert_eq!(json["model"]["vocab"]["hello"], HELLO);
    assert_eq!(json["model"]["merges"][2], serde_json::json!(["he", "ll"]));
    assert_eq!(json["decoder"]["type"], "ByteLevel");
    assert_eq!(json["pre_tokenizer"]["pretokenizers"][1]["type"], "ByteLevel");
    let added = json["added_tokens"].as_array().unwrap();
    let special: Vec<_> =
        added.iter().map(|t| (t["id"].as_u64(), t["special"].as_bool())).collect();
    let id = |id: u32| Some(u64::from(id));
    assert_eq!(
        special,
        [
            (id(BEGIN), Some(true)),
            (id(END), Some(true)),
            (id(THINK), Some(false)),
            (id(HAN_END), Some(true))
        ]
    );
}

#[test]
fn long_runs_of_one_character_are_cut_by_the_same_rules() {
    // A regex engine that gives up on a long run would leave the digits in one piece, and merge.
    let one = u32::from(b'1');
    for unit in [" ", "\n", "a", "7", "!", " \n", "好"] {
        let text = unit.repeat(4_000) + "x11";
        let ids = tokenizer("qwen2").encode(&text).unwrap();
        assert_eq!(ids[ids.len() - 2..], [one, one], "{unit:?}");
        assert_eq!(ids.len(), text.len(), "{unit:?}");
    }
}

#[test]
fn a_run_of_blanks_beyond_the_regex_engine_is_an_error_and_not_wrong_ids() {
    let tokenizer = tokenizer("qwen2");
    let one = u32::from(b'1');
    let ids = tokenizer.encode(&(" ".repeat(250_000) + "x11")).unwrap();
    assert_eq!(ids[ids.len() - 3..], [u32::from(b'x'), one, one]);
    let long = " ".repeat(250_001) + "x11";
    assert!(matches!(tokenizer.encode(&long), Err(TextError::Encode { .. })));
    assert!(matches!(tokenizer.encode_ordinary(&long), Err(TextError::Encode { .. })));
}

#[test]
fn empty_text_has_no_ids() {
    let tokenizer = tokenizer("qwen2");
    assert!(tokenizer.encode("").unwrap().is_empty());
    assert!(tokenizer.encode_ordinary("").unwrap().is_empty());
    assert_eq!(tokenizer.decode(&[], false), "");
}

#[test]
fn a_vocabulary_with_byte_fallback_is_read() {
    let tokenizer = Tokenizer::from_json(&byte_fallback_json()).unwrap();
    // "▁a", "▁b", then the two bytes of é: 9 words stand before the bytes.
    assert_eq!(tokenizer.encode("a bé").unwrap(), [6, 7, 9 + 0xc3, 9 + 0xa9]);
    assert_eq!(tokenizer.decode(&[1, 6, 7, 9 + 0xc3, 9 + 0xa9, 8], true), "a bé好");
}

#[test]
fn a_vocabulary_of_words_is_read() {
    let tokenizer = Tokenizer::from_json(&words_json()).unwrap();
    assert_eq!(tokenizer.encode("one plus one 等于 two").unwrap(), [0, 1, 0, 2, 3]);
    assert_eq!(tokenizer.decode(&[0, 1, 0], false), "one plus one");
    assert_eq!(tokenizer.vocab_size(), 4);
}

fn refusal(change: impl FnOnce(&mut GgufVocabulary)) -> TextError {
    let mut vocabulary = vocabulary("smollm");
    change(&mut vocabulary);
    Tokenizer::from_gguf(&vocabulary).unwrap_err()
}

#[test]
fn what_is_not_supported_is_named() {
    let error = refusal(|v| v.model = "llama".to_owned());
    assert!(error.to_string().contains("\"llama\""), "{error}");
    assert!(matches!(error, TextError::UnsupportedModel { .. }));
    let error = refusal(|v| v.pre = "tekken".to_owned());
    assert!(matches!(&error, TextError::UnsupportedPreTokenizer { got, .. } if got == "tekken"));
}

#[test]
fn lists_that_contradict_each_other_are_refused() {
    let reasons = [
        (refusal(|v| v.tokens.clear()), "token types"),
        (
            refusal(|v| {
                v.tokens.clear();
                v.token_types.clear();
                v.merges.clear()
            }),
            "no token",
        ),
        (refusal(|v| v.tokens[300 - 256] = "A".to_owned()), "has the ids"),
        (refusal(|v| v.token_types.truncate(3)), "3 token types"),
        (refusal(|v| v.merges[0] = "he".to_owned()), "is not two tokens"),
        (refusal(|v| v.merges[5] = "1 nowhere".to_owned()), "merges[5]"),
        (refusal(|v| v.merges[5] = "<|begin|> <|begin|>".to_owned()), "merges[5]"),
        (
            refusal(|v| {
                v.add_bos = true;
                v.bos = Some(SIZE)
            }),
            "bos_token_id",
        ),
    ];
    for (error, word) in reasons {
        let message = error.to_string();
        assert!(matches!(error, TextError::BadVocabulary { .. }), "{message}");
        assert!(message.contains(word), "{message}");
    }
}

/// The fixture's JSON with one value replaced.
fn json_with(pointer: &str, value: serde_json::Value) -> Vec<u8> {
    let json = tokenizer("gpt-2").to_json().unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    *json.pointer_mut(pointer).unwrap() = value;
    json.to_string().into_bytes()
}

#[test]
fn a_json_that_would_panic_or_mislead_is_refused() {
    let read = |pointer, value| Tokenizer::from_json(&json_with(pointer, value)).unwrap_err();
    let long = "a".repeat(400);
    let error = read("/model/merges/0", serde_json::json!([long, long]));
    assert!(matches!(error, TextError::BadVocabulary { .. }), "{error}");
    // All ids up to it would be gone through.
    let error = read("/model/vocab/a", serde_json::json!(3_333_333_262_u32));
    assert!(error.to_string().contains("3333333262"), "{error}");
    let error = read("/model/continuing_subword_prefix", "#########".into());
    assert!(matches!(error, TextError::UnsupportedModel { .. }), "{error}");
    let error = read("/model/dropout", 0.5.into());
    assert!(matches!(error, TextError::UnsupportedModel { .. }), "{error}");
    let error = read("/model/type", "Unigram".into());
    assert!(matches!(error, TextError::UnsupportedModel { .. }), "{error}");
    let error = read("/decoder", serde_json::json!({"type": "CTC"}));
    assert!(matches!(error, TextError::UnsupportedDecoder { .. }), "{error}");
    let error = read("/model/merges/0", serde_json::json!(["q", "no"]));
    assert!(matches!(error, TextError::BadTokenizerJson { .. }), "{error}");
}

#[test]
fn a_json_that_asks_for_truncation_does_not_truncate() {
    let json = json_with(
        "/truncation",
        serde_json::json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}),
    );
    let tokenizer = Tokenizer::from_json(&json).unwrap();
    assert_eq!(tokenizer.encode("1!1!1!").unwrap().len(), 6);
}

fn text() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "he",
        "hello",
        " w",
        "11",
        "abc",
        "<|end|>",
        "<think>",
        "<",
        "|",
        " ",
        "  ",
        "\n",
        "\r\n",
        "\t",
        "é",
        "e\u{301}",
        "好",
        "的",
        "😀",
        "👩‍👩‍👧",
        "ʼs",
        "'s",
        "'LL",
        "½",
        "٤",
        "\u{a0}",
        "x",
        "\u{3000}",
        "\0",
        "!",
        "?!",
        "\u{fffd}",
    ]);
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn text_comes_back_from_its_ids(text in text(), kind in 0..5usize) {
        // The kinds that do not normalise.
        let kind = ["default", "gpt-2", "smollm", "llama-bpe", "llama3"][kind];
        let tokenizer = tokenizer(kind);
        let ids = tokenizer.encode(&text).unwrap();
        prop_assert_eq!(&tokenizer.decode(&ids, false), &text);
        let ids = tokenizer.encode_ordinary(&text).unwrap();
        prop_assert_eq!(&tokenizer.decode(&ids, true), &text);
    }

    #[test]
    fn the_written_json_gives_the_same_ids(text in text(), kind in 0..KINDS.len()) {
        static AGAIN: LazyLock<Vec<Tokenizer>> = LazyLock::new(|| {
            let json = KINDS.map(|kind| tokenizer(kind).to_json().unwrap());
            json.iter().map(|json| Tokenizer::from_json(json).unwrap()).collect()
        });
        let (tokenizer, again) = (tokenizer(KINDS[kind]), &AGAIN[kind]);
        prop_assert_eq!(again.vocab_size(), tokenizer.vocab_size());
        let ids = tokenizer.encode(&text).unwrap();
        prop_assert_eq!(&again.encode(&text).unwrap(), &ids);
        prop_assert_eq!(
            again.encode_ordinary(&text).unwrap(),
            tokenizer.encode_ordinary(&text).unwrap()
        );
        prop_assert_eq!(again.decode(&ids, true), tokenizer.decode(&ids, true));
    }

    #[test]
    fn a_damaged_json_is_an_error_and_no_panic(
        cut in 0.0f64..1.0,
        places in prop::collection::vec((0.0f64..1.0, any::<u8>()), 0..4),
        truncate in any::<bool>(),
    ) {
        let mut json = byte_fallback_json();
        for (place, byte) in places {
            let place = (place * (json.len() - 1) as f64) as usize;
            json[place] = byte;
        }
        if truncate {
            json.truncate((cut * json.len() as f64) as usize);
        }
        if let Ok(tokenizer) = Tokenizer::from_json(&json) {
            let _ = tokenizer.encode("a bé <s>");
            tokenizer.decode(&[0, 1, 2, 3, 200, 9], true);
        }
    }
}
