//! What can go wrong, with a server and with a request.

use crate::body::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::net::SocketAddr;
use thinkling_engine::EngineError;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address that cannot be listened on.
    #[error("cannot listen on {address}: {source}; another --port (0 for any free one) may do")]
    Bind {
        /// It.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The model does not load.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A limit that nothing could be served within.
    #[error("limit `{name}`, expected: {expected}, got: {got}")]
    Limit {
        /// Which.
        name: &'static str,
        /// What would do.
        expected: String,
        /// What was given.
        got: usize,
    },
    /// A thread or the runtime of the server does not start.
    #[error("the server does not start: {0}")]
    Start(std::io::Error),
    /// The thread that decodes ended.
    #[error("the thread that decodes ended before the server did")]
    SchedulerEnded,
}

/// An answer that is an error, in OpenAI's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<Cow<'static, str>>,
    message: String,
    /// Seconds.
    retry_after: Option<u64>,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, kind, code: None, param: None, message, retry_after: None }
    }

    /// A request that cannot be met as it is.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// The same, by the parameter that is wrong.
    pub(crate) fn param(param: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::invalid(message) }
    }

    /// The same with the code that clients know for prompts that are too long.
    pub(crate) fn too_long(param: &'static str, message: impl Into<String>) -> Self {
        Self { code: Some("context_length_exceeded"), ..Self::param(param, message) }
    }

    pub(crate) fn with_status(status: StatusCode, message: impl Into<String>) -> Self {
        let kind = match status.is_server_error() {
            true => "server_error",
            false => "invalid_request_error",
        };
        Self::new(status, kind, message)
    }

    pub(crate) fn unauthorized() -> Self {
        let message = "wrong or missing API key, expected: the header `Authorization: Bearer KEY` \
                       with the key that the server was started with";
        let error = Self::with_status(StatusCode::UNAUTHORIZED, message);
        Self { kind: "authentication_error", code: Some("invalid_api_key"), ..error }
    }

    pub(crate) fn no_such_model(wanted: &str, served: &str) -> Self {
        let message = format!("the model `{wanted}` is not served here; there is `{served}`");
        let error = Self::with_status(StatusCode::NOT_FOUND, message);
        Self { code: Some("model_not_found"), param: Some("model".into()), ..error }
    }

    /// All places are taken.
    pub(crate) fn busy(requests: usize, retry_after: u64) -> Self {
        let message = format!(
            "the server is full: {requests} requests run or wait; try again in {retry_after} s"
        );
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message);
        Self { code: Some("rate_limit_exceeded"), retry_after: Some(retry_after), ..error }
    }

    /// The server ends.
    pub(crate) fn stopping() -> Self {
        Self::with_status(StatusCode::SERVICE_UNAVAILABLE, "the server is being stopped")
    }

    pub(crate) fn timed_out(seconds: u64) -> Self {
        let message =
            format!("the request took longer than {seconds} s, the most that this server allows");
        Self { code: Some("timeout"), ..Self::with_status(StatusCode::GATEWAY_TIMEOUT, message) }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::with_status(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// As the body of an answer, and as an event of a stream.
    pub(crate) fn to_json(&self) -> Value {
        json!({"error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }})
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.to_json())).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
