//! A model's files, opened.

use crate::WebError;
use thinkling_reward::FormatRule;
use thinkling_text::{ChatTemplate, GgufVocabulary, Tokenizer};
use thinkling_weights::{Checkpoint, ModelConfig, ReadAt, Training, WeightsError};

/// A file with its name.
pub struct BundleFile {
    /// Its name, without folders.
    pub name: String,
    /// Its bytes, wherever they lie.
    pub file: Box<dyn ReadAt>,
}

impl ReadAt for BundleFile {
    fn len(&self) -> usize {
        self.file.len()
    }

    fn read_at(&self, offset: usize, out: &mut [u8]) -> std::io::Result<()> {
        self.file.read_at(offset, out)
    }

    fn in_memory(&self) -> Option<&[u8]> {
        self.file.in_memory()
    }
}

/// A model with what belongs to it; the weights are read when they are needed.
#[derive(Debug)]
pub struct Bundle {
    /// Its name, for people.
    pub name: String,
    /// The template of its prompts in training, where it is known.
    pub template: Option<String>,
    /// The format that training rewarded, where it is known.
    pub format_rule: Option<FormatRule>,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) chat: Option<ChatTemplate>,
    /// Bytes of all weight files.
    pub(crate) weight_bytes: u64,
}

impl Bundle {
    /// Opens a GGUF file, or the files of a Hugging Face folder: `config.json`, `tokenizer.json` and
    /// `*.safetensors`, with `tokenizer_config.json` and `generation_config.json` where they are.
    ///
    /// # Errors
    /// Files that are missing, damaged or unsupported; a format rule that does not exist.
    pub fn open(
        name: String,
        training: Training,
        files: Vec<BundleFile>,
    ) -> Result<Self, WebError> {
        let (mut ggufs, mut safetensors, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for file in files {
            match file.name.rsplit('.').next() {
                Some("gguf") => ggufs.push(file),
                Some("safetensors") => safetensors.push(file),
                _ => others.push(file),
            }
        }
        let text = |name: &str| -> Result<Option<Vec<u8>>, WebError> {
            others.iter().find(|file| file.name == name).map(whole).transpose()
        };
        let weights = if ggufs.is_empty() { &safetensors } else { &ggufs };
        let weight_bytes = weights.iter().map(|file| file.len() as u64).sum();
        let checkpoint = match (ggufs.len(), safetensors.len()) {
            (1, 0) => Checkpoint::from_gguf_file(ggufs.remove(0))?,
            (0, 1..) => {
                let config = text("config.json")?.ok_or_else(|| missing("config.json"))?;
                let mut config = ModelConfig::from_json(&utf8("config.json", config)?)?;
                if let Some(json) = text("generation_config.json")? {
                    config.merge_generation_config(&utf8("generation_config.json", json)?)?;
                }
                Checkpoint::from_safetensors_files(config, safetensors)?
            }
            (0, 0) => {
                let names: Vec<&str> = others.iter().map(|file| file.name.as_str()).collect();
                return Err(WebError::NotAModel(format!(
                    "expected: a .gguf file, or .safetensors with config.json and \
                     tokenizer.json, got: {}",
                    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
                )));
            }
            (ggufs, safetensors) => {
                return Err(WebError::NotAModel(format!(
                    "expected: one .gguf file (`thinkling export --format web --quant` makes one of \
                     a model in parts) or .safetensors files, got: {ggufs} and {safetensors} of them"
                )));
            }
        };
        let vocabulary = checkpoint
            .gguf()
            .filter(|gguf| GgufVocabulary::is_in(gguf))
            .map(GgufVocabulary::from_gguf)
            .transpose()?;
        let tokenizer = match (text("tokenizer.json")?, &vocabulary) {
            (Some(json), _) => Tokenizer::from_json(&json)?,
            (None, Some(vocabulary)) => Tokenizer::from_gguf(vocabulary)?,
            (None, None) => return Err(missing("tokenizer.json")),
        };
        let chat = match (text("tokenizer_config.json")?, &vocabulary) {
            (Some(json), _) if json.windows(13).any(|w| w == b"chat_template") => {
                Some(ChatTemplate::from_tokenizer_config(&json, None)?)
            }
            (_, Some(vocabulary)) if vocabulary.chat_template.is_some() => {
                Some(ChatTemplate::from_gguf(vocabulary)?)
            }
            _ => None,
        };
        let Training { template, format_rule } = training;
        let format_rule =
            format_rule.map(|rule| serde_json::from_value(rule.into())).transpose()?;
        Ok(Self { name, template, format_rule, checkpoint, tokenizer, chat, weight_bytes })
    }

    /// Elements of all tensors that the model uses.
    pub(crate) fn parameters(&self) -> u64 {
        let shapes = thinkling_weights::expected_tensors(self.checkpoint.config());
        shapes.iter().map(|(_, shape)| shape.iter().product::<usize>() as u64).sum()
    }
}

fn missing(name: &str) -> WebError {
    WebError::NotAModel(format!("{name} is missing beside the weights"))
}

fn whole(file: &BundleFile) -> Result<Vec<u8>, WebError> {
    let mut bytes = vec![0; file.len()];
    file.read_at(0, &mut bytes)
        .map_err(|source| WeightsError::Io { action: "read the file", source })?;
    Ok(bytes)
}

fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, WebError> {
    String::from_utf8(bytes).map_err(|_| WebError::NotAModel(format!("{name} is no UTF-8 text")))
}
