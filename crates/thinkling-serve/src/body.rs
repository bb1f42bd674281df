//! Bodies: of requests, within their bounds, and of answers.

use crate::error::ApiError;
use crate::state::App;
use axum::body::{BodyDataStream, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// Of a body that is refused, bytes that are read all the same.
const DRAINED_BYTES: usize = 64 << 20;
/// And how long each piece of it is waited for.
const DRAIN_PAUSE: Duration = Duration::from_secs(1);

/// An answer in JSON.
pub(crate) struct Json(pub(crate) Value);

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "application/json")], self.0.to_string()).into_response()
    }
}

/// A page of somebody else's can make a browser send other types without asking, not this one.
fn expect_type(request: &Request, expected: &str) -> Result<(), ApiError> {
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = given.map_or("none", |value| value.split(';').next().unwrap_or(value).trim());
    if given.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    let message = format!("content type, expected: {expected}, got: {given}");
    Err(ApiError::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

/// Refuses a request whose body was not read: most clients read an answer only after they have sent
/// everything, so what they still send is taken for a while.
pub(crate) async fn refuse(request: Request, error: ApiError) -> ApiError {
    drain(&mut request.into_body().into_data_stream()).await;
    error
}

async fn drain(stream: &mut BodyDataStream) {
    let mut left = DRAINED_BYTES;
    while left > 0
        && let Ok(Some(Ok(frame))) = timeout(DRAIN_PAUSE, stream.next()).await
    {
        left = left.saturating_sub(frame.len());
    }
}

/// A body that is read piece by piece.
pub(crate) struct Frames {
    stream: BodyDataStream,
    left: u64,
    most: u64,
    stall: Duration,
}

impl Frames {
    /// Refuses one of another type, or that says that it is longer than `most` bytes.
    pub(crate) async fn new(
        request: Request,
        content_type: &str,
        most: u64,
        stall: Duration,
    ) -> Result<Self, ApiError> {
        let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let length = length.and_then(|value| value.parse::<u64>().ok());
        let refused = match expect_type(&request, content_type) {
            Err(error) => Some(error),
            Ok(()) => length.filter(|&length| length > most).map(|_| too_large(most)),
        };
        match refused {
            Some(error) => Err(refuse(request, error).await),
            None => {
                let stream = request.into_body().into_data_stream();
                Ok(Self { stream, left: most, most, stall })
            }
        }
    }

    /// The next piece; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        let frame = timeout(self.stall, self.stream.next()).await.map_err(|_| {
            let seconds = self.stall.as_secs();
            let message = format!("no byte of the request's body came for {seconds} s");
            ApiError::with_status(StatusCode::REQUEST_TIMEOUT, message)
        })?;
        let Some(frame) = frame else { return Ok(None) };
        let frame =
            frame.map_err(|e| ApiError::invalid(format!("the request's body broke off: {e}")))?;
        match self.left.checked_sub(frame.len() as u64) {
            Some(left) => self.left = left,
            None => {
                drain(&mut self.stream).await;
                return Err(too_large(self.most));
            }
        }
        Ok(Some(frame))
    }
}

fn too_large(most: u64) -> ApiError {
    let message = format!("the request's body is too large, expected: at most {most} bytes");
    ApiError::with_status(StatusCode::PAYLOAD_TOO_LARGE, message)
}

/// Reads a JSON object.
pub(crate) async fn json(app: &App, request: Request) -> Result<Value, ApiError> {
    let limits = &app.config.limits;
    let most = limits.body_bytes as u64;
    let frames = Frames::new(request, "application/json", most, limits.stall_timeout);
    let mut frames = frames.await?;
    let mut body = Vec::new();
    while let Some(frame) = frames.next().await? {
        body.extend_from_slice(&frame);
    }
    match serde_json::from_slice(&body) {
        Ok(body @ Value::Object(_)) => Ok(body),
        Ok(_) => Err(ApiError::invalid("the request's body is no JSON object")),
        Err(e) => Err(ApiError::invalid(format!("the request's body is no JSON: {e}"))),
    }
}

/// The fields of such an object that `T` has; errors name the one that is wrong.
pub(crate) fn fields<T: DeserializeOwned>(body: &Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(body).map_err(|e| match e.path().to_string() {
        path if path == "." => ApiError::invalid(e.inner().to_string()),
        path => {
            let message = format!("`{path}`: {}", e.inner());
            ApiError::param(path, message)
        }
    })
}
