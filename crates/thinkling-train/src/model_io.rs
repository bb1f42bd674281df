//! Models in and out of folders and GGUF files: weights, tokenizer and chat template together.

use crate::atomic;
use crate::error::{Result, TrainError};
use burn::tensor::Device;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use thinkling_learn::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, AdapterError, PeftAdapter};
use thinkling_model::{Decoder, ModelError};
use thinkling_text::{ChatTemplate, GgufVocabulary, TextError, Tokenizer};
use thinkling_weights::{Checkpoint, FloatType};

/// A model ready to run, with what belongs to it.
#[derive(Debug)]
pub struct LoadedModel {
    /// The weights on their device.
    pub decoder: Decoder,
    /// The tokenizer, where the model has one.
    pub tokenizer: Option<Tokenizer>,
    /// The chat template, where the model has one.
    pub chat: Option<ChatTemplate>,
    /// `tokenizer_config.json`, kept to be written again.
    pub tokenizer_config: Option<Vec<u8>>,
    /// Where it came from.
    pub path: PathBuf,
}

/// A model whose weights are still as they are stored.
#[derive(Debug)]
pub struct StoredModel {
    /// Config and weights.
    pub checkpoint: Checkpoint,
    /// As in [`LoadedModel`].
    pub tokenizer: Option<Tokenizer>,
    /// As in [`LoadedModel`].
    pub chat: Option<ChatTemplate>,
    /// As in [`LoadedModel`].
    pub tokenizer_config: Option<Vec<u8>>,
    /// As in [`LoadedModel`].
    pub path: PathBuf,
}

impl StoredModel {
    /// Opens a Hugging Face folder or a GGUF file.
    ///
    /// # Errors
    /// A path that does not exist, files that are damaged or unsupported, a reward model.
    pub fn open(path: &Path) -> Result<Self> {
        let model = Self::open_any(path)?;
        if model.checkpoint.config().score {
            return Err(TrainError::RewardModel { path: path.to_owned() });
        }
        Ok(model)
    }

    /// Opens the folder of a reward model.
    ///
    /// # Errors
    /// As [`StoredModel::open`], a model that is none.
    pub fn open_reward_model(path: &Path) -> Result<Self> {
        let model = Self::open_any(path)?;
        if !model.checkpoint.config().score {
            let reason = "a model without the head of a reward model (`score.weight`); a stage of \
                          `kind` = \"reward-model\" makes one";
            return Err(TrainError::damaged(path, reason));
        }
        Ok(model)
    }

    fn open_any(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(TrainError::NotFound { what: "model", path: path.to_owned() });
        }
        let checkpoint = Checkpoint::open(path)?;
        let damaged = |e: thinkling_text::TextError| TrainError::damaged(path, e.to_string());
        let (tokenizer, chat, tokenizer_config) = match (checkpoint.gguf(), checkpoint.folder()) {
            // One that was packed for the web has its tokenizer beside it.
            (Some(gguf), _) if !GgufVocabulary::is_in(gguf) => (None, None, None),
            (Some(gguf), _) => {
                let vocabulary = GgufVocabulary::from_gguf(gguf).map_err(damaged)?;
                let tokenizer = Tokenizer::from_gguf(&vocabulary).map_err(damaged)?;
                let chat = vocabulary.chat_template.is_some();
                let chat = chat.then(|| ChatTemplate::from_gguf(&vocabulary)).transpose();
                (Some(tokenizer), chat.map_err(damaged)?, None)
            }
            (None, Some(folder)) => open_folder(folder)?,
            (None, None) => (None, None, None),
        };
        Ok(Self { checkpoint, tokenizer, chat, tokenizer_config, path: path.to_owned() })
    }

    /// Puts the weights on `device`.
    ///
    /// # Errors
    /// Weights that cannot be read.
    pub fn load(self, device: &Device) -> Result<LoadedModel> {
        let Self { checkpoint, tokenizer, chat, tokenizer_config, path } = self;
        let decoder = Decoder::load(&checkpoint, device).map_err(model_error)?;
        Ok(LoadedModel { decoder, tokenizer, chat, tokenizer_config, path })
    }
}

