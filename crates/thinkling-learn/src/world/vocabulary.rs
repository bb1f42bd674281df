//! The closed vocabulary of the mini world as a Hugging Face `tokenizer.json`.
//!
//! A token is a digit, an operator, a Chinese character, a word with the space that follows it, or
//! a punctuation mark with the space that follows it. Numbers are digit by digit, because a model
//! of a million parameters learns carrying from digits. The tags are tokens of their own, and so
//! are the two fixed pieces of the R1-Zero template: seventy words that never vary would make a
//! prompt five times as long and teach nothing.
//!
//! The list is derived from the tables of [`super::phrases`], so a phrase added there is known here;
//! the ids then shift, and a base trained before does not fit any more (its own `tokenizer.json`
//! lies beside its weights and stays right).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::phrases::Language;

/// The R1-Zero template (DeepSeek-R1, arXiv 2501.12948v1, table 1) up to the question.
pub const TEMPLATE_HEAD: &str = "A conversation between User and Assistant. The user asks a \
    question, and the Assistant solves it. The assistant first thinks about the reasoning process \
    in the mind and then provides the user with the answer. The reasoning process and answer are \
    enclosed within <think> </think> and <answer> </answer> tags, respectively, i.e., <think> \
    reasoning process here </think> <answer> answer here </answer>. User: ";
/// The R1-Zero template after the question.
pub const TEMPLATE_TAIL: &str = ". Assistant:";

/// Pads a batch; never a token of a text.
pub const PAD: &str = "<pad>";
/// Ends a document and a completion.
pub const EOS: &str = "<eos>";
/// Stands for what a user typed and the world does not know; no text of the world needs it.
pub const UNKNOWN: &str = "<unk>";

const SPECIAL: [&str; 3] = [PAD, EOS, UNKNOWN];
const ADDED: [&str; 6] =
    ["<think>", "</think>", "<answer>", "</answer>", TEMPLATE_HEAD, TEMPLATE_TAIL];
/// A word or a mark takes one space that follows it; everything else is a character each.
const PIECES: &str = r"[A-Za-z]+ ?|[,.;:?] ?|[\s\S]";

/// All tokens; the index of a token is its id.
pub fn tokens() -> Vec<String> {
    let mut pieces: BTreeSet<&str> = (0..10).map(|digit| &"0123456789"[digit..=digit]).collect();
    pieces.extend(["+", "-", "=", " "]);
    for language in [Language::En, Language::Zh] {
        let texts = language.phrases().tables().into_iter().flatten();
        // A placeholder ends a text: what follows it is cut anew.
        pieces.extend(
            texts.flat_map(|text| text.split(['{', '}']).step_by(2)).flat_map(split_pieces),
        );
    }
    // Marks are followed by numbers in one place and by words in another.
    pieces.extend([", ", "; ", ": "]);
    let fixed = SPECIAL.into_iter().chain(ADDED);
    fixed.chain(pieces).map(str::to_owned).collect()
}

/// The content of `tokenizer.json` for the Hugging Face `tokenizers` library (format 1.0).
///
/// Encoding adds nothing; the end of a document is the trainer's. Decoding concatenates, so that
/// `decode(encode(text)) == text` for every text of the world.
pub fn tokenizer_json() -> Value {
    file_of(&tokens())
}

/// The file of a list of tokens that begins as [`tokens`] does.
pub(crate) fn file_of(tokens: &[String]) -> Value {
    let vocabulary: serde_json::Map<String, Value> =
        tokens.iter().enumerate().map(|(id, token)| (token.clone(), json!(id))).collect();
    let added: Vec<Value> = tokens[..SPECIAL.len() + ADDED.len()]
        .iter()
        .enumerate()
        .map(|(id, token)| {
            json!({
                "id": id,
                "content": token,
                "single_word": false,
                "lstrip": false,
                "rstrip": false,
                "normalized": false,
                "special": id < SPECIAL.len(),
            })
        })
        .collect();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"Regex": PIECES},
            "behavior": "Isolated",
            "invert": false,
        },
        "post_processor": null,
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": UNKNOWN},
    })
}

