//! An OpenAI-compatible HTTP server over the decode engine: completions and chats, whole or as
//! streams, with token ids in and out, log-probabilities, and new weights while it runs.
//!
//! One thread owns the engine (`scheduler`); requests reach it through a channel and join and leave
//! its batch between two steps. Each request reads its tokens from a channel of its own, so that one
//! who reads slowly holds nobody up. HTTP is axum's, on tokio.
//!
//! Left out: tools, images, penalties, logit bias, `echo`, embeddings, adapters, several models.

mod api;
mod auth;
mod body;
mod config;
mod error;
mod metrics;
mod model;
mod scheduler;
mod server;
mod state;
mod weights;

pub use config::{Limits, ServeConfig};
pub use error::ServeError;
pub use model::{ChatPrompt, ServedModel};
pub use server::{Server, Stopper};
