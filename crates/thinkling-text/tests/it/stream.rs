//! Streaming against the decoders of the tokenizers crate, which is what transformers runs.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use thinkling_text::{DetokenizeStream, Tokenizer};

use crate::fixture::{HELLO, SIZE, byte_fallback_json, tokenizer, vocabulary, words_json};

/// Our tokenizer and the reference from the same file.
struct Pair(Tokenizer, tokenizers::Tokenizer);

impl Pair {
    fn new(json: &[u8]) -> Self {
        Self(Tokenizer::from_json(json).unwrap(), tokenizers::Tokenizer::from_bytes(json).unwrap())
    }
}

static BYTE_LEVEL: LazyLock<Pair> =
    LazyLock::new(|| Pair::new(&tokenizer("gpt-2").to_json().unwrap()));
static BYTE_FALLBACK: LazyLock<Pair> = LazyLock::new(|| Pair::new(&byte_fallback_json()));
static WORDS: LazyLock<Pair> = LazyLock::new(|| Pair::new(&words_json()));

/// All pieces put together, and the reference's text.
fn both(Pair(ours, reference): &Pair, ids: &[u32], skip_special: bool) -> (String, String) {
    let mut stream = ours.stream(skip_special);
    let mut text: String = ids.iter().map(|&id| stream.push(id)).collect();
    text.push_str(&stream.finish());
    assert_eq!(text, ours.decode(ids, skip_special));
    (text, reference.decode(ids, skip_special).unwrap())
}

/// Ids that often make whole characters, sometimes broken ones.
fn ids() -> impl Strategy<Value = Vec<u32>> {
    let han = "好".bytes().chain("😀é".bytes()).map(u32::from).collect::<Vec<_>>();
    let one = prop_oneof![
        3 => (0..SIZE + 3).prop_map(|id| vec![id]),
        2 => Just(han.clone()),
        2 => (0..han.len()).prop_map(move |n| han[..n].to_vec()),
        1 => Just(vec![HELLO]),
    ];
    prop::collection::vec(one, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn byte_level_pieces_are_the_whole_text(ids in ids(), skip in any::<bool>()) {
        let (ours, reference) = both(&BYTE_LEVEL, &ids, skip);
        prop_assert_eq!(ours, reference);
    }

    #[test]
    fn byte_fallback_pieces_are_the_whole_text(
        ids in prop::collection::vec(prop_oneof![0..9u32, 0..270u32, Just(9 + 0xc3), Just(9 + 0xa9)], 0..24),
        skip in any::<bool>(),
    ) {
        let (ours, reference) = both(&BYTE_FALLBACK, &ids, skip);
        prop_assert_eq!(ours, reference);
    }

    #[test]
    fn word_pieces_are_the_whole_text(ids in prop::collection::vec(0..6u32, 0..12)) {
        let (ours, reference) = both(&WORDS, &ids, false);
        prop_assert_eq!(ours, reference);
    }

    #[test]
    fn a_character_comes_with_its_last_byte(text in "[a-z é好😀\u{7f}\n]{0,24}") {
        let tokenizer = tokenizer("gpt-2");
        let mut stream = tokenizer.stream(false);
        let mut seen = String::new();
        for (place, byte) in text.bytes().enumerate() {
            seen.push_str(&stream.push(u32::from(byte)));
            // Nothing is held that is complete, nothing is given that is not.
            prop_assert_eq!(&seen, &text[..text.floor_char_boundary(place + 1)]);
        }
        prop_assert_eq!(stream.finish(), "");
    }
}

#[test]
fn an_unfinished_character_is_flushed_at_the_end() {
    let tokenizer = Arc::new(Tokenizer::from_gguf(&vocabulary("gpt-2")).unwrap());
    let mut stream = DetokenizeStream::new(Arc::clone(&tokenizer), false);
    assert_eq!(stream.push(0xe5), "");
    assert_eq!(stream.push(0xa5), "");
    assert_eq!(stream.finish(), "\u{fffd}");
    // The stream starts over.
    assert_eq!(stream.push(HELLO), "hello");
    assert_eq!(stream.finish(), "");
}

#[test]
fn a_long_stream_is_a_loop_and_no_more() {
    // A quarter of a million steps: work that grows with the text would not end.
    let tokenizer = tokenizer("gpt-2");
    let unit: Vec<u32> = "好😀".bytes().map(u32::from).collect();
    let mut stream = tokenizer.stream(false);
    let mut chars = 0;
    for id in unit.iter().cycle().take(unit.len() * 36_000) {
        chars += stream.push(*id).chars().count();
    }
    assert_eq!((chars, stream.finish().as_str()), (72_000, ""));
}
