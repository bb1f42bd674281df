//! What the environment says of the hub, by the names of Hugging Face's own tools.

use std::ffi::OsString;
use std::path::PathBuf;

const ENDPOINT: &str = "https://huggingface.co";

/// Where the hub is, who asks, and where the cache lies.
#[derive(Clone)]
pub struct HubSettings {
    /// `HF_ENDPOINT`: the hub's address, without a slash at the end. Default `https://huggingface.co`.
    pub endpoint: String,
    /// `HF_HUB_CACHE`, else `hub` in `HF_HOME`, which by default is `huggingface` in `XDG_CACHE_HOME`
    /// or `~/.cache`.
    pub cache: PathBuf,
    /// `HF_TOKEN`, else what the file `HF_TOKEN_PATH` holds, by default `token` in `HF_HOME`, where
    /// `hf auth login` writes it. None where `HF_HUB_DISABLE_IMPLICIT_TOKEN` is set and only the file
    /// has one.
    pub token: Option<String>,
    /// `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE`: ask nobody.
    pub offline: bool,
}

impl std::fmt::Debug for HubSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubSettings")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("token", &self.token.as_ref().map(|_| ".."))
            .field("offline", &self.offline)
            .finish()
    }
}

impl HubSettings {
    /// Those of this process.
    pub fn from_env() -> Self {
        Self::from(&|name| std::env::var_os(name), std::env::home_dir())
    }

    fn from(variable: &dyn Fn(&str) -> Option<OsString>, user: Option<PathBuf>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| set(name).map(PathBuf::from);
        let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
        let is_on = |name: &str| {
            let value = text(name).unwrap_or_default().to_ascii_uppercase();
            ["1", "ON", "YES", "TRUE"].contains(&value.as_str())
        };
        let caches = path("XDG_CACHE_HOME")
            .or_else(|| Some(user?.join(".cache")))
            .unwrap_or_else(|| PathBuf::from(".cache"));
        let home = path("HF_HOME").unwrap_or_else(|| caches.join("huggingface"));
        let cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE"));
        let stored = || {
            if is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
                return None;
            }
            let file = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
            std::fs::read_to_string(file).ok()
        };
        let token = text("HF_TOKEN").or_else(|| text("HUGGING_FACE_HUB_TOKEN")).or_else(stored);
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        Self {
            endpoint: endpoint.trim().trim_end_matches('/').to_owned(),
            cache: cache.unwrap_or_else(|| home.join("hub")),
            token: token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()),
            offline: is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> HubSettings {
        let find = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        };
        HubSettings::from(&find, Some("/home/me".into()))
    }

    #[test]
    fn the_cache_lies_where_the_other_tools_have_it() {
        for (variables, cache) in [
            (&[][..], "/home/me/.cache/huggingface/hub"),
            (&[("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[("HF_HOME", "/h"), ("XDG_CACHE_HOME", "/x")], "/h/hub"),
            (&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/h")], "/c"),
            (&[("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
            (&[("HF_HOME", "")], "/home/me/.cache/huggingface/hub"),
        ] {
            assert_eq!(settings(variables).cache, PathBuf::from(cache), "{variables:?}");
        }
    }

    #[test]
    fn a_token_comes_from_the_environment_or_its_file_and_is_not_shown() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let home = dir.path().to_str().expect("UTF-8");
        std::fs::write(dir.path().join("token"), "hf_file\n").expect("written");
        let token = |more: &[(&str, &str)]| settings(&[&[("HF_HOME", home)], more].concat()).token;
        assert_eq!(token(&[]).as_deref(), Some("hf_file"));
        assert_eq!(token(&[("HF_TOKEN", " hf_env ")]).as_deref(), Some("hf_env"));
        assert_eq!(token(&[("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
        assert_eq!(token(&[("HF_TOKEN_PATH", "/no/such/file")]), None);
        let shown = format!("{:?}", settings(&[("HF_TOKEN", "hf_secret")]));
        assert!(!shown.contains("hf_secret"), "{shown}");
    }

    #[test]
    fn the_address_and_offline_use_are_read() {
        let usual = settings(&[]);
        assert_eq!((usual.endpoint.as_str(), usual.offline), (ENDPOINT, false));
        let other = settings(&[("HF_ENDPOINT", "http://mirror:80/"), ("HF_HUB_OFFLINE", "true")]);
        assert_eq!((other.endpoint.as_str(), other.offline), ("http://mirror:80", true));
        assert!(!settings(&[("HF_HUB_OFFLINE", "0")]).offline);
    }
}
