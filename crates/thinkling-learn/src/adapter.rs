//! Adapters in and out as `peft` keeps them: `adapter_config.json` and `adapter_model.safetensors`.

use crate::export::ExportError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Write;
use thinkling_model::{Decoder, LoraConfig, ModelError, NamedTensor, Projection};
use thinkling_weights::{
    FloatType, SafetensorsIndex, SafetensorsTensorSpec, SafetensorsWriter, WeightsError,
};

/// File with the shape of an adapter.
pub const ADAPTER_CONFIG: &str = "adapter_config.json";
/// File with an adapter's tensors.
pub const ADAPTER_WEIGHTS: &str = "adapter_model.safetensors";
/// What `peft` writes before a module's name.
const PREFIX: &str = "base_model.model.";
/// The task of a reward model.
const SEQ_CLS: &str = "SEQ_CLS";
/// A reward model's head as a module and its tensor.
const HEAD: &str = "score";
const SCORE: &str = "score.weight";
/// Keys of variants that would change what the tensors mean.
const VARIANTS: [&str; 13] = [
    "use_dora",
    "use_rslora",
    "use_qalora",
    "use_bdlora",
    "lora_bias",
    "fan_in_fan_out",
    "modules_to_save",
    "rank_pattern",
    "alpha_pattern",
    "layers_to_transform",
    "layer_replication",
    "target_parameters",
    "trainable_token_indices",
];

/// Why an adapter cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// Not the JSON of an adapter.
    #[error("not the config of an adapter: {0}")]
    Json(#[from] serde_json::Error),
    /// A kind of adapter that is not there.
    #[error("{key}, expected: {expected}, got: {got}")]
    Unsupported {
        /// Key of the config.
        key: &'static str,
        /// What can be read.
        expected: &'static str,
        /// What it says.
        got: String,
    },
    /// The file of tensors.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A tensor of another size than model and config say.
    #[error("{name}, expected: shape {expected:?}, got: {got} values")]
    Shape {
        /// Name in the file.
        name: String,
        /// Shape by model and config.
        expected: Vec<usize>,
        /// Values in the file.
        got: usize,
    },
}

/// The config of an adapter, as `peft` writes it.
#[derive(Clone, Debug, PartialEq)]
pub struct PeftAdapter {
    /// Shape.
    pub lora: LoraConfig,
    /// Name or path of the model under the adapter.
    pub base: String,
    /// Whether the adapter's file has a reward model's head too.
    pub score: bool,
}

impl PeftAdapter {
    /// That of `decoder`, whose adapters have this shape, on the model `base`.
    pub fn of(lora: &LoraConfig, base: &str, decoder: &Decoder) -> Self {
        Self { lora: lora.clone(), base: base.to_owned(), score: decoder.score().is_some() }
    }

    /// The bytes of `adapter_config.json`.
    pub fn to_json(&self) -> String {
        let targets: Vec<&str> = self.lora.targets.iter().map(|p| p.name()).collect();
        let config = json!({
            "peft_type": "LORA",
            "task_type": if self.score { SEQ_CLS } else { "CAUSAL_LM" },
            "base_model_name_or_path": self.base,
            "r": self.lora.rank,
            "lora_alpha": whole(self.lora.alpha),
            "lora_dropout": 0.0,
            "target_modules": targets,
            "bias": "none",
            "fan_in_fan_out": false,
            "modules_to_save": if self.score { json!([HEAD]) } else { Value::Null },
            "use_dora": false,
            "use_rslora": false,
            "init_lora_weights": true,
            "inference_mode": true,
        });
        format!("{config:#}\n")
    }

