//! Why a model of the hub is not there, and what to do.

use super::HubId;
use std::io;
use std::path::PathBuf;

/// Why a model of the hub is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// No connection.
    #[error(
        "no model `{id}`: there is no such file or folder here, and {endpoint}, which may have it, cannot be reached: {reason}; once there is a connection, the same command goes on"
    )]
    Unreachable {
        /// The id.
        id: HubId,
        /// The hub's address.
        endpoint: String,
        /// Why not.
        reason: String,
    },
    /// Nobody may be asked, and the cache does not have it.
    #[error(
        "no model `{id}`: there is no such file or folder here, and it is not in the cache {}{}; unset HF_HUB_OFFLINE to fetch it",
        .cache.display(), .missing.as_ref().map_or_else(String::new, |m| format!(" (no {m})"))
    )]
    Offline {
        /// The model.
        id: HubId,
        /// The cache.
        cache: PathBuf,
        /// The file that is missing, where there are others.
        missing: Option<String>,
    },
    /// There is no such model, or it is private.
    #[error(
        "no model `{id}`: there is no such file or folder here, and {endpoint} has none of that name that {} may see; check the spelling at {endpoint}/{}{}",
        if *.known { "the owner of the token" } else { "everybody" },
        .id.repository(),
        if *.known { "" } else { ", and for a private model set HF_TOKEN or run `hf auth login`" }
    )]
    NoModel {
        /// The id.
        id: HubId,
        /// The hub's address.
        endpoint: String,
        /// Whether a token was sent.
        known: bool,
    },
    /// The model has no such branch, tag or commit.
    #[error("{} has no revision `{}`; its branches and tags are listed at {endpoint}/{0}/tree/main", .id.repository(), .id.revision())]
    NoRevision {
        /// The id.
        id: HubId,
        /// The hub's address.
        endpoint: String,
    },
    /// A model that only those may have who accepted its terms.
    #[error(
        "{} is gated: accept its terms at {endpoint}/{0}, {}",
        .id.repository(),
        if *.known {
            "and give a token (HF_TOKEN) of the same account that may read gated models; the one at hand may not, or not yet"
        } else {
            "then set HF_TOKEN to a token of the same account or run `hf auth login`"
        }
    )]
    Gated {
        /// The id.
        id: HubId,
        /// The hub's address.
        endpoint: String,
        /// Whether a token was sent.
        known: bool,
    },
    /// The token is wrong.
    #[error(
        "{endpoint} does not take the token at hand (HTTP 401); set HF_TOKEN to a valid one of {endpoint}/settings/tokens, or run `hf auth login`"
    )]
    BadToken {
        /// The hub's address.
        endpoint: String,
    },
    /// The hub answered something else.
    #[error("{url}: {reason}")]
    Refused {
        /// What was asked for.
        url: String,
        /// What came.
        reason: String,
    },
    /// The hub asked to wait, or failed, more often than is tried.
    #[error("{url}: {reason} (tried {tries} times); try again later, what has come is kept{}", .hint)]
    Busy {
        /// What was asked for.
        url: String,
        /// What came the last time.
        reason: String,
        /// How often.
        tries: usize,
        /// What helps.
        hint: &'static str,
    },
    /// A download that is broken off again and again.
    #[error(
        "{name} of {id} broke off {tries} times ({reason}); {kept} bytes are kept, the same command goes on there"
    )]
    Cut {
        /// The model.
        id: HubId,
        /// The file.
        name: String,
        /// How often without a further byte.
        tries: usize,
        /// Why the last time.
        reason: String,
        /// Bytes that are there.
        kept: u64,
    },
    /// What came is not what the hub has.
    #[error(
        "{name} of {id} came damaged, expected: SHA-256 {expected}, got: {got}; it is removed, give the same command again"
    )]
    Damaged {
        /// The model.
        id: HubId,
        /// The file.
        name: String,
        /// The hub's checksum.
        expected: String,
        /// That of what came.
        got: String,
    },
    /// The repository has no model that can be read.
    #[error(
        "{id} cannot be read, expected: config.json with *.safetensors, or a GGUF file, got: {got}"
    )]
    Unsupported {
        /// The model.
        id: HubId,
        /// What it has, or what it is.
        got: String,
    },
    /// The repository has several GGUF files, or not the one that was asked for.
    #[error("{what}; give one of its files, such as `{}/{}`: {}", .id.repository(), .files.first().map_or("FILE.gguf", String::as_str), .files.join(", "))]
    WhichFile {
        /// The model.
        id: HubId,
        /// What is wrong.
        what: String,
        /// The GGUF files that it has.
        files: Vec<String>,
    },
    /// The cache cannot be read or written.
    #[error("cannot {action} {}: {source}; what came is kept, the same command goes on", .path.display())]
    Disk {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
}

impl HubError {
    /// Status of the process, see [`TrainError::exit_code`](crate::TrainError::exit_code).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoModel { .. }
            | Self::NoRevision { .. }
            | Self::Gated { .. }
            | Self::BadToken { .. }
            | Self::Offline { .. }
            | Self::WhichFile { .. } => 2,
            Self::Unsupported { .. } => 3,
            Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::Busy { .. }
            | Self::Cut { .. }
            | Self::Damaged { .. }
            | Self::Disk { .. } => 1,
        }
    }

    pub(super) fn disk(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Disk { action, path: path.into(), source }
    }
}