impl LoadedModel {
    /// Opens a Hugging Face folder or a GGUF file and puts its weights on `device`.
    ///
    /// # Errors
    /// As [`StoredModel::open`] and [`StoredModel::load`].
    pub fn open(path: &Path, device: &Device) -> Result<Self> {
        StoredModel::open(path)?.load(device)
    }

    /// The tokenizer, or an error that says where one was looked for.
    ///
    /// # Errors
    /// Where the model has none.
    pub fn tokenizer(&self) -> Result<&Tokenizer> {
        required(self.tokenizer.as_ref(), &self.path)
    }
}

/// A model's tokenizer, owned or not, or an error that says where one was looked for.
///
/// # Errors
/// Where there is none.
pub fn required<T>(tokenizer: Option<T>, model: &Path) -> Result<T> {
    tokenizer.ok_or_else(|| {
        let reason = "no tokenizer.json beside the weights; put the model's own one there";
        TrainError::damaged(model, reason)
    })
}

pub(crate) type TextParts = (Option<Tokenizer>, Option<ChatTemplate>, Option<Vec<u8>>);

pub(crate) fn open_folder(folder: &Path) -> Result<TextParts> {
    let read = |name: &str| -> Result<Option<(PathBuf, Vec<u8>)>> {
        let path = folder.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some((path, bytes))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(TrainError::read("model file", path, e)),
        }
    };
    let tokenizer = read("tokenizer.json")?
        .map(|(path, json)| {
            Tokenizer::from_json(&json).map_err(|e| TrainError::damaged(path, e.to_string()))
        })
        .transpose()?;
    let config = read("tokenizer_config.json")?;
    let damaged = |path: &Path, e: TextError| TrainError::damaged(path, e.to_string());
    // What transformers writes by now, and reads first.
    if let Some((path, source)) = read("chat_template.jinja")? {
        let tokens = config.as_ref().map(|(_, json)| json.as_slice());
        let chat = ChatTemplate::from_file(&source, tokens).map_err(|e| damaged(&path, e))?;
        let config = with_template(tokens, &chat)?;
        return Ok((tokenizer, Some(chat), Some(config)));
    }
    let chat = match &config {
        Some((path, json)) if json.windows(13).any(|w| w == b"chat_template") => {
            let chat = ChatTemplate::from_tokenizer_config(json, None);
            Some(chat.map_err(|e| damaged(path, e))?)
        }
        _ => None,
    };
    Ok((tokenizer, chat, config.map(|c| c.1)))
}

/// A `tokenizer_config.json` with this chat template in it, for models that are written again.
fn with_template(config: Option<&[u8]>, chat: &ChatTemplate) -> Result<Vec<u8>> {
    let mut config: serde_json::Map<String, serde_json::Value> =
        config.and_then(|json| serde_json::from_slice(json).ok()).unwrap_or_default();
    config.insert("chat_template".to_owned(), chat.source().into());
    atomic::json_bytes(&config)
}

/// Writes a model as a folder that `transformers` opens: `model.safetensors`, `config.json`,
/// `generation_config.json`, and the tokenizer where there is one. Each file is whole or absent.
///
/// # Errors
/// A disk that is full or cannot be written, a device that fails.
pub fn save_model(
    folder: &Path,
    decoder: &Decoder,
    tokenizer: Option<&Tokenizer>,
    tokenizer_config: Option<&[u8]>,
    dtype: FloatType,
) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| TrainError::write(folder, e))?;
    let weights = folder.join("model.safetensors");
    atomic::write_with(&weights, |file| write_safetensors(file, decoder, dtype))?;
    let config = decoder
        .config()
        .to_json_with_dtype(dtype)
        .map_err(|e| TrainError::Encode { what: "config.json", reason: e.to_string() })?;
    let generation = decoder.config().to_generation_json();
    if let Some(tokenizer) = tokenizer {
        let json = tokenizer
            .to_json()
            .map_err(|e| TrainError::Encode { what: "tokenizer.json", reason: e.to_string() })?;
        atomic::write_bytes(&folder.join("tokenizer.json"), &json)?;
    }
    if let Some(json) = tokenizer_config {
        atomic::write_bytes(&folder.join("tokenizer_config.json"), json)?;
    }
    atomic::write_bytes(&folder.join("generation_config.json"), generation.as_bytes())?;
    // Last, so that a folder with a config.json is a whole model.
    atomic::write_bytes(&folder.join("config.json"), config.as_bytes())
}

