//! Writes a `config.json` that transformers 4 and 5 open.

use serde_json::{Map, Value, json};

use super::{Architecture, ModelConfig};
use crate::{FloatType, WeightsError};

impl ModelConfig {
    /// The `config.json` of this model with weights stored as F32.
    ///
    /// # Errors
    /// As [`Self::to_json_with_dtype`].
    pub fn to_json(&self) -> Result<String, WeightsError> {
        self.to_json_with_dtype(FloatType::F32)
    }

    /// The `config.json` of this model with weights stored as `dtype`, with the keys of both
    /// transformers 4 and 5.
    ///
    /// # Errors
    /// Where the config is not valid, or has `rope_freq_factors`, which transformers does not
    /// know.
    pub fn to_json_with_dtype(&self, dtype: FloatType) -> Result<String, WeightsError> {
        self.validate()?;
        if self.rope_freq_factors.is_some() {
            return Err(WeightsError::unsupported(
                "`rope_freq_factors` in a config.json",
                "none, or those of a known llama3 scaling",
                "free ones",
            ));
        }
        let mut object = Map::new();
        let mut set = |key: &str, value: Value| {
            object.insert(key.to_owned(), value);
        };
        let class = match self.score {
            true => self.architecture.score_class_name(),
            false => self.architecture.class_name(),
        };
        set("architectures", json!([class]));
        if self.score {
            // One label: transformers counts their names.
            set("id2label", json!({"0": "LABEL_0"}));
            set("label2id", json!({"LABEL_0": 0}));
        }
        set("model_type", json!(self.architecture.model_type()));
        set("vocab_size", json!(self.vocab_size));
        set("hidden_size", json!(self.hidden_size));
        set("intermediate_size", json!(self.intermediate_size));
        set("num_hidden_layers", json!(self.num_hidden_layers));
        set("num_attention_heads", json!(self.num_attention_heads));
        set("num_key_value_heads", json!(self.num_key_value_heads));
        set("head_dim", json!(self.head_dim));
        set("hidden_act", json!("silu"));
        set("rms_norm_eps", json!(self.rms_norm_eps));
        set("max_position_embeddings", json!(self.max_position_embeddings));
        set("tie_word_embeddings", json!(self.tie_word_embeddings));
        set("initializer_range", json!(self.initializer_range));
        set("attention_dropout", json!(0.0));
        set("use_cache", json!(true));
        match self.architecture {
            Architecture::Llama => {
                set("attention_bias", json!(false));
                set("mlp_bias", json!(false));
            }
            Architecture::Qwen2 => set("use_sliding_window", json!(false)),
            Architecture::Qwen3 => {
                set("attention_bias", json!(false));
                set("use_sliding_window", json!(false));
            }
        }
        // Version 4 reads the first two, version 5 the third, or the first where it is not null.
        let scaling = self.rope_scaling_json();
        let mut parameters = match &scaling {
            Value::Object(scaling) => scaling.clone(),
            _ => Map::from_iter([("rope_type".to_owned(), json!("default"))]),
        };
        parameters.insert("rope_theta".to_owned(), json!(self.rope_theta));
        set("rope_scaling", scaling);
        set("rope_theta", json!(self.rope_theta));
        set("rope_parameters", Value::Object(parameters));
        set("bos_token_id", json!(self.bos_token_id));
        set("eos_token_id", self.eos_json());
        set("pad_token_id", json!(self.pad_token_id));
        set("torch_dtype", json!(dtype.torch_name()));
        set("dtype", json!(dtype.torch_name()));
        Ok(format!("{:#}\n", Value::Object(object)))
    }

    /// A `generation_config.json` with this model's special tokens.
    pub fn to_generation_json(&self) -> String {
        let mut object = Map::from_iter([("_from_model_config".to_owned(), json!(true))]);
        for (key, value) in [
            ("bos_token_id", json!(self.bos_token_id)),
            ("eos_token_id", self.eos_json()),
            ("pad_token_id", json!(self.pad_token_id)),
        ] {
            if !value.is_null() {
                object.insert(key.to_owned(), value);
            }
        }
        format!("{:#}\n", Value::Object(object))
    }

    fn eos_json(&self) -> Value {
        match self.eos_token_ids.as_slice() {
            [] => Value::Null,
            [one] => json!(one),
            many => json!(many),
        }
    }

    fn rope_scaling_json(&self) -> Value {
        match &self.rope_scaling {
            None => Value::Null,
            Some(scaling) => json!({
                "rope_type": "llama3",
                "factor": scaling.factor,
                "low_freq_factor": scaling.low_freq_factor,
                "high_freq_factor": scaling.high_freq_factor,
                "original_max_position_embeddings": scaling.original_max_position_embeddings,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Llama3RopeScaling, tiny};
    use super::*;

    #[test]
    fn a_config_survives_writing_and_reading() {
        for architecture in [Architecture::Llama, Architecture::Qwen2, Architecture::Qwen3] {
            let mut config = tiny(architecture);
            config.pad_token_id = Some(0);
            let json = config.to_json().expect("writable");
            assert_eq!(ModelConfig::from_json(&json).expect("readable"), config);
            config.score = true;
            let json = config.to_json().expect("writable");
            assert!(json.contains("ForSequenceClassification"), "{json}");
            assert_eq!(ModelConfig::from_json(&json).expect("readable"), config);
            // As transformers reads it: without names there are two labels.
            let two = json.replace("id2label", "names");
            let fault = ModelConfig::from_json(&two).expect_err("two numbers a text");
            assert!(fault.to_string().contains("num_labels"), "{fault}");
        }
        let mut config = tiny(Architecture::Llama);
        config.rope_theta = 500_000.0;
        config.rope_scaling = Some(Llama3RopeScaling {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 64,
        });
        config.eos_token_ids = vec![];
        config.bos_token_id = None;
        let json = config.to_json_with_dtype(FloatType::Bf16).expect("writable");
        assert_eq!(ModelConfig::from_json(&json).expect("readable"), config);
        assert!(json.contains("\"torch_dtype\": \"bfloat16\""));
    }

    #[test]
    fn the_stop_ids_stand_in_the_generation_config() {
        let config = tiny(Architecture::Qwen2);
        let mut other = config.clone();
        other.eos_token_ids.clear();
        other.merge_generation_config(&config.to_generation_json()).expect("valid");
        assert_eq!(other.eos_token_ids, config.eos_token_ids);
    }

    #[test]
    fn free_divisors_cannot_be_written() {
        let mut config = tiny(Architecture::Llama);
        config.rope_freq_factors = Some(vec![1.0, 1.0, 2.0, 3.0]);
        let fault = config.to_json().expect_err("transformers would run another model");
        assert!(fault.to_string().contains("rope_freq_factors"));
    }
}