/// Cuts a text as the regular expression of the pre-tokenizer does.
pub(crate) fn split_pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut end = if first.is_ascii_alphabetic() {
            rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let takes_space =
            first.is_ascii_alphabetic() || matches!(first, ',' | '.' | ';' | ':' | '?');
        if takes_space && rest[end..].starts_with(' ') {
            end += 1;
        }
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::world::{
        corpus::{Corpus, CorpusConfig},
        problem::{LevelMix, Split, problems},
    };

    /// Encodes as the tokenizer does: added tokens first, the longest at the leftmost place.
    fn encode(text: &str, ids: &BTreeMap<String, usize>) -> Vec<usize> {
        let mut encoded = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let next = ADDED.iter().filter_map(|token| Some((rest.find(token)?, *token)));
            let next = next.min_by_key(|(place, token)| (*place, usize::MAX - token.len()));
            let (place, token) = next.unwrap_or((rest.len(), ""));
            encoded.extend(split_pieces(&rest[..place]).iter().map(|piece| {
                *ids.get(*piece).unwrap_or_else(|| panic!("no token {piece:?} in {text:?}"))
            }));
            encoded.extend(ids.get(token).filter(|_| !token.is_empty()));
            rest = &rest[place + token.len()..];
        }
        encoded
    }

    #[test]
    fn every_text_of_the_world_is_made_of_known_tokens_and_comes_back_whole() {
        let tokens = tokens();
        let ids: BTreeMap<String, usize> =
            tokens.iter().enumerate().map(|(id, token)| (token.clone(), id)).collect();
        let mut used = BTreeSet::new();
        let documents = Corpus::new(CorpusConfig::default(), 5).unwrap().take(30_000);
        let asked = problems(Split::Eval, 3_000, 5, &LevelMix::default()).unwrap();
        let asked = asked.into_iter().map(|problem| problem.question);
        for text in documents.chain(asked) {
            let encoded = encode(&text, &ids);
            let decoded: String = encoded.iter().map(|&id| tokens[id].as_str()).collect();
            assert_eq!(decoded, text);
            used.extend(encoded);
        }
        let unused: Vec<&String> = tokens
            .iter()
            .enumerate()
            .filter(|(id, _)| !used.contains(id))
            .map(|(_, t)| t)
            .collect();
        // Nothing is carried along that no text uses.
        assert_eq!(unused, SPECIAL.iter().collect::<Vec<_>>());
    }

    #[test]
    fn template_pieces_are_the_prompt_of_r1_zero() {
        let prompt = format!("{TEMPLATE_HEAD}What is 17+25?{TEMPLATE_TAIL}");
        assert_eq!(prompt, thinkling_text::r1_zero_prompt("What is 17+25?"));
    }

    #[test]
    fn the_file_encodes_as_documented_and_decodes_to_the_same_text() {
        let file = serde_json::to_vec(&tokenizer_json()).unwrap();
        let tokenizer = thinkling_text::Tokenizer::from_json(&file).unwrap();
        let tokens = tokens();
        let ids: BTreeMap<String, usize> =
            tokens.iter().enumerate().map(|(id, token)| (token.clone(), id)).collect();
        for text in Corpus::new(CorpusConfig::default(), 6).unwrap().take(3_000) {
            let encoded = tokenizer.encode_with_added(&text).unwrap();
            let expected: Vec<u32> = encode(&text, &ids).iter().map(|&id| id as u32).collect();
            assert_eq!(encoded, expected, "{text}");
            assert_eq!(tokenizer.decode(&encoded, true), text);
        }
    }

    #[test]
    fn tokens_are_distinct_and_few() {
        let tokens = tokens();
        let distinct: BTreeSet<&String> = tokens.iter().collect();
        assert_eq!(distinct.len(), tokens.len());
        assert!((100..=200).contains(&tokens.len()), "{}", tokens.len());
    }

    #[test]
    fn tags_are_tokens_and_survive_decoding() {
        let file = tokenizer_json();
        for tag in ["<think>", "</think>", "<answer>", "</answer>"] {
            let added = file["added_tokens"].as_array().unwrap();
            let entry = added.iter().find(|entry| entry["content"] == tag).unwrap();
            assert_eq!(entry["special"], false);
            assert_eq!(file["model"]["vocab"][tag], entry["id"]);
        }
    }

    #[test]
    fn pieces_take_the_space_that_follows() {
        assert_eq!(split_pieces("Is it 12, so"), ["Is ", "it ", "1", "2", ", ", "so"]);
        assert_eq!(split_pieces("先算 3"), ["先", "算", " ", "3"]);
    }
}
