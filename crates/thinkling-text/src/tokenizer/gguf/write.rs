//! A tokenizer's vocabulary as a GGUF's metadata.

use serde::Deserialize;
use thinkling_weights::{GgufArray, GgufValue, ModelConfig};

use super::{
    BYTE_LEVEL_BPE, GgufVocabulary, HUGGING_FACE, NO_VOCABULARY, TYPE_CONTROL, TYPE_NORMAL,
    TYPE_UNUSED, TYPE_USER_DEFINED, bad,
};
use crate::chat::ChatTemplate;
use crate::error::{Result, TextError};
use crate::tokenizer::pre::PreKind;
use crate::tokenizer::{DecodePlan, Tokenizer};

/// What of a `tokenizer.json` is not to be had from the tokenizer itself.
#[derive(Deserialize)]
struct Rules {
    #[serde(default)]
    normalizer: serde_json::Value,
    #[serde(default)]
    pre_tokenizer: serde_json::Value,
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    ignore_merges: bool,
    #[serde(default)]
    merges: Vec<Merge>,
}

/// Older files have both halves in one text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Text(String),
    Pair(String, String),
}

impl GgufVocabulary {
    /// The vocabulary of `tokenizer` for a model of this `config`, whose embedding may have more rows:
    /// these get names of their own.
    ///
    /// Cutting rules are written by the name that llama.cpp knows them by. A tokenizer with other rules
    /// is kept as a `tokenizer.json`, which this crate reads and llama.cpp does not: there such a model
    /// takes token ids alone ([`Self::is_for_llama_cpp`]).
    ///
    /// # Errors
    /// [`TextError::BadVocabulary`] where the tokenizer has ids that the model has no row for.
    pub fn of(
        tokenizer: &Tokenizer,
        config: &ModelConfig,
        chat: Option<&ChatTemplate>,
    ) -> Result<Self> {
        let rows = config.vocab_size;
        if tokenizer.vocab_size() > rows {
            let reason = format!("{} tokens for {rows} rows", tokenizer.vocab_size());
            return Err(bad(reason, "the model's embedding"));
        }
        let json = tokenizer.to_json()?;
        let rules: Rules = serde_json::from_slice(&json)
            .map_err(|e| TextError::BadTokenizerJson { reason: e.to_string() })?;
        let kind = match tokenizer.plan() {
            DecodePlan::ByteLevel if rules.model.kind == "BPE" => {
                PreKind::of(&rules.pre_tokenizer, &rules.normalizer)
                    .filter(|kind| kind.ignores_merges() == rules.model.ignore_merges)
            }
            _ => None,
        };
        let added = tokenizer.inner.get_added_vocabulary();
        let (tokens, token_types) = (0..rows as u32)
            .map(|id| match tokenizer.id_to_token(id) {
                None => (format!("[PAD{id}]"), TYPE_UNUSED),
                Some(token) if added.is_special_token(&token) => (token, TYPE_CONTROL),
                Some(token) if added.simple_id_to_token(id).is_some() => (token, TYPE_USER_DEFINED),
                Some(token) => (token, TYPE_NORMAL),
            })
            .unzip();
        let joined = |merge| match merge {
            Merge::Text(text) => text,
            Merge::Pair(a, b) => [a.as_str(), b.as_str()].join(" "),
        };
        let bos = config.bos_token_id;
        Ok(Self {
            model: if kind.is_some() { BYTE_LEVEL_BPE } else { NO_VOCABULARY }.to_owned(),
            pre: kind.map(PreKind::name).unwrap_or_default().to_owned(),
            tokens,
            token_types,
            merges: rules.model.merges.into_iter().map(joined).collect(),
            bos,
            eos: config.eos_token_ids.first().copied(),
            pad: config.pad_token_id,
            add_bos: bos.is_some() && tokenizer.encode_with_added("")?.first() == bos.as_ref(),
            chat_template: chat.map(|chat| chat.source().to_owned()),
            hugging_face: match kind {
                Some(_) => None,
                None => Some(String::from_utf8_lossy(&json).into_owned()),
            },
        })
    }

    /// Whether llama.cpp cuts text as this tokenizer does.
    pub fn is_for_llama_cpp(&self) -> bool {
        self.model == BYTE_LEVEL_BPE
    }

    /// The entries of a GGUF but for the ids of special tokens, which belong to the model's config
    /// ([`ModelConfig::to_gguf_metadata`]).
    pub fn to_metadata(&self) -> Vec<(String, GgufValue)> {
        let text = |text: &str| GgufValue::String(text.to_owned());
        let texts = |all: &[String]| GgufValue::Array(GgufArray::String(all.to_vec()));
        let mut pairs = vec![
            ("tokenizer.ggml.model", text(&self.model)),
            ("tokenizer.ggml.tokens", texts(&self.tokens)),
            (
                "tokenizer.ggml.token_type",
                GgufValue::Array(GgufArray::I32(self.token_types.clone())),
            ),
            ("tokenizer.ggml.add_bos_token", GgufValue::Bool(self.add_bos)),
        ];
        if self.is_for_llama_cpp() {
            pairs.push(("tokenizer.ggml.pre", text(&self.pre)));
            pairs.push(("tokenizer.ggml.merges", texts(&self.merges)));
        }
        pairs.extend(self.chat_template.as_deref().map(|t| ("tokenizer.chat_template", text(t))));
        pairs.extend(self.hugging_face.as_deref().map(|json| (HUGGING_FACE, text(json))));
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}
