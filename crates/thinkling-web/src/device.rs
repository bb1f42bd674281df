//! Where a model runs.

use crate::generate::{Event, Notice, NoticeKind};
use crate::reason::{Reason, ReasonCode};
use crate::{Bundle, WebError};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use thinkling_engine::{Adapter, Capacity, Engine, EngineError, Keep, WeightsReader, self_test};
use thinkling_weights::ModelConfig;

/// Tokens of a conversation at most, unless a page asks for more.
const CONTEXT: usize = 4096;
/// Completions that run at once at most, unless a page asks for more.
const ROWS: usize = 8;
/// Bytes of keys and values beside those of the conversation at most.
const CACHE_BYTES: usize = 96 << 20;
/// Which device is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// A GPU if there is a fit one, else the CPU.
    #[default]
    Auto,
    /// A GPU or none.
    Gpu,
    /// The CPU.
    Cpu,
}

/// How a model is loaded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LoadOptions {
    /// Which device is wanted.
    pub device: DeviceChoice,
    /// Completions that run at once at most.
    pub rows: Option<usize>,
    /// Tokens of a conversation at most.
    pub context: Option<usize>,
    /// What the browser calls the GPU; the engine is not told.
    pub gpu_name: Option<String>,
}

/// What a model runs on, for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceInfo {
    kind: &'static str,
    name: String,
    reason: Option<Reason>,
}

/// Asked before each pass: whether to go on. An event loop has its turn while it is awaited.
pub(crate) type Pass = Rc<dyn Fn() -> Pin<Box<dyn Future<Output = ControlFlow<()>>>>>;

/// The GPU of a session, also while the session is at work.
#[derive(Clone, Default)]
pub struct GpuHandle(Rc<RefCell<Option<Adapter>>>);

impl GpuHandle {
    /// Gives the GPU up, as if its driver had crashed. For tests.
    pub fn lose(&self) {
        if let Some(adapter) = &*self.0.borrow() {
            adapter.lose();
        }
    }

    /// The GPU as it is now.
    pub(crate) fn adapter(&self) -> Option<Adapter> {
        self.0.borrow().clone()
    }

    fn is_lost(&self) -> bool {
        self.0.borrow().as_ref().is_some_and(Adapter::is_lost)
    }
}

/// A GPU that a model does not run on: what kind of reason, and the whole of it.
struct Unfit(ReasonCode, EngineError);

impl Unfit {
    fn reason(self) -> Reason {
        Reason { code: self.0, message: self.1.to_string() }
    }
}

impl From<EngineError> for Unfit {
    fn from(error: EngineError) -> Self {
        Self(ReasonCode::of(&error), error)
    }
}

/// A device with a model on it.
pub(crate) struct Place {
    pub(crate) engine: Engine,
    pub(crate) capacity: Capacity,
    pub(crate) gpu: GpuHandle,
    pub(crate) info: DeviceInfo,
    options: LoadOptions,
    pass: Pass,
}

impl Place {
    /// Puts a model on the device that is wanted; where `auto` comes to the CPU, says why.
    pub(crate) async fn open(
        bundle: &Bundle,
        options: LoadOptions,
        pass: Pass,
        emit: &mut dyn FnMut(Event),
    ) -> Result<Self, WebError> {
        let why = match options.device {
            DeviceChoice::Cpu => return Self::on_cpu(bundle, &options, pass, None),
            choice => match Self::on_gpu(bundle, &options, pass.clone()).await {
                Ok(place) => return Ok(place),
                Err(Unfit(_, error)) if choice == DeviceChoice::Gpu => return Err(error.into()),
                Err(unfit) => unfit.reason(),
            },
        };
        let kind = match why.code {
            ReasonCode::SelfTest { .. } => NoticeKind::SelfTestFailed,
            _ => NoticeKind::NoWebgpu,
        };
        let message = format!("running on the CPU: {}", why.message);
        emit(Event::Notice(Notice { kind, message, reason: Some(why.clone()) }));
        Self::on_cpu(bundle, &options, pass, Some(why))
    }

