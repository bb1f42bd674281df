//! What a decoder looks like: the numbers of Hugging Face's `config.json` or of GGUF metadata.
//!
//! Supported are plain Llama, Qwen2 and Qwen3 decoders with full attention, SiLU and the default
//! or `llama3` rotary embedding. Everything else that a config can ask for is refused by name, so
//! that no model runs as something it is not.

mod fields;
mod gguf;
mod json;
mod json_out;
mod rope;
mod validate;

use serde::{Deserialize, Serialize};

/// A family of decoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Llama 2 and 3 and what is built like them (SmolLM2, TinyLlama, ...).
    Llama,
    /// Qwen2 and Qwen2.5: biases on query, key and value.
    Qwen2,
    /// Qwen3: RMS norms on query and key.
    Qwen3,
}

impl Architecture {
    /// `model_type` of a config.json and `general.architecture` of a GGUF.
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
        }
    }

    /// The class in `architectures` of a config.json whose model gives one number a text.
    pub fn score_class_name(self) -> &'static str {
        match self {
            Self::Llama => "LlamaForSequenceClassification",
            Self::Qwen2 => "Qwen2ForSequenceClassification",
            Self::Qwen3 => "Qwen3ForSequenceClassification",
        }
    }

    /// The class in `architectures` of a config.json.
    pub fn class_name(self) -> &'static str {
        match self {
            Self::Llama => "LlamaForCausalLM",
            Self::Qwen2 => "Qwen2ForCausalLM",
            Self::Qwen3 => "Qwen3ForCausalLM",
        }
    }

    fn from_model_type(name: &str) -> Option<Self> {
        [Self::Llama, Self::Qwen2, Self::Qwen3].into_iter().find(|it| it.model_type() == name)
    }
}

/// The long-context rotary scaling of Llama 3.1 and later (`rope_type: llama3`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Llama3RopeScaling {
    /// How much slower low frequencies turn.
    pub factor: f64,
    /// Wavelengths above `original_max_position_embeddings / low_freq_factor` are scaled fully.
    pub low_freq_factor: f64,
    /// Wavelengths below `original_max_position_embeddings / high_freq_factor` are not scaled.
    pub high_freq_factor: f64,
    /// Context length, in tokens, that the model was first trained for.
    pub original_max_position_embeddings: usize,
}

/// The shape and constants of a decoder, under the names of Hugging Face's `config.json`.
///
/// The readers only give configs that pass [`ModelConfig::validate`]; a config made by hand
/// should be passed through it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Family of the decoder.
    pub architecture: Architecture,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; divides the query heads.
    pub num_key_value_heads: usize,
    /// Width of one head; even.
    pub head_dim: usize,
    /// Epsilon of every RMS norm.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Llama 3's scaling of the rotary frequencies.
    pub rope_scaling: Option<Llama3RopeScaling>,
    /// Divisors of the rotary frequencies, `[head_dim / 2]`, where a GGUF gives them and they are
    /// not those of a known [`Llama3RopeScaling`]. Never together with `rope_scaling`.
    pub rope_freq_factors: Option<Vec<f32>>,
    /// Longest context in tokens.
    pub max_position_embeddings: usize,
    /// Whether the output head is the embedding.
    pub tie_word_embeddings: bool,
    /// Whether query, key and value projections have biases (the output projection never has).
    pub attention_bias: bool,
    /// Token that begins a text.
    pub bos_token_id: Option<u32>,
    /// Every token that ends a completion.
    pub eos_token_ids: Vec<u32>,
    /// Token that fills ragged batches.
    pub pad_token_id: Option<u32>,
    /// Standard deviation of freshly initialised weights.
    pub initializer_range: f64,
    /// Whether the model gives one number a text, by `score.weight` `[1, hidden]`, in the place of
    /// next tokens: a reward model, transformers' `..ForSequenceClassification` with one label.
    #[serde(default)]
    pub score: bool,
}

impl ModelConfig {
    /// Whether queries and keys are normed per head (Qwen3).
    pub fn has_qk_norm(&self) -> bool {
        self.architecture == Architecture::Qwen3
    }

    /// Width of all query heads together.
    pub fn q_size(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// Width of all key heads (or value heads) together.
    pub fn kv_size(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    /// Number of trained values; a tied head counts once.
    pub fn parameter_count(&self) -> usize {
        crate::expected_tensors(self).iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// Adds the stop tokens of a `generation_config.json`, which often names more than
    /// `config.json` does.
    ///
    /// # Errors
    /// Where the text is no JSON object or `eos_token_id` is neither an id nor a list of ids.
    pub fn merge_generation_config(&mut self, json: &str) -> Result<(), crate::WeightsError> {
        json::merge_generation_config(self, json)
    }
}

#[cfg(test)]
pub(crate) fn tiny(architecture: Architecture) -> ModelConfig {
    ModelConfig {
        architecture,
        vocab_size: 32,
        hidden_size: 32,
        intermediate_size: 64,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 8,
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: None,
        rope_freq_factors: None,
        max_position_embeddings: 128,
        tie_word_embeddings: false,
        attention_bias: architecture == Architecture::Qwen2,
        bos_token_id: Some(1),
        eos_token_ids: vec![2, 3],
        pad_token_id: None,
        initializer_range: 0.02,
        score: false,
    }
}
