//! One file a command.

pub(crate) mod bench;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod score;
pub(crate) mod train;

use crate::failure::Failure;
use std::path::Path;
use thinkling_train::model_io::StoredModel;

/// Opens a model by path; a hub id gets its own answer.
pub(crate) fn open_model(path: &Path) -> Result<StoredModel, Failure> {
    let text = path.to_string_lossy();
    let parts: Vec<&str> = text.split('/').collect();
    let plain = |s: &str| !s.is_empty() && !s.starts_with('.');
    if !path.exists()
        && parts.len() == 2
        && parts.iter().all(|p| plain(p))
        && !text.ends_with(".gguf")
    {
        return Err(Failure::usage(format!(
            "no model at {text}; if it is a hub id: downloading is not there yet, so fetch the model \
             first and give its folder or GGUF file"
        )));
    }
    Ok(StoredModel::open(path)?)
}

/// What the user called this program by, for the commands that messages suggest.
pub(crate) fn program() -> String {
    std::env::args().next().filter(|name| !name.is_empty()).unwrap_or_else(|| "thinkling".into())
}
