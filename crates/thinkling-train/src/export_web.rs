//! A model packed for the web: shards of its files with a manifest that has their hashes.

use crate::atomic;
use crate::checkpoint::sha256_of_bytes;
use crate::error::{Result, TrainError};
use crate::export_gguf::write_tensors;
use crate::model_io::{StoredModel, required};
use std::io::{self, Write};
use std::path::Path;
use thinkling_weights::{GgmlType, Manifest, ManifestFile, Shard, Training, gguf_parts};

/// Bytes of a shard: what a broken download loses at most.
const SHARD: usize = 8 << 20;
/// The manifest's name.
const MANIFEST: &str = "manifest.json";

/// What is written.
#[derive(Clone, Debug)]
pub struct WebExport {
    /// The model's name, for people.
    pub name: String,
    /// How it was asked in training.
    pub training: Training,
    /// How matrices are stored; `None` keeps the model's files as they are. Vectors stay f32, and
    /// matrices whose rows are no whole blocks are stored as f16.
    pub matrices: Option<GgmlType>,
}

/// Writes a model into `folder` as shards of at most 8 MiB and `manifest.json`; the manifest comes
/// last, so that a folder that has one is whole. Gives the bytes of all shards.
///
/// # Errors
/// A folder with something in it, a model without a tokenizer, weights that cannot be read, a disk
/// that is full or cannot be written.
pub fn write_web(folder: &Path, model: &StoredModel, export: &WebExport) -> Result<u64> {
    std::fs::create_dir_all(folder).map_err(|e| TrainError::write(folder, e))?;
    let mut entries =
        std::fs::read_dir(folder).map_err(|e| TrainError::read("folder", folder, e))?;
    if entries.next().is_some() {
        return Err(TrainError::FolderTaken { path: folder.to_owned() });
    }
    required(model.tokenizer.as_ref(), &model.path)?;
    if export.matrices.is_none() && gguf_parts(&model.path).is_some() {
        return Err(TrainError::Failed {
            what: "keeping the files of a GGUF in parts",
            reason: "a page opens one GGUF file; write one by `--quant`".to_owned(),
        });
    }
    let mut files = Vec::new();
    let mut add = |name: &str, fill: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>| {
        let mut shards = Shards { folder, name, pending: Vec::new(), shards: Vec::new() };
        fill(&mut shards).and_then(|()| shards.end()).map_err(|e| TrainError::write(folder, e))?;
        files.push(ManifestFile { name: name.to_owned(), shards: shards.shards });
        Ok::<_, TrainError>(())
    };
    match export.matrices {
        None => {
            for name in stored_files(&model.path)? {
                let path = match model.path.is_dir() {
                    true => model.path.join(&name),
                    false => model.path.clone(),
                };
                let mut file = std::fs::File::open(&path)
                    .map_err(|e| TrainError::read("model file", &path, e))?;
                add(&name, &mut |out| io::copy(&mut file, out).map(drop))?;
            }
        }
        Some(matrices) => {
            add("model.gguf", &mut |out| {
                write_tensors(out, &model.checkpoint, matrices, &[]).map_err(io::Error::other)
            })?;
            if let Some(tokenizer) = &model.tokenizer {
                let json = tokenizer.to_json().map_err(|e| TrainError::Encode {
                    what: "tokenizer.json",
                    reason: e.to_string(),
                })?;
                add("tokenizer.json", &mut |out| out.write_all(&json))?;
            }
            if let Some(config) = chat_config(model)? {
                add("tokenizer_config.json", &mut |out| out.write_all(&config))?;
            }
        }
    }
    let manifest = Manifest::new(export.name.clone(), export.training.clone(), files);
    atomic::write_json(&folder.join(MANIFEST), &manifest)?;
    Ok(manifest.bytes())
}

/// Names of a model's files that are needed to run it.
fn stored_files(path: &Path) -> Result<Vec<String>> {
    if !path.is_dir() {
        // Under this name whatever it is called here: a name may hold anything.
        return Ok(vec!["model.gguf".to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|e| TrainError::read("model folder", path, e))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let texts =
        ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"];
    let wanted = |name: &String| {
        texts.contains(&name.as_str()) || name.ends_with(".safetensors") && !name.starts_with('.')
    };
    let mut names: Vec<String> = names.filter(wanted).collect();
    names.sort();
    Ok(names)
}

/// A `tokenizer_config.json` with the model's chat template, where it has one.
fn chat_config(model: &StoredModel) -> Result<Option<Vec<u8>>> {
    if model.tokenizer_config.is_some() {
        return Ok(model.tokenizer_config.clone());
    }
    let Some(chat) = &model.chat else { return Ok(None) };
    let token = |token: Option<&str>| serde_json::Value::from(token);
    let config = serde_json::json!({
        "chat_template": chat.source(),
        "bos_token": token(chat.bos_token()),
        "eos_token": token(chat.eos_token()),
    });
    atomic::json_bytes(&config).map(Some)
}

/// Writes a file as shards.
struct Shards<'a> {
    folder: &'a Path,
    name: &'a str,
    pending: Vec<u8>,
    shards: Vec<Shard>,
}

impl Shards<'_> {
    /// Writes a shard of at most so many of the pending bytes.
    fn shard(&mut self, most: usize) -> io::Result<()> {
        let rest = self.pending.split_off(most.min(self.pending.len()));
        let bytes = std::mem::replace(&mut self.pending, rest);
        let path = format!("{}.{:03}", self.name, self.shards.len());
        atomic::write_bytes(&self.folder.join(&path), &bytes).map_err(io::Error::other)?;
        let sha256 = sha256_of_bytes(&bytes);
        self.shards.push(Shard { path, bytes: bytes.len() as u64, sha256 });
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        match self.pending.is_empty() && !self.shards.is_empty() {
            true => Ok(()),
            false => self.shard(SHARD),
        }
    }
}