    async fn on_gpu(bundle: &Bundle, options: &LoadOptions, pass: Pass) -> Result<Self, Unfit> {
        let adapter = Adapter::new().await.map_err(|error| match error {
            EngineError::Gpu(_) => Unfit(ReasonCode::NoGpu, error),
            error => error.into(),
        })?;
        if options.device == DeviceChoice::Auto && adapter.is_software() {
            let message = "it computes on the CPU, where our own code is faster";
            return Err(Unfit(ReasonCode::SoftwareGpu, EngineError::Gpu(message.to_owned())));
        }
        let weights = WeightsReader::new(&bundle.checkpoint, Keep::Stored);
        self_test(&adapter, &weights).await?;
        let capacity = capacity(weights.config(), options);
        let engine = Engine::on_gpu(&adapter, &weights, capacity).await?;
        let known = [adapter.name(), options.gpu_name.as_deref().unwrap_or_default(), "GPU"];
        let name = known.into_iter().find(|name| !name.is_empty()).unwrap_or_default().to_owned();
        let info = DeviceInfo { kind: "gpu", name, reason: None };
        Ok(Self::new(engine, capacity, Some(adapter), info, options.clone(), pass))
    }

    fn on_cpu(
        bundle: &Bundle,
        options: &LoadOptions,
        pass: Pass,
        reason: Option<Reason>,
    ) -> Result<Self, WebError> {
        let weights = WeightsReader::new(&bundle.checkpoint, Keep::Stored);
        let capacity = capacity(weights.config(), options);
        let engine = Engine::on_cpu(&weights, capacity)?;
        let info = DeviceInfo { kind: "cpu", name: "CPU (SIMD)".to_owned(), reason };
        Ok(Self::new(engine, capacity, None, info, options.clone(), pass))
    }

    fn new(
        engine: Engine,
        capacity: Capacity,
        adapter: Option<Adapter>,
        info: DeviceInfo,
        options: LoadOptions,
        pass: Pass,
    ) -> Self {
        let before = pass.clone();
        let engine = engine.with_before_pass(Box::new(move || before()));
        let gpu = GpuHandle(Rc::new(RefCell::new(adapter)));
        Self { engine, capacity, gpu, info, options, pass }
    }

    /// Whether the GPU is gone, and what was on it.
    pub(crate) fn is_lost(&self) -> bool {
        self.gpu.is_lost()
    }

    /// Makes the device again after it was lost, or goes on with the CPU where it cannot be made.
    pub(crate) async fn restore(
        &mut self,
        bundle: &Bundle,
        emit: &mut dyn FnMut(Event),
    ) -> Result<(), WebError> {
        let mut say = |kind, message: String, reason: Option<Reason>| {
            emit(Event::Notice(Notice { kind, message, reason }));
        };
        say(NoticeKind::DeviceLost, format!("{} was lost; loading again", self.info.name), None);
        let mut place = match Self::on_gpu(bundle, &self.options, self.pass.clone()).await {
            Ok(place) => place,
            Err(Unfit(_, error)) => {
                let message = format!("the GPU was lost: {error}");
                let reason = Some(Reason { code: ReasonCode::GpuLost, message });
                Self::on_cpu(bundle, &self.options, self.pass.clone(), reason)?
            }
        };
        // Those who hold the handle hold the new GPU.
        std::mem::swap(&mut *self.gpu.0.borrow_mut(), &mut *place.gpu.0.borrow_mut());
        place.gpu = self.gpu.clone();
        *self = place;
        let message = format!("going on with {}", self.info.name);
        say(NoticeKind::DeviceRestored, message, self.info.reason.clone());
        Ok(())
    }
}

fn capacity(config: &ModelConfig, options: &LoadOptions) -> Capacity {
    let context = options.context.unwrap_or(CONTEXT).min(config.max_position_embeddings).max(2);
    let rows = options.rows.unwrap_or(ROWS).max(1);
    let token_bytes = 2 * 4 * config.num_hidden_layers * config.kv_size();
    let most = (CACHE_BYTES / token_bytes.max(1)).max(context);
    Capacity {
        rows,
        cache_tokens: (rows * context).min(most),
        prompt_tokens: 0,
        conversation_tokens: context,
    }
}
