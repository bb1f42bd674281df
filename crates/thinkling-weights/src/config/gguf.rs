//! A config from GGUF metadata, and back.

use super::{Architecture, ModelConfig};
use crate::read::ReadAt;
use crate::{Gguf, GgufTensor, GgufValue, WeightsError};

const ARCHITECTURE_KEY: &str = "general.architecture";
const EMBEDDING: &str = "token_embd.weight";
const ROPE_FREQS: &str = "rope_freqs.weight";
/// llama.cpp's default where the key is absent.
const DEFAULT_ROPE_THETA: f64 = 10_000.0;
/// GGUF does not say; Hugging Face's default.
const DEFAULT_INITIALIZER_RANGE: f64 = 0.02;

impl ModelConfig {
    /// Reads the config from a GGUF's metadata and tensor table and checks it. `file` holds the
    /// bytes that `gguf` was parsed from (for `rope_freqs.weight`).
    ///
    /// The head is tied where the file has no `output.weight`. Stop tokens are the end of the
    /// sequence, of the turn and of the message.
    ///
    /// # Errors
    /// Where a key is missing or has a wrong type, a number is out of bounds, or the file asks
    /// for something this decoder does not do.
    pub fn from_gguf(gguf: &Gguf, file: &(impl ReadAt + ?Sized)) -> Result<Self, WeightsError> {
        Self::from_gguf_parts(&[(gguf, file)])
    }

    /// As [`Self::from_gguf`] of a model in one file or several, of which the first has the metadata.
    pub(crate) fn from_gguf_parts<R: ReadAt + ?Sized>(
        parts: &[(&Gguf, &R)],
    ) -> Result<Self, WeightsError> {
        let gguf = parts[0].0;
        let part_of = |name: &str| parts.iter().find(|(gguf, _)| gguf.tensor(name).is_some());
        let name = gguf.get_str(ARCHITECTURE_KEY)?.ok_or_else(|| WeightsError::MissingKey {
            key: ARCHITECTURE_KEY.to_owned(),
            expected: "the name of the model's family",
        })?;
        let architecture = Architecture::from_model_type(name).ok_or_else(|| {
            WeightsError::unsupported(
                format!("`{ARCHITECTURE_KEY}`"),
                "llama, qwen2 or qwen3",
                name.chars().take(40).collect::<String>(),
            )
        })?;
        let keys = Keys { gguf, prefix: name };
        keys.refuse_unsupported()?;

        let hidden_size = keys.size("embedding_length")?;
        let num_attention_heads = keys.size("attention.head_count")?;
        let head_dim = keys.head_dim(hidden_size, num_attention_heads)?;
        let mut config = Self {
            architecture,
            vocab_size: vocab_size(
                part_of(EMBEDDING).and_then(|(gguf, _)| gguf.tensor(EMBEDDING)),
            )?,
            hidden_size,
            intermediate_size: keys.size("feed_forward_length")?,
            num_hidden_layers: keys.size("block_count")?,
            num_attention_heads,
            num_key_value_heads: keys
                .optional_size("attention.head_count_kv")?
                .unwrap_or(num_attention_heads),
            head_dim,
            rms_norm_eps: keys.number("attention.layer_norm_rms_epsilon")?.ok_or_else(|| {
                WeightsError::MissingKey {
                    key: keys.path("attention.layer_norm_rms_epsilon"),
                    expected: "a small number",
                }
            })?,
            rope_theta: keys.number("rope.freq_base")?.unwrap_or(DEFAULT_ROPE_THETA),
            rope_scaling: None,
            rope_freq_factors: None,
            max_position_embeddings: keys.size("context_length")?,
            tie_word_embeddings: part_of("output.weight").is_none(),
            attention_bias: part_of("blk.0.attn_q.bias").is_some(),
            bos_token_id: gguf.get_u32("tokenizer.ggml.bos_token_id")?,
            eos_token_ids: stop_ids(gguf)?,
            pad_token_id: gguf.get_u32("tokenizer.ggml.padding_token_id")?,
            initializer_range: DEFAULT_INITIALIZER_RANGE,
            score: false,
        };
        // The metadata keeps single precision; 1e-5 should be 1e-5 again.
        config.rms_norm_eps = shortest(config.rms_norm_eps);
        if let Some((gguf, file)) = part_of(ROPE_FREQS) {
            // Bounds the number of frequencies before they are computed.
            config.validate()?;
            config.set_rope_freq_factors(gguf.read_f32(*file, ROPE_FREQS)?);
        }
        config.validate()?;
        Ok(config)
    }

