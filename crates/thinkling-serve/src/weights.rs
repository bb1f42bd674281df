//! New weights from a trainer, or an adapter over those that were loaded: `POST /v1/weights`.
//!
//! The body goes to a temporary file and is checked as a whole before the first tensor is touched, so
//! that a broken upload changes nothing. Then the engine takes it tensor by tensor, between two steps.

use crate::body::{self, Frames, Json};
use crate::error::ApiError;
use crate::model::ServedModel;
use crate::scheduler::Message;
use crate::state::App;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use thinkling_engine::{EngineError, WeightsUpdate};
use thinkling_weights::{
    Checkpoint, ModelConfig, ReadAt, SafetensorsIndex, WeightsError, expected_tensors,
};
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
    let alpha = lora_alpha(request.uri().query())?;
    let model = app.model.clone();
    let most = most_bytes(&model.config);
    let stall = app.config.limits.stall_timeout;
    let mut frames = Frames::new(request, "application/octet-stream", most, stall).await?;
    let mut file = TemporaryFile::create().map_err(disk)?;
    while let Some(frame) = frames.next().await? {
        block_in_place(|| file.file.write_all(&frame)).map_err(disk)?;
    }
    let checked = spawn_blocking(move || Upload::new(file, &model, alpha)).await;
    let upload = checked
        .map_err(|e| ApiError::internal(format!("the weights could not be checked: {e}")))?
        .map_err(|e| ApiError::invalid(format!("the weights were refused: {e}")))?;
    let (reply, answer) = oneshot::channel();
    app.tell(Message::Update(upload, reply))?;
    let version = answer.await.map_err(|_| ApiError::stopping())??;
    tracing::info!("new weights: version {version}");
    Ok(Json(json!({"weights_version": version})))
}

/// The one thing that may be asked beside the body.
fn lora_alpha(query: Option<&str>) -> Result<Option<f64>, ApiError> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(None) };
    let alpha = query.strip_prefix("lora_alpha=").and_then(|value| value.parse::<f64>().ok());
    match alpha.filter(|alpha| alpha.is_finite()) {
        Some(alpha) => Ok(Some(alpha)),
        None => Err(ApiError::param("lora_alpha", "expected: lora_alpha=NUMBER and nothing else")),
    }
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

/// New weights that are whole and of the model, or an adapter of it.
pub(crate) struct Upload {
    pieces: Pieces,
    index: SafetensorsIndex,
    names: Vec<String>,
    adapter: Option<Adapter>,
}

/// What is added to the weights that the model was loaded with.
struct Adapter {
    base: PathBuf,
    /// By the weight's name.
    parts: BTreeMap<String, LoraPart>,
}

/// `scale B A` of one weight.
struct LoraPart {
    a: String,
    b: String,
    rank: usize,
    inputs: usize,
    scale: f32,
}

/// What `peft` sets before and behind the names of modules.
const PREFIX: &str = "base_model.model.";
const A: &str = ".lora_A.weight";
const B: &str = ".lora_B.weight";

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
    #[error("an adapter (`{0}`) needs its `lora_alpha`: POST /v1/weights?lora_alpha=NUMBER")]
    NoAlpha(String),
    #[error("`lora_alpha` is for adapters, and `{0}` is no tensor of one")]
    NoAdapter(String),
    #[error(
        "this server has its model from no file, so that there is nothing to put an adapter on"
    )]
    NoBase,
    #[error("the file could not be read: {0}")]
    Read(#[from] io::Error),
}

impl Upload {
    fn new(
        file: TemporaryFile,
        model: &ServedModel,
        alpha: Option<f64>,
    ) -> Result<Self, UploadError> {
        let len = file.file.metadata()?.len();
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let pieces = Pieces { file: Mutex::new(file), len };
        let index = SafetensorsIndex::parse(&pieces)?;
        let expected = expected_tensors(&model.config);
        let of_adapter = index.tensors().iter().find(|tensor| tensor.name.starts_with(PREFIX));
        let adapter = match (of_adapter, alpha) {
            (None, None) => {
                check_whole(&index, &expected)?;
                None
            }
            (Some(_), Some(alpha)) => {
                let base = model.path.clone().ok_or(UploadError::NoBase)?;
                Some(Adapter { base, parts: lora_parts(&index, &expected, alpha)? })
            }
            (Some(tensor), None) => return Err(UploadError::NoAlpha(tensor.name.clone())),
            (None, Some(_)) => {
                let first = index.tensors().first().map(|tensor| tensor.name.clone());
                return Err(UploadError::NoAdapter(first.unwrap_or_default()));
            }
        };
        let names = expected.into_iter().map(|(name, _)| name).collect();
        Ok(Self { pieces, index, names, adapter })
    }