impl Write for Shards<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(SHARD);
        self.pending.extend_from_slice(&bytes[..taken]);
        if self.pending.len() > SHARD {
            self.shard(SHARD)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use thinkling_text::Tokenizer;
    use thinkling_weights::{Checkpoint, expected_tensors};

    fn model() -> StoredModel {
        StoredModel::open(Path::new("../../recipes/mini-world-base")).expect("the committed base")
    }

    /// The files of a manifest, put together and checked.
    fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let manifest = std::fs::read(folder.join(MANIFEST)).unwrap();
        let manifest = Manifest::parse(&manifest).unwrap();
        assert_eq!(manifest.name, "base");
        let whole = |file: &ManifestFile| {
            let mut whole = Vec::new();
            for shard in &file.shards {
                let bytes = std::fs::read(folder.join(&shard.path)).unwrap();
                assert_eq!(shard.sha256, sha256_of_bytes(&bytes));
                assert_eq!(shard.bytes, bytes.len() as u64);
                whole.extend(bytes);
            }
            (file.name.clone(), whole)
        };
        manifest.files.iter().map(whole).collect()
    }

    fn export(matrices: Option<GgmlType>) -> WebExport {
        let training = Training { template: Some("r1-zero".into()), format_rule: None };
        WebExport { name: "base".into(), training, matrices }
    }

    #[test]
    fn a_quantised_model_has_the_weights_and_the_tokenizer() {
        let folder = tempfile::tempdir().unwrap();
        let model = model();
        write_web(folder.path(), &model, &export(Some(GgmlType::Q8_0))).unwrap();
        let files = files(folder.path());
        let [(_, gguf), (name, tokenizer)] = &files[..] else { panic!("{}", files.len()) };
        assert_eq!(name, "tokenizer.json");
        Tokenizer::from_json(tokenizer).unwrap();
        let quantised = Checkpoint::from_gguf_file(gguf.clone()).unwrap();
        for (name, _) in expected_tensors(model.checkpoint.config()) {
            let (want, got) =
                (model.checkpoint.read_f32(&name).unwrap(), quantised.read_f32(&name).unwrap());
            let largest = want.iter().fold(0f32, |most, x| most.max(x.abs()));
            for (want, got) in want.iter().zip(got) {
                // A step is the block's largest value over 127.
                assert!((want - got).abs() <= largest / 127.0, "{name}: {got} for {want}");
            }
        }
    }

    #[test]
    fn parts_of_a_gguf_are_not_kept_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let model = StoredModel { path: "m-00001-of-00002.gguf".into(), ..model() };
        let error = write_web(folder.path(), &model, &export(None)).expect_err("two files");
        assert!(error.to_string().contains("--quant"), "{error}");
        write_web(folder.path(), &model, &export(Some(GgmlType::Q8_0))).unwrap();
    }

    #[test]
    fn files_that_are_kept_are_the_same_bytes_in_shards() {
        let folder = tempfile::tempdir().unwrap();
        let model = model();
        write_web(folder.path(), &model, &export(None)).unwrap();
        let files = files(folder.path());
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let expected =
            ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"];
        assert_eq!(names, expected);
        for (name, bytes) in &files {
            assert_eq!(*bytes, std::fs::read(model.path.join(name)).unwrap());
        }
        let again = write_web(folder.path(), &model, &export(None));
        assert!(matches!(again, Err(TrainError::FolderTaken { .. })), "nothing is overwritten");
    }

    #[test]
    fn long_files_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let mut shards =
            Shards { folder: folder.path(), name: "a", pending: Vec::new(), shards: Vec::new() };
        let bytes: Vec<u8> = (0..2 * SHARD + 5).map(|i| (i % 251) as u8).collect();
        io::copy(&mut Cursor::new(&bytes), &mut shards).unwrap();
        shards.end().unwrap();
        let lengths: Vec<u64> = shards.shards.iter().map(|shard| shard.bytes).collect();
        assert_eq!(lengths, [SHARD as u64, SHARD as u64, 5]);
    }
}
