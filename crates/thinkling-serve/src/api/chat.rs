//! `POST /v1/chat/completions`.

use super::answer::{self, Kind};
use super::params::{Params, Unsaid};
use crate::body;
use crate::error::ApiError;
use crate::model::ChatText;
use crate::state::App;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use thinkling_text::Message;

#[derive(Debug, Deserialize)]
struct ChatRequest {
    messages: Vec<Said>,
    logprobs: Option<bool>,
    top_logprobs: Option<u64>,
    tools: Option<Vec<Value>>,
    functions: Option<Vec<Value>>,
    response_format: Option<ResponseFormat>,
    /// Variables of the chat template, such as Qwen 3's `enable_thinking`.
    chat_template_kwargs: Option<BTreeMap<String, Value>>,
}

#[derive(Debug, Deserialize)]
struct ResponseFormat {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
struct Said {
    role: String,
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected: a string or a list of parts of type `text`")]
enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Debug, Deserialize)]
struct ContentPart {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

pub(super) async fn chat(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, ApiError> {
    let since = Instant::now();
    let body = body::json(&app, request).await?;
    let params: Params = body::fields(&body)?;
    params.check(&app)?;
    let request: ChatRequest = body::fields(&body)?;
    for (param, list) in [("tools", &request.tools), ("functions", &request.functions)] {
        if list.as_ref().is_some_and(|list| !list.is_empty()) {
            return Err(ApiError::param(
                param,
                format!("`{param}` are not supported by this server"),
            ));
        }
    }
    if let Some(format) = request.response_format.filter(|format| format.kind != "text") {
        let message = format!("`response_format`, expected: text, got: {}", format.kind);
        return Err(ApiError::param("response_format", message));
    }
    let logprobs = match (request.logprobs, request.top_logprobs) {
        (Some(true), top) => Some(top.unwrap_or(0)),
        (_, Some(1..)) => {
            let message = "`top_logprobs` needs `logprobs` to be true";
            return Err(ApiError::param("top_logprobs", message));
        }
        _ => None,
    };
    let messages: Vec<Message> =
        request.messages.into_iter().map(Said::message).collect::<Result<_, _>>()?;
    let variables = request.chat_template_kwargs.unwrap_or_default();
    let ChatText { text, in_think } = app.model.chat_text(&messages, &variables)?;
    let prompts = ("messages", vec![app.model.encode("messages", &text, false)?]);
    let plan = params.plan(&app, prompts, logprobs, Unsaid::Default)?;
    answer::answer(app, plan, Kind::Chat { in_think }, since).await
}

impl Said {
    fn message(self) -> Result<Message, ApiError> {
        let content = match self.content {
            None => String::new(),
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => {
                let mut text = String::new();
                for part in parts {
                    if part.kind != "text" {
                        let kind = part.kind;
                        let message = format!("a part of a message, expected: text, got: {kind}");
                        return Err(ApiError::param("messages", message));
                    }
                    text.push_str(&part.text.unwrap_or_default());
                }
                text
            }
        };
        // OpenAI's newer name for the same.
        let role = if self.role == "developer" { "system".to_owned() } else { self.role };
        Ok(Message::new(role, content))
    }
}
