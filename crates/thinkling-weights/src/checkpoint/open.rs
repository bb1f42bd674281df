//! Opens a model by path, memory-mapped.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::{Checkpoint, FileBytes, add_safetensors};
use crate::gguf::{Gguf, gguf_parts};
use crate::{ModelConfig, WeightsError};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// What is tried, in messages.
const OPEN: &str = "open the file";
/// Far above any real config or index.
const MAX_JSON_BYTES: u64 = 64 << 20;

impl Checkpoint {
    /// Opens a model by path: a `.gguf` file or the first of several parts
    /// (`name-00001-of-00003.gguf`), which lie in one folder, or a Hugging Face folder with `config.json` and
    /// `model.safetensors` or `model.safetensors.index.json` with its shards.
    ///
    /// Weight files are memory-mapped: opening reads their headers alone, and a page of weights is
    /// read from disk when its tensor is. Stop tokens of a `generation_config.json` are added to
    /// those of the config.
    ///
    /// The files must not be shortened while the checkpoint is open; a read past their new end
    /// stops the process. Replacing a file under its name (write, then rename) is safe.
    ///
    /// # Errors
    /// Where a file cannot be opened, is damaged, asks for something unsupported, or does not hold
    /// the tensors that the config needs. The error names the file.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let is_folder = std::fs::metadata(path)
            .map_err(|source| io_fault("open the model", source, path))?
            .is_dir();
        if is_folder {
            open_folder(path).map_err(|fault| fault.in_file(path))
        } else {
            let parts = gguf_files(path)?;
            Self::from_gguf(parts).map_err(|fault| fault.in_file(path))
        }
    }
}

fn io_fault(action: &'static str, source: std::io::Error, path: &Path) -> WeightsError {
    WeightsError::Io { action, source }.in_file(path)
}

/// A GGUF file with its header, or all parts of the model that it is the first one of.
fn gguf_files(path: &Path) -> Result<Vec<(FileBytes, Gguf)>, WeightsError> {
    let read = |path: &Path, action| {
        let file = map_file(path, action)?;
        let gguf = Gguf::parse(file.as_read()).map_err(|fault| fault.in_file(path))?;
        let split = gguf.split().map_err(|fault| fault.in_file(path))?;
        Ok(((file, gguf), split))
    };
    let (first, split) = read(path, OPEN)?;
    let Some(split) = split else { return Ok(vec![first]) };
    let paths = gguf_parts(path).filter(|paths| paths.len() as u64 == split.count);
    let paths = paths.ok_or_else(|| {
        WeightsError::invalid(
            format!("name of a GGUF in {} parts", split.count),
            format!("as `name-00001-of-{:05}.gguf`, by which the others are found", split.count),
            path.file_name().unwrap_or_default().display(),
        )
        .in_file(path)
    })?;
    if split.number != 0 || paths[0] != path {
        let expected = format!("the first one, {}", paths[0].display());
        let got = format!("number {} (`split.no` from 0)", split.number);
        let what = format!("part of a GGUF in {} parts to open", split.count);
        return Err(WeightsError::invalid(what, expected, got).in_file(path));
    }
    let mut names: HashSet<String> = HashSet::new();
    let mut files = Vec::with_capacity(paths.len());
    let mut next = Some(first);
    for (number, path) in paths.iter().enumerate() {
        let part = match next.take() {
            Some(first) => first,
            None => {
                let (part, own) = read(path, "open a part of a GGUF in several")?;
                split.check_part(number as u64, own).map_err(|fault| fault.in_file(path))?;
                part
            }
        };
        for tensor in part.1.tensors() {
            if !names.insert(tensor.name.clone()) {
                let got = format!("`{}` in two", tensor.name);
                let fault = WeightsError::invalid("GGUF in parts", "each tensor in one part", got);
                return Err(fault.in_file(path));
            }
        }
        files.push(part);
    }
    split.check_tensors(names.len()).map_err(|fault| fault.in_file(path))?;
    Ok(files)
}

