//! How text is cut before byte pairs are merged, by the name that a GGUF gives to it.

use serde_json::Value;
use tokenizers::normalizers::{NormalizerWrapper, unicode::NFC};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;

use crate::error::{Result, TextError};

/// The cutting rules of the supported model families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PreKind {
    /// GPT-2: contractions, letters, numbers, other marks, each with one leading space.
    Gpt2,
    /// SmolLM: every digit alone, then as GPT-2.
    SmolLm,
    /// Llama 3: up to three digits together; words of the vocabulary are taken whole.
    Llama3,
    /// Qwen 2, 2.5, 3 and the R1 distillations of them: single digits, NFC.
    Qwen2,
    /// Qwen 3.5: as Qwen 2, with combining marks kept on their letters.
    Qwen35,
}

/// Names in `tokenizer.ggml.pre`, as llama.cpp's converter writes them.
const NAMES: &[(&str, PreKind)] = &[
    ("default", PreKind::Gpt2),
    ("gpt-2", PreKind::Gpt2),
    ("smollm", PreKind::SmolLm),
    ("llama-bpe", PreKind::Llama3),
    ("llama3", PreKind::Llama3),
    ("llama-v3", PreKind::Llama3),
    ("qwen2", PreKind::Qwen2),
    ("deepseek-r1-qwen", PreKind::Qwen2),
    ("qwen35", PreKind::Qwen35),
];

const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

impl PreKind {
    /// The rules for a name of `tokenizer.ggml.pre`.
    pub(crate) fn from_name(name: &str) -> Result<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind).ok_or_else(|| {
            let expected: Vec<&str> = NAMES.iter().map(|(known, _)| *known).collect();
            TextError::UnsupportedPreTokenizer {
                expected: expected.join(", "),
                got: name.to_owned(),
            }
        })
    }

    /// The rules of a `tokenizer.json`, by its `pre_tokenizer` and `normalizer` as the tokenizers crate
    /// writes them.
    pub(crate) fn of(pre_tokenizer: &Value, normalizer: &Value) -> Option<Self> {
        let written =
            |part: serde_json::Result<Value>| part.map(|part| without_offsets(&part)).ok();
        [Self::Gpt2, Self::SmolLm, Self::Llama3, Self::Qwen2, Self::Qwen35].into_iter().find(
            |kind| {
                let own =
                    kind.pre_tokenizer().ok().and_then(|own| written(serde_json::to_value(own)));
                own == Some(without_offsets(pre_tokenizer))
                    && written(serde_json::to_value(kind.normalizer())) == Some(normalizer.clone())
            },
        )
    }

    /// The name in `tokenizer.ggml.pre`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt-2",
            Self::SmolLm => "smollm",
            Self::Llama3 => "llama-bpe",
            Self::Qwen2 => "qwen2",
            Self::Qwen35 => "qwen35",
        }
    }

    /// Whether a piece that is a word of the vocabulary is taken without merging.
    pub(crate) fn ignores_merges(self) -> bool {
        self == Self::Llama3
    }

    /// Whether a beginning-of-sequence token is the family's rule where a GGUF does not say.
    pub(crate) fn adds_bos(self) -> bool {
        self == Self::Llama3
    }

    /// What is done to the text before it is cut.
    pub(crate) fn normalizer(self) -> Option<NormalizerWrapper> {
        match self {
            Self::Qwen2 | Self::Qwen35 => Some(NFC.into()),
            Self::Gpt2 | Self::SmolLm | Self::Llama3 => None,
        }
    }

    /// The cutter, which also spells bytes as the characters of the vocabulary.
    pub(crate) fn pre_tokenizer(self) -> Result<PreTokenizerWrapper> {
        let gpt2 = ByteLevel::new(false, true, true);
        let bytes_alone = ByteLevel::new(false, true, false);
        let steps: Vec<PreTokenizerWrapper> = match self {
            Self::Gpt2 => return Ok(gpt2.into()),
            Self::SmolLm => vec![Digits::new(true).into(), gpt2.into()],
            Self::Llama3 => vec![isolated(LLAMA3)?, bytes_alone.into()],
            Self::Qwen2 => vec![isolated(QWEN2)?, bytes_alone.into()],
            Self::Qwen35 => vec![isolated(QWEN35)?, bytes_alone.into()],
        };
        Ok(Sequence::new(steps).into())
    }
}

