//! A tokenizer that needs no training: one token a byte.

use super::{Tokenizer, byte_of};
use crate::error::Result;
use crate::r1_zero::prompt_pieces;
use serde_json::{Map, Value, json};

/// Pads a batch; never a token of a text.
const PAD: &str = "<pad>";
/// Ends a document and a completion.
const EOS: &str = "<eos>";
const TAGS: [&str; 4] = ["<think>", "</think>", "<answer>", "</answer>"];
/// Code points of the alphabet in which byte-level vocabularies write bytes.
const ALPHABET: std::ops::Range<u32> = 0..0x144;

impl Tokenizer {
    /// A byte-level tokenizer without merges: each byte of a text is a token, and so are the tags and
    /// the two fixed pieces of R1-Zero's prompt, which would be 400 tokens otherwise. Any text can be
    /// written with it, in 264 tokens.
    ///
    /// # Errors
    /// None is known: the list is fixed.
    pub fn of_bytes() -> Result<Self> {
        Self::from_json(byte_tokenizer_json().to_string().as_bytes())
    }
}

/// Its `tokenizer.json`.
fn byte_tokenizer_json() -> Value {
    let special = [PAD, EOS];
    let added: Vec<&str> = special.into_iter().chain(TAGS).chain(prompt_pieces()).collect();
    let token = |(id, content): (usize, &&str)| {
        json!({
            "id": id,
            "content": content,
            "single_word": false,
            "lstrip": false,
            "rstrip": false,
            "normalized": false,
            "special": id < special.len(),
        })
    };
    let mut bytes: Vec<(u8, char)> =
        ALPHABET.filter_map(char::from_u32).filter_map(|c| Some((byte_of(c)?, c))).collect();
    bytes.sort_unstable();
    let mut vocabulary: Map<String, Value> =
        added.iter().enumerate().map(|(id, text)| ((*text).to_owned(), json!(id))).collect();
    for (byte, written) in bytes {
        vocabulary.insert(written.to_string(), json!(added.len() + usize::from(byte)));
    }
    let byte_level = json!({
        "type": "ByteLevel",
        "add_prefix_space": false,
        "trim_offsets": true,
        "use_regex": false,
    });
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added.iter().enumerate().map(token).collect::<Vec<_>>(),
        "normalizer": null,
        "pre_tokenizer": byte_level,
        "post_processor": null,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::r1_zero_prompt;

    #[test]
    fn every_text_comes_back_and_a_byte_is_a_token() {
        let tokenizer = Tokenizer::of_bytes().expect("a tokenizer");
        assert_eq!(tokenizer.vocab_size(), 264);
        for text in ["17 + 25 = 42", " é \n\t 先算 🙂", "\u{0}\u{7f}\u{ad}"] {
            let ids = tokenizer.encode(text).expect("encodes");
            assert_eq!(ids.len(), text.len(), "{text:?}");
            assert_eq!(tokenizer.decode(&ids, false), text);
        }
    }

    #[test]
    fn prompt_and_tags_are_single_tokens() {
        let tokenizer = Tokenizer::of_bytes().expect("a tokenizer");
        let count = |text: &str| tokenizer.encode(text).expect("encodes").len();
        assert_eq!(count(&r1_zero_prompt("1+1?")), 2 + "1+1?".len());
        assert_eq!(count(" <think>a</think><answer>b</answer>"), 1 + 4 + 2);
        let whole = r1_zero_prompt("1+1?") + " <think>";
        let ids = tokenizer.encode(&whole).expect("encodes");
        assert_eq!(tokenizer.decode(&ids, false), whole);
        assert!(tokenizer.is_special(tokenizer.token_to_id(EOS).expect("an end")));
    }
}
