//! Reads Hugging Face's `config.json`, as transformers 4 and 5 write it.

use serde_json::{Map, Value};

use super::fields::{Fields, brief};
use super::{Architecture, Llama3RopeScaling, ModelConfig};
use crate::WeightsError;

const CONTEXT_KEY: &str = "max_position_embeddings";

impl ModelConfig {
    /// Reads a `config.json` and checks it.
    ///
    /// Both spellings of the rotary embedding are read: `rope_theta` with `rope_scaling`
    /// (transformers 4) and `rope_parameters` (transformers 5). Absent keys take transformers'
    /// defaults where those do not depend on one model's size.
    ///
    /// # Errors
    /// Where the text is no JSON object, a key is missing or has a wrong type, a number is out of
    /// bounds, or the config asks for something this decoder does not do.
    pub fn from_json(json: &str) -> Result<Self, WeightsError> {
        let object = parse_object("config.json", json)?;
        let fields = Fields { object: &object, inside: "" };
        let model_type = fields.required("model_type", "a name", Value::as_str)?;
        let architecture = Architecture::from_model_type(model_type).ok_or_else(|| {
            WeightsError::unsupported("`model_type`", "llama, qwen2 or qwen3", model_type)
        })?;
        refuse_unsupported(&fields, architecture)?;

        let hidden_size = fields.size("hidden_size")?;
        let num_attention_heads = fields.size("num_attention_heads")?;
        let head_dim = match (fields.optional_size("head_dim")?, architecture) {
            (Some(size), _) => size,
            // Qwen3 has its own default, not derived from the other sizes.
            (None, Architecture::Qwen3) => 128,
            (None, _) => derived_head_dim(hidden_size, num_attention_heads)?,
        };
        let (rope_theta, rope_scaling) = read_rope(&fields)?;
        let config = Self {
            architecture,
            vocab_size: fields.size("vocab_size")?,
            hidden_size,
            intermediate_size: fields.size("intermediate_size")?,
            num_hidden_layers: fields.size("num_hidden_layers")?,
            num_attention_heads,
            num_key_value_heads: fields
                .optional_size("num_key_value_heads")?
                .unwrap_or(num_attention_heads),
            head_dim,
            rms_norm_eps: fields.number("rms_norm_eps")?.unwrap_or(1e-6),
            rope_theta,
            rope_scaling,
            rope_freq_factors: None,
            max_position_embeddings: fields.size(CONTEXT_KEY)?,
            tie_word_embeddings: fields.flag("tie_word_embeddings")?,
            attention_bias: architecture == Architecture::Qwen2,
            bos_token_id: fields.token("bos_token_id")?,
            eos_token_ids: fields.tokens("eos_token_id")?,
            pad_token_id: fields.token("pad_token_id")?,
            initializer_range: fields.number("initializer_range")?.unwrap_or(0.02),
            score: read_score(&fields, architecture)?,
        };
        config.validate()?;
        Ok(config)
    }
}

pub(super) fn merge_generation_config(
    config: &mut ModelConfig,
    json: &str,
) -> Result<(), WeightsError> {
    let object = parse_object("generation_config.json", json)?;
    for id in (Fields { object: &object, inside: "" }).tokens("eos_token_id")? {
        if !config.eos_token_ids.contains(&id) {
            config.eos_token_ids.push(id);
        }
    }
    Ok(())
}

fn parse_object(what: &'static str, json: &str) -> Result<Map<String, Value>, WeightsError> {
    serde_json::from_str(json).map_err(|source| WeightsError::Json { what, source })
}

fn derived_head_dim(hidden_size: usize, heads: usize) -> Result<usize, WeightsError> {
    if heads == 0 || !hidden_size.is_multiple_of(heads) {
        let expected = format!("a divisor of hidden_size {hidden_size} where head_dim is absent");
        return Err(WeightsError::invalid("`num_attention_heads`", expected, heads));
    }
    Ok(hidden_size / heads)
}

