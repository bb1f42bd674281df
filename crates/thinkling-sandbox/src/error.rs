//! What can go wrong before any program runs.

use std::path::PathBuf;

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The interpreter cannot be read.
    #[error("no interpreter at {}; {}", path.display(), crate::HOW_TO_GET_IT)]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The interpreter is another file than the one this crate knows.
    #[error(
        "unknown interpreter {}, expected: SHA-256 {}, got: {got}; {}",
        path.display(),
        crate::INTERPRETER_SHA256,
        crate::HOW_TO_GET_IT
    )]
    Unknown {
        /// The file.
        path: PathBuf,
        /// Its digest.
        got: String,
    },
    /// The interpreter cannot be compiled or started on this machine.
    #[error("the interpreter cannot be prepared: {message}")]
    Prepare {
        /// What happened.
        message: String,
    },
    /// A limit leaves no room for the interpreter itself.
    #[error("memory limit too low, expected: at least {least} bytes, got: {got}")]
    MemoryLimit {
        /// What the interpreter needs with nothing run.
        least: usize,
        /// The limit.
        got: usize,
    },
}
