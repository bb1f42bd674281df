//! The model that a stage begins with, without its weights: shape, tokenizer and templates.

use crate::error::{Result, TrainError};
use crate::model_io::{StoredModel, open_folder, required};
use crate::prompts::Prompts;
use crate::recipe::{ModelSource, Recipe, Template};
use crate::runner::{new_config, new_tokenizer};
use std::path::{Path, PathBuf};
use thinkling_model::ModelConfig;
use thinkling_text::{ChatTemplate, Tokenizer};

/// A model without its weights.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) config: ModelConfig,
    pub(crate) tokenizer: Option<Tokenizer>,
    pub(crate) chat: Option<ChatTemplate>,
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Bytes of the files that a run reads its weights from.
    pub(crate) stored_bytes: u64,
}

impl Origin {
    /// That of stage `index`. What an earlier stage makes has the shape of what that stage began with.
    /// A folder without weights, or a `config.json` itself, gives a shape too.
    ///
    /// # Errors
    /// A model that is not there, is damaged or unsupported.
    pub(crate) fn of(recipe: &Recipe, index: usize) -> Result<Self> {
        let mut source = recipe.model_of(index);
        let mut made_here = false;
        while let ModelSource::Stage(name) = &source {
            let before = recipe.stages.iter().position(|stage| stage.name == *name);
            let Some(before) = before else { break };
            source = recipe.model_of(before);
            made_here = true;
        }
        let mut origin = match source {
            ModelSource::Path(path) => Self::open(&path)?,
            ModelSource::New(new) => {
                let tokenizer = new_tokenizer(&new)?;
                let config = new_config(&new, &tokenizer);
                let path = PathBuf::from("new model");
                Self { config, tokenizer: Some(tokenizer), chat: None, path, stored_bytes: 0 }
            }
            ModelSource::Stage(name) => {
                let path = PathBuf::from(name);
                return Err(TrainError::NotFound { what: "the model that stage", path });
            }
        };
        if made_here {
            // Stages write f32.
            origin.stored_bytes = 4 * origin.config.parameter_count() as u64;
        }
        Ok(origin)
    }

    fn open(path: &Path) -> Result<Self> {
        if let Some(config) = shape_alone(path)? {
            let text = std::fs::read_to_string(&config)
                .map_err(|e| TrainError::read("model file", &config, e))?;
            let parsed = ModelConfig::from_json(&text).map_err(|e| e.in_file(&config))?;
            let folder = config.parent().unwrap_or(Path::new("."));
            let (tokenizer, chat, _) = open_folder(folder)?;
            let path = path.to_owned();
            return Ok(Self { config: parsed, tokenizer, chat, path, stored_bytes: 0 });
        }
        let StoredModel { checkpoint, tokenizer, chat, path, .. } = StoredModel::open(path)?;
        let config = checkpoint.config().clone();
        let stored_bytes = weights_bytes(&path);
        Ok(Self { config, tokenizer, chat, path, stored_bytes })
    }

    /// Prompts in a template.
    ///
    /// # Errors
    /// A model without tokenizer.
    pub(crate) fn prompts(&self, template: Template) -> Result<Prompts<'_>> {
        let tokenizer = required(self.tokenizer.as_ref(), &self.path)?;
        Ok(Prompts { tokenizer, chat: self.chat.as_ref(), template, system: None })
    }
}

/// The `config.json` of a model without weights.
fn shape_alone(path: &Path) -> Result<Option<PathBuf>> {
    if path.is_file() {
        return Ok(path.extension().is_some_and(|e| e == "json").then(|| path.to_owned()));
    }
    let config = path.join("config.json");
    if !config.is_file() {
        return Ok(None);
    }
    let files = std::fs::read_dir(path).map_err(|e| TrainError::read("model", path, e))?;
    let is_weights = |name: &Path| name.extension().is_some_and(|e| e == "safetensors");
    let weights =
        files.flatten().any(|file| is_weights(&file.path())) || path.join("manifest.json").exists();
    Ok((!weights).then_some(config))
}

/// Bytes of a GGUF file, or of the safetensors of a folder.
fn weights_bytes(path: &Path) -> u64 {
    let size = |path: &Path| path.metadata().map_or(0, |data| data.len());
    if path.is_file() {
        return size(path);
    }
    let files = std::fs::read_dir(path).into_iter().flatten().flatten().map(|file| file.path());
    let weights = files.filter(|file| file.extension().is_some_and(|e| e == "safetensors"));
    weights.map(|file| size(&file)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"architectures":["LlamaForCausalLM"],"model_type":"llama",
        "vocab_size":64,"hidden_size":16,"intermediate_size":32,"num_hidden_layers":2,
        "num_attention_heads":2,"num_key_value_heads":1,"rms_norm_eps":1e-5,
        "max_position_embeddings":128,"tie_word_embeddings":true}"#;

    #[test]
    fn a_shape_stands_in_for_a_model() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let folder = dir.path().join("shape");
        std::fs::create_dir(&folder).expect("made");
        std::fs::write(folder.join("config.json"), CONFIG).expect("written");
        for path in [folder.clone(), folder.join("config.json")] {
            let text = format!(
                "name='a'\nmodel.path='{}'\n[[stage]]\nname='rl'\nkind='rl'\n\
                 data={{kind='mini-world'}}\n[[stage]]\nname='more'\nkind='rl'\n\
                 data={{kind='mini-world'}}",
                path.display()
            );
            let recipe = Recipe::parse(&text, Path::new("r.toml"), dir.path(), &[]).expect("valid");
            let first = Origin::of(&recipe, 0).expect("a shape");
            assert_eq!((first.config.hidden_size, first.stored_bytes), (16, 0));
            let second = Origin::of(&recipe, 1).expect("that of the first");
            assert_eq!(second.stored_bytes, 4 * first.config.parameter_count() as u64);
        }
    }
}
