//! A tokenizer from the vocabulary that a GGUF carries, and back.

mod write;

use std::collections::HashMap;

use thinkling_weights::Gguf;
use tokenizers::AddedToken;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::bos_processor;
use super::pre::PreKind;
use crate::error::{Result, TextError};

/// The `tokenizer.ggml.model` of byte-level BPE.
const BYTE_LEVEL_BPE: &str = "gpt2";
/// The `tokenizer.ggml.model` of a model that llama.cpp is to know by token ids alone.
const NO_VOCABULARY: &str = "none";
const TOKENS: &str = "tokenizer.ggml.tokens";
/// A whole `tokenizer.json`.
const HUGGING_FACE: &str = "tokenizer.huggingface.json";
// Values of `tokenizer.ggml.token_type`.
const TYPE_NORMAL: i32 = 1;
const TYPE_UNKNOWN: i32 = 2;
const TYPE_CONTROL: i32 = 3;
const TYPE_USER_DEFINED: i32 = 4;
const TYPE_UNUSED: i32 = 5;

/// The vocabulary in a GGUF's metadata, as it stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GgufVocabulary {
    /// `tokenizer.ggml.model`: `gpt2` means byte-level BPE, the one kind that is supported.
    pub model: String,
    /// `tokenizer.ggml.pre`: the name of the cutting rules.
    pub pre: String,
    /// `tokenizer.ggml.tokens`: a token's place is its id.
    pub tokens: Vec<String>,
    /// `tokenizer.ggml.token_type`, one for each token: 1 normal, 2 unknown, 3 control, 4 user
    /// defined, 5 unused, 6 byte. Empty means all normal.
    pub token_types: Vec<i32>,
    /// `tokenizer.ggml.merges`: two tokens with a space between them, best first.
    pub merges: Vec<String>,
    /// `tokenizer.ggml.bos_token_id`.
    pub bos: Option<u32>,
    /// `tokenizer.ggml.eos_token_id`.
    pub eos: Option<u32>,
    /// `tokenizer.ggml.padding_token_id`.
    pub pad: Option<u32>,
    /// `tokenizer.ggml.add_bos_token`, or the family's rule where it is absent.
    pub add_bos: bool,
    /// `tokenizer.chat_template`.
    pub chat_template: Option<String>,
    /// `tokenizer.huggingface.json`: the `tokenizer.json`, which counts where the other entries name no
    /// rules that are known here.
    pub hugging_face: Option<String>,
}

impl GgufVocabulary {
    /// Whether a GGUF carries a vocabulary.
    pub fn is_in(gguf: &Gguf) -> bool {
        [TOKENS, HUGGING_FACE].into_iter().any(|key| gguf.metadata(key).is_some())
    }

    /// Takes the vocabulary out of a GGUF's metadata. Whether it can be run is seen by
    /// [`Tokenizer::from_gguf`](crate::Tokenizer::from_gguf).
    ///
    /// # Errors
    /// [`TextError::MissingMetadata`] where the model, its tokens or, for byte-level BPE, the name
    /// of the cutting rules is absent (older files; to guess would give wrong ids), and
    /// [`TextError::Metadata`] where an entry has another type.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self> {
        let missing = |key, expected| TextError::MissingMetadata { key, expected };
        let hugging_face = gguf.get_str(HUGGING_FACE)?.map(str::to_owned);
        let model = gguf
            .get_str("tokenizer.ggml.model")?
            .or(hugging_face.is_some().then_some(NO_VOCABULARY))
            .ok_or(missing("tokenizer.ggml.model", "the kind of the tokenizer"))?;
        let tokens = gguf
            .get_strings(TOKENS)?
            .or(hugging_face.is_some().then_some(&[]))
            .ok_or(missing(TOKENS, "the tokens in the order of their ids"))?;
        let pre = match gguf.get_str("tokenizer.ggml.pre")? {
            None if model == BYTE_LEVEL_BPE && hugging_face.is_none() => {
                return Err(missing("tokenizer.ggml.pre", "the name of the cutting rules"));
            }
            name => name.unwrap_or_default(),
        };
        let family_adds_bos = PreKind::from_name(pre).is_ok_and(PreKind::adds_bos);
        Ok(Self {
            model: model.to_owned(),
            pre: pre.to_owned(),
            tokens: tokens.to_vec(),
            token_types: gguf.get_i32s("tokenizer.ggml.token_type")?.unwrap_or_default().to_vec(),
            merges: gguf.get_strings("tokenizer.ggml.merges")?.unwrap_or_default().to_vec(),
            bos: gguf.get_u32("tokenizer.ggml.bos_token_id")?,
            eos: gguf.get_u32("tokenizer.ggml.eos_token_id")?,
            pad: gguf.get_u32("tokenizer.ggml.padding_token_id")?,
            add_bos: gguf.get_bool("tokenizer.ggml.add_bos_token")?.unwrap_or(family_adds_bos),
            chat_template: gguf.get_str("tokenizer.chat_template")?.map(str::to_owned),
            hugging_face,
        })
    }

    /// The `tokenizer.json`, where the other entries name no rules that are known here.
    pub(super) fn only_json(&self) -> Option<&str> {
        let known = self.model == BYTE_LEVEL_BPE && PreKind::from_name(&self.pre).is_ok();
        self.hugging_face.as_deref().filter(|_| !known)
    }

    /// The token of an id, if there is one.
    pub fn token(&self, id: Option<u32>) -> Option<&str> {
        self.tokens.get(usize::try_from(id?).ok()?).map(String::as_str)
    }
}

