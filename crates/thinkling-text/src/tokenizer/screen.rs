//! A first look at a `tokenizer.json`, before the tokenizers crate reads it.
//!
//! That crate trusts some numbers of the file and panics on wrong ones (a merge that is longer than
//! every token, an affix longer than its token). A tokenizer comes with a downloaded model and is
//! untrusted, so these cases are turned away here, with those that would decode in a way that
//! cannot be streamed.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::plan::DecodePlan;
use crate::error::{Result, TextError};

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    model: ModelHead<'a>,
    #[serde(default)]
    decoder: Value,
}

#[derive(Deserialize)]
struct ModelHead<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(default)]
    dropout: Option<f32>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
    vocab: LongestToken,
    merges: Option<LongestMerge>,
}

/// Length in bytes of the longest key.
struct LongestToken(usize);
/// Length in bytes of the longest merge and its place; 0 where there is none.
struct LongestMerge(usize, usize);

impl<'de> Deserialize<'de> for LongestToken {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = LongestToken;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tokens with their ids")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<LongestToken, A::Error> {
                let mut longest = 0;
                while let Some((key, IgnoredAny)) = map.next_entry::<Text<'de>, IgnoredAny>()? {
                    longest = longest.max(key.0.len());
                }
                Ok(LongestToken(longest))
            }

            // A list of pairs (Unigram): the model's kind is refused with a better word.
            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> std::result::Result<LongestToken, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(LongestToken(0))
            }
        }
        d.deserialize_any(Keys)
    }
}

impl<'de> Deserialize<'de> for LongestMerge {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        struct Merges;
        impl<'de> Visitor<'de> for Merges {
            type Value = LongestMerge;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of merges")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> std::result::Result<LongestMerge, A::Error> {
                let mut longest = LongestMerge(0, 0);
                let mut place = 0;
                while let Some(merge) = seq.next_element::<Merge<'de>>()? {
                    let length = match merge {
                        Merge::Pair(Text(a), Text(b)) => a.len() + b.len(),
                        Merge::Line(Text(line)) => line.len().saturating_sub(1),
                    };
                    if length > longest.0 {
                        longest = LongestMerge(length, place);
                    }
                    place += 1;
                }
                Ok(longest)
            }
        }
        d.deserialize_seq(Merges)
    }
}

/// A string that is borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge<'a> {
    Pair(#[serde(borrow)] Text<'a>, #[serde(borrow)] Text<'a>),
    Line(#[serde(borrow)] Text<'a>),
}

/// Turns away what cannot be run, and says how the rest decodes.
pub(crate) fn screen(json: &[u8]) -> Result<DecodePlan> {
    let head: Head<'_> = serde_json::from_slice(json)
        .map_err(|e| TextError::BadTokenizerJson { reason: e.to_string() })?;
    let model = head.model;
    match model.kind.as_deref() {
        Some("BPE" | "WordLevel") => {}
        // Early files, GPT-2's among them, do not name it.
        None if model.merges.is_some() => {}
        other => {
            return Err(TextError::UnsupportedModel {
                expected: "BPE or WordLevel",
                got: other.unwrap_or_default().to_owned(),
                context: "model.type of tokenizer.json",
            });
        }
    }
    let affixes = [model.continuing_subword_prefix, model.end_of_word_suffix];
    if affixes.into_iter().flatten().any(|affix| !affix.is_empty()) {
        return Err(unsupported("BPE without affixes", "a prefix or suffix of sub-words"));
    }
    if model.dropout.is_some_and(|rate| rate != 0.0) {
        return Err(unsupported("BPE without dropout", "dropout, which makes encoding random"));
    }
    if let Some(LongestMerge(length, place)) = model.merges
        && length > model.vocab.0
    {
        return Err(TextError::BadVocabulary {
            reason: format!(
                "a merge gives {length} bytes, the longest token has {}",
                model.vocab.0
            ),
            context: format!("model.merges[{place}] of tokenizer.json"),
        });
    }
    DecodePlan::from_decoder(&head.decoder)
}

fn unsupported(expected: &'static str, got: &str) -> TextError {
    TextError::UnsupportedModel {
        expected,
        got: got.to_owned(),
        context: "model of tokenizer.json",
    }
}
