//! Which files of a repository a run reads.

use super::{HubError, HubId, Want};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub(super) const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Read where they are there.
const OPTIONAL: [&str; 4] =
    ["generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];
/// Weights in formats that are not read, for a message.
const UNREADABLE: [&str; 6] = [".bin", ".pt", ".pth", ".h5", ".msgpack", ".onnx"];
/// Names that a message lists at most.
const SHOWN: usize = 12;

/// The files of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) commit: String,
    /// Names with their bytes.
    files: BTreeMap<String, u64>,
}

impl Listing {
    /// Reads the hub's answer.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Model {
            sha: String,
            siblings: Vec<Sibling>,
        }
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
            size: Option<u64>,
        }
        let model: Model = serde_json::from_slice(body)
            .map_err(|e| format!("the answer is not that of a hub's API: {e}"))?;
        let files = model.siblings.into_iter().map(|s| (s.rfilename, s.size.unwrap_or(0)));
        Ok(Self { commit: model.sha, files: files.collect() })
    }

    fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    fn ggufs(&self) -> Vec<String> {
        self.files.keys().filter(|name| is_gguf(name)).cloned().collect()
    }
}

/// A file that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needed {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// Whether a model's shape is known without it.
    pub(super) weights: bool,
}

/// The files that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AllNeeded {
    pub(super) files: Vec<Needed>,
    /// The one by which the model is opened; else by its folder.
    pub(super) file: Option<String>,
}

/// The files of a repository that a run reads, small ones first.
pub(super) fn needed(listing: &Listing, id: &HubId) -> Result<AllNeeded, HubError> {
    let file = |name: &str, weights| Needed {
        name: name.to_owned(),
        bytes: listing.files.get(name).copied().unwrap_or(0),
        weights,
    };
    let gguf = |name: &str| {
        let parts = parts_of(name, listing.files.keys());
        AllNeeded {
            files: parts.iter().map(|part| file(part, true)).collect(),
            file: parts.into_iter().next(),
        }
    };
    let which = |what: String| HubError::WhichFile { id: id.clone(), what, files: listing.ggufs() };
    if let Some(name) = id.file() {
        return match (listing.has(name), listing.ggufs().is_empty()) {
            (true, _) => Ok(gguf(name)),
            (false, false) => Err(which(format!("{} has no {name}", id.repository()))),
            (false, true) => Err(unsupported(listing, id)),
        };
    }
    let is_shard = |name: &&String| name.starts_with("model-") && name.ends_with(".safetensors");
    let weights = match (listing.has(WEIGHTS), listing.has(INDEX)) {
        (true, _) => vec![file(WEIGHTS, true)],
        (false, true) => {
            listing.files.keys().filter(is_shard).map(|name| file(name, true)).collect()
        }
        (false, false) => Vec::new(),
    };
    if listing.has(CONFIG) && !weights.is_empty() {
        let index = (!listing.has(WEIGHTS)).then_some(INDEX);
        let small = [CONFIG].into_iter().chain(OPTIONAL.into_iter().filter(|n| listing.has(n)));
        let small = small.chain(index).map(|name| file(name, false));
        return Ok(AllNeeded { files: small.chain(weights).collect(), file: None });
    }
    match listing.ggufs().as_slice() {
        [] => Err(unsupported(listing, id)),
        [one] => Ok(gguf(one)),
        [first, ..] if parts_of(first, listing.files.keys()).len() == listing.ggufs().len() => {
            Ok(gguf(first))
        }
        all => Err(which(format!("{} has {} GGUF files", id.repository(), all.len()))),
    }
}

fn unsupported(listing: &Listing, id: &HubId) -> HubError {
    let other = listing.files.keys().find(|n| UNREADABLE.iter().any(|end| n.ends_with(end)));
    let got = if listing.has("adapter_config.json") {
        "an adapter, which stands on a model of its own".to_owned()
    } else if let Some(name) = other {
        format!(
            "weights as {name}; save them as safetensors (`save_pretrained` of transformers does)"
        )
    } else {
        let names: Vec<&str> = listing.files.keys().take(SHOWN).map(String::as_str).collect();
        format!("{} files: {}", listing.files.len(), names.join(", "))
    };
    HubError::Unsupported { id: id.clone(), got }
}

/// All files of a GGUF that is split (`NAME-00001-of-00003.gguf`), else the one.
fn parts_of<'a>(name: &str, all: impl Iterator<Item = &'a String>) -> Vec<String> {
    let split = |name: &str| -> Option<(String, String)> {
        let (left, total) = name.strip_suffix(".gguf")?.rsplit_once("-of-")?;
        let (stem, number) = left.rsplit_once('-')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        (digits(number) && digits(total)).then(|| (stem.to_owned(), total.to_owned()))
    };
    match split(name) {
        Some(of) => all.filter(|other| split(other).as_ref() == Some(&of)).cloned().collect(),
        None => vec![name.to_owned()],
    }
}

fn is_gguf(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".gguf")
}