fn refuse_unsupported(fields: &Fields<'_>, architecture: Architecture) -> Result<(), WeightsError> {
    let act = fields.text("hidden_act")?.unwrap_or("silu");
    if !matches!(act, "silu" | "swish") {
        return Err(WeightsError::unsupported("`hidden_act`", "silu", act));
    }
    // In transformers this key of Llama and Qwen3 also gives the output projection a bias; Qwen2
    // has its three biases whatever the key says.
    let bias_key = (architecture != Architecture::Qwen2).then_some("attention_bias");
    for key in bias_key.into_iter().chain(["mlp_bias", "use_mrope"]) {
        if fields.flag(key)? {
            return Err(WeightsError::unsupported(format!("`{key}`"), false, true));
        }
    }
    if fields.get("quantization_config").is_some() {
        let expected = "none: F32, F16 or BF16 weights, or a GGUF file";
        return Err(WeightsError::unsupported("`quantization_config`", expected, "one"));
    }
    if let Some(part) = fields.number("partial_rotary_factor")?.filter(|&part| part != 1.0) {
        return Err(WeightsError::unsupported("`partial_rotary_factor`", 1, part));
    }
    refuse_sliding_window(fields)
}

/// Whether the class is the one that gives a number a text. Classes beside it are not looked at: a
/// base model's weights serve as those of a language model.
fn read_score(fields: &Fields<'_>, architecture: Architecture) -> Result<bool, WeightsError> {
    let classes = fields.optional("architectures", "a list", Value::as_array)?;
    let score = architecture.score_class_name();
    if !classes.is_some_and(|list| list.iter().any(|class| class == score)) {
        return Ok(false);
    }
    // Transformers writes the labels' names, and has two labels where they are absent.
    let names = fields.optional("id2label", "an object", Value::as_object)?;
    let labels = match fields.optional_size("num_labels")? {
        Some(labels) => labels,
        None => names.map_or(2, serde_json::Map::len),
    };
    match labels {
        1 => Ok(true),
        got => Err(WeightsError::unsupported("`num_labels` of a reward model", 1, got)),
    }
}

/// A window counts as in use only where a layer really has it, as in transformers.
fn refuse_sliding_window(fields: &Fields<'_>) -> Result<(), WeightsError> {
    if let Some(types) = fields.optional("layer_types", "a list", Value::as_array)? {
        return match types.iter().find(|&kind| kind != "full_attention") {
            None => Ok(()),
            Some(kind) => {
                Err(WeightsError::unsupported("`layer_types`", "full_attention", brief(kind)))
            }
        };
    }
    if !fields.flag("use_sliding_window")? {
        return Ok(());
    }
    // Absent, the window has a default; only `null` is none.
    let has_window = fields.object.get("sliding_window").is_none_or(|window| !window.is_null());
    let first = fields.optional_size("max_window_layers")?.unwrap_or(28);
    if has_window && first < fields.size("num_hidden_layers")? {
        return Err(WeightsError::unsupported("`use_sliding_window`", false, true));
    }
    Ok(())
}