    /// Hands the engine one tensor after the other.
    pub(crate) fn apply(&self, mut update: WeightsUpdate<'_>) -> Result<(), EngineError> {
        // All of them also with an adapter: others may have been there before.
        let base =
            self.adapter.as_ref().map(|adapter| Checkpoint::open(&adapter.base)).transpose()?;
        for name in &self.names {
            let values = match (&self.adapter, &base) {
                (Some(adapter), Some(base)) => self.adapted(adapter, base, name)?,
                _ => self.index.read_f32(&self.pieces, name)?,
            };
            update.set(name, &values)?;
        }
        update.finish()
    }

    /// A weight of the base with what the adapter adds to it.
    fn adapted(
        &self,
        adapter: &Adapter,
        base: &Checkpoint,
        name: &str,
    ) -> Result<Vec<f32>, EngineError> {
        let mut weight = base.read_f32(name)?;
        if let Some(part) = adapter.parts.get(name) {
            let a = self.index.read_f32(&self.pieces, &part.a)?;
            let b = self.index.read_f32(&self.pieces, &part.b)?;
            add_product(&mut weight, &a, &b, part);
        }
        Ok(weight)
    }
}

/// Whether a file has all tensors of the model, as they are expected, and no others.
fn check_whole(
    index: &SafetensorsIndex,
    expected: &[(String, Vec<usize>)],
) -> Result<(), UploadError> {
    for (name, shape) in expected {
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
    unknown.map_or(Ok(()), |tensor| Err(UploadError::Unknown(tensor.name.clone())))
}

/// The parts of an adapter, each of a weight of the model.
fn lora_parts(
    index: &SafetensorsIndex,
    expected: &[(String, Vec<usize>)],
    alpha: f64,
) -> Result<BTreeMap<String, LoraPart>, UploadError> {
    let mut parts = BTreeMap::new();
    for tensor in index.tensors() {
        let unknown = || UploadError::Unknown(tensor.name.clone());
        let module = tensor.name.strip_prefix(PREFIX).ok_or_else(unknown)?;
        let Some(module) = module.strip_suffix(A) else {
            // Looked at with its other half.
            let module = module.strip_suffix(B).ok_or_else(unknown)?;
            let a = format!("{PREFIX}{module}{A}");
            index.tensor(&a).map(drop).ok_or(UploadError::Missing(a))?;
            continue;
        };
        let name = format!("{module}.weight");
        let shape = expected.iter().find(|(known, _)| *known == name).map(|(_, shape)| shape);
        let Some([outputs, inputs]) = shape.map(Vec::as_slice) else { return Err(unknown()) };
        let rank = tensor.shape.first().copied().unwrap_or(0);
        let b = format!("{PREFIX}{module}{B}");
        let other = index.tensor(&b).ok_or_else(|| UploadError::Missing(b.clone()))?;
        for (half, expected) in [(tensor, [rank, *inputs]), (other, [*outputs, rank])] {
            if half.float().is_none() || half.shape != expected || rank == 0 {
                let got = format!("{:?} in {}", half.shape, half.dtype);
                let (name, expected) = (half.name.clone(), expected.to_vec());
                return Err(UploadError::Wrong { name, expected, got });
            }
        }
        let (a, scale) = (tensor.name.clone(), (alpha / rank as f64) as f32);
        parts.insert(name, LoraPart { a, b, rank, inputs: *inputs, scale });
    }
    Ok(parts)
}

/// `weight += scale B A`; `weight` `[outputs, inputs]`, `a` `[rank, inputs]`, `b` `[outputs, rank]`.
fn add_product(weight: &mut [f32], a: &[f32], b: &[f32], part: &LoraPart) {
    for (row, factors) in weight.chunks_exact_mut(part.inputs).zip(b.chunks_exact(part.rank)) {
        for (factor, a) in factors.iter().zip(a.chunks_exact(part.inputs)) {
            let factor = factor * part.scale;
            row.iter_mut().zip(a).for_each(|(weight, a)| *weight += factor * a);
        }
    }
}
