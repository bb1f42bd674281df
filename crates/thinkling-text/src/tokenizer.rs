//! Text to token ids and back.

mod bytes;
mod gguf;
mod plan;
mod pre;
mod screen;

use tokenizers::processors::PostProcessorWrapper;
use tokenizers::{AddedVocabulary, Model, OffsetReferential, OffsetType, PreTokenizer};

pub use gguf::GgufVocabulary;
pub(crate) use plan::{DecodePlan, PiecePlan, byte_of};

use crate::error::{Result, TextError};
use crate::stream::DetokenizeStream;

/// Most white-space characters in a row that are encoded.
const LONGEST_BLANK: usize = 250_000;

/// A vocabulary with its rules: what `tokenizer.json` holds.
///
/// Byte-pair models (byte-level, or with byte fallback) and whole-word models are read. Truncation
/// and padding in the file are dropped: no text is ever shortened or filled here.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The added tokens without the special ones: what untrusted text is searched for.
    ordinary_added: AddedVocabulary,
    plan: DecodePlan,
    vocab_size: usize,
}

/// No vocabulary has so many tokens: the largest have a quarter of a million.
const LARGEST_ID: u32 = 1 << 22;

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("vocab_size", &self.vocab_size).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`TextError::BadTokenizerJson`], [`TextError::UnsupportedModel`],
    /// [`TextError::UnsupportedDecoder`] and [`TextError::BadVocabulary`].
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let plan = screen::screen(json)?;
        let inner = tokenizers::Tokenizer::from_bytes(json)
            .map_err(|e| TextError::BadTokenizerJson { reason: e.to_string() })?;
        Self::assemble(inner, plan)
    }

    /// Rebuilds the tokenizer that a GGUF was converted from.
    ///
    /// # Errors
    /// [`TextError::UnsupportedModel`] for anything but byte-level BPE (`gpt2`),
    /// [`TextError::UnsupportedPreTokenizer`] for cutting rules that are not known by name (in both
    /// cases unless the GGUF has a `tokenizer.json` too), and [`TextError::BadVocabulary`] for lists
    /// that contradict each other.
    pub fn from_gguf(vocabulary: &GgufVocabulary) -> Result<Self> {
        match vocabulary.only_json() {
            Some(json) => Self::from_json(json.as_bytes()),
            None => Self::assemble(gguf::build(vocabulary)?, DecodePlan::ByteLevel),
        }
    }

    fn assemble(mut inner: tokenizers::Tokenizer, plan: DecodePlan) -> Result<Self> {
        inner
            .with_truncation(None)
            .map_err(|e| TextError::BadTokenizerJson { reason: e.to_string() })?;
        inner.with_padding(None);
        let largest = inner.get_vocab(true).into_values().max();
        // What goes through all ids up to the largest would take hours.
        if let Some(id) = largest.filter(|id| *id > LARGEST_ID) {
            return Err(TextError::BadVocabulary {
                reason: format!("token ids, expected: at most {LARGEST_ID}, got: {id}"),
                context: "vocab".into(),
            });
        }
        let vocab_size = largest.map_or(0, |id| (id as usize).saturating_add(1));
        let mut ordinary_added = inner.get_added_vocabulary().clone();
        ordinary_added.set_encode_special_tokens(true);
        Ok(Self { inner, ordinary_added, plan, vocab_size })
    }

    /// Token ids of `text`. Special tokens written in the text become their ids; none is added.
    ///
    /// For text of one's own making, as rendered templates. For text of strangers see
    /// [`Tokenizer::encode_ordinary`].
    ///
    /// # Errors
    /// [`TextError::Encode`] where the vocabulary has no way to spell a part of the text, or more
    /// than 250,000 white-space characters follow on each other.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.encode_with(text, false)
    }

    /// As [`Tokenizer::encode`], with the tokens that the model expects around a sequence, such as
    /// Llama 3's beginning-of-text: what transformers does unless it is told otherwise.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_with_added(&self, text: &str) -> Result<Vec<u32>> {
        self.encode_with(text, true)
    }

    fn encode_with(&self, text: &str, add: bool) -> Result<Vec<u32>> {
        refuse_endless_blanks(text)?;
        let encoding = self.inner.encode_fast(text, add).map_err(encode_error)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Token ids of text that may come from a stranger: a special token written in it is spelt out
    /// as ordinary characters, so that nobody can close a turn or open another from inside a
    /// message. Added tokens that are not special (such as `<think>` of Qwen 3) are still found.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_ordinary(&self, text: &str) -> Result<Vec<u32>> {
        refuse_endless_blanks(text)?;
        let mut cut = self.ordinary_added.extract_and_normalize(self.inner.get_normalizer(), text);
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut cut).map_err(encode_error)?;
        }
        let model = self.inner.get_model();
        cut.tokenize(|piece| model.tokenize(piece.get())).map_err(encode_error)?;
        let pieces = cut.get_splits(OffsetReferential::Original, OffsetType::Byte);
        let tokens = pieces.into_iter().filter_map(|(_, _, tokens)| tokens.as_ref()).flatten();
        Ok(tokens.map(|token| token.id).collect())
    }

    /// Text of token ids. Bytes that are no UTF-8 become U+FFFD, ids outside the vocabulary give
    /// nothing, and special tokens are left out where `skip_special` is set.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        let mut stream = self.stream(skip_special);
        let mut text = String::new();
        for &id in ids {
            text.push_str(&stream.push(id));
        }
        text.push_str(&stream.finish());
        text
    }

    /// A stream that turns ids into text one at a time; see [`DetokenizeStream`].
    pub fn stream(&self, skip_special: bool) -> DetokenizeStream<&Self> {
        DetokenizeStream::new(self, skip_special)
    }

    /// Id of a token as the vocabulary spells it (byte-level for byte-level models).
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Token of an id as the vocabulary spells it (byte-level for byte-level models).
    pub fn id_to_token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// One more than the largest id, added tokens included. A model may have more rows than that,
    /// since many pad their embedding.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Whether an id is a special token: one that steers the model and is no part of the text.
    pub fn is_special(&self, id: u32) -> bool {
        let added = self.inner.get_added_vocabulary();
        added.simple_id_to_token(id).is_some_and(|token| added.is_special_token(&token))
    }

    /// The bytes of a `tokenizer.json` that transformers reads, also where the vocabulary came from
    /// a GGUF.
    ///
    /// # Errors
    /// [`TextError::BadTokenizerJson`] where a part cannot be written.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        self.inner
            .to_string(false)
            .map(String::into_bytes)
            .map_err(|e| TextError::BadTokenizerJson { reason: e.to_string() })
    }

    /// How tokens become text.
    pub(crate) fn plan(&self) -> &DecodePlan {
        &self.plan
    }

    /// The token as the decoder takes it, or nothing where it is unknown or to be left out.
    pub(crate) fn decodable(&self, id: u32, skip_special: bool) -> Option<String> {
        let added = self.inner.get_added_vocabulary();
        let token =
            added.simple_id_to_token(id).or_else(|| self.inner.get_model().id_to_token(id))?;
        (!skip_special || !added.is_special_token(&token)).then_some(token)
    }
}

