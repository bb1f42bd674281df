//! New weights from a trainer: `POST /v1/weights`.
//!
//! The body goes to a temporary file and is checked as a whole before the first tensor is touched, so
//! that a broken upload changes nothing. Then the engine takes it tensor by tensor, between two steps.

use crate::body::{self, Frames, Json};
use crate::error::ApiError;
use crate::scheduler::Message;
use crate::state::App;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde_json::json;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use thinkling_engine::{EngineError, WeightsUpdate};
use thinkling_weights::{ModelConfig, ReadAt, SafetensorsIndex, WeightsError, expected_tensors};
use tokio::sync::oneshot;
use tokio::task::{block_in_place, spawn_blocking};

/// Bytes of a header, and of a tied head that some write all the same.
const HEADER_BYTES: u64 = 16 << 20;
const HEAD: &str = "lm_head.weight";

/// Answers `{"weights_version": N}`.
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json, ApiError> {
    if !app.config.allow_updates {
        let message = "updates of the weights are off; start the server with --allow-updates";
        let error = ApiError::with_status(StatusCode::FORBIDDEN, message);
        return Err(body::refuse(request, error).await);
    }
    let Ok(_only) = app.updating.try_lock() else {
        let message = "another update of the weights is under way";
        let error = ApiError::with_status(StatusCode::CONFLICT, message);
        return Err(body::refuse(request, error).await);
    };
    let config = app.model.config.clone();
    let most = most_bytes(&config);
    let stall = app.config.limits.stall_timeout;
    let mut frames = Frames::new(request, "application/octet-stream", most, stall).await?;
    let mut file = TemporaryFile::create().map_err(disk)?;
    while let Some(frame) = frames.next().await? {
        block_in_place(|| file.file.write_all(&frame)).map_err(disk)?;
    }
    let checked = spawn_blocking(move || Upload::new(file, &config)).await;
    let upload = checked
        .map_err(|e| ApiError::internal(format!("the weights could not be checked: {e}")))?
        .map_err(|e| ApiError::invalid(format!("the weights were refused: {e}")))?;
    let (reply, answer) = oneshot::channel();
    app.tell(Message::Update(upload, reply))?;
    let version = answer.await.map_err(|_| ApiError::stopping())??;
    tracing::info!("new weights: version {version}");
    Ok(Json(json!({"weights_version": version})))
}

fn disk(error: io::Error) -> ApiError {
    ApiError::internal(format!("the weights could not be kept in the temporary folder: {error}"))
}

/// Bytes of a file with the whole model in its largest type.
fn most_bytes(config: &ModelConfig) -> u64 {
    let head = (config.vocab_size * config.hidden_size) as u64;
    let values = |shape: &Vec<usize>| shape.iter().map(|&n| n as u64).product::<u64>();
    let all: u64 = expected_tensors(config).iter().map(|(_, shape)| values(shape)).sum();
    4 * (all + head) + HEADER_BYTES
}

/// A file that goes when it is dropped.
struct TemporaryFile {
    file: File,
    path: PathBuf,
}

impl TemporaryFile {
    fn create() -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("thinkling-weights-{}-{number}.safetensors", std::process::id());
        let path = std::env::temp_dir().join(name);
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok(Self { file, path })
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!("{} could not be removed: {error}", self.path.display());
        }
    }
}

/// The file, read piece by piece.
struct Pieces {
    file: Mutex<TemporaryFile>,
    len: usize,
}

impl ReadAt for Pieces {
    fn len(&self) -> usize {
        self.len
    }

    fn read_at(&self, offset: usize, out: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.file.seek(SeekFrom::Start(offset as u64))?;
        file.file.read_exact(out)
    }
}

/// New weights that are whole and of the model.
pub(crate) struct Upload {
    pieces: Pieces,
    index: SafetensorsIndex,
    names: Vec<String>,
}

/// Why weights are none of the model's.
#[derive(Debug, thiserror::Error)]
enum UploadError {
    #[error(transparent)]
    File(#[from] WeightsError),
    #[error("tensor `{0}` is missing")]
    Missing(String),
    #[error("tensor `{name}`, expected: shape {expected:?} in F32, F16 or BF16, got: {got}")]
    Wrong { name: String, expected: Vec<usize>, got: String },
    #[error("tensor `{0}` is none of the model's; names are Hugging Face's")]
    Unknown(String),
    #[error("the file could not be read: {0}")]
    Read(#[from] io::Error),
}

impl Upload {
    fn new(file: TemporaryFile, config: &ModelConfig) -> Result<Self, UploadError> {
        let len = file.file.metadata()?.len();
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let pieces = Pieces { file: Mutex::new(file), len };
        let index = SafetensorsIndex::parse(&pieces)?;
        let expected = expected_tensors(config);
        for (name, shape) in &expected {
            let tensor = index.tensor(name).ok_or_else(|| UploadError::Missing(name.clone()))?;
            if tensor.float().is_none() || tensor.shape != *shape {
                let got = format!("{:?} in {}", tensor.shape, tensor.dtype);
                let (name, expected) = (name.clone(), shape.clone());
                return Err(UploadError::Wrong { name, expected, got });
            }
        }
        let known = |name: &str| expected.iter().any(|(known, _)| known == name);
        // A tied head is the embedding again.
        let unknown = index.tensors().iter().find(|t| !known(&t.name) && t.name != HEAD);
        if let Some(tensor) = unknown {
            return Err(UploadError::Unknown(tensor.name.clone()));
        }
        let names = expected.into_iter().map(|(name, _)| name).collect();
        Ok(Self { pieces, index, names })
    }

    /// Hands the engine one tensor after the other.
    pub(crate) fn apply(&self, mut update: WeightsUpdate<'_>) -> Result<(), EngineError> {
        for name in &self.names {
            update.set(name, &self.index.read_f32(&self.pieces, name)?)?;
        }
        update.finish()
    }
}