/// The model in a folder of the cache, by which it is opened; else the file that is missing.
pub(super) fn in_folder(folder: &Path, id: &HubId, want: Want) -> Result<PathBuf, String> {
    let has = |name: &str| folder.join(name).exists();
    let there = |name: &str| if has(name) { Ok(folder.join(name)) } else { Err(name.to_owned()) };
    if let Some(name) = id.file() {
        return there(name);
    }
    if !has(CONFIG) {
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = files.filter_map(|file| file.file_name().into_string().ok());
        let mut ggufs: Vec<String> = names.filter(|name| is_gguf(name)).collect();
        ggufs.sort_unstable();
        return ggufs.first().map(|name| folder.join(name)).ok_or_else(|| CONFIG.to_owned());
    }
    let shards = match has(WEIGHTS) {
        true => BTreeSet::from([WEIGHTS.to_owned()]),
        false if has(INDEX) => shards(folder).unwrap_or_else(|| BTreeSet::from([INDEX.to_owned()])),
        false => BTreeSet::from([WEIGHTS.to_owned()]),
    };
    match shards.iter().find(|name| !has(name)) {
        None => Ok(folder.to_path_buf()),
        Some(_) if want == Want::Shape => there(CONFIG),
        Some(missing) => Err(missing.clone()),
    }
}

/// The files that the index of a folder names.
fn shards(folder: &Path) -> Option<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let text = std::fs::read_to_string(folder.join(INDEX)).ok()?;
    let index: Index = serde_json::from_str(&text).ok()?;
    Some(index.weight_map.into_values().collect())
}

/// Whether all shards are there that the index names.
pub(super) fn check_shards(folder: &Path, id: &HubId) -> Result<(), HubError> {
    if id.file().is_some() || folder.join(WEIGHTS).exists() || !folder.join(INDEX).exists() {
        return Ok(());
    }
    let missing = shards(folder).map(|all| all.into_iter().find(|n| !folder.join(n).exists()));
    let got = match missing {
        Some(None) => return Ok(()),
        Some(Some(name)) => format!("an index that names {name}, which the repository lacks"),
        None => format!("a damaged {INDEX}"),
    };
    Err(HubError::Unsupported { id: id.clone(), got })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(names: &[&str]) -> Listing {
        let files = names.iter().map(|name| ((*name).to_owned(), 10)).collect();
        Listing { commit: "0123456789".to_owned(), files }
    }

    fn chosen(id: &str, names: &[&str]) -> Result<(Vec<String>, Option<String>), String> {
        let id = HubId::parse(id).expect("an id");
        let all = needed(&listing(names), &id).map_err(|e| e.to_string())?;
        Ok((all.files.into_iter().map(|file| file.name).collect(), all.file))
    }

    #[test]
    fn only_what_a_run_reads_is_taken() {
        let all = [
            ".gitattributes",
            "README.md",
            "config.json",
            "merges.txt",
            "model.safetensors",
            "onnx/model.onnx",
            "pytorch_model.bin",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.json",
        ];
        let names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
        assert_eq!(chosen("a/b", &all), Ok((names.map(str::to_owned).to_vec(), None)));
        let shards = [
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "consolidated.safetensors",
        ];
        let (names, _) = chosen("a/b", &shards).expect("sharded");
        assert_eq!(names, [shards[0], shards[3], shards[1], shards[2]]);
    }

    #[test]
    fn a_gguf_is_named_alone_or_asked_for() {
        let one = |name: &str| Ok((vec![name.to_owned()], Some(name.to_owned())));
        let two = ["m.Q4_0.gguf", "m.Q8_0.gguf", "README.md"];
        assert_eq!(chosen("a/b", &two[..1]), one("m.Q4_0.gguf"));
        assert_eq!(chosen("a/b/m.Q8_0.gguf", &two), one("m.Q8_0.gguf"));
        let error = chosen("a/b", &two).expect_err("which?");
        assert!(
            error.contains("a/b has 2 GGUF files") && error.contains("`a/b/m.Q4_0.gguf`"),
            "{error}"
        );
        let error = chosen("a/b/m.Q6_K.gguf", &two).expect_err("not there");
        assert!(error.contains("has no m.Q6_K.gguf") && error.contains("m.Q8_0.gguf"), "{error}");
        let split = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"];
        let parts = Ok((split.map(str::to_owned).to_vec(), Some(split[0].to_owned())));
        assert_eq!(chosen("a/b", &split), parts);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = chosen("a/b", &["config.json", "pytorch_model.bin"]).expect_err("pickled");
        assert!(error.contains("pytorch_model.bin") && error.contains("safetensors"), "{error}");
        let error = chosen("a/b", &["adapter_config.json", "adapter_model.safetensors"]);
        assert!(error.expect_err("an adapter").contains("an adapter"));
        let error = chosen("a/b", &["README.md"]).expect_err("nothing");
        assert!(error.contains("1 files: README.md"), "{error}");
    }
}