    /// The metadata of this model for a GGUF file, without the tokenizer's vocabulary. Divisors of
    /// the rotary frequencies are a tensor, `rope_freqs.weight`, which the caller adds
    /// ([`Self::gguf_rope_freqs`]).
    pub fn to_gguf_metadata(&self) -> Vec<(String, GgufValue)> {
        let prefix = self.architecture.model_type();
        // `validate` keeps every size far below 2^32.
        let size = |value: usize| GgufValue::U32(value.try_into().unwrap_or(u32::MAX));
        let mut pairs = vec![(ARCHITECTURE_KEY.to_owned(), GgufValue::String(prefix.to_owned()))];
        for (key, value) in [
            ("context_length", size(self.max_position_embeddings)),
            ("embedding_length", size(self.hidden_size)),
            ("block_count", size(self.num_hidden_layers)),
            ("feed_forward_length", size(self.intermediate_size)),
            ("attention.head_count", size(self.num_attention_heads)),
            ("attention.head_count_kv", size(self.num_key_value_heads)),
            ("attention.key_length", size(self.head_dim)),
            ("attention.value_length", size(self.head_dim)),
            ("attention.layer_norm_rms_epsilon", GgufValue::F32(self.rms_norm_eps as f32)),
            ("rope.dimension_count", size(self.head_dim)),
            ("rope.freq_base", GgufValue::F32(self.rope_theta as f32)),
            ("vocab_size", size(self.vocab_size)),
        ] {
            pairs.push((format!("{prefix}.{key}"), value));
        }
        let stops = ["eos", "eot", "eom"].into_iter().zip(&self.eos_token_ids);
        let others = [("bos", &self.bos_token_id), ("padding", &self.pad_token_id)];
        let ids = stops.chain(others.into_iter().filter_map(|(key, id)| Some((key, id.as_ref()?))));
        for (key, &id) in ids {
            pairs.push((format!("tokenizer.ggml.{key}_token_id"), GgufValue::U32(id)));
        }
        pairs
    }

    /// Values of `rope_freqs.weight`, `[head_dim / 2]`, where the model needs that tensor.
    pub fn gguf_rope_freqs(&self) -> Option<Vec<f32>> {
        if self.rope_scaling.is_none() {
            return self.rope_freq_factors.clone();
        }
        let plain = Self { rope_scaling: None, ..self.clone() }.rope_inv_freq();
        let scaled = self.rope_inv_freq();
        Some(plain.iter().zip(scaled).map(|(plain, scaled)| (plain / scaled) as f32).collect())
    }
}

fn vocab_size(embedding: Option<&GgufTensor>) -> Result<usize, WeightsError> {
    let tensor = embedding.ok_or_else(|| WeightsError::MissingKey {
        key: EMBEDDING.to_owned(),
        expected: "the embedding's tensor",
    })?;
    match tensor.shape.as_slice() {
        [rows, _] => Ok(*rows),
        other => Err(WeightsError::invalid(
            format!("shape of tensor `{EMBEDDING}`"),
            "two dimensions",
            format!("{other:?}"),
        )),
    }
}

fn stop_ids(gguf: &Gguf) -> Result<Vec<u32>, WeightsError> {
    let mut ids = Vec::new();
    for kind in ["eos", "eot", "eom"] {
        if let Some(id) = gguf.get_u32(&format!("tokenizer.ggml.{kind}_token_id"))?
            && !ids.contains(&id)
        {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// The double whose shortest decimal is that of the stored single.
fn shortest(value: f64) -> f64 {
    (value as f32).to_string().parse().unwrap_or(value)
}

/// Access to the keys of the model's own family.
struct Keys<'a> {
    gguf: &'a Gguf,
    prefix: &'a str,
}

impl Keys<'_> {
    fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.prefix)
    }

    fn number(&self, key: &str) -> Result<Option<f64>, WeightsError> {
        self.gguf.get_f64(&self.path(key))
    }

    fn optional_size(&self, key: &str) -> Result<Option<usize>, WeightsError> {
        let path = self.path(key);
        match self.gguf.get_u64(&path)? {
            None => Ok(None),
            Some(value) => match usize::try_from(value) {
                Ok(size) if size > 0 => Ok(Some(size)),
                _ => Err(WeightsError::invalid(format!("`{path}`"), "a size above 0", value)),
            },
        }
    }

    fn size(&self, key: &str) -> Result<usize, WeightsError> {
        self.optional_size(key)?.ok_or_else(|| WeightsError::MissingKey {
            key: self.path(key),
            expected: "a size above 0",
        })
    }

    fn head_dim(&self, hidden_size: usize, heads: usize) -> Result<usize, WeightsError> {
        let head_dim = match self.optional_size("attention.key_length")? {
            Some(size) => size,
            None if hidden_size.is_multiple_of(heads) => hidden_size / heads,
            None => {
                return Err(WeightsError::invalid(
                    format!("`{}`", self.path("attention.head_count")),
                    format!("a divisor of embedding_length {hidden_size}"),
                    heads,
                ));
            }
        };
        for key in ["attention.value_length", "rope.dimension_count"] {
            if let Some(other) = self.optional_size(key)?.filter(|&other| other != head_dim) {
                let what = format!("`{}`", self.path(key));
                return Err(WeightsError::unsupported(what, head_dim, other));
            }
        }
        Ok(head_dim)
    }

    fn refuse_unsupported(&self) -> Result<(), WeightsError> {
        for key in ["expert_count", "attention.sliding_window"] {
            let path = self.path(key);
            if let Some(value) = self.gguf.get_u64(&path)?.filter(|&value| value != 0) {
                return Err(WeightsError::unsupported(format!("`{path}`"), "none", value));
            }
        }
        let path = self.path("rope.scaling.type");
        if let Some(kind) = self.gguf.get_str(&path)?.filter(|&kind| kind != "none") {
            let kind = kind.chars().take(40).collect::<String>();
            return Err(WeightsError::unsupported(format!("`{path}`"), "none", kind));
        }
        if let Some(scale) = self.number("rope.scale_linear")?.filter(|&scale| scale != 1.0) {
            let what = format!("`{}`", self.path("rope.scale_linear"));
            return Err(WeightsError::unsupported(what, 1, scale));
        }
        Ok(())
    }
}
