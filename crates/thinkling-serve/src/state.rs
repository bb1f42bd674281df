//! What all requests share.

use crate::auth::ApiKey;
use crate::config::ServeConfig;
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::model::ServedModel;
use crate::scheduler::Message;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// What all requests share.
pub(crate) struct App {
    pub(crate) config: ServeConfig,
    pub(crate) model: Arc<ServedModel>,
    pub(crate) key: Option<ApiKey>,
    pub(crate) metrics: Arc<Metrics>,
    /// Unset where the engine will not answer any more.
    pub(crate) healthy: Arc<AtomicBool>,
    pub(crate) stopping: AtomicBool,
    /// Held by the one update of the weights that is under way.
    pub(crate) updating: Mutex<()>,
    /// Seconds since 1970 when the server started.
    pub(crate) created: u64,
    scheduler: Sender<Message>,
    places: Arc<Semaphore>,
    most_places: usize,
}

/// A request's place in the server, until it is dropped.
pub(crate) struct Place {
    metrics: Arc<Metrics>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
    }
}

impl App {
    pub(crate) fn new(
        config: ServeConfig,
        model: Arc<ServedModel>,
        metrics: Arc<Metrics>,
        healthy: Arc<AtomicBool>,
        scheduler: Sender<Message>,
    ) -> Self {
        let most_places = config.limits.rows + config.limits.queue;
        Self {
            key: config.api_key.as_deref().map(ApiKey::new),
            config,
            model,
            metrics,
            healthy,
            stopping: AtomicBool::new(false),
            updating: Mutex::new(()),
            created: now(),
            scheduler,
            places: Arc::new(Semaphore::new(most_places)),
            most_places,
        }
    }

    /// A place for a request, where one is free.
    pub(crate) fn place(&self) -> Result<Place, ApiError> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err(ApiError::stopping());
        }
        let permit = self.places.clone().try_acquire_owned();
        let permit = permit.map_err(|_| ApiError::busy(self.most_places, 1))?;
        self.metrics.in_flight.inc();
        Ok(Place { metrics: self.metrics.clone(), _permit: permit })
    }

    pub(crate) fn tell(&self, message: Message) -> Result<(), ApiError> {
        self.scheduler.send(message).map_err(|_| ApiError::stopping())
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A number that nobody foresees: what std keys its hash maps with.
pub(crate) fn unforeseen() -> u64 {
    RandomState::new().hash_one(SystemTime::now())
}
