//! Bounds on every number of a config.

use super::{Architecture, ModelConfig};
use crate::WeightsError;

/// Far above any model of these families, and low enough that no product of two overflows 64 bits
/// and that a list of all tensors stays small.
const MAX_LAYERS: usize = 4096;
const MAX_WIDTH: usize = 1 << 24;
const MAX_CONTEXT: usize = 1 << 28;

impl ModelConfig {
    /// Checks every number: none is zero, absurd or not finite, heads divide, ids that are fed to
    /// the model lie within the vocabulary, and the family has the biases it is known for.
    ///
    /// A stop id outside the vocabulary passes: it can never be sampled.
    ///
    /// # Errors
    /// The first value found outside its bounds, by name.
    pub fn validate(&self) -> Result<(), WeightsError> {
        for (key, value, max) in [
            ("vocab_size", self.vocab_size, MAX_WIDTH),
            ("hidden_size", self.hidden_size, MAX_WIDTH),
            ("intermediate_size", self.intermediate_size, MAX_WIDTH),
            ("num_hidden_layers", self.num_hidden_layers, MAX_LAYERS),
            ("num_attention_heads", self.num_attention_heads, MAX_WIDTH),
            ("num_key_value_heads", self.num_key_value_heads, MAX_WIDTH),
            ("head_dim", self.head_dim, MAX_WIDTH),
            ("max_position_embeddings", self.max_position_embeddings, MAX_CONTEXT),
        ] {
            if value == 0 || value > max {
                return Err(invalid(key, format!("1 to {max}"), value));
            }
        }
        self.validate_heads()?;
        self.validate_rope()?;
        if !(self.rms_norm_eps > 0.0 && self.rms_norm_eps < 1.0) {
            return Err(invalid("rms_norm_eps", "between 0 and 1", self.rms_norm_eps));
        }
        if !(self.initializer_range >= 0.0 && self.initializer_range.is_finite()) {
            return Err(invalid("initializer_range", "at least 0", self.initializer_range));
        }
        for (key, id) in [("bos_token_id", self.bos_token_id), ("pad_token_id", self.pad_token_id)]
        {
            if let Some(id) = id.filter(|&id| id as usize >= self.vocab_size) {
                return Err(invalid(key, format!("below vocab_size {}", self.vocab_size), id));
            }
        }
        self.validate_bias()
    }

    fn validate_heads(&self) -> Result<(), WeightsError> {
        let (heads, kv_heads) = (self.num_attention_heads, self.num_key_value_heads);
        if heads % kv_heads != 0 {
            let expected = format!("a divisor of num_attention_heads {heads}");
            return Err(invalid("num_key_value_heads", expected, kv_heads));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(invalid("head_dim", "an even number", self.head_dim));
        }
        // Rows of a projection are bounded like any other width.
        if heads.checked_mul(self.head_dim).is_none_or(|size| size > MAX_WIDTH) {
            let expected = format!("at most {MAX_WIDTH} together with head_dim {}", self.head_dim);
            return Err(invalid("num_attention_heads", expected, heads));
        }
        // The largest tensors must be addressable, in bytes, also where addresses have 32 bits.
        for (key, rows) in [
            ("vocab_size", self.vocab_size),
            ("intermediate_size", self.intermediate_size),
            ("num_attention_heads", self.q_size()),
        ] {
            let bytes = rows.checked_mul(self.hidden_size).and_then(|len| len.checked_mul(4));
            if bytes.is_none_or(|bytes| bytes > isize::MAX as usize) {
                let expected = format!("a size that can be addressed with {}", self.hidden_size);
                return Err(invalid(key, expected, rows));
            }
        }
        Ok(())
    }

