//! New weights on their way to servers.

use crate::TrainError;
use crate::error::Result;
use crate::http::Response;
use crate::model_io::{save_adapter, save_model, write_safetensors};
use crate::recipe::ServerKind;
use crate::retry::Fault;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use thinkling_model::Decoder;
use thinkling_weights::FloatType;

/// Folders of weights that stay, for servers that still read the last ones.
const KEPT: usize = 2;

/// Makes what servers are sent.
#[derive(Debug)]
pub(super) struct Source {
    server: ServerKind,
    dtype: FloatType,
    /// Where folders of weights are made.
    dir: Option<PathBuf>,
    /// Name of the base, for adapters.
    base: String,
    /// In names, so that no server takes an earlier run's for this one's.
    run: u128,
    made: Vec<PathBuf>,
}

/// Weights after so many optimiser steps.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) step: u64,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// One safetensors file.
    Bytes(Vec<u8>),
    /// A folder that the servers see too: a model, or a named adapter.
    Model(PathBuf),
    Adapter {
        name: String,
        path: PathBuf,
    },
}

/// What a server calls what it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) version: u64,
    /// The name that requests go by from now on.
    pub(super) model: Option<String>,
}

/// Sends one request: path, type of the body, body.
pub(super) type Send<'a> = dyn Fn(&str, &str, &[u8]) -> std::result::Result<Response, Fault> + 'a;

impl Source {
    pub(super) fn new(
        server: ServerKind,
        dtype: FloatType,
        dir: Option<PathBuf>,
        base: String,
    ) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { server, dtype, dir, base, run: since.as_millis(), made: Vec::new() }
    }

    /// The weights of `model` after `step` optimiser steps.
    ///
    /// # Errors
    /// A device that fails, a folder that cannot be written.
    pub(super) fn make(&mut self, model: &Decoder, step: u64) -> Result<Weights> {
        let form = match self.dir.clone() {
            None => {
                let mut bytes = Vec::new();
                write_safetensors(&mut bytes, model, self.dtype).map_err(|e| {
                    TrainError::Failed { what: "reading the weights", reason: e.to_string() }
                })?;
                Form::Bytes(bytes)
            }
            Some(dir) => {
                let name = format!("thinkling-{:x}-{step}", self.run);
                // Servers may have been started elsewhere.
                let dir = std::path::absolute(&dir).map_err(|e| TrainError::write(&dir, e))?;
                let path = dir.join(&name);
                let form = match self.server {
                    ServerKind::Vllm => {
                        save_adapter(&path, model, &self.base)?;
                        Form::Adapter { name, path: path.clone() }
                    }
                    ServerKind::Thinkling | ServerKind::Sglang => {
                        save_model(&path, model, None, None, self.dtype)?;
                        Form::Model(path.clone())
                    }
                };
                self.keep(path);
                form
            }
        };
        Ok(Weights { step, form })
    }

    /// Counts a folder in and removes old ones.
    fn keep(&mut self, path: PathBuf) {
        self.made.retain(|made| *made != path);
        self.made.push(path);
        while self.made.len() > KEPT {
            // One that cannot be removed is in nobody's way.
            let _ = std::fs::remove_dir_all(self.made.remove(0));
        }
    }
}

impl Weights {
    /// Gives them to a server that had `before`.
    pub(super) fn send(
        &self,
        before: &Taken,
        send: &Send<'_>,
    ) -> std::result::Result<Taken, Fault> {
        let post = |path: &str, body: Value| -> std::result::Result<Response, Fault> {
            send(path, "application/json", body.to_string().as_bytes())
        };
        match &self.form {
            Form::Bytes(bytes) => {
                let answer = send("/v1/weights", "application/octet-stream", bytes)?;
                let told: Option<Value> = serde_json::from_slice(&answer.body).ok();
                let version = told.and_then(|told| told["weights_version"].as_u64());
                let version = version.ok_or_else(|| Fault::passing(answer.words()))?;
                Ok(Taken { version, model: None })
            }
            Form::Model(path) => {
                let version = self.step.to_string();
                let body = json!({"model_path": path, "weight_version": version,
                    "flush_cache": true});
                let answer = post("/update_weights_from_disk", body)?;
                let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                match told["success"].as_bool() {
                    Some(true) => Ok(Taken { version: self.step, model: None }),
                    _ => Err(Fault::Lasting { reason: answer.words() }),
                }
            }
            Form::Adapter { name, path } => {
                post("/v1/load_lora_adapter", json!({"lora_name": name, "lora_path": path}))?;
                if let Some(old) = before.model.as_ref().filter(|old| *old != name) {
                    // One that stays takes room and nothing else.
                    let _ = post("/v1/unload_lora_adapter", json!({"lora_name": old}));
                }
                Ok(Taken { version: self.step, model: Some(name.clone()) })
            }
        }
    }
}