fn bad(reason: impl Into<String>, context: impl Into<String>) -> TextError {
    TextError::BadVocabulary { reason: reason.into(), context: context.into() }
}

/// The tokenizer that the vocabulary was written from.
pub(super) fn build(vocabulary: &GgufVocabulary) -> Result<tokenizers::Tokenizer> {
    if vocabulary.model != BYTE_LEVEL_BPE {
        return Err(TextError::UnsupportedModel {
            expected: "gpt2 (byte-level BPE)",
            got: vocabulary.model.clone(),
            context: "tokenizer.ggml.model; a tokenizer.json beside the model can be used instead",
        });
    }
    let kind = PreKind::from_name(&vocabulary.pre)?;
    let types = &vocabulary.token_types;
    if !types.is_empty() && types.len() != vocabulary.tokens.len() {
        return Err(bad(
            format!("{} tokens, {} token types", vocabulary.tokens.len(), types.len()),
            "tokenizer.ggml.token_type",
        ));
    }

    let ids = token_ids(&vocabulary.tokens)?;
    let merges = merge_pairs(&vocabulary.merges, &ids)?;
    let bpe = BPE::builder()
        .vocab_and_merges(ids.into_iter().collect::<Vocab>(), merges)
        .ignore_merges(kind.ignores_merges())
        .build()
        .map_err(|e| bad(e.to_string(), "tokenizer.ggml.merges"))?;

    let mut tokenizer = tokenizers::Tokenizer::new(bpe);
    tokenizer
        .with_normalizer(kind.normalizer())
        .map_err(|e| bad(e.to_string(), "normalizer"))?
        .with_pre_tokenizer(Some(kind.pre_tokenizer()?))
        .with_decoder(Some(ByteLevel::new(false, true, true)));
    if let (true, Some(id)) = (vocabulary.add_bos, vocabulary.bos) {
        let token = vocabulary
            .token(vocabulary.bos)
            .ok_or_else(|| bad(format!("no token has id {id}"), "tokenizer.ggml.bos_token_id"))?;
        tokenizer.with_post_processor(Some(bos_processor(token, id)?));
    } else {
        tokenizer.with_post_processor(Some(ByteLevel::new(false, false, true)));
    }

    let added = vocabulary.tokens.iter().zip(types).filter_map(|(token, kind)| match *kind {
        TYPE_CONTROL | TYPE_UNKNOWN => Some(AddedToken::from(token, true).normalized(false)),
        TYPE_USER_DEFINED => Some(AddedToken::from(token, false).normalized(false)),
        _ => None,
    });
    tokenizer
        .add_tokens(added.collect::<Vec<_>>())
        .map_err(|e| bad(e.to_string(), "tokenizer.ggml.token_type"))?;
    Ok(tokenizer)
}

fn token_ids(tokens: &[String]) -> Result<HashMap<String, u32>> {
    let context = TOKENS;
    if tokens.is_empty() {
        return Err(bad("there is no token", context));
    }
    let mut ids = HashMap::with_capacity(tokens.len());
    for (place, token) in tokens.iter().enumerate() {
        let id = u32::try_from(place).map_err(|_| bad("more tokens than ids", context))?;
        if let Some(first) = ids.insert(token.clone(), id) {
            let reason = format!("token {token:?} has the ids {first} and {id}");
            return Err(bad(reason, context));
        }
    }
    Ok(ids)
}

/// The halves of each merge. A half or a result that is no token is an error: such a merge could
/// never be applied as the model was trained.
fn merge_pairs(merges: &[String], ids: &HashMap<String, u32>) -> Result<Vec<(String, String)>> {
    let mut joined = String::new();
    let pair = |(place, merge): (usize, &String)| {
        let context = || format!("tokenizer.ggml.merges[{place}]");
        // Only the separator can be a plain space: in a byte-level vocabulary a space is another
        // character.
        let (a, b) = merge
            .split_once(' ')
            .ok_or_else(|| bad(format!("{merge:?} is not two tokens"), context()))?;
        joined.clear();
        joined.push_str(a);
        joined.push_str(b);
        match [a, b, &joined].into_iter().find(|part| !ids.contains_key(*part)) {
            Some(missing) => Err(bad(format!("{missing:?} is not a token"), context())),
            None => Ok((a.to_owned(), b.to_owned())),
        }
    };
    merges.iter().enumerate().map(pair).collect()
}
