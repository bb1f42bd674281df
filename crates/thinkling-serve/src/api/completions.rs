//! `POST /v1/completions`.

use super::answer::{self, Kind};
use super::params::{Params, Unsaid};
use crate::body;
use crate::error::ApiError;
use crate::state::App;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Instant;

/// Tokens of a completion where a request does not say, as OpenAI has it.
const TOKENS: u64 = 16;

#[derive(Debug, Deserialize)]
struct CompletionRequest {
    prompt: Prompt,
    logprobs: Option<u64>,
    echo: Option<bool>,
    best_of: Option<u64>,
    suffix: Option<String>,
    /// Whether a text gets the tokens that the tokenizer puts around sequences.
    add_special_tokens: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "expected: a string, a list of strings, token ids, or a list of such lists"
)]
enum Prompt {
    Text(String),
    Texts(Vec<String>),
    Ids(Vec<u32>),
    Several(Vec<Vec<u32>>),
}

pub(super) async fn completions(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, ApiError> {
    let since = Instant::now();
    let body = body::json(&app, request).await?;
    let params: Params = body::fields(&body)?;
    params.check(&app)?;
    let request: CompletionRequest = body::fields(&body)?;
    if request.echo == Some(true) {
        return Err(ApiError::param("echo", "`echo` is not supported by this server"));
    }
    if request.suffix.is_some_and(|suffix| !suffix.is_empty()) {
        return Err(ApiError::param("suffix", "`suffix` is not supported by this server"));
    }
    if request.best_of.is_some_and(|best_of| best_of > 1) {
        return Err(ApiError::param(
            "best_of",
            "`best_of` is not supported by this server; `n` is",
        ));
    }
    let with_added = request.add_special_tokens == Some(true);
    let encode = |text: &String| app.model.encode("prompt", text, with_added);
    let prompts = match request.prompt {
        Prompt::Text(text) => vec![encode(&text)?],
        Prompt::Texts(texts) => texts.iter().map(encode).collect::<Result<_, _>>()?,
        Prompt::Ids(ids) => vec![ids],
        Prompt::Several(prompts) => prompts,
    };
    let prompts = ("prompt", prompts);
    let plan = params.plan(&app, prompts, request.logprobs, Unsaid::Tokens(TOKENS))?;
    answer::answer(app, plan, Kind::Completion, since).await
}
