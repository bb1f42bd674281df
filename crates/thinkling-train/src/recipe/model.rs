//! Where a recipe's model comes from: a file, an earlier stage, or a new one from random weights.

use std::path::{Path, PathBuf};

use serde::Serialize;
use thinkling_weights::{Architecture, ModelConfig};

use super::choice::spellings;
use super::range::{NOT_NEGATIVE, POSITIVE};
use super::section::Section;
use super::stage::{Stage, policy_of};
use crate::error::{Result, TrainError};
use crate::run_dir::RunDir;

/// Prefix of a model path that names an earlier stage.
pub(super) const STAGE_PREFIX: &str = "stage:";
/// Tokenizers that are no file.
const MINI_WORLD: &str = "mini-world";
const GROWN_WORLD: &str = "grown-world";
const BYTES: &str = "bytes";
/// Keys that describe a new model; none of them may stand beside `path`.
const NEW_MODEL_KEYS: [&str; 14] = [
    "architecture",
    "tokenizer",
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "intermediate_size",
    "rms_norm_eps",
    "rope_theta",
    "max_position_embeddings",
    "tie_word_embeddings",
    "initializer_range",
];

/// The model that a stage starts from.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelSource {
    /// `path = ".."`: a Hugging Face folder, a GGUF file or a checkpoint. Of an id of the hub it is
    /// where the cache has it, once it is [fetched](super::LoadedRecipe::fetch).
    Path(PathBuf),
    /// `path = "stage:NAME"`: what that earlier stage wrote.
    Stage(String),
    /// Any other keys: a new model with random weights.
    New(NewModel),
}

/// A model that is read as it is: what an earlier stage wrote, or a folder or file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelPlace {
    /// Any other text: a folder or a GGUF file.
    Path(PathBuf),
    /// `stage:NAME`: what that earlier stage wrote.
    Stage(String),
}

impl ModelPlace {
    /// Reads `text`, of the key `key`; `accept` says what is expected in the place of a stage that does
    /// not fit.
    pub(super) fn read(
        s: &Section<'_>,
        key: &str,
        text: &str,
        accept: impl FnOnce(&str) -> Result<(), String>,
    ) -> Result<Self, TrainError> {
        match text.strip_prefix(STAGE_PREFIX) {
            None => Ok(Self::Path(s.resolve_model(key, text))),
            Some(name) => match accept(name) {
                Ok(()) => Ok(Self::Stage(name.to_owned())),
                Err(expected) => Err(s.conflict(key, expected)),
            },
        }
    }

    /// Where it lies, where no stage of the recipe makes it.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Stage(_) => None,
        }
    }

    /// As [`path`](Self::path), to be changed.
    pub(super) fn path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Path(path) => Some(path),
            Self::Stage(_) => None,
        }
    }

    /// Where it lies in or beside the run.
    pub(crate) fn in_run(&self, run: &RunDir) -> PathBuf {
        match self {
            Self::Path(path) => path.clone(),
            Self::Stage(name) => run.stage_output(name),
        }
    }

    /// What it is called: the stage's name, or the last part of its path.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => last_part(path),
            Self::Stage(name) => name.clone(),
        }
    }
}

impl Serialize for ModelPlace {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Path(path) => path.serialize(to),
            Self::Stage(name) => to.serialize_str(&format!("{STAGE_PREFIX}{name}")),
        }
    }
}

/// The last part of a path, by which things are called.
pub(super) fn last_part(path: &Path) -> String {
    if let Some(name) = crate::hub::name_in_cache(path) {
        return name;
    }
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

spellings!(Architecture { Llama = "llama", Qwen2 = "qwen2", Qwen3 = "qwen3" });

/// The tokenizer of a new model.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenizerSource {
    /// `"mini-world"` (default): the closed vocabulary of the mini world.
    MiniWorld,
    /// `"bytes"`: a token a byte, with R1-Zero's prompt and tags as tokens of their own
    /// ([`thinkling_text::Tokenizer::of_bytes`]).
    Bytes,
    /// `"grown-world"`: that of the grown mini world, which begins with the same ids.
    GrownWorld,
    /// Any other string: a `tokenizer.json`, or a folder that holds one.
    Path(PathBuf),
}

/// Shape of a new model; names are those of Hugging Face's `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewModel {
    /// Decoder family. Default `llama`.
    pub architecture: Architecture,
    /// Tokenizer. Default `mini-world`.
    pub tokenizer: TokenizerSource,
    /// Rows of the embedding: at least the tokenizer's; those beyond stand for no text. Default: the
    /// tokenizer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vocab_size: Option<usize>,
    /// Width of the residual stream. Required.
    pub hidden_size: usize,
    /// Decoder layers. Required.
    pub num_hidden_layers: usize,
    /// Query heads. Required.
    pub num_attention_heads: usize,
    /// Key and value heads; divides the query heads. Default: as many as query heads.
    pub num_key_value_heads: usize,
    /// Width of a head; even. Default `hidden_size / num_attention_heads`.
    pub head_dim: usize,
    /// Inner width of the MLP. Required.
    pub intermediate_size: usize,
    /// Added to the mean square in RMS norms. Default 1e-5.
    pub rms_norm_eps: f64,
    /// Base of the rotary embedding. Default 10,000.
    pub rope_theta: f64,
    /// Longest sequence in tokens. Default 512.
    pub max_position_embeddings: usize,
    /// Whether the head is the embedding, transposed. Default true.
    pub tie_word_embeddings: bool,
    /// Standard deviation of the initial weights. Default 0.02.
    pub initializer_range: f64,
}

