//! Names of models on the hub.

use std::fmt;
use std::path::{Component, Path};
use std::sync::Arc;

/// What an id without a revision stands for.
const MAIN: &str = "main";
/// Longest part of an id, as the hub has it.
const MAX_PART: usize = 96;

/// A model on the hub: `owner/name`, of a repository of GGUF files `owner/name/FILE.gguf`, each with
/// `@revision` behind it where it is not to be `main`: a branch, a tag or a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubId(Arc<Parts>);

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    owner: String,
    name: String,
    file: Option<String>,
    revision: Option<String>,
}

impl HubId {
    /// Reads an id; `None` of what cannot be one. A path of two plain parts looks like one too.
    pub fn parse(text: &str) -> Option<Self> {
        let (body, revision) = match text.split_once('@') {
            Some((body, revision)) => (body, Some(revision)),
            None => (text, None),
        };
        let parts: Vec<&str> = body.split('/').collect();
        let [owner, name, file @ ..] = parts.as_slice() else { return None };
        let is_gguf = |part: &str| part.to_ascii_lowercase().ends_with(".gguf");
        let is_file = match file {
            [] => !is_gguf(name),
            [.., last] => is_gguf(last),
        };
        if !parts.iter().all(|part| is_plain(part)) || !is_file {
            return None;
        }
        if !revision.is_none_or(|r| r.split('/').all(is_plain)) {
            return None;
        }
        Some(Self(Arc::new(Parts {
            owner: (*owner).to_owned(),
            name: (*name).to_owned(),
            file: (!file.is_empty()).then(|| file.join("/")),
            revision: revision.map(str::to_owned),
        })))
    }

    /// `owner/name`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.0.owner, self.0.name)
    }

    /// The branch, tag or commit.
    pub fn revision(&self) -> &str {
        self.0.revision.as_deref().unwrap_or(MAIN)
    }

    /// The GGUF file, where it names one.
    pub fn file(&self) -> Option<&str> {
        self.0.file.as_deref()
    }

    /// What the model is called.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its folder in the cache.
    pub(super) fn folder(&self) -> String {
        format!("models--{}--{}", self.0.owner, self.0.name)
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.owner, self.0.name)?;
        if let Some(file) = &self.0.file {
            write!(f, "/{file}")?;
        }
        match &self.0.revision {
            Some(revision) => write!(f, "@{revision}"),
            None => Ok(()),
        }
    }
}

/// Whether it can be a part of an id; none of these leads out of a folder.
fn is_plain(part: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !part.is_empty()
        && part.len() <= MAX_PART
        && part.chars().all(known)
        && !part.starts_with(['.', '-'])
        && !part.ends_with('.')
}

/// The name of the model whose folder in a cache of the hub this is: such a folder is called by its
/// commit.
pub fn name_in_cache(path: &Path) -> Option<String> {
    let parts: Vec<&str> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        })
        .collect();
    let [.., repository, "snapshots", _commit] = parts.as_slice() else { return None };
    let (_, name) = repository.strip_prefix("models--")?.split_once("--")?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_and_written() {
        for (text, repository, file, revision) in [
            ("Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B", None, "main"),
            ("a/b@v1.0", "a/b", None, "v1.0"),
            ("a/b@refs/pr/3", "a/b", None, "refs/pr/3"),
            ("a/b-GGUF/m.Q8_0.gguf", "a/b-GGUF", Some("m.Q8_0.gguf"), "main"),
            ("a/b/q8/m.gguf@dev", "a/b", Some("q8/m.gguf"), "dev"),
        ] {
            let id = HubId::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (id.repository().as_str(), id.file(), id.revision()),
                (repository, file, revision)
            );
            assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn paths_are_none() {
        for text in [
            "",
            "model",
            "/a/b",
            "./a/b",
            "../a",
            "a/",
            "a//b",
            "a/b/c",
            "a/m.gguf",
            "a/..",
            "a/b@",
            "a/b@../c",
            "C:\\a/b",
            "a b/c",
            "~/a",
            "a/../m.gguf",
        ] {
            assert_eq!(HubId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_folder_of_the_cache_has_its_models_name() {
        let name = |path: &str| name_in_cache(Path::new(path));
        assert_eq!(
            name("/c/hub/models--Qwen--Qwen3-4B/snapshots/abc").as_deref(),
            Some("Qwen3-4B")
        );
        assert_eq!(name("/c/models/a"), None);
        assert_eq!(name("snapshots/abc"), None);
    }
}
