//! The endpoints.

mod answer;
mod chat;
mod choice;
mod completions;
mod logprobs;
mod params;

use crate::body::{self, Json};
use crate::error::ApiError;
use crate::metrics::Answer;
use crate::state::App;
use crate::weights;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What Prometheus reads this text as.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All endpoints.
pub(crate) fn router(app: Arc<App>) -> Router {
    let open = Router::new().route("/health", get(health)).route("/metrics", get(metrics));
    let guarded = Router::new()
        .route("/v1/models", get(models))
        .route("/v1/models/{*name}", get(model))
        .route("/v1/completions", post(completions::completions))
        .route("/v1/chat/completions", post(chat::chat))
        .route("/v1/weights", post(weights::update))
        .layer(middleware::from_fn_with_state(app.clone(), guard));
    open.merge(guarded)
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), count))
        // Each endpoint that reads a body bounds it.
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.key.as_ref().map(|key| key.check(request.headers())) {
        Some(Err(error)) => body::refuse(request, error).await.into_response(),
        Some(Ok(())) | None => next.run(request).await,
    }
}

/// Counts answers; paths that are none of ours are one, whatever they are.
async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    const KNOWN: [&str; 6] = [
        "/health",
        "/metrics",
        "/v1/models",
        "/v1/completions",
        "/v1/chat/completions",
        "/v1/weights",
    ];
    let path = request.uri().path();
    let known = KNOWN.into_iter().find(|known| *known == path);
    let endpoint = known.unwrap_or("other");
    let response = next.run(request).await;
    let answer = Answer { endpoint, status: response.status().as_u16() };
    app.metrics.requests.get_or_create(&answer).inc();
    response
}

async fn unknown(request: Request) -> ApiError {
    let message = format!(
        "there is no {} {}; see /v1/models, /v1/completions, /v1/chat/completions, /health, /metrics",
        request.method(),
        request.uri().path()
    );
    body::refuse(request, ApiError::with_status(StatusCode::NOT_FOUND, message)).await
}

async fn not_allowed(request: Request) -> ApiError {
    let message = format!("{} does not take {}", request.uri().path(), request.method());
    body::refuse(request, ApiError::with_status(StatusCode::METHOD_NOT_ALLOWED, message)).await
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let (status, text) = if app.stopping.load(Ordering::SeqCst) {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if !app.healthy.load(Ordering::SeqCst) {
        (StatusCode::SERVICE_UNAVAILABLE, "failed")
    } else {
        (StatusCode::OK, "ok")
    };
    (status, Json(json!({"status": text}))).into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    ([(CONTENT_TYPE, METRICS_TYPE)], app.metrics.text()).into_response()
}

async fn models(State(app): State<Arc<App>>) -> Json {
    Json(json!({"object": "list", "data": [described(&app)]}))
}

async fn model(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json, ApiError> {
    match name == app.model.name {
        true => Ok(Json(described(&app))),
        false => Err(ApiError::no_such_model(&name, &app.model.name)),
    }
}

fn described(app: &App) -> Value {
    json!({
        "id": app.model.name,
        "object": "model",
        "created": app.created,
        "owned_by": "thinkling",
        "max_model_len": app.config.limits.context,
    })
}