impl Serialize for ModelSource {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Path<T> {
            path: T,
        }
        match self {
            Self::Path(path) => Path { path }.serialize(to),
            Self::Stage(name) => Path { path: format!("{STAGE_PREFIX}{name}") }.serialize(to),
            Self::New(model) => model.serialize(to),
        }
    }
}

impl Serialize for TokenizerSource {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::MiniWorld => to.serialize_str(MINI_WORLD),
            Self::GrownWorld => to.serialize_str(GROWN_WORLD),
            Self::Bytes => to.serialize_str(BYTES),
            Self::Path(path) => path.serialize(to),
        }
    }
}

impl ModelSource {
    /// Its path, to be changed.
    pub(super) fn path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Path(path) => Some(path),
            Self::Stage(_) | Self::New(_) => None,
        }
    }

    /// Reads a model; one that an earlier stage is to give must have that stage.
    pub(crate) fn read(mut section: Section<'_>, earlier: &[Stage]) -> Result<Self> {
        if !section.has("path") {
            return NewModel::read(section).map(Self::New);
        }
        let text = section.required_text("path")?;
        let source = match text.strip_prefix(STAGE_PREFIX) {
            Some(name) => {
                policy_of(name, earlier).map_err(|expected| section.conflict("path", expected))?
            }
            None => Self::Path(section.resolve_model("path", &text)),
        };
        if let Some(key) = NEW_MODEL_KEYS.into_iter().find(|key| section.has(key)) {
            return Err(section.conflict(key, "no key of a new model beside `path`"));
        }
        section.finish()?;
        Ok(source)
    }
}

impl NewModel {
    fn read(mut s: Section<'_>) -> Result<Self> {
        let mut m = Self {
            architecture: Architecture::Llama,
            tokenizer: TokenizerSource::MiniWorld,
            vocab_size: None,
            hidden_size: 0,
            num_hidden_layers: 0,
            num_attention_heads: 0,
            num_key_value_heads: 0,
            head_dim: 0,
            intermediate_size: 0,
            rms_norm_eps: 1e-5,
            rope_theta: 10_000.0,
            max_position_embeddings: 512,
            tie_word_embeddings: true,
            initializer_range: 0.02,
        };
        // Known, so that a misspelt `path` is told its name.
        s.text("path")?;
        s.choice("architecture", &mut m.architecture)?;
        if let Some(text) = s.text("tokenizer")? {
            m.tokenizer = match text.as_str() {
                MINI_WORLD => TokenizerSource::MiniWorld,
                GROWN_WORLD => TokenizerSource::GrownWorld,
                BYTES => TokenizerSource::Bytes,
                _ => TokenizerSource::Path(s.resolve("tokenizer", &text)),
            };
        }
        if s.has("vocab_size") {
            let mut rows = 0;
            s.count("vocab_size", &mut rows, 1)?;
            m.vocab_size = Some(rows);
        }
        s.required_count("hidden_size", &mut m.hidden_size, 1)?;
        s.required_count("num_hidden_layers", &mut m.num_hidden_layers, 1)?;
        s.required_count("num_attention_heads", &mut m.num_attention_heads, 1)?;
        m.num_key_value_heads = m.num_attention_heads;
        s.count("num_key_value_heads", &mut m.num_key_value_heads, 1)?;
        let whole_heads =
            m.num_attention_heads > 0 && m.hidden_size.is_multiple_of(m.num_attention_heads);
        m.head_dim = if whole_heads { m.hidden_size / m.num_attention_heads } else { 0 };
        s.count("head_dim", &mut m.head_dim, 2)?;
        s.required_count("intermediate_size", &mut m.intermediate_size, 1)?;
        s.float("rms_norm_eps", &mut m.rms_norm_eps, POSITIVE)?;
        s.float("rope_theta", &mut m.rope_theta, POSITIVE)?;
        s.count("max_position_embeddings", &mut m.max_position_embeddings, 1)?;
        s.flag("tie_word_embeddings", &mut m.tie_word_embeddings)?;
        s.float("initializer_range", &mut m.initializer_range, NOT_NEGATIVE)?;
        let heads = s.conflict("num_key_value_heads", "a divisor of `num_attention_heads`");
        let head_dim = s.conflict(
            "head_dim",
            "an even number (it may be left out where `num_attention_heads` divides `hidden_size`)",
        );
        s.finish()?;
        if !m.num_attention_heads.is_multiple_of(m.num_key_value_heads) {
            return Err(heads);
        }
        if m.head_dim == 0 || !m.head_dim.is_multiple_of(2) {
            return Err(head_dim);
        }
        Ok(m)
    }

    /// The model's config for a tokenizer of so many tokens; special tokens are the tokenizer's to
    /// fill in.
    pub fn config(&self, tokens: usize) -> ModelConfig {
        let vocab_size = self.vocab_size.unwrap_or(tokens).max(tokens);
        ModelConfig {
            architecture: self.architecture,
            vocab_size,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            num_key_value_heads: self.num_key_value_heads,
            head_dim: self.head_dim,
            rms_norm_eps: self.rms_norm_eps,
            rope_theta: self.rope_theta,
            rope_scaling: None,
            rope_freq_factors: None,
            max_position_embeddings: self.max_position_embeddings,
            tie_word_embeddings: self.tie_word_embeddings,
            attention_bias: self.architecture == Architecture::Qwen2,
            bos_token_id: None,
            eos_token_ids: Vec::new(),
            pad_token_id: None,
            initializer_range: self.initializer_range,
            score: false,
        }
    }
}
