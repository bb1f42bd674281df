//! What a server is told.

use std::net::SocketAddr;
use std::time::Duration;

/// Where a server listens, who may use it, and how much.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// Address; port 0 for any that is free.
    pub address: SocketAddr,
    /// What a request must bring as `Authorization: Bearer KEY`; none lets everyone in.
    pub api_key: Option<String>,
    /// Whether `POST /v1/weights` is there.
    pub allow_updates: bool,
    /// How much.
    pub limits: Limits,
}

/// What bounds memory, work and waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Completions that run at once.
    pub rows: usize,
    /// Tokens whose keys and values are kept: of each running prompt, and of each running completion
    /// as many as it may come to.
    pub cache_tokens: usize,
    /// Requests beside `rows` that may be in the server: waiting, or not read to their end yet.
    pub queue: usize,
    /// Tokens of a prompt and its completion together.
    pub context: usize,
    /// Tokens of a completion where a request does not say.
    pub default_max_tokens: usize,
    /// Completions of a request: prompts times `n`.
    pub choices: usize,
    /// Bytes of a request's body, weights apart.
    pub body_bytes: usize,
    /// Connections that are open at once.
    pub connections: usize,
    /// From a request's first byte to its last token.
    pub request_timeout: Duration,
    /// Without a byte from one who sends a request, or while one who reads an answer takes none.
    pub stall_timeout: Duration,
    /// What running completions have left to end in when the server is stopped.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rows: 32,
            cache_tokens: 16_384,
            queue: 128,
            context: 8192,
            default_max_tokens: 1024,
            choices: 128,
            body_bytes: 4 << 20,
            connections: 1024,
            request_timeout: Duration::from_secs(600),
            stall_timeout: Duration::from_secs(60),
            grace: Duration::from_secs(30),
        }
    }
}