/// The regex engine gives up without a word inside a run of about a million blanks, and the rest of
/// the text would be cut wrongly. Other characters do not make it go back.
fn refuse_endless_blanks(text: &str) -> Result<()> {
    let mut run = 0;
    for c in text.chars() {
        run = if c.is_whitespace() { run + 1 } else { 0 };
        if run > LONGEST_BLANK {
            let reason = format!("more than {LONGEST_BLANK} white-space characters in a row");
            return Err(TextError::Encode { reason });
        }
    }
    Ok(())
}

fn encode_error(error: impl std::fmt::Display) -> TextError {
    TextError::Encode { reason: error.to_string() }
}

/// A post-processor that adds one token in front of a sequence, and in front of the second of two.
fn bos_processor(token: &str, id: u32) -> Result<PostProcessorWrapper> {
    use tokenizers::processors::template::TemplateProcessing;
    let processor = serde_json::from_value::<TemplateProcessing>(serde_json::json!({
        "type": "TemplateProcessing",
        "single": [
            { "SpecialToken": { "id": token, "type_id": 0 } },
            { "Sequence": { "id": "A", "type_id": 0 } }
        ],
        "pair": [
            { "SpecialToken": { "id": token, "type_id": 0 } },
            { "Sequence": { "id": "A", "type_id": 0 } },
            { "SpecialToken": { "id": token, "type_id": 1 } },
            { "Sequence": { "id": "B", "type_id": 1 } }
        ],
        "special_tokens": { token: { "id": token, "ids": [id], "tokens": [token] } }
    }));
    processor.map(Into::into).map_err(|e| TextError::BadTokenizerJson { reason: e.to_string() })
}