fn open_folder(folder: &Path) -> Result<Checkpoint, WeightsError> {
    let config_path = folder.join("config.json");
    let mut config = ModelConfig::from_json(&read_text(&config_path)?)
        .map_err(|fault| fault.in_file(&config_path))?;
    let generation = folder.join("generation_config.json");
    if generation.exists() {
        config
            .merge_generation_config(&read_text(&generation)?)
            .map_err(|fault| fault.in_file(&generation))?;
    }

    let mut tensors = BTreeMap::new();
    let mut files = Vec::new();
    let index = folder.join(INDEX);
    let single = folder.join(SINGLE);
    if single.exists() || !index.exists() {
        let file = map_file(&single, OPEN)?;
        add_safetensors(&mut tensors, 0, file.as_read(), |_| true)
            .map_err(|fault| fault.in_file(&single))?;
        files.push(file);
    } else {
        let weight_map = read_index(&index)?;
        let mut shards: Vec<&String> = weight_map.values().collect();
        shards.sort_unstable();
        shards.dedup();
        for shard in shards {
            let path = shard_path(folder, shard).map_err(|fault| fault.in_file(&index))?;
            let file = map_file(&path, OPEN)?;
            let wanted = |name: &str| weight_map.get(name) == Some(shard);
            add_safetensors(&mut tensors, files.len(), file.as_read(), wanted)
                .map_err(|fault| fault.in_file(&path))?;
            files.push(file);
        }
    }
    let mut checkpoint = Checkpoint::finish(config, tensors, files, None)?;
    checkpoint.folder = Some(folder.to_path_buf());
    Ok(checkpoint)
}

/// Tensor names and the shards they lie in.
fn read_index(path: &Path) -> Result<HashMap<String, String>, WeightsError> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    let text = read_text(path)?;
    let index: Index = serde_json::from_str(&text).map_err(|source| {
        WeightsError::Json { what: "the index of shards", source }.in_file(path)
    })?;
    Ok(index.weight_map)
}

/// An index may only name files of its own folder.
fn shard_path(folder: &Path, name: &str) -> Result<PathBuf, WeightsError> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) => Ok(folder.join(name)),
        _ => Err(WeightsError::invalid(
            "shard in `weight_map`",
            "the name of a file in the same folder",
            name.chars().take(80).collect::<String>(),
        )),
    }
}

fn read_text(path: &Path) -> Result<String, WeightsError> {
    let file = File::open(path).map_err(|source| io_fault("open the file", source, path))?;
    let mut bytes = Vec::new();
    file.take(MAX_JSON_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| io_fault("read the file", source, path))?;
    if bytes.len() as u64 > MAX_JSON_BYTES {
        let fault = WeightsError::invalid(
            "size of a JSON file",
            format!("at most {MAX_JSON_BYTES} bytes"),
            "more",
        );
        return Err(fault.in_file(path));
    }
    String::from_utf8(bytes).map_err(|fault| {
        let got = format!("a foreign byte at {}", fault.utf8_error().valid_up_to());
        WeightsError::invalid("text", "UTF-8", got).in_file(path)
    })
}

#[allow(unsafe_code, reason = "mapping is what keeps a model's file from being copied to memory")]
fn map_file(path: &Path, action: &'static str) -> Result<FileBytes, WeightsError> {
    let file = File::open(path).map_err(|source| io_fault(action, source, path))?;
    // SAFETY: the map is private to the checkpoint and read-only. Another process could change the
    // file underneath; then values change, which the decoders take (any bit pattern is a value,
    // and all bounds were checked against the map's length, which does not change), or, where the
    // file is shortened, the process is stopped by a signal. `open` tells its callers not to.
    let map = unsafe { memmap2::Mmap::map(&file) }
        .map_err(|source| io_fault("map the file", source, path))?;
    Ok(FileBytes::Mapped(map))
}
