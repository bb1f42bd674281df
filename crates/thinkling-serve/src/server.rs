//! Sockets and threads: the accept loop, bounds on connections, and the end.

mod stall;

use crate::api;
use crate::config::{Limits, ServeConfig};
use crate::error::ServeError;
use crate::metrics::Metrics;
use crate::model::ServedModel;
use crate::scheduler::{Message, Scheduler};
use crate::state::App;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use stall::StallGuard;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use thinkling_engine::{Engine, EngineError};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, Semaphore};

/// Threads that speak HTTP; the rest of the machine decodes.
const HTTP_THREADS: usize = 2;
/// Before accepting is tried again where the system refuses.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stopper: Stopper,
    runtime: Runtime,
    accepting: tokio::task::JoinHandle<()>,
    scheduler: JoinHandle<()>,
    to_scheduler: mpsc::Sender<Message>,
}

/// Stops a server, from any thread.
#[derive(Clone, Debug, Default)]
pub struct Stopper(Arc<Notify>);

impl Stopper {
    /// Has it accept nothing more and end, when what runs has ended or its time is over.
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

impl Server {
    /// Listens, and has the thread that decodes make its engine, which must be made for the limits'
    /// rows and cache. When this returns, the server answers.
    ///
    /// # Errors
    /// An address that is taken, limits that nothing fits, an engine that cannot be made.
    pub fn start(
        config: ServeConfig,
        model: ServedModel,
        engine: impl FnOnce() -> Result<Engine, EngineError> + Send + 'static,
    ) -> Result<Self, ServeError> {
        check(&config.limits, &model)?;
        let bind = |source| ServeError::Bind { address: config.address, source };
        let listener = StdListener::bind(config.address).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let Limits { rows, cache_tokens, .. } = config.limits;
        let metrics = Arc::new(Metrics::new(rows, cache_tokens));
        let (model, healthy) = (Arc::new(model), Arc::new(AtomicBool::new(true)));
        let (to_scheduler, messages) = mpsc::channel();
        let app =
            App::new(config, model.clone(), metrics.clone(), healthy.clone(), to_scheduler.clone());
        let limits = app.config.limits;
        let ended = Unhealthy(healthy.clone());
        let scheduler = start_scheduler(messages, ended, move || {
            Ok(Scheduler::new(engine()?, model, limits, metrics, healthy))
        })?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(HTTP_THREADS)
            .thread_name("thinkling-http")
            .enable_all()
            .build()
            .map_err(ServeError::Start)?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener).map_err(ServeError::Start)?
        };
        let stopper = Stopper::default();
        let accepting = runtime.spawn(serve(listener, Arc::new(app), stopper.clone()));
        Ok(Self { address, stopper, runtime, accepting, scheduler, to_scheduler })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// [`ServeError::SchedulerEnded`] where the thread that decodes ended before.
    pub fn wait(self) -> Result<(), ServeError> {
        let Self { runtime, accepting, scheduler, to_scheduler, .. } = self;
        let failed = runtime.block_on(accepting).is_err();
        // Connections that did not end in time are cut here, and their rows end with them.
        runtime.shutdown_timeout(Duration::from_secs(1));
        // It may have ended already, as it was told to.
        let _ = to_scheduler.send(Message::Stop);
        drop(to_scheduler);
        match scheduler.join().is_err() || failed {
            true => Err(ServeError::SchedulerEnded),
            false => Ok(()),
        }
    }
}

fn check(limits: &Limits, model: &ServedModel) -> Result<(), ServeError> {
    let at_least = |name, least: usize, got: usize| match got >= least {
        true => Ok(()),
        false => Err(ServeError::Limit { name, expected: format!("at least {least}"), got }),
    };
    at_least("rows", 1, limits.rows)?;
    at_least("choices", 1, limits.choices)?;
    at_least("connections", 1, limits.connections)?;
    at_least("default_max_tokens", 1, limits.default_max_tokens)?;
    at_least("context", 2, limits.context)?;
    at_least("cache_tokens", limits.context, limits.cache_tokens)?;
    let most = model.config.max_position_embeddings;
    if limits.context > most {
        let expected = format!("at most {most}, the model's");
        return Err(ServeError::Limit { name: "context", expected, got: limits.context });
    }
    Ok(())
}

/// Told of when the thread that decodes ends, however it does.
struct Unhealthy(Arc<AtomicBool>);

impl Drop for Unhealthy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Starts the thread that decodes; returns when it has its engine.
fn start_scheduler(
    messages: mpsc::Receiver<Message>,
    ended: Unhealthy,
    make: impl FnOnce() -> Result<Scheduler, EngineError> + Send + 'static,
) -> Result<JoinHandle<()>, ServeError> {
    let (ready, is_ready) = mpsc::channel();
    let thread = thread::Builder::new().name("thinkling-decode".to_owned()).spawn(move || {
        let _ended = ended;
        let scheduler = match make() {
            Ok(scheduler) => scheduler,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        if ready.send(Ok(())).is_ok() {
            scheduler.run(&messages);
        }
    });
    let thread = thread.map_err(ServeError::Start)?;
    is_ready.recv().map_err(|_| ServeError::SchedulerEnded)??;
    Ok(thread)
}

/// Accepts connections until it is stopped, then lets those that are open end.
async fn serve(listener: TcpListener, app: Arc<App>, stopper: Stopper) {
    let limits = app.config.limits;
    let router = api::router(app.clone());
    let open = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = async {
            // Further ones wait in the system's queue.
            let permit = open.clone().acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = accepted => accepted,
            () = stopper.0.notified() => break,
        };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!("a connection was not accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let connection = connection(socket, router.clone(), &limits);
        let connection = graceful.watch(connection);
        let metrics = app.metrics.clone();
        tokio::spawn(async move {
            let _permit = permit;
            metrics.connections.inc();
            if let Err(error) = connection.await {
                tracing::debug!("a connection broke off: {error}");
            }
            metrics.connections.dec();
        });
    }
    drop(listener);
    app.stopping.store(true, Ordering::SeqCst);
    // Nobody is left to tell where it has ended.
    let _ = app.tell(Message::Stop);
    if tokio::time::timeout(limits.grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time and are cut off");
    }
}

type Connection = http1::Connection<TokioIo<StallGuard<TcpStream>>, TowerToHyperService<Router>>;

fn connection(socket: TcpStream, router: Router, limits: &Limits) -> Connection {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!("a socket without TCP_NODELAY: {error}");
    }
    let io = TokioIo::new(StallGuard::new(socket, limits.stall_timeout));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.stall_timeout)
        .serve_connection(io, TowerToHyperService::new(router))
}
