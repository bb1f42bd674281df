//! The manifest of a model that is packed for the web: its files in shards, each with its SHA-256, so
//! that a download can be checked, kept and gone on with piece by piece.

use serde::{Deserialize, Serialize};

use crate::WeightsError;

/// What `format` says.
const FORMAT: &str = "thinkling-web";
/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// A model's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `thinkling-web`.
    format: String,
    version: u32,
    /// The model's name, for people.
    pub name: String,
    /// How it was asked in training.
    #[serde(flatten)]
    pub training: Training,
    /// A GGUF file, or those of a Hugging Face folder; `tokenizer.json` beside a GGUF file comes
    /// before what is in it.
    pub files: Vec<ManifestFile>,
}

/// How a model was asked in training, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Training {
    /// The template of its prompts: `none`, `r1-zero` or `chat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The rule of its format reward: `strict`, `tag-count` or `think-only`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format_rule: Option<String>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its name, as `model.gguf`.
    pub name: String,
    /// Its shards, one after the other.
    pub shards: Vec<Shard>,
}

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Its place beside the manifest.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// A manifest of these files.
    pub fn new(name: String, training: Training, files: Vec<ManifestFile>) -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION, name, training, files }
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// Where it is no JSON of this form, of another version, or names files outside its folder.
    pub fn parse(json: &[u8]) -> Result<Self, WeightsError> {
        let manifest: Self = serde_json::from_slice(json)
            .map_err(|source| WeightsError::Json { what: "the manifest", source })?;
        if manifest.format != FORMAT {
            return Err(WeightsError::invalid("`format` of the manifest", FORMAT, manifest.format));
        }
        if manifest.version != VERSION {
            return Err(WeightsError::unsupported(
                "version of the manifest",
                VERSION,
                manifest.version,
            ));
        }
        for file in &manifest.files {
            for shard in &file.shards {
                shard.check()?;
            }
        }
        Ok(manifest)
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        let shards = self.files.iter().flat_map(|file| &file.shards);
        shards.fold(0, |sum, shard| sum.saturating_add(shard.bytes))
    }
}

impl Shard {
    fn check(&self) -> Result<(), WeightsError> {
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if !self.path.split('/').all(plain) {
            return Err(WeightsError::invalid(
                "path of a shard",
                "a place below the manifest's folder",
                self.path.chars().take(80).collect::<String>(),
            ));
        }
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if self.sha256.len() != 64 || !self.sha256.chars().all(hex) {
            return Err(WeightsError::invalid(
                format!("sha256 of `{}`", self.path),
                "64 hexadecimal digits",
                self.sha256.chars().take(80).collect::<String>(),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(path: &str, sha256: &str) -> Manifest {
        let shard = Shard { path: path.into(), bytes: 7, sha256: sha256.into() };
        let file = ManifestFile { name: "model.gguf".into(), shards: vec![shard.clone(), shard] };
        let training =
            Training { template: Some("r1-zero".into()), format_rule: Some("think-only".into()) };
        Manifest::new("a".into(), training, vec![file])
    }

    #[test]
    fn what_is_written_reads_back() {
        let manifest = manifest("parts/model.gguf.000", &"0a".repeat(32));
        let json = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(Manifest::parse(&json).unwrap(), manifest);
        assert_eq!(manifest.bytes(), 14);
    }

    #[test]
    fn a_manifest_cannot_lead_out_of_its_folder() {
        let hash = "0a".repeat(32);
        for path in ["../a", "/a", "a//b", "https://x/y", "a/..", "", "a?b", "\\a"] {
            let json = serde_json::to_vec(&manifest(path, &hash)).unwrap();
            assert!(Manifest::parse(&json).is_err(), "{path}");
        }
    }

    #[test]
    fn other_formats_and_hashes_are_refused() {
        for hash in ["", "0A", &"0g".repeat(32)] {
            let json = serde_json::to_vec(&manifest("a", hash)).unwrap();
            assert!(Manifest::parse(&json).is_err(), "{hash}");
        }
        let json = serde_json::to_string(&manifest("a", &"00".repeat(32))).unwrap();
        let newer = json.replace("\"version\":1", "\"version\":2");
        assert!(Manifest::parse(newer.as_bytes()).unwrap_err().to_string().contains("version"));
        let other = json.replace("thinkling-web", "other");
        assert!(Manifest::parse(other.as_bytes()).unwrap_err().to_string().contains("format"));
    }
}
