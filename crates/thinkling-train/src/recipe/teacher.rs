//! The table `teacher`: a model, or a server, that answers conversations for a stage.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Stage;
use super::choice::choices;
use super::model::ModelSource;
use super::requests::RequestKeys;
use super::rl::Template;
use super::rollout::RolloutKeys;
use super::section::Section;
use crate::error::Result;

choices! {
    /// Kinds of teachers.
    enum TeacherKind {
        /// A model in this process.
        Local = "local",
        /// A server.
        Http = "http",
    }
}

/// Who answers; the key `kind`. Required.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TeacherKeys {
    /// `kind = "local"`: a model in this process.
    Local(Box<LocalTeacherKeys>),
    /// `kind = "http"`: a server that speaks the protocol of OpenAI's chat completions.
    Http(Box<HttpTeacherKeys>),
}

/// Keys of a teacher of `kind = "local"`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LocalTeacherKeys {
    /// The model: a path, or `stage:NAME`. Default: the stage's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelSource>,
    /// What stands around a conversation. `r1-zero` and `none` take one message of `user`. Default
    /// `chat`.
    pub template: Template,
    /// A message of `system` before the others. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// What decodes, as in an `rl` stage.
    pub rollout: RolloutKeys,
}

/// Keys of a teacher of `kind = "http"`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HttpTeacherKeys {
    /// Address up to `/chat/completions`, such as `http://127.0.0.1:8000/v1`. Required.
    pub url: String,
    /// Name of the model there. Required.
    pub model: String,
    /// A message of `system` before the others. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// How it is asked. By default 4 requests at once, each for one answer, 120 seconds for one, 6
    /// retries, waits from 1 to 60 seconds.
    #[serde(flatten)]
    pub requests: RequestKeys,
}

impl TeacherKeys {
    /// Reads the table; `earlier` are the stages that may have made the model.
    pub(super) fn read(mut s: Section<'_>, earlier: &[Stage]) -> Result<Self> {
        let keys = match s.required_choice("kind")? {
            TeacherKind::Local => {
                let model = s.section("model")?.map(|m| read_teacher_model(m, earlier));
                let mut keys = LocalTeacherKeys {
                    model: model.transpose()?,
                    template: Template::Chat,
                    system: s.text("system")?,
                    rollout: RolloutKeys::default(),
                };
                s.choice("template", &mut keys.template)?;
                if let Some(section) = s.section("rollout")? {
                    keys.rollout.read(section)?;
                }
                if keys.system.is_some() && keys.template != Template::Chat {
                    return Err(s.conflict("system", "`template` = \"chat\" beside it"));
                }
                Self::Local(Box::new(keys))
            }
            TeacherKind::Http => Self::Http(Box::new(HttpTeacherKeys::read(&mut s)?)),
        };
        s.finish()?;
        Ok(keys)
    }

    /// The model's file or folder, where the recipe names one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Local(keys) => match &keys.model {
                Some(ModelSource::Path(path)) => Some(path),
                _ => None,
            },
            Self::Http(_) => None,
        }
    }

    /// As [`path`](Self::path), to be changed.
    pub(super) fn path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Local(keys) => keys.model.as_mut().and_then(ModelSource::path_mut),
            Self::Http(_) => None,
        }
    }
}

/// Reads the key `teacher` of a stage whose own model answers where no server does.
pub(super) fn read_server(s: &mut Section<'_>) -> Result<Option<HttpTeacherKeys>> {
    match s.section("teacher")?.map(|t| TeacherKeys::read(t, &[])).transpose()? {
        Some(TeacherKeys::Local(_)) => {
            let expected = "`kind` = \"http\" (another model is the stage's own `model`)";
            Err(s.conflict("teacher", expected))
        }
        Some(TeacherKeys::Http(keys)) => Ok(Some(*keys)),
        None => Ok(None),
    }
}

/// Writes a server as the table that it is read from.
pub(super) fn as_teacher<S: serde::Serializer>(
    keys: &Option<HttpTeacherKeys>,
    to: S,
) -> std::result::Result<S::Ok, S::Error> {
    keys.clone().map(|keys| TeacherKeys::Http(Box::new(keys))).serialize(to)
}

fn read_teacher_model(section: Section<'_>, earlier: &[Stage]) -> Result<ModelSource> {
    if !section.has("path") {
        let expected = "a path, or `stage:NAME` (a new model has nothing to teach)";
        return Err(section.conflict("path", expected));
    }
    ModelSource::read(section, earlier)
}

impl HttpTeacherKeys {
    fn read(s: &mut Section<'_>) -> Result<Self> {
        let url = s.required_text("url")?;
        let mut keys = Self {
            url: url.trim_end_matches('/').to_owned(),
            model: s.required_text("model")?,
            system: s.text("system")?,
            requests: RequestKeys {
                api_key_env: None,
                concurrency: 4,
                timeout_seconds: 120.0,
                retries: 6,
                backoff_seconds: 1.0,
                max_backoff_seconds: 60.0,
            },
        };
        let host = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
        if host.is_none_or(str::is_empty) {
            let expected = "an address that begins with `http://` (https is not supported), such as \
                            `http://127.0.0.1:8000/v1`";
            return Err(s.conflict("url", expected));
        }
        keys.requests = keys.requests.read(s)?;
        Ok(keys)
    }
}
