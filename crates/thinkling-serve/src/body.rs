//! Bodies: of requests, within their bounds, and of answers.

use crate::error::ApiError;
use crate::state::App;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// An answer in JSON.
pub(crate) struct Json(pub(crate) Value);

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "application/json")], self.0.to_string()).into_response()
    }
}

/// A page of somebody else's can make a browser send other types without asking, not this one.
pub(crate) fn expect_type(request: &Request, expected: &str) -> Result<(), ApiError> {
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = given.map_or("none", |value| value.split(';').next().unwrap_or(value).trim());
    if given.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    let message = format!("content type, expected: {expected}, got: {given}");
    Err(ApiError::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

/// A body that is read piece by piece.
pub(crate) struct Frames {
    stream: BodyDataStream,
    left: u64,
    most: u64,
    stall: Duration,
}

impl Frames {
    /// Refuses one that says that it is longer than `most` bytes.
    pub(crate) fn new(request: Request, most: u64, stall: Duration) -> Result<Self, ApiError> {
        let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let length = length.and_then(|value| value.parse::<u64>().ok());
        if length.is_some_and(|length| length > most) {
            return Err(too_large(most));
        }
        let body: Body = request.into_body();
        Ok(Self { stream: body.into_data_stream(), left: most, most, stall })
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
            None => return Err(too_large(self.most)),
        }
        Ok(Some(frame))
    }
}

fn too_large(most: u64) -> ApiError {
    let message = format!("the request's body is too large, expected: at most {most} bytes");
    ApiError::with_status(StatusCode::PAYLOAD_TOO_LARGE, message)
}

/// Reads a JSON body.
pub(crate) async fn json<T: DeserializeOwned>(app: &App, request: Request) -> Result<T, ApiError> {
    expect_type(&request, "application/json")?;
    let limits = &app.config.limits;
    let mut frames = Frames::new(request, limits.body_bytes as u64, limits.stall_timeout)?;
    let mut body = Vec::new();
    while let Some(frame) = frames.next().await? {
        body.extend_from_slice(&frame);
    }
    serde_json::from_slice(&body)
        .map_err(|e| ApiError::invalid(format!("the request's body cannot be read: {e}")))
}