    fn validate_rope(&self) -> Result<(), WeightsError> {
        let positive = |key: &str, value: f64| {
            if value > 0.0 && value.is_finite() {
                Ok(())
            } else {
                Err(invalid(key, "a number above 0", value))
            }
        };
        positive("rope_theta", self.rope_theta)?;
        if let Some(scaling) = &self.rope_scaling {
            positive("factor", scaling.factor)?;
            positive("low_freq_factor", scaling.low_freq_factor)?;
            positive("high_freq_factor", scaling.high_freq_factor)?;
            if scaling.high_freq_factor <= scaling.low_freq_factor {
                let expected = format!("above low_freq_factor {}", scaling.low_freq_factor);
                return Err(invalid("high_freq_factor", expected, scaling.high_freq_factor));
            }
            let original = scaling.original_max_position_embeddings;
            if original == 0 || original > MAX_CONTEXT {
                let expected = format!("1 to {MAX_CONTEXT}");
                return Err(invalid("original_max_position_embeddings", expected, original));
            }
        }
        if let Some(factors) = &self.rope_freq_factors {
            if self.rope_scaling.is_some() {
                return Err(invalid("rope_freq_factors", "none beside rope_scaling", "both"));
            }
            if factors.len() != self.head_dim / 2 {
                let expected = format!("{} values", self.head_dim / 2);
                return Err(invalid("rope_freq_factors", expected, factors.len()));
            }
            for &factor in factors {
                positive("rope_freq_factors", factor.into())?;
            }
        }
        Ok(())
    }

    fn validate_bias(&self) -> Result<(), WeightsError> {
        let expected = self.architecture == Architecture::Qwen2;
        if self.attention_bias == expected {
            return Ok(());
        }
        Err(WeightsError::unsupported(
            format!("`attention_bias` of {}", self.architecture.model_type()),
            expected,
            self.attention_bias,
        ))
    }
}

fn invalid(key: &str, expected: impl ToString, got: impl ToString) -> WeightsError {
    WeightsError::invalid(format!("`{key}`"), expected, got)
}

#[cfg(test)]
mod tests {
    use super::super::{Llama3RopeScaling, tiny};
    use super::*;

    #[test]
    fn each_hostile_number_is_refused_by_name() {
        type Spoil = fn(&mut ModelConfig);
        let cases: &[(&str, Spoil)] = &[
            ("vocab_size", |c| c.vocab_size = 0),
            ("vocab_size", |c| c.vocab_size = usize::MAX),
            ("hidden_size", |c| c.hidden_size = usize::MAX / 2),
            ("intermediate_size", |c| c.intermediate_size = 0),
            ("num_hidden_layers", |c| c.num_hidden_layers = 1_000_000_000),
            ("num_attention_heads", |c| c.num_attention_heads = 0),
            ("num_attention_heads", |c| {
                c.num_attention_heads = 1 << 20;
                c.head_dim = 1 << 20;
            }),
            ("num_key_value_heads", |c| c.num_key_value_heads = 0),
            ("num_key_value_heads", |c| c.num_key_value_heads = 3),
            ("head_dim", |c| c.head_dim = 7),
            ("head_dim", |c| c.head_dim = 0),
            ("max_position_embeddings", |c| c.max_position_embeddings = usize::MAX),
            ("rms_norm_eps", |c| c.rms_norm_eps = f64::NAN),
            ("rms_norm_eps", |c| c.rms_norm_eps = 0.0),
            ("rope_theta", |c| c.rope_theta = f64::INFINITY),
            ("rope_theta", |c| c.rope_theta = -1.0),
            ("initializer_range", |c| c.initializer_range = f64::NAN),
            ("bos_token_id", |c| c.bos_token_id = Some(32)),
            ("pad_token_id", |c| c.pad_token_id = Some(u32::MAX)),
            ("attention_bias", |c| c.attention_bias = true),
            ("rope_freq_factors", |c| c.rope_freq_factors = Some(vec![1.0; 3])),
            ("rope_freq_factors", |c| c.rope_freq_factors = Some(vec![0.0; 4])),
        ];
        for (key, spoil) in cases {
            let mut config = tiny(Architecture::Llama);
            config.validate().expect("the tiny config is valid");
            spoil(&mut config);
            let fault = config.validate().expect_err(key);
            assert!(fault.to_string().contains(key), "{key}: {fault}");
            assert!(fault.is_damaged_or_unsupported());
        }
    }

    #[test]
    fn scaling_must_be_ordered_and_finite() {
        let good = Llama3RopeScaling {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 8192,
        };
        let mut config = tiny(Architecture::Llama);
        config.rope_scaling = Some(good);
        config.validate().expect("Llama 3.1's own numbers");
        for bad in [
            Llama3RopeScaling { factor: 0.0, ..good },
            Llama3RopeScaling { high_freq_factor: 1.0, ..good },
            Llama3RopeScaling { low_freq_factor: f64::NAN, ..good },
            Llama3RopeScaling { original_max_position_embeddings: 0, ..good },
        ] {
            config.rope_scaling = Some(bad);
            assert!(config.validate().is_err(), "{bad:?}");
        }
    }
}
