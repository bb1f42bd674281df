//! Servers for tests, and what the same engine gives without one.

use std::future::ready;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use thinkling_engine::{Capacity, Engine, Keep, WeightsReader};
use thinkling_sampling::generate::{Completion, GenerateRequest, generate};
use thinkling_serve::{ChatPrompt, Limits, ServeConfig, ServeError, ServedModel, Server, Stopper};
use thinkling_text::{ChatTemplate, Tokenizer, r1_zero_prompt};
use thinkling_weights::{Checkpoint, ModelConfig};

/// What requests call the model.
pub(crate) const NAME: &str = "owner/mini";

/// A chat template that leaves the thinking to the model.
pub(crate) const PLAIN: &str = "{% for m in messages %}{{ m.content }}. Assistant:{% endfor %}";
/// One that opens it.
pub(crate) const OPEN: &str =
    "{% for m in messages %}{{ m.content }}. Assistant:{% endfor %}<think>";

pub(crate) fn model_folder() -> PathBuf {
    "../../recipes/mini-world-base".into()
}

fn config() -> ModelConfig {
    Checkpoint::open(&model_folder()).expect("a model").config().clone()
}

pub(crate) fn tokenizer() -> Tokenizer {
    let json = std::fs::read(model_folder().join("tokenizer.json")).expect("a tokenizer");
    Tokenizer::from_json(&json).expect("a tokenizer")
}

/// Prompts of several lengths.
pub(crate) fn questions() -> Vec<String> {
    (0..16_usize).map(|i| r1_zero_prompt(&"Compute 17+25-3"[..11 + i % 5])).collect()
}

pub(crate) fn ids(text: &str) -> Vec<u32> {
    tokenizer().encode(text).expect("token ids")
}

/// How a server of a test differs from the usual one.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) limits: Limits,
    pub(crate) key: Option<&'static str>,
    pub(crate) allow_updates: bool,
    pub(crate) template: Option<&'static str>,
    /// Before each pass of the engine.
    pub(crate) pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let limits =
            Limits { rows: 24, cache_tokens: 8192, context: 256, queue: 64, ..Limits::default() };
        Self { limits, key: None, allow_updates: false, template: None, pause: Duration::ZERO }
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) key: Option<&'static str>,
    pub(crate) stopper: Stopper,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Served {
    pub(crate) fn new(options: Options) -> Self {
        let Options { limits, key, allow_updates, template, pause } = options;
        let config = config();
        let chat = match template {
            None => ChatPrompt::R1Zero,
            Some("") => ChatPrompt::None,
            Some(source) => ChatPrompt::Template(Box::new(
                ChatTemplate::new(source, None, None).expect("a template"),
            )),
        };
        let model = ServedModel {
            name: NAME.to_owned(),
            stop_ids: config.eos_token_ids.clone(),
            config,
            tokenizer: Arc::new(tokenizer()),
            chat,
            path: Some(model_folder()),
        };
        let config = ServeConfig {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            api_key: key.map(str::to_owned),
            allow_updates,
            limits,
        };
        let engine = move || {
            let Limits { rows, cache_tokens, .. } = limits;
            let checkpoint = Checkpoint::open(&model_folder())?;
            let engine = engine(&checkpoint, rows, cache_tokens);
            Ok(engine.with_before_pass(Box::new(move || {
                thread::sleep(pause);
                Box::pin(ready(ControlFlow::Continue(())))
            })))
        };
        let server = Server::start(config, model, engine).expect("a server");
        let (address, stopper) = (server.address(), server.stopper());
        let thread = thread::spawn(move || server.wait());
        Self { address, key, stopper, thread: Some(thread) }
    }

    /// Waits until it has ended.
    pub(crate) fn ended(mut self) -> Result<(), ServeError> {
        self.thread.take().map_or(Ok(()), |thread| thread.join().expect("no panic"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join().expect("no panic");
            if !thread::panicking() {
                ended.expect("a server that ends as it should");
            }
        }
    }
}

fn engine(checkpoint: &Checkpoint, rows: usize, cache_tokens: usize) -> Engine {
    let weights = WeightsReader::new(checkpoint, Keep::Stored);
    let capacity = Capacity { rows, cache_tokens, prompt_tokens: 0, conversation_tokens: 0 };
    Engine::on_cpu(&weights, capacity).expect("an engine")
}

/// What `thinkling generate --executor engine` gives: the same loop over the same engine.
pub(crate) fn generated(request: &GenerateRequest<'_>) -> Vec<Completion> {
    let checkpoint = Checkpoint::open(&model_folder()).expect("a model");
    let mut engine = engine(&checkpoint, 24, 8192).with_independent_rows();
    let mut request = request.clone();
    request.stop.stop_ids = checkpoint.config().eos_token_ids.clone();
    let all = generate(&mut engine, &request, |_| ControlFlow::Continue(()));
    pollster::block_on(all).expect("completions").completions
}
