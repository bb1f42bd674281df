//! `rollout = { kind = "http" }`: servers that sample in the trainer's place.

use std::path::PathBuf;

use serde::Serialize;
use thinkling_weights::FloatType;

use super::super::choice::choices;
use super::super::requests::RequestKeys;
use super::super::section::Section;
use super::RolloutWeights;
use crate::error::Result;

/// Optimiser steps that fit in any stage.
const MAX_LAG: u64 = u32::MAX as u64;

choices! {
    /// What a server speaks.
    #[derive(Default)]
    pub enum ServerKind {
        /// `thinkling serve`: weights go there with a request of their own.
        #[default]
        Thinkling = "thinkling",
        /// vLLM: adapters go there by a folder that both see.
        Vllm = "vllm",
        /// SGLang: weights go there by a folder that both see.
        Sglang = "sglang",
    }
}

/// Keys of the table `rollout` of an `rl` stage with `kind = "http"`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServerKeys {
    /// Addresses, such as `http://127.0.0.1:8000`; a `/v1` at the end is passed over. Required.
    pub urls: Vec<String>,
    /// What all of them speak. Default `thinkling`.
    pub server: ServerKind,
    /// Name of the model there, where requests must name one. Default: none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Format in which weights are sent; `f32`, `bf16` or `f16`. Default `f32`.
    pub weights: RolloutWeights,
    /// Folder that the trainer and all servers see under this path, for weights on their way.
    /// Required by vLLM and SGLang.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_dir: Option<PathBuf>,
    /// Optimiser steps that the weights of a server may be behind the trainer's when a rollout begins.
    /// Default 0: new weights are sent before each rollout.
    pub max_lag: u64,
    /// How they are asked. By default 4 requests at once to each, each for one question's group, 600
    /// seconds for one, new weights included, and 3 retries, counted by server and in a row, before a
    /// rollout goes on without it, after waits from 0.5 to 10 seconds.
    #[serde(flatten)]
    pub requests: RequestKeys,
}

impl ServerKeys {
    /// Reads what is left of the table after `kind`.
    pub(super) fn read(mut s: Section<'_>, has_adapters: bool) -> Result<Self> {
        let urls = match s.texts("urls")? {
            Some(urls) => urls,
            None => return Err(s.absent("urls", "addresses, as [\"http://127.0.0.1:8000\"]")),
        };
        let mut keys = Self {
            urls: urls.iter().map(|url| root(url).to_owned()).collect(),
            server: ServerKind::default(),
            model: s.text("model")?,
            weights: RolloutWeights::F32,
            weights_dir: match s.has("weights_dir") {
                true => Some(s.required_path("weights_dir")?),
                false => None,
            },
            max_lag: 0,
            requests: RequestKeys {
                api_key_env: None,
                concurrency: 4,
                timeout_seconds: 600.0,
                retries: 3,
                backoff_seconds: 0.5,
                max_backoff_seconds: 10.0,
            },
        };
        let is_host = |url: &String| {
            url.strip_prefix("http://").is_some_and(|host| !host.is_empty() && !host.contains('/'))
        };
        if !keys.urls.iter().all(is_host) {
            let expected = "addresses that begin with `http://` (https is not supported), such as \
                            [\"http://127.0.0.1:8000\"]";
            return Err(s.conflict("urls", expected));
        }
        if (1..keys.urls.len()).any(|i| keys.urls[..i].contains(&keys.urls[i])) {
            return Err(s.conflict("urls", "each address once"));
        }
        s.choice("server", &mut keys.server)?;
        s.choice("weights", &mut keys.weights)?;
        if keys.float_type().is_none() {
            return Err(
                s.conflict("weights", "\"f32\", \"bf16\" or \"f16\" with `kind` = \"http\"")
            );
        }
        s.integer("max_lag", &mut keys.max_lag, 0, MAX_LAG)?;
        keys.requests = keys.requests.read(&mut s)?;
        keys.check(&s, has_adapters)?;
        s.finish()?;
        Ok(keys)
    }

    fn check(&self, s: &Section<'_>, has_adapters: bool) -> Result<()> {
        match (self.server, &self.weights_dir) {
            (ServerKind::Thinkling, Some(_)) => {
                let expected = "no such key with `server` = \"thinkling\", which gets its weights by \
                                HTTP";
                return Err(s.conflict("weights_dir", expected));
            }
            (ServerKind::Vllm | ServerKind::Sglang, None) => {
                return Err(s.conflict("weights_dir", "a folder that trainer and servers see"));
            }
            _ => {}
        }
        if self.server == ServerKind::Vllm && !has_adapters {
            let expected = "\"thinkling\" or \"sglang\", or the table `lora` in the stage: vLLM takes \
                            new adapters while it runs, not new weights";
            return Err(s.conflict("server", expected));
        }
        Ok(())
    }

    /// The format that weights are sent in.
    pub(crate) fn float_type(&self) -> Option<FloatType> {
        match self.weights {
            RolloutWeights::F32 => Some(FloatType::F32),
            RolloutWeights::Bf16 => Some(FloatType::Bf16),
            RolloutWeights::F16 => Some(FloatType::F16),
            RolloutWeights::Q8_0 => None,
        }
    }
}

/// An address without what all requests add to it.
fn root(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    url.strip_suffix("/v1").unwrap_or(url).trim_end_matches('/')
}