/// Writes the weights of `decoder` into `out` as safetensors, one tensor at a time.
///
/// # Errors
/// What `out` fails with; a device that fails, as an error of kind `Other`.
pub fn write_safetensors(
    out: &mut dyn Write,
    decoder: &Decoder,
    dtype: FloatType,
) -> io::Result<()> {
    pollster::block_on(thinkling_learn::write_safetensors(out, decoder, dtype))
        .map_err(io::Error::other)
}

/// Writes the adapters of `decoder` into `out` as `peft`'s `adapter_model.safetensors`.
///
/// # Errors
/// As [`write_safetensors`].
pub fn write_adapter(out: &mut dyn Write, decoder: &Decoder) -> io::Result<()> {
    pollster::block_on(thinkling_learn::write_adapter(out, decoder)).map_err(io::Error::other)
}

/// Writes the adapters of `decoder` as a folder that `peft` opens; `base` is the name or path of the
/// model under them. Each file is whole or absent. Without adapters nothing is written.
///
/// # Errors
/// A disk that is full or cannot be written, a device that fails.
pub fn save_adapter(folder: &Path, decoder: &Decoder, base: &str) -> Result<()> {
    let Some(lora) = decoder.lora() else { return Ok(()) };
    std::fs::create_dir_all(folder).map_err(|e| TrainError::write(folder, e))?;
    atomic::write_with(&folder.join(ADAPTER_WEIGHTS), |file| write_adapter(file, decoder))?;
    let config = PeftAdapter::of(lora, base, decoder);
    atomic::write_bytes(&folder.join(ADAPTER_CONFIG), config.to_json().as_bytes())
}

/// Puts the adapter of a folder, as `peft` writes it, on `model`.
///
/// # Errors
/// A folder without its two files, an adapter that is damaged, unsupported or of another model.
pub fn load_adapter(folder: &Path, model: Decoder) -> Result<Decoder> {
    let read = |name: &str| {
        let path = folder.join(name);
        let bytes = std::fs::read(&path).map_err(|e| TrainError::read("adapter", &path, e))?;
        Ok::<_, TrainError>((path, bytes))
    };
    let (path, config) = read(ADAPTER_CONFIG)?;
    let adapter = PeftAdapter::from_json(&config).map_err(|e| adapter_error(&path, e))?;
    let (path, weights) = read(ADAPTER_WEIGHTS)?;
    adapter.load(&weights, model).map_err(|e| adapter_error(&path, e))
}

/// An error of the adapter in `path` with the exit code it stands for.
pub(crate) fn adapter_error(path: &Path, error: AdapterError) -> TrainError {
    match error {
        AdapterError::Weights(error) => error.in_file(path).into(),
        other => TrainError::damaged(path, other.to_string()),
    }
}

/// A model error with the exit code it stands for.
pub(crate) fn model_error(error: ModelError) -> TrainError {
    match error {
        ModelError::Weights(error) => TrainError::Weights(error),
        other => TrainError::Failed { what: "the model", reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thinkling_text::Message;

    #[test]
    fn a_chat_template_in_a_file_of_its_own_is_read_first_and_kept() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).expect("written");
        };
        let says = |chat: Option<ChatTemplate>| {
            let chat = chat.expect("a template");
            chat.render(&[Message::new("user", "hi")], true).expect("rendered")
        };
        write("tokenizer_config.json", r#"{"bos_token": "<b>", "chat_template": "old"}"#);
        assert_eq!(says(open_folder(dir.path()).expect("opens").1), "old");
        write("chat_template.jinja", "{{ bos_token }}new");
        let (_, chat, config) = open_folder(dir.path()).expect("opens");
        assert_eq!(says(chat), "<b>new");
        let again = ChatTemplate::from_tokenizer_config(&config.expect("a config"), None);
        assert_eq!(says(again.ok()), "<b>new");
    }
}
