//! How a tokenizer's decoder turns tokens into text, in a form that can run one token at a time.

use serde_json::Value;

use crate::error::{Result, TextError};

const SUPPORTED: &str = "ByteLevel, none, or a Sequence of Replace, ByteFallback, Fuse and a \
    leading Strip in this order";

/// What is done with each token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DecodePlan {
    /// Characters stand for bytes; the bytes together are UTF-8.
    ByteLevel,
    /// Tokens are words, with one space between them.
    Words,
    /// Tokens are pieces of text, put together after replacements.
    Pieces(PiecePlan),
}

/// The steps of [`DecodePlan::Pieces`], in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PiecePlan {
    /// In each token every first string becomes the second.
    pub(crate) replace: Vec<(String, String)>,
    /// Runs of tokens such as `<0xE4>` are bytes of UTF-8.
    pub(crate) byte_fallback: bool,
    /// This character is taken off the front of the whole text, up to so many times.
    pub(crate) strip: Option<(char, usize)>,
}

impl DecodePlan {
    /// The plan for the `decoder` entry of a `tokenizer.json`.
    pub(crate) fn from_decoder(decoder: &Value) -> Result<Self> {
        if decoder.is_null() {
            return Ok(Self::Words);
        }
        let alone = std::slice::from_ref(decoder);
        let steps = match kind(decoder) {
            Some("Sequence") => decoder["decoders"].as_array().map_or(alone, Vec::as_slice),
            _ => alone,
        };
        if let [step] = steps
            && kind(step) == Some("ByteLevel")
        {
            return Ok(Self::ByteLevel);
        }
        piece_plan(steps).map(Self::Pieces).ok_or_else(|| TextError::UnsupportedDecoder {
            expected: SUPPORTED,
            got: steps.iter().map(|s| kind(s).unwrap_or("?")).collect::<Vec<_>>().join(", "),
        })
    }
}

fn kind(decoder: &Value) -> Option<&str> {
    decoder["type"].as_str()
}

fn piece_plan(steps: &[Value]) -> Option<PiecePlan> {
    let mut plan = PiecePlan::default();
    // Rank of the last step seen: a step of a lower rank would run in another order than ours.
    let mut reached = 0;
    for step in steps {
        let rank = match kind(step)? {
            "Replace" => {
                let from = step["pattern"]["String"].as_str().filter(|s| !s.is_empty())?;
                plan.replace.push((from.to_owned(), step["content"].as_str()?.to_owned()));
                1
            }
            "ByteFallback" => {
                plan.byte_fallback = true;
                2
            }
            "Fuse" => 3,
            "Strip" if reached == 3 && step["stop"].as_u64() == Some(0) => {
                let mut content = step["content"].as_str()?.chars();
                let (Some(mark), None) = (content.next(), content.next()) else {
                    return None;
                };
                plan.strip = Some((mark, usize::try_from(step["start"].as_u64()?).ok()?));
                4
            }
            _ => return None,
        };
        if rank < reached || (rank == reached && rank > 1) {
            return None;
        }
        reached = rank;
    }
    Some(plan)
}

/// The byte that a character of a byte-level vocabulary stands for.
///
/// GPT-2's table: printable Latin-1 characters stand for themselves, the other 68 bytes for the
/// characters from U+0100 on, in order.
pub(crate) fn byte_of(c: char) -> Option<u8> {
    let code = u32::from(c);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokenizers::pre_tokenizers::byte_level::ByteLevel;

    use super::*;

    #[test]
    fn bytes_and_characters_are_one_to_one_over_the_whole_alphabet() {
        let mut seen = [false; 256];
        for c in ByteLevel::alphabet() {
            seen[usize::from(byte_of(c).unwrap())] = true;
        }
        assert!(seen.iter().all(|&s| s));
        // Space, line end, delete, no-break space and soft hyphen as GPT-2 writes them.
        for (c, byte) in [('Ġ', 0x20), ('Ċ', 0x0a), ('ġ', 0x7f), ('ł', 0xa0), ('Ń', 0xad)] {
            assert_eq!(byte_of(c), Some(byte), "{c}");
        }
        assert_eq!(byte_of(' '), None);
        assert_eq!(byte_of('\u{ad}'), None);
    }

    #[test]
    fn llama2_decoder_is_a_piece_plan() {
        let decoder = json!({"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]});
        let plan = PiecePlan {
            replace: vec![("▁".into(), " ".into())],
            byte_fallback: true,
            strip: Some((' ', 1)),
        };
        assert_eq!(DecodePlan::from_decoder(&decoder).unwrap(), DecodePlan::Pieces(plan));
    }

    #[test]
    fn decoders_that_cannot_be_streamed_are_refused_by_name() {
        for decoder in [
            json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
            json!({"type": "Sequence", "decoders": [
                {"type": "Fuse"}, {"type": "Replace", "pattern": {"String": "a"}, "content": "b"}]}),
            json!({"type": "Sequence", "decoders": [
                {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 0, "stop": 1}]}),
            json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}),
            json!({"type": "Replace", "pattern": {"Regex": "a"}, "content": "b"}),
            json!(["ByteLevel"]),
        ] {
            let error = DecodePlan::from_decoder(&decoder).unwrap_err();
            assert!(matches!(error, TextError::UnsupportedDecoder { .. }), "{decoder}");
        }
    }
}