/// Without what says where in the text a token came from: it changes no token.
fn without_offsets(part: &Value) -> Value {
    match part {
        Value::Object(entries) => {
            let kept = entries.iter().filter(|(key, _)| *key != "trim_offsets");
            kept.map(|(key, value)| (key.clone(), without_offsets(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_offsets).collect(),
        other => other.clone(),
    }
}

fn isolated(regex: &str) -> Result<PreTokenizerWrapper> {
    let pattern = SplitPattern::Regex(regex.to_owned());
    let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
        .map_err(|e| TextError::BadTokenizerJson { reason: e.to_string() })?;
    Ok(split.into())
}

#[cfg(test)]
mod tests {
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

    use super::*;

    /// The pieces of `text`, read back from the original text.
    fn pieces(kind: PreKind, text: &str) -> Vec<String> {
        let mut cut = PreTokenizedString::from(text);
        kind.pre_tokenizer().unwrap().pre_tokenize(&mut cut).unwrap();
        cut.get_splits(OffsetReferential::Original, OffsetType::Byte)
            .into_iter()
            .map(|(_, (start, end), _)| text[start..end].to_owned())
            .collect()
    }

    #[test]
    fn gpt2_keeps_numbers_whole_and_the_space_with_the_word() {
        assert_eq!(
            pieces(PreKind::Gpt2, "It's 1234  cats!\n\nok"),
            ["It", "'s", " 1234", " ", " cats", "!", "\n", "\n", "ok"]
        );
    }

    #[test]
    fn gpt2_knows_contractions_in_lower_case_only() {
        assert_eq!(pieces(PreKind::Gpt2, "IT'S it's"), ["IT", "'", "S", " it", "'s"]);
    }

    #[test]
    fn smollm_cuts_every_digit_alone_with_the_space_before_it() {
        assert_eq!(pieces(PreKind::SmolLm, "a 123 b٤½"), ["a", " ", "1", "2", "3", " b", "٤", "½"]);
    }

    #[test]
    fn llama3_takes_three_digits_at_a_time() {
        assert_eq!(
            pieces(PreKind::Llama3, "x=12345; I'LL go"),
            ["x", "=", "123", "45", ";", " I", "'LL", " go"]
        );
    }

    #[test]
    fn llama3_keeps_marks_with_line_ends_and_a_mark_with_its_word() {
        assert_eq!(
            pieces(PreKind::Llama3, "f(x);\n\n  return  _y"),
            ["f", "(x", ");\n\n", " ", " return", " ", " _", "y"]
        );
    }

    #[test]
    fn qwen2_takes_single_digits_and_runs_of_han() {
        assert_eq!(
            pieces(PreKind::Qwen2, "求12+3的和。\r\n 好"),
            ["求", "1", "2", "+", "3", "的和", "。\r\n", " 好"]
        );
    }

    #[test]
    fn qwen35_keeps_a_combining_mark_on_its_letter_and_qwen2_does_not() {
        // Devanagari KA with the vowel sign I, then TA: NFC does not compose them.
        let text = "\u{915}\u{93f}\u{924}";
        assert_eq!(pieces(PreKind::Qwen35, text), [text]);
        assert_eq!(pieces(PreKind::Qwen2, text), ["\u{915}", "\u{93f}\u{924}"]);
    }

    #[test]
    fn spaces_at_the_end_stay_together_for_every_kind() {
        for kind in [PreKind::Gpt2, PreKind::SmolLm, PreKind::Llama3, PreKind::Qwen2] {
            assert_eq!(pieces(kind, "a   "), ["a", "   "], "{kind:?}");
        }
    }

    #[test]
    fn an_unknown_name_is_an_error_that_names_it() {
        let message = PreKind::from_name("tekken").unwrap_err().to_string();
        assert!(message.contains("tekken") && message.contains("llama-bpe"), "{message}");
    }
}