/// `rope_theta` and scaling from either spelling.
fn read_rope(fields: &Fields<'_>) -> Result<(f64, Option<Llama3RopeScaling>), WeightsError> {
    const DEFAULT_THETA: f64 = 10_000.0;
    let outer_theta = fields.number("rope_theta")?;
    for inside in ["rope_scaling", "rope_parameters"] {
        let Some(object) = fields.optional(inside, "an object or null", Value::as_object)? else {
            continue;
        };
        if let Some((layers, _)) = object.iter().find(|(_, value)| value.is_object()) {
            let what = format!("`{inside}` by type of layer");
            return Err(WeightsError::unsupported(what, "one for all layers", layers));
        }
        let rope = Fields { object, inside };
        let theta = rope.number("rope_theta")?.or(outer_theta).unwrap_or(DEFAULT_THETA);
        if let Some(part) = rope.number("partial_rotary_factor")?.filter(|&part| part != 1.0) {
            return Err(WeightsError::unsupported("`partial_rotary_factor`", 1, part));
        }
        let kind = match rope.text("rope_type")? {
            Some(kind) => kind,
            None => rope.text("type")?.unwrap_or("default"),
        };
        let scaling = match kind {
            "default" => None,
            "llama3" => Some(Llama3RopeScaling {
                factor: rope.required_number("factor")?,
                low_freq_factor: rope.required_number("low_freq_factor")?,
                high_freq_factor: rope.required_number("high_freq_factor")?,
                original_max_position_embeddings: rope.size("original_max_position_embeddings")?,
            }),
            other => {
                let what = format!("`rope_type` of {inside}");
                return Err(WeightsError::unsupported(what, "default or llama3", other));
            }
        };
        return Ok((theta, scaling));
    }
    Ok((outer_theta.unwrap_or(DEFAULT_THETA), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published config of SmolLM2-135M-Instruct, shortened.
    const SMOLLM2: &str = r#"{"architectures": ["LlamaForCausalLM"], "attention_bias": false,
        "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 576,
        "initializer_range": 0.041666666666666664, "intermediate_size": 1536,
        "max_position_embeddings": 8192, "mlp_bias": false, "model_type": "llama",
        "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3,
        "pad_token_id": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": null,
        "rope_theta": 100000, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
        "use_cache": true, "vocab_size": 49152}"#;

    /// A small config with one or several keys set, or removed by `null`.
    fn with(changes: Value) -> Result<ModelConfig, WeightsError> {
        let mut config = serde_json::json!({
            "model_type": "llama", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 64,
            "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 128,
        });
        for (key, value) in changes.as_object().expect("an object") {
            config[key.as_str()] = value.clone();
        }
        ModelConfig::from_json(&config.to_string())
    }

    #[test]
    fn a_published_config_reads() {
        let config = ModelConfig::from_json(SMOLLM2).expect("valid");
        assert_eq!(config.architecture, Architecture::Llama);
        assert_eq!((config.hidden_size, config.intermediate_size), (576, 1536));
        assert_eq!((config.num_attention_heads, config.num_key_value_heads), (9, 3));
        assert_eq!((config.head_dim, config.num_hidden_layers), (64, 30));
        assert_eq!((config.rms_norm_eps, config.rope_theta), (1e-5, 1e5));
        assert_eq!((config.bos_token_id, config.pad_token_id), (Some(1), Some(2)));
        assert_eq!(config.eos_token_ids, [2]);
        assert!(config.tie_word_embeddings && !config.attention_bias);
        // The published number of parameters.
        assert_eq!(config.parameter_count(), 134_515_008);
    }

    #[test]
    fn both_spellings_of_llama3_rope_agree() {
        let scaling = serde_json::json!({"rope_type": "llama3", "factor": 32.0,
            "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192});
        let mut parameters = scaling.clone();
        parameters["rope_theta"] = 500_000.0.into();
        let v4 = with(serde_json::json!({"rope_theta": 500000.0, "rope_scaling": scaling}));
        let v5 = with(serde_json::json!({"rope_parameters": parameters}));
        let v4 = v4.expect("transformers 4");
        assert_eq!(v4, v5.expect("transformers 5"));
        assert_eq!(v4.rope_theta, 500_000.0);
        assert_eq!(v4.rope_scaling.map(|scaling| scaling.factor), Some(32.0));
    }

    #[test]
    fn default_rope_parameters_carry_theta() {
        let rope = serde_json::json!({"rope_type": "default", "rope_theta": 1e6});
        let config = with(serde_json::json!({"rope_parameters": rope})).expect("valid");
        assert_eq!((config.rope_theta, config.rope_scaling), (1e6, None));
    }

    #[test]
    fn what_the_decoder_cannot_do_is_refused_by_name() {
        let yarn = serde_json::json!({"type": "yarn", "factor": 4.0});
        let nested = serde_json::json!({"full_attention": {"rope_type": "default"}});
        for (key, value) in [
            ("model_type", "mistral".into()),
            ("hidden_act", "gelu".into()),
            ("attention_bias", true.into()),
            ("mlp_bias", true.into()),
            ("rope_scaling", yarn.clone()),
            ("rope_parameters", yarn),
            ("rope_parameters", nested),
            ("quantization_config", serde_json::json!({"bits": 4})),
            ("partial_rotary_factor", 0.5.into()),
            ("layer_types", serde_json::json!(["full_attention", "sliding_attention"])),
            ("use_mrope", true.into()),
        ] {
            let fault = with(serde_json::json!({key: value})).expect_err(key);
            assert!(matches!(fault, WeightsError::Unsupported { .. }), "{key}: {fault}");
            assert!(fault.to_string().contains(key), "{key}: {fault}");
        }
    }

    #[test]
    fn a_sliding_window_is_refused_only_where_a_layer_uses_it() {
        let qwen = |more: &[(&str, Value)]| {
            let mut changes = serde_json::json!({"model_type": "qwen2", "sliding_window": 64});
            for (key, value) in more {
                changes[*key] = value.clone();
            }
            with(changes)
        };
        assert!(qwen(&[("use_sliding_window", false.into())]).is_ok());
        let used = ("use_sliding_window", Value::from(true));
        assert!(qwen(&[used.clone(), ("max_window_layers", 2.into())]).is_ok());
        let first = ("max_window_layers", Value::from(1));
        let fault = qwen(&[used.clone(), first.clone()]).expect_err("in use");
        assert!(fault.to_string().contains("use_sliding_window"));
        assert!(qwen(&[used, first, ("sliding_window", Value::Null)]).is_ok());
    }

    #[test]
    fn families_differ_in_biases_and_head_width() {
        let qwen2 = with(serde_json::json!({"model_type": "qwen2"})).expect("valid");
        assert!(qwen2.attention_bias && !qwen2.has_qk_norm() && qwen2.head_dim == 8);
        let qwen3 = with(serde_json::json!({"model_type": "qwen3"})).expect("valid");
        assert!(!qwen3.attention_bias && qwen3.has_qk_norm() && qwen3.head_dim == 128);
    }

    #[test]
    fn stop_ids_are_one_or_many() {
        let ids = |value: Value| with(serde_json::json!({"eos_token_id": value}));
        assert_eq!(ids(5.into()).expect("one").eos_token_ids, [5]);
        assert_eq!(ids(serde_json::json!([5, 6])).expect("many").eos_token_ids, [5, 6]);
        assert!(ids(Value::Null).expect("none").eos_token_ids.is_empty());
        assert!(ids("five".into()).is_err());
        let mut config = ids(5.into()).expect("one");
        config.merge_generation_config(r#"{"eos_token_id": [7, 5]}"#).expect("valid");
        assert_eq!(config.eos_token_ids, [5, 7]);
    }

    #[test]
    fn wrong_types_and_missing_keys_are_named() {
        for (key, value) in [
            ("hidden_size", Value::Null),
            ("hidden_size", "big".into()),
            ("vocab_size", (-1).into()),
            ("num_hidden_layers", 2.5.into()),
            ("num_attention_heads", 5.into()),
            ("num_attention_heads", u64::MAX.into()),
            ("rms_norm_eps", "small".into()),
            ("tie_word_embeddings", 1.into()),
        ] {
            let fault = with(serde_json::json!({key: value})).expect_err(key);
            assert!(fault.to_string().contains(key), "{key}: {fault}");
        }
        assert!(matches!(ModelConfig::from_json("[]"), Err(WeightsError::Json { .. })));
        assert!(matches!(ModelConfig::from_json(&SMOLLM2[..90]), Err(WeightsError::Json { .. })));
    }
}