    /// Reads `adapter_config.json`.
    ///
    /// # Errors
    /// Another method than LoRA, or a variant of it that [`Decoder::with_lora`] does not have.
    pub fn from_json(bytes: &[u8]) -> Result<Self, AdapterError> {
        let value: Value = serde_json::from_slice(bytes)?;
        let config = Config::deserialize(&value)?;
        if config.peft_type != "LORA" {
            let (key, expected) = ("peft_type", "LORA");
            return Err(AdapterError::Unsupported { key, expected, got: config.peft_type });
        }
        if config.bias.as_deref().is_some_and(|bias| bias != "none") {
            let got = config.bias.unwrap_or_default();
            return Err(AdapterError::Unsupported { key: "bias", expected: "none", got });
        }
        let score = config.task_type.as_deref() == Some(SEQ_CLS);
        for key in VARIANTS {
            let off = match value.get(key) {
                // `peft` names both that a head may have.
                Some(Value::Array(items)) if score && key == "modules_to_save" => {
                    items.iter().all(|item| item == HEAD || item == "classifier")
                }
                None | Some(Value::Null | Value::Bool(false)) => true,
                Some(Value::Array(items)) => items.is_empty(),
                Some(Value::Object(items)) => items.is_empty(),
                Some(_) => false,
            };
            if !off {
                let got = value[key].to_string();
                return Err(AdapterError::Unsupported { key, expected: "nothing", got });
            }
        }
        if config.r == 0 {
            let (key, expected) = ("r", "at least 1");
            return Err(AdapterError::Unsupported { key, expected, got: "0".into() });
        }
        let targets = read_targets(&config.target_modules)?;
        let lora = LoraConfig { rank: config.r, alpha: config.lora_alpha, targets };
        Ok(Self { lora, base: config.base_model_name_or_path.unwrap_or_default(), score })
    }

    /// Puts the adapter, whose `adapter_model.safetensors` is `bytes`, on `model`.
    ///
    /// # Errors
    /// Tensors that are missing or do not fit the model.
    pub fn load(&self, bytes: &[u8], model: Decoder) -> Result<Decoder, AdapterError> {
        let file = SafetensorsIndex::parse(bytes)?;
        let read = |name: &str, shape: &[usize]| {
            let name = format!("{PREFIX}{name}");
            let values = file.read_f32(bytes, &name)?;
            match values.len() == shape.iter().product::<usize>() {
                true => Ok(values),
                false => {
                    Err(AdapterError::Shape { name, expected: shape.to_vec(), got: values.len() })
                }
            }
        };
        let hidden = model.config().hidden_size;
        let adapted = model.with_lora_from(&self.lora, read)?;
        match self.score {
            true => Ok(adapted.with_score_from(read(SCORE, &[1, hidden])?)),
            false => Ok(adapted),
        }
    }
}

#[derive(Deserialize)]
struct Config {
    peft_type: String,
    r: usize,
    lora_alpha: f64,
    target_modules: Value,
    base_model_name_or_path: Option<String>,
    bias: Option<String>,
    task_type: Option<String>,
}

/// An integer as JSON's integer, since `peft` keeps `lora_alpha` as one.
fn whole(value: f64) -> Value {
    match value.fract() == 0.0 && value.abs() < 1e15 {
        true => Value::from(value as i64),
        false => Value::from(value),
    }
}

fn read_targets(value: &Value) -> Result<Vec<Projection>, AdapterError> {
    let unsupported = |got: &Value| AdapterError::Unsupported {
        key: "target_modules",
        expected: "names of a layer's projections, or \"all-linear\"",
        got: got.to_string(),
    };
    match value {
        Value::String(all) if all == "all-linear" => Ok(Projection::ALL.to_vec()),
        Value::Array(names) if !names.is_empty() => {
            let one = |v: &Value| v.as_str().and_then(Projection::of_name);
            let mut targets = names
                .iter()
                .map(|v| one(v).ok_or_else(|| unsupported(v)))
                .collect::<Result<Vec<_>, _>>()?;
            targets.sort_unstable();
            targets.dedup();
            Ok(targets)
        }
        other => Err(unsupported(other)),
    }
}

/// Writes the adapters of `decoder`, and a reward model's head, into `out` as
/// `adapter_model.safetensors`, in f32.
///
/// # Errors
/// What `out` fails with, a device that fails.
pub async fn write_adapter(out: &mut dyn Write, decoder: &Decoder) -> Result<(), ExportError> {
    let mut tensors: Vec<NamedTensor> = Vec::new();
    decoder
        .export_lora(|tensor| {
            tensors.push(tensor);
            Ok::<(), ModelError>(())
        })
        .await?;
    tensors.extend(decoder.export_score().await?);
    let specs = tensors
        .iter()
        .map(|t| SafetensorsTensorSpec {
            name: format!("{PREFIX}{}", t.name),
            shape: t.shape.clone(),
            dtype: FloatType::F32,
        })
        .collect();
    let mut writer = SafetensorsWriter::new(out, specs)?;
    for tensor in tensors {
        writer.write_f32(&format!("{PREFIX}{}", tensor.name), &tensor.values)?;
    }
    writer.finish()?;
    Ok(())
}
